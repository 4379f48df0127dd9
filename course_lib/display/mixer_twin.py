"""Python twin of the live figure `mixer`; see twins.py for what a twin is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.display.mixer_stems import FRAMES, amplitude, controls_of, stems
from course_lib.effects.fir import shape_noise
from course_lib.midi_ddsp.playing.ensemble import mix, pan_gain
from course_lib.synths.harmonic import harmonic_synth

RATE, HOP, EVERY, SILENT, OFF_DB = 16_000, 256, 5, 8, -30.0  # the same numbers as in js/mixer.js
APART = (0.4, 1.0, 0.0, 0.7)


def mixer(state: Mapping[str, Any]) -> dict[str, Any]:
    """What reaches each ear from each voice, and the levels that follow."""
    gains = _gains(state)
    power = torch.stack([amplitude(stem.harmonics_db).square().sum(-1) / 2 for stem in stems()])[:, ::EVERY]
    ears = gains.square().T @ power
    level = 10 * torch.log10(ears.sum(-1) + 1e-9)
    loudness = gains.square().sum(-1, keepdim=True) * power
    return {
        "left": gains[:, 0].tolist(),
        "right": gains[:, 1].tolist(),
        "late": _late(state),
        "voices_db": _level_db(loudness).flatten().tolist(),
        "left_db": _level_db(ears[0]).tolist(),
        "right_db": _level_db(ears[1]).tolist(),
        "balance_db": float(level[1] - level[0]),
    }


def mixer_sound(state: Mapping[str, Any], white: Tensor) -> Tensor:
    """What is heard, (2, n_samples), before the page makes it louder.

    Args:
        state: of the figure.
        white: the page's noise, long enough for the last voice, which begins 24 frames into it.
    """
    voices = []
    for v, stem in enumerate(stems()):
        c = controls_of(stem, state["pitch"])
        tone = harmonic_synth(c.f0_hz, c.amplitude, c.distribution, FRAMES * HOP, RATE)
        front = torch.zeros(SILENT * v, c.noise_magnitudes.shape[-1], dtype=torch.float64)
        magnitudes = torch.cat([front, c.noise_magnitudes])
        breath = shape_noise(white[: len(magnitudes) * HOP], magnitudes)[SILENT * v * HOP :]
        late = _late(state)[v]
        voices.append(torch.cat([torch.zeros(late, dtype=tone.dtype), tone + breath])[: FRAMES * HOP])
    heard = [v for v, db in enumerate(state["gains_db"]) if db > OFF_DB]
    return mix(
        torch.stack(voices)[heard],
        pans=[state["pans"][v] for v in heard],
        gains_db=[state["gains_db"][v] for v in heard],
    )


def _gains(state: Mapping[str, Any]) -> Tensor:
    """(4, 2)."""
    db = torch.tensor(state["gains_db"], dtype=torch.float64)
    levels = torch.where(db > OFF_DB, 10.0 ** (db / 20), 0.0)
    return levels.unsqueeze(-1) * pan_gain(torch.tensor(state["pans"], dtype=torch.float64))


def _late(state: Mapping[str, Any]) -> list[int]:
    return [math.floor(a * state["apart_ms"] * 16 + 0.5) for a in APART]


def _level_db(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=1e-12))
