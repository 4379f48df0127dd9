"""Exercises of the chapter "A Bach chorale for four"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import (
    Exercise,
    Wrong,
    call,
    close,
    expect_tensor,
    name_the_slip,
    number,
    you_give,
)


def place(sound: Tensor, pan: float) -> Tensor:
    """Put a sound (n_samples,) at pan, −1 (left) to 1 (right), equally powerful everywhere: (2, n_samples)."""
    angle = torch.tensor((pan + 1) * math.pi / 4)
    return torch.stack([angle.cos() * sound, angle.sin() * sound])


def _judge_place(answer: Any) -> str:
    rng = np.random.default_rng(31)
    for pan in (0.4, -1.0, 1.0, 0.0, *rng.uniform(-0.9, 0.9, 4)):
        sound = torch.tensor(rng.uniform(-1, 1, 50))
        got = expect_tensor(call(answer, sound.clone(), float(pan)), (2, 50))
        left, right = math.sqrt((1 - math.sin(pan * math.pi / 2)) / 2), math.sqrt((1 + math.sin(pan * math.pi / 2)) / 2)
        if close(got, torch.stack([left * sound, right * sound])):
            continue
        linear, turn = ((1 - pan) / 2, (1 + pan) / 2), (pan + 1) * 45
        powers = (
            "the amplitudes add up to 1, but the ear adds powers: in the middle this is 3 dB too soft. "
            "The squares must add up to 1."
        )
        slips = {
            powers: linear,
            "the amplitudes add up to 2, but the ear adds powers: their squares must add up to 1.": (1 - pan, 1 + pan),
            "those are the powers; an amplitude is the square root of one.": (left**2, right**2),
            "the power is right everywhere; but let the place be an angle, a quarter of a turn from left to right.": (
                math.sqrt(linear[0]),
                math.sqrt(linear[1]),
            ),
            "that angle is right for a pan from 0 to 1; here it goes from −1 to 1.": (
                math.cos(pan * math.pi / 2),
                math.sin(pan * math.pi / 2),
            ),
            "the ears are swapped: pan −1 is the left one, and left is row 0.": (right, left),
            "the ears are swapped, and the amplitudes linear: pan −1 is the left one, row 0.": linear[::-1],
            "that angle is in degrees; cos and sin want radians, π/4 for 45°.": (math.cos(turn), math.sin(turn)),
            "the pan has no effect: both ears get the same.": (1.0, 1.0),
        }
        name_the_slip(got, {said: torch.stack([a * sound, b * sound]) for said, (a, b) in slips.items()})
        n = int(sound.abs().argmax())
        ears = [float(got[i, n] / sound[n]) for i in (0, 1)]
        row = int(abs(ears[1] - right) > abs(ears[0] - left))
        what = you_give(ears[row], (left, right)[row])
        raise Wrong(f"at pan {pan:.2f}, as the factor of row {row}: {what}. The squares of the two add up to 1.")
    return "the same power everywhere, on eight places."


def beats(low_hz: float, high_hz: float, p: int, q: int) -> float:
    """Beats a second of an interval that is almost p : q, such as 5 : 4."""
    return abs(p * low_hz - q * high_hz)


def _judge_beats(answer: Any) -> str:
    rng = np.random.default_rng(32)
    for _ in range(6):
        p, q = ((3, 2), (5, 4), (4, 3), (6, 5), (5, 2), (2, 1))[int(rng.integers(6))]
        low = float(rng.uniform(80, 300))
        high = low * p / q * 2 ** (float(rng.choice([-1, 1])) * float(rng.uniform(5, 20)) / 1200)
        true, value = abs(p * low - q * high), number(call(answer, low, high, p, q))
        if abs(value - true) < 1e-3:
            continue
        off = abs(high - low * p / q)
        if abs(abs(value) - off) < 1e-3 and q > 1:
            raise Wrong("that is how far the high tone is off; its harmonic number q is q times as far off.")
        slips = {
            "a rate has no sign: two tones beat as fast, whichever of them is sharp.": -true,
            "that is the distance of the two fundamentals, hundreds of hertz. It is two harmonics that beat, "
            "one of each tone, that all but meet.": high - low,
            "that distance is negative and hundreds of hertz: it is of the fundamentals. It is two harmonics that "
            "beat, one of each tone, that all but meet.": low - high,
            "the other way round: harmonic number p of the low tone meets number q of the high one.": abs(
                q * low - p * high
            ),
            "half of it: the sum swells and fades once for every hertz between the two harmonics.": true / 2,
            "that is how long a beat lasts, in seconds; asked is how many there are in one.": 1 / true,
            "that is how far the interval is off in cents; beats are counted in hertz.": 1200
            * math.log2(high / low * q / p),
        }
        name_the_slip(value, slips)
        raise Wrong(f"{low:.1f} Hz and {high:.1f} Hz, nearly {p} : {q}: {you_give(value, true, 'beats a second')}.")
    return "harmonic p of the low tone against harmonic q of the high one."


def pure_pitch(bass: float, p: int, q: int) -> float:
    """MIDI note, with its fraction, that makes the interval p : q with the bass, a MIDI note."""
    return bass + 12 * math.log2(p / q)


def _judge_pure(answer: Any) -> str:
    rng = np.random.default_rng(33)
    for _ in range(6):
        p, q = ((3, 2), (5, 4), (4, 3), (6, 5), (5, 2), (5, 3))[int(rng.integers(6))]
        bass = float(rng.integers(38, 70))
        value, ratio = number(call(answer, bass, p, q)), p / q
        true = bass + 12 * math.log(ratio, 2)
        if abs(value - true) < 1e-3:
            continue
        slips = {
            "ratios belong to frequencies. MIDI numbers are their logarithm: ratios become differences.": bass * ratio,
            "the ratio itself is no number of semitones: take its logarithm, 12 · log2(p / q).": bass + 12 * ratio,
            "rounded to the nearest key: that is the tempered interval again.": bass + round(12 * math.log2(ratio)),
            "that difference is in octaves; MIDI counts twelve semitones to each.": bass + math.log2(ratio),
            "that difference is in cents; MIDI counts semitones.": bass + 1200 * math.log2(ratio),
            "the logarithm must be the one to base 2: an octave is a ratio of 2.": bass + 12 * math.log(ratio),
            "the logarithm must be to base 2, not 10: an octave is a ratio of 2.": bass + 12 * math.log10(ratio),
            "that is its frequency in Hz; the note is asked for.": 440 * 2 ** ((true - 69) / 12),
            "below the bass: p : q is the higher tone's frequency over the lower one's.": bass - 12 * math.log2(ratio),
            "that is the interval alone; add it to the bass.": 12 * math.log2(ratio),
        }
        name_the_slip(value, slips, 2e-5)
        raise Wrong(f"{p} : {q} above {bass:g}: {you_give(value, true)}.")
    return "twelve times the logarithm to base 2, added to the bass."


EXERCISES = [
    Exercise(
        "chorale-1",
        _judge_place,
        ("Powers add up, amplitudes do not. Which two functions have squares that always add up to 1?",
         "The angle (pan + 1) · π/4 runs from 0 to a quarter of a turn: cosine for the left, sine for the right."),
        place,
        "Two uncorrelated sounds add in power, and so, roughly, do two loudspeakers in a room. cos² + sin² = 1 keeps "
        "the power; linear amplitudes would let a voice sink by 3 dB as it crosses the middle.",
    ),
    Exercise(
        "chorale-2",
        _judge_beats,
        ("The high tone is about p/q times the low one. Which harmonic of the low tone lies near which of the high "
         "one?",
         "p · low_hz and q · high_hz nearly meet. Two sines beat as often as their frequencies differ."),
        beats,
        "Nothing beats at the distance of two fundamentals that lie a third apart: that is far too fast. What is heard "
        "is harmonics 5 and 4 of the two tones, or 3 and 2 in a fifth, which is why bright tones say more about tuning "
        "than flutes do.",
    ),
    Exercise(
        "chorale-3",
        _judge_pure,
        ("MIDI numbers grow by 12 where the frequency doubles.",
         "Add 12 · log2(p/q) to the bass."),
        pure_pitch,
        "A pure major third, 5 : 4, is 3.863 semitones: 14 hundredths narrower than on a keyboard. Our players take "
        "any pitch, so a chord can be tuned as singers tune it.",
    ),
]  # fmt: skip


def _placed(left: Any, right: Any) -> Any:
    return lambda x, pan: torch.stack([left(pan) * x, right(pan) * x])


MISTAKES = {
    "chorale-1": [
        (_placed(lambda p: (1 - p) / 2, lambda p: (1 + p) / 2), "the ear adds powers"),
        (_placed(lambda p: math.sin((p + 1) * math.pi / 4), lambda p: math.cos((p + 1) * math.pi / 4)), "swapped"),
        (
            _placed(lambda p: math.cos((p + 1) * math.pi / 4) ** 2, lambda p: math.sin((p + 1) * math.pi / 4) ** 2),
            "power",
        ),
        (_placed(lambda p: math.sqrt((1 - p) / 2), lambda p: math.sqrt((1 + p) / 2)), "quarter of a turn"),
        (lambda x, pan: place(x, pan).T, "transposed"),
    ],
    "chorale-2": [
        (lambda low, high, p, q: high - low, "two fundamentals"),
        (lambda low, high, p, q: abs(q * low - p * high), "other way round"),
        (lambda low, high, p, q: abs(high - low * p / q), "q times as far"),
        (lambda low, high, p, q: p * low - q * high, "no sign"),
    ],
    "chorale-3": [
        (lambda bass, p, q: bass * p / q, "belong to frequencies"),
        (lambda bass, p, q: bass + math.log2(p / q), "in octaves"),
        (lambda bass, p, q: bass + 1200 * math.log2(p / q), "in cents"),
        (lambda bass, p, q: bass + 12 * math.log(p / q), "base 2"),
        (lambda bass, p, q: round(bass + 12 * math.log2(p / q)), "tempered"),
        (lambda bass, p, q: bass - 12 * math.log2(p / q), "below the bass"),
    ],
}
