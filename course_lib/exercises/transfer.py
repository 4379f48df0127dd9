"""Exercises of the chapter "Tone transfer"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor


def octave_shift(f0_hz: Tensor, sounding: Tensor, median_midi: float) -> int:
    """Octaves that bring the median pitch of the sounding frames nearest to an instrument's median MIDI note."""
    midi = 69 + 12 * torch.log2(f0_hz[sounding] / 440)
    return round((median_midi - float(midi.median())) / 12)


def _judge_octave(answer: Any) -> str:
    rng = np.random.default_rng(5)
    for trial in range(8):
        f0 = 440.0 * 2 ** ((rng.uniform(40, 80) + rng.normal(0, 2.0, 301) - 69) / 12)
        sounding = rng.random(301) < 0.6
        f0 = np.where(sounding, f0, 60.0 if trial % 2 else 4000.0)  # what a tracker says in a rest is worth nothing
        target = float(rng.uniform(45, 90))
        got = call(answer, torch.tensor(f0), torch.tensor(sounding), target)
        distance = (target - (69 + 12 * np.median(np.log2(f0[sounding] / 440)))) / 12
        if abs(abs(distance - round(distance)) - 0.5) < 0.02:
            continue  # too close to the middle to judge
        if float(got) == round(distance):
            continue
        everything = (target - (69 + 12 * np.median(np.log2(f0 / 440)))) / 12
        if float(got) != int(float(got)):
            raise Wrong(f"{float(got):.2f} octaves: round to whole ones, or the melody changes key.")
        if int(got) == -round(distance):
            raise Wrong("the sign is turned: up is where the instrument is higher than the voice.")
        if abs(float(got)) > 6:
            raise Wrong("that is semitones: an octave has twelve.")
        if int(got) == round(everything):
            raise Wrong("the rests are counted in: the tracker's numbers there mean nothing. Use f0_hz[sounding].")
        raise Wrong(f"you shift by {int(got)}, the nearest octave is {round(distance)}.")
    return "whole octaves, nearest to the instrument's median, for random melodies with rubbish in the rests."


def match_loudness(loudness_db: Tensor, sounding: Tensor, median_db: float, spread_db: float) -> Tensor:
    """A loudness curve moved and stretched in dB so that its sounding frames get a given median and 10–90 % spread."""
    low, middle, high = torch.quantile(loudness_db[sounding], torch.tensor([0.1, 0.5, 0.9], dtype=loudness_db.dtype))
    return median_db + (loudness_db - middle) * spread_db / (high - low)


def _judge_loudness(answer: Any) -> str:
    rng = np.random.default_rng(6)
    for _ in range(4):
        level = rng.uniform(-50, -10) + rng.gamma(2.0, 3.0, 400)
        sounding = rng.random(400) < 0.7
        level = np.where(sounding, level, -80.0)
        median, spread = float(rng.uniform(-30, -10)), float(rng.uniform(5, 25))
        x = torch.tensor(level)
        got = expect_tensor(call(answer, x.clone(), torch.tensor(sounding), median, spread), (400,)).double()

        def moved(values: np.ndarray, spread: float = spread, median: float = median, x: Tensor = x) -> Tensor:
            low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
            return median + (x - middle) * spread / (high - low)

        if close(got, moved(level[sounding]), 1e-5):
            continue
        if close(got, moved(level), 1e-5):
            raise Wrong("the rests are counted in: measure median and spread on loudness_db[sounding] only.")
        if close(got, x + median - float(np.median(level[sounding])), 1e-5):
            raise Wrong("moved, not stretched: a soft singer still plays with too little contrast.")
        values = level[sounding]
        if close(got, median + (x - values.mean()) * spread / values.std(), 1e-5):
            raise Wrong("mean and standard deviation: one loud consonant moves both. Use median and quantiles.")
        out = got[torch.tensor(sounding)].numpy()
        if abs(np.median(out) - median) > 0.01:
            raise Wrong(f"the median should become {median:.1f} dB; yours is {np.median(out):.1f} dB.")
        raise Wrong(
            f"the 10–90 % spread should become {spread:.1f} dB; yours is {np.ptp(np.quantile(out, [0.1, 0.9])):.1f} dB."
        )
    return "median and spread as asked, rests left out of the measurement, on four random curves."


EXERCISES = [
    Exercise(
        "transfer-1",
        _judge_octave,
        ("Compare medians on the MIDI scale; an octave is 12 of it.",
         "Only f0_hz[sounding] counts; (instrument − voice) / 12, rounded."),
        octave_shift,
        "Whole octaves keep the melody and its key. The median, unlike the mean, ignores a few wrong frames.",
    ),
    Exercise(
        "transfer-2",
        _judge_loudness,
        ("A straight line in dB: subtract the measured median, multiply, add the wanted one.",
         "torch.quantile(loudness_db[sounding], …) at 0.1, 0.5 and 0.9; the factor is wanted / measured spread."),
        match_loudness,
        "In dB a shift is a volume knob and a factor is contrast; together they put the singer where the player lives.",
    ),
]  # fmt: skip

MISTAKES = {
    "transfer-1": [
        (lambda f, s, m: (m - float((69 + 12 * torch.log2(f[s] / 440)).median())) / 12, "round to whole"),
        (lambda f, s, m: -octave_shift(f, s, m), "the sign is turned"),
        (lambda f, s, m: octave_shift(f, torch.ones_like(s), m), "rests are counted in"),
    ],
    "transfer-2": [
        (lambda x, s, m, w: x + m - float(np.median(x[s].numpy())), "moved, not stretched"),
        (lambda x, s, m, w: match_loudness(x, torch.ones_like(s), m, w), "rests are counted in"),
        (lambda x, s, m, w: m + (x - x[s].mean()) * w / x[s].std(correction=0), "standard deviation"),
    ],
}
