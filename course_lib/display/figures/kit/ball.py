"""Twin of ball.js and landscape.js: the losses over the frequency of a sine, and a ball that descends on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.core.units import cents
from course_lib.display.figures.kit.mass import RATE, SHARP, transport_hz, windowed_magnitudes
from course_lib.display.figures.kit.numbers import f64, mean_square
from course_lib.fitting.landscapes import local_minima, loss_over_frequency
from course_lib.fitting.losses import multiscale_spectral_loss, spectral_l1, waveform_l1
from course_lib.synths.oscillator import sinusoid

STEPS = 240  # at most
STRIDE = 1 / 80  # octaves, of the first step
REST = 1e-4  # octaves: a stride below this one is rest
SIZES = (256, 128, 64, 32)  # windows of the multi-scale loss, samples
Loss = Callable[[Tensor, Tensor], Tensor]


def named_loss(name: str, window: str = "hann", lags: float = 8.0) -> Loss:
    """Return a loss of two sounds by its name in the figures' states."""
    losses: dict[str, Loss] = {
        "waveform_l1": waveform_l1,
        "waveform_mse": mean_square,
        "spectral_l1": spectral_l1,
        "multiscale": lambda p, t: multiscale_spectral_loss(p, t, SIZES),
        "transport": lambda p, t: transport_hz(p, t, window, 2),
        "transport_sharp": lambda p, t: transport_hz(p, t, window, SHARP),
        "lag": lambda p, t: _disagreement(p, t, window, lags),
    }
    if name == "spectral_l1" and window != "hann":
        return lambda p, t: (windowed_magnitudes(p, window) - windowed_magnitudes(t, window)).abs().mean()
    return losses[name]


def _disagreement(prediction: Tensor, target: Tensor, window: str, lags: float) -> Tensor:
    """1 minus the cosine between two autocorrelations under a Gaussian window of lags, lag 0 left out."""
    n = target.shape[-1]
    one, two = (torch.fft.irfft(windowed_magnitudes(x, window).square())[1 : n // 2 + 1] for x in (prediction, target))
    weight = torch.exp(-((torch.arange(1, n // 2 + 1, dtype=torch.float64) / lags) ** 2))
    return 1 - (weight * one * two).sum() / ((weight * one * one).sum() * (weight * two * two).sum()).sqrt()


def roll(loss: Loss, target: Tensor, frequencies: list[float], start_hz: float, goal_hz: float) -> dict[str, Any]:
    """Return the loss over frequency, its local minima, and the path of normalised descent from the start."""
    curve = loss_over_frequency(loss, target, f64(frequencies), RATE)
    deep = 1e-9 * curve.max()
    minima = [i for i in local_minima(curve) if min(curve[i - 1], curve[i + 1]) - curve[i] > deep]

    one, n = f64(1.0), target.shape[-1]
    low, high = math.log2(frequencies[0]), math.log2(frequencies[-1])
    u, stride, before = math.log2(start_hz), STRIDE, 0.0
    path, heights = [start_hz], []
    for step in range(STEPS + 1):
        octaves = torch.log2(f64(path[-1])).requires_grad_()
        value = loss(sinusoid(2**octaves, one, n_samples=n, sample_rate=RATE), target)
        downhill = -math.copysign(1.0, slope) if (slope := torch.autograd.grad(value, octaves)[0].item()) else 0.0
        heights.append(value.item())
        if downhill * before < 0:
            stride /= 2
        if step == STEPS or stride < REST or downhill == 0:
            break
        before = downhill
        following = min(high, max(low, u + downhill * stride))
        if following == u:  # at the edge of the picture
            break
        u = following
        path.append(2**u)
    return {
        "frequencies": frequencies,
        "curve": curve.tolist(),
        "minima": len(minima),
        "path": path,
        "heights": heights,
        "end_hz": path[-1],
        "error_cents": cents(f64(path[-1]), f64(goal_hz)).item(),
    }
