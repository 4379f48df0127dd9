"""The trained violin made small enough for a page: 8-bit weights with a scale for each row, as one line of script.

The median control moves by a third of a decibel; the network's memory may let a note set in a few frames off.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

INSTRUMENT, ROOM_BLOCK = "violin", 250


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
    from course_lib.tone_transfer.checkpoint import load_instrument

    model, _ = load_instrument(INSTRUMENT)
    tensors = model.decoder.state_dict()
    assert model.reverb is not None
    taps = model.reverb.impulse_response.detach().clone()
    taps[0] = 0.0
    decoder = {name: quantise(value) if value.ndim == 2 else value.float() for name, value in tensors.items()}
    return decoder, quantise(taps.reshape(-1, ROOM_BLOCK))


@cache
def script() -> str:
    """`const MODEL = {…};` for js/player.js."""
    from course_lib.tone_transfer.checkpoint import load_instrument

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
        "grid": _text(torch.cat(grid)),
        "plain": _text(torch.cat(plain)),
        "room": _text(room.whole.flatten()),
        "room_scales": _text(room.scale),
        "room_block": ROOM_BLOCK,
    }
    return f"const MODEL = {json.dumps(model, separators=(',', ':'))};"


def _text(numbers: Tensor) -> str:
    return base64.b64encode(numbers.contiguous().numpy().tobytes()).decode("ascii")
