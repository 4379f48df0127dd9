"""Exercises of the chapter "The harmonic synthesizer"."""

from __future__ import annotations

import math
from typing import Any

import torch

from course_lib.exercises.base import Exercise, Stopped, Wrong, call, number, you_give


def harmonics_that_fit(f0_hz: float, sample_rate: float) -> int:
    """How many harmonics k · f0 lie strictly below Nyquist; none in a rest (f0 = 0)."""
    if f0_hz == 0:
        return 0
    return math.ceil(sample_rate / 2 / f0_hz) - 1


def _judge_harmonics_that_fit(answer: Any) -> str:
    generator = torch.Generator().manual_seed(11)
    pitches = [220.0, 441.0, *(torch.randint(50, 3000, (6,), generator=generator) + 0.5).tolist()]
    cases = [(f, 16000) for f in pitches] + [(100.0, 44100), (2000.0, 16000), (500.0, 8000), (7999.0, 16000)]
    for f0, rate in [*cases, (8000.0, 16000), (0.0, 16000)]:
        try:
            got = number(call(answer, f0, rate))
        except (Stopped, Wrong) as error:
            if f0 == 0:
                raise Wrong("f0 = 0 is a rest: no harmonic sounds, so the answer is 0. You divide by it.") from error
            raise
        counted = sum(1 for k in range(1, 2000) if 0 < k * f0 < rate / 2)  # the oracle counts one by one
        if abs(got - counted) < 1e-3:
            continue
        if f0 == 0:
            raise Wrong(f"f0 = 0 is a rest: no harmonic sounds, so the answer is 0; you give {got:g}.")
        if got in (rate // f0, rate / f0):
            raise Wrong("you count up to the sample rate; the limit is Nyquist, half of it.")
        if abs(got - rate / 2 / f0) < 1e-3 and got != round(got):
            raise Wrong(f"{got:.2f} harmonics? A count is a whole number.")
        if got == counted + 1 and (rate / 2) % f0 == 0:
            raise Wrong(
                f"f0 = {f0:g} Hz at {rate} Hz: harmonic {got:g} lies exactly on Nyquist, {rate / 2:g} Hz. "
                "There sin(π n) is 0 at every sample: it does not count."
            )
        many = {1: "one too many: ", -1: "one too few: "}.get(round(got - counted), "")
        raise Wrong(f"{many}f0 = {f0:g} Hz at {rate} Hz, counted one by one: {you_give(got, counted)}.")
    return "the same as counting one by one, on Nyquist and in a rest too."


def alias_frequency(frequency_hz: float, sample_rate: float) -> float:
    """Where a sine of any frequency is heard after sampling: between 0 and Nyquist."""
    return abs(frequency_hz - sample_rate * round(frequency_hz / sample_rate))


def _judge_alias_frequency(answer: Any) -> str:
    generator = torch.Generator().manual_seed(13)
    random = (torch.rand(8, generator=generator, dtype=torch.float64) * 60000).tolist()
    for f, rate in ((f, 16000) for f in (440.0, 17000.0, 9000.0, 25000.0, 41000.0, *random)):
        got, near = number(call(answer, f, rate)), 0.1  # Hz: ten times the spacing of float32 up here
        # Oracle: the cosine cannot tell a frequency from its alias, and its inverse knows only 0…π.
        oracle = math.acos(max(-1.0, min(1.0, math.cos(2 * math.pi * f / rate)))) * rate / (2 * math.pi)
        if abs(got - oracle) < near:
            continue
        if abs(got - f) < near and f > rate:
            raise Wrong(f"{f:g} Hz cannot come out of {rate} samples a second; nothing is folded yet.")
        if f > rate and min(abs(got - (rate - f)), abs(got - abs(rate - f))) < near:
            raise Wrong(f"sample rate minus f serves for one fold only; {f:g} Hz needs another multiple of it.")
        if got < 0 and abs(-got - oracle) < near:
            raise Wrong(f"the size is right, the sign is not: {got:g} Hz sounds like {-got:g} Hz. Take the magnitude.")
        if abs(got - rate / 2) < near:
            raise Wrong("sampling does not clip frequencies at Nyquist: what lies above it folds back down.")
        if abs(got - f % rate) < near:
            raise Wrong(f"{f:g} % {rate} = {got:g} Hz is still above Nyquist: the upper half folds back once more.")
        if abs(got - f % (rate / 2)) < near:
            raise Wrong("frequencies do not start again at 0 above Nyquist: they turn round and come back down.")
        if abs(got - (rate / 2 - f % (rate / 2))) < near:
            raise Wrong(
                "that turns every time; below Nyquist a frequency stays, and every second stretch runs upwards."
            )
        raise Wrong(f"{f:g} Hz at {rate} Hz: {you_give(got, oracle, 'Hz')}.")
    return "each of them is where the cosine says. Try it on the fold of a whole chord."


EXERCISES = [
    Exercise(
        "harmonic-1",
        _judge_harmonics_that_fit,
        ("k · f0 < sample_rate / 2. The comparison is strict: a harmonic exactly on Nyquist is silent.",
         "math.ceil(limit / f0) - 1 is right in both cases, inside and on the limit. And f0 = 0?"),
        harmonics_that_fit,
        "ceil(x) − 1 is the largest whole number strictly below x. The library does not count; it compares every k·f0 "
        "with Nyquist, which also works frame by frame.",
    ),
    Exercise(
        "harmonic-2",
        _judge_alias_frequency,
        ("Sampling cannot tell f from f − f_s, nor from f − 2 f_s, and so on; and a sine of −f sounds like one of f.",
         "Find the multiple of the sample rate nearest to f: round(f / sample_rate). How far is f from it?"),
        alias_frequency,
        "The distance to the nearest multiple of the sample rate is never more than half of it, which is Nyquist. "
        "The live figure of this chapter draws its open circles with the same line.",
    ),
]  # fmt: skip

MISTAKES = {
    "harmonic-1": [
        (lambda f0, rate: int(rate / 2 // f0) if f0 else 0, "exactly on Nyquist"),
        (lambda f0, rate: int(rate // f0) if f0 else 0, "up to the sample rate"),
        (lambda f0, rate: math.ceil(rate / 2 / f0) - 1, "f0 = 0 is a rest"),
        (lambda f0, rate: rate / 2 / f0, "a whole number"),
    ],
    "harmonic-2": [
        (lambda f, rate: f, "nothing is folded"),
        (lambda f, rate: f % rate, "folds back once more"),
        (lambda f, rate: f if f < rate / 2 else rate - f, "another multiple"),
        (lambda f, rate: f % (rate / 2), "turn round"),
        (lambda f, rate: f - rate * round(f / rate), "the sign is not"),
    ],
}
