"""Play the violin: the trained decoder, small enough for a page, with 8-bit weights and a scale for each row.

The median control moves by a third of a decibel; the network's memory may let a note set in a few frames off.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.display.figures.fields import Kind, Number, Numbers, State
from course_lib.display.figures.kit.data import as_text
from course_lib.display.figures.kit.numbers import between
from course_lib.tone_transfer.checkpoint import load_instrument
from course_lib.tone_transfer.model import ToneTransfer

INSTRUMENT, ROOM_BLOCK = "violin", 250
RATE, FPS, FRAMES = 16_000, 250, 400  # Hz, frames a second
HOP = RATE // FPS
KNOTS = 17  # of the two curves
VIBRATO_HZ, VIBRATO_IN = 5.5, 60  # frames until it is as wide as it gets
EVERY, SHOWN = 8, 20  # frames a column, and harmonics, of the picture
LOWEST, HIGHEST = 55, 88  # MIDI
LEAST_DB = -80  # of the loudness


class Quantised(NamedTuple):
    """whole: numbers from −127 to 127, the shape of the matrix. scale: one a row."""

    whole: Tensor
    scale: Tensor

    @property
    def value(self) -> Tensor:
        """The matrix that the page computes with, float64."""
        return self.whole.double() * self.scale.double().unsqueeze(-1)


def quantise(matrix: Tensor) -> Quantised:
    """Round each row of a matrix (rows, columns) to 255 steps, as wide as its largest number needs."""
    scale = (matrix.abs().amax(-1) / 127.0).clamp(min=1e-12).float()
    return Quantised((matrix / scale.unsqueeze(-1)).round().clamp(-127, 127).to(torch.int8), scale)


@cache
def page_weights() -> tuple[dict[str, Quantised | Tensor], Quantised]:
    """Weights of the decoder by name, matrices quantised, vectors as they are; and the room in blocks of 250 taps."""
    model, _ = load_instrument(INSTRUMENT)
    tensors = model.decoder.state_dict()
    assert model.reverb is not None
    taps = model.reverb.impulse_response.detach().clone()
    taps[0] = 0.0
    decoder = {name: quantise(value) if value.ndim == 2 else value.float() for name, value in tensors.items()}
    return decoder, quantise(taps.reshape(-1, ROOM_BLOCK))


@cache
def page_data() -> dict[str, Any]:
    """What the script has of the network."""
    config = load_instrument(INSTRUMENT)[0].config
    decoder, room = page_weights()
    grid, plain, names = [], [], []
    for name, value in decoder.items():
        if isinstance(value, Quantised):
            grid.append(value.whole.flatten())
            plain.append(value.scale)
            names.append([name, *value.whole.shape])
        else:
            plain.append(value)
            names.append([name, len(value), 0])
    model: dict[str, Any] = {
        "n_harmonics": config.n_harmonics,
        "n_bands": config.n_bands,
        "tensors": names,
        "grid": as_text(torch.cat(grid)),
        "plain": as_text(torch.cat(plain)),
        "room": as_text(room.whole.flatten()),
        "room_scales": as_text(room.scale),
        "room_block": ROOM_BLOCK,
    }
    return {"MODEL": model}


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


def curves(state: State) -> tuple[Tensor, Tensor]:
    """Pitch (Hz) and loudness (dB) of every frame, (400,) each, float64."""

    n = torch.arange(FRAMES, dtype=torch.float64)
    wave = (n / VIBRATO_IN).clamp(max=1.0) * torch.sin(2 * math.pi * VIBRATO_HZ * n / FPS)
    midi = between(state["pitch"], FRAMES) + state["transpose"] + state["vibrato_cents"] / 100 * wave
    loudness = (between(state["loudness"], FRAMES) + state["louder_db"]).clamp(LEAST_DB, 0.0)
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0), loudness


@torch.no_grad()
def twin(state: State) -> dict[str, Any]:
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


KIND = Kind(
    title="Play the violin",
    about="The trained network of the chapter, in the page: drag its pitch and its loudness curve, see what it plays, "
    "and hear harmonics, noise and room apart.",
    fields={
        "pitch": Numbers((69, 69, 69, 69, 71, 71, 72, 72, 74, 76, 76, 76, 76, 74, 72, 71, 69), LOWEST, HIGHEST),
        "loudness": Numbers(
            (-50, -28, -24, -22, -26, -24, -22, -21, -20, -18, -16, -15, -17, -21, -25, -32, -60), LEAST_DB, 0
        ),
        "transpose": Number(0, -24, 12, whole=True),
        "louder_db": Number(0, -30, 15),
        "vibrato_cents": Number(20, 0, 80),
        "room": Number(1, 0, 3),
        "point": Number(9, 1, KNOTS, whole=True),
    },
    twin=twin,
    play_db=4,
    data=page_data,
)
