"""Exercises of the chapter "What is DDSP?"."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.effects.filters import lowpass_response
from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


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
            lambda c, f=frequencies: lowpass_response(c, frequencies_hz=f), torch.tensor(cutoff, dtype=torch.float64)
        )
        got, ratio = expect_tensor(call(answer, cutoff, frequencies), (60,)), (frequencies / cutoff) ** 4
        if close(got, oracle):
            continue
        outer, twice = (1 + ratio) ** -1.5 / 2, "out by a factor of 2: the power 4 comes down, and the square root "
        alone = "the outer derivative alone: multiply by the derivative of (f / cutoff)^4 by the cutoff."
        slips = {
            "the sign is turned: a higher cutoff lets more through, so the slope is positive.": -oracle,
            "this is the slope per relative change of the cutoff: divide by the cutoff to get it per Hz.": oracle
            * cutoff,
            twice + "brings one half.": oracle / 2,
            twice + "brings ½.": oracle * 2,
            alone: outer,
            alone + " Its sign is −.": -outer,
            "that is the response itself; asked is its slope.": (1 + ratio) ** -0.5,
            "that is the slope by the frequency; asked is the slope by the cutoff.": -oracle * cutoff / frequencies,
        }
        name_the_slip(got, slips)
        raise Wrong(f"for a cutoff of {cutoff:.0f} Hz, by autograd, {you_give(got, oracle)}.")
    return "the same as autograd for five random cutoffs."


def to_cutoff(raw: Tensor, low_hz: float, high_hz: float) -> Tensor:
    """Turn any real number into a cutoff between low and high; equal steps in the middle are equal intervals."""
    return low_hz * (high_hz / low_hz) ** torch.sigmoid(raw)


def _judge_to_cutoff(answer: Any) -> str:
    raw = torch.cat([torch.linspace(-4, 4, 33), torch.tensor([-1e6, -30.0, 30.0, 1e6])]).double().requires_grad_()
    inner, middle = slice(0, 33), 16  # where a gradient is wanted; raw = 0
    for low, high in ((50.0, 8000.0), (100.0, 6400.0)):
        result = call(answer, raw, low, high)
        try:
            got = expect_tensor(result, tuple(raw.shape))
        except Wrong as error:
            if "NaN" not in str(error):
                raise
            if isinstance(result, Tensor) and not bool(result.isnan().any()):
                raise Wrong(
                    "it leaves the range: a raw number of a million gives infinity. Squash raw first."
                ) from error
            raise Wrong("a raw number of a million gives NaN or infinity, and a network may say that: exp overflows "
                        "where torch.sigmoid does not.") from error  # fmt: skip
        said, centre = float(got[middle]), (low * high) ** 0.5
        if abs(said - (low + high) / 2) < 1e-4 * high:
            raise Wrong(
                f"equal steps in Hz: raw 0 gives {said:.0f} Hz, so nearly all of the range lies in the top "
                "octaves. Interpolate the logarithm."
            )
        if abs(said - centre) > 1e-4 * centre and said < low * 1.0001:
            raise Wrong(f"raw 0 should give the middle of the range in octaves, and not its end, the 0 in the middle: "
                        f"{you_give(said, centre, 'Hz')}.")  # fmt: skip
        if bool((got[inner].diff() <= 0).all()) and float(got[32]) < float(got[0]):
            raise Wrong("upside down: a larger raw number should give a higher cutoff.")
        if bool((got < low * (1 - 1e-4)).any() or (got > high * (1 + 1e-4)).any()):
            raise Wrong(f"it leaves the range: {float(got.min()):.3g} … {float(got.max()):.3g} Hz. Squash raw first.")
        if not isinstance(result, Tensor) or not result.requires_grad:
            raise Wrong("the gradient is cut: use torch functions on `raw`, without detach(), item() or numpy.")
        slope = torch.autograd.grad(result.sum(), raw, allow_unused=True)[0]
        if slope is None:
            raise Wrong("the gradient is cut: what you return does not depend on `raw`.")
        if not bool(torch.isfinite(slope[inner]).all()):
            raise Wrong("the gradient is NaN or infinite at some raw number between −4 and 4.")
        if bool((slope[inner] < 0).any() or (got[inner].diff() < 0).any()):
            raise Wrong("it does not always rise with raw: somewhere a larger raw number makes the cutoff fall.")
        if bool((slope[inner] == 0).any()):
            raise Wrong(
                "a clamp has no slope at its limits, and a knob that is stuck there never learns: use a sigmoid."
            )
        if abs(said - centre) > 1e-4 * centre:
            raise Wrong(f"raw 0 should give the middle of the range in octaves: {you_give(said, centre, 'Hz')}.")
        if float(got.min()) > 1.01 * low or float(got.max()) < 0.99 * high:
            raise Wrong(f"not every cutoff of the range can be reached: ± a million give {float(got.min()):.0f} "
                        f"and {float(got.max()):.0f} Hz.")  # fmt: skip
    return "always in range, never flat, and the middle is where the ear has it."


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
