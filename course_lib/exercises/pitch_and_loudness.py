"""Exercises of the chapter "What the ear follows: pitch and loudness"."""

from __future__ import annotations

import math
from typing import Any

import librosa
import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import (
    Exercise,
    Wrong,
    call,
    expect_tensor,
    name_the_slip,
    number,
    you_give,
)


def weighted_level_db(magnitude: Tensor, weighting_db: Tensor) -> Tensor:
    """Level of every row of a magnitude spectrogram: weighted power, summed over frequency, in dB."""
    power = magnitude.square() * 10 ** (weighting_db / 10)
    return 10 * torch.log10(power.sum(-1))


def _judge_weighted_level_db(answer: Any) -> str:
    rng = np.random.default_rng(21)
    for n_frames, n_bins in ((4, 65), (9, 129)):
        magnitude = 10 ** rng.uniform(-4, 0, (n_frames, n_bins))
        curve = librosa.A_weighting(np.linspace(50, 8000, n_bins), min_db=None)
        got = expect_tensor(call(answer, torch.from_numpy(magnitude), torch.from_numpy(curve)))
        if got.shape == (n_bins,):
            raise Wrong("the wrong axis: you sum over the frames. A frame is a row, so its bins are axis -1.")
        got = expect_tensor(got, (n_frames,))
        # The oracle adds one bin after the other, each a level in dB of its own.
        oracle = np.logaddexp.reduce((20 * np.log10(magnitude) + curve) * math.log(10) / 10, axis=1) * 10 / math.log(10)
        if bool((got - torch.from_numpy(oracle)).abs().max() < 0.01):
            continue
        power, gain = magnitude**2, 10 ** (curve / 10)
        known = {
            "decibels are averaged: the empty bins decide. Sum the powers, take decibels at the end.": (
                20 * np.log10(magnitude) + curve
            ).mean(1),
            "decibels are summed, which multiplies the powers. Sum the powers, take decibels at the end.": (
                20 * np.log10(magnitude) + curve
            ).sum(1),
            "a natural logarithm is no decibel: log10, not log.": 10 * np.log((power * gain).sum(1)),
            "the square is missing: power is magnitude squared.": 10 * np.log10((magnitude * gain).sum(1)),
            "power is the square of the magnitude, and a weight in dB on power is 10 ** (dB / 10), not / 20.": 10
            * np.log10((power * np.sqrt(gain)).sum(1)),
            "10·log10 is for powers, and a sum of powers is one.": 20 * np.log10((power * gain).sum(1)),
            "the mean over the bins makes the level depend on how many there are: sum.": 10
            * np.log10((power * gain).mean(1)),
            "the weights are left out.": 10 * np.log10(power.sum(1)),
            "the average weight serves no bin: weigh each before the sum.": 10 * np.log10(power.sum(1)) + curve.mean(),
            "that is the power; decibels are 10 · log10 of it.": (power * gain).sum(1),
        }
        name_the_slip(got, known)
        raise Wrong(f"for one random spectrogram, {you_give(got, oracle, 'dB')}.")
    return "the same as adding the bins' powers one by one."


def central_pitch_hz(f0_hz: Tensor, confidence: Tensor) -> Tensor:
    """The mean pitch, in octaves, of the frames that are at least 0.5 sure."""
    return f0_hz[confidence >= 0.5].log2().mean().exp2()


def _judge_central_pitch_hz(answer: Any) -> str:
    rng = np.random.default_rng(22)
    cases = [(np.array([220.0, 880.0, 50.0]), np.array([0.9, 0.9, 0.1]))]
    cases += [(rng.uniform(80, 900, n), rng.random(n)) for n in (20, 101)]
    cases += [(np.array([220.0, 330.0, 500.0]), np.array([0.5, 0.9, 0.49]))]
    for f0_hz, confidence in cases:
        got = number(call(answer, torch.from_numpy(f0_hz), torch.from_numpy(confidence)))
        sure = f0_hz[confidence >= 0.5]
        oracle = 440 * 2 ** ((float(librosa.hz_to_midi(sure).mean()) - 69) / 12)  # through MIDI numbers
        if abs(got - oracle) < 1e-4 * oracle:  # a sixth of a cent
            continue
        strictly = f0_hz[confidence > 0.5]
        middle = "that is the median; asked is the mean, as the ear counts."
        known = {
            "that is the mean in Hz, which leans to the high notes; half-way between 220 and 880 Hz the ear hears "
            "440, not 550.": sure.mean(),
            "frames without a pitch are counted; leave out those below 0.5.": np.exp(np.log(f0_hz).mean()),
            "that is the mean in Hz of all frames, with those that have no pitch.": f0_hz.mean(),
            "frames weighted by confidence still count those without a pitch a little; leave them out.": np.exp(
                (np.log(f0_hz) * confidence).sum() / confidence.sum()
            ),
            "this is an octave count; turn it back into Hz: 2 ** x.": math.log2(oracle),
            "this is a natural logarithm; turn it back into Hz: exp(x).": math.log(oracle),
            "this is a MIDI number; turn it back into Hz.": 69 + 12 * math.log2(oracle / 440),
            "these are semitones from 440 Hz; turn them back into Hz.": 12 * math.log2(oracle / 440),
            middle: np.median(sure),
            middle + " (PyTorch takes the lower of two.)": np.sort(sure)[(len(sure) - 1) // 2],
            "that is the mean of the others, those below 0.5.": np.exp(np.log(f0_hz[confidence < 0.5]).mean()),
        }
        name_the_slip(got, known)
        if len(strictly) != len(sure):
            raise Wrong("a frame with a confidence of exactly 0.5 counts as voiced: >=, not >.")
        raise Wrong(f"for {len(f0_hz)} random frames {you_give(got, oracle, 'Hz')}.")
    return "half-way in octaves, as the ear counts."


def octave_error_share(f0_hz: Tensor, true_hz: Tensor) -> Tensor:
    """Share of frames within 50 cents of a wrong octave of the truth, one or more up or down."""
    octaves = torch.log2(f0_hz / true_hz)
    wrong = octaves.round()
    return ((wrong != 0) & ((octaves - wrong).abs() <= 50 / 1200)).double().mean()


def _judge_octave_error_share(answer: Any) -> str:
    rng = np.random.default_rng(23)
    for n in (40, 400):
        true = rng.uniform(150, 500, n)
        octaves, cents = rng.choice([-2, -1, 0, 1], n, p=[0.1, 0.25, 0.4, 0.25]), rng.choice([-300, -20, 20, 300], n)
        found = true * 2.0 ** (octaves + cents / 1200)
        got = expect_tensor(call(answer, torch.from_numpy(found), torch.from_numpy(true)))
        if got.shape == (n,):
            raise Wrong("one truth for each frame; asked is their share: the mean of ones and zeros.")
        got = expect_tensor(got, ())
        near = np.abs(cents) <= 50  # the oracle knows how the errors were made
        oracle = np.mean(near & (octaves != 0))
        if abs(float(got) - oracle) < 1e-4:
            continue
        whole = np.rint(octaves + cents / 1200)
        every = "every large error is counted; an octave error lies within 50 cents of a wrong octave."
        known = {
            "frames in the right octave are counted as well.": np.mean(near),
            "only errors upwards are counted; the octave below is the commoner one.": np.mean(near & (octaves > 0)),
            "only errors downwards are counted; it may be the octave above as well.": np.mean(near & (octaves < 0)),
            "two octaves off is an octave error, too.": np.mean(near & (np.abs(octaves) == 1)),
            "two octaves off is an octave error, too; and it must lie within 50 cents.": np.mean(np.abs(whole) == 1),
            every: np.mean(np.abs(1200 * octaves + cents) > 50),
            every + " Rounding alone is not enough.": np.mean(whole != 0),
            "that is the number of frames; asked is their share.": n * oracle,
            "that is per cent; a share lies between 0 and 1.": 100 * oracle,
            "that is the share of all other frames.": 1 - oracle,
        }
        name_the_slip(got, known)
        raise Wrong(f"for {n} random frames {you_give(got, oracle)}.")
    return "up, down and by two octaves."


EXERCISES = [
    Exercise(
        "pitch_and_loudness-1",
        _judge_weighted_level_db,
        (
            "Three steps: square, weigh, sum over the last axis. Only then comes the logarithm.",
            "The weights are given in dB; on power they multiply by 10 ** (weighting_db / 10).",
            "10 * torch.log10((magnitude.square() * 10 ** (weighting_db / 10)).sum(-1)).",
        ),
        weighted_level_db,
        "Powers of different frequencies add; decibels of them do not. The logarithm comes last, once.",
    ),
    Exercise(
        "pitch_and_loudness-2",
        _judge_central_pitch_hz,
        (
            "Pitch is heard in ratios: take the mean of the logarithms, and then the exponential.",
            "f0_hz[confidence >= 0.5] keeps the frames that have a pitch.",
        ),
        central_pitch_hz,
        "The mean of logarithms is the geometric mean: equal steps on a keyboard count the same, high or low.",
    ),
    Exercise(
        "pitch_and_loudness-3",
        _judge_octave_error_share,
        (
            "torch.log2(f0_hz / true_hz) is the error in octaves; near which whole number does it lie, and how near?",
            "octaves.round() is that whole number: it must not be 0, and octaves must lie within 50 / 1200 of it.",
        ),
        octave_error_share,
        "In octaves the wrong answers of a tracker lie at whole numbers, whatever the pitch.",
    ),
]

MISTAKES = {
    "pitch_and_loudness-1": [
        (lambda m, a: (20 * torch.log10(m) + a).mean(-1), "decibels are averaged"),
        (lambda m, a: (20 * torch.log10(m) + a).sum(-1), "decibels are summed"),
        (lambda m, a: 10 * torch.log((m**2 * 10 ** (a / 10)).sum(-1)), "natural logarithm"),
        (lambda m, a: 10 * torch.log10((m * 10 ** (a / 10)).sum(-1)), "square is missing"),
        (lambda m, a: 10 * torch.log10((m**2 * 10 ** (a / 20)).sum(-1)), "not / 20"),
        (lambda m, a: 20 * torch.log10((m**2 * 10 ** (a / 10)).sum(-1)), "for powers"),
        (lambda m, a: 10 * torch.log10((m**2 * 10 ** (a / 10)).mean(-1)), "mean over the bins"),
        (lambda m, a: 10 * torch.log10((m**2).sum(-1)), "weights are left out"),
    ],
    "pitch_and_loudness-2": [
        (lambda f, c: f[c >= 0.5].mean(), "the mean in Hz, which"),
        (lambda f, c: f.log().mean().exp(), "frames without a pitch"),
        (lambda f, c: f.mean(), "mean in Hz of all frames"),
        (lambda f, c: ((f.log() * c).sum() / c.sum()).exp(), "weighted by confidence"),
        (lambda f, c: f[c > 0.5].log().mean().exp(), "exactly 0.5"),
        (lambda f, c: 69 + 12 * (f[c >= 0.5] / 440).log2().mean(), "MIDI number"),
    ],
    "pitch_and_loudness-3": [
        (lambda f, t: (((f / t).log2() - (f / t).log2().round()).abs() <= 50 / 1200).double().mean(), "right octave"),
        (lambda f, t: (((f / t).log2() - 1).abs() <= 50 / 1200).double().mean(), "only errors upwards"),
        (lambda f, t: (((f / t).log2().abs() - 1).abs() <= 50 / 1200).double().mean(), "two octaves off"),
        (lambda f, t: ((f / t).log2().abs() > 50 / 1200).double().mean(), "every large error"),
        (lambda f, t: len(f) * octave_error_share(f, t), "asked is their share"),
    ],
}
