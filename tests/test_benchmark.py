"""The stored fits are what their command makes: controls that are valid, and a sound with the stored loss."""

import numpy as np
import pytest
import torch

import course_lib as cl
from course_lib.benchmark import five_sounds
from course_lib.benchmark.__main__ import main


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
