"""The oscillator: frequency becomes phase, phase becomes sound. 20 ms of both."""

from __future__ import annotations

import math
from typing import Any

import torch

from course_lib.core.phase import instantaneous_phase
from course_lib.display.figures.fields import Kind, Number, State
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.oscillator import sinusoid

N, RATE = 320, 16_000


def twin(state: State) -> dict[str, Any]:
    """Phase, waveform, phase per sample and period."""
    f, start = f64(state["frequency_hz"]), f64(math.radians(state["phase_deg"]))
    phase = instantaneous_phase(f.expand(N), RATE) + start
    return {
        "phase": (torch.remainder(phase + math.pi, 2 * math.pi) - math.pi).tolist(),
        "wave": sinusoid(f, f64(state["amplitude"]), n_samples=N, sample_rate=RATE, initial_phase=start).tolist(),
        "step": 2 * math.pi * state["frequency_hz"] / RATE,
        "period_ms": 1000 / state["frequency_hz"],
    }


KIND = Kind(
    title="Oscillator",
    about="Frequency, amplitude and starting phase of a sine: its waveform, and the phase that climbs and wraps.",
    fields={
        "frequency_hz": Number(220, 20, 2000, whole=True),
        "amplitude": Number(0.7, 0, 1),
        "phase_deg": Number(0, -180, 180),
    },
    twin=twin,
    play_db=-14,
    level_is_taught="the amplitude is one of its three sliders",
)
