"""Two seconds of a trumpet as the inference network heard them, small enough for a page: levels in half decibels."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.clips import data_path, load_audio

PIECE, EVERY, FRAMES, FIRST = "trumpet/trumpet_test_00", 2, 250, 0  # every second frame: 125 a second
STEP_DB = 0.5


class Phrase(NamedTuple):
    """What the page has: f0_hz (250,), and levels in dB, harmonics (250, 60) and noise (250, 65), float64."""

    f0_hz: Tensor
    harmonics_db: Tensor
    noise_db: Tensor


@cache
def _rounded() -> tuple[Tensor, Tensor]:
    """Pitch (250,), float32, and levels (250, 125), uint8: half decibels above −127.5 dB."""
    from course_lib.midi_ddsp.hear import hear

    audio, _ = load_audio(data_path(f"midi_ddsp/performances/{PIECE}.flac"), 16_000, mono=True)
    controls = hear(audio, 16_000, [], instrument="trumpet").controls
    chosen = slice(FIRST, FIRST + EVERY * FRAMES, EVERY)
    harmonics = controls.amplitude.unsqueeze(-1) * controls.distribution
    levels = 20 * torch.log10(torch.cat([harmonics, controls.noise_magnitudes], -1).clamp(min=1e-7))
    return controls.f0_hz[chosen], (255 + levels[chosen] / STEP_DB).round().clamp(0, 255).to(torch.uint8)


@cache
def phrase() -> Phrase:
    """The numbers behind the page's figure, after rounding."""
    f0, levels = _rounded()
    db = (levels.double() - 255) * STEP_DB
    return Phrase(f0.double(), db[:, :60], db[:, 60:])


@cache
def script() -> str:
    """`const HEARD = {…};` for js/taken_apart.js."""
    f0, levels = _rounded()
    heard = {"f0": _text(f0), "levels": _text(levels)}
    return f"const HEARD = {json.dumps(heard, separators=(',', ':'))};"


def _text(numbers: Tensor) -> str:
    return base64.b64encode(numbers.contiguous().numpy().tobytes()).decode("ascii")
