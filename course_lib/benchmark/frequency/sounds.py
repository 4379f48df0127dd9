"""The sounds whose frequencies are searched for: drawn at random, with noise, or framed from a clip."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SAMPLE_RATE, N_SAMPLES = 16000, 4096
LOW_HZ, HIGH_HZ = 50.0, 7000.0
F0_HIGH_HZ, F0_PARTIALS = 990.0, 8
CLEAN = math.inf  # dB of a sound without noise


def noisy(sound: Tensor, snr_db: float, generator: torch.Generator) -> Tensor:
    """Add white Gaussian noise at a ratio of total powers, dB; none at an infinite one."""
    if snr_db == CLEAN:
        return sound
    power = sound.square().mean(-1, keepdim=True) * 10 ** (-snr_db / 10)
    return sound + power.sqrt() * torch.randn(sound.shape, generator=generator, dtype=sound.dtype)


def sum_of_sines(hz: Tensor, amplitude: Tensor, generator: torch.Generator) -> Tensor:
    """Sinusoids (trials, K) of random phase added up, (trials, N_SAMPLES), double precision."""
    time_s = torch.arange(N_SAMPLES, dtype=torch.float64) / SAMPLE_RATE
    phase = 2 * math.pi * torch.rand(hz.shape, generator=generator, dtype=torch.float64)
    total = torch.zeros(len(hz), N_SAMPLES, dtype=torch.float64)
    for k in range(hz.shape[-1]):
        total += amplitude[:, k, None] * torch.sin(2 * math.pi * hz[:, k, None] * time_s + phase[:, k, None])
    return total


def draw_sines(trials: int, partials: int, snr_db: float, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sounds of K sinusoids at least 3 DFT bins apart, their frequencies, random starts, and amplitudes .1 … 1."""
    g = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return LOW_HZ + (HIGH_HZ - LOW_HZ) * torch.rand(*shape, generator=g, dtype=torch.float64)

    kept: list[Tensor] = []
    while len(kept) < trials:
        hz = uniform(64, partials).sort(-1).values
        apart = hz.diff(dim=-1) > 3 * SAMPLE_RATE / N_SAMPLES
        kept.extend(hz[apart.all(-1)])
    hz = torch.stack(kept[:trials])
    amplitude = 0.1 + 0.9 * torch.rand(trials, partials, generator=g, dtype=torch.float64)
    return noisy(sum_of_sines(hz, amplitude, g), snr_db, g), hz, uniform(trials, partials), amplitude


def draw_combs(trials: int, kind: str, snr_db: float, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Harmonic sounds of 8 partials, their f0, random starts, and relative amplitudes (1/k, no first, or drawn)."""
    g = torch.Generator().manual_seed(seed)
    f0, start = LOW_HZ + (F0_HIGH_HZ - LOW_HZ) * torch.rand(2, trials, generator=g, dtype=torch.float64)
    order = torch.arange(1, F0_PARTIALS + 1, dtype=torch.float64)
    amplitude = (1 / order).repeat(trials, 1)
    if kind == "random partials":
        amplitude = torch.rand(trials, F0_PARTIALS, generator=g, dtype=torch.float64)
    elif kind == "missing fundamental":
        amplitude[:, 0] = 0
    return noisy(sum_of_sines(f0[:, None] * order, amplitude, g), snr_db, g), f0, start, amplitude


def frames(audio: Tensor, n_frames: int, window: int) -> Tensor:
    """Pieces of a sound (n_samples,) centred at its frames, (n_frames, window), with zeros beyond the ends."""
    padded = torch.nn.functional.pad(audio, (window // 2, window))
    centres = torch.arange(n_frames) * audio.shape[-1] // n_frames
    return padded[centres[:, None] + torch.arange(window)].double()


def noise_power(amplitude: Tensor, snr_db: float) -> Tensor:
    """Power (trials,) of the noise that `noisy` adds, on average, to sinusoids of these amplitudes (trials, K)."""
    return amplitude.square().sum(-1) / 2 * 10 ** (-snr_db / 10)
