"""Noise through a filter that changes from frame to frame: breath, bow, the skin of a drum."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.checks import as_tensor, check_count, check_finite
from course_lib.units import exp_sigmoid


def noise_controls(raw_magnitudes: Any, bias: float = -5.0) -> Tensor:
    """Turn raw numbers, as a network gives them, into noise magnitudes.

    Args:
        raw_magnitudes: any shape, any real number.
        bias: added first, so that an untrained network (about 0) starts almost silent instead of hissing.

    Returns:
        Same shape, linear magnitudes in (1e-7, 2).

    Raises:
        ValueError: NaN or infinite values.

    Source: Engel et al., DDSP, 2020, appendix B. Chapter: book/shaping/noise.ipynb
    """
    return exp_sigmoid(check_finite(as_tensor(raw_magnitudes, "raw_magnitudes"), "raw_magnitudes") + float(bias))


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


def filtered_noise(magnitudes: Any, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
    """White noise through a zero-phase filter that fades from each frame's magnitudes to the next.

    One noise is cut into overlapping pieces that fade in and out and add up to the noise again; each piece goes
    through its frame's filter and the results are added. A filter that stays the same therefore leaves no trace of
    the frames.

    Args:
        magnitudes: (…, n_frames, n_bands), linear, ≥ 0, bands evenly spaced from 0 to Nyquist. 1 in every band is the
            noise as it is: white, mean 0, RMS 1.
        n_samples: length of the sound, at least n_frames.
        generator: source of the randomness, on the CPU or on the device of the magnitudes; if None, a fixed seed, so
            that the same magnitudes give the same sound.

    Returns:
        (…, n_samples), another noise in every batch entry; differentiable in the magnitudes.

    Raises:
        ValueError: negative or NaN magnitudes, fewer than two bands, more frames than samples.

    Source: Engel et al., DDSP, 2020, section 3.2 and appendix B. Chapter: book/shaping/noise.ipynb
    """
    m = check_magnitudes(magnitudes, frames=True)
    n = check_count(n_samples, "n_samples", minimum=m.shape[-2])
    noise = white_noise((*m.shape[:-2], n), generator, m.to(torch.promote_types(m.dtype, torch.float32)))
    return shape_noise(noise, m)


def shape_noise(noise: Tensor, magnitudes: Tensor) -> Tensor:
    """Send a noise (…, n_samples) through the filters of checked magnitudes (…, n_frames, n_bands)."""
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


def white_noise(shape: tuple[int, ...], generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Uniform noise of mean 0 and RMS 1: evenly spread over ±√3."""
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    uniform = torch.rand(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return ((2.0 * uniform - 1.0) * math.sqrt(3.0)).to(like.device)


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
    """Magnitudes as a tensor, (…, n_bands) or (…, n_frames, n_bands), or ValueError."""
    m = check_finite(as_tensor(magnitudes, "magnitudes"), "magnitudes")
    shape = "(…, n_frames, n_bands)" if frames else "(…, n_bands)"
    if m.ndim < 1 + frames or m.shape[-1] < 2 or (frames and m.shape[-2] < 1):
        raise ValueError(f"magnitudes must be {shape} with at least two bands; got shape {tuple(m.shape)}")
    if bool((m.detach() < 0).any()):
        raise ValueError(f"magnitudes must not be negative; got {m.detach().min().item():g}. Scale them first")
    return m
