"""Exercises of the chapter "Five sounds, five limits"."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor


def stiff_partials(f0_hz: float, inharmonicity: float, n_partials: int) -> Tensor:
    """Frequencies k · f0 · √(1 + B k²) of partials 1 … K, in Hz."""
    k = torch.arange(1, n_partials + 1)
    return k * f0_hz * torch.sqrt(1 + inharmonicity * k**2)


def _judge_stiff_partials(answer: Any) -> str:
    rng = np.random.default_rng(9)
    for n in (1, 6, 24):
        f0, b = float(rng.uniform(30, 400)), float(10 ** rng.uniform(-4, -2))
        got = expect_tensor(call(answer, f0, b, n), (n,)).numpy()
        k = np.arange(1, n + 1, dtype=float)
        oracle = k * f0 * (1 + b * k**2) ** 0.5
        if np.allclose(got, oracle, rtol=1e-5):
            continue
        known = {
            "the number of the partial is missing in front of f0: partial 2 starts near 2·f0.": f0
            * (1 + b * k**2) ** 0.5,
            "B k where the formula has B k²: the stretch grows with the square of the number.": k
            * f0
            * (1 + b * k) ** 0.5,
            "the square root is missing.": k * f0 * (1 + b * k**2),
            "partials are counted from 0; the first one is k = 1.": (k - 1) * f0 * (1 + b * (k - 1) ** 2) ** 0.5,
            "these are the harmonics of an ideal string: B plays no part yet.": k * f0,
        }
        for message, mistake in known.items():
            if np.allclose(got, mistake, rtol=1e-7):
                raise Wrong(message)
        raise Wrong(
            f"partial {n} of f0 = {f0:.1f} Hz, B = {b:.2g} should lie at {oracle[-1]:.2f} Hz, not {got[-1]:.2f}."
        )
    return "up to partial 24."


def frame_flatness(power: Tensor) -> Tensor:
    """Geometric over arithmetic mean of every row of a power spectrogram."""
    return power.log().mean(-1).exp() / power.mean(-1)


def _judge_frame_flatness(answer: Any) -> str:
    rng = np.random.default_rng(10)
    for shape in ((4, 33), (7, 129)):
        power = 10 ** rng.uniform(-6, 0, shape)
        got = expect_tensor(call(answer, torch.from_numpy(power)), shape[:1])
        oracle = scipy.stats.gmean(power, axis=1) / power.mean(axis=1)
        if close(got, oracle, 1e-6):
            continue
        known = {
            "upside down: the arithmetic mean is the larger one, so flatness is at most 1.": 1 / oracle,
            "the exponential is missing: a geometric mean is exp of the mean of logarithms.": np.log(power).mean(1)
            / power.mean(1),
            "this is the flatness of amplitudes; the entries are powers already.": scipy.stats.gmean(power**0.5, axis=1)
            / (power**0.5).mean(1),
            "log10 belongs with 10**x, not with exp.": np.exp(np.log10(power).mean(1)) / power.mean(1),
        }
        for message, mistake in known.items():
            if close(got, mistake, 1e-6):
                raise Wrong(message)
        raise Wrong(f"for one random frame you give {float(got[0]):.4g}, it is {float(oracle[0]):.4g}.")
    return "the same as SciPy's geometric mean."


EXERCISES = [
    Exercise(
        "five_sounds-1",
        _judge_stiff_partials,
        ("torch.arange(1, K + 1) gives the numbers of the partials.", "k · f0 · torch.sqrt(1 + B · k²)."),
        stiff_partials,
        "Stiffness adds a restoring force that grows with curvature, and high modes are curved more: they run sharp.",
    ),
    Exercise(
        "five_sounds-2",
        _judge_frame_flatness,
        (
            "The geometric mean of n numbers is the n-th root of their product; take it with logarithms.",
            "power.log().mean(-1).exp(), divided by power.mean(-1).",
        ),
        frame_flatness,
        "The geometric mean is pulled down by every deep valley, the arithmetic mean is held up by the peaks.",
    ),
]

MISTAKES = {
    "five_sounds-1": [
        (lambda f, b, n: f * torch.sqrt(1 + b * torch.arange(1, n + 1) ** 2), "number of the partial is missing"),
        (lambda f, b, n: f * torch.arange(1, n + 1) * torch.sqrt(1 + b * torch.arange(1.0, n + 1)), "B k where"),
        (lambda f, b, n: f * torch.arange(1.0, n + 1), "B plays no part"),
    ],
    "five_sounds-2": [
        (lambda p: 1 / frame_flatness(p), "upside down"),
        (lambda p: p.log().mean(-1) / p.mean(-1), "exponential is missing"),
        (lambda p: frame_flatness(p.sqrt()), "flatness of amplitudes"),
        (lambda p: frame_flatness(p.T), "the shape is"),
    ],
}
