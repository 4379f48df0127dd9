"""Second-order filters in a row: their response, and sound through them by sampling it."""

from __future__ import annotations

import math

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
from course_lib.effects.biquads import pole_radius
from course_lib.effects.fir import power_of_two

LONGEST_FFT = 1 << 22


def biquad_response(b: ArrayLike, a: ArrayLike, frequencies_hz: ArrayLike, sample_rate: float) -> Tensor:
    """Frequency response of a filter or of a cascade: the ratio of two polynomials on the unit circle.

    Args:
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise, a[…, 0] ≠ 0.
        frequencies_hz: (n_bins,), Hz.
        sample_rate: Hz.

    Returns:
        (…, n_bins), complex, in single precision at least; the product over the sections.

    Raises:
        ValueError: shapes that do not fit, NaN.

    Chapter: book/shaping/filters.ipynb

    >>> b, a = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([1.0, 0.0, 0.0])  # the mean of two samples
    >>> biquad_response(b, a, torch.tensor([0.0, 4000.0]), sample_rate=16000).abs()
    tensor([1.0000, 0.7071])
    """
    numerator, denominator = _biquads(b, a)
    f = check_finite(as_tensor(frequencies_hz, "frequencies_hz"), "frequencies_hz")
    (f,) = in_single(f.to(numerator))
    if f.ndim != 1:
        raise ValueError(f"frequencies_hz must be (n_bins,); got shape {tuple(f.shape)}")
    return _response(numerator, denominator, 2.0 * math.pi * f / check_sample_rate(sample_rate))


def _response(b: Tensor, a: Tensor, omega: Tensor) -> Tensor:
    """Π over the sections of B(z) / A(z) at z = exp(i·omega), omega (n_bins,) in rad/sample."""
    delays = torch.polar(torch.ones_like(omega), -omega)
    powers = torch.stack([torch.ones_like(delays), delays, delays * delays])  # (3, n_bins)
    return ((b.to(powers.dtype) @ powers) / (a.to(powers.dtype) @ powers)).prod(-2)


def filter_by_sampling(audio: ArrayLike, b: ArrayLike, a: ArrayLike, fft_size: int | None = None) -> Tensor:
    """Filter sound by multiplying its spectrum with the filter's response: how a recursion is trained.

    A recursion rings for ever, a transform is finite: what rings longer than the transform leaves room for wraps
    around to the beginning (time aliasing). The length chosen by default lets the slowest pole fall by 100 dB, as far
    as 2²² samples reach: a pole closer than about 3e-6 to the unit circle falls by less.

    Args:
        audio: (…, n_samples).
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise; poles inside the unit circle.
        fft_size: length of the transform, at least n_samples. Has to be given where values cannot be looked at
            (`torch.compile`, `torch.func`, `torch.export`, meta tensors).

    Returns:
        (…, n_samples); differentiable in all three.

    Raises:
        ValueError: an unstable filter, shapes that do not fit, NaN, a transform shorter than the sound, none given
            where it has to be.

    Source: Nercessian, Neural parametric equalizer matching using differentiable biquads, DAFx 2020.
    Chapter: book/shaping/filters.ipynb

    >>> click, b, a = torch.eye(1, 4), torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, -0.5, 0.0])
    >>> filter_by_sampling(click, b, a, fft_size=64).round(decimals=3)
    tensor([[1.0000, 0.5000, 0.2500, 0.1250]])
    """
    x = check_audio(audio)
    numerator, denominator = _biquads(b, a)
    check_leading(audio=x.shape[:-1], b=numerator.shape[:-2], a=denominator.shape[:-2])
    n = int(x.shape[-1])
    radius = float(pole_radius(denominator).max()) if is_eager(denominator) else None
    if radius is not None and radius >= 1.0:
        raise ValueError(f"the filter is unstable: a pole at radius {radius:.6g}; see stable_denominator")
    if fft_size is not None:
        size = check_count(fft_size, "fft_size", minimum=n)
    elif radius is not None:
        size = ringing_fft_size(n, n_sections=int(numerator.shape[-2]), radius=radius)
    else:
        raise ValueError("fft_size must be given where the poles cannot be looked at (torch.compile, vmap, export …)")
    spectrum = torch.fft.rfft(in_single(x)[0], n=size)
    # In float64: near 0 Hz the polynomials are small differences of large numbers.
    omega = torch.arange(size // 2 + 1, device=x.device, dtype=torch.float64) * (2.0 * math.pi / size)
    response = _response(numerator.double(), denominator.double(), omega).to(spectrum.dtype)
    return torch.fft.irfft(spectrum * response, n=size)[..., :n].to(x)


def ringing_fft_size(n_samples: int, *, n_sections: int, radius: float) -> int:
    """A transform long enough for a sound and for what rings after it, until that has fallen by 100 dB.

    >>> ringing_fft_size(16_000, n_sections=1, radius=0.99)  # rings for another 1146 samples
    32768
    """
    rings = n_sections * math.log(1e-5) / math.log(max(radius, 1e-3))
    return min(max(power_of_two(n_samples + math.ceil(rings)), 2), max(LONGEST_FFT, 2 * n_samples))


def check_sections(b: ArrayLike, a: ArrayLike, *, time_varying: bool = False) -> tuple[Tensor, Tensor]:
    """b and a as (…, n_frames, n_sections, order + 1), or ValueError; one of what has no axis.

    A shorter one of the two is filled up with zeros.

    >>> b, a = check_sections([0.5, 0.5], [1.0])
    >>> b, a
    (tensor([[[0.5000, 0.5000]]]), tensor([[[1., 0.]]]))
    """
    pair, axes = [], 2 + time_varying
    for name, value in (("b", b), ("a", a)):
        tensor = check_finite(as_tensor(value, name), name)
        if tensor.ndim < (3 if time_varying else 1) or 0 in tensor.shape[-axes:]:
            moving = "(…, n_frames, n_sections, order + 1)"
            shape = moving if time_varying else "(order + 1,) or (…, n_sections, order + 1)"
            raise ValueError(f"{name} must be {shape}; got shape {tuple(tensor.shape)}")
        tensor = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        pair.append(tensor if time_varying else tensor.unsqueeze(-3))
    b, a = pair
    if b.shape[-3:-1] != a.shape[-3:-1]:
        what = "frames and sections" if time_varying else "sections"
        numbers = [" × ".join(map(str, t.shape[-3 if time_varying else -2 : -1])) for t in pair]
        raise ValueError(f"b has {numbers[0]} {what} and a has {numbers[1]}: they must agree")
    if is_eager(a) and bool((a[..., 0] == 0).any()):
        raise ValueError("a[…, 0] must not be 0: it is what everything is divided by")
    dtype = torch.promote_types(b.dtype, a.dtype)
    taps = max(b.shape[-1], a.shape[-1])
    b, a = (torch.nn.functional.pad(t.to(dtype), (0, taps - t.shape[-1])) for t in pair)
    return b, a


def _biquads(b: ArrayLike, a: ArrayLike) -> tuple[Tensor, Tensor]:
    """b and a as (…, n_sections, 3), or ValueError."""
    for name, value in (("b", b), ("a", a)):
        shape = as_tensor(value, name).shape
        if not shape or shape[-1] != 3:
            raise ValueError(f"{name} must be (3,) or (…, n_sections, 3); got shape {tuple(shape)}")
    b, a = check_sections(b, a)
    return b.squeeze(-3), a.squeeze(-3)
