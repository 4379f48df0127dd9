"""The six controls where their value is known without measuring, as both variants of the formulas give it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.core.units import midi_to_hz
from course_lib.midi_ddsp.note_controls import (
    VARIANTS,
    Variant,
    attack_noise,
    brightness,
    vibrato,
    volume,
    volume_fluctuation,
    volume_peak_position,
)


def closed_form_cases() -> list[dict[str, Any]]:
    """Every case by name: the expected value, and what each variant gives."""
    t = torch.arange(300, dtype=torch.float64) / 250
    line = torch.linspace(-0.5, 0.5, 300, dtype=torch.float64)
    sine = torch.sin(2 * math.pi * 5.5 * t)
    ramp = 10 ** (torch.linspace(-60, -20, 301, dtype=torch.float64) / 20)
    peak = 1 - (torch.arange(100, dtype=torch.float64) - 30).abs() / 100
    alone = torch.eye(60, dtype=torch.float64)[5].expand(300, -1)

    def bent(semitones: Tensor) -> Tensor:
        return midi_to_hz(69 + semitones)

    # Name, expected value, and the control as a function of the variant.
    cases: list[tuple[str, float, Callable[[Variant], Tensor]]] = [
        ("volume of −60 dB", 0.5, lambda v: volume(torch.full((300,), 1e-3), v)),
        ("volume of −90 dB", 0.0, lambda v: volume(torch.full((300,), 10**-4.5), v)),
        ("fluctuation of a ramp over 40 dB", 40 / math.sqrt(12) * 2.5 / 60, lambda v: volume_fluctuation(ramp, v)),
        ("peak at 30 %", 0.3, lambda v: volume_peak_position(peak)),
        ("vibrato of ±0.2 semitone", 0.75, lambda v: vibrato(bent(0.2 * sine), 69, frame_rate=250, variant=v)),
        ("glide over a semitone", 0.0, lambda v: vibrato(bent(line), 69, frame_rate=250, variant=v)),
        (
            "that glide and ±0.1 semitone",
            0.375,
            lambda v: vibrato(bent(line + 0.1 * sine), 69, frame_rate=250, variant=v),
        ),
        ("vibrato, note of 50 frames", 0.0, lambda v: vibrato(bent(0.2 * sine[:50]), 69, frame_rate=250, variant=v)),
        ("brightness of harmonic 6 alone", 0.5, lambda v: brightness(alone)),
        ("attack noise of −85 dB", 0.5, lambda v: attack_noise(torch.full((20, 65), 10**-4.25), v)),
        ("attack noise of −105 dB", 0.0, lambda v: attack_noise(torch.full((20, 65), 10**-5.25), v)),
    ]
    return [
        # + 0.0 makes a negative zero positive.
        {"case": name, "expected": round(expected, 3)} | {v: round(float(control(v)), 3) + 0.0 for v in VARIANTS}
        for name, expected, control in cases
    ]
