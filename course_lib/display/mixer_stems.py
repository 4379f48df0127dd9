"""The first phrase of the chorale by four players, small enough for a page: 62.5 frames a second, half decibels.

`python -m course_lib.display.mixer_stems` has it played anew.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.sounds.clips import data_path
from course_lib.synths.tone import ToneControls

PLAYERS = ("violin", "clarinet", "saxophone", "cello")
FRAMES, EVERY, HARMONICS, BANDS = 525, 4, 40, 17  # 8.4 s; every fourth frame; the same numbers as in js/mixer.js
CENTS = 256  # steps a semitone


class Stem(NamedTuple):
    """What the page has of one voice.

    pitch: (525,) MIDI. straight, pure: the written pitch and the one that is pure above the bass, likewise.
    harmonics_db: (525, 40). noise_db: (525, 17). float64.
    """

    pitch: Tensor
    straight: Tensor
    pure: Tensor
    harmonics_db: Tensor
    noise_db: Tensor


def play_phrase() -> tuple[np.ndarray, np.ndarray]:
    """Play it anew: pitches (4, 3, 525), uint16, and levels (4, 525, 57), uint8, half decibels above −127.5 dB."""
    from course_lib.core.units import hz_to_midi
    from course_lib.midi_ddsp import perform, play, tune_to_bass
    from course_lib.midi_ddsp.playing.conditioning import NotePlan
    from course_lib.scores import read_midi

    voices = [voice.notes for voice in read_midi(data_path("scores/chorale.mid")).voices]
    end_s = FRAMES * EVERY / 250
    phrase = [[note for note in voice if note.end_s < end_s] for voice in voices]
    pitches, levels = [], []
    for seed, (notes, player) in enumerate(zip(phrase, PLAYERS, strict=True), 1):
        expression = perform(notes, player)  # the mean performance: nobody stands out
        controls = play(notes, expression, player, seed=seed, n_frames=FRAMES * EVERY)
        tuned = tune_to_bass(notes, phrase[-1])
        plans = [NotePlan(line, expression) for line in (notes, tuned)]
        own = plans[0].note_index(0, FRAMES * EVERY)
        curves = torch.stack([hz_to_midi(controls.f0_hz), *(plan.pitch[own] for plan in plans)])
        pitches.append((curves[:, ::EVERY] * CENTS).round())
        shares = controls.amplitude.unsqueeze(-1) * controls.distribution
        noise = controls.noise_magnitudes[:, :64].unflatten(-1, (16, 4)).square().mean(-1).sqrt()
        bands = torch.cat([noise, noise[:, -1:]], -1)
        heard = torch.cat([shares[:, :HARMONICS], bands], -1)[::EVERY]
        levels.append((255 + 40 * torch.log10(heard.clamp(min=1e-7))).round().clamp(0, 255))
    return torch.stack(pitches).numpy().astype(np.uint16), torch.stack(levels).numpy().astype(np.uint8)


@cache
def _stored() -> tuple[np.ndarray, np.ndarray]:
    """What was played once: another processor would round, and draw, a little differently."""
    with np.load(data_path("midi_ddsp/chorale.npz"), allow_pickle=False) as stored:
        return stored["pitches"], stored["levels"]


@cache
def stems() -> tuple[Stem, ...]:
    """The numbers behind the page's figure, after rounding."""
    pitches, levels = (torch.from_numpy(x.astype(np.float64)) for x in _stored())
    db = (levels - 255) / 2
    return tuple(
        Stem(played, straight, pure, level[:, :HARMONICS], level[:, HARMONICS:])
        for (played, straight, pure), level in zip(pitches / CENTS, db, strict=True)
    )


@cache
def script() -> str:
    """`const STEMS = {…};` for js/mixer.js."""
    pitches, levels = _stored()
    packed = {"pitches": _text(pitches.astype("<u2")), "levels": _text(levels)}
    return f"const STEMS = {json.dumps(packed, separators=(',', ':'))};"


def controls_of(stem: Stem, pitch: str) -> ToneControls:
    """One voice's controls, float64, with its pitch as `played`, `straight` or `just`."""
    midi = {"played": stem.pitch, "straight": stem.straight, "just": stem.pure}[pitch]
    f0 = 440.0 * 2.0 ** ((midi - 69) / 12)
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    parts = torch.where(k * f0.unsqueeze(-1) < 8000, amplitude(stem.harmonics_db), 0.0)
    total = parts.sum(-1)
    shares = parts / torch.where(total > 0, total, 1.0).unsqueeze(-1)
    return ToneControls(f0, total, shares, amplitude(stem.noise_db))


def amplitude(level_db: Tensor) -> Tensor:
    """The page's levels as amplitudes: its lowest one is silence."""
    return torch.where(level_db > -127, 10.0 ** (level_db / 20), 0.0)


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")


if __name__ == "__main__":
    pitches, levels = play_phrase()
    np.savez_compressed(data_path("midi_ddsp/phrase.npz").with_name("chorale.npz"), pitches=pitches, levels=levels)
