"""The turning hand: its height is a sine, its shadow a cosine, and both together are e^{iφ}."""

from __future__ import annotations

import math
from typing import Any

from course_lib.core.phase import instantaneous_phase
from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.oscillator import sinusoid

SHOWN_MS = 8


def twin(state: State) -> dict[str, Any]:
    """Height at every sample; turns, height and shadow at the chosen time; how far the hand turns in a sample."""
    rate, f, a = state["sample_rate"], f64(state["frequency_hz"]), f64(state["amplitude"])
    n = SHOWN_MS * rate // 1000
    turns = state["frequency_hz"] * state["at_ms"] / 1000
    return {
        "samples": sinusoid(f, a, n_samples=n, sample_rate=rate).tolist(),
        "turns": turns,
        "height": state["amplitude"] * math.sin(2 * math.pi * turns),
        "shadow": state["amplitude"] * math.cos(2 * math.pi * turns),
        "step_rad": float(instantaneous_phase(f.expand(2), rate)[1]),
    }


KIND = Kind(
    title="The turning hand",
    about="A hand turns in a circle. Its height over time is a sine, its shadow on the ground a cosine; they are the "
    "imaginary and the real part of one complex number.",
    play_db=-15,
    fields={
        "at_ms": Number(2.4, 0, SHOWN_MS),
        "frequency_hz": Number(250, 50, 1000, whole=True),
        "amplitude": Number(0.8, 0, 1),
        "sample_rate": Choice(8000, (8000, 16_000)),
    },
    twin=twin,
)
