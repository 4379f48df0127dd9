"""A mixer for four: the first phrase of the chorale by four players, small enough for a page.

`python -m course_lib.display.figures.mixer` has it played anew.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.display.figures.fields import Choice, Kind, Number, Numbers, State
from course_lib.display.figures.kit.data import as_text
from course_lib.effects.fir import shape_noise
from course_lib.midi_ddsp.playing.ensemble import mix, pan_gain
from course_lib.sounds.clips import data_path
from course_lib.synths.harmonic import harmonic_synth
from course_lib.synths.tone import ToneControls

PLAYERS = ("violin", "clarinet", "saxophone", "cello")
FRAMES, EVERY = 525, 4  # 8.4 s; every fourth frame of the network's 250 a second
RATE, HOP = 16_000, 64 * EVERY
HARMONICS, BANDS = 40, 17
PITCHES = ("played", "straight", "just")  # as it was, the written one, and that in pure intervals above the bass
CENTS = 256  # steps a semitone
SILENT_DB = -127  # the lowest of the stored levels, which go in half decibels
OFF_DB, MOST_DB = -30, 6  # of a slider; at its lower end a voice is off
APART = (0.4, 1.0, 0.0, 0.7)  # which share of the slider's time each voice comes late
SILENT_FRAMES = 8  # each voice begins so much later in the one noise that there is
DRAWN_EVERY = 5  # frames, of the picture


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
        own = plans[0].note_index(first=0, count=FRAMES * EVERY)
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


def page_data() -> dict[str, Any]:
    """What the script has of the phrase."""
    pitches, levels = _stored()
    return {"STEMS": {"pitches": as_text(pitches.astype("<u2")), "levels": as_text(levels)}}


def controls_of(stem: Stem, pitch: str) -> ToneControls:
    """One voice's controls, float64, with its pitch as `played`, `straight` or `just`."""
    midi = dict(zip(PITCHES, (stem.pitch, stem.straight, stem.pure), strict=True))[pitch]
    f0 = 440.0 * 2.0 ** ((midi - 69) / 12)
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    parts = torch.where(k * f0.unsqueeze(-1) < RATE / 2, amplitude(stem.harmonics_db), 0.0)
    total = parts.sum(-1)
    shares = parts / torch.where(total > 0, total, 1.0).unsqueeze(-1)
    return ToneControls(f0, total, shares, amplitude(stem.noise_db))


def amplitude(level_db: Tensor) -> Tensor:
    """The page's levels as amplitudes: its lowest one is silence."""
    return torch.where(level_db > SILENT_DB, 10.0 ** (level_db / 20), 0.0)


def twin(state: State) -> dict[str, Any]:
    """What reaches each ear from each voice, and the levels that follow."""
    gains = _gains(state)
    power = torch.stack([amplitude(stem.harmonics_db).square().sum(-1) / 2 for stem in stems()])[:, ::DRAWN_EVERY]
    ears = gains.square().T @ power
    level = 10 * torch.log10(ears.sum(-1) + 1e-9)
    loudness = gains.square().sum(-1, keepdim=True) * power
    return {
        "left": gains[:, 0].tolist(),
        "right": gains[:, 1].tolist(),
        "late": _late(state),
        "voices_db": _level_db(loudness).flatten().tolist(),
        "left_db": _level_db(ears[0]).tolist(),
        "right_db": _level_db(ears[1]).tolist(),
        "balance_db": float(level[1] - level[0]),
    }


def mixer_sound(state: State, white: Tensor) -> Tensor:
    """What is heard, (2, n_samples), before the figure's gain.

    Args:
        state: of the figure.
        white: the page's noise, long enough for the last voice, which begins 24 frames into it.
    """
    voices = []
    for v, stem in enumerate(stems()):
        c = controls_of(stem, state["pitch"])
        tone = harmonic_synth(c.f0_hz, c.amplitude, c.distribution, n_samples=FRAMES * HOP, sample_rate=RATE)
        front = torch.zeros(SILENT_FRAMES * v, c.noise_magnitudes.shape[-1], dtype=torch.float64)
        magnitudes = torch.cat([front, c.noise_magnitudes])
        breath = shape_noise(white[: len(magnitudes) * HOP], magnitudes)[SILENT_FRAMES * v * HOP :]
        late = _late(state)[v]
        voices.append(torch.cat([torch.zeros(late, dtype=tone.dtype), tone + breath])[: FRAMES * HOP])
    heard = [v for v, db in enumerate(state["gains_db"]) if db > OFF_DB]
    return mix(
        torch.stack(voices)[heard],
        pans=[state["pans"][v] for v in heard],
        gains_db=[state["gains_db"][v] for v in heard],
    )


def _gains(state: State) -> Tensor:
    """(4, 2)."""
    db = torch.tensor(state["gains_db"], dtype=torch.float64)
    levels = torch.where(db > OFF_DB, 10.0 ** (db / 20), 0.0)
    return levels.unsqueeze(-1) * pan_gain(torch.tensor(state["pans"], dtype=torch.float64))


def _late(state: State) -> list[int]:
    return [math.floor(a * state["apart_ms"] * (RATE // 1000) + 0.5) for a in APART]


def _level_db(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=1e-12))


KIND = Kind(
    title="A mixer for four",
    about="Four players of a chorale on a stage: a level and a place for each, onsets that can lie apart, and pitch as "
    "it was played, tempered, or in pure intervals.",
    fields={
        "gains_db": Numbers((0.0,) * 4, OFF_DB, MOST_DB),
        "pans": Numbers((-0.8, -0.25, 0.3, 0.75), -1, 1),
        "apart_ms": Number(10, 0, 60, whole=True),
        "pitch": Choice("played", PITCHES),
    },
    twin=twin,
    play_db=18,
    data=page_data,
)


if __name__ == "__main__":
    pitches, levels = play_phrase()
    np.savez_compressed(data_path("midi_ddsp/phrase.npz").with_name("chorale.npz"), pitches=pitches, levels=levels)
