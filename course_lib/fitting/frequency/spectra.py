"""What the searches look at: sines of given frequencies, power spectra, their quantiles and their highest peak."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEVELS = 512  # points at which two climbs of energy are compared


def sines(hz: Tensor, *, n_samples: int, sample_rate: float, phase: Tensor | float = 0.0) -> Tensor:
    """sin(2π · hz · n / rate + phase), (…, n_samples) in single precision, its turns counted in double."""
    turns = hz.double().unsqueeze(-1) * torch.arange(n_samples, dtype=torch.float64, device=hz.device) / sample_rate
    start = phase.unsqueeze(-1) if isinstance(phase, Tensor) else phase
    return torch.sin(((turns - turns.detach().round()) * (2 * math.pi) + start).float())


def power_spectrum(sound: Tensor) -> Tensor:
    """|X|² of a sound (…, n_samples) under a Hann window, padded to twice its length."""
    window = torch.hann_window(sound.shape[-1], dtype=sound.dtype, device=sound.device)
    return torch.fft.rfft(sound * window, n=2 * sound.shape[-1]).abs().square()


def spectral_quantiles(sound: Tensor, sample_rate: float, *, power: float) -> tuple[Tensor, Tensor]:
    """Frequencies below which 0 … 1 of the sharpened energy lies: levels (LEVELS,) and Hz (trials, LEVELS).

    The noise floor, thrice what the median bin suggests, is taken off before sharpening.
    """
    energy = power_spectrum(sound)
    floor = 3 / math.log(2) * energy.median(-1, keepdim=True).values  # of exponentially distributed noise power
    above = (energy - torch.minimum(floor, 0.25 * energy.amax(-1, keepdim=True))).clamp(min=0)
    mass = (above / above.amax(-1, keepdim=True)) ** (power / 2)
    climb = (mass / mass.sum(-1, keepdim=True)).cumsum(-1)
    levels = (torch.arange(LEVELS, dtype=sound.dtype, device=sound.device) + 0.5) / LEVELS
    bins = torch.searchsorted(climb, levels.expand(len(sound), -1).contiguous())
    return levels, bins.to(sound) * (sample_rate / (2 * sound.shape[-1]))


def spectral_peak(sound: Tensor, sample_rate: float) -> Tensor:
    """Frequency (Hz) of the highest peak, (…): a parabola through the logarithms of three bins."""
    power = power_spectrum(sound)
    top = power[..., 1:-1].argmax(-1, keepdim=True) + 1
    left, middle, right = (power.gather(-1, top + i).clamp(min=1e-300).log() for i in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = torch.where(bend < 0, (left - right) / (2 * bend), 0.0).clamp(-0.5, 0.5)
    return ((top + shift) * (sample_rate / (2 * sound.shape[-1]))).squeeze(-1)
