"""Draw the curve that a sine goes through: its harmonics, where they fold at one or two times the rate, its sound."""

from __future__ import annotations

import math
from typing import Any

import torch

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, Numbers, State
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.waveshaper import waveshape

POINTS, K, CYCLE, N, RATE = 33, 60, 1024, 160, 16_000
FLOOR = -80  # dB
CLIP = tuple(round(math.tanh(4 * (2 * j / (POINTS - 1) - 1)), 2) for j in range(POINTS))


def twin(state: State) -> dict[str, Any]:
    """Levels of the harmonics of one cycle, where they lie after folding, which are left, and 10 ms of the sound."""
    turns = torch.arange(CYCLE, dtype=torch.float64) / CYCLE
    cycle = waveshape(state["drive"] * torch.sin(2 * math.pi * turns), f64(state["curve"]))
    lines = torch.fft.rfft(cycle)[1 : K + 1] * (2 / CYCLE)
    levels = torch.where(lines.abs() < 1e-9, 0.0, lines.abs())  # what rounding leaves has no phase
    partials = state["f0_hz"] * torch.arange(1, K + 1, dtype=torch.float64)
    rate = RATE * state["factor"]
    folded = (partials - rate * torch.round(partials / rate)).abs()
    kept = folded < RATE / 2 if state["factor"] > 1 else folded <= RATE / 2
    aliased = (partials >= RATE / 2) & kept
    n = torch.arange(N, dtype=torch.float64).unsqueeze(-1)
    angle = 2 * math.pi * (partials * n % RATE) / RATE + torch.where(levels > 0, lines.angle(), 0.0)
    power = (levels * kept).square()
    share = (power * aliased).sum() / power.sum().clamp(min=1e-18)
    return {
        "levels": levels.tolist(),
        "level_db": amplitude_to_db(levels, floor_db=FLOOR).tolist(),
        "folded": folded.tolist(),
        "kept": kept.tolist(),
        "sound": (levels * kept * torch.cos(angle)).sum(-1).tolist(),
        "alias_db": max(float(FLOOR), 10 * math.log10(float(share) + 1e-12)),
    }


KIND = Kind(
    title="Draw a curve for a sine",
    about="A sine goes through a curve drawn by 33 points: the harmonics that it gains, and those beyond Nyquist that "
    "fold back, at the sample rate or at twice the sample rate with a filter behind it.",
    fields={
        "curve": Numbers(CLIP, -1, 1),
        "drive": Number(0.7, 0.05, 1),
        "f0_hz": Number(1245, 100, 3000, whole=True),
        "point": Number(9, 1, POINTS, whole=True),
        "factor": Choice(1, (1, 2)),
    },
    twin=twin,
    play_db=-16,
)
