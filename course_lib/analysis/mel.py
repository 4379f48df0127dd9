"""Mel bands: triangles over the bins of a spectrum, of equal width to the ear."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.core.checks import check_count, check_sample_rate

# Slaney's mel scale: 3 mel per 200 Hz up to 1 kHz, then 27 mel for every factor of 6.4.
LINEAR_HZ, KNEE_HZ, LOG_STEP = 200.0 / 3, 1000.0, np.log(6.4) / 27.0


def mel_bands(
    sample_rate: float, *, fft_size: int, n_bands: int, low_hz: float = 0.0, equal_area: bool = True
) -> Tensor:
    """Weights that turn a magnitude or power spectrum into mel bands.

    Args:
        n_bands: how many, from low_hz to Nyquist.
        fft_size: of the spectrum, samples.
        sample_rate: Hz.
        low_hz: where the first triangle begins, Hz.
        equal_area: every triangle has the same area over Hz; else each has height 1.

    Returns:
        (n_bands, fft_size / 2 + 1), float32.

    Raises:
        ValueError: counts below 1, a sample rate that is not positive, low_hz negative or not below Nyquist.

    Source: Slaney, Auditory Toolbox, 1998. Chapter: book/tone_transfer/decoder.ipynb

    >>> mel_bands(16000, fft_size=1024, n_bands=64).shape
    torch.Size([64, 513])
    """
    nyquist = check_sample_rate(sample_rate) / 2
    n_bands, fft_size = check_count(n_bands, "n_bands"), check_count(fft_size, "fft_size")
    if not 0 <= low_hz < nyquist:
        raise ValueError(f"low_hz must lie between 0 and sample_rate / 2 = {nyquist:g} Hz; got {low_hz:g}")
    edges = mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(nyquist), n_bands + 2))
    distance = edges[:, None] - np.fft.rfftfreq(fft_size, 1 / (2 * nyquist))
    width = np.diff(edges)[:, None]
    rising, falling = -distance[:-2] / width[:-1], distance[2:] / width[1:]
    bands = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    if equal_area:
        bands *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(bands)


def hz_to_mel(frequency_hz: float) -> float:
    """A frequency, Hz, on Slaney's mel scale.

    >>> round(hz_to_mel(440.0), 2)
    6.6
    """
    if frequency_hz < KNEE_HZ:
        return frequency_hz / LINEAR_HZ
    return float(KNEE_HZ / LINEAR_HZ + np.log(frequency_hz / KNEE_HZ) / LOG_STEP)


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    """Places on Slaney's mel scale as frequencies, Hz.

    >>> mel_to_hz(np.array([6.6])).round(2)
    array([440.])
    """
    knee = KNEE_HZ / LINEAR_HZ
    return np.where(mel < knee, LINEAR_HZ * mel, KNEE_HZ * np.exp(LOG_STEP * (np.maximum(mel, knee) - knee)))
