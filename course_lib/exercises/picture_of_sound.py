"""Exercises of the chapter "A picture of sound"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor

RATE = 16_000


def amplitude_at(sound: Tensor, frequency_hz: float, sample_rate: float) -> Tensor:
    """Hold a sound against a hand that turns at a frequency: the amplitude of the sine of that frequency in it."""
    phase = 2 * math.pi * frequency_hz / sample_rate * torch.arange(len(sound), dtype=torch.float64)
    return 2 * (sound * torch.exp(-1j * phase)).mean().abs()


def _judge_amplitude(answer: Any) -> str:
    rng = np.random.default_rng(31)
    n, step_hz = 800, RATE / 800  # multiples of 20 Hz make whole turns
    for _ in range(5):
        # Built from sines whose amplitudes are known: no transform is needed to say what is right.
        turns = rng.choice(np.arange(5, 200), 3, replace=False)
        levels, phases = rng.uniform(0.1, 0.9, 3), rng.uniform(0.5, 2.6, 3)
        angles = 2 * np.pi * np.outer(turns, np.arange(n)) / n + phases[:, None]
        sound = torch.from_numpy((levels[:, None] * np.sin(angles)).sum(0)).float()
        got = expect_tensor(call(answer, sound.clone(), float(turns[0] * step_hz), RATE))
        if got.numel() != 1:
            raise Wrong(f"return one number, the mean over all samples; got shape {tuple(got.shape)}.")
        got, right = got.reshape(()), float(levels[0])
        if close(got, right, 1e-3):
            continue
        phase = float(phases[0])
        slips = {
            "half of it: a sine is two hands that turn against each other, and you hold it against one of them. Twice "
            "the mean.": right / 2,
            "a sum where a mean belongs: it grows with the length of the sound.": right * n,
            "a sum where twice the mean belongs: it grows with the length of the sound.": right * n / 2,
            "the real part only: it depends on where the sine began. The length of the complex number does not: abs().":
                right * math.sin(phase),
            "the imaginary part only: it depends on where the sine began. The length of the complex number does not: "
            "abs().": right * math.cos(phase),
            "the square of the amplitude: that is a power.": right**2,
            "its level in dB, where the amplitude itself was asked for.": 20 * math.log10(right),
        }  # fmt: skip
        for message, slip in slips.items():
            if close(got.abs(), abs(slip), 1e-3):
                raise Wrong(message)
        sound64, f = sound.double(), float(turns[0] * step_hz)
        for message, step in {
            "2π is missing: the hand turns f / f_s turns a sample, and a turn is 2π radians.": f / RATE,
            "degrees where radians belong: a turn is 2π for torch.exp, not 360.": 360 * f / RATE,
            "hertz went in where radians a sample belong: divide by the sample rate.": 2 * math.pi * f,
        }.items():
            hand = torch.exp(-1j * step * torch.arange(n, dtype=torch.float64))
            if close(got, 2 * (sound64 * hand).mean().abs(), 1e-3):
                raise Wrong(message)
        raise Wrong(f"a sine of amplitude {right:.5f} is in there; your answer is {float(got):.5f}.")
    return "each sine of five mixtures has the amplitude with which it was mixed in."


def slice_spectrum_db(samples: Tensor) -> Tensor:
    """Spectrum of a slice in dB, (n // 2 + 1,), under a periodic Hann window; a sine of amplitude 1 peaks at 0 dB."""
    window = torch.hann_window(len(samples), dtype=samples.dtype)
    amplitudes = torch.fft.rfft(samples * window).abs() * 2 / window.sum()
    return 20 * torch.log10(amplitudes.clamp(min=1e-6))


def _judge_spectrum(answer: Any) -> str:
    for trial, n in enumerate((64, 128, 512)):
        rng = np.random.default_rng(trial)
        angles = 2 * np.pi * np.outer(rng.uniform(3.2, n / 3, 3), np.arange(n)) / n
        noise = 0.003 * rng.uniform(-1, 1, n)
        samples = (rng.uniform(0.05, 0.3, 3)[:, None] * np.sin(angles)).sum(0) + noise
        given = torch.from_numpy(samples).float()
        got = expect_tensor(call(answer, given.clone()))
        if tuple(got.shape) == (n,):
            raise Wrong("all n points of the FFT: the upper half mirrors the lower. torch.fft.rfft gives n // 2 + 1.")
        got = expect_tensor(got, (n // 2 + 1,))
        window = np.hanning(n + 1)[:-1]
        amplitudes = 2 / window.sum() * np.abs(np.fft.rfft(samples * window))
        right = 20 * np.log10(np.maximum(amplitudes, 1e-6))
        seen = torch.from_numpy(right > -70)  # below, single precision has its own opinion

        def same(other: np.ndarray, tolerance_db: float = 0.05, seen: Tensor = seen, got: Tensor = got) -> bool:
            return bool((got - torch.from_numpy(other))[seen].abs().max() < tolerance_db)

        if same(right):
            continue
        symmetric = np.hanning(n)
        bare = np.abs(np.fft.rfft(samples))
        slips = {
            "amplitudes, not yet decibels: 20·log10 of them.": amplitudes,
            "10·log10 is for powers; these are amplitudes, for which it is 20·log10.": right / 2,
            "that is the natural logarithm: decibels take log10.": right / 20 * math.log(10) * 20,
            "the window is missing: its hard edges smear every sine over all frequencies.": 20 * np.log10(2 / n * bare),
            "the window is missing, and so is the scale: a sine of amplitude 1 should peak at 0 dB.":
                20 * np.log10(bare),
            "the scale is missing: a sine of amplitude 1 should peak at 0 dB. Divide by half of the window's sum.":
                right + 20 * math.log10(window.sum() / 2),
            "6 dB too low: half of a sine's strength is in the mirrored half of the spectrum, and under a Hann window "
            "only half of the samples count. The scale is 2 over the window's sum.": right - 20 * math.log10(2),
            "a symmetric Hann window: torch.hann_window is periodic unless told otherwise.":
                20 * np.log10(2 / symmetric.sum() * np.abs(np.fft.rfft(samples * symmetric))),
        }  # fmt: skip
        for message, slip in slips.items():
            if same(slip):
                raise Wrong(message)
        worst = int(((got - torch.from_numpy(right)).abs() * seen).argmax())
        raise Wrong(
            f"in bin {worst} of {n // 2} you give {float(got[worst]):.2f} dB; NumPy gives {right[worst]:.2f} dB."
        )
    silent = expect_tensor(call(answer, torch.zeros(64)), (33,))
    if bool((silent + 120).abs().max() > 0.5):
        raise Wrong(
            f"silence should be −120 dB everywhere; you give {float(silent.max()):.1f} dB. Clamp at 1e-6 first."
        )
    return "NumPy gives the same decibels, and silence is −120 dB."


def shortest_window(apart_hz: float, sample_rate: float) -> int:
    """Length of the shortest window, a power of two, whose points lie at most half of a distance in Hz apart."""
    return 2 ** math.ceil(math.log2(2 * sample_rate / apart_hz))


def _judge_window(answer: Any) -> str:
    for apart_hz, rate in (
        (100.0, 16_000),
        (60.0, 16_000),
        (31.25, 16_000),
        (440.0, 44_100),
        (7.0, 48_000),
        (24.0, 8000),
    ):
        got = expect_tensor(call(answer, apart_hz, rate))
        if got.numel() != 1:
            raise Wrong(f"return one number, a length in samples; got shape {tuple(got.shape)}.")
        length, right = float(got), 4
        while 2 * rate / right > apart_hz:  # doubled until it is long enough
            right *= 2
        case = f"for tones {apart_hz:g} Hz apart at {rate} Hz"
        if abs(length - right) < 1e-3 * right:
            continue
        if abs(length - right / 2) < 1e-3 * right:
            points = "one point apart" if rate / length <= apart_hz else "less than one point apart"
            raise Wrong(f"{case} {length:g} samples put the tones {points}, where two are asked for: rounded down?")
        if abs(length - 2 * right) < 1e-3 * right:
            raise Wrong(f"{case} half as long a window would do.")
        if abs(length - 2 * rate / apart_hz) < 1e-3 * right:
            raise Wrong(f"{case} {length:g} samples would do, but it should be a power of two: the next one above.")
        if abs(length - right / rate) < 1e-6:
            raise Wrong("that is a time in seconds: return a number of samples.")
        raise Wrong(f"{case} you give {length:g} samples; doubling from 4 until it is long enough ends elsewhere.")
    return "six pairs of tones, at four sample rates, each with the shortest window that tells them apart."


EXERCISES = [
    Exercise(
        "picture_of_sound-1",
        _judge_amplitude,
        ("The hand stands at e^(−iφ), φ = 2π f n / f_s at sample n. Multiply, sample by sample, and take the mean.",
         "2 * (sound * torch.exp(-1j * phase)).mean().abs(); phase is 2 * math.pi * frequency_hz / sample_rate * n."),
        amplitude_at,
        "Where a sine turns as fast as the hand, their product stands still, and its mean is half the amplitude. All "
        "others go on turning, and their mean is zero.",
    ),
    Exercise(
        "picture_of_sound-2",
        _judge_spectrum,
        ("Window, FFT, absolute value, scale, logarithm, in this order. The window is torch.hann_window(len(samples)).",
         "torch.fft.rfft(samples * window).abs() * 2 / window.sum(), then .clamp(min=1e-6), then the logarithm."),
        slice_spectrum_db,
        "The window's sum is what a steady amplitude of 1 would add up to under it, and a real sine has half of its "
        "strength in the mirrored half of the spectrum: hence 2 over the sum.",
    ),
    Exercise(
        "picture_of_sound-3",
        _judge_window,
        ("The points of a spectrum lie f_s / N hertz apart. Two of these distances must fit between the tones.",
         "N is at least 2·f_s / apart_hz. The next power of two: 2 ** math.ceil(math.log2(...))."),
        shortest_window,
        "Twice the distance in frequency is had for half the length in time: their product stays. No window is good at "
        "both, and the next power of two is there because the FFT likes it.",
    ),
]  # fmt: skip


def _hand(sound: Tensor, frequency_hz: float, sample_rate: float, turn: float = 2 * math.pi) -> Tensor:
    return (sound * torch.exp(-1j * turn * frequency_hz / sample_rate * torch.arange(len(sound)).double())).mean()


def _scaled(x: Tensor, factor: float, log: Any = torch.log10) -> Tensor:
    window = torch.hann_window(len(x))
    return factor * log((torch.fft.rfft(x * window).abs() * 2 / window.sum()).clamp(min=1e-6))


def _db(amplitudes: Tensor) -> Tensor:
    return 20 * torch.log10(amplitudes.clamp(min=1e-6))


MISTAKES = {
    "picture_of_sound-1": [
        (lambda x, f, sr: _hand(x, f, sr).abs(), "half of it"),
        (lambda x, f, sr: 2 * _hand(x, f, sr).real, "real part only"),
        (lambda x, f, sr: 2 * _hand(x, f, sr).imag, "imaginary part only"),
        (lambda x, f, sr: 2 * len(x) * _hand(x, f, sr).abs(), "a sum where a mean belongs"),
        (lambda x, f, sr: len(x) * _hand(x, f, sr).abs(), "a sum where twice the mean"),
        (lambda x, f, sr: (2 * _hand(x, f, sr).abs()) ** 2, "that is a power"),
        (lambda x, f, sr: 2 * _hand(x, f, sr, 1.0).abs(), "2π is missing"),
        (lambda x, f, sr: 2 * _hand(x, f, sr, 360.0).abs(), "degrees where radians"),
        (lambda x, f, sr: 2 * _hand(x, f, 1.0).abs(), "divide by the sample rate"),
        (lambda x, f, sr: x, "return one number"),
    ],
    "picture_of_sound-2": [
        (lambda x: _scaled(x, 10), "10·log10 is for powers"),
        (lambda x: _scaled(x, 20, torch.log), "natural logarithm"),
        (lambda x: _scaled(x, 20) - 6.0206, "6 dB too low"),
        (lambda x: _db(torch.fft.rfft(x).abs() * 2 / len(x)), "the window is missing: its hard edges"),
        (lambda x: _db(torch.fft.rfft(x).abs()), "and so is the scale"),
        (lambda x: _db(torch.fft.rfft(x * torch.hann_window(len(x))).abs()), "the scale is missing"),
        (lambda x: _db(torch.fft.rfft(x * torch.hann_window(len(x))).abs() * 2 / len(x)), "6 dB too low"),
        (lambda x: _db(torch.fft.rfft(x * torch.hann_window(len(x), periodic=False)).abs() * 4 / (len(x) - 1)),
         "a symmetric Hann window"),
        (lambda x: torch.fft.rfft(x * torch.hann_window(len(x))).abs() * 2 / torch.hann_window(len(x)).sum(),
         "not yet decibels"),
        (lambda x: _db(torch.fft.fft(x).abs()), "the upper half mirrors the lower"),
        (lambda x: _scaled(x, 20) + (40.0 if not x.any() else 0.0), "silence should be −120 dB"),
    ],
    "picture_of_sound-3": [
        (lambda apart, sr: 2 ** math.floor(math.log2(2 * sr / apart)), "rounded down?"),
        (lambda apart, sr: 2 ** math.ceil(math.log2(sr / apart)), "where two are asked for"),
        (lambda apart, sr: 2 ** math.ceil(math.log2(4 * sr / apart)), "half as long a window would do"),
        (lambda apart, sr: math.ceil(2 * sr / apart), "it should be a power of two"),
        (lambda apart, sr: 2 ** math.ceil(math.log2(2 * sr / apart)) / sr, "a time in seconds"),
    ],
}  # fmt: skip
