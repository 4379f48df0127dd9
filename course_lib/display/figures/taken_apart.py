"""A trumpet in 127 numbers: two seconds as the inference network heard them, small enough for a page.

`python -m course_lib.benchmark inference OUT --part phrase` hears it anew.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Kind, Number, State
from course_lib.display.figures.kit.data import as_text
from course_lib.sounds.clips import data_path, load_audio
from course_lib.synths.tone import ToneControls

PIECE = "trumpet/trumpet_test_00"
RATE, FPS, FRAMES = 16_000, 125, 250  # Hz, frames a second
HOP = RATE // FPS
HARMONICS, BANDS = 60, 65
STEP_DB = 0.5  # of the stored levels, whose lowest is silence
SILENT_DB, QUIET_DB = -127, -70  # silence; what counts as a rest
EVERY, SHOWN = 3, 30  # frames a column, and harmonics, of the picture


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
    chosen = slice(0, 2 * FRAMES, 2)
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
    return Phrase(f0.double(), db[:, :HARMONICS], db[:, HARMONICS:])


def page_data() -> dict[str, Any]:
    """What the script has of the phrase."""
    f0, levels = _rounded()
    return {"HEARD": {"f0": as_text(f0), "levels": as_text(levels)}}


def changed(state: State) -> ToneControls:
    """The phrase's controls after all sliders, float64."""
    heard = phrase()
    harmonics, noise = _amplitude(heard.harmonics_db), _amplitude(heard.noise_db)
    level = amplitude_to_db(harmonics.sum(-1))
    loud = level > QUIET_DB
    swell_db = torch.where(loud, (state["swell"] - 1) * (level - level[loud].mean()), 0.0)
    k = torch.arange(1, harmonics.shape[-1] + 1, dtype=torch.float64)
    f0 = heard.f0_hz * 2.0 ** (state["transpose"] / 12)
    kept = (k <= state["kept"]) & (k * f0.unsqueeze(-1) < RATE / 2)
    tilt_db = state["bright_db"] * torch.log2(k)
    parts = torch.where(kept, harmonics * 10 ** ((swell_db.unsqueeze(-1) + tilt_db) / 20), 0.0)
    amplitude = parts.sum(-1)
    shares = parts / torch.where(amplitude > 0, amplitude, 1.0).unsqueeze(-1)
    return ToneControls(f0, amplitude, shares, noise * 10 ** (state["noise_db"] / 20))


def twin(state: State) -> dict[str, Any]:
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


KIND = Kind(
    title="A trumpet in 127 numbers",
    about="Two seconds of a trumpet as the network of the chapter heard them: pitch, level, harmonics and noise, each "
    "of which can be changed before it is played again.",
    fields={
        "transpose": Number(0, -24, 24, whole=True),
        "kept": Number(30, 1, HARMONICS, whole=True),
        "bright_db": Number(0, -12, 6),
        "noise_db": Number(0, -40, 40),
        "swell": Number(1, 0, 2),
        "at_s": Number(0.5, 0, 2),
    },
    twin=twin,
    play_db=27,
    data=page_data,
)
