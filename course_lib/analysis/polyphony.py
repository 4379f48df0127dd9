"""Whether more than one voice sounds at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.decimate import PITCH_BAND_HZ, decimate
from course_lib.core.checks import check_audio, check_eager, check_sample_rate
from course_lib.core.types import ArrayLike

MOMENTS = 200  # looked at, of a sound however long
HALF_FRAME_S = 0.064  # a frame holds eight periods of the lowest pitch
RANGE = 1e-4  # of power: 40 dB, within which a moment is loud, and a partial of a moment counts
MOST_LEFT_OVER = 0.15  # share of the power that one voice's noise and misread partials may leave over
LEAST_TONAL = 0.1  # share of the moments that must be tonal, for the sound to be judged at all

LOWEST_F0_HZ = 65.0
F0_STEPS_PER_OCTAVE, F0_OCTAVES = 60, 5  # 20 cents apart, up to 2 kHz
LOWEST_PARTIAL_HZ, HIGHEST_PARTIAL_HZ = 55.0, 3000.0  # the lowest pitch's first partial may be read a little too low
HIGHEST_NUMBER = 46  # of a partial of the lowest pitch that still lies below the highest
# How far a partial may lie from a multiple of the pitch: Hz, share of its frequency, and share of the pitch. The first
# two forgive a peak read off a short frame, a glide and stretched partials; the last keeps neighbours apart.
OFF_HZ, OFF_SHARE, OFF_OF_F0 = 4.0, 0.02, 0.25
LEAST_FILLED = 0.5  # share of a pitch's harmonics, weighted 1/k, that must be present: subharmonics have fewer

PADDING = 8  # bins of the zero-padded spectrum to one of the plain one, of which the window's main lobe is 4 wide
LOBE_BINS = 12  # to each side of a peak: what counts as its power
PEAK_BINS = 2 * PADDING  # to each side: the whole main lobe; a lower peak within it is a side lobe or a bump
SURROUNDING_BINS = 10 * PADDING  # to each side: enough to hold the gap to the next partial
# Between partials there are gaps; among the peaks of noise the fifth of the bins with least power is not so low.
QUIET_SHARE, GAP_RATIO = 0.2, 160  # 160 times the power is 22 dB
LEAST_ABOVE_GAPS = 0.7  # share of the peaks' power that must stand so far above its surroundings


def polyphony(audio: ArrayLike, sample_rate: float) -> float:
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

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> polyphony(tone, sample_rate=16000)
    0.0
    """
    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio, allow_silence=False)
    check_eager("polyphony returns a plain number", sound)
    sound = sound.detach().cpu().float()
    if sound.ndim != 1:
        raise ValueError(f"polyphony looks at one sound, (n_samples,); got shape {tuple(sound.shape)}")
    sound, rate = decimate(sound / sound.abs().max(), rate=rate, cutoff_hz=PITCH_BAND_HZ)
    size = min(2 * round(HALF_FRAME_S * rate), 2 * (len(sound) // 2))
    count = min(MOMENTS, max(1, len(sound) // (size // 2)))
    starts = torch.linspace(0, len(sound) - size, count).round().long()
    frames = sound[starts[:, None] + torch.arange(size)] * torch.hann_window(size)
    power = frames.square().mean(-1)
    loud = [_left_over(frame, rate) for frame in frames[power > RANGE * power.max()]]
    tonal = [share for share in loud if share is not None]
    return sum(share > MOST_LEFT_OVER for share in tonal) / len(tonal) if len(tonal) > LEAST_TONAL * len(loud) else 0.0


def _left_over(frame: Tensor, rate: float) -> float | None:
    """Share of the power of a frame's partials that its best single pitch leaves over; None if it is not tonal."""
    partials = _partials(frame, rate)
    if partials is None:
        return None
    frequency, power = partials
    f0 = LOWEST_F0_HZ * 2.0 ** (np.arange(0, F0_STEPS_PER_OCTAVE * F0_OCTAVES) / F0_STEPS_PER_OCTAVE)
    number = np.maximum(1, np.rint(frequency / f0[:, None]))
    off = np.abs(frequency - number * f0[:, None])
    fits = (off < np.maximum(OFF_HZ, OFF_SHARE * frequency)) & (off < OFF_OF_F0 * f0[:, None])
    explained = (fits * power).sum(-1) / power.sum()
    numbers = np.arange(1, HIGHEST_NUMBER + 1)
    present = np.stack([(fits & (number == k)).any(-1) for k in numbers], -1)
    highest = (present * numbers).max(-1, keepdims=True)
    weights = (numbers <= highest) / numbers
    filled = (present * weights).sum(-1) / np.maximum(weights.sum(-1), 1e-9)
    allowed = present[:, 0] & (filled > LEAST_FILLED)
    return float(1.0 - explained[allowed].max()) if allowed.any() else 1.0


def _partials(frame: Tensor, rate: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Frequencies (Hz) and powers of the spectrum's peaks; None if there are none, or only those of noise."""
    fft_size = PADDING * len(frame)
    spectrum = torch.fft.rfft(frame, n=fft_size).abs().square().numpy()
    spectrum = spectrum[: int(HIGHEST_PARTIAL_HZ * fft_size / rate)]
    middle = spectrum[1:-1]
    is_peak = (middle > spectrum[:-2]) & (middle >= spectrum[2:]) & (middle > RANGE * spectrum.max())
    peaks = 1 + np.flatnonzero(is_peak)
    peaks = peaks[peaks * rate / fft_size > LOWEST_PARTIAL_HZ]

    def around(peak: int, bins: int) -> np.ndarray:
        return spectrum[max(0, peak - bins) : peak + bins + 1]

    peaks = peaks[[spectrum[peak] >= around(peak, PEAK_BINS).max() for peak in peaks.tolist()]] if len(peaks) else peaks
    if not len(peaks):
        return None
    power = np.array([around(peak, LOBE_BINS).sum() for peak in peaks.tolist()])
    quiet = np.array([np.quantile(around(peak, SURROUNDING_BINS), QUIET_SHARE) for peak in peaks.tolist()])
    if power[spectrum[peaks] > GAP_RATIO * quiet].sum() < LEAST_ABOVE_GAPS * power.sum():
        return None
    return peaks * rate / fft_size, power
