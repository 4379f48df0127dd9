"""Many sinusoids at once, each with its own frequency and amplitude."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensor,
    check_count,
    check_finite,
    check_frequency,
    check_leading,
    check_sample_rate,
    in_single,
)
from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.second_derivative import with_formula
from course_lib.core.types import ArrayLike
from course_lib.kernels import blocks, sums
from course_lib.kernels.method import Method, choose


def additive_synth(
    frequencies_hz: ArrayLike, amplitudes: ArrayLike, *, n_samples: int, sample_rate: float, method: Method = "auto"
) -> Tensor:
    """Sum free partials: Σ_k A_k[n] · sin(φ_k[n]), φ_k the accumulated frequency of partial k.

    Args:
        frequencies_hz: (…, n_frames, n_partials), Hz, ≥ 0. 0 is a rest; at or above Nyquist a partial is silent.
        amplitudes: (…, n_frames, n_partials), linear.
        n_samples: length of the sound.
        sample_rate: Hz.
        method: how it is computed, as in `harmonic_synth`; the sound and the gradients are the same. "fast" works
            block by block in little memory.

    Returns:
        (…, n_samples). Both are interpolated linearly, a partial's amplitude after masking.

    Raises:
        ValueError: shapes that do not agree, frequency negative, NaN anywhere, more frames than samples,
            an unknown method.

    Source: McAulay & Quatieri, 1986. Chapter: book/sines/additive.ipynb

    >>> additive_synth([[2000.0, 9000.0]], [[1.0, 1.0]], n_samples=4, sample_rate=16000)
    tensor([0.0000, 0.7071, 1.0000, 0.7071])
    """
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
    way = choose(method, n_samples * (a.numel() // a.shape[-2]), f, a)

    def formula(f: Tensor, a: Tensor) -> Tensor:
        return additive_sum_reference(f, a, n_samples=n_samples, sample_rate=rate)

    if way == "reference":
        return formula(f, a)
    if way == "kernel":
        return sums.partials_sum(f, a, n_samples=n_samples, sample_rate=rate, formula=formula)
    return with_formula(lambda f, a: blocks.additive_sum(f, a, n_samples=n_samples, sample_rate=rate), formula, f, a)


def additive_sum_reference(f: Tensor, a: Tensor, *, n_samples: int, sample_rate: float) -> Tensor:
    """Σ_k A_k[n] · sin(φ_k[n]), line by line: (…, n_frames, n_partials) both → (…, n_samples).

    >>> f, a = torch.tensor([[440.0, 700.0]]), torch.tensor([[0.7, 0.3]])
    >>> additive_sum_reference(f, a, n_samples=800, sample_rate=16000).shape
    torch.Size([800])
    """
    dtype = torch.promote_types(f.dtype, a.dtype)
    f, a = in_single(f, a)
    phase = instantaneous_phase(upsample_frequency(f, n_samples, dim=-2).transpose(-1, -2), sample_rate)
    envelope = upsample(a, n_samples, dim=-2).transpose(-1, -2)
    return (envelope * torch.sin(phase)).sum(-2).to(dtype)
