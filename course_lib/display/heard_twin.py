"""What the page computes of the phrase that was taken apart, by this library's own numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.core.units import amplitude_to_db
from course_lib.display.heard_phrase import phrase
from course_lib.synths.tone import ToneControls

SILENT_DB, SHOWN, EVERY = -127.0, 30, 3  # the same numbers as in js/taken_apart.js


def changed(state: Mapping[str, Any]) -> ToneControls:
    """The phrase's controls after all sliders, float64."""
    heard = phrase()
    harmonics, noise = _amplitude(heard.harmonics_db), _amplitude(heard.noise_db)
    level = amplitude_to_db(harmonics.sum(-1))
    loud = level > -70
    swell_db = torch.where(loud, (state["swell"] - 1) * (level - level[loud].mean()), 0.0)
    k = torch.arange(1, harmonics.shape[-1] + 1, dtype=torch.float64)
    f0 = heard.f0_hz * 2.0 ** (state["transpose"] / 12)
    kept = (k <= state["kept"]) & (k * f0.unsqueeze(-1) < 8000)
    tilt_db = state["bright_db"] * torch.log2(k)
    parts = torch.where(kept, harmonics * 10 ** ((swell_db.unsqueeze(-1) + tilt_db) / 20), 0.0)
    amplitude = parts.sum(-1)
    shares = parts / torch.where(amplitude > 0, amplitude, 1.0).unsqueeze(-1)
    return ToneControls(f0, amplitude, shares, noise * 10 ** (state["noise_db"] / 20))


def taken_apart(state: Mapping[str, Any]) -> dict[str, Any]:
    """Curves and picture of the figure."""
    c = changed(state)
    k = torch.arange(1, c.distribution.shape[-1] + 1, dtype=torch.float64)
    picture = (c.amplitude.unsqueeze(-1) * c.distribution)[::EVERY, :SHOWN]
    return {
        "f0": c.f0_hz.tolist(),
        "level_db": amplitude_to_db(c.amplitude).tolist(),
        "noise_db": amplitude_to_db(c.noise_magnitudes.square().mean(-1).sqrt()).tolist(),
        "centroid": (c.distribution * k).sum(-1).tolist(),
        "picture_db": amplitude_to_db(picture).flatten().tolist(),
    }


def _amplitude(level_db: Tensor) -> Tensor:
    return torch.where(level_db > SILENT_DB, torch.exp(level_db * (math.log(10) / 20)), 0.0)
