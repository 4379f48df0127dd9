"""Exercises of the chapter "Noise through a filter"."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def white_noise(n_samples: int, generator: torch.Generator) -> Tensor:
    """Uniform noise of mean 0 and RMS 1, drawn from the generator."""
    return math.sqrt(3) * (2 * torch.rand(n_samples, generator=generator) - 1)


def _judge_white_noise(answer: Any) -> str:
    n, state = 40_000, torch.get_rng_state()

    def noise(seed: int) -> Tensor:
        return expect_tensor(call(answer, n, torch.Generator().manual_seed(seed)), (n,))

    try:
        first, again, other = noise(5), noise(5), noise(6)
        if not torch.equal(state, torch.get_rng_state()) or not torch.equal(first, again):
            raise Wrong("the same seed must give the same noise: draw from the generator you are given.")
    finally:
        torch.set_rng_state(state)  # a check leaves nothing behind
    if torch.equal(first, other):
        raise Wrong("another seed gives the same noise: draw from the generator you are given, seed none yourself.")
    mean, rms = float(first.mean()), float(first.square().mean().sqrt())
    centred = first - mean
    neighbours = float((centred[1:] * centred[:-1]).mean() / centred.square().mean().clamp(min=1e-12))
    if abs(neighbours) > 0.04:
        raise Wrong(f"neighbouring samples go together (their mean product is {neighbours:.2f}): that is not white.")
    if abs(mean) > 0.04:  # chance: 8 standard errors of a noise of RMS 1
        raise Wrong(
            f"the mean is {mean:.2f}, not 0. torch.rand draws from 0 to 1: the filter would pass that on as DC."
        )
    if abs(rms - 1) > 0.03:
        more = " From −1 to 1 a uniform noise has an RMS of 1/√3." if abs(rms - 3**-0.5) < 0.01 else ""
        raise Wrong(f"the mean is 0, but the RMS is {rms:.3f}, not 1.{more}")
    # In float32 what is left of a mean taken off is a few billionths; the mean of honest draws, some thousandths.
    if min(abs(float(x.mean())) for x in (first, other)) < 1e-6:
        raise Wrong("each noise is shifted to a mean of exactly 0: then its samples know of each other. It is the "
                    "distribution whose mean must be 0.")  # fmt: skip
    return "mean 0, RMS 1, white, and the seed decides."


def impulse_response(magnitudes: Tensor) -> Tensor:
    """Zero-phase impulse response of band magnitudes (n_bands,), time 0 in the middle, under a Hann window."""
    half = len(magnitudes) - 1
    response = torch.fft.irfft(magnitudes, n=2 * half)  # time 0 first, the past at the end
    return response.roll(half) * torch.hann_window(2 * half, dtype=magnitudes.dtype)


def _judge_impulse_response(answer: Any) -> str:
    generator = torch.Generator().manual_seed(3)
    for n_bands in (3, 9, 65):
        m = torch.rand(n_bands, generator=generator, dtype=torch.float64)
        half = n_bands - 1
        got = expect_tensor(call(answer, m.clone()), (2 * half,))
        # Oracle: a sum of cosines, band by band.
        d = torch.arange(2 * half, dtype=torch.float64) - half
        weight = torch.full((n_bands,), 2.0, dtype=torch.float64)
        weight[0] = weight[-1] = 1.0
        bands = torch.arange(n_bands, dtype=torch.float64)
        plain = (weight * m * torch.cos(math.pi * d[:, None] * bands / half)).sum(-1) / (2 * half)
        window = 0.5 + 0.5 * torch.cos(math.pi * d / half)
        if close(got, plain * window):
            continue
        slips = {
            "right, but for the window: cut so short, the response is a rectangle's and rings between bands.": plain,
            "time 0 stands first and the past at the end, as irfft leaves it: roll it to the middle, "
            "then apply the window.": plain.roll(half),
            "the window's top is in the middle, the response's at the start: you have silenced the loudest "
            "tap. Roll by half first.": plain.roll(half) * window,
            "the right taps, time 0 first; it was asked for in the middle.": (plain * window).roll(half),
            "that window reaches 0 at both ends, so its top lies between two samples. The periodic one, "
            "torch.hann_window's default, has it on time 0.": plain
            * torch.hann_window(2 * half, periodic=False, dtype=torch.float64),
            "that is a Hamming window, which does not reach 0; a Hann window was asked for.": plain
            * torch.hamming_window(2 * half, dtype=torch.float64),
        }
        name_the_slip(got, slips)
        raise Wrong(f"with {n_bands} bands the taps differ from a sum of cosines: {you_give(got, plain * window)}.")
    return "the same as a sum of cosines, one for each band."


def fades(n_frames: int, n_samples: int) -> Tensor:
    """Weights (n_frames, n_samples): frame i counts 1 at sample i·n_samples / n_frames, falling linearly to 0 at its
    neighbours' centres; the last frame is held."""
    at = torch.arange(n_samples, dtype=torch.float64) * n_frames / n_samples  # where each sample lies, in frames
    distance = (at.clamp(max=n_frames - 1) - torch.arange(n_frames, dtype=torch.float64)[:, None]).abs()
    return (1 - distance).clamp(min=0)


def _judge_fades(answer: Any) -> str:
    for n_frames, n in ((4, 40), (1, 7), (5, 5), (10, 1000), (6, 50)):
        got = expect_tensor(call(answer, n_frames, n), (n_frames, n))
        hop = n / n_frames
        oracle = torch.zeros(n_frames, n, dtype=torch.float64)
        for s in range(n):  # sample by sample
            left = min(int(s / hop + 1e-9), n_frames - 1)
            fraction = s / hop - left if left < n_frames - 1 else 0.0
            oracle[left, s] = 1 - fraction
            if fraction:
                oracle[left + 1, s] = fraction
        if close(got, oracle, 1e-5):
            continue
        case = f"{n_frames} frames, {n} samples"
        if bool(((got == 0) | (got == 1)).all()) and hop > 1:
            raise Wrong(f"{case}: every weight is 0 or 1: that is the hard cut from one block to the next.")
        sums, last = got.sum(0), int((n_frames - 1) * hop + 1e-9)
        off = (sums - 1).abs() > 1e-4
        if bool(off.any()) and not bool(off[: last + 1].any()):
            raise Wrong(f"{case}: after the last centre, sample {last}, the weights sum to {float(sums[-1]):.2f} in "
                        "the end. Hold the last frame, or the sound fades out.")  # fmt: skip
        if bool(off.any()):
            where = int(off.nonzero()[0])
            raise Wrong(f"{case}: at sample {where} the weights sum to {float(sums[where]):.2f}, not to 1: a steady "
                        "noise would swell and shrink at the frame rate.")  # fmt: skip
        where = int((got - oracle).abs().max(0).values.argmax())
        most = int(oracle[:, where].argmax())
        raise Wrong(f"{case}: they sum to 1, but at sample {where} frame {most} must count {oracle[most, where]:.2f}. "
                    "Frame i is centred on sample i · n_samples / n_frames.")  # fmt: skip
    return "they sum to 1 at every sample, to the very end. A steady noise will not know of the frames."


EXERCISES = [
    Exercise(
        "noise-1",
        _judge_white_noise,
        ("torch.rand(n_samples, generator=generator) is spread evenly over 0 to 1. Stretch it and shift it.",
         "Spread evenly from −a to a, the mean square is a²/3. For which a is that 1?"),
        white_noise,
        "The mean of u² over −a to a is a²/3, so a = √3. The mean is 0 by symmetry: no sample has to be known "
        "for that.",
    ),
    Exercise(
        "noise-2",
        _judge_impulse_response,
        ("torch.fft.irfft(magnitudes) takes the magnitudes for a spectrum without phase. Where is time 0 then?",
         "Time 0 comes first, and negative times at the end. .roll(len(magnitudes) − 1) puts time 0 into the middle, "
         "under the top of torch.hann_window."),
        impulse_response,
        "Real, non-negative and without phase: that is a response symmetric about time 0. The window takes away, "
        "gently, what lies farthest from it.",
    ),
    Exercise(
        "noise-3",
        _judge_fades,
        ("Say where each sample lies in units of frames: s · n_frames / n_samples. Frame i counts 1 − its distance.",
         "Distances beyond 1 count nothing: clamp. And beyond the last centre? Clamp the place, before the distance."),
        fades,
        "Two neighbours share each sample, and what one loses the other gains. After the last centre there is nobody "
        "to share with, so the last frame keeps all.",
    ),
]  # fmt: skip


def _triangles(n_frames: int, n_samples: int, shift: float = 0.0, hold: bool = True) -> Tensor:
    at = torch.arange(n_samples) * n_frames / n_samples - shift
    at = at.clamp(0, n_frames - 1) if hold else at
    return (1 - (at - torch.arange(n_frames)[:, None]).abs()).clamp(min=0)


MISTAKES = {
    "noise-1": [
        (lambda n, g: torch.rand(n, generator=g), "the mean is 0.50"),
        (lambda n, g: 2 * torch.rand(n, generator=g) - 1, "RMS of 1/√3"),
        (lambda n, g: math.sqrt(3) * (2 * torch.rand(n) - 1), "draw from the generator"),
        (lambda n, g: math.sqrt(3) * (2 * torch.rand(n, generator=torch.Generator().manual_seed(0)) - 1),
         "another seed gives the same noise"),
        (lambda n, g: (lambda x: (x - x.mean()) / x.std())(torch.rand(n, generator=g, dtype=torch.float64)),
         "know of each other"),
    ],
    "noise-2": [
        (lambda m: torch.fft.irfft(m), "time 0 stands first"),
        (lambda m: torch.fft.irfft(m).roll(len(m) - 1), "but for the window"),
        (lambda m: torch.fft.irfft(m) * torch.hann_window(2 * (len(m) - 1)), "silenced the loudest tap"),
        (lambda m: torch.fft.irfft(m).roll(len(m) - 1) * torch.hann_window(2 * (len(m) - 1), periodic=False),
         "between two samples"),
        (lambda m: impulse_response(m).roll(len(m) - 1), "asked for in the middle"),
        (lambda m: torch.fft.irfft(m, n=len(m)), "the shape is"),
    ],
    "noise-3": [
        (lambda f, n: (torch.arange(n) * f // n == torch.arange(f)[:, None]).double(), "hard cut"),
        (lambda f, n: _triangles(f, n, hold=False), "Hold the last frame"),
        (lambda f, n: 2 * _triangles(f, n), "sum to 2.00"),
        (lambda f, n: _triangles(f, n, shift=0.5), "is centred on sample"),
        (lambda f, n: _triangles(f, n).T, "transposed"),
    ],
}  # fmt: skip
