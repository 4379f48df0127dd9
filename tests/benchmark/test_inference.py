"""The network that comes with the course: small, documented, and as good on unheard tunes as the page says."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from course_lib.benchmark import inference as benchmark
from course_lib.benchmark.__main__ import main
from course_lib.benchmark.inference.accuracy import correlations, errors, infer
from course_lib.benchmark.inference.closed_forms import closed_form_cases
from course_lib.benchmark.inference.sweeps import after_a_rest
from course_lib.midi_ddsp import CONTROLS, hear, load_inference, load_performances, play_note
from course_lib.scores import read_midi
from course_lib.sounds.clips import data_path
from tests.helpers import ROOT

TABLE = json.loads(data_path("inference.json").read_text(encoding="utf-8"))
CARD = json.loads(data_path("midi_ddsp/cards.json").read_text(encoding="utf-8"))["inference"]
FOLDER = data_path("inference.json").parent / "midi_ddsp" / "performances"


@pytest.fixture(scope="module")
def network():
    return load_inference()[0]


@pytest.fixture(scope="module")
def takes():
    found = load_performances(FOLDER)
    return found["test"] + found["held_out"]


def test_it_is_small_and_its_card_tells_how_it_was_made(network):
    path = data_path("midi_ddsp/inference.safetensors")
    assert path.stat().st_size < 2_000_000 and sum(p.numel() for p in network.parameters()) < 300_000
    facts = load_inference()[1]
    training = facts["training"]
    assert len(network.config.instruments) >= 4 and sorted(facts["recipes"]) == list(network.config.instruments)
    assert training["seconds"] <= 45 * 60 and "CPU" in training["device"]
    for key in ("steps", "seconds", "device", "torch", "validation_loss"):
        assert CARD[key] == training[key], key
    assert CARD["command"] == facts["command"] and "/tmp" not in facts["command"]
    worst = max(row["amplitude_db"] for parts in TABLE["instruments"].values() for row in parts.values())
    assert CARD["worst_level_error_db"] == worst


def test_no_tune_is_in_two_parts():
    parts: dict[str, set[str]] = {}
    for path in FOLDER.glob("*/performances.json"):
        for part, titles in json.loads(path.read_text(encoding="utf-8"))["split"].items():
            parts.setdefault(part, set()).update(titles.values())
    assert not parts["test"] & parts["held_out"]


def test_levels_and_colours_are_heard(network, takes):
    for take in takes:
        found = errors(*infer(network, take), take)
        assert found["amplitude_db"] < 1.5 and found["centroid"] < 0.08, (take.name, found)


def test_volume_and_vibrato_follow_what_was_drawn(network, takes):
    for name in network.config.instruments:
        mine = [take for take in takes if take.instrument == name]
        read = [hear(t.audio, 16000, t.notes, instrument=name, network=network).expression for t in mine]
        r = correlations(read, [t.drawn for t in mine])
        assert r["volume"] > 0.95 and r["vibrato"] > 0.8, (name, r)  # twenty notes: r itself is rough


def test_known_controls_come_back_from_the_sound_alone(network):
    asked = (0.9, 0.2, 0.6, 0.5, 0.25, 0.8)
    from course_lib.tone_transfer import ToneControls

    note = after_a_rest(play_note(60, duration_s=1.0, expression=asked))
    with torch.no_grad():
        sound = network.synthesise(ToneControls(*(x[None] for x in note)))["sound"][0]
    read = hear(sound, 16000, [(0.2, 1.0, 60)], network=network).expression[0].tolist()
    for name, a, b in zip(CONTROLS, asked, read, strict=True):
        assert b == pytest.approx(a, abs=0.12), name


def test_the_stored_table_reaches_what_was_aimed_at():
    for name, parts in TABLE["instruments"].items():
        for part, row in parts.items():
            assert row["amplitude_db"] < 1.5 and row["tracked_amplitude_db"] < 1.5, (name, part)
            assert row["centroid"] < 0.08 and row["tracked_centroid"] < 0.08, (name, part)
            assert row["r"]["volume"] >= 0.9 and row["r"]["vibrato"] >= 0.9, (name, part, row["r"])
    moves = np.array(TABLE["sweep"]["moves"])
    assert (moves - np.diag(np.diag(moves))).max() <= 0.1
    assert min(TABLE["sweep"]["r"].values()) > 0.97
    for row in TABLE["decoders"].values():
        for part in ("test", "held_out"):
            assert row[f"inference_{part}"] < row[f"decoder_{part}"]
    assert TABLE["features"]["harmonic"]["amplitude_db"] < TABLE["features"]["mel"]["amplitude_db"]
    for row in TABLE["closed_forms"]:
        assert row["mended"] == pytest.approx(row["expected"], abs=0.02), row


def test_the_closed_forms_are_those_of_the_table():
    assert closed_form_cases() == TABLE["closed_forms"]


def test_the_command_measures(tmp_path, capsys, monkeypatch, network):
    class Few:
        config = type("Config", (), {"instruments": ("trumpet",)})
        controls, synthesise, indices = network.controls, network.synthesise, network.indices

    monkeypatch.setattr(benchmark, "load_inference", lambda: (Few, {}))
    monkeypatch.setattr(benchmark, "sweep_controls", lambda model: {"moves": np.eye(6).tolist(), "r": {}})
    out = tmp_path / "inference.json"
    main(["inference", str(FOLDER), "--part", "measures", "--out", str(out)])
    said = capsys.readouterr().out
    assert "trumpet, held_out" in said and "volume of −60 dB" in said
    row = json.loads(out.read_text())["instruments"]["trumpet"]["test"]
    assert row["amplitude_db"] < 1 and set(row["r"]) == set(CONTROLS)
    main(["inference"])  # what comes with the course, printed
    said = capsys.readouterr().out
    assert "trumpet, held_out" in said and '"decoders"' in said
    for wrong in (["inference", str(tmp_path), "--out", str(out)], ["inference", "--part", "features"]):
        with pytest.raises(SystemExit):
            main(wrong)
        assert "perform_tunes" in capsys.readouterr().err


def test_the_scores_are_what_their_script_writes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import make_scores

    monkeypatch.setattr(sys, "argv", ["make_scores.py", str(tmp_path)])
    make_scores.main()
    for name in ("greensleeves", "old_hundredth", "chorale"):
        shipped = data_path(f"scores/{name}.mid")
        assert (tmp_path / f"{name}.mid").read_bytes() == shipped.read_bytes()
    assert len(read_midi(data_path("scores/old_hundredth.mid")).voices) == 4
