"""What the page's violin computes, by this library: the same 8-bit weights in the same decoder, in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from course_lib.display.player_weights import INSTRUMENT, Quantised, page_weights
from course_lib.tone_transfer.checkpoint import load_instrument
from course_lib.tone_transfer.model import ToneTransfer

FRAMES, FRAME_RATE, EVERY, SHOWN = 400, 250, 8, 20  # the same numbers as in js/player.js


@cache
def page_model() -> ToneTransfer:
    """The violin with the weights that the page has."""
    model = ToneTransfer(load_instrument(INSTRUMENT)[0].config).double().eval()
    decoder, room = page_weights()
    plain = {name: w.value if isinstance(w, Quantised) else w.double() for name, w in decoder.items()}
    model.decoder.load_state_dict(plain)
    assert model.reverb is not None
    with torch.no_grad():
        model.reverb.impulse_response.copy_(room.value.flatten())
    return model


def curves(state: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Pitch (Hz) and loudness (dB) of every frame, (400,) each, float64."""

    def between(knots: list[float]) -> Tensor:
        k = torch.tensor(knots, dtype=torch.float64)
        x = torch.arange(FRAMES, dtype=torch.float64) / (FRAMES - 1) * (len(knots) - 1)
        i = x.floor().clamp(max=len(knots) - 2).long()
        return k[i] + (k[i + 1] - k[i]) * (x - i)

    n = torch.arange(FRAMES, dtype=torch.float64)
    wave = (n / 60).clamp(max=1.0) * torch.sin(2 * math.pi * 5.5 * n / FRAME_RATE)
    midi = between(state["pitch"]) + state["transpose"] + state["vibrato_cents"] / 100 * wave
    loudness = (between(state["loudness"]) + state["louder_db"]).clamp(-80.0, 0.0)
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0), loudness


@torch.no_grad()
def player(state: Mapping[str, Any]) -> dict[str, Any]:
    """Curves, and what the network makes of them."""
    f0, loudness = curves(state)
    c = page_model().controls(f0, loudness)
    harmonics = (c.amplitude.unsqueeze(-1) * c.distribution)[::EVERY, :SHOWN]
    return {
        "f0": f0.tolist(),
        "loudness": loudness.tolist(),
        "amplitude_db": (20 * torch.log10(c.amplitude)).tolist(),
        "noise_db": (10 * torch.log10(c.noise_magnitudes.square().mean(-1))).tolist(),
        "harmonics_db": (20 * torch.log10(harmonics.clamp(min=1e-12))).clamp(min=-100.0).flatten().tolist(),
    }
