"""Python twin of the live figure `phrase_knobs`; see twins.py for what a twin is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.display.knob_phrase import HARMONICS, SETTINGS, owners, pitches_hz, renditions
from course_lib.midi_ddsp.expression import CONTROLS
from course_lib.tone_transfer.decoder import ToneControls

SILENT_DB, QUIET_DB = -127.0, -100.0  # the same numbers as in js/phrase_knobs.js
VIBRATO = CONTROLS.index("vibrato")


def knobs(state: Mapping[str, Any]) -> Tensor:
    """(8, 6): what is set by hand, and what the player has elsewhere (below 0)."""
    player = renditions().expression[int(state["player"])]
    own = torch.tensor([state[name] for name in CONTROLS], dtype=torch.float64).T
    return torch.where(own < 0, player, own)


def edited(state: Mapping[str, Any]) -> ToneControls:
    """The phrase's controls after all knobs, float64: the network's renditions, their differences added up in dB."""
    r, own = renditions(), owners()
    wanted, base = knobs(state)[own], r.expression[0][own]
    db = r.base.clone()
    for i in range(len(CONTROLS)):
        if i != VIBRATO:
            db += _between(r.turned[i], wanted[:, i]) - _between(r.turned[i], base[:, i])
    db = torch.where(r.base > SILENT_DB, db.clamp(max=-6.0), SILENT_DB)
    f0 = pitches_hz() * 2 ** (r.wave * wanted[:, VIBRATO] / 12)
    level = torch.where(db > SILENT_DB, 10 ** (db / 20), 0.0)
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    parts = torch.where(k * f0.unsqueeze(-1) < 8000, level[:, :HARMONICS], 0.0)
    total = parts.sum(-1)
    return ToneControls(
        f0, total, parts / torch.where(total > 0, total, 1.0).unsqueeze(-1), level[:, HARMONICS:]
    )


def _between(turned: Tensor, value: Tensor) -> Tensor:
    """Renditions (3, n_frames, n) at 0, ½ and 1, at a value (n_frames,): straight lines, the last one prolonged."""
    upper = value > SETTINGS[1]
    share = (value - torch.where(upper, SETTINGS[1], SETTINGS[0])) / 0.5
    low, high = (torch.where(upper.unsqueeze(-1), turned[a], turned[b]) for a, b in ((1, 0), (2, 1)))
    return low + share.unsqueeze(-1) * (high - low)


def phrase_knobs(state: Mapping[str, Any]) -> dict[str, Any]:
    """Curves of the figure, and what is read off the chosen note."""
    c = edited(state)
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    level = 20 * torch.log10(c.amplitude.clamp(min=1e-6))
    centroid = (c.distribution * k).sum(-1)
    cents = 1200 * torch.log2(c.f0_hz / pitches_hz())
    here = (owners() == state["note"] - 1) & (level > QUIET_DB)
    return {
        "knobs": knobs(state).flatten().tolist(),
        "f0": c.f0_hz.tolist(),
        "level_db": level.tolist(),
        "noise_db": (20 * torch.log10(c.noise_magnitudes.square().mean(-1).sqrt().clamp(min=1e-7))).tolist(),
        "mean_db": float(level[here].mean()) if bool(here.any()) else -120.0,
        "centroid": float(centroid[here].mean()) if bool(here.any()) else 0.0,
        "cents": float(cents[owners() == state["note"] - 1].abs().max()),
    }
