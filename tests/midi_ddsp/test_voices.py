"""Voices on their way to sound: notes that can be played, parts of a score and of a table, streams side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.midi_ddsp import TableError, write_controls, write_voices
from course_lib.midi_ddsp.playing.mixdown import in_step
from course_lib.midi_ddsp.playing.voices import (
    Part,
    parts_of_score,
    parts_of_table,
    playable,
    range_remarks,
    voice_names,
)
from course_lib.midi_ddsp.table import as_written, read_controls
from course_lib.scores import Note, Score, Voice

TUNE = (Note(0.0, 0.3, 67), Note(0.3, 0.2, 69))
BASS = (Note(0.0, 0.5, 43),)
DUO = Score((Voice("Flute", 73, TUNE), Voice("Bass", 42, BASS)))


def test_playable_notes_have_a_frame_each() -> None:
    notes, places = playable([Note(1.0, 5, 60), Note(0, 1e-9, 61), Note(0.001, 1e-9, 62), Note(1.00001, 0.5, 63)])
    assert places == [1, 3] and notes == [Note(0.001, 0.004, 62), Note(1.0, 0.5, 63)]
    assert playable([]) == ([], [])


def test_names_of_voices_are_different_lines() -> None:
    names = ("Horn", "Horn", "Horn (2)", "", "=1+1", "a\nb\u2028c", " x ", '"q",;')
    said = voice_names(Score(tuple(Voice(name, 0, TUNE) for name in names)))
    assert len(set(said)) == len(names) and all(name.isprintable() and name == name.strip() for name in said)
    assert said == ["Horn", "Horn (2)", "Horn (2) (2)", "Voice 4", "1+1", "a b c", "x", '"q",;']


def test_streams_of_any_blocks_come_together() -> None:
    long, short = torch.arange(10.0), torch.arange(4.0) + 100
    blocks = list(in_step([iter(long.split(3)), iter(short.split(4)), iter(())]))
    whole = np.concatenate(blocks, 1)
    assert whole.shape == (3, 10) and whole[0].tolist() == long.tolist()
    assert whole[1].tolist() == [*short.tolist(), *[0] * 6] and not whole[2].any()
    assert list(in_step([])) == []


def test_parts_take_their_notes_from_the_score_or_from_a_table(tmp_path: Path) -> None:
    parts = parts_of_score(DUO, ["flute", "cello"])
    assert parts == [Part("Flute", "flute", list(TUNE)), Part("Bass", "cello", list(BASS))]
    longer = [*BASS, Note(0.6, 0.2, 45)]
    write_voices(tmp_path / "a.csv", {"Bass": (longer, torch.full((2, 6), 0.25)), "Flute": (TUNE, torch.ones(2, 6))})
    found, remarks = parts_of_table(tmp_path / "a.csv", parts)
    assert [(p.name, p.instrument, p.notes) for p in found] == [
        ("Flute", "flute", list(TUNE)),
        ("Bass", "cello", longer),
    ]
    assert torch.equal(found[1].controls, torch.full((2, 6), 0.25))
    assert len(remarks) == 1 and "plays 2 notes of Bass, the score has 1" in remarks[0]
    write_controls(tmp_path / "b.csv", TUNE, torch.ones(2, 6))
    assert parts_of_table(tmp_path / "b.csv", parts[:1])[0][0].notes == list(TUNE)
    with pytest.raises(TableError, match="needs a column voice"):
        parts_of_table(tmp_path / "b.csv", parts)
    with pytest.raises(TableError, match="'Bass' is no voice of the score"):
        parts_of_table(tmp_path / "a.csv", parts[:1])


def test_the_first_note_out_of_range_is_told() -> None:
    assert range_remarks(parts_of_score(DUO, ["violin", "cello"])) == []
    (remark,) = range_remarks(parts_of_score(DUO, ["violin", "violin"]))
    assert "at 0.00 s of Bass (pitch 43)" in remark and "violin, 55 to 86: played" in remark


def test_controls_are_rounded_as_a_table_rounds_them(tmp_path: Path) -> None:
    controls = torch.as_tensor(np.random.default_rng(0).uniform(-2, 4, (2, 6))).float()
    write_controls(tmp_path / "a.csv", TUNE, controls)
    assert torch.equal(read_controls(tmp_path / "a.csv")[1], as_written(controls))
