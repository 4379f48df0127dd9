"""The conditioning of the generators, frame by frame: the note, how it is to be played, and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count, check_sample_rate
from course_lib.core.types import ArrayLike
from course_lib.midi_ddsp.note_controls import CONTROLS
from course_lib.scores.notes import Note, check_notes

FEATURES = (
    *CONTROLS,
    "pitch",
    "sounding",
    "onset",
    "offset",
    "position",
    "just_begun",
    "begun",
    "time_since_onset",
    "almost_over",
    "time_to_end",
    "just_over",
    "time_since_end",
    "duration",
    "interval_before",
    "legato_before",
    "interval_after",
    "legato_after",
)
MIDDLE_PITCH, PITCH_SPAN = 69.0, 24.0
LONGEST_S = 2.0  # times are cut off here


class NotePlan:
    """The notes of one voice, laid out so that any stretch of frames can be described.

    Args:
        notes: of one voice, in any order.
        expression: (n_notes, 6), columns as in `CONTROLS`, rows in order of onset; NaN counts as 0.
        frame_rate: frames a second.

    Raises:
        ValueError: no notes, or not exactly one row of expression a note.
    """

    def __init__(self, notes: Sequence[Note | Sequence[float]], expression: ArrayLike, frame_rate: float = 250) -> None:
        self.notes = check_notes(notes)
        self.rate = check_sample_rate(frame_rate)
        self.expression = torch.nan_to_num(as_tensor(expression, "expression").float())
        if not self.notes:
            raise ValueError("there are no notes to play")
        if self.expression.shape != (len(self.notes), len(CONTROLS)):
            raise ValueError(
                f"expression must be ({len(self.notes)}, {len(CONTROLS)}), a row a note; "
                f"got {tuple(self.expression.shape)}"
            )
        self.pitch = torch.tensor([note.pitch for note in self.notes], dtype=torch.float32)
        self.start = torch.tensor([round(note.onset_s * self.rate) for note in self.notes])
        end = torch.tensor([round(note.end_s * self.rate) for note in self.notes]).maximum(self.start + 1)
        far = self.start.new_tensor([int(end.max()) + round(3600 * self.rate)])
        self.following = torch.cat([self.start[1:], far])
        self.end = end.minimum(self.following)

    def note_index(self, *, first: int, count: int) -> Tensor:
        """(count,) int64: the note that began last, through the rest behind it; the first one before it begins."""
        return torch.searchsorted(self.start, torch.arange(first, first + count), right=True).clamp(min=1) - 1

    def sounding(self, *, first: int, count: int) -> Tensor:
        """(count,) bool: whether that note is held."""
        frames, note = torch.arange(first, first + count), self.note_index(first=first, count=count)
        return (frames >= self.start[note]) & (frames < self.end[note])

    def features(self, *, first: int, count: int) -> Tensor:
        """Describe the frames first … first + count − 1: (count, len(FEATURES)), numbers of about −1 … 1."""
        check_count(count, "count")
        frames, note = torch.arange(first, first + count), self.note_index(first=first, count=count)
        start, end = self.start[note], self.end[note]
        began = (frames >= start).float()
        held = began * (frames < end)
        over = (frames >= end).float()
        since, left, past = ((x / self.rate).float() for x in (frames - start, end - frames, frames - end))
        interval = (self.pitch[1:] - self.pitch[:-1]).clamp(-12, 12) / 12.0
        gap = ((self.start[1:] - self.end[:-1]) / self.rate).float()
        legato = torch.exp(-gap / 0.03)
        zero = interval.new_zeros(1)
        columns = [
            (self.pitch[note] - MIDDLE_PITCH) / PITCH_SPAN,
            held,
            held * (frames == start),
            held * (frames == end - 1),
            held * (frames + 1 - start) / (end - start),
            began * torch.exp(-since.clamp(min=0) / 0.02),
            began * torch.exp(-since.clamp(min=0) / 0.1),
            began * since.clamp(0, LONGEST_S) / LONGEST_S,
            held * torch.exp(-left.clamp(min=0) / 0.03),
            held * left.clamp(0, LONGEST_S) / LONGEST_S,
            over * torch.exp(-past.clamp(min=0) / 0.03),
            over * past.clamp(0, LONGEST_S) / LONGEST_S,
            ((end - start) / self.rate).float().clamp(max=LONGEST_S) / LONGEST_S,
            torch.cat([zero, interval])[note],
            torch.cat([zero, legato])[note],
            torch.cat([interval, zero])[note],
            torch.cat([legato, zero])[note],
        ]
        return torch.cat([self.expression[note] * began.unsqueeze(-1), torch.stack(columns, -1)], -1)
