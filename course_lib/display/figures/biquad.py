"""One filter of the Audio EQ Cookbook: its response, its poles and zeros, and what it does to sounds."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.numbers import f64, logspace
from course_lib.effects.biquads import BIQUADS, biquad_coefficients, pole_radius
from course_lib.effects.cascade import biquad_response

RATE = 16_000
LOW, HIGH, POINTS = 20, 7900, 240  # Hz, of the response


def twin(state: State) -> dict[str, Any]:
    """Coefficients, response, poles and zeros of a cookbook filter, and how long it rings."""
    b, a = biquad_coefficients(
        state["filter"], f64(state["frequency_hz"]), RATE, q=f64(state["q"]), gain_db=f64(state["gain_db"])
    )
    frequencies = logspace(LOW, HIGH, POINTS)

    def level(hz: list[float]) -> list[float]:
        return (20 * torch.log10(biquad_response(b, a, f64(hz), RATE).abs().clamp(min=1e-6))).tolist()

    def roots(c: Tensor) -> list[list[float]]:
        first, second, third = c.tolist()
        if abs(first) < 1e-12:
            return []
        half = -second / (2 * first)
        inner = half * half - third / first
        r = math.sqrt(abs(inner))
        return [[half, r], [half, -r]] if inner < 0 else [[half + r, 0.0], [half - r, 0.0]]

    radius = float(pole_radius(a))
    return {
        "coefficients": [*b.tolist(), *a.tolist()[1:]],
        "frequencies": frequencies,
        "response": level(frequencies),
        "poles": roots(a),
        "zeros": roots(b),
        "radius": radius,
        "here": level([state["frequency_hz"]])[0],
        "ring_ms": 1000 * math.log(1000) / (-math.log(radius) * RATE),
    }


KIND = Kind(
    title="A biquad",
    about="One filter of the Audio EQ Cookbook: drag its frequency, its gain or Q; its response, its poles and zeros "
    "on the unit circle, and what it does to a saw, to noise and to clicks.",
    fields={
        "filter": Choice("lowpass", BIQUADS),
        "frequency_hz": Number(800, 30, 7500),
        "q": Number(4, 0.2, 40),
        "gain_db": Number(9, -24, 24),
    },
    twin=twin,
    play_db=-10,
)
