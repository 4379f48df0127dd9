"""Exercises of the chapter "A differentiable oscillator"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def phase_of(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    """Phase in radians at every sample: the sum of all steps before it."""
    turns = frequency_hz / sample_rate  # Hz → turns per sample
    before = torch.cumsum(turns, dim=-1) - turns  # the sum over m < n: sample 0 starts at 0
    return 2 * math.pi * before


def _inclusive(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return 2 * math.pi * torch.cumsum(frequency_hz / sample_rate, -1)


def _in_turns(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return phase_of(frequency_hz, sample_rate) / (2 * math.pi)


def _in_degrees(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return phase_of(frequency_hz, sample_rate) * 180 / math.pi


def _product(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return 2 * math.pi * frequency_hz * torch.arange(len(frequency_hz), dtype=frequency_hz.dtype) / sample_rate


def _without_rate(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    return phase_of(frequency_hz, sample_rate) * sample_rate


def _same_angle(phase: Tensor, other: Tensor) -> bool:
    """Whether two phases agree up to whole turns, as exactly as a running sum in float32 can."""
    return bool((torch.exp(1j * phase) - torch.exp(1j * other)).abs().max() < 1e-3)


def _judge_phase_of(answer: Any) -> str:
    generator = torch.Generator().manual_seed(11)
    for rate in (8000, 16000, 44100):
        f = 100 + 900 * torch.rand(200, generator=generator, dtype=torch.float64)
        got = expect_tensor(call(answer, f.clone(), rate), (200,))
        steps, total = [], 0.0
        for hz in f.tolist():  # one sample after the other, as a tape would do it
            steps.append(total)
            total += 2 * math.pi * hz / rate
        oracle = torch.tensor(steps, dtype=torch.float64)
        if _same_angle(got, oracle):
            continue
        if close(got, torch.sin(oracle)):
            raise Wrong("that is the sine already; asked is the phase, which goes into it.")
        if _same_angle(got, -oracle):
            raise Wrong("it turns backwards: a phase grows with time, by 2π · f / f_s a sample.")
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
        if close(got, _in_turns(f, rate)):
            raise Wrong("this is the phase in turns, the 2π is missing: a turn is 2π radians.")
        if _same_angle(got * math.pi / 180, _in_degrees(f, rate) * math.pi / 180):
            raise Wrong("this is the phase in degrees; sin and cos want radians, 2π to a turn and not 360.")
        if close(got, _without_rate(f, rate)):
            raise Wrong("the sample rate is missing: one sample at f Hz advances by f / sample_rate turns.")
        n = int(((got - oracle + math.pi) % (2 * math.pi) - math.pi).abs().gt(1e-3).nonzero()[0])
        raise Wrong(f"adding step by step, at sample {n} {you_give(got[n], oracle[n], 'rad')}.")
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


def _next_held(frames: Tensor, n_samples: int) -> Tensor:
    nearest = (torch.arange(n_samples, dtype=torch.float64) * len(frames) / n_samples).round().long()
    return frames[nearest.clamp(max=len(frames) - 1)]


def _judge_join_frames(answer: Any) -> str:
    generator = torch.Generator().manual_seed(12)
    for n_frames, n_samples in ((5, 40), (7, 100), (3, 3), (1, 6)):
        frames = torch.rand(n_frames, generator=generator, dtype=torch.float64)
        got = expect_tensor(call(answer, frames.clone(), n_samples), (n_samples,))
        at = np.arange(n_frames) * n_samples / n_frames
        oracle = np.interp(np.arange(n_samples), at, frames.numpy())
        if close(got, oracle):
            continue
        staircase = "a staircase: between two frames the value has to move in a straight line."
        slips = {
            "your last frame sits on the last sample, which stretches time. Frame i belongs at sample "
            "i · N / F; the last one is reached earlier, and held.": _ends_aligned(frames, n_samples),
            "your frames sit in the middle of their hop, half a hop late (as torch's interpolate puts them). "
            "Frame 0 belongs at sample 0.": _centres_aligned(frames, n_samples),
            staircase: _held(frames, n_samples),
            staircase + " (Yours jumps half-way.)": _next_held(frames, n_samples),
        }
        name_the_slip(got, slips)
        raise Wrong(f"{n_frames} frames, {n_samples} samples: {you_give(got, oracle)}.")
    return "the same as NumPy's interpolation, also where no number of samples fits between two frames evenly."


def play_blocks(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    """A sine made block by block, hop samples at one frequency each, whose phase goes on from block to block."""
    step = 2 * math.pi * frequency_hz / sample_rate  # Hz → rad/sample
    start = hop * (torch.cumsum(step, dim=0) - step)  # what all blocks before have added up to
    n = torch.arange(hop, dtype=frequency_hz.dtype)
    return torch.sin(start[:, None] + step[:, None] * n).flatten()


def _one_frequency_a_sample(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    return 2 * math.pi * frequency_hz.repeat_interleave(hop) / sample_rate


def _reset(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    n = torch.arange(hop, dtype=frequency_hz.dtype)
    return torch.sin(2 * math.pi * frequency_hz[:, None] * n / sample_rate).flatten()


def _by_time(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    step = _one_frequency_a_sample(frequency_hz, hop, sample_rate)
    return torch.sin(step * torch.arange(len(step), dtype=step.dtype))


def _one_block_ahead(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    step = 2 * math.pi * frequency_hz / sample_rate
    start, n = hop * torch.cumsum(step, dim=0), torch.arange(hop, dtype=step.dtype)
    return torch.sin(start[:, None] + step[:, None] * n).flatten()


def _one_sample_ahead(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    return torch.sin(_one_frequency_a_sample(frequency_hz, hop, sample_rate).cumsum(0))


def _sine_of_degrees(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    return play_blocks(frequency_hz * 180 / math.pi, hop, sample_rate)


def _sine_of_turns(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    return play_blocks(frequency_hz / (2 * math.pi), hop, sample_rate)


def _sine_of_hz(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    return play_blocks(frequency_hz, hop, 2 * math.pi)


def _cosine(frequency_hz: Tensor, hop: int, sample_rate: float) -> Tensor:
    step = _one_frequency_a_sample(frequency_hz, hop, sample_rate)
    return torch.cos(step.cumsum(0) - step)


def _judge_play_blocks(answer: Any) -> str:
    generator = torch.Generator().manual_seed(13)
    known = (
        (
            _reset,
            "the phase is reset at the edge of every block, and clicks: begin each where the last ended.",
        ),
        (_by_time, "frequency times the time since the start is the glide bug: the phase jumps wherever f changes."),
        (_one_block_ahead, "one block ahead: the running sum already counts the block that is about to begin."),
        (_one_sample_ahead, "one sample early: the sum runs over the samples before, so the sound starts with sin 0."),
        (_sine_of_degrees, "these are degrees; torch.sin wants radians, 2π to a turn and not 360."),
        (_sine_of_turns, "the 2π is missing: f / sample_rate counts turns, and torch.sin wants radians."),
        (_sine_of_hz, "Hz went in where rad/sample belong: ω = 2π·f / sample_rate."),
        (_cosine, "a cosine: the sound should start at 0, with sin."),
    )
    for n_blocks, hop, rate in ((5, 40, 8000), (7, 64, 16000), (1, 30, 44100)):
        f = 100 + 900 * torch.rand(n_blocks, generator=generator, dtype=torch.float64)
        got = expect_tensor(call(answer, f.clone(), hop, rate), (n_blocks * hop,))
        samples, phase = [], 0.0
        for hz in f.tolist():  # one sample after the other, and nothing ever begins anew
            for _ in range(hop):
                samples.append(math.sin(phase))
                phase += 2 * math.pi * hz / rate
        oracle = torch.tensor(samples, dtype=torch.float64)
        if close(got, oracle, 1e-3):
            continue
        name_the_slip(got, {message: wrong(f, hop, rate) for wrong, message in known}, 0.05)
        first = int((got - oracle).abs().gt(1e-3).nonzero()[0])
        where = you_give(got[first], oracle[first])
        raise Wrong(f"{n_blocks} blocks of {hop} samples: sample {first} is the first that differs: {where}.")
    return "not a click at any edge: the same as one sine that is never interrupted."


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
    Exercise(
        "oscillator-3",
        _judge_play_blocks,
        ("How far does the phase advance in a whole block? hop times ω, with ω = 2π·f / sample_rate.",
         "Block i starts where all blocks before it have arrived: hop · (cumsum(ω) − ω).",
         "Inside a block, add ω · n for n = 0 … hop − 1; shapes (n_blocks, 1) and (hop,) broadcast to a table."),
        play_blocks,
        "Synthesizers that play while they compute work in blocks, and hand the last phase on to the next one. Forget "
        "that, and every block begins with a click, a buzz at the block rate.",
    ),
]  # fmt: skip

MISTAKES = {
    "oscillator-1": [
        (_inclusive, "one sample early"),
        (_product, "glide bug"),
        (_in_turns, "in turns"),
        (_in_degrees, "in degrees"),
        (_without_rate, "sample rate is missing"),
    ],
    "oscillator-2": [
        (_ends_aligned, "stretches time"),
        (_centres_aligned, "half a hop late"),
        (_held, "staircase"),
    ],
    "oscillator-3": [
        (_reset, "the phase is reset at the edge"),
        (_by_time, "glide bug"),
        (_one_block_ahead, "one block ahead"),
        (_one_sample_ahead, "one sample early"),
        (_sine_of_degrees, "degrees"),
        (_sine_of_turns, "2π is missing"),
        (_sine_of_hz, "Hz went in where rad/sample belong"),
        (_cosine, "a cosine"),
        (lambda f, hop, rate: play_blocks(f, hop, rate) * 0.9, "sample 1 is the first that differs"),
        (lambda f, hop, rate: play_blocks(f, hop, rate).reshape(len(f), hop), "the shape is"),
    ],
}
