"""Whether more than one voice sounds at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.tracking import PASS_HZ, _thin
from course_lib.core.checks import check_audio, check_sample_rate


def polyphony(audio: Any, sample_rate: float) -> float:
    """Return the share of a sound's tonal moments that no single pitch explains: near 0 for a voice, 1 for chords.

    Up to 200 moments are looked at. Of each, the partials within 40 dB of the strongest and below 3 kHz are set against
    every pitch from 65 to 2000 Hz whose harmonics are mostly there, its fundamental among them; a moment counts if the
    best of them leaves more than 15 % of the power over.

    Above 0.5 it is a good bet that several voices sound: melodies of sampled instruments in a room stay below, their
    sustained chords lie above. Voices an octave or a twelfth apart look like one; a chord that dies away, on a piano or
    guitar, may, once one note outlasts the others. An organ stop with a built-in fifth, or a voice without its
    fundamental, looks like a chord.

    Args:
        audio: (n_samples,), one sound.
        sample_rate: Hz.

    Returns:
        0 to 1; 0 where less than a tenth of the sound is tonal.

    Raises:
        ValueError: silent or empty sound, more than one sound, NaN, a sample rate that is not positive.

    Chapter: book/tone_transfer/pitch_and_loudness.ipynb
    """
    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio, allow_silence=False).detach().cpu().float()
    if sound.ndim != 1:
        raise ValueError(f"polyphony looks at one sound, (n_samples,); got shape {tuple(sound.shape)}")
    sound, rate = _thin(sound / sound.abs().max(), rate, PASS_HZ)
    size = min(2 * round(0.064 * rate), 2 * (len(sound) // 2))
    count = min(200, max(1, len(sound) // (size // 2)))
    starts = torch.linspace(0, len(sound) - size, count).round().long()
    frames = sound[starts[:, None] + torch.arange(size)] * torch.hann_window(size)
    loud = frames.square().mean(-1)
    tonal = [_leftover(frame, rate) for frame in frames[loud > 1e-4 * loud.max()]]
    heard = [left for left in tonal if left is not None]
    return sum(left > 0.15 for left in heard) / len(heard) if len(heard) > 0.1 * len(tonal) else 0.0


def _leftover(frame: Tensor, rate: float) -> float | None:
    """Share of the power of a frame's partials that its best single pitch leaves over; None if it is not tonal."""
    fft_size = 8 * len(frame)
    power = torch.fft.rfft(frame, n=fft_size).abs().square().numpy()
    power = power[: int(3000 * fft_size / rate)]
    middle = power[1:-1]
    at = 1 + np.flatnonzero((middle > power[:-2]) & (middle >= power[2:]) & (middle > 1e-4 * power.max()))
    frequency = at * rate / fft_size
    at, frequency = at[frequency > 55], frequency[frequency > 55]
    # The main lobe of the window is 4 bins of the plain spectrum wide.
    lobes = np.array([power[max(0, i - 12) : i + 13].sum() for i in at])
    keep = [j for j, i in enumerate(at) if power[i] >= power[max(0, i - 16) : i + 17].max()]  # side lobes left out
    frequency, lobes = frequency[keep], lobes[keep]
    if not len(lobes):
        return None
    # Between partials there are gaps; among the peaks of noise the fifth of the bins with least power is not so low.
    quiet = np.array([np.quantile(power[max(0, i - 80) : i + 81], 0.2) for i in at[keep]])
    if lobes[power[at[keep]] > 160 * quiet].sum() < 0.7 * lobes.sum():
        return None
    f0 = 65.0 * 2.0 ** (np.arange(0, 12 * 5 * 5) / 60)  # 20 cents apart, up to 2 kHz
    number = np.maximum(1, np.rint(frequency / f0[:, None]))
    off = np.abs(frequency - number * f0[:, None])
    fits = off < np.maximum(4.0, 0.02 * frequency)
    fits &= off < 0.25 * f0[:, None]
    explained = (fits * lobes).sum(-1) / lobes.sum()
    slots = np.arange(1, 47)
    there = np.stack([(fits & (number == k)).any(-1) for k in slots], -1)
    top = (there * slots).max(-1, keepdims=True)
    wanted = (slots <= top) / slots
    filled = (there * wanted).sum(-1) / np.maximum(wanted.sum(-1), 1e-9)
    allowed = there[:, 0] & (filled > 0.5)
    return float(1.0 - explained[allowed].max()) if allowed.any() else 1.0
