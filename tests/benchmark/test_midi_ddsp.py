"""The players that come with the course: do they follow their controls, and does the stored table say so?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.benchmark import midi_ddsp as benchmark
from course_lib.benchmark import performances
from course_lib.benchmark.__main__ import main
from course_lib.benchmark.midi_ddsp import synthesis
from course_lib.midi_ddsp import CONTROLS, annotate, load_performances, load_players, perform, play, synthesise
from course_lib.midi_ddsp.checkpoint import load_expression, load_pitch, load_synthesis
from course_lib.midi_ddsp.hearing.measure import measure_expression
from course_lib.midi_ddsp.playing.players import RANGES
from course_lib.scores import Note
from course_lib.sounds.clips import data_path

TABLE = json.loads(data_path("midi_ddsp.json").read_text(encoding="utf-8"))
CARDS = json.loads(data_path("midi_ddsp/cards.json").read_text(encoding="utf-8"))
FOLDER = data_path("inference.json").parent / "midi_ddsp" / "performances"
STEPS = {"volume": 0.95, "volume_fluctuation": 0.9, "volume_peak_position": 0.8, "vibrato": 0.9, "brightness": 0.9}


@pytest.fixture(scope="module")
def phrases():
    found = load_performances(FOLDER, parts=("test", "held_out"))
    return annotate(found["test"] + found["held_out"])


def test_they_are_small_and_their_cards_tell_how_they_were_made():
    kinds = {"pitch": load_pitch, "synthesis": load_synthesis, "expression": load_expression}
    names = [*kinds, "inference"]
    assert sum(data_path(f"midi_ddsp/{name}.safetensors").stat().st_size for name in names) < 15_000_000
    seconds = {"inference": CARDS["inference"]["seconds"]}
    for kind, load in kinds.items():
        model, facts = load()
        card = CARDS[kind]
        assert model.config.instruments == tuple(sorted(RANGES)) == load_players().instruments
        assert card["weights"] == sum(p.numel() for p in model.parameters())
        for key in ("steps", "seconds", "device", "torch", "validation_loss"):
            assert card[key] == facts["training"][key], (kind, key)
        assert card["command"] == facts["command"] and "/tmp" not in facts["command"] and "CPU" in card["device"]
        assert sorted(facts["recipes"]) == sorted(RANGES)
        seconds[kind] = card["seconds"]
    # On two cores: inference first, then pitch and synthesis side by side, then expression.
    whole = seconds["inference"] + max(seconds["pitch"], seconds["synthesis"]) + seconds["expression"]
    assert whole <= 90 * 60


def test_every_knob_is_obeyed_at_least_as_in_the_paper():
    sweeps = TABLE["sweeps"]
    assert set(sweeps["r"]) == {*RANGES, "all"} and len(sweeps["values"]) == 11
    for name, row in sweeps["r"].items():
        for control, published in benchmark.PUBLISHED.items():
            assert row[control] >= published - (0.02 if name != "all" else 0), (name, control)
        for control in ("volume", "brightness", "vibrato", "attack_noise"):
            assert row[control] >= 0.9
    response = np.abs(sweeps["response"])
    off = response - np.diag(np.diag(response))
    assert (np.diag(response) > off.max(0)).all() and (np.diag(response) > off.max(1)).all()


def test_round_trips_and_the_hierarchy():
    for part in ("test", "held_out"):
        row = TABLE["round_trip"][part]
        assert row["synthesis"]["all"] < benchmark.PUBLISHED_RMSE["synthesis"] / 2
        assert row["sound"]["all"] < 0.1
        assert row["dice"]["all"] < row["told"]["all"] < row["expression"]["all"]
        assert row["told"]["all"] < benchmark.PUBLISHED_RMSE["expression"]
        assert row["expression"]["all"] < min(row["instrument_mean"]["all"], row["shuffled"]["all"]) - 0.01
    pitch = TABLE["pitch"]
    for part in ("test", "held_out"):
        assert pitch["categorical"][part]["variance"] == pytest.approx(1, abs=0.1)
        assert pitch["blind"][part]["variance"] < 0.5
        assert pitch["blind"][part]["variance"] < pitch["regression"][part]["variance"] < 1
    losses = TABLE["loss"]
    assert losses["ours"]["rmse"] < losses["published"]["rmse"]
    assert losses["ours"]["r"]["volume_fluctuation"] > losses["published"]["r"]["volume_fluctuation"] + 0.3
    strong, without = (TABLE["adversary"][name]["liveliness"] for name in ("strong", "without"))
    assert strong["within_notes"] > without["within_notes"]
    assert TABLE["speed"]["real_time_factors"]["whole"] < 0.5


@pytest.mark.parametrize("control", STEPS)
def test_knobs_turn_the_sound_here_and_now(phrases, control):
    """Not from the table: three settings, one phrase of each of two instruments, measured without a network."""
    i = CONTROLS.index(control)
    settings, read = [], []
    for phrase in (p for p in phrases if p.performance.name in ("violin_test_00", "clarinet_held_out_00")):
        p = phrase.performance
        for value in (0.1, 0.5, 0.9):
            asked = phrase.expression.clone()
            asked[:, i] = value
            sound = synthesise(play(p.notes, asked, p.instrument, n_frames=len(phrase.note_index)))
            long = torch.tensor([note.duration_s > benchmark.VIBRATO_S for note in p.notes])
            found = measure_expression(sound, p.notes)[long, i]
            settings.append(torch.full_like(found, value))
            read.append(found)
    assert float(torch.corrcoef(torch.stack([torch.cat(settings), torch.cat(read)]))[0, 1]) > STEPS[control]


def test_a_harder_attack_is_heard(phrases):
    line, knobs = [Note(0.3, 0.8, 67)], torch.tensor([[0.7, 0.2, 0.4, 0.2, 0.25, 0.2]])
    hard = knobs.clone()
    hard[0, 5] = 1.1
    soft_sound, hard_sound = (synthesise(play(line, x, "trumpet")) for x in (knobs, hard))
    begin = slice(int(0.3 * 16000), int(0.34 * 16000))

    def treble(sound: torch.Tensor) -> float:
        return float(torch.fft.rfft(sound[begin])[200:].abs().square().mean().log10() * 10)

    assert treble(hard_sound) > treble(soft_sound) + 12


def test_the_excerpts_are_played_as_they_were(phrases):
    """Levels of the played notes against those of the recording, measured in both sounds alike."""
    off = []
    for phrase in phrases[::3]:
        p = phrase.performance
        sound = synthesise(play(p.notes, phrase.expression, p.instrument, n_frames=len(phrase.note_index)))
        off.append(measure_expression(sound, p.notes) - measure_expression(p.audio[: len(sound)], p.notes))
    rmse = torch.cat(off).square().nanmean(0).sqrt()
    assert rmse[0] < 0.05 and rmse[3] < 0.2 and rmse[4] < 0.06 and rmse[5] < 0.15, rmse


def test_two_seeds_are_two_performances_of_one_tune():
    line = [Note(0.4 * i, 0.38, 60 + i) for i in range(8)]
    one, two = (perform(line, "flute", seed=seed) for seed in (1, 2))
    assert (one - two).abs().mean() > 0.05
    usual = perform(line, "flute")
    drawn = torch.stack([perform(line, "flute", seed=seed) for seed in range(60)])
    assert (drawn.mean(0) - usual).abs().mean() < 0.06


def hear_only(monkeypatch, few):
    """Whatever parts a benchmark asks for, these are all it gets."""
    monkeypatch.setattr(performances, "load_performances", lambda folder, parts: {part: [] for part in parts})
    monkeypatch.setattr(performances, "annotate", lambda found, cache=None: few)


def test_the_command_measures(tmp_path: Path, capsys, monkeypatch):
    few = [a for a in annotate(load_performances(FOLDER, ["trumpet"], ["test"])["test"])]
    hear_only(monkeypatch, few)
    monkeypatch.setattr(benchmark.sweep_controls, "__defaults__", ((0.0, 1.0), True))
    monkeypatch.setattr(benchmark.measure_speed, "__defaults__", (2.0, 1))
    monkeypatch.setattr(sys, "argv", ["benchmark"])
    main(["midi_ddsp"])
    said = capsys.readouterr().out
    for word in ("published, all", "trumpet", "response", "RMSE of the controls, held_out", "real_time_factors"):
        assert word in said, word
    assert '"categorical"' in said and "tone-transfer decoder" in said
    out = tmp_path / "midi_ddsp.json"
    main(["midi_ddsp", str(FOLDER), "--part", "speed", "--out", str(out)])
    assert json.loads(out.read_text())["speed"]["real_time_factors"]["whole"] > 0
    for wrong in (
        ["midi_ddsp", str(tmp_path), "--out", str(out)],
        ["midi_ddsp", "--part", "loss"],
        ["midi_ddsp", str(FOLDER), "--steps", "0", "--out", str(out)],
    ):
        with pytest.raises(SystemExit):
            main(wrong)
        capsys.readouterr()


def test_the_long_comparisons_run(tmp_path: Path, capsys, monkeypatch):
    """One step of everything that the table compares, on six excerpts."""
    few = annotate(load_performances(FOLDER, parts=["test"])["test"])
    hear_only(monkeypatch, few)
    monkeypatch.setattr(synthesis, "VALUES", (0.0, 0.5, 1.0))
    out, work = tmp_path / "midi_ddsp.json", str(tmp_path)
    for part, steps in (("pitch", "--regressor-steps"), ("loss", "--steps"), ("adversary", "--adversary-steps")):
        main(["midi_ddsp", str(FOLDER), "--part", part, steps, "1", "--work", work, "--out", str(out)])
    assert "curves" not in capsys.readouterr().out  # too long to read
    table = json.loads(out.read_text())
    assert set(table["pitch"]) == {"steps", "categorical", "regression", "blind", "curves"}
    assert set(table["loss"]) == {"steps", "published", "ours"}
    assert set(table["adversary"]) == {"steps", "before", "without", "with", "strong"}
    assert table["adversary"]["before"]["r"]["volume"] > 0.9
    assert (tmp_path / "blind.safetensors").is_file()
