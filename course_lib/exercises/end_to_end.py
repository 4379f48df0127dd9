"""Exercises of the chapter "MIDI-DDSP end to end"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def polyphonic_mixer(vectors: Tensor, spans: list[tuple[int, int]], n_frames: int) -> Tensor:
    """For each frame the sum of the vectors of all notes that sound in it: (n_notes, d) to (n_frames, d)."""
    mixed = torch.zeros(n_frames, vectors.shape[-1], dtype=vectors.dtype)
    for vector, (start, end) in zip(vectors, spans, strict=True):
        mixed[start:end] = mixed[start:end] + vector
    return mixed


def _spans(rng: np.random.Generator, n_frames: int) -> list[tuple[int, int]]:
    starts = rng.integers(0, n_frames - 4, 6)
    return [(int(s), int(rng.integers(s + 2, n_frames))) for s in starts]


def _judge_mixer(answer: Any) -> str:
    rng = np.random.default_rng(41)
    for _ in range(4):
        n_frames, d = 24, int(rng.integers(3, 6))
        spans, vectors = _spans(rng, n_frames), rng.normal(size=(6, d))
        sounding = np.array([[start <= t < end for start, end in spans] for t in range(n_frames)], dtype=float)
        want = sounding @ vectors
        got = expect_tensor(call(answer, torch.tensor(vectors), list(spans), n_frames), (n_frames, d))
        if close(got, want):
            continue
        count = np.maximum(sounding.sum(1, keepdims=True), 1)
        inclusive = np.array([[start <= t <= end for start, end in spans] for t in range(n_frames)], dtype=float)
        last, highest = np.zeros((n_frames, d)), np.zeros((n_frames, d))
        for vector, (start, end) in zip(vectors, spans, strict=True):
            last[start:end] = vector
        for vector, (start, end) in list(zip(vectors, spans, strict=True))[::-1]:
            highest[start:end] = vector
        onsets = np.array([[t == start for start, _ in spans] for t in range(n_frames)], dtype=float)
        overwritten = "each note wipes out those before it; a chord needs them all: add."
        slips = {
            "that is the mean: a chord of four would weigh as much as one note. Take the sum.": want / count,
            "one frame too long: a note sounds up to its end, not with it.": inclusive @ vectors,
            overwritten: last,
            overwritten + " (Here the first one wins.)": highest,
            "every note sounds for one frame only; it should for all from start to end.": onsets @ vectors,
            "all notes sound all the time: each only from its start up to its end.": np.tile(
                vectors.sum(0), (n_frames, 1)
            ),
        }
        name_the_slip(got, slips)
        raise Wrong(f"not the sum of the vectors of the notes that sound, start ≤ frame < end: {you_give(got, want)}.")
    return "the sum of what sounds, on four random scores; in which order the notes come plays no part."


def positions(spans: list[tuple[int, int]], n_frames: int) -> Tensor:
    """Where each frame sits inside each note: (n_notes, n_frames), from 0 at its start towards 1, 0 outside."""
    place = torch.zeros(len(spans), n_frames)
    for row, (start, end) in zip(place, spans, strict=True):
        row[start:end] = torch.arange(end - start) / (end - start)
    return place


def _judge_positions(answer: Any) -> str:
    rng = np.random.default_rng(42)
    for _ in range(4):
        n_frames = 30
        spans = _spans(rng, n_frames)
        t = np.arange(n_frames)
        starts, ends = np.array(spans).T[:, :, None]
        inside = (t >= starts) & (t < ends)
        want = np.where(inside, (t - starts) / (ends - starts), 0.0)
        got = expect_tensor(call(answer, list(spans), n_frames))
        if got.shape == (n_frames,):
            raise Wrong("one row for all: every note has a row of its own, (n_notes, n_frames), before any sum.")
        got = expect_tensor(got, (len(spans), n_frames))
        if close(got, want):
            continue
        slips = {
            "those are frames since the onset. Divide by the note's length, so that all notes end alike.": t - starts,
            "the last frame is not yet 1: it lies one frame before the end. Divide by the length itself.": (t - starts)
            / np.maximum(ends - starts - 1, 1),
            "the first frame is 0: nothing of the note is over yet.": (t - starts + 1) / (ends - starts),
            "that is the place in the piece. A network needs the place in the note.": t / n_frames + 0 * starts,
            "that is how much is still to come; asked is how much is over.": (ends - t) / (ends - starts),
        }
        name_the_slip(got, {said: np.where(inside, value, 0.0) for said, value in slips.items()})
        if close(got, (t - starts) / (ends - starts)):
            raise Wrong("before and after the note it should be 0.")
        where = you_give(got, want)
        raise Wrong(f"not (frame − start) / (end − start) inside each note and 0 outside: {where}.")
    return "0 at every onset, almost 1 at every end."


EXERCISES = [
    Exercise(
        "end_to_end-1",
        _judge_mixer,
        ("Begin with zeros, (n_frames, d).",
         "For each note add its vector to all rows from start up to, not with, end."),
        polyphonic_mixer,
        "A sum takes any number of notes in any order, so one network can play chords it never met. The price: a sum "
        "of four vectors may lie far from any single one, and which note belongs to which voice is forgotten.",
    ),
    Exercise(
        "end_to_end-2",
        _judge_positions,
        ("Every note has a row of its own: notes that overlap have different positions in the same frame.",
         "(frame − start) / (end − start) for start ≤ frame < end."),
        positions,
        "Inside a held note nothing in the score changes, so without this number all its frames look alike, and so do "
        "two repeated notes and one long one. It must be given to each note before the sum: a chord in which one note "
        "is about to end and another has just begun has two positions at once.",
    ),
]  # fmt: skip


def _with_mean(vectors: Tensor, spans: list[tuple[int, int]], n_frames: int) -> Tensor:
    ones = torch.ones(len(vectors), 1, dtype=vectors.dtype)
    return polyphonic_mixer(vectors, spans, n_frames) / polyphonic_mixer(ones, spans, n_frames).clamp(min=1)


def _last_wins(vectors: Tensor, spans: list[tuple[int, int]], n_frames: int) -> Tensor:
    mixed = torch.zeros(n_frames, vectors.shape[-1], dtype=vectors.dtype)
    for vector, (start, end) in zip(vectors, spans, strict=True):
        mixed[start:end] = vector
    return mixed


def _lengths(spans: list[tuple[int, int]]) -> Tensor:
    return torch.tensor([[end - start] for start, end in spans])


def _inside(spans: list[tuple[int, int]], n_frames: int) -> Tensor:
    t = torch.arange(n_frames)
    return torch.stack([(t >= start) & (t < end) for start, end in spans])


MISTAKES = {
    "end_to_end-1": [
        (_with_mean, "that is the mean"),
        (_last_wins, "wipes out"),
        (lambda v, s, n: polyphonic_mixer(v, [(a, b + 1) for a, b in s], n), "one frame too long"),
        (lambda v, s, n: polyphonic_mixer(v, [(a, a + 1) for a, _ in s], n), "one frame only"),
        (lambda v, s, n: polyphonic_mixer(v, s, n).T, "transposed"),
    ],
    "end_to_end-2": [
        (lambda s, n: positions(s, n) * _lengths(s), "frames since the onset"),
        (lambda s, n: positions(s, n) * _lengths(s) / (_lengths(s) - 1).clamp(min=1), "not yet 1"),
        (lambda s, n: positions(s, n) + _inside(s, n) / _lengths(s), "first frame is 0"),
        (lambda s, n: _inside(s, n) * torch.arange(n) / n, "place in the piece"),
        (lambda s, n: torch.stack([(torch.arange(n) - a) / (b - a) for a, b in s]), "before and after"),
    ],
}
