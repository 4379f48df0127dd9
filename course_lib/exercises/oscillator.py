"""Exercises of the chapter "A differentiable oscillator"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor


def phase_of(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    """Phase in radians at every sample: the sum of all steps before it."""
    turns = frequency_hz / sample_rate  # Hz → turns per sample
    before = torch.cumsum(turns, dim=-1) - turns  # the sum over m < n: sample 0 starts at 0
    return 2 * math.pi * before


def _inclusive(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return 2 * math.pi * torch.cumsum(frequency_hz / sample_rate, -1)


def _in_turns(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return phase_of(frequency_hz, sample_rate) / (2 * math.pi)


def _product(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return 2 * math.pi * frequency_hz * torch.arange(len(frequency_hz), dtype=frequency_hz.dtype) / sample_rate


def _without_rate(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return phase_of(frequency_hz, sample_rate) * sample_rate


def _same_angle(phase: Tensor, other: Tensor) -> bool:
    """Whether two phases agree up to whole turns."""
    return bool((torch.exp(1j * phase) - torch.exp(1j * other)).abs().max() < 1e-6)


def _judge_phase_of(answer: Any) -> str:
    generator = torch.Generator().manual_seed(11)
    for rate in (8000, 16000, 44100):
        f = 100 + 900 * torch.rand(200, generator=generator, dtype=torch.float64)
        got = expect_tensor(call(answer, f.clone(), rate), (200,))
        oracle, total = [], 0.0
        for hz in f.tolist():  # one sample after the other, as a tape would do it
            oracle.append(total)
            total += 2 * math.pi * hz / rate
        if _same_angle(got, torch.tensor(oracle, dtype=torch.float64)):
            continue
        if _same_angle(got, _inclusive(f, rate)):
            raise Wrong(
                "one sample early: sample 0 already holds its own step. The sum runs over m < n, so the phase starts "
                "at 0: take the step itself off the running sum."
            )
        if _same_angle(got, _product(f, rate)):
            raise Wrong(
                "this multiplies frequency by time, which is the glide bug: it is right only while the frequency "
                "never changes. Add up the steps instead."
            )
        if _same_angle(got, _in_turns(f, rate)):
            raise Wrong("this is the phase in turns; a turn is 2π radians.")
        if close(got, _without_rate(f, rate), 1e-9):
            raise Wrong("the sample rate is missing: one sample at f Hz advances by f / sample_rate turns.")
        raise Wrong(f"after 3 samples you are at {float(got[3]):.4f} rad, adding step by step gives {oracle[3]:.4f}.")
    return "the same angles as adding step by step, at three sample rates."


def join_frames(frames: Tensor, n_samples: int) -> Tensor:
    """Linear interpolation, frame i at sample i · n_samples / n_frames, the last frame held."""
    position = torch.arange(n_samples, dtype=frames.dtype) * len(frames) / n_samples  # in frames
    left = position.floor().long()
    right = (left + 1).clamp(max=len(frames) - 1)
    return frames[left] + (position - left) * (frames[right] - frames[left])


def _ends_aligned(frames: Tensor, n_samples: int) -> Tensor:
    return torch.nn.functional.interpolate(frames[None, None], n_samples, mode="linear", align_corners=True)[0, 0]


def _centres_aligned(frames: Tensor, n_samples: int) -> Tensor:
    return torch.nn.functional.interpolate(frames[None, None], n_samples, mode="linear", align_corners=False)[0, 0]


def _held(frames: Tensor, n_samples: int) -> Tensor:
    return frames[(torch.arange(n_samples) * len(frames)) // n_samples]


def _judge_join_frames(answer: Any) -> str:
    generator = torch.Generator().manual_seed(12)
    for n_frames, n_samples in ((5, 40), (7, 100), (3, 3), (1, 6)):
        frames = torch.rand(n_frames, generator=generator, dtype=torch.float64)
        got = expect_tensor(call(answer, frames.clone(), n_samples), (n_samples,))
        at = np.arange(n_frames) * n_samples / n_frames
        oracle = np.interp(np.arange(n_samples), at, frames.numpy())
        if close(got, oracle, 1e-9):
            continue
        if close(got, _ends_aligned(frames, n_samples), 1e-6):
            raise Wrong(
                "your last frame sits on the last sample, which stretches time. Frame i belongs at sample "
                "i · N / F; the last one is reached earlier, and held."
            )
        if close(got, _centres_aligned(frames, n_samples), 1e-6):
            raise Wrong(
                "your frames sit in the middle of their hop, half a hop late (as torch's interpolate puts them). "
                "Frame 0 belongs at sample 0."
            )
        if close(got, _held(frames, n_samples), 1e-9):
            raise Wrong("a staircase: between two frames the value has to move in a straight line.")
        raise Wrong(f"{n_frames} frames, {n_samples} samples: you end at {float(got[-1]):.4f}, not {oracle[-1]:.4f}.")
    return "the same as NumPy's interpolation, also where no number of samples fits between two frames evenly."


EXERCISES = [
    Exercise(
        "oscillator-1",
        _judge_phase_of,
        ("How far does the phase advance in one sample, in turns? Add those steps up with torch.cumsum.",
         "torch.cumsum includes the sample itself; the phase at sample n is what happened before it."),
        phase_of,
        "Frequency is the speed of the phase; the phase is the sum of all speeds before now. Whole turns may be left "
        "in or out: sin cannot tell.",
    ),
    Exercise(
        "oscillator-2",
        _judge_join_frames,
        ("Where does sample n lie, counted in frames? At n · F / N.",
         "Its whole part is the frame on the left, its fraction is how far the value has moved to the next frame; "
         "the frame on the right never goes beyond the last."),
        join_frames,
        "One convention for where frames sit, used everywhere, keeps f0, loudness and sound in step. Libraries differ "
        "here by half a hop or more, which is heard as a late attack.",
    ),
]  # fmt: skip

MISTAKES = {
    "oscillator-1": [
        (_inclusive, "one sample early"),
        (_product, "glide bug"),
        (_in_turns, "in turns"),
        (_without_rate, "sample rate is missing"),
    ],
    "oscillator-2": [
        (_ends_aligned, "stretches time"),
        (_centres_aligned, "half a hop late"),
        (_held, "staircase"),
    ],
}
