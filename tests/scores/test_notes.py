"""Notes on frames, and notes found in a pitch curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.scores import Note, Score, ScoreError, Voice, check_notes, note_frames, notes_from_pitch


def test_a_note_between_rests():
    frames = note_frames([(0.1, 0.2, 64)], 100)
    assert frames.pitch.nonzero().squeeze(-1).tolist() == list(range(25, 75))
    assert frames.onset.nonzero().tolist() == [[25]] and frames.offset.nonzero().tolist() == [[74]]
    assert frames.position[25].item() == pytest.approx(1 / 50) and frames.position[74].item() == 1.0
    assert frames.note[24].item() == -1 and frames.note[25].item() == 0


def test_the_next_onset_cuts_a_note():
    frames = note_frames([(0.0, 1.0, 60), (0.4, 0.4, 62)], 250)
    assert frames.offset.nonzero().squeeze(-1).tolist() == [99, 199]
    assert frames.pitch[99] == 60 and frames.pitch[100] == 62 and frames.position[99] == 1.0


def test_a_note_that_is_cut_by_the_end_has_no_offset():
    frames = note_frames([(0.1, 1.0, 60)], 100)
    assert frames.offset.sum() == 0 and frames.position[99].item() == pytest.approx(75 / 250)
    assert note_frames([(5.0, 1.0, 60)], 100).pitch.sum() == 0


def test_two_onsets_in_one_frame_leave_the_later_note():
    frames = note_frames([(0.1, 0.2, 60), (0.1001, 0.2, 65)], 100)
    assert set(frames.note.tolist()) == {-1, 1}


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.001, 2), st.integers(0, 127)), max_size=30))
def test_frames_belong_to_the_note_that_began_last(notes):
    frames = note_frames(notes, 500)
    ordered = check_notes(notes)
    owned = frames.note >= 0
    assert torch.equal(frames.position > 0, owned)
    assert int(frames.onset.sum()) == len(set(frames.note[owned].tolist()))
    for i in set(frames.note[owned].tolist()):
        own = (frames.note == i).nonzero().squeeze(-1)
        assert own[0] == round(ordered[i].onset_s * 250) and (own.diff() == 1).all()
        assert (frames.pitch[own] == ordered[i].pitch).all() and (frames.position[own].diff() > 0).all()


@pytest.mark.parametrize(
    "note", [(0, 0, 60), (0, -1, 60), (-0.1, 1, 60), (0, 1, 128), (0, 1, -1), (math.nan, 1, 60), (0, math.inf, 60), 3]
)
def test_bad_notes(note):
    with pytest.raises(ScoreError, match="note 1"):
        check_notes([note])


def test_a_score_ends_with_its_last_note():
    assert Score(()).duration_s == 0.0
    assert Score((Voice("a", 0, (Note(1, 2, 60),)), Voice("b", 0, (Note(0, 5, 60),)))).duration_s == 5.0


def curve(pitches: list[float | None], frames: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    midi = torch.tensor([p if p is not None else 60.0 for p in pitches]).repeat_interleave(frames)
    voiced = torch.tensor([p is not None for p in pitches]).repeat_interleave(frames)
    return 440 * 2 ** ((midi - 69) / 12), voiced


def test_notes_are_found_with_their_tuning():
    f0, voiced = curve([60.3, 62.3, None, 64.3])
    notes = notes_from_pitch(f0, voiced)
    assert [round(n.pitch, 2) for n in notes] == [60.3, 62.3, 64.3]
    assert [round(n.onset_s * 250) for n in notes] == [0, 60, 180]
    assert [round(n.duration_s * 250) for n in notes] == [60, 60, 60]


def test_vibrato_does_not_cut_a_note_and_blips_are_left_out():
    f0, voiced = curve([60, 67], 200)
    t = torch.arange(400) / 250
    f0 = f0 * 2 ** (0.45 * torch.sin(2 * math.pi * 5.5 * t) / 12)
    f0[100:103] *= 2
    voiced[300:304] = False
    assert [round(n.pitch) for n in notes_from_pitch(f0, voiced)] == [60, 67]


def test_silence_has_no_notes_and_bad_input_is_refused():
    assert notes_from_pitch(torch.zeros(10), torch.zeros(10, dtype=torch.bool)) == []
    with pytest.raises(ValueError, match="n_frames"):
        notes_from_pitch(torch.zeros(10), torch.zeros(9, dtype=torch.bool))
    with pytest.raises(ValueError, match="finite"):
        notes_from_pitch(np.full(10, np.nan), np.ones(10, bool))
