"""A phrase played once as it stands and once with each knob at four settings, small enough for a page.

`python -m course_lib.display.knob_phrase` has it played anew.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.midi_ddsp.note_controls import CONTROLS
from course_lib.scores import Note, read_midi
from course_lib.sounds.clips import data_path
from course_lib.synths.tone import ToneControls

INSTRUMENT, N_NOTES, SLOWER = "violin", 8, 1.4
FRAMES, EVERY, HARMONICS, BANDS = 288, 4, 18, 9  # 4.6 s; every fourth frame; the same numbers as in js/phrase_knobs.js
SETTINGS = (0.0, 0.3, 0.6, 1.0)
TURNED = tuple(i for i, name in enumerate(CONTROLS) if name != "vibrato")  # that one is a wave, scaled
PLAYERS = 5  # the mean of all players, and four seeds
STEP_DB = 0.5


class Renditions(NamedTuple):
    """What the page has.

    expression: (5, 8, 6), of each player. wave: (288,) semitones off the note, at vibrato 1. base: levels in dB as the
    first player has it, (288, 27), harmonics, then noise. turned: the same with each control of `TURNED`, of all notes,
    at each setting, (5, 4, 288, 27). float64.
    """

    expression: Tensor
    wave: Tensor
    base: Tensor
    turned: Tensor


def notes() -> list[Note]:
    """The beginning of Greensleeves, slowly."""
    tune = read_midi(data_path("scores/greensleeves.mid")).voices[0].notes[:N_NOTES]
    return [note._replace(onset_s=SLOWER * note.onset_s, duration_s=SLOWER * note.duration_s) for note in tune]


def play_phrase() -> dict[str, np.ndarray]:
    """Have the course's players play it: expression, wave (cents, int8), levels (21, 288, 27), uint8."""
    from course_lib.midi_ddsp.playing.render import perform, play

    line = notes()
    expression = torch.stack([perform(line, INSTRUMENT, seed=seed or None) for seed in range(PLAYERS)])
    expression = expression.clamp(0, 1.2).round(decimals=2)

    def turned(control: int, value: float) -> ToneControls:
        take = expression[0].clone()
        take[:, control] = value
        return play(line, take, INSTRUMENT, n_frames=FRAMES * EVERY)

    played = [play(line, expression[0], INSTRUMENT, n_frames=FRAMES * EVERY)]
    played += [turned(i, value) for i in TURNED for value in SETTINGS]
    shaking = turned(CONTROLS.index("vibrato"), 1.0)
    wave = 12 * torch.log2(shaking.f0_hz[::EVERY] / pitches_hz())
    return {
        "expression": expression.numpy(),
        "wave": (100 * wave).round().clamp(-127, 127).numpy().astype(np.int8),
        "levels": torch.stack([_levels(c) for c in played]).numpy().astype(np.uint8),
    }


def reduced(controls: ToneControls) -> Tensor:
    """Controls as the page keeps them, before rounding: levels in dB, (288, 27)."""
    harmonics = (controls.amplitude.unsqueeze(-1) * controls.distribution)[:, :HARMONICS]
    power = controls.noise_magnitudes.square()
    width = (power.shape[-1] - 1) // (BANDS - 1)
    middle = power[:, width // 2 : -(width // 2) - 1].unflatten(-1, (BANDS - 2, width)).mean(-1)
    ends = power[:, : width // 2].mean(-1, keepdim=True), power[:, -(width // 2) :].mean(-1, keepdim=True)
    noise = torch.cat([ends[0], middle, ends[1]], -1).sqrt()
    return 20 * torch.log10(torch.cat([harmonics, noise], -1)[::EVERY].clamp(min=1e-7))


def _levels(controls: ToneControls) -> Tensor:
    return (255 + reduced(controls) / STEP_DB).round().clamp(0, 255)


@cache
def owners() -> Tensor:
    """(288,) int64, the note that each frame belongs to, with the rest behind it."""
    starts = torch.tensor([round(note.onset_s * 250) for note in notes()])
    return (torch.searchsorted(starts, torch.arange(0, FRAMES * EVERY, EVERY), right=True) - 1).clamp(min=0)


def pitches_hz() -> Tensor:
    """(288,), Hz, of the written pitch."""
    written = torch.tensor([note.pitch for note in notes()], dtype=torch.float64)
    return 440 * 2 ** ((written[owners()] - 69) / 12)


@cache
def _stored() -> dict[str, np.ndarray]:
    """What was played once: another processor would round, and draw, a little differently."""
    with np.load(data_path("midi_ddsp/knob_phrase.npz"), allow_pickle=False) as stored:
        return {name: stored[name] for name in ("expression", "wave", "levels")}


@cache
def renditions() -> Renditions:
    """The numbers behind the page's figure, after rounding."""
    stored = {name: torch.from_numpy(x.astype(np.float64)) for name, x in _stored().items()}
    db = (stored["levels"] - 255) * STEP_DB
    turned = db[1:].reshape(len(TURNED), len(SETTINGS), FRAMES, -1)
    return Renditions(stored["expression"].round(decimals=2), stored["wave"] / 100, db[0], turned)


@cache
def script() -> str:
    """`const PHRASE = {…};` for js/phrase_knobs.js."""
    stored = _stored()
    packed = {
        "expression": [round(float(x), 2) for x in stored["expression"].flatten()],
        "pitch": [int(note.pitch) for note in notes()],
        "start": [round(note.onset_s * 250) for note in notes()],
        "end": [round(note.end_s * 250) for note in notes()],
        "wave": _text(stored["wave"]),
        "levels": _text(stored["levels"]),
    }
    return f"const PHRASE = {json.dumps(packed, separators=(',', ':'))};"


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")


if __name__ == "__main__":
    found = play_phrase()
    np.savez_compressed(
        data_path("midi_ddsp/phrase.npz").with_name("knob_phrase.npz"),
        expression=found["expression"],
        wave=found["wave"],
        levels=found["levels"],
    )
