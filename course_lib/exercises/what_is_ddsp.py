"""Exercises of the chapter "What is DDSP?"."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.effects.filters import lowpass_response
from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor


def response_slope(cutoff_hz: float, frequencies_hz: Tensor) -> Tensor:
    """How fast H(f) = 1 / sqrt(1 + (f / cutoff)^4) grows with the cutoff, per Hz, at every frequency."""
    ratio = (frequencies_hz / cutoff_hz) ** 4
    return 2 * ratio / cutoff_hz / (1 + ratio) ** 1.5


def _judge_response_slope(answer: Any) -> str:
    generator = torch.Generator().manual_seed(11)
    for _ in range(5):
        cutoff = 200.0 + 3000.0 * float(torch.rand(1, generator=generator))
        frequencies = 8000.0 * torch.rand(60, generator=generator, dtype=torch.float64)
        oracle = torch.autograd.functional.jacobian(
            lambda c, f=frequencies: lowpass_response(c, f), torch.tensor(cutoff, dtype=torch.float64)
        )
        got, ratio = expect_tensor(call(answer, cutoff, frequencies), (60,)), (frequencies / cutoff) ** 4
        if close(got, oracle, 1e-5):
            continue
        if close(got, -oracle, 1e-5):
            raise Wrong("the sign is turned: a higher cutoff lets more through, so the slope is positive.")
        if close(got, oracle * cutoff, 1e-5):
            raise Wrong("this is the slope per relative change of the cutoff: divide by the cutoff to get it per Hz.")
        if close(got, oracle / 2, 1e-5) or close(got, oracle * 2, 1e-5):
            raise Wrong("out by a factor of 2: the power 4 comes down, and the square root brings one half.")
        if close(got, (1 + ratio) ** -1.5 / 2, 1e-5) or close(got, -((1 + ratio) ** -1.5) / 2, 1e-5):
            raise Wrong("the outer derivative alone: multiply by the derivative of (f / cutoff)^4 by the cutoff.")
        raise Wrong(f"for a cutoff of {cutoff:.0f} Hz you are off by up to {float((got - oracle).abs().max()):.2g}.")
    return "the same as autograd for five random cutoffs."


def to_cutoff(raw: Tensor, low_hz: float, high_hz: float) -> Tensor:
    """Turn any real number into a cutoff between low and high; equal steps in the middle are equal intervals."""
    return low_hz * (high_hz / low_hz) ** torch.sigmoid(raw)


def _judge_to_cutoff(answer: Any) -> str:
    raw = torch.tensor([-30.0, -4.0, -0.5, 0.0, 0.25, 4.0, 30.0], dtype=torch.float64, requires_grad=True)
    for low, high in ((50.0, 8000.0), (100.0, 6400.0)):
        result = call(answer, raw, low, high)
        got, s = expect_tensor(result, (7,)), torch.sigmoid(raw.detach())
        octaves = torch.log2(torch.tensor(high / low, dtype=torch.float64))
        oracle = torch.exp2(torch.log2(torch.tensor(low, dtype=torch.float64)) + octaves * s)
        if close(got, low + (high - low) * s, 1e-6):
            raise Wrong(
                f"equal steps in Hz: raw 0 gives {float(got[3]):.0f} Hz, so nearly all of the range lies in the top "
                "octaves. Interpolate the logarithm."
            )
        if close(got, oracle.flip(0), 1e-6) or close(got, high * (low / high) ** s, 1e-6):
            raise Wrong("upside down: a larger raw number should give a higher cutoff.")
        if bool((got < low * (1 - 1e-6)).any() or (got > high * (1 + 1e-6)).any()):
            raise Wrong(f"it leaves the range: {float(got.min()):.3g} … {float(got.max()):.3g} Hz. Squash raw first.")
        if not isinstance(result, Tensor) or not result.requires_grad:
            raise Wrong("the gradient is cut: use torch functions on `raw`, without detach(), item() or numpy.")
        if bool((torch.autograd.grad(result.sum(), raw)[0][1:6] == 0).any()):
            raise Wrong(
                "a clamp has no slope at its limits, and a knob that is stuck there never learns: use a sigmoid."
            )
        if not close(got.log(), oracle.log(), 1e-6):
            raise Wrong(f"raw 0 should give the middle of the range in octaves, {float(oracle[3]):.0f} Hz, "
                        f"and you give {float(got[3]):.0f} Hz; or the curve is no sigmoid of raw.")  # fmt: skip
    return "always in range, never flat, and an octave is an octave everywhere."


EXERCISES = [
    Exercise(
        "what_is_ddsp-1",
        _judge_response_slope,
        ("Write H as (1 + r)^(−1/2) with r = (f / cutoff)^4, and use the chain rule.",
         "∂H/∂r = −½·(1 + r)^(−3/2), and ∂r/∂cutoff = −4·r / cutoff: two minus signs make a plus."),
        response_slope,
        "The slope is largest near the cutoff itself and fades on both sides: frequencies far from the cutoff have "
        "almost no say in where it should go.",
    ),
    Exercise(
        "what_is_ddsp-2",
        _judge_to_cutoff,
        ("First squash raw to a number s between 0 and 1 that never stops moving: torch.sigmoid.",
         "Then go s of the way from log(low) to log(high): low · (high / low)^s."),
        to_cutoff,
        "Every DDSP system has such a step between its network and its synthesizer: the network may say anything, the "
        "synthesizer hears only what makes sense, and the gradient never stops flowing.",
    ),
]  # fmt: skip

MISTAKES = {
    "what_is_ddsp-1": [
        (lambda c, f: -response_slope(c, f), "the sign is turned"),
        (lambda c, f: response_slope(c, f) * c, "divide by the cutoff"),
        (lambda c, f: response_slope(c, f) / 2, "factor of 2"),
        (lambda c, f: -0.5 * (1 + (f / c) ** 4) ** -1.5, "the outer derivative alone"),
    ],
    "what_is_ddsp-2": [
        (lambda raw, low, high: low + (high - low) * torch.sigmoid(raw), "equal steps in Hz"),
        (lambda raw, low, high: high * (low / high) ** torch.sigmoid(raw), "upside down"),
        (lambda raw, low, high: low * 2**raw, "leaves the range"),
        (lambda raw, low, high: low * (high / low) ** (raw / 6 + 0.5).clamp(0, 1), "a clamp has no slope"),
        (lambda raw, low, high: to_cutoff(raw.detach(), low, high), "the gradient is cut"),
    ],
}
