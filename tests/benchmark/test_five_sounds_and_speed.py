"""The stored fits are what their command makes: controls that are valid, and a sound with the stored loss."""

import json

import numpy as np
import pytest
import torch

import course_lib as cl
from course_lib.benchmark import five_sounds, speed, tables
from course_lib.benchmark.__main__ import main
from course_lib.benchmark.speed.workloads import draw_controls


@pytest.fixture(scope="module")
def stored():
    return five_sounds.load_five_sounds()


@pytest.mark.parametrize("name", five_sounds.SOUNDS)
def test_the_stored_sound_has_the_stored_loss(stored, name):
    fit = stored[name]
    loss = float(cl.multiscale_spectral_loss(fit.sound, fit.target))
    # Half-precision shares and another machine's sines move the last digits only.
    assert loss == pytest.approx(float(fit.losses[-1]), rel=0.02)
    assert fit.losses[-1] < 0.4 * fit.losses[0] and (fit.seconds.diff() > 0).all()
    assert int(fit.steps[-1]) == five_sounds.STEPS


@pytest.mark.parametrize("name", five_sounds.SOUNDS)
def test_the_stored_controls_are_valid(stored, name):
    f0, amplitude, distribution = stored[name].controls
    assert f0.shape == amplitude.shape == distribution.shape[:1] and (f0 > 0).all() and (amplitude > 0).all()
    torch.testing.assert_close(distribution.sum(-1), torch.ones(len(f0)), atol=5e-3, rtol=0)
    assert (
        distribution[cl.harmonic_frequencies(f0, distribution.shape[-1]) >= stored[name].sample_rate / 2] == 0
    ).all()


def test_the_command_writes_what_the_loader_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(five_sounds, "SOUNDS", ("drum",))
    main(["five_sounds", "--steps", "3", "--out", str(tmp_path / "fits.npz")])
    assert "drum: loss" in capsys.readouterr().out
    monkeypatch.setattr(five_sounds, "data_path", lambda name: tmp_path / "fits.npz")
    fit = five_sounds.load_five_sounds()["drum"]
    assert fit.steps.tolist() == [0, 1, 2, 3] and len(fit.sound) == len(fit.target)
    with np.load(tmp_path / "fits.npz") as raw:
        assert "steps=3" in str(raw["settings"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: NAME"),
        (["nothing"], "invalid choice"),
        (["five_sounds", "--steps", "0"], "--steps must be at least 1"),
        (["five_sounds", "--steps", "many"], "invalid int value"),
        (["speed", "--rounds", "0"], "--rounds must be at least 1"),
        (["speed", "--workloads", "W9"], "invalid choice: 'W9'"),
        (["speed", "--device", "tpu"], "invalid choice: 'tpu'"),
        (["speed", "--out", "/no/such/folder/x.json"], "there is no folder"),
        (["five_sounds", "--out", "/no/such/folder/x.npz"], "there is no folder"),
    ],
)
def test_a_bad_command_ends_with_a_message_and_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_a_sound_without_pitch_cannot_be_fitted():
    click = torch.zeros(8000)
    click[4000] = 0.5
    with pytest.raises(ValueError, match="no pitch in any frame"):
        five_sounds.fit_harmonics(click, 16_000, 1)


# --- speed ----------------------------------------------------------------------------------------------------


def test_speed_writes_what_the_loader_reads_and_keeps_other_devices(tmp_path, monkeypatch, capsys):
    path = tmp_path / "speed.json"
    path.write_text(json.dumps([{"device": "another"}]), encoding="utf-8")
    small = speed.WORKLOADS["W1"]._replace(seconds=0.1, n_frames=25, n_harmonics=5)
    monkeypatch.setitem(speed.WORKLOADS, "W1", small)
    before = torch.get_num_threads()
    main(["speed", "--rounds", "1", "--device", "cpu", "--workloads", "W1", "--out", str(path)])
    assert torch.get_num_threads() == before
    printed = capsys.readouterr().out
    assert (
        "W1 forward + backward + f0" in printed
        and "× the time" in printed
        and "signal to noise, auto" in printed
        and "first call, cold" in printed
    )
    monkeypatch.setattr(tables, "data_path", lambda name: tmp_path / name)
    other, result = speed.load_speed()
    assert other == {"device": "another"} and "one thread" in result["device"]
    assert {(r["pass"], r["method"]) for r in result["harmonic"]} == {
        (p, m) for p in speed.PASSES for m in speed.METHODS
    }
    assert all(r["ms"] > 0 for r in result["harmonic"])


def test_all_methods_of_the_benchmark_make_the_same_sound():
    """A steady tone, whose usual running sums start one sample late."""
    w = speed.WORKLOADS["W1"]._replace(seconds=0.1, n_frames=25, n_harmonics=8)
    f0, a, d = draw_controls(w, "cpu", torch.float64)
    steady = (f0 * 0 + 200.0, a * 0 + 1.0, d)
    sounds = {m: run(*steady[:2], d * 0 + 0.1, n_samples=1600, sample_rate=16_000) for m, run in speed.METHODS.items()}
    torch.testing.assert_close(sounds["usual"], sounds["plain"], atol=1e-9, rtol=0)
    for method in ("fast", "reference", "auto"):
        torch.testing.assert_close(sounds[method][:, 1:], sounds["usual"][:, :-1], atol=1e-9, rtol=0)


def test_a_peak_is_measured_where_the_system_tells(monkeypatch):
    monkeypatch.setitem(speed.WORKLOADS, "W1", speed.WORKLOADS["W1"]._replace(seconds=1, n_frames=100))
    usual, auto = (speed.peak_mb("cpu", "W1", "forward", m) for m in ("usual", "auto"))
    assert np.isnan(auto) or 0 <= auto < usual


def test_signal_to_noise_of_the_fast_path_does_not_fall_with_time():
    short, long = (speed.snr_db(cl.harmonic_synth, seconds, "cpu") for seconds in (1, 20))
    assert min(short, long) > 125 and abs(short - long) < 3


def test_the_stored_speed_is_complete_and_on_the_right_side():
    for result in speed.load_speed():
        rows = {(r["workload"], r["pass"], r["method"]): r for r in result["harmonic"]}
        for w in speed.WORKLOADS:
            for p in speed.PASSES:
                auto, usual, plain = (rows[w, p, m] for m in ("auto", "usual", "plain"))
                assert auto["ms"] < usual["ms"] and auto["ms"] < plain["ms"]
                assert not auto["peak_mb"] > usual["peak_mb"]
        assert min(result["snr_db"]["auto"]) >= 125
        assert result["additive"]["auto"] < result["additive"]["reference"] / 6
        first = result["first_calls_s"]
        assert first["import"] <= 0.1 and first["first call, warm"] < first["first call, cold"] / 3
