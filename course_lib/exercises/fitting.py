"""Exercises of the chapter "Fitting a real sound"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, expect_tensor, name_the_slip, number, you_give


def fill_gaps(f0_hz: Tensor, voiced: Tensor) -> Tensor:
    """The pitch curve with its unvoiced frames bridged by straight lines in log-frequency, the ends held."""
    frames = np.arange(len(f0_hz))
    known = np.flatnonzero(voiced.numpy())
    return torch.from_numpy(np.exp(np.interp(frames, known, np.log(f0_hz.numpy()[known]))))


def _judge_fill_gaps(answer: Any) -> str:
    rng = np.random.default_rng(7)
    for _ in range(4):
        f0, voiced = rng.uniform(100, 800, 40), rng.uniform(0, 1, 40) > 0.4
        voiced[[0, -1]], voiced[[5, 20]] = False, True
        given = torch.from_numpy(np.where(voiced, f0, 0.0))
        got = expect_tensor(call(answer, given.clone(), torch.from_numpy(voiced)), (40,)).numpy()
        # One gap at a time: what stands on its left, what on its right, and how far along we are.
        oracle, linear, held = f0.copy(), f0.copy(), f0.copy()
        for i in np.flatnonzero(~voiced):
            left, right = np.flatnonzero(voiced[:i]), np.flatnonzero(voiced[i:]) + i
            a = left[-1] if len(left) else right[0]
            b = right[0] if len(right) else a
            fraction = (i - a) / (b - a) if b > a else 0.0
            oracle[i] = f0[a] * (f0[b] / f0[a]) ** fraction
            linear[i], held[i] = f0[a] + fraction * (f0[b] - f0[a]), f0[a]
        if np.allclose(got, oracle, rtol=1e-4):
            continue
        for said, function in (("logarithm", np.log), ("logarithm to base 2", np.log2), ("log10", np.log10)):
            if np.allclose(got, function(oracle), rtol=1e-4):
                raise Wrong(f"that is the {said} of it still: go back to Hz at the end.")
        if np.allclose(got, np.exp(np.log10(oracle)), rtol=1e-4):
            raise Wrong("log10 belongs with 10**x, not with exp.")
        if not np.allclose(got[voiced], f0[voiced], rtol=1e-4):
            where = you_give(np.where(voiced, got, f0), f0, "Hz")
            raise Wrong(f"a voiced frame has changed, and only the gaps are to be filled: {where}.")
        if (got[~voiced] == 0).any():
            raise Wrong(
                "some unvoiced frames are still 0: fill the gaps, and hold the first and last pitch at the ends."
            )
        if np.allclose(got, linear, rtol=1e-4):
            raise Wrong("straight lines in hertz: the ear counts ratios, so interpolate the logarithm.")
        if np.allclose(got, held, rtol=1e-4):
            raise Wrong("the last pitch is held through each gap and then jumps; bridge it with a line.")
        where = you_give(got, oracle, "Hz")
        raise Wrong(f"the voiced frames are right, but the gaps are not straight lines in log-frequency: {where}.")
    return "gaps bridged, ends held, on four random curves."


def residual_db(target: Tensor, prediction: Tensor) -> Tensor:
    """Energy of target − prediction over the energy of the target, in dB."""
    return 10 * torch.log10((target - prediction).square().sum() / target.square().sum())


def _judge_residual_db(answer: Any) -> str:
    rng = np.random.default_rng(8)
    for _ in range(4):
        target, noise = rng.uniform(-1, 1, (2, 500))
        prediction = 0.9 * target + 10 ** rng.uniform(-3, 0) * noise
        got = number(call(answer, torch.from_numpy(target), torch.from_numpy(prediction)))
        rest = target - prediction
        energy, whole, own = (float(np.sum(x**2)) for x in (rest, target, prediction))
        oracle = 10 * np.log10(energy) - 10 * np.log10(whole)
        if abs(got - oracle) < 0.01:
            continue
        slips = {
            "upside down: this is target over residual, a signal-to-noise ratio. The residual is to be above.": -oracle,
            "20·log10 is for amplitudes; for a ratio of energies it is 10·log10.": 2 * oracle,
            "that is in bel: a decibel is a tenth of it, so multiply by 10.": oracle / 10,
            "a mean of decibels: add up the energies first, take the logarithm once at the end.": 10
            * np.mean(np.log10(rest**2 / target**2)),
            "10·log10 of amplitudes: energy is the sum of the squares.": 10
            * np.log10(np.abs(rest).sum() / np.abs(target).sum()),
            "a natural logarithm: decibels need the one to base 10.": 10 * np.log(energy / whole),
            "that is the level of the prediction itself; the residual is target − prediction.": 10
            * np.log10(own / whole),
            "relative to the prediction; asked is relative to the target.": 10 * np.log10(energy / own),
            "not relative to the target: divide by its energy.": 10 * np.log10(energy),
            "not relative to the target: divide by its mean square.": 10 * np.log10(energy / 500),
            "that is the ratio itself: 10·log10 makes it decibels.": energy / whole,
        }
        name_the_slip(got, slips)
        raise Wrong(f"for one random pair {you_give(got, oracle, 'dB')}.")
    return "on four random pairs."


EXERCISES = [
    Exercise(
        "fitting-1",
        _judge_fill_gaps,
        (
            "np.interp(x, xp, fp) draws straight lines through known points and holds the ends.",
            "The known points are the voiced frames: with np.log(f0_hz) there; undo it after.",
        ),
        fill_gaps,
        "A synthesizer needs a pitch in every frame, silent or not. Equal steps of log-frequency are equal intervals: "
        "the bridge is a steady glissando.",
    ),
    Exercise(
        "fitting-2",
        _judge_residual_db,
        ("Energy is the sum of the squared samples.", "10 · log10(energy of the residual / energy of the target)."),
        residual_db,
        "One logarithm of one ratio. A mean of decibels would let the quietest samples decide.",
    ),
]

MISTAKES = {
    "fitting-1": [
        (lambda f0, voiced: f0, "still 0"),
        (
            lambda f0, voiced: torch.from_numpy(np.interp(range(40), np.flatnonzero(voiced), f0[voiced])),
            "lines in hertz",
        ),
        (lambda f0, voiced: torch.full_like(f0, float(f0[voiced].mean())), "a voiced frame has changed"),
    ],
    "fitting-2": [
        (lambda t, p: 2 * residual_db(t, p), "20·log10 is for amplitudes"),
        (lambda t, p: -residual_db(t, p), "upside down"),
        (lambda t, p: 10 * torch.log10((t - p).square() / t.square()).mean(), "a mean of decibels"),
        (lambda t, p: 10 * torch.log10((t - p).abs().sum() / t.abs().sum()), "energy is the sum of the squares"),
    ],
}
