"""Fewer samples a second for analyses that look at low frequencies only."""

from __future__ import annotations

import math

import torch
from torch import Tensor

PITCH_BAND_HZ = 3300.0  # what lies higher tells little of the pitch and carries much of the noise


def decimate(sound: Tensor, *, rate: float, cutoff_hz: float) -> tuple[Tensor, float]:
    """Low-pass a sound and keep each n-th sample, without delay.

    Args:
        sound: (n_samples,).
        rate: its sample rate, Hz.
        cutoff_hz: what lies above is taken away, Hz; a cutoff close to Nyquist leaves the sound as it is.

    Returns:
        The sound, (about n_samples / n,), and its new sample rate, Hz.
    """
    every = max(1, int(rate / (2.4 * cutoff_hz)))
    if cutoff_hz >= 0.45 * rate:
        return sound, rate
    half = math.ceil(2.0 * rate / cutoff_hz) * 4
    t = torch.arange(-half, half + 1)
    kernel = torch.sinc(2 * cutoff_hz / rate * t) * torch.hann_window(2 * half + 3, periodic=False)[1:-1]
    kernel = (kernel / kernel.sum())[None, None]
    return torch.nn.functional.conv1d(sound[None, None], kernel, stride=every, padding=half)[0, 0], rate / every
