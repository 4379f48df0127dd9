"""Exercises of the chapter "Filters you can train"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, expect_tensor, pair, truth, you_give
from course_lib.exercises.reading import FLOAT32


def lowpass_sections(cutoff_hz: float, q: float, sample_rate: float) -> tuple[Tensor, Tensor]:
    """The cookbook's low-pass: b and a, three numbers each, a[0] = 1."""
    omega = 2 * math.pi * cutoff_hz / sample_rate  # Hz → rad/sample
    alpha = math.sin(omega) / (2 * q)
    b = torch.tensor([(1 - math.cos(omega)) / 2, 1 - math.cos(omega), (1 - math.cos(omega)) / 2])
    a = torch.tensor([1 + alpha, -2 * math.cos(omega), 1 - alpha])
    return b / a[0], a / a[0]


def _judge_lowpass(answer: Any) -> str:
    from scipy.signal import bilinear, freqz

    rng = np.random.default_rng(21)
    for _ in range(5):
        cutoff, q = float(rng.uniform(200, 6000)), float(rng.uniform(0.4, 5))
        result = pair(call(answer, cutoff, q, 16000.0), "return two tensors: b and a.")
        b, a = (expect_tensor(value, (3,)).numpy() for value in result)
        # The oracle is the analogue filter 1 / (s² + s/q + 1), taken over to samples by SciPy.
        true_b, true_a = bilinear([1], [1, 1 / q, 1], fs=0.5 / math.tan(math.pi * cutoff / 16000))
        if np.abs(a - true_a).max() < FLOAT32 and np.abs(b - true_b).max() < 1e-4 * true_b.max():
            continue
        if np.abs(a - true_b).max() < 1e-4 and np.abs(b - true_a).max() < 1e-4:
            raise Wrong("the two are in the other order: first b, then a.")
        if abs(a[0] - 1) > 1e-4:
            raise Wrong(f"divide all six numbers by a[0]: {you_give(a[0], 1.0)}.")
        omega = 2 * math.pi * cutoff / 16000

        def alike(w: float, alpha: float, b: np.ndarray = b, a: np.ndarray = a) -> bool:
            own_b = np.array([0.5, 1, 0.5]) * (1 - math.cos(w)) / (1 + alpha)
            own_a = np.array([1, -2 * math.cos(w) / (1 + alpha), (1 - alpha) / (1 + alpha)])
            return bool(np.abs(b - own_b).max() < 1e-4 and np.abs(a - own_a).max() < 1e-4)

        hertz = "the frequency went in as {}; sine and cosine want rad/sample, 2π·f/sample_rate."
        for name, w in (
            ("Hz", cutoff),
            ("cycles/sample (2π is missing)", cutoff / 16000),
            ("degrees", 360 * cutoff / 16000),
            ("half of it (2π, not π)", omega / 2),
        ):
            if alike(w, math.sin(w) / (2 * q)):
                raise Wrong(hertz.format(name))
        if alike(omega, math.sin(omega) / q):
            raise Wrong("alpha is twice too large: it is sin(ω) / (2·q).")
        if alike(omega, math.sin(omega) / 2 * q):
            raise Wrong("sin(ω) / 2 * q multiplies by q: parentheses are missing, sin(ω) / (2 * q).")
        level = np.abs(freqz(b, a, worN=[0.0, cutoff], fs=16000.0)[1])
        if np.abs(a - true_a).max() < 1e-4:
            at_zero = f"at 0 Hz the filter should let everything through, as level {you_give(level[0], 1.0)}"
            raise Wrong(f"a is right; b is not: {at_zero if abs(level[0] - 1) > 1e-3 else you_give(b, true_b)}.")
        case = f"for {cutoff:.0f} Hz and q = {q:.2f}"
        raise Wrong(f"{case}, as level at the cutoff {you_give(level[1], q)}; of a, {you_give(a, true_a)}.")
    return "the same as SciPy makes of the analogue filter, for five random ones: 1 at 0 Hz, q at the cutoff."


def is_stable(a1: float, a2: float) -> bool:
    """Does y[n] = x[n] − a1·y[n−1] − a2·y[n−2] die away when the input stops?"""
    return abs(a2) < 1 and abs(a1) < 1 + a2


def _judge_stable(answer: Any) -> str:
    from scipy.signal import lfilter

    rng = np.random.default_rng(22)
    wrong, said = [], []
    for _ in range(60):
        a1, a2 = float(rng.uniform(-2.2, 2.2)), float(rng.uniform(-1.3, 1.3))
        radius = float(np.abs(np.roots([1, a1, a2])).max())
        if abs(radius - 1) < 0.02:
            continue
        got = call(answer, a1, a2)
        if isinstance(got, str):
            raise Wrong("answer with True or False, not in words.")
        said.append((a1, a2, stable := truth(got)))
        if stable != (radius < 1):
            wrong.append((a1, a2, stable))
    if not wrong:
        return "the same as the roots of z² + a1·z + a2 say, for sixty random filters."
    a1, a2, stable = wrong[0]
    last = abs(lfilter([1.0], [1.0, a1, a2], np.eye(1, 400)[0])[-1])
    if all(stable == (abs(x2) < 1 and abs(x1) < 1 - x2) for x1, x2, stable in said):
        raise Wrong("the triangle stands on its head: |a1| < 1 + a2, not 1 − a2.")
    if all(stable and abs(x2) < 1 for _, x2, stable in wrong):
        if all(abs(x1) < 2 for x1, _, _ in wrong):
            raise Wrong("a1 between −2 and 2 is needed but not enough: look at both edges of the triangle. "
                        "What bounds a1?")  # fmt: skip
        raise Wrong("a2 between −1 and 1 is needed but not enough: two real poles may lie far apart. What bounds a1?")
    if all(stable == (abs(x2) < 1 and abs(x1) < 1) for x1, x2, stable in said):
        raise Wrong("|a1| < 1 is not needed: a slow oscillation has a1 near −2. What bounds a1 depends on a2.")
    what = "stable" if stable else "unstable"
    raise Wrong(f"you call a1 = {a1:.2f}, a2 = {a2:.2f} {what}; 400 samples after a click it is at {last:.2g}.")


EXERCISES = [
    Exercise(
        "filters-1",
        _judge_lowpass,
        ("First ω in rad/sample, then alpha = sin(ω) / (2·q).",
         "b = (1 − cos ω)/2 · [1, 2, 1], a = [1 + alpha, −2 cos ω, 1 − alpha]; then divide by a[0]."),
        lowpass_sections,
        "Six numbers, five of them free. Cutoff and q move them all: that is why they are learned, and not b and a.",
    ),
    Exercise(
        "filters-2",
        _judge_stable,
        ("The poles are the roots of z² + a1·z + a2. Their product is a2.",
         "The stable pairs fill a triangle: |a2| < 1 and |a1| < 1 + a2."),
        is_stable,
        "Complex poles have squared radius a2; real ones leave the circle through +1 or −1 when |a1| reaches 1 + a2.",
    ),
]  # fmt: skip


def _in_hz(cutoff: float, q: float, rate: float) -> tuple[Tensor, Tensor]:
    return lowpass_sections(cutoff, q, 2 * math.pi)


def _undivided(cutoff: float, q: float, rate: float) -> tuple[Tensor, Tensor]:
    b, a = lowpass_sections(cutoff, q, rate)
    a0 = 1 + math.sin(2 * math.pi * cutoff / rate) / (2 * q)
    return b * a0, a * a0


MISTAKES = {
    "filters-1": [
        (_in_hz, "rad/sample"),
        (_undivided, "divide all six"),
        (lambda f, q, r: lowpass_sections(f, q / 2, r), "twice too large"),
    ],
    "filters-2": [
        (lambda a1, a2: abs(a2) < 1, "What bounds a1"),
        (lambda a1, a2: abs(a1) < 2 and abs(a2) < 1, "What bounds a1"),
        (lambda a1, a2: not is_stable(a1, a2), "after a click"),
    ],
}
