"""Exercises of the chapter "A player's taste"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, number, you_give


def surprise(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Mean negative log-likelihood (less a constant) of what was heard, x, of a mean and a spread; NaN: unheard."""
    values = (x - mean).square() / (2 * spread.square()) + spread.log()
    return values[~torch.isnan(x)].mean()


def _judge_surprise(answer: Any) -> str:
    rng = np.random.default_rng(47)
    for _ in range(4):
        x, mean, spread = rng.random((7, 6)), rng.random((7, 6)), rng.uniform(0.05, 0.6, (7, 6))
        x[rng.random((7, 6)) < 0.2] = np.nan
        x[0, 0], x[0, 1] = 0.5, np.nan
        inputs = tuple(torch.tensor(value) for value in (x, mean, spread))
        result = call(answer, *inputs)
        try:
            got = number(result)
        except Wrong as error:
            if "NaN" not in str(error):
                raise
            raise Wrong("NaN: leave out what was not heard, x[~torch.isnan(x)], before the mean.") from error
        d2 = (x - mean) ** 2
        values = d2 / (2 * spread**2) + np.log(spread) + 0 * x
        right = float(np.nanmean(values))
        if abs(got - right) < 1e-3:
            continue
        constant = float(np.log(2 * np.pi))
        mistakes = {
            "without log σ the best spread is an infinite one.": np.nanmean(d2 / (2 * spread**2)),
            "divide by 2σ², not by 2σ.": np.nanmean(d2 / (2 * spread) + np.log(spread) + 0 * x),
            "the 2 of 2σ² is missing.": np.nanmean(d2 / spread**2 + np.log(spread) + 0 * x),
            "that is the sum; a mean does not grow with the score.": np.nansum(values),
            "what was not heard counts as 0 here: leave it out of the mean.": np.nan_to_num(values).mean(),
            "log σ² is twice log σ.": np.nanmean(d2 / (2 * spread**2) + 2 * np.log(spread) + 0 * x),
            "the whole likelihood of a Gaussian has a constant besides, ½ log 2π; the formula here leaves it "
            "out.": right + constant / 2,
            "a constant is in it, log 2π; the formula here leaves it out.": right + constant,
            "the sign is turned: this is to be made small, so surprises count upwards.": -right,
            "log10 is not log σ: the formula has the natural logarithm.": np.nanmean(
                d2 / (2 * spread**2) + np.log10(spread) + 0 * x
            ),
            "log2 is not log σ: the formula has the natural logarithm.": np.nanmean(
                d2 / (2 * spread**2) + np.log2(spread) + 0 * x
            ),
        }
        name_the_slip(got, mistakes)
        raise Wrong(f"for one case {you_give(got, right)}.")
    return "the likelihood of four random scores, with notes unheard."


def lasting(performances: Tensor, mean: Tensor) -> Tensor:
    """Correlation (6,) of each note's deviation from the mean with the next note's, over all performances."""
    off = performances - mean
    now, after = off[:, :-1].flatten(0, 1), off[:, 1:].flatten(0, 1)
    now, after = now - now.mean(0), after - after.mean(0)
    return (now * after).sum(0) / (now.square().sum(0) * after.square().sum(0)).sqrt()


def _r(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's r of (…, 6) with (…, 6)."""
    a, b = a.reshape(-1, 6), b.reshape(-1, 6)
    return np.array([np.corrcoef(a[:, j], b[:, j])[0, 1] for j in range(6)])


def _judge_lasting(answer: Any) -> str:
    rng = np.random.default_rng(53)
    for takes, count in ((5, 12), (9, 30)):
        mean = 2 * rng.normal(0, 1, (count, 6)).cumsum(0)
        off = 0.4 + rng.normal(0, 0.8, (takes, 1, 6)) + rng.normal(0, 1, (takes, count, 6))
        got = expect_tensor(call(answer, torch.tensor(mean + off), torch.tensor(mean)))
        if got.numel() == 1:
            raise Wrong("one number for all: each control has a correlation of its own, (6,).")
        got = expect_tensor(got, (6,))
        right = _r(off[:, :-1], off[:, 1:])
        if close(got, right):
            continue
        played = mean + off
        flat = off.reshape(-1, 6)
        centred = off - off.mean(1, keepdims=True)
        now, after = off[:, :-1].reshape(-1, 6), off[:, 1:].reshape(-1, 6)
        covariance = "that is the covariance: divide by the root of both sums of squares, and it has no unit."
        mistakes = {
            "that is of the performances themselves; take the mean performance off first.": _r(
                played[:, :-1], played[:, 1:]
            ),
            "a note with itself: pair note n with note n + 1.": np.ones(6),
            "the last note of one performance is paired with the first of the next: cut along the notes, axis 1.": _r(
                flat[:-1], flat[1:]
            ),
            "each performance's own mean is taken off, and with it a mood that lasts to the end.": _r(
                centred[:, :-1], centred[:, 1:]
            ),
            "pairs of performances instead of pairs of notes: the notes are axis 1.": _r(off[:-1], off[1:]),
            "the deviations have a mean of their own: Pearson's r takes it off.": (now * after).sum(0)
            / np.sqrt((now**2).sum(0) * (after**2).sum(0)),
            covariance: ((now - now.mean(0)) * (after - after.mean(0))).mean(0),
            covariance + " (And take the means off.)": (now * after).mean(0),
            "that is r squared; asked is r.": right**2,
        }
        name_the_slip(got, mistakes)
        raise Wrong(f"as correlation of a control, {you_give(got, right)}.")
    return "correlations of two random sets of performances, note by note."


EXERCISES = [
    Exercise(
        "taste-1",
        _judge_surprise,
        ("One number for each control of each note, then the mean of those that are not NaN.",
         "values = (x − mean)² / (2 · spread²) + log spread; values[~torch.isnan(x)].mean()"),
        surprise,
        "The first term rewards a wide spread where the mean is off, the second a narrow one everywhere else.",
    ),
    Exercise(
        "taste-2",
        _judge_lasting,
        ("off = performances − mean; pair off[:, :-1] with off[:, 1:], and put all pairs in one row: flatten(0, 1).",
         "Take each side's mean off, multiply, sum, and divide by the root of both sums of squares."),
        lasting,
        "The mean performance must go first: it rises and falls with the tune, whoever plays.",
    ),
]  # fmt: skip


def _plain(performances: Tensor, mean: Tensor) -> Tensor:
    return lasting(performances, torch.zeros_like(mean))


def _within(performances: Tensor, mean: Tensor) -> Tensor:
    off = performances - mean
    return lasting(off - off.mean(1, keepdim=True), torch.zeros_like(mean))


def _across(performances: Tensor, mean: Tensor) -> Tensor:
    return lasting((performances - mean).transpose(0, 1), torch.zeros(6))


def _uncentred(performances: Tensor, mean: Tensor) -> Tensor:
    off = performances - mean
    now, after = off[:, :-1].flatten(0, 1), off[:, 1:].flatten(0, 1)
    return (now * after).sum(0) / (now.square().sum(0) * after.square().sum(0)).sqrt()


MISTAKES = {
    "taste-1": [
        (lambda x, m, s: ((x - m).square() / (2 * s.square())).nanmean(), "infinite"),
        (lambda x, m, s: ((x - m).square() / s.square() + s.log() + 0 * x).nanmean(), "missing"),
        (lambda x, m, s: ((x - m).square() / (2 * s.square()) + s.log() + 0 * x).nansum(), "sum"),
        (lambda x, m, s: ((x - m).square() / (2 * s.square()) + s.log()).mean(), "NaN"),
        (lambda x, m, s: ((x - m).square() / (2 * s.square()) + s.log()).nan_to_num().mean(), "counts as 0"),
    ],
    "taste-2": [
        (_plain, "performances themselves"),
        (_within, "lasts to the end"),
        (_across, "axis 1"),
        (_uncentred, "mean of their own"),
        (lambda p, m: torch.ones(6), "itself"),
    ],
}
