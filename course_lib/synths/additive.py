"""Many sinusoids at once, each with its own frequency and amplitude."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensor,
    check_count,
    check_finite,
    check_frequency,
    check_leading,
    check_sample_rate,
)
from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.kernels.additive import additive_sum


def additive_synth(
    frequencies_hz: Any, amplitudes: Any, n_samples: int, sample_rate: float, *, method: str = "fast"
) -> Tensor:
    """Sum free partials: Σ_k A_k[n] · sin(φ_k[n]), φ_k the accumulated frequency of partial k.

    Args:
        frequencies_hz: (…, n_frames, n_partials), Hz, ≥ 0. 0 is a rest; at or above Nyquist a partial is silent.
        amplitudes: (…, n_frames, n_partials), linear.
        n_samples: length of the sound.
        sample_rate: Hz.
        method: "reference" computes the formula as it stands; "fast" gives the same sound and the same gradients in a
            fraction of the time and memory, but no second derivatives.

    Returns:
        (…, n_samples). Both are interpolated linearly, a partial's amplitude after masking.

    Raises:
        ValueError: shapes that do not agree, frequency negative, NaN anywhere, more frames than samples,
            an unknown method.

    Source: McAulay & Quatieri, 1986. Chapter: book/sines/additive.ipynb

    >>> additive_synth([[4000.0, 9000.0]], [[1.0, 1.0]], 4, 16000).round(decimals=3)
    tensor([ 0.,  1., -0., -1.])
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")
    rate = check_sample_rate(sample_rate)
    n_samples = check_count(n_samples, "n_samples")
    f = check_frequency(frequencies_hz, "frequencies_hz", rate)
    a = check_finite(as_tensor(amplitudes, "amplitudes"), "amplitudes")
    if f.ndim < 2 or a.ndim < 2 or f.shape[-2:] != a.shape[-2:]:
        raise ValueError(
            "frequencies_hz and amplitudes must share (…, n_frames, n_partials); "
            f"got {tuple(f.shape)} and {tuple(a.shape)}"
        )
    check_leading(frequencies_hz=f.shape[:-2], amplitudes=a.shape[:-2])
    a = torch.where((f > 0) & (f < rate / 2), a, torch.zeros_like(a))
    return METHODS[method](f, a, n_samples, rate)


def additive_sum_reference(f: Tensor, a: Tensor, n_samples: int, sample_rate: float) -> Tensor:
    """Σ_k A_k[n] · sin(φ_k[n]), line by line: (…, n_frames, n_partials) both → (…, n_samples).

    >>> f, a = torch.tensor([[440.0, 700.0]]), torch.tensor([[0.7, 0.3]])
    >>> additive_sum_reference(f, a, n_samples=800, sample_rate=16000).shape
    torch.Size([800])
    """
    phase = instantaneous_phase(upsample_frequency(f, n_samples, dim=-2).transpose(-1, -2), sample_rate)
    envelope = upsample(a, n_samples, dim=-2).transpose(-1, -2)
    return (envelope * torch.sin(phase)).sum(-2)


METHODS = {"fast": additive_sum, "reference": additive_sum_reference}
