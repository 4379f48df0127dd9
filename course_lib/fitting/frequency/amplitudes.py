"""Sinusoids of given frequencies in a sound: their best amplitudes by least squares, and the sum they make."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def projections(sound: Tensor, hz: Tensor, sample_rate: float) -> tuple[Tensor, Tensor]:
    """Inner products of a sound (trials, n_samples) with cos and sin at hz (trials, K), time counted from its middle.

    Written with n = block · q + r, so that only about 2 √n_samples phasors a partial are formed instead of n_samples.
    """
    n_samples = sound.shape[-1]
    block = math.ceil(math.sqrt(n_samples))
    blocks = math.ceil(n_samples / block)
    grid = torch.nn.functional.pad(sound, (0, blocks * block - n_samples)).reshape(-1, blocks, block)
    omega = hz * (2 * math.pi / sample_rate)  # Hz → rad/sample
    fine = torch.arange(block, dtype=hz.dtype, device=hz.device) - (n_samples - 1) / 2
    coarse = torch.arange(blocks, dtype=hz.dtype, device=hz.device) * block
    r, q = omega.unsqueeze(-1) * fine, omega.unsqueeze(-1) * coarse
    rc, rs = grid @ torch.cos(r).mT, grid @ torch.sin(r).mT  # (trials, blocks, K)
    qc, qs = torch.cos(q).mT, torch.sin(q).mT
    return (rc * qc - rs * qs).sum(-2), (rs * qc + rc * qs).sum(-2)


def best_amplitudes(
    sound: Tensor, hz: Tensor, sample_rate: float, used: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Least squares at given frequencies: amplitudes of cos and sin (trials, K), and the energy they explain (trials,).

    Time is counted from the middle of the sound. There cosines and sines are orthogonal, and the products of two
    cosines (or two sines) add up to Dirichlet kernels, so nothing of length n_samples is formed.
    """
    n_samples, omega = sound.shape[-1], hz * (2 * math.pi / sample_rate)
    minus = _dirichlet(omega.unsqueeze(-1) - omega.unsqueeze(-2), n_samples)
    plus = _dirichlet(omega.unsqueeze(-1) + omega.unsqueeze(-2), n_samples)
    # So little that nothing changes, unless two sinusoids have become one: then it shares the amplitude between them.
    ridge = 1e-7 * n_samples * torch.eye(hz.shape[-1], dtype=hz.dtype, device=hz.device)
    by_cos, by_sin = projections(sound, hz, sample_rate)
    if used is not None:  # a partial that is left out: zero on the right, and coupled to nobody on the left
        both = (used.unsqueeze(-1) & used.unsqueeze(-2)).to(hz)
        alone = torch.diag_embed((~used).to(hz)) * n_samples
        minus, plus = minus * both + alone, plus * both + alone * 0
        by_cos, by_sin = by_cos * used, by_sin * used
    cosines = torch.linalg.solve((minus + plus) / 2 + ridge, by_cos.unsqueeze(-1)).squeeze(-1)
    sines = torch.linalg.solve((minus - plus) / 2 + ridge, by_sin.unsqueeze(-1)).squeeze(-1)
    return cosines, sines, (cosines * by_cos + sines * by_sin).sum(-1)


def resynthesise(sound: Tensor, hz: Tensor, sample_rate: float, used: Tensor) -> Tensor:
    """The best sum of sinusoids at given frequencies (trials, K), (trials, n_samples)."""
    cosines, sines, _ = best_amplitudes(sound, hz, sample_rate, used)
    time = torch.arange(sound.shape[-1], dtype=hz.dtype, device=hz.device) - (sound.shape[-1] - 1) / 2
    total = torch.zeros_like(sound)
    for k in range(hz.shape[-1]):  # one at a time: K waveforms at once would be K times the memory
        if bool(used[:, k].any()):
            angle = hz[:, k, None] * (2 * math.pi / sample_rate) * time
            total = total + cosines[:, k, None] * torch.cos(angle) + sines[:, k, None] * torch.sin(angle)
    return total


def _dirichlet(omega: Tensor, n_samples: int) -> Tensor:
    """Σ cos(omega · t) over n_samples instants around 0."""
    zero = torch.sin(omega / 2).abs() < 1e-9
    safe = torch.where(zero, torch.ones_like(omega), omega)
    return torch.where(zero, torch.full_like(omega, n_samples), torch.sin(n_samples * safe / 2) / torch.sin(safe / 2))
