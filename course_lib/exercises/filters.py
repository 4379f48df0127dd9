"""Exercises of the chapter "Filters you can train"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor


def lowpass_sections(cutoff_hz: float, q: float, sample_rate: float) -> tuple[Tensor, Tensor]:
    """The cookbook's low-pass: b and a, three numbers each, a[0] = 1."""
    omega = 2 * math.pi * cutoff_hz / sample_rate  # Hz → rad/sample
    alpha = math.sin(omega) / (2 * q)
    b = torch.tensor([(1 - math.cos(omega)) / 2, 1 - math.cos(omega), (1 - math.cos(omega)) / 2])
    a = torch.tensor([1 + alpha, -2 * math.cos(omega), 1 - alpha])
    return b / a[0], a / a[0]


def _judge_lowpass(answer: Any) -> str:
    from scipy.signal import freqz

    rng = np.random.default_rng(21)
    for _ in range(5):
        cutoff, q = float(rng.uniform(200, 6000)), float(rng.uniform(0.4, 5))
        result = call(answer, cutoff, q, 16000.0)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise Wrong("return two tensors: b and a.")
        b, a = (expect_tensor(value, (3,)).double() for value in result)
        if bool(torch.isnan(b).any() or torch.isnan(a).any()):
            raise Wrong("there are NaN among the coefficients.")
        if abs(float(a[0]) - 1) > 1e-6:
            raise Wrong(f"a[0] is {float(a[0]):.3f}: divide all six numbers by it.")
        level = np.abs(freqz(b.numpy(), a.numpy(), worN=[0.0, cutoff], fs=16000.0)[1])
        if abs(level[0] - 1) < 1e-4 and abs(level[1] - q) < 1e-3 * q + 1e-4 and abs(float(b[1] - 2 * b[0])) < 1e-5:
            continue
        true_b, true_a = lowpass_sections(cutoff, q, 16000.0)
        for name, omega in (("Hz", cutoff), ("cycles/sample (2π is missing)", cutoff / 16000)):
            if abs(float(a[1] / (1 + math.sin(omega) / (2 * q))) * 1.0) and close(
                a[1], torch.tensor(-2 * math.cos(omega) / (1 + math.sin(omega) / (2 * q))).double(), 1e-4
            ):
                raise Wrong(f"the frequency went in as {name}; sine and cosine want rad/sample, 2π·f/sample_rate.")
        if close(a, true_a.double(), 1e-5) and not close(b, true_b.double(), 1e-5):
            raise Wrong(
                f"a is right; b is not: at 0 Hz the filter should let everything through, yours has {level[0]:.3f}."
            )
        wide = math.sin(2 * math.pi * cutoff / 16000) / q
        if close(a[1], torch.tensor(-2 * math.cos(2 * math.pi * cutoff / 16000) / (1 + wide)).double(), 1e-5):
            raise Wrong("alpha is twice too large: it is sin(ω) / (2·q).")
        raise Wrong(f"at {cutoff:.0f} Hz with q = {q:.2f} the level should be q; yours is {level[1]:.3f}.")
    return "SciPy measures 1 at 0 Hz and q at the cutoff, for five random filters."


def is_stable(a1: float, a2: float) -> bool:
    """Does y[n] = x[n] − a1·y[n−1] − a2·y[n−2] die away when the input stops?"""
    return abs(a2) < 1 and abs(a1) < 1 + a2


def _judge_stable(answer: Any) -> str:
    from scipy.signal import lfilter

    rng = np.random.default_rng(22)
    wrong = []
    for _ in range(60):
        a1, a2 = float(rng.uniform(-2.2, 2.2)), float(rng.uniform(-1.3, 1.3))
        radius = float(np.abs(np.roots([1, a1, a2])).max())
        if abs(radius - 1) < 0.02:
            continue
        got = bool(call(answer, a1, a2))
        if got != (radius < 1):
            wrong.append((a1, a2, got))
    if not wrong:
        return "the same as the roots of z² + a1·z + a2 say, for sixty random filters."
    a1, a2, got = wrong[0]
    last = abs(lfilter([1.0], [1.0, a1, a2], np.eye(1, 400)[0])[-1])
    if all(verdict and abs(x2) < 1 for _, x2, verdict in wrong):
        raise Wrong("a2 between −1 and 1 is needed but not enough: two real poles may lie far apart. What bounds a1?")
    if all(verdict and abs(x1) < 2 for x1, _, verdict in wrong):
        raise Wrong("a1 between −2 and 2 is needed but not enough: look at both edges of the triangle.")
    what = "stable" if got else "unstable"
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
