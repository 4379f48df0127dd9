"""From a pitch curve back to notes: what was sung or played, as far as a pitch tracker can tell."""

from __future__ import annotations

import itertools
import math

import torch

from course_lib.core.checks import as_tensor, check_finite, check_sample_rate
from course_lib.core.types import ArrayLike
from course_lib.core.units import hz_to_midi
from course_lib.scores.notes import Note

VIBRATO_S = 0.18  # about a cycle: a mean over it is what the ear takes for the pitch
SWITCH = 6.0  # semitone-frames: what a change of note must gain


def notes_from_pitch(
    f0_hz: ArrayLike, voiced: ArrayLike, frame_rate: float = 250, *, min_duration_s: float = 0.08, rest: float = 1.0
) -> list[Note]:
    """Cut a pitch curve into notes: the cheapest path through semitones and rests.

    A frame costs its distance from the path's semitone, and `rest` if it is voiced and the path rests, or unvoiced and
    the path sounds; a change of note costs as much as six frames one semitone off. The semitones lie on the tuning of
    the curve itself, a circular mean of its pitch without vibrato. Notes of one pitch that follow each other without a
    rest become one: a pitch curve does not show where a tone is struck again.

    Args:
        f0_hz: (n_frames,), Hz.
        voiced: (n_frames,), boolean, whether there is a pitch.
        frame_rate: frames a second.
        min_duration_s: shorter notes are left out.
        rest: cost of a frame that disagrees about sounding, semitones.

    Returns:
        Notes in order; pitches are semitones of the curve's own tuning, so mostly not whole numbers.

    Raises:
        ValueError: shapes that differ, NaN, negative pitch.

    Chapter: book/midi_ddsp/inference.ipynb

    >>> f0 = torch.cat([torch.full((100,), 440.0), torch.full((100,), 494.0)])
    >>> [(note.onset_s, round(note.pitch)) for note in notes_from_pitch(f0, f0 > 0)]
    [(0.0, 69), (0.4, 71)]
    """
    f0 = check_finite(as_tensor(f0_hz, "f0_hz"), "f0_hz")
    sounding = torch.as_tensor(voiced)
    if f0.ndim != 1 or sounding.shape != f0.shape:
        raise ValueError(
            f"f0_hz and voiced must both be (n_frames,); got {tuple(f0.shape)} and {tuple(sounding.shape)}"
        )
    rate = check_sample_rate(frame_rate)
    midi = hz_to_midi(f0).double()
    sounding = sounding.bool() & (f0 > 0)
    if not bool(sounding.any()):
        return []
    steady = midi[sounding].unfold(0, min(round(VIBRATO_S * rate), int(sounding.sum())), 1).mean(-1)
    angle = 2 * math.pi * steady
    tuning = math.atan2(float(angle.sin().mean()), float(angle.cos().mean())) / (2 * math.pi)
    low, high = math.floor(float(midi[sounding].min())) - 1, math.ceil(float(midi[sounding].max())) + 1
    steps = torch.arange(low, high + 1, dtype=torch.float64) + tuning
    away = torch.where(sounding.unsqueeze(-1), (midi.unsqueeze(-1) - steps).abs().clamp(max=2.0), rest)
    cost = torch.cat([away, torch.where(sounding, rest, 0.0).unsqueeze(-1).double()], -1)  # the last state rests
    path = _cheapest(cost)
    changes = [0, *((path[1:] != path[:-1]).nonzero().squeeze(-1) + 1).tolist(), len(path)]
    notes = []
    for start, end in itertools.pairwise(changes):
        state = int(path[start])
        if state < len(steps) and (end - start) / rate >= min_duration_s:
            notes.append(Note(start / rate, (end - start) / rate, float(steps[state])))
    return notes


def _cheapest(cost: torch.Tensor) -> torch.Tensor:
    """Viterbi with one price for every change: the states of the path, (n_frames,)."""
    total = cost[0].clone()
    came_from = torch.zeros(cost.shape, dtype=torch.long)
    stay = torch.arange(cost.shape[1])
    for i in range(1, len(cost)):
        best = int(total.argmin())
        change = total[best] + SWITCH < total
        came_from[i] = torch.where(change, best, stay)
        total = torch.where(change, total[best] + SWITCH, total) + cost[i]
    path = torch.empty(len(cost), dtype=torch.long)
    path[-1] = int(total.argmin())
    for i in range(len(cost) - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path
