"""Exercises of the chapter "Fitting a real sound"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, expect_tensor


def harmonic_count(f0_hz: Tensor, sample_rate: float) -> int:
    """The largest K with K · f0 strictly below Nyquist in every frame."""
    return math.ceil(sample_rate / 2 / float(f0_hz.max())) - 1


def _judge_harmonic_count(answer: Any) -> str:
    rng = np.random.default_rng(7)
    curves = [torch.from_numpy(rng.uniform(80, 700, 20)) for _ in range(4)] + [torch.tensor([250.0, 500.0])]
    for f0 in curves:
        got = float(expect_tensor(call(answer, f0, 16_000), ()))
        oracle = sum(1 for k in range(1, 1000) if all(k * f < 8000 for f in f0.tolist()))
        if got == oracle:
            continue
        if got == math.floor(8000 / float(f0.min())):
            raise Wrong("that many fit at the lowest pitch; at the highest pitch some of them lie above Nyquist.")
        if got in (math.floor(16_000 / float(f0.max())), math.ceil(16_000 / float(f0.max())) - 1):
            raise Wrong("Nyquist is half the sample rate: you counted up to the sample rate itself.")
        if got == oracle + 1:
            raise Wrong(
                f"one too many: with f0 up to {float(f0.max()):g} Hz, harmonic {int(got)} lies at Nyquist, not below."
            )
        raise Wrong(
            f"for pitches from {float(f0.min()):.0f} to {float(f0.max()):.0f} Hz you give {got:g}, not {oracle}."
        )
    return "also where a harmonic falls exactly on Nyquist."


def residual_db(target: Tensor, prediction: Tensor) -> Tensor:
    """Energy of target − prediction over the energy of the target, in dB."""
    return 10 * torch.log10((target - prediction).square().sum() / target.square().sum())


def _judge_residual_db(answer: Any) -> str:
    rng = np.random.default_rng(8)
    for _ in range(4):
        target, noise = rng.uniform(-1, 1, (2, 500))
        prediction = target + 10 ** rng.uniform(-3, 0) * noise
        got = float(expect_tensor(call(answer, torch.from_numpy(target), torch.from_numpy(prediction)), ()))
        rest = target - prediction
        oracle = 10 * np.log10(np.sum(rest**2)) - 10 * np.log10(np.sum(target**2))
        if abs(got - oracle) < 1e-3:
            continue
        if abs(got + oracle) < 1e-3:
            raise Wrong(
                "upside down: this is target over residual, a signal-to-noise ratio. The residual is to be above."
            )
        if abs(got - 2 * oracle) < 1e-3:
            raise Wrong("20·log10 is for amplitudes; for a ratio of energies it is 10·log10.")
        if abs(got - oracle / 10) < 1e-3:
            raise Wrong("that is in bel: a decibel is a tenth of it, so multiply by 10.")
        if abs(got - 10 * np.mean(np.log10(rest**2 / target**2))) < 1e-3:
            raise Wrong("a mean of decibels: add up the energies first, take the logarithm once at the end.")
        if abs(got - 10 * np.log10(np.abs(rest).sum() / np.abs(target).sum())) < 1e-3:
            raise Wrong("10·log10 of amplitudes: energy is the sum of the squares.")
        raise Wrong(f"for one random pair you give {got:.2f} dB, it is {oracle:.2f} dB.")
    return "on four random pairs from −60 to 0 dB."


EXERCISES = [
    Exercise(
        "fitting-1",
        _judge_harmonic_count,
        (
            "The highest pitch is the one that leaves room for the fewest harmonics.",
            "You look for the largest whole number k with k · f0 < sample_rate / 2; at 500 Hz and 16 kHz that is 15.",
        ),
        harmonic_count,
        "The highest pitch decides. Rounding down is almost right, but counts a harmonic that lies exactly on Nyquist; "
        "rounding up and taking one away never does. (The synthesizer masks frame by frame, so more do no harm.)",
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
        (lambda f0, rate: int(rate / 2 / float(f0.min())), "at the highest pitch some of them lie above"),
        (lambda f0, rate: int(rate / float(f0.max())), "Nyquist is half the sample rate"),
        (lambda f0, rate: int(rate / 2 / float(f0.max())), "one too many"),
    ],
    "fitting-2": [
        (lambda t, p: 2 * residual_db(t, p), "20·log10 is for amplitudes"),
        (lambda t, p: -residual_db(t, p), "upside down"),
        (lambda t, p: 10 * torch.log10((t - p).square() / t.square()).mean(), "a mean of decibels"),
        (lambda t, p: 10 * torch.log10((t - p).abs().sum() / t.abs().sum()), "energy is the sum of the squares"),
    ],
}
