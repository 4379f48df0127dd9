"""Exercises of the chapter "Six knobs"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def note_volume(amplitude: Tensor) -> Tensor:
    """Mean level of a note, 0 at −90 dB and 1 at −30 dB; amplitude (n_frames,), positive."""
    return (20 * torch.log10(amplitude)).mean() / 60 + 1.5


def _judge_volume(answer: Any) -> str:
    rng = np.random.default_rng(21)
    for _ in range(5):
        db = rng.uniform(-110, -20, 120)
        a = 10 ** (db / 20)
        got = expect_tensor(call(answer, torch.tensor(a)))
        if got.numel() != 1:
            raise Wrong(f"one note has one volume, the mean over its frames; got shape {tuple(got.shape)}.")
        got, true = got.reshape(()), float(np.mean(db)) / 60 + 1.5
        if close(got, true, 1e-3):
            continue
        mean = float(np.mean(db))
        slips = {
            "that is the mean in dB; the last step is missing, which brings −90 … −30 dB to 0 … 1.": mean,
            "you took decibels of the mean. The loudest frames decide that: take decibels first, then mean.": 20
            * math.log10(a.mean())
            / 60
            + 1.5,
            "that is the level of the RMS. Here every frame counts the same: decibels first, then mean.": 10
            * math.log10((a**2).mean())
            / 60
            + 1.5,
            "10·log10 belongs to a power; an amplitude takes 20.": mean / 2 / 60 + 1.5,
            "a natural logarithm: decibels need the one to base 10.": 20 * float(np.log(a).mean()) / 60 + 1.5,
            "the 60 dB are right, but 0 should stand for −90 dB: add 90 first.": mean / 60,
            "0 should stand for −90 dB, not for −60.": mean / 60 + 1,
            "that is the median; asked is the mean, to which every frame adds.": float(np.median(db)) / 60 + 1.5,
            "that is the lower median; asked is the mean.": float(np.sort(db)[59]) / 60 + 1.5,
            "that is the level of the loudest frame; asked is the mean of all.": db.max() / 60 + 1.5,
            "single frames may lie beyond −90 or −30 dB: do not clamp them before the mean.": float(
                np.clip(db / 60 + 1.5, 0, 1).mean()
            ),
        }
        name_the_slip(got, slips, 1e-3)
        raise Wrong(f"not the mean of the levels in dB, −90 … −30 brought to 0 … 1: {you_give(got, true)}.")
    return "decibels, mean, then the map, on five random notes."


def vibrato_depth(deviation: Tensor, frame_rate: float) -> Tensor:
    """Depth (semitones) of the vibrato in a deviation (n_frames,) that may glide as well."""
    n = len(deviation)
    t = torch.linspace(-1, 1, n, dtype=deviation.dtype)
    centred = deviation - deviation.mean()
    straight = centred - t * (t * centred).sum() / (t * t).sum()
    window = torch.hann_window(n, periodic=False, dtype=deviation.dtype)
    spectrum = torch.fft.rfft(straight * window, n=4096).abs() * 2 / window.sum()
    rates = torch.arange(len(spectrum)) * frame_rate / 4096
    return spectrum[(rates >= 3) & (rates <= 9)].max()


def _judge_vibrato(answer: Any) -> str:
    rng = np.random.default_rng(22)
    frame_rate = 250.0

    def note(depth: float, glide: float, n: int) -> Tensor:
        t = np.arange(n) / frame_rate
        rate, phase = rng.uniform(4.2, 7.5), rng.uniform(0, 2 * math.pi)
        line = glide * (t / t[-1] - 0.5)
        return torch.tensor(line + depth * np.sin(2 * math.pi * rate * t + phase))

    def depth_of(deviation: Tensor) -> float:
        got = expect_tensor(call(answer, deviation.clone(), frame_rate))
        if got.numel() != 1:
            raise Wrong(f"one note has one depth: expected a single number, got shape {tuple(got.shape)}.")
        return float(got)

    for trial in range(4):  # without a glide
        depth = float(rng.uniform(0.1, 0.5))
        got = depth_of(note(depth, 0.0, int(rng.integers(300, 500))))
        if abs(got / depth - 1) <= 0.06:
            continue
        if 0.44 <= got / depth <= 0.56:
            raise Wrong("half of what it should be: a sine of depth A has A/2 at its rate (the rest lies at −rate).")
        if 1.88 <= got / depth <= 2.12:
            raise Wrong("twice too large: the depth is from the middle to the top of the vibrato, not from end to end.")
        if 3.5 <= got / depth <= 4.0 and trial == 0:
            raise Wrong("that is times 3.75, as the knob is; asked is the depth itself, in semitones.")
        if 0.2 <= got / depth <= 0.28:
            raise Wrong("a quarter: divide by the sum of the window instead of the length, and double it.")
        if got / depth > 10:
            raise Wrong("the magnitude still grows with the length of the note: divide by the sum of the window.")
        raise Wrong(f"of a vibrato without any glide {you_give(got, depth, 'semitones')}.")
    for _ in range(4):
        depth, glide = float(rng.uniform(0.04, 0.08)), float(rng.choice([-1, 1])) * float(rng.uniform(1.2, 1.9))
        deviation = note(depth, glide, int(rng.integers(300, 500)))
        got = depth_of(deviation)
        if abs(got / depth - 1) <= 0.15:
            continue
        if got == 0:
            raise Wrong(
                f"the glide hides a vibrato of {depth:.2f} semitones: the highest bin of all belongs to the glide. "
                "Take the line out, and look between 3 and 9 Hz only."
            )
        if abs(got - float(deviation.max() - deviation.min()) / 2) < 0.01:
            raise Wrong("half the range of the curve: that is the glide, not the vibrato. Take out the line, and look "
                        "between 3 and 9 Hz only.")  # fmt: skip
        if got > 0.2 * abs(glide):
            raise Wrong("that is the glide, not the vibrato: take out the line, and look between 3 and 9 Hz only.")
        raise Wrong(f"of a vibrato over a glide of {glide:.1f} semitones {you_give(got, depth, 'semitones')}.")
    for glide in (1.9, -1.9):
        got = depth_of(note(0.0, glide, 255))
        if abs(got) > 1e-3:
            raise Wrong(f"a glide of {glide} semitones and no vibrato measures {got:.2g}: take the line out first.")
    return "within 6 % of the true depth, and within 15 % under a glide many times as wide."


def note_brightness(distribution: Tensor, f0_hz: Tensor) -> Tensor:
    """Centre of gravity of the harmonics, 1 at harmonic number 12; the pitch plays no part."""
    k = torch.arange(1, distribution.shape[-1] + 1)
    return (distribution * k).sum(-1).mean() / 12


def _judge_brightness(answer: Any) -> str:
    rng = np.random.default_rng(23)
    for _ in range(4):
        frames, harmonics = int(rng.integers(60, 120)), int(rng.integers(20, 60))
        raw = rng.uniform(0, 1, (frames, harmonics)) * np.exp(-np.arange(harmonics) / rng.uniform(3, 12))
        h = raw / raw.sum(-1, keepdims=True)
        f0 = rng.uniform(80, 400, frames)
        k = np.arange(1, harmonics + 1)
        true = float((h * k).sum(-1).mean()) / 12
        got = expect_tensor(call(answer, torch.tensor(h), torch.tensor(f0)))
        if got.numel() != 1:
            raise Wrong(f"one note has one brightness: got shape {tuple(got.shape)}. Take the mean over its frames.")
        got = got.reshape(())
        if close(got, true):
            continue
        hertz = (h * k).sum(-1) * f0
        if any(close(got, float(hertz.mean()) / d) for d in (1, 12, 60, 4000, 8000, 16000)):
            raise Wrong(
                "that is a centroid in Hz: every higher note would count as brighter. Number the harmonics instead, "
                "and leave f0_hz alone."
            )
        slips = {
            "you count from 0, but the fundamental is harmonic number 1.": float((h * (k - 1)).sum(-1).mean()) / 12,
            "that is the mean harmonic number; 1 should stand for the twelfth: divide by 12.": true * 12,
            "divided by the number of harmonics; the map wants 12, whatever their number.": true * 12 / harmonics,
            "a mean over frames and harmonics at once: take the sum over the harmonics, whose shares sum to 1, and the "
            "mean over the frames.": true / harmonics,
            "that is the number of the loudest harmonic; the centre of gravity counts all, by their shares.": float(
                h.argmax(-1).mean() + 1
            )
            / 12,
            "the wrong axis: you number the frames. The harmonics are axis -1.": float(
                (h.T * np.arange(1, frames + 1)).sum(-1).mean()
            )
            / 12,
        }
        name_the_slip(got, slips)
        raise Wrong(f"not the mean number of the harmonics, by their shares, over 12: {you_give(got, true)}.")
    return "the mean harmonic number over twelve, whatever the pitch."


EXERCISES = [
    Exercise(
        "knobs-1",
        _judge_volume,
        ("Which comes first: decibels or the mean?",
         "20·log10 of every frame, the mean over the frames, then / 60 + 1.5."),
        note_volume,
        "The mean of decibels is the middle of what the ear hears as equal steps. It follows the quiet frames as much "
        "as the loud ones, so a long fading tail makes a note 'quieter' than its RMS says.",
    ),
    Exercise(
        "knobs-2",
        _judge_vibrato,
        ("Fit a straight line and subtract it; window; transform; look between 3 and 9 Hz.",
         "With t from −1 to 1, the slope that fits best is Σ t·d / Σ t², once the mean is gone. Use a Hann window, "
         "pad with zeros to 4096 frames or so, and scale: magnitude · 2 / (sum of the window)."),
        vibrato_depth,
        "Dividing by the sum of the window undoes what the window takes away, and the 2 collects the half of a real "
        "sine that lies at the negative rate. The line may take a little of a short vibrato with it, which is why the "
        "library fits line and sine together.",
    ),
    Exercise(
        "knobs-3",
        _judge_brightness,
        ("Is a soprano brighter than a bass because she sings higher? Not for this knob.",
         "Σ k·h_k in every frame, k from 1; the mean over the frames; divided by 12. The pitch is not needed."),
        note_brightness,
        "Counted in harmonics, brightness belongs to the way of playing and not to the note, so the two can be set "
        "apart. The price: the same number stands for another centroid in Hz at every pitch.",
    ),
]  # fmt: skip


def _no_line(deviation: Tensor, frame_rate: float) -> Tensor:
    window = torch.hann_window(len(deviation), periodic=False, dtype=deviation.dtype)
    spectrum = torch.fft.rfft((deviation - deviation.mean()) * window, n=4096).abs() * 2 / window.sum()
    return spectrum.max()


def _as_published(deviation: Tensor, frame_rate: float) -> Tensor:
    window = torch.hann_window(len(deviation), periodic=False, dtype=deviation.dtype)
    spectrum = torch.fft.rfft((deviation - deviation.mean()) * window, n=4096).abs() * 2 / window.sum()
    highest = spectrum.argmax()
    return spectrum[highest] if 3 <= highest * frame_rate / 4096 <= 9 else torch.tensor(0.0)


def _band_without_line(deviation: Tensor, frame_rate: float) -> Tensor:
    window = torch.hann_window(len(deviation), periodic=False, dtype=deviation.dtype)
    spectrum = torch.fft.rfft((deviation - deviation.mean()) * window, n=4096).abs() * 2 / window.sum()
    rates = torch.arange(len(spectrum)) * frame_rate / 4096
    return spectrum[(rates >= 3) & (rates <= 9)].max()


MISTAKES = {
    "knobs-1": [
        (lambda a: 20 * torch.log10(a.mean()) / 60 + 1.5, "decibels of the mean"),
        (lambda a: 10 * torch.log10(a).mean() / 60 + 1.5, "takes 20"),
        (lambda a: 20 * torch.log(a).mean() / 60 + 1.5, "natural logarithm"),
        (lambda a: 20 * torch.log10(a).mean(), "last step"),
        (lambda a: 10 * torch.log10(a.square().mean()) / 60 + 1.5, "RMS"),
    ],
    "knobs-2": [
        (_as_published, "hides a vibrato"),
        (_no_line, "that is the glide"),
        (_band_without_line, "take the line out first"),
        (lambda d, r: vibrato_depth(d, r) / 2, "half of what"),
        (lambda d, r: vibrato_depth(d, r) / 4, "a quarter"),
        (lambda d, r: vibrato_depth(d, r) * len(d) / 4, "grows with the length"),
    ],
    "knobs-3": [
        (lambda h, f: ((h * torch.arange(1, h.shape[-1] + 1)).sum(-1) * f).mean() / 8000, "centroid in Hz"),
        (lambda h, f: (h * torch.arange(h.shape[-1])).sum(-1).mean() / 12, "count from 0"),
        (lambda h, f: (h * torch.arange(1, h.shape[-1] + 1)).sum(-1).mean(), "divide by 12"),
        (lambda h, f: (h * torch.arange(1, h.shape[-1] + 1)).sum(-1).mean() / h.shape[-1], "whatever their number"),
        (lambda h, f: (h * torch.arange(1, h.shape[-1] + 1)).sum(-1) / 12, "Take the mean"),
    ],
}
