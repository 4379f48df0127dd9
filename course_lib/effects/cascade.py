"""Second-order filters in a row: their response, and sound through them, by sampling it or as a recursion."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_count, check_finite, check_leading, check_sample_rate
from course_lib.effects.biquads import pole_radius

LONGEST_FFT = 1 << 22


def biquad_response(b: Any, a: Any, frequencies_hz: Any, sample_rate: float) -> Tensor:
    """Frequency response of a filter or of a cascade: the ratio of two polynomials on the unit circle.

    Args:
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise, a[…, 0] ≠ 0.
        frequencies_hz: (n_bins,), Hz.
        sample_rate: Hz.

    Returns:
        (…, n_bins), complex; the product over the sections.

    Raises:
        ValueError: shapes that do not fit, NaN.

    Chapter: book/shaping/filters.ipynb

    >>> b, a = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([1.0, 0.0, 0.0])  # the mean of two samples
    >>> biquad_response(b, a, torch.tensor([0.0, 4000.0]), sample_rate=16000).abs()
    tensor([1.0000, 0.7071])
    """
    numerator, denominator = _sections(b, a)
    f = check_finite(as_tensor(frequencies_hz, "frequencies_hz"), "frequencies_hz").to(numerator)
    if f.ndim != 1:
        raise ValueError(f"frequencies_hz must be (n_bins,); got shape {tuple(f.shape)}")
    return _response(numerator, denominator, 2.0 * math.pi * f / check_sample_rate(sample_rate))


def _response(b: Tensor, a: Tensor, omega: Tensor) -> Tensor:
    """Π over the sections of B(z) / A(z) at z = exp(i·omega), omega (n_bins,) in rad/sample."""
    delays = torch.polar(torch.ones_like(omega), -omega)
    powers = torch.stack([torch.ones_like(delays), delays, delays * delays])  # (3, n_bins)
    return ((b.to(powers.dtype) @ powers) / (a.to(powers.dtype) @ powers)).prod(-2)


def filter_by_sampling(audio: Any, b: Any, a: Any, fft_size: int | None = None) -> Tensor:
    """Filter sound by multiplying its spectrum with the filter's response: how a recursion is trained.

    A recursion rings for ever, a transform is finite: what rings longer than the transform leaves room for wraps
    around to the beginning (time aliasing). The length chosen by default lets the slowest pole fall by 100 dB, as far
    as 2²² samples reach: a pole closer than about 3e-6 to the unit circle falls by less.

    Args:
        audio: (…, n_samples).
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise; poles inside the unit circle.
        fft_size: length of the transform, at least n_samples.

    Returns:
        (…, n_samples); differentiable in all three.

    Raises:
        ValueError: an unstable filter, shapes that do not fit, NaN, a transform shorter than the sound.

    Source: Nercessian, Neural parametric equalizer matching using differentiable biquads, DAFx 2020.
    Chapter: book/shaping/filters.ipynb

    >>> click, b, a = torch.eye(1, 4), torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, -0.5, 0.0])
    >>> filter_by_sampling(click, b, a, fft_size=64).round(decimals=3)
    tensor([[1.0000, 0.5000, 0.2500, 0.1250]])
    """
    x = check_audio(audio)
    numerator, denominator = _sections(b, a)
    check_leading(audio=x.shape[:-1], b=numerator.shape[:-2], a=denominator.shape[:-2])
    radius = float(pole_radius(denominator).max())
    if radius >= 1.0:
        raise ValueError(f"the filter is unstable: a pole at radius {radius:.6g}; see stable_denominator")
    n = x.shape[-1]
    if fft_size is None:
        rings = numerator.shape[-2] * math.log(1e-5) / math.log(max(radius, 1e-3))
        size = min(max(1 << (n + math.ceil(rings) - 1).bit_length(), 2), max(LONGEST_FFT, 2 * n))
    else:
        size = check_count(fft_size, "fft_size", minimum=n)
    dtype = torch.promote_types(x.dtype, torch.float32)  # the FFT knows no half precision
    spectrum = torch.fft.rfft(x.to(dtype), n=size)
    # In float64: near 0 Hz the polynomials are small differences of large numbers.
    omega = torch.arange(size // 2 + 1, device=x.device, dtype=torch.float64) * (2.0 * math.pi / size)
    response = _response(numerator.double(), denominator.double(), omega).to(spectrum.dtype)
    return torch.fft.irfft(spectrum * response, n=size)[..., :n].to(x)


def filter_recursively(audio: Any, b: Any, a: Any) -> Tensor:
    """Filter sound sample by sample, as a filter runs: y[n] from x[n … n−2] and y[n−1], y[n−2].

    Where no gradient is wanted SciPy's compiled recursion does the work, in float64. With one, it is a loop in PyTorch
    whose every step is kept for the way back: hundreds of times slower, and the reason for `filter_by_sampling`.

    Args:
        audio: (…, n_samples).
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise.

    Returns:
        (…, n_samples), starting from rest. An unstable filter is run as it is: it grows.

    Raises:
        ValueError: shapes that do not fit, NaN.

    Chapter: book/shaping/filters.ipynb

    >>> click, b, a = torch.eye(1, 4), torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, -0.5, 0.0])
    >>> filter_recursively(click, b, a)
    tensor([[1.0000, 0.5000, 0.2500, 0.1250]])
    """
    x = check_audio(audio)
    numerator, denominator = _sections(b, a)
    leading = check_leading(audio=x.shape[:-1], b=numerator.shape[:-2], a=denominator.shape[:-2])
    wanted = any(value.requires_grad for value in (x, numerator, denominator)) and torch.is_grad_enabled()
    y = x.expand(*leading, x.shape[-1])
    for s in range(numerator.shape[-2]):
        top, bottom = numerator[..., s, :] / denominator[..., s, :1], denominator[..., s, :] / denominator[..., s, :1]
        y = _loop(y, top, bottom) if wanted else _compiled(y, top, bottom)
    return y.to(x)


def _loop(x: Tensor, b: Tensor, a: Tensor) -> Tensor:
    """Transposed direct form II, one section, b and a (…, 3)."""
    first = second = torch.zeros_like(x[..., 0])
    out = []
    for sample in x.unbind(-1):
        y = b[..., 0] * sample + first
        first = b[..., 1] * sample - a[..., 1] * y + second
        second = b[..., 2] * sample - a[..., 2] * y
        out.append(y)
    return torch.stack(out, -1)


def _compiled(x: Tensor, b: Tensor, a: Tensor) -> Tensor:
    from scipy.signal import lfilter

    rows = x.detach().cpu().double().reshape(-1, x.shape[-1]).numpy()
    tops, bottoms = (c.detach().cpu().double().expand(*x.shape[:-1], 3).reshape(-1, 3).numpy() for c in (b, a))
    filtered = [lfilter(top, bottom, row) for top, bottom, row in zip(tops, bottoms, rows, strict=True)]
    return torch.stack([torch.from_numpy(row) for row in filtered]).reshape(x.shape).to(x.device)


def _sections(b: Any, a: Any) -> tuple[Tensor, Tensor]:
    """b and a as (…, n_sections, 3), or ValueError."""
    pair = []
    for name, value in (("b", b), ("a", a)):
        tensor = check_finite(as_tensor(value, name), name)
        if tensor.ndim < 1 or tensor.shape[-1] != 3:
            raise ValueError(f"{name} must be (3,) or (…, n_sections, 3); got shape {tuple(tensor.shape)}")
        pair.append(tensor.unsqueeze(0) if tensor.ndim == 1 else tensor)
    if pair[0].shape[-2] != pair[1].shape[-2]:
        raise ValueError(f"b has {pair[0].shape[-2]} sections and a has {pair[1].shape[-2]}: they must agree")
    if bool((pair[1][..., 0] == 0).any()):
        raise ValueError("a[…, 0] must not be 0: it is what everything is divided by")
    dtype = torch.promote_types(pair[0].dtype, pair[1].dtype)
    return pair[0].to(dtype), pair[1].to(dtype)
