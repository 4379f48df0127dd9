"""Exercises of the chapter "Why frequency is hard"."""

from __future__ import annotations

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


def reach_hz(n_samples: int, sample_rate: float) -> float:
    """Distance up to which the main lobes of two sines overlap under a Hann window of n_samples."""
    return 4 * sample_rate / n_samples  # each lobe reaches two bins to either side of its sine


def _one_lobe(n_samples: int, sample_rate: float) -> float:
    return 2 * sample_rate / n_samples


def _one_bin(n_samples: int, sample_rate: float) -> float:
    return sample_rate / n_samples


def _seconds(n_samples: int, sample_rate: float) -> float:
    return 4 * n_samples / sample_rate


def _measured_reach(n_samples: int, sample_rate: float) -> float:
    """Twice the distance from the top of a Hann window's spectrum to its first zero, read off a fine FFT."""
    zoom = 64
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_samples) / n_samples)
    magnitude = np.abs(np.fft.rfft(window, n_samples * zoom))
    first_zero = int(np.argmax(magnitude < 1e-9 * magnitude[0]))
    return 2 * first_zero / zoom * sample_rate / n_samples


def _judge_reach_hz(answer: Any) -> str:
    for n_samples, rate in ((256, 16000), (1024, 16000), (1000, 44100), (4096, 8000)):
        got = expect_tensor(call(answer, n_samples, rate), ())
        oracle = _measured_reach(n_samples, rate)
        if close(got, oracle, 1e-3):
            continue
        slips = {
            "this is how far one lobe reaches. There are two sines, and both have a lobe.": _one_lobe(n_samples, rate),
            "one bin only: a Hann window's lobe is wider, look where its spectrum first touches zero.": _one_bin(
                n_samples, rate
            ),
            "twice too far: two bins on either side is already the half of a lobe that is four bins wide.": 2 * oracle,
            "upside down: a longer window has narrower lobes, and the unit has to be Hz.": _seconds(n_samples, rate),
            "the length of the window has no effect: bins lie sample_rate / n_samples apart.": 4 * rate,
            "that is a number in bins; a bin is sample_rate / n_samples wide.": 4,
            "that is a number in bins, and of one lobe; a bin is sample_rate / n_samples wide.": 2,
        }
        name_the_slip(got, slips, 1e-3)
        raise Wrong(f"{n_samples} samples at {rate} Hz, by their spectrum: {you_give(got, oracle, 'Hz')}.")
    return "the same as measured on four windows. To reach twice as far, halve the window."


def loudest_hz(sound: Tensor, sample_rate: float) -> Tensor:
    """Frequency of the highest point of one Hann-windowed spectrum."""
    window = torch.hann_window(len(sound), dtype=sound.dtype)
    magnitude = torch.fft.rfft(sound * window).abs()
    return torch.argmax(magnitude) * sample_rate / len(sound)  # bins → Hz


def _bin_number(sound: Tensor, sample_rate: float) -> Tensor:
    return torch.argmax(torch.fft.rfft(sound).abs())


def _halved(sound: Tensor, sample_rate: float) -> Tensor:
    magnitude = torch.fft.rfft(sound).abs()
    return torch.argmax(magnitude) * sample_rate / len(magnitude)


def _mirrored(sound: Tensor, sample_rate: float) -> Tensor:
    return sample_rate - loudest_hz(sound, sample_rate)


def _judge_loudest_hz(answer: Any) -> str:
    draw = np.random.default_rng(21)
    for n_samples, rate in ((1024, 16000), (1000, 44100), (2048, 8000)):
        for hz in draw.uniform(0.05, 0.4, 4) * rate:
            n = np.arange(n_samples)
            samples = 0.5 * np.sin(2 * np.pi * hz / rate * n + draw.uniform(0, 6)) + draw.uniform(
                -0.05, 0.05, n_samples
            )
            sound, one_bin = torch.from_numpy(samples), rate / n_samples
            got = number(call(answer, sound.clone(), rate))
            if abs(got - hz) <= 0.75 * one_bin:
                continue
            if abs(got - float(_bin_number(sound, rate))) < 1.5:
                raise Wrong("this is the number of the bin. Bin k lies at k · sample_rate / N.")
            if abs(got - float(_halved(sound, rate))) < 0.01 * hz:
                raise Wrong(
                    "about twice too high: N is the length of the sound, not the length of the spectrum (rfft returns "
                    "only the half up to Nyquist)."
                )
            if abs(got - (rate - hz)) <= 1.5 * one_bin:
                raise Wrong("the mirror image above Nyquist: take rfft, or only the first half of fft.")
            spectra = [np.abs(np.fft.rfft(samples * w)) for w in (1.0, np.hanning(n_samples))]
            if any(abs(got - spectrum.max()) < 1e-3 * spectrum.max() for spectrum in spectra):
                raise Wrong("that is the largest magnitude; asked is where it lies, which torch.argmax tells.")
            if abs(got - samples.argmax() * one_bin) < 0.01:
                raise Wrong("that looks at the sound itself, where its largest sample is: take its spectrum first.")
            if abs(got - hz) <= 3 * one_bin:
                raise Wrong(f"almost, but not the same bin: the spectrum has N / 2 + 1 bins, from 0 to Nyquist, both "
                            f"included, and they lie sample_rate / N apart: {you_give(got, hz, 'Hz')}.")  # fmt: skip
            raise Wrong(f"of a tone in a little noise {you_give(got, hz, 'Hz')}.")
    return "always within a bin of the tone, so well inside the bowl. Nobody has to start at a random frequency."


EXERCISES = [
    Exercise(
        "frequency_is_hard-1",
        _judge_reach_hz,
        ("Bins lie sample_rate / N apart. How many bins wide is one main lobe of a Hann window?",
         "Four: two on either side. Two lobes touch when their sines are two half-widths apart."),
        reach_hz,
        "Beyond this distance only side lobes overlap, and their ripples point anywhere. A short window reaches far "
        "and sees coarsely, a long one sees finely and reaches nowhere: hence coarse-to-fine.",
    ),
    Exercise(
        "frequency_is_hard-2",
        _judge_loudest_hz,
        ("torch.fft.rfft gives one number a bin; the largest magnitude marks the tone.",
         "torch.argmax gives the bin's number k; in Hz that is k · sample_rate / N, N the length of the sound."),
        loudest_hz,
        "argmax has no gradient, and needs none: it looks at all frequencies at once, while descent looks at its feet. "
        "From here, a few steps of descent do the rest.",
    ),
]  # fmt: skip

MISTAKES = {
    "frequency_is_hard-1": [
        (_one_lobe, "how far one lobe reaches"),
        (_one_bin, "one bin only"),
        (_seconds, "upside down"),
    ],
    "frequency_is_hard-2": [
        (_bin_number, "number of the bin"),
        (_halved, "twice too high"),
        (_mirrored, "mirror image"),
    ],
}
