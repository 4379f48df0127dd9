"""Python twin of the live figure `phrase_knobs`; see twins.py for what a twin is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.display.knob_phrase import HARMONICS, SETTINGS, TURNED, owners, pitches_hz, renditions
from course_lib.midi_ddsp.note_controls import CONTROLS
from course_lib.synths.tone import ToneControls

SILENT_DB, QUIET_DB, LOUDEST_DB = -127.0, -100.0, -6.0  # the same numbers as in js/phrase_knobs.js
VIBRATO = CONTROLS.index("vibrato")


def knobs(state: Mapping[str, Any]) -> Tensor:
    """(8, 6): what is set by hand, and what the player has elsewhere (below 0)."""
    player = renditions().expression[int(state["player"])]
    own = torch.tensor([state[name] for name in CONTROLS], dtype=torch.float64).T
    return torch.where(own < 0, player, own)


def edited(state: Mapping[str, Any]) -> ToneControls:
    """The phrase's controls after all knobs, float64.

    The differences between the network's renditions are added up in dB: of the level, of each harmonic's share, which
    then sum to 1 again, and of the noise.
    """
    r, own = renditions(), owners()
    wanted, base = knobs(state)[own], r.expression[0][own]
    db, takes = _apart(r.base), _apart(r.turned)
    for take, i in zip(takes, TURNED, strict=True):
        db = db + _between(take, wanted[:, i]) - _between(take, base[:, i])
    sounding = r.base[:, :HARMONICS].amax(-1) > SILENT_DB
    f0 = pitches_hz() * 2 ** (r.wave * wanted[:, VIBRATO] / 12)
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    shares = torch.where(k * f0.unsqueeze(-1) < 8000, 10 ** (db[:, 1 : 1 + HARMONICS] / 20), 0.0)
    amplitude = torch.where(sounding, 10 ** (db[:, 0].clamp(max=LOUDEST_DB) / 20), 0.0)
    noise = torch.where(
        r.base[:, HARMONICS:] > SILENT_DB, 10 ** (db[:, 1 + HARMONICS :].clamp(max=LOUDEST_DB) / 20), 0.0
    )
    return ToneControls(f0, amplitude, shares / shares.sum(-1, keepdim=True), noise)


def _apart(levels: Tensor) -> Tensor:
    """Levels of harmonics and noise (…, 27) as level of all harmonics, their shares, and noise, dB, (…, 28)."""
    total = 20 * torch.log10((10 ** (levels[..., :HARMONICS] / 20)).sum(-1, keepdim=True))
    return torch.cat([total, levels[..., :HARMONICS] - total, levels[..., HARMONICS:]], -1)


def _between(takes: Tensor, value: Tensor) -> Tensor:
    """Renditions (4, n_frames, n) at the settings, at a value (n_frames,): straight lines, the last one prolonged."""
    settings = torch.tensor(SETTINGS, dtype=torch.float64)
    at = (torch.searchsorted(settings, value.contiguous()) - 1).clamp(0, len(SETTINGS) - 2)
    share = (value - settings[at]) / (settings[at + 1] - settings[at])
    frames = torch.arange(takes.shape[1])
    low, high = takes[at, frames], takes[at + 1, frames]
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
