"""The stored tables of the searches keep what the chapters say of them, and the command makes such tables."""

import pytest
import torch

from course_lib.benchmark import frequency, tables
from course_lib.benchmark.__main__ import main


@pytest.fixture(scope="module")
def stored():
    return frequency.load_frequency()


def test_one_sinusoid_from_a_random_start_meets_the_bound(stored):
    for row in stored["limit"]:
        if row["snr_db"] >= -15:
            assert row["trials"] >= 1000 and row["transport"] >= row["ceiling"] - 0.01
    at = {(row["method"], row["snr_db"]): row for row in stored["one_sinusoid"]}
    assert set(at) == {(method, snr_db) for method in frequency.METHODS for snr_db in (None, 20.0, 0.0)}
    for snr_db in (None, 20.0, 0.0):
        row = at["transport", snr_db]
        assert row["trials"] >= 200 and row["within_1_cent"] >= 0.995 and row["steps"] <= 210
        assert all(at[method, snr_db]["within_1_cent"] <= 0.05 for method in ("waveform", "spectrum", "log_frequency"))


def test_harmonic_sounds_have_no_octave_errors(stored):
    rows = [row for row in stored["harmonic"] if row["snr_db"] is None or row["snr_db"] >= 0]
    assert {row["sound"] for row in rows} == set(frequency.SOUNDS)
    for row in rows:
        assert row["known_1_cent"] >= 0.995 and row["known_octave_errors"] == 0 and row["unknown_50_cents"] >= 0.95
        if row["sound"] != "partials 1/k":
            assert row["strongest_peak_50_cents"] <= 0.2


def test_mixtures_are_found_whole_in_fewer_than_1500_steps(stored):
    at = {(row["partials"], row["snr_db"]): row for row in stored["mixtures"]}
    assert at[2, 20.0]["whole_1_cent"] >= 0.99 and at[8, 20.0]["whole_1_cent"] >= 0.97
    assert at[2, 20.0]["steps"] < 1500 and at[8, 20.0]["steps"] < 1500
    assert at[32, 20.0]["whole_1_cent"] >= at[32, 20.0]["ceiling_whole"] - 0.05


def test_damped_exponentials_find_two_sines_often_and_eight_hardly_ever(stored):
    at = {row["partials"]: row for row in stored["damped"]}
    for partials, row in at.items():
        assert row["trials"] >= 300 and row["steps"] == 10_000 and row["snr_db"] == 20.0
        ours = next(r for r in stored["mixtures"] if (r["partials"], r["snr_db"]) == (partials, 20.0))
        assert row["whole_1_cent"] < ours["whole_1_cent"] and row["whole_1_cent"] <= row["whole_50_cents"]
    assert 0.6 < at[2]["whole_1_cent"] < 0.8 and at[8]["whole_1_cent"] < 0.1


def test_a_row_of_damped_exponentials_can_be_made():
    row = frequency.damped(1, 20.0, 4, steps=1000)
    assert row["whole_50_cents"] >= 0.75 and row["trials"] == 4 and row["steps"] == 1000


def test_real_clips_are_found_from_a_wrong_start(stored):
    assert {row["clip"]: row["within_50_cents"] > 0.85 for row in stored["clips"]} == {"voice": True, "saxophone": True}


def test_a_row_can_be_made_again(stored):
    (row,) = (row for row in stored["limit"] if row["snr_db"] == 0)
    again = frequency.limit(0.0, 40)
    assert abs(again["transport"] - row["transport"]) <= 0.05 and abs(again["ceiling"] - row["ceiling"]) < 0.01


def test_trials_are_drawn_as_described():
    sound, hz, start, amplitude = frequency.draw_sines(40, 4, 20.0, seed=1)
    assert sound.shape == (40, 4096) and hz.shape == start.shape == amplitude.shape == (40, 4)
    assert ((hz > 50) & (hz < 7000)).all() and (hz.diff(dim=-1) > 3 * 16000 / 4096).all()
    assert ((amplitude >= 0.1) & (amplitude <= 1)).all()
    clean = frequency.draw_sines(40, 4, frequency.CLEAN, seed=1)[0]
    ratio = 10 * torch.log10(clean.square().mean() / (sound - clean).square().mean())
    assert abs(float(ratio) - 20) < 0.5
    _, _, _, shares = frequency.draw_combs(5, "missing fundamental", 0.0, seed=1)
    assert (shares[:, 0] == 0).all() and torch.allclose(shares[:, 3], torch.tensor(0.25, dtype=shares.dtype))


def test_median_steps_count_from_the_last_time_a_trial_was_far():
    truth = torch.tensor([100.0, 100.0])
    paths = torch.tensor([[500.0, 500.0], [100.0, 500.0], [300.0, 500.0], [100.0, 500.0], [100.0, 500.0]])
    assert frequency.steps_to(paths, truth) == 3
    assert frequency.steps_to(paths[:, 1:], truth[1:]) is None


def test_the_command_writes_what_the_loader_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(frequency, "MIXTURES", ((2, (20.0,), 2),))
    monkeypatch.setattr(frequency, "DAMPED", ())
    monkeypatch.setattr(frequency, "LIMIT_DB", (0.0,))
    monkeypatch.setattr(frequency, "SOUNDS", ("partials 1/k",))
    monkeypatch.setattr(frequency, "SOUNDS_DB", (frequency.CLEAN,))
    monkeypatch.setattr(frequency, "CLIPS", ())
    monkeypatch.setattr(frequency, "METHODS", ("transport", "fft_peak"))
    main(["frequency", "--trials", "2", "--out", str(tmp_path / "table.json")])
    assert "mixtures: partials 2" in capsys.readouterr().out
    monkeypatch.setattr(tables, "data_path", lambda name: tmp_path / "table.json")
    table = frequency.load_frequency()
    assert [row["method"] for row in table["one_sinusoid"]][::3] == ["transport", "fft_peak"]
    assert table["one_sinusoid"][0]["snr_db"] is None and table["harmonic"][0]["known_1_cent"] == 1


@pytest.mark.parametrize("arguments", [["--trials", "1"], ["--out", "/no/such/folder/x.json"]])
def test_a_bad_command_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(["frequency", *arguments])
    assert end.value.code == 2 and capsys.readouterr().err.strip()
