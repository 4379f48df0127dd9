"""Exercises of the chapter "Tone transfer"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, number, you_give


def octave_shift(f0_hz: Tensor, sounding: Tensor, median_midi: float) -> int:
    """Octaves that bring the median pitch of the sounding frames nearest to an instrument's median MIDI note."""
    midi = 69 + 12 * torch.log2(f0_hz[sounding] / 440)
    return round((median_midi - float(midi.median())) / 12)


def _judge_octave(answer: Any) -> str:
    rng = np.random.default_rng(5)
    rows: list[tuple[float, float, dict[str, float]]] = []
    while len(rows) < 12:
        trial = len(rows)
        # Two frames in five lie far off, as a tracker's do: they move the mean, and not the median.
        midi = rng.uniform(45, 75) + rng.normal(0, 1.0, 301) + np.where(rng.random(301) < 0.3, 20 * (-1) ** trial, 0)
        f0 = 440.0 * 2 ** ((midi - 69) / 12)
        sounding = rng.random(301) < 0.6
        f0 = np.where(sounding, f0, 60.0 if trial % 2 else 4000.0)  # what a tracker says in a rest is worth nothing
        target = float(rng.uniform(45, 90))
        level = 69 + 12 * np.log2(f0 / 440)
        distance = (target - np.median(level[sounding])) / 12
        if abs(abs(distance - round(distance)) - 0.5) < 0.02:
            continue  # too close to the middle to judge
        got, right = number(call(answer, torch.tensor(f0), torch.tensor(sounding), target)), round(distance)
        slips = {
            "whole octaves are asked for: round to whole ones, or the melody changes key.": distance,
            "the sign is turned: up is where the instrument is higher than the voice.": -right,
            "that is semitones: an octave has twelve.": round(12 * distance),
            "that is semitones, and not rounded: an octave has twelve.": 12 * distance,
            "the mean: a few wrong frames move it far. Take the median.": round((target - level[sounding].mean()) / 12),
            "the mean in Hz: a few wrong frames move it far. Take the median.": round(
                (target - 69 - 12 * np.log2(f0[sounding].mean() / 440)) / 12
            ),
            "int() cuts off what follows the point; the nearest octave is round().": int(distance),
            "floor rounds down; the nearest octave is round().": math.floor(distance),
            "ceil rounds up; the nearest octave is round().": math.ceil(distance),
            "the rests are counted in: the tracker's numbers there mean nothing. Use f0_hz[sounding].": round(
                (target - np.median(level)) / 12
            ),
            "raw Hz is compared with a MIDI note: turn f0_hz into MIDI numbers first.": round(
                (target - np.median(f0[sounding])) / 12
            ),
        }
        rows.append((got, right, slips))
    wrong = [row for row in rows if abs(row[0] - row[1]) > 1e-3]
    if not wrong:
        return "whole octaves, nearest to the instrument's median, for random melodies with rubbish in the rests."
    # Only a slip that explains every answer is named.
    for message in wrong[0][2]:
        if all(abs(slips[message] - got) < 0.02 for got, _, slips in rows):
            raise Wrong(message)
    got, right, _ = wrong[0]
    if abs(got - round(got)) > 1e-3:
        raise Wrong(f"{got:.2f} octaves: round to whole ones, or the melody changes key.")
    raise Wrong(f"of the nearest octave {you_give(got, right)}.")


def match_loudness(loudness_db: Tensor, sounding: Tensor, median_db: float, spread_db: float) -> Tensor:
    """A loudness curve moved and stretched in dB so that its sounding frames get a given median and 10–90 % spread."""
    low, middle, high = torch.quantile(loudness_db[sounding], torch.tensor([0.1, 0.5, 0.9], dtype=loudness_db.dtype))
    return median_db + (loudness_db - middle) * spread_db / (high - low)


def _judge_loudness(answer: Any) -> str:
    rng = np.random.default_rng(6)
    for _ in range(4):
        level = rng.uniform(-50, -10) + rng.gamma(2.0, 3.0, 400)
        sounding = rng.random(400) < 0.7
        sounding[np.flatnonzero(sounding)[0]] = sounding.sum() % 2 == 1  # an odd number, so that a median is one value
        level = np.where(sounding, level, -80.0)
        median, spread = float(rng.uniform(-30, -10)), float(rng.uniform(5, 25))
        x, values = torch.tensor(level), level[sounding]
        got = expect_tensor(call(answer, x.clone(), torch.tensor(sounding), median, spread))
        if got.shape == values.shape:
            raise Wrong("that is the sounding frames only: measure on them, but move all frames.")
        got = expect_tensor(got, (400,))

        def moved(values: np.ndarray, spread: float = spread, median: float = median, x: Tensor = x) -> Tensor:
            low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
            return median + (x - middle) * spread / (high - low)

        right = moved(values)
        if close(got, right):
            continue
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        rest = (x - middle) / (high - low)
        slips = {
            "the rests are counted in: measure median and spread on loudness_db[sounding] only.": moved(level),
            "moved, not stretched: a soft singer still plays with too little contrast.": x + median - middle,
            "stretched, not moved: the median stays where it was.": middle + rest * spread,
            "mean and standard deviation: one loud consonant moves both. Use median and quantiles.": median
            + (x - values.mean()) * spread / values.std(),
            "the mean is moved to the median's place: one loud consonant moves it. Use the median.": median
            + (x - values.mean()) * spread / (high - low),
            "the loudest minus the quietest frame is not the 10–90 % spread: use quantiles.": median
            + (x - middle) * spread / np.ptp(values),
            "the factor is upside down: wanted over measured spread.": median + (x - middle) * (high - low) / spread,
            "the factor is the wanted spread over the measured one; the measured is missing.": median
            + (x - middle) * spread,
        }
        name_the_slip(got, slips)
        out = got[torch.tensor(sounding)].numpy()
        if abs(np.median(out) - median) > 0.01:
            raise Wrong(f"as median of the result {you_give(np.median(out), median, 'dB')}.")
        wide = float(np.ptp(np.quantile(out, [0.1, 0.9])))
        if abs(wide - spread) > 0.01:
            raise Wrong(f"as 10–90 % spread of the result {you_give(wide, spread, 'dB')}.")
        raise Wrong(
            f"median and spread are right, but it is not the curve moved and stretched: {you_give(got, right)}."
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
