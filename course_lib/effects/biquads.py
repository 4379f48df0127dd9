"""Second-order filters: designed by the cookbook, or stable by construction from any two numbers."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_finite, check_leading, check_sample_rate, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike

BiquadKind = Literal["lowpass", "highpass", "bandpass", "notch", "peaking", "lowshelf", "highshelf"]
BIQUADS: tuple[BiquadKind, ...] = get_args(BiquadKind)
STABLE = 1e-3  # how far raw numbers stay from the edge of the stability triangle


def biquad_coefficients(
    kind: BiquadKind,
    frequency_hz: ArrayLike,
    sample_rate: float,
    *,
    q: ArrayLike = 0.7071067811865476,
    gain_db: ArrayLike = 0.0,
) -> tuple[Tensor, Tensor]:
    """Coefficients of one of the cookbook's filters, differentiable in frequency, Q and gain.

    They are as exact as the frequency: in float32 a filter below about 20 Hz, or very near Nyquist, or with a Q in the
    hundreds near either, is a little off and may even be unstable. Give the frequency in float64 there.

    Args:
        kind: "lowpass", "highpass", "bandpass" (0 dB at its peak), "notch", "peaking", "lowshelf", "highshelf".
        frequency_hz: a number or (…), Hz, between 0 and Nyquist: cutoff, centre or middle of the slope.
        sample_rate: Hz.
        q: a number or (…), > 0: how narrow; √½ is the flattest low-pass.
        gain_db: a number or (…), dB, of a peak or shelf; the other kinds ignore it.

    Returns:
        b and a, (…, 3) each, a[…, 0] = 1: y[n] = Σ b_k x[n−k] − a_1 y[n−1] − a_2 y[n−2]. In single precision at least:
        rounded to half, they would be another filter, and often an unstable one.

    Raises:
        ValueError: an unknown kind, a frequency outside 0 … Nyquist, a Q that is not above 0, NaN.

    Source: Bristow-Johnson, Audio EQ Cookbook (W3C note, 2021). Chapter: book/shaping/filters.ipynb

    >>> b, a = biquad_coefficients("lowpass", 4000.0, 16000)
    >>> b
    tensor([0.2929, 0.5858, 0.2929])
    """
    if kind not in BIQUADS:
        raise ValueError(f"unknown filter {kind!r}; choose one of {', '.join(BIQUADS)}")
    rate = check_sample_rate(sample_rate)
    frequency = check_finite(as_tensor(frequency_hz, "frequency_hz"), "frequency_hz")
    (frequency,) = in_single(frequency)
    outside = (frequency.detach() <= 0) | (frequency.detach() >= rate / 2)
    if is_eager(frequency) and bool(outside.any()):
        value = frequency.detach()[outside].flatten()[0].item()
        raise ValueError(f"frequency_hz must lie between 0 and Nyquist, {rate / 2:g} Hz; got {value:g} Hz")
    quality = check_finite(as_tensor(q, "q"), "q").to(frequency)
    if is_eager(quality) and bool((quality.detach() <= 0).any()):
        raise ValueError(f"q must be above 0, such as 0.707; got {quality.detach().min().item():g}")
    gain = check_finite(as_tensor(gain_db, "gain_db"), "gain_db").to(frequency)
    check_leading(frequency_hz=frequency.shape, q=quality.shape, gain_db=gain.shape)
    frequency, quality, gain = torch.broadcast_tensors(frequency, quality, gain)
    omega = 2.0 * math.pi * frequency / rate  # Hz → rad/sample
    cos, alpha = torch.cos(omega), torch.sin(omega) / (2.0 * quality)
    root = 10.0 ** (gain / 40.0)
    b, a = _cookbook(kind, cos, alpha, root)
    return torch.stack(b, -1) / a[0].unsqueeze(-1), torch.stack(a, -1) / a[0].unsqueeze(-1)


def _cookbook(kind: str, cos: Tensor, alpha: Tensor, root: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The table of the cookbook, not yet divided by a0; root is the square root of the linear gain."""
    one = torch.ones_like(cos)
    plain = [one + alpha, -2 * cos, one - alpha]
    if kind == "lowpass":
        return [(1 - cos) / 2, 1 - cos, (1 - cos) / 2], plain
    if kind == "highpass":
        return [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2], plain
    if kind == "bandpass":
        return [alpha, torch.zeros_like(cos), -alpha], plain
    if kind == "notch":
        return [one, -2 * cos, one], plain
    if kind == "peaking":
        b = [1 + alpha * root, -2 * cos, 1 - alpha * root]
        return b, [1 + alpha / root, -2 * cos, 1 - alpha / root]
    slope = 2 * root.sqrt() * alpha
    sign = 1.0 if kind == "lowshelf" else -1.0
    up, down = root + 1, root - 1
    b = [
        root * (up - sign * down * cos + slope),
        sign * 2 * root * (down - sign * up * cos),
        root * (up - sign * down * cos - slope),
    ]
    a = [up + sign * down * cos + slope, -sign * 2 * (down + sign * up * cos), up + sign * down * cos - slope]
    return b, a


def pole_radius(a: ArrayLike) -> Tensor:
    """Distance of the outer pole of each section from the middle of the z-plane; below 1 the section is stable.

    Args:
        a: (…, 3).

    Returns:
        (…), in float64: the larger root of z² + (a1/a0)·z + a2/a0 in size.

    >>> pole_radius(torch.tensor([1.0, 0.0, 0.81]))
    tensor(0.9000, dtype=torch.float64)
    """
    d = check_finite(as_tensor(a, "a"), "a").detach().double()
    half, product = d[..., 1] / d[..., 0] / 2.0, d[..., 2] / d[..., 0]
    inside = half.square() - product
    real = half.abs() + inside.clamp(min=0.0).sqrt()
    return torch.where(inside < 0, product.clamp(min=0.0).sqrt(), real)


def stable_denominator(raw: ArrayLike) -> Tensor:
    """Turn any two numbers a section into a denominator whose poles lie inside the unit circle.

    The stable pairs (a1, a2) fill a triangle: a2 < 1, and a1 between −(1 + a2) and 1 + a2. The first number chooses
    a1, the second how far a2 lies between the triangle's edges there.

    Args:
        raw: (…, 2), any finite numbers, such as a network's output.

    Returns:
        (…, 3): 1, a1, a2, in single precision at least: rounded to half, poles could move onto the circle.

    Raises:
        ValueError: NaN or infinite values, another last axis.

    Source: Nercessian, Sarroff & Werner, Lightweight and interpretable neural modeling of an audio distortion effect
    using hyperconditioned differentiable biquads, ICASSP 2021. Chapter: book/shaping/filters.ipynb

    >>> stable_denominator(torch.zeros(2))
    tensor([1., 0., 0.])
    """
    r = check_finite(as_tensor(raw, "raw"), "raw")
    if r.ndim < 1 or r.shape[-1] != 2:
        raise ValueError(f"raw must be (…, 2), two numbers a section; got shape {tuple(r.shape)}")
    first, second = ((1.0 - STABLE) * torch.tanh(in_single(r)[0])).unbind(-1)
    a1 = 2.0 * first
    a2 = a1.abs() / 2.0 + (1.0 - first.abs()) * second
    return torch.stack([torch.ones_like(a1), a1, a2], -1)
