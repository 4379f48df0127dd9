"""Notes, voices, and what a network is told about them frame by frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from course_lib.core.checks import check_count, check_sample_rate


class ScoreError(ValueError):
    """A file or a list of notes that is not music this course can play; the message says why."""


class Note(NamedTuple):
    """One note: onset_s and duration_s in seconds, pitch as a MIDI note number, velocity 1 … 127.

    >>> Note(onset_s=0.5, duration_s=1.0, pitch=69).end_s
    1.5
    """

    onset_s: float
    duration_s: float
    pitch: float
    velocity: int = 90

    @property
    def end_s(self) -> float:
        """Where it ends, seconds."""
        return self.onset_s + self.duration_s


@dataclass(frozen=True)
class Voice:
    """What one player plays: one note at a time, in order.

    >>> Voice("solo", program=40, notes=(Note(0.0, 0.5, 69),)).notes[0].pitch
    69
    """

    name: str
    program: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Score:
    """Voices, and remarks on what of the file is not in them.

    >>> Score((Voice("solo", 40, (Note(0.0, 0.5, 69),)),)).duration_s
    0.5
    """

    voices: tuple[Voice, ...]
    remarks: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """End of the last note, seconds; 0 without notes."""
        return max((note.end_s for voice in self.voices for note in voice.notes), default=0.0)


class NoteFrames(NamedTuple):
    """A voice frame by frame; every tensor is (n_frames,).

    pitch: MIDI, 0 in rests. onset, offset: 1 in the first and the last frame of a note, else 0.
    position: 1/L … 1 over the L frames of a note, 0 in rests. note: number of the note, −1 in rests (int64).

    >>> note_frames([Note(0.0, 0.02, 69)], n_frames=5, frame_rate=100).pitch
    tensor([69., 69.,  0.,  0.,  0.])
    """

    pitch: Tensor
    onset: Tensor
    offset: Tensor
    position: Tensor
    note: Tensor


# What takes notes takes their numbers too: onset_s, duration_s, pitch and, where it is heard, velocity.
Notes: TypeAlias = Iterable[Note | Sequence[float]]


def check_notes(notes: Notes) -> list[Note]:
    """Return the notes, each a `Note`, in order of onset.

    Raises:
        ScoreError: a number that is not finite, a negative onset, no duration, a pitch outside 0 … 127.

    >>> check_notes([(0.0, 0.5, 69)])
    [Note(onset_s=0.0, duration_s=0.5, pitch=69, velocity=90)]
    """
    checked = []
    for number, item in enumerate(notes, 1):
        try:
            note = item if isinstance(item, Note) else Note(*item)
            fine = all(math.isfinite(value) for value in note)
        except TypeError as error:
            raise ScoreError(f"note {number} must be (onset_s, duration_s, pitch[, velocity]); got {item!r}") from error
        if not (fine and note.onset_s >= 0 and note.duration_s > 0 and 0 <= note.pitch <= 127):
            raise ScoreError(
                f"note {number} needs an onset of at least 0 s, a duration above 0 s and a pitch between 0 and 127; "
                f"got {tuple(note)}"
            )
        checked.append(note)
    return sorted(checked, key=lambda note: note.onset_s)


def note_frames(notes: Notes, n_frames: int, *, frame_rate: float = 250) -> NoteFrames:
    """Lay the notes of one voice out on frames.

    Note i owns the frames from round(onset · frame_rate) up to, not with, round(end · frame_rate), or the next onset
    where that comes first; at least one frame, unless the next note begins in the same one and takes it.

    Args:
        notes: each a `Note` or (onset_s, duration_s, pitch), in any order; they are counted in order of onset.
        n_frames: how many frames; what lies behind them is cut.
        frame_rate: frames a second.

    Returns:
        NoteFrames, float32.

    Raises:
        ScoreError: as `check_notes`.

    Source: Wu et al., MIDI-DDSP, 2022. Chapter: book/midi_ddsp/notes_to_sound.ipynb

    >>> note_frames([(0.004, 0.008, 69)], 4).pitch
    tensor([ 0., 69., 69.,  0.])
    """
    ordered = check_notes(notes)
    n_frames = check_count(n_frames, "n_frames")
    rate = check_sample_rate(frame_rate)
    pitch, onset, offset, position = torch.zeros(4, n_frames)
    frames = NoteFrames(pitch, onset, offset, position, torch.full((n_frames,), -1))
    starts = [round(note.onset_s * rate) for note in ordered]
    for i, (note, start) in enumerate(zip(ordered, starts, strict=True)):
        following = starts[i + 1] if i + 1 < len(starts) else math.inf
        end = int(min(max(round(note.end_s * rate), start + 1), following))
        length, shown = end - start, max(0, min(end, n_frames) - start)
        if shown == 0:
            continue
        frames.pitch[start : start + shown] = note.pitch
        frames.note[start : start + shown] = i
        frames.position[start : start + shown] = torch.arange(1, shown + 1) / length
        frames.onset[start] = 1.0
        if end <= n_frames:
            frames.offset[end - 1] = 1.0
    return frames
