"""Two seconds of a trumpet as the inference network heard them, small enough for a page: levels in half decibels.

`python -m course_lib.benchmark inference OUT --part phrase` hears it anew.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.sounds.clips import data_path, load_audio

PIECE, EVERY, FRAMES = "trumpet/trumpet_test_00", 2, 250  # every second frame: 125 a second
STEP_DB = 0.5


class Phrase(NamedTuple):
    """What the page has: f0_hz (250,), and levels in dB, harmonics (250, 60) and noise (250, 65), float64."""

    f0_hz: Tensor
    harmonics_db: Tensor
    noise_db: Tensor


def hear_phrase() -> tuple[np.ndarray, np.ndarray]:
    """Hear the phrase anew: f0_hz (250,), float32, and levels (250, 125), uint8, half decibels above −127.5 dB."""
    from course_lib.midi_ddsp.hearing.listener import hear

    audio, _ = load_audio(data_path(f"midi_ddsp/performances/{PIECE}.flac"), 16_000, mono=True)
    controls = hear(audio, 16_000, [], instrument=PIECE.split("/")[0]).controls
    chosen = slice(0, EVERY * FRAMES, EVERY)
    harmonics = controls.amplitude.unsqueeze(-1) * controls.distribution
    levels = 20 * torch.log10(torch.cat([harmonics, controls.noise_magnitudes], -1).clamp(min=1e-7))
    rounded = (255 + levels[chosen] / STEP_DB).round().clamp(0, 255).to(torch.uint8)
    return controls.f0_hz[chosen].numpy(), rounded.numpy()


@cache
def _rounded() -> tuple[Tensor, Tensor]:
    """What was stored: another processor rounds a level or two to the other side, and a page should not change."""
    with np.load(data_path("midi_ddsp/phrase.npz"), allow_pickle=False) as stored:
        return torch.from_numpy(stored["f0_hz"]), torch.from_numpy(stored["levels"])


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
