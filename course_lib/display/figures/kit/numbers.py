"""What the twins of several figures compute with, in float64."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def f64(value: Any) -> Tensor:
    """Return numbers as a tensor of float64."""
    return torch.as_tensor(value, dtype=torch.float64)


def mean_square(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference."""
    return (prediction - target).square().mean()


def logspace(low: float, high: float, n: int) -> list[float]:
    """Return n numbers in equal ratios, both ends included, by the formula of numbers.js."""
    return [low * (high / low) ** (i / (n - 1)) for i in range(n)]


def between(knots: list[float], n_frames: int) -> Tensor:
    """Return straight lines through evenly spaced knots, (n_frames,)."""
    k = f64(knots)
    x = torch.arange(n_frames, dtype=torch.float64) / (n_frames - 1) * (len(k) - 1)
    i = x.floor().clamp(max=len(k) - 2).long()
    return k[i] + (k[i + 1] - k[i]) * (x - i)


def hann_spectrum(sound: Tensor) -> Tensor:
    """Return magnitudes under a Hann window, scaled so that a sine of amplitude 1 peaks at 1."""
    window = torch.hann_window(sound.shape[-1], dtype=sound.dtype)
    return torch.fft.rfft(sound * window * (2 / window.sum())).abs()
