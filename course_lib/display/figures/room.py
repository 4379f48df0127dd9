"""A room of four numbers: noise that dies away, its treble sooner than its bass, after the direct sound."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.noise import dice
from course_lib.effects.reverb import reverb
from course_lib.effects.rooms import energy_decay_db, measure_rt60

RATE, TAPS, DRY = 16_000, 32_000, 8000  # Hz, samples of the room and of the sound in it
LEAD = 320  # samples of silence at the beginning of the sound
BLOCK, FLOOR = 125, -80  # samples a bar and dB, of the picture
SPLIT_HZ = 1500  # between bass and treble


@cache
def _noise_bands() -> tuple[np.ndarray, np.ndarray]:
    """White noise below and above the split, (n_taps,) each."""
    roll, share, kept = dice(1), 1 - math.exp(-2 * math.pi * SPLIT_HZ / RATE), 0.0
    noise, low = np.array([2 * roll() - 1 for _ in range(TAPS)]), np.empty(TAPS)
    for i, value in enumerate(noise):
        kept += share * (value - kept)
        low[i] = kept
    return low, noise - low


def room_response(state: State) -> Tensor:
    """The figure's impulse response, (n_taps,), without the direct sound."""
    low, high = _noise_bands()
    first = 1 + math.floor(state["predelay_ms"] / 1000 * RATE + 0.5)
    time = np.arange(TAPS - first) / RATE
    tail = low[: len(time)] * 10 ** (-3 * time / state["rt60_s"])
    tail += high[: len(time)] * 10 ** (-3 * time / (state["rt60_s"] * state["treble"]))
    tail *= 10 ** (state["wet_db"] / 20) / np.sqrt(np.square(tail).sum())
    return torch.from_numpy(np.concatenate([np.zeros(first), tail]))


def room_sounds(state: State) -> tuple[Tensor, Tensor]:
    """What the figure plays: dry (n_samples,), and in the room (n_samples + n_taps,)."""
    time = np.arange(DRY - LEAD) / RATE
    if state["sound"] == "clap":
        low, high = _noise_bands()
        dry = (low + high)[: DRY - LEAD] * np.exp(-time / 0.004)
    else:
        fade = np.minimum(np.minimum(1, time / 0.005), (DRY - LEAD - np.arange(DRY - LEAD)) / 800)
        dry = sum(np.sin(2 * np.pi * 330 * k * time) * np.exp(-time * (4 + 2 * k)) / k for k in range(1, 9))
        dry = 0.5 * fade * dry
    sound = torch.from_numpy(np.concatenate([np.zeros(LEAD), dry]))
    return sound, reverb(torch.nn.functional.pad(sound, (0, TAPS)), room_response(state))


def twin(state: State) -> dict[str, Any]:
    """Level of the response block by block, its energy decay, and the decay time measured from it."""
    taps = room_response(state)
    decay = energy_decay_db(taps)
    rt60_s = float(measure_rt60(taps, RATE))
    inside = (decay <= -5) & (decay >= -35)
    time = torch.arange(TAPS, dtype=torch.float64) / RATE
    return {
        "peaks_db": amplitude_to_db(taps.abs().reshape(-1, BLOCK).amax(-1)).clamp(min=FLOOR).tolist(),
        "decay_db": decay[::BLOCK].clamp(min=FLOOR).tolist(),
        "measured_rt60_s": rt60_s,
        "line_at_start_db": float(decay[inside].mean() + 60 / rt60_s * time[inside].mean()),
    }


KIND = Kind(
    title="A room of four numbers",
    about="Direct sound and a room of noise that dies away: decay time, how soon the treble is gone, how late and how "
    "loud the room comes; its response, its energy decay, and a clap or a note in it.",
    fields={
        "rt60_s": Number(0.8, 0.1, 2),
        "treble": Number(0.5, 0.1, 1),
        "predelay_ms": Number(10, 0, 100),
        "wet_db": Number(-6, -40, 0),
        "sound": Choice("clap", ("clap", "note")),
    },
    twin=twin,
    level_is_taught="the room stands at its level beside the direct sound: that is one of the four numbers",
)
