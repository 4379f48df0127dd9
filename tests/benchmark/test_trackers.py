"""The stored comparison of pitch trackers keeps what the chapter says of it; its sounds have the pitch they claim."""

import json

import pytest
import torch

import course_lib as cl
from course_lib.benchmark import trackers as bench
from course_lib.benchmark.__main__ import main


@pytest.fixture(scope="module")
def stored():
    return bench.load_trackers()


def test_the_stored_errors_are_as_the_chapter_says(stored):
    at = {(row["tracker"], row["sound"], row["snr_db"]): row for row in stored["errors"]}
    names = ("librosa.yin", "pYIN", "track_f0", "little encoder", "SwiftF0")
    assert set(at) == {(n, s, snr) for n in names for s in bench.SOUNDS for snr in bench.SNR_DB}
    assert all(at["track_f0", sound, None]["median_cents"] < 1.5 for sound in bench.SOUNDS)
    assert at["track_f0", "vibrato", None]["median_cents"] < at["pYIN", "vibrato", None]["median_cents"] / 3
    assert all(at["track_f0", s, snr]["octave"] == 0 for s in bench.SOUNDS for snr in bench.SNR_DB)
    misses = [at[name, "sung", 0.0]["gross"] for name in ("SwiftF0", "little encoder", "track_f0", "librosa.yin")]
    assert misses == sorted(misses)
    assert stored["seconds_per_second"]["track_f0"] < 0.1
    assert stored["seconds_per_second"]["track_f0"] < stored["seconds_per_second"]["pYIN"] / 20


def test_all_trackers_change_octave_between_minus_25_and_minus_15_db(stored):
    for row in stored["octaves_down"]:
        if not -25 < row["between_db"] < -15:
            assert row["share"] == (row["between_db"] >= -15)


def test_the_sounds_have_the_pitch_they_claim():
    sung = bench.sung()
    assert 0.8 < sung.voiced.float().mean() < 0.99 and sung.f0_hz.shape == sung.voiced.shape
    for make in (bench.glide, bench.vibrato, bench.sung):
        sound = make()
        row = bench.errors(bench.by_track_f0, sound)
        assert row["median_cents"] < 1.5 and row["gross"] < 0.01 and row["heard"] > 0.99
        assert len(sound.audio) == pytest.approx(len(sound.f0_hz) * 64, abs=64) and sound.audio.abs().max() < 1
    assert float(bench.doubled(-100.0).f0_hz[0]) == 220.0
    assert bench.octaves_down(bench.by_track_f0, -40) == 0 and bench.octaves_down(bench.by_track_f0, 0) == 1


def test_noise_is_as_strong_as_it_says():
    clean = bench.glide(0.5)
    for snr_db in (20.0, 0.0):
        noise = bench.with_noise(clean, snr_db).audio - clean.audio
        assert float(10 * torch.log10(clean.audio.square().mean() / noise.square().mean())) == pytest.approx(
            snr_db, abs=0.01
        )
    assert bench.with_noise(clean, None) is clean


def test_errors_count_octaves_gaps_and_inventions():
    f0_hz = torch.full((100,), 300.0)
    sound = bench.Sound(torch.zeros(6400), f0_hz, torch.arange(100) < 60)
    answer = torch.where(torch.arange(100) < 35, 300.0, 600.0)
    row = bench.errors(lambda audio: (answer, torch.arange(100) % 2 == 0), sound)
    assert row == {"median_cents": 0.0, "gross": 0.5, "octave": 0.5, "heard": 0.5, "invented": 0.5}


def test_the_command_makes_such_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "trackers", lambda: {"track_f0": bench.by_track_f0, "librosa.yin": bench.by_yin})
    monkeypatch.setattr(bench, "SOUNDS", {"glide": lambda: bench.glide(0.5)})
    monkeypatch.setattr(bench, "DOUBLING_DB", (-40, 0))
    main(["trackers", "--out", str(tmp_path / "t.json")])
    table = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert len(table["errors"]) == 8 and len(table["octaves_down"]) == 4
    assert set(table["seconds_per_second"]) == {"track_f0", "librosa.yin"}
    with pytest.raises(SystemExit):
        main(["trackers", "--out", str(tmp_path / "missing" / "t.json")])
    assert "no folder" in capsys.readouterr().err


def test_the_little_encoder_takes_part():
    track = bench.trackers()["little encoder"]
    f0_hz, voiced = track(bench.glide(0.5).audio)
    assert voiced.all() and cl.cents(f0_hz, bench.glide(0.5).f0_hz)[10:-10].abs().median() < 20
