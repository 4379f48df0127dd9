"""Filters given by their response at a few frequencies: frequency sampling, then a window."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_finite, check_leading


def fir_filter(audio: Any, magnitudes: Any) -> Tensor:
    """Filter sound with a zero-phase response that is given at evenly spaced frequencies, and may change over time.

    The magnitudes become 2 · (n_bands − 1) taps, windowed (`zero_phase_response`): details narrower than a band are
    smoothed away. A filter that moves fades from each frame's response to the next.

    Args:
        audio: (…, n_samples).
        magnitudes: (n_bands,) for one filter, or (…, n_frames, n_bands): linear, ≥ 0, from 0 to Nyquist.

    Returns:
        (…, n_samples), without delay; differentiable in both.

    Raises:
        ValueError: negative or NaN magnitudes, fewer than two bands, more frames than samples, empty sound.

    Chapter: book/shaping/filters.ipynb

    >>> fir_filter(torch.eye(1, 5), torch.full((3,), 0.5)).round(decimals=3).abs()
    tensor([[0.5000, 0.0000, 0.0000, 0.0000, 0.0000]])
    """
    x = check_audio(audio)
    m = check_magnitudes(magnitudes, frames=False)
    m = m.unsqueeze(0) if m.ndim == 1 else m
    if m.shape[-2] < 1:
        raise ValueError(f"magnitudes needs at least one frame; got shape {tuple(m.shape)}")
    if m.shape[-2] > x.shape[-1]:
        raise ValueError(f"there are more frames ({m.shape[-2]}) than samples ({x.shape[-1]})")
    leading = check_leading(audio=x.shape[:-1], magnitudes=m.shape[:-2])
    return shape_noise(x.expand(*leading, -1), m.expand(*leading, -1, -1))


def zero_phase_response(magnitudes: Any) -> Tensor:
    """Impulse response whose spectrum runs through the magnitudes: frequency sampling, then a Hann window.

    Args:
        magnitudes: (…, n_bands), linear, ≥ 0, evenly spaced from 0 to Nyquist.

    Returns:
        (…, 2 · (n_bands − 1)), symmetric about its middle sample, n_bands − 1, which is time 0. The window smooths
        the sampled spectrum over neighbouring bands by (¼, ½, ¼).

    Raises:
        ValueError: negative or NaN magnitudes, fewer than two bands.

    Chapter: book/shaping/noise.ipynb

    >>> zero_phase_response([1.0, 1.0, 1.0])
    tensor([0., 0., 1., 0.])
    """
    m = check_magnitudes(magnitudes, frames=False)
    half = m.shape[-1] - 1
    response = torch.fft.irfft(m.to(torch.promote_types(m.dtype, torch.float32)), n=2 * half)  # time 0 first
    window = torch.hann_window(2 * half, dtype=response.dtype, device=response.device)
    return (response.roll(half, -1) * window).to(m)


def shape_noise(noise: Tensor, magnitudes: Tensor) -> Tensor:
    """Send a noise (…, n_samples) through the filters of checked magnitudes (…, n_frames, n_bands).

    >>> shape_noise(torch.ones(8), torch.ones(2, 3)).shape
    torch.Size([8])
    """
    n, (n_frames, n_bands) = noise.shape[-1], magnitudes.shape[-2:]
    exact = magnitudes.to(noise)  # the FFT knows no half precision
    hop = math.ceil(n / n_frames)
    half = n_bands - 1
    centres = torch.arange(n_frames, device=exact.device) * n // n_frames
    offsets = torch.arange(-hop, hop, device=exact.device)
    pieces = torch.nn.functional.pad(noise, (hop, hop))[..., (centres + hop).unsqueeze(-1) + offsets]
    pieces = pieces * _fades(centres, offsets.to(exact.dtype), n)
    size = _fast_length(2 * hop + 2 * half)
    spectrum = torch.fft.rfft(pieces, n=size) * torch.fft.rfft(zero_phase_response(exact), n=size)
    filtered = torch.fft.irfft(spectrum, n=size)[..., : 2 * hop + 2 * half - 1]  # (…, n_frames, a little over 2 hops)
    return _overlap_add(filtered, centres, hop + half, n).to(magnitudes)


def _fades(centres: Tensor, offsets: Tensor, n_samples: int) -> Tensor:
    """Triangles (n_frames, 2 · hop) from one frame's centre to the next that sum to 1 everywhere; the last is held."""
    ends = torch.cat([centres, centres.new_tensor([n_samples])])
    after = (ends[1:] - centres).unsqueeze(-1)
    before = torch.cat([after[:1], after[:-1]])
    fade = torch.where(offsets < 0, 1.0 + offsets / before, 1.0 - offsets / after)
    fade[-1] = torch.where(offsets >= 0, 1.0, fade[-1])
    return fade.clamp(min=0.0)


def _overlap_add(pieces: Tensor, centres: Tensor, lead: int, n_samples: int) -> Tensor:
    """Add pieces (…, n_frames, length), the first sample of piece i at centre i − lead, to (…, n_samples)."""
    leading, (n_frames, length) = pieces.shape[:-2], pieces.shape[-2:]
    flat = pieces.reshape(-1, n_frames * length)
    if n_samples % n_frames == 0:  # evenly spaced: one call of a tuned routine
        hop = n_samples // n_frames
        total = (n_frames - 1) * hop + length
        columns = pieces.reshape(-1, n_frames, length).transpose(1, 2)
        sums = torch.nn.functional.fold(columns, (1, total), (1, length), stride=(1, hop)).reshape(-1, total)
    else:
        total = int(centres[-1]) + length
        where = (centres.unsqueeze(-1) + torch.arange(length, device=pieces.device)).reshape(-1)
        sums = flat.new_zeros(flat.shape[0], total).index_add(1, where, flat)
    sums = torch.nn.functional.pad(sums, (0, max(0, lead + n_samples - total)))
    return sums[:, lead : lead + n_samples].reshape(*leading, n_samples)


def _fast_length(n: int) -> int:
    """The next length that is a power of two, or three quarters of one."""
    power = 1 << max(0, n - 1).bit_length()
    return 3 * power // 4 if n <= 3 * power // 4 and power >= 4 else power


def check_magnitudes(magnitudes: Any, frames: bool) -> Tensor:
    """Magnitudes as a tensor, (…, n_bands) or (…, n_frames, n_bands), or ValueError.

    >>> check_magnitudes([0.5, 1.0], frames=False)
    tensor([0.5000, 1.0000])
    """
    m = check_finite(as_tensor(magnitudes, "magnitudes"), "magnitudes")
    shape = "(…, n_frames, n_bands)" if frames else "(…, n_bands)"
    if m.ndim < 1 + frames or m.shape[-1] < 2 or (frames and m.shape[-2] < 1):
        raise ValueError(f"magnitudes must be {shape} with at least two bands; got shape {tuple(m.shape)}")
    if bool((m.detach() < 0).any()):
        raise ValueError(f"magnitudes must not be negative; got {m.detach().min().item():g}. Scale them first")
    return m
