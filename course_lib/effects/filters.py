"""Filters as differentiable frequency responses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_count, check_finite, check_leading, check_sample_rate


def lowpass_response(cutoff_hz: Any, frequencies_hz: Any, order: int = 2) -> Tensor:
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

    >>> lowpass_response(1000.0, [0.0, 1000.0])
    tensor([1.0000, 0.7071])
    """
    cutoff = check_finite(as_tensor(cutoff_hz, "cutoff_hz"), "cutoff_hz")
    f = check_finite(as_tensor(frequencies_hz, "frequencies_hz"), "frequencies_hz")
    if bool((cutoff.detach() <= 0).any()):
        raise ValueError(f"cutoff_hz must be above 0; got {cutoff.detach().min().item():g} Hz")
    if bool((f.detach() < 0).any()):
        raise ValueError(f"frequencies_hz must not be negative; got {f.detach().min().item():g} Hz")
    ratio = f / cutoff.unsqueeze(-1)
    return torch.rsqrt(1.0 + ratio ** (2 * check_count(order, "order")))


def apply_response(audio: Any, response: Any) -> Tensor:
    """Filter sound by multiplying its spectrum: zero-phase, no delay.

    The sound is padded with as much silence again, so that nothing wraps around from its end to its beginning.

    Args:
        audio: (…, n_samples).
        response: (…, n_samples + 1), linear magnitude at `rfft_frequencies(n_samples, sample_rate)`.

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
    n = x.shape[-1]
    if h.ndim == 0 or h.shape[-1] != n + 1:
        raise ValueError(f"response must have n_samples + 1 = {n + 1} bins; got shape {tuple(h.shape)}")
    spectrum = torch.fft.rfft(x, n=2 * n)
    return torch.fft.irfft(spectrum * h, n=2 * n)[..., :n]


def rfft_frequencies(n_samples: int, sample_rate: float) -> Tensor:
    """Return the bin frequencies (Hz) that `apply_response` uses: n_samples + 1 of them, 0 … Nyquist.

    >>> rfft_frequencies(n_samples=4, sample_rate=8000)
    tensor([   0., 1000., 2000., 3000., 4000.])
    """
    n = check_count(n_samples, "n_samples")
    return torch.linspace(0.0, check_sample_rate(sample_rate) / 2, n + 1)


def lowpass(audio: Any, cutoff_hz: Any, sample_rate: float, order: int = 2) -> Tensor:
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
    bins = rfft_frequencies(x.shape[-1], sample_rate).to(x)
    check_leading(audio=x.shape[:-1], cutoff_hz=as_tensor(cutoff_hz, "cutoff_hz").shape)
    return apply_response(x, lowpass_response(cutoff_hz, bins, order))
