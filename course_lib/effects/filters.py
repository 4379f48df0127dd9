"""Filters as differentiable frequency responses."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensor,
    check_audio,
    check_count,
    check_finite,
    check_leading,
    check_sample_rate,
    in_single,
)
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike


def lowpass_response(cutoff_hz: ArrayLike, *, frequencies_hz: ArrayLike, order: int = 2) -> Tensor:
    """Magnitude response of a Butterworth low-pass: 1 / √(1 + (f / f_c)^(2·order)).

    Smooth in the cutoff, so a gradient reaches it through any sound that was filtered.

    Args:
        cutoff_hz: a number or (…), Hz, > 0; here the response is −3 dB.
        frequencies_hz: (n_bins,), Hz, ≥ 0.
        order: slope, 6 dB per octave each.

    Returns:
        (…, n_bins), linear magnitude between 0 and 1.

    Raises:
        ValueError: cutoff not above 0, negative frequency, NaN, order below 1.

    Source: Butterworth, 1930. Chapter: book/first_steps/what_is_ddsp.ipynb

    >>> lowpass_response(1000.0, frequencies_hz=[0.0, 1000.0])
    tensor([1.0000, 0.7071])
    """
    cutoff = check_finite(as_tensor(cutoff_hz, "cutoff_hz"), "cutoff_hz")
    f = check_finite(as_tensor(frequencies_hz, "frequencies_hz"), "frequencies_hz")
    if is_eager(cutoff) and bool((cutoff.detach() <= 0).any()):
        raise ValueError(f"cutoff_hz must be above 0; got {cutoff.detach().min().item():g} Hz")
    if is_eager(f) and bool((f.detach() < 0).any()):
        raise ValueError(f"frequencies_hz must not be negative; got {f.detach().min().item():g} Hz")
    dtype = torch.promote_types(cutoff.dtype, f.dtype)
    cutoff, f = in_single(cutoff, f)
    ratio = f / cutoff.unsqueeze(-1)
    return torch.rsqrt(1.0 + ratio ** (2 * check_count(order, "order"))).to(dtype)


def apply_response(audio: ArrayLike, response: ArrayLike) -> Tensor:
    """Filter sound by multiplying its spectrum: zero-phase, no delay.

    The sound is padded with as much silence again, so that nothing wraps around from its end to its beginning.

    Args:
        audio: (…, n_samples).
        response: (…, n_samples + 1), linear magnitude at `rfft_frequencies(n_samples=…, sample_rate=…)`.

    Returns:
        (…, n_samples).

    Raises:
        ValueError: a response of another length, NaN, empty sound.

    Chapter: book/first_steps/what_is_ddsp.ipynb

    >>> apply_response(torch.tensor([1.0, 0.0, 0.0]), torch.full((4,), 0.5)).round(decimals=3).abs()
    tensor([0.5000, 0.0000, 0.0000])
    """
    x = check_audio(audio)
    h = check_finite(as_tensor(response, "response"), "response")
    n = int(x.shape[-1])
    if h.ndim == 0 or h.shape[-1] != n + 1:
        raise ValueError(f"response must have n_samples + 1 = {n + 1} bins; got shape {tuple(h.shape)}")
    dtype = torch.promote_types(x.dtype, h.dtype)
    x, h = in_single(x, h)
    return torch.fft.irfft(torch.fft.rfft(x, n=2 * n) * h, n=2 * n)[..., :n].to(dtype)


def rfft_frequencies(*, n_samples: int, sample_rate: float) -> Tensor:
    """Return the bin frequencies (Hz) that `apply_response` uses: n_samples + 1 of them, 0 … Nyquist.

    >>> rfft_frequencies(n_samples=4, sample_rate=8000)
    tensor([   0., 1000., 2000., 3000., 4000.])
    """
    n = check_count(n_samples, "n_samples")
    return torch.linspace(0.0, check_sample_rate(sample_rate) / 2, n + 1)


def lowpass(audio: ArrayLike, cutoff_hz: ArrayLike, *, sample_rate: float, order: int = 2) -> Tensor:
    """Filter sound with a zero-phase low-pass whose cutoff can be learned.

    Args:
        audio: (…, n_samples).
        cutoff_hz: a number or (…) for one cutoff a sound, Hz, > 0.
        sample_rate: Hz.
        order: slope, 6 dB per octave each.

    Returns:
        (…, n_samples); differentiable in the sound and in the cutoff.

    Raises:
        ValueError: as `lowpass_response` and `apply_response`.

    Chapter: book/first_steps/what_is_ddsp.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> round(float(lowpass(tone, 440.0, sample_rate=16000)[2000:6000].max() / 0.5), 2)  # −3 dB at the cutoff
    0.71
    """
    x = check_audio(audio)
    cutoff = as_tensor(cutoff_hz, "cutoff_hz")
    check_leading(audio=x.shape[:-1], cutoff_hz=cutoff.shape)
    dtype = torch.promote_types(x.dtype, cutoff.dtype)
    x, cutoff = in_single(x, cutoff)  # half precision could not tell neighbouring bins apart
    bins = rfft_frequencies(n_samples=int(x.shape[-1]), sample_rate=sample_rate).to(x)
    return apply_response(x, lowpass_response(cutoff, frequencies_hz=bins, order=order)).to(dtype)
