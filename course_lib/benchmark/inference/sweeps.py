"""Each control of a rule-based player swept alone, and all six read from the sound by the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.midi_ddsp.hearing.inference_network import DDSPInference
from course_lib.midi_ddsp.hearing.listener import hear
from course_lib.midi_ddsp.playing.rule_player import DEFAULTS, play_note
from course_lib.synths.tone import ToneControls

# Each control is swept over this range, in ten steps, on these notes, while the others stay at DEFAULTS.
RANGES = {
    "volume": (0.5, 1.1),
    "volume_fluctuation": (0.05, 0.55),
    "volume_peak_position": (0.1, 0.9),
    "vibrato": (0.0, 1.0),
    "brightness": (0.1, 0.6),
    "attack_noise": (0.3, 1.1),
}
PITCHES, NOTE_S = (45, 52, 57, 64, 69), 1.0
REST_FRAMES, ONSET_FRAMES = 50, 8  # before a swept note, and of its rise; 250 frames a second


def sweep_controls(model: DDSPInference) -> dict[str, Any]:
    """Sweep each control of a rule-based player alone and read all six from the sound: how far does each move?

    Returns:
        "moves": (6, 6), row: swept, column: read; mean over the notes of highest − lowest value; "worst" of them. "r":
        of each swept control with what is read, over all notes.
    """
    moves, worst, r = np.zeros((6, 6)), np.zeros((6, 6)), {}
    for i, (name, (low, high)) in enumerate(RANGES.items()):
        targets, measured = [], []
        for pitch in PITCHES:
            notes = []
            for value in np.linspace(low, high, 11):
                note = play_note(pitch, duration_s=NOTE_S, expression=[*DEFAULTS[:i], float(value), *DEFAULTS[i + 1 :]])
                notes.append(after_a_rest(note))
                targets.append(float(value))
            controls = ToneControls(*(torch.stack(parts) for parts in zip(*notes, strict=True)))
            with torch.no_grad():
                sounds = model.synthesise(controls)["sound"]
            values = torch.stack([_read(model, sound, pitch) for sound in sounds])
            measured.append(values[:, i])
            span = (values.amax(0) - values.amin(0)).numpy()
            moves[i] += span / len(PITCHES)
            worst[i] = np.maximum(worst[i], span)
        r[name] = round(float(np.corrcoef(targets, torch.cat(measured).numpy())[0, 1]), 4)
    return {
        "controls": list(RANGES),
        "ranges": RANGES,
        "moves": moves.round(4).tolist(),
        "worst": worst.round(4).tolist(),
        "r": r,
    }


def after_a_rest(note: ToneControls) -> ToneControls:
    """A rest, then the note, which rises within 32 ms.

    At full level from its first frame, a louder note would click louder, and that click counts as attack noise.
    """
    level = torch.ones_like(note.amplitude)
    level[:ONSET_FRAMES] = torch.linspace(0, 1, ONSET_FRAMES + 2)[1:-1]
    return ToneControls(
        torch.cat([note.f0_hz[:1].expand(REST_FRAMES), note.f0_hz]),
        torch.cat([torch.zeros(REST_FRAMES), level * note.amplitude]),
        torch.cat([note.distribution[:1].expand(REST_FRAMES, -1), note.distribution]),
        torch.cat([note.noise_magnitudes[-1:].expand(REST_FRAMES, -1), note.noise_magnitudes]),
    )


def _read(model: DDSPInference, sound: Tensor, pitch: float) -> Tensor:
    """The six controls of one note, heard in its sound alone: its pitch is tracked."""
    return hear(sound, 16_000, [(REST_FRAMES / 250, NOTE_S, pitch)], network=model).expression[0]
