"""Exercises of the chapter "Playing with knobs"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give
from course_lib.exercises.reading import FLOAT32


def classes(f0_hz: Tensor, pitch: float) -> Tensor:
    """Pitch classes 0 … 200 (int64) of a pitch curve (n_frames,), Hz: one a cent, 100 on the note, ends held."""
    cents = 1200 * torch.log2(f0_hz / 440) + 100 * (69 - pitch)
    return cents.round().long().clamp(-100, 100) + 100


def _judge_classes(answer: Any) -> str:
    rng = np.random.default_rng(41)
    for pitch in (50.0, 62.0, 83.0):
        cents = rng.integers(-170, 170, 41) + rng.uniform(-0.3, 0.3, 41)
        f0 = 440.0 * 2 ** ((100 * (pitch - 69) + cents) / 1200)
        got = expect_tensor(call(answer, torch.tensor(f0), pitch), (41,))
        right = np.clip(np.rint(cents), -100, 100) + 100
        if bool((got - torch.tensor(right)).abs().max() < 0.01):
            continue
        add = "the note itself is class 100, not 0: add 100."
        nearest = "a class is the nearest whole cent: round, where int() and floor cut off."
        slips = {
            "what lies beyond a semitone counts as the end: clamp to −100 … 100.": np.rint(cents) + 100,
            "turned round: a pitch above the note belongs to a class above 100.": 200 - right,
            add: right - 100,
            add + " Before the clamp to 0 … 200.": np.clip(np.rint(cents), 0, 200),
            "those are semitones; a class is a cent, a hundredth of one.": np.clip(np.rint(cents / 100), -1, 1) + 100,
            "a ratio of frequencies is no number of cents: 1200 · log2 of it.": np.clip(
                np.rint(100 * (2 ** (cents / 1200) - 1)), -100, 100
            )
            + 100,
            "a natural logarithm; an octave is a factor of 2: use log2.": np.clip(np.rint(cents * np.log(2)), -100, 100)
            + 100,
            nearest: np.clip(np.trunc(cents), -100, 100) + 100,
            nearest + " (Yours rounds down.)": np.clip(np.floor(cents), -100, 100) + 100,
            "ceil rounds up; a class is the nearest whole cent.": np.clip(np.ceil(cents), -100, 100) + 100,
            "`pitch` is a MIDI note, not a frequency: the note is 440 · 2^((pitch − 69) / 12) Hz.": np.clip(
                np.rint(1200 * np.log2(f0 / pitch)), -100, 100
            )
            + 100,
        }
        name_the_slip(got, slips, FLOAT32)
        inside = torch.tensor(np.abs(cents) < 99)
        if bool((got.round() - torch.tensor(right))[inside].abs().max() < 0.01):
            raise Wrong("nearly: a class is a whole number, the nearest one; round, then clamp.")
        worst = int((got - torch.tensor(right)).abs().argmax())
        case = f"of a pitch {cents[worst]:.1f} cents off the note"
        raise Wrong(f"{case}, as class {you_give(got[worst], right[worst])}.")
    return "classes of three random curves, the ends held."


def response_matrix(read: Tensor, values: Tensor) -> Tensor:
    """Slopes (6, 6) of measured controls (columns) over set ones (rows), from (6, n_values, n_notes, 6)."""
    x = (values - values.mean()).reshape(1, -1, 1, 1)
    slopes = (x * read).sum(1) / x.square().sum()
    return slopes.nanmean(1)


def _judge_response(answer: Any) -> str:
    rng = np.random.default_rng(43)
    for count in (3, 11):
        values = np.sort(rng.random(count))
        true = rng.normal(0, 1, (6, 9, 6))
        read = values[None, :, None, None] * true[:, None] + rng.normal(0, 0.3, (6, count, 9, 6))
        read[:, :, 4] = np.nan
        sloped = np.empty((6, 9, 6))
        for i, n, j in np.ndindex(6, 9, 6):
            sloped[i, n, j] = np.nan if n == 4 else np.polyfit(values, read[i, :, n, j], 1)[0]
        right = np.nanmean(sloped, 1)
        result = call(answer, torch.tensor(read), torch.tensor(values))
        try:
            got = expect_tensor(result)
        except Wrong as error:
            raise Wrong("NaN: a note that was not measured does not count. Leave it out of the mean over the notes: "
                        "nanmean.") from error  # fmt: skip
        if got.shape in ((9, 6), (6, 9)):
            raise Wrong(
                f"the mean is over the notes, which are axis 2 of read, and you leave them: {tuple(got.shape)}."
            )
        got = expect_tensor(got, (6, 6))
        if close(got, right):
            continue
        ends = np.nanmean((read[:, -1] - read[:, 0]) / (values[-1] - values[0]), 1)
        x = values - values.mean()
        products = np.nanmean(np.einsum("v,ivnj->inj", x, read), 1)
        kept = np.delete(read, 4, 2)
        r = np.array(
            [[np.corrcoef(np.repeat(values, 8), kept[i, ..., j].ravel())[0, 1] for j in range(6)] for i in range(6)]
        )
        origin = np.nanmean(np.einsum("v,ivnj->inj", values, read) / (values**2).sum(), 1)
        steps = np.nanmean(np.diff(read, axis=1) / np.diff(values)[None, :, None, None], (1, 2))
        mistakes = {
            "transposed: rows are what was set, columns what was measured.": right.T,
            "that uses the first and the last value only; a line of least squares uses them all.": ends,
            "that is the mean slope of the steps from value to value; one line of least squares goes through "
            "them all.": steps,
            "divide by Σ (v − mean)²; as it stands, more values give a larger slope.": products,
            "that is Pearson's r: a slope keeps the units.": r,
            "a line through the origin; take the mean off the values first.": origin,
            "a note that was not measured counts as 0 here: leave NaN out of the mean.": right * 8 / 9,
        }
        name_the_slip(got, mistakes)
        raise Wrong(f"as slope (row: set, column: measured), {you_give(got, right)}.")
    return "slopes of two random sweeps, of 3 and 11 values, one note unheard."


EXERCISES = [
    Exercise(
        "playing-1",
        _judge_classes,
        ("First the deviation in cents: 1200 · log2(f / f of the note); the note is 440 · 2^((pitch − 69) / 12).",
         "Round to whole cents, clamp to −100 … 100, add 100."),
        classes,
        "Cents are equal steps to the ear at any pitch, so one set of classes serves a cello and a flute.",
    ),
    Exercise(
        "playing-2",
        _judge_response,
        ("For each pair and each note: slope = Σ (v − mean v) · read / Σ (v − mean v)².",
         "Put the values on axis 1 by reshape(1, -1, 1, 1), sum over it, then nanmean over the notes, axis 1 again."),
        response_matrix,
        "A slope of 1 on the diagonal says that a step of the knob is a step of the sound; r is 1 for a knob, too, "
        "that moves the sound by a hundredth of what it says.",
    ),
]  # fmt: skip


def _through_origin(read: Tensor, values: Tensor) -> Tensor:
    x = values.reshape(1, -1, 1, 1)
    return ((x * read).sum(1) / x.square().sum()).nanmean(1)


MISTAKES = {
    "playing-1": [
        (lambda f, p: (1200 * torch.log2(f / 440) + 100 * (69 - p)).round() + 100, "clamp"),
        (lambda f, p: 200 - classes(f, p), "turned round"),
        (lambda f, p: classes(f, p) - 100, "add 100"),
        (lambda f, p: (12 * torch.log2(f / 440) + 69 - p).round().clamp(-1, 1) + 100, "semitones"),
        (lambda f, p: (1200 * torch.log2(f / 440) + 100 * (69 - p)).clamp(-100, 100) + 100, "whole number"),
    ],
    "playing-2": [
        (lambda r, v: response_matrix(r, v).T, "transposed"),
        (lambda r, v: ((r[:, -1] - r[:, 0]) / (v[-1] - v[0])).nanmean(1), "first and the last"),
        (_through_origin, "origin"),
        (lambda r, v: response_matrix(r, v) * (v - v.mean()).square().sum(), "divide by"),
        (lambda r, v: response_matrix(r.nan_to_num(), v), "leave NaN"),
    ],
}
