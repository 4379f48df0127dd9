"""Exercises of the chapter "Hearing what was played"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, number, you_give


def level_error_db(heard: Tensor, true: Tensor, sounding: Tensor) -> Tensor:
    """Median distance, in dB, of two amplitude curves (n_frames,), over the frames that sound."""
    return (20 * torch.log10(heard / true))[sounding].abs().median()


def _judge_level_error(answer: Any) -> str:
    rng = np.random.default_rng(23)
    for _ in range(4):
        true, off = rng.uniform(0.01, 0.5, 61), rng.normal(-1.0, 3.0, 61)
        sounding = rng.random(61) < 0.6
        sounding[np.flatnonzero(sounding)[0]] = sounding.sum() % 2 == 1  # an odd number, so that a median is one value
        heard = true * 10 ** (off / 20)
        off[~sounding] += 40
        heard[~sounding] *= 100
        inputs = (torch.tensor(heard), torch.tensor(true), torch.tensor(sounding))
        got = number(call(answer, *inputs))
        d, everywhere = off[sounding], 20 * np.log10(heard / true)
        right = np.median(np.abs(d))
        if abs(got - right) < 1e-3:
            continue
        slips = {
            "rests count too: keep the frames that sound, `[sounding]`.": np.median(np.abs(everywhere)),
            "10 · log10 is for powers; amplitudes take 20.": right / 2,
            "a natural logarithm; dB need the one to base 10.": right * np.log(10),
            "errors up and down cancel: take .abs() before the median.": np.median(d),
            "errors up and down cancel, and the ratio is upside down: .abs() before the median.": -np.median(d),
            "take .abs() before the median, not after it: errors up and down cancel.": np.abs(np.median(d)),
            "that is the mean: one wild frame spoils it. Take the median.": np.mean(np.abs(d)),
            "that is the root mean square: one wild frame spoils it. Take the median of .abs().": np.sqrt(
                np.mean(d**2)
            ),
            "a difference of the amplitudes is no level: a distance in dB is 20 · log10 of their ratio.": np.median(
                np.abs(heard - true)[sounding]
            ),
        }
        name_the_slip(got, slips)
        raise Wrong(f"for one case {you_give(got, right, 'dB')}.")
    return "median distances in dB on four random pairs of curves, rests left out."


def centroid_hz(f0_hz: Tensor, distribution: Tensor) -> Tensor:
    """Spectral centroid in Hz, (n_frames,), of harmonics with shares (n_frames, K) over f0_hz (n_frames,)."""
    k = torch.arange(1, distribution.shape[-1] + 1)
    return f0_hz * (k * distribution).sum(-1)


def _judge_centroid(answer: Any) -> str:
    rng = np.random.default_rng(29)
    for count in (5, 9, 60):
        shares = rng.random((count + 3, count))
        shares /= shares.sum(-1, keepdims=True)
        f0 = rng.uniform(80, 900, count + 3)
        got = expect_tensor(call(answer, torch.tensor(f0), torch.tensor(shares)), (count + 3,))
        harmonic = (shares * np.arange(1, count + 1)).sum(-1)
        right = f0 * harmonic
        if close(got, right):
            continue
        slips = {
            "that is the harmonic number: times f0_hz it becomes Hz.": harmonic,
            "the harmonics are counted from 0: the first, at f0, is number 1.": f0 * (harmonic - 1),
            "that is MIDI-DDSP's brightness, harmonic number / 12. Asked is Hz.": harmonic / 12,
            "a mean over harmonics divides by K; the shares already sum to 1: take the sum.": right / count,
            "that is where the loudest harmonic lies; the centroid is the mean of all, by their shares.": f0
            * (shares.argmax(-1) + 1),
            "that is a MIDI note; asked is Hz.": 69 + 12 * np.log2(right / 440),
        }
        name_the_slip(got, slips)
        raise Wrong(f"{count} harmonics: {you_give(got, right, 'Hz')}.")
    return "f0 · Σ k·h_k for 5, 9 and 60 harmonics."


EXERCISES = [
    Exercise(
        "inference-1",
        _judge_level_error,
        ("A ratio of amplitudes in dB is 20 · log10 of it, one number a frame.",
         "Keep the frames that sound, make all errors positive, then take the median."),
        level_error_db,
        "The median says what is usual: a few frames at an onset, off by 30 dB, do not hide it.",
    ),
    Exercise(
        "inference-2",
        _judge_centroid,
        ("The centroid is the mean frequency, each harmonic counted by its share.",
         "Harmonic k lies at k · f0, and the shares sum to 1: f0 · Σ k · h_k."),
        centroid_hz,
        "MIDI-DDSP's brightness leaves f0 out: it is about the colour of a tone, not about how high it is played.",
    ),
]  # fmt: skip


def _rests_too(heard: Tensor, true: Tensor, sounding: Tensor) -> Tensor:
    return (20 * torch.log10(heard / true)).abs().median()


def _cancelling(heard: Tensor, true: Tensor, sounding: Tensor) -> Tensor:
    return (20 * torch.log10(heard / true))[sounding].median()


MISTAKES = {
    "inference-1": [
        (_rests_too, "rests count"),
        (_cancelling, "cancel"),
        (lambda h, t, s: (10 * torch.log10(h / t))[s].abs().median(), "powers"),
        (lambda h, t, s: (20 * torch.log10(h / t))[s].abs().mean(), "mean"),
        (lambda h, t, s: (20 * torch.log(h / t))[s].abs().median(), "base 10"),
    ],
    "inference-2": [
        (lambda f, h: (h * torch.arange(1, h.shape[-1] + 1)).sum(-1), "harmonic number"),
        (lambda f, h: f * (h * torch.arange(h.shape[-1])).sum(-1), "counted from 0"),
        (lambda f, h: f * (h * torch.arange(1, h.shape[-1] + 1)).mean(-1), "divides by K"),
        (lambda f, h: (h * torch.arange(1, h.shape[-1] + 1)).sum(-1) / 12, "brightness"),
    ],
}
