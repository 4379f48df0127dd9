"""Three partials over a noise floor: their level as the ear weighs it, and what averaged decibels make of them."""

from __future__ import annotations

import math
from typing import Any

import torch

from course_lib.analysis.loudness import a_weighting_db
from course_lib.display.figures.fields import Kind, Number, Numbers, State

RATE, BINS = 16_000, 256  # the lowest bin is left out: the ear takes nothing of it
LOW, HIGH = 50, 7500  # Hz
LEAST, MOST, EMPTY = -60, -10, -120  # dB


def twin(state: State) -> dict[str, Any]:
    """A spectrum of three partials over noise, A-weighted; its level by power, and by averaging decibels."""
    width = RATE / 2 / BINS
    curve = a_weighting_db(width * torch.arange(1, BINS + 1))
    power = torch.full((BINS,), 10 ** (state["floor_db"] / 10), dtype=torch.float64)
    for hz, db in zip(state["hz"], state["db"], strict=True):
        at = hz / width - 1
        low, part = math.floor(at), at - math.floor(at)
        power[low] += (1 - part) * 10 ** (db / 10)
        power[low + 1] += part * 10 ** (db / 10)
    spectrum = 10 * torch.log10(power)
    return {
        "spectrum_db": spectrum.tolist(),
        "curve_db": curve.tolist(),
        "weighted_db": (spectrum + curve).tolist(),
        "plain": 10 * math.log10(power.sum()),
        "loudness": 10 * math.log10((power * 10 ** (curve / 10)).sum()),
        "averaged": (spectrum + curve).clamp(min=EMPTY).mean().item(),
    }


KIND = Kind(
    title="Weigh, sum, then take decibels",
    about="Three partials over a noise floor: the level as the ear weighs it, and what averaging decibels makes of the "
    "same spectrum.",
    fields={
        "hz": Numbers((250.0, 1000.0, 4000.0), LOW, HIGH),
        "db": Numbers((-20.0, -25.0, -30.0), LEAST, MOST),
        "floor_db": Number(-70, -100, -40),
        "partial": Number(2, 1, 3, whole=True),
    },
    twin=twin,
    level_is_taught="the two sounds are compared by their level",
)
