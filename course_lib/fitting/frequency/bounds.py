"""How exactly a frequency can be known at all: the Cramér–Rao bound, and what it allows within so many cents."""

from __future__ import annotations

import math

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
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike


def cramer_rao_hz(
    hz: ArrayLike,
    amplitude: ArrayLike,
    *,
    noise_power: ArrayLike,
    n_samples: int,
    sample_rate: float,
    harmonic: bool = False,
) -> Tensor:
    """Least standard deviation that any unbiased estimate of the frequencies can have, in white Gaussian noise.

    Amplitudes and phases count as unknown. The phase itself is taken as 0 in mid-sound: it hardly matters while the
    sinusoids are some bins apart.

    Args:
        hz: (…, K), Hz, below Nyquist.
        amplitude: (…, K), linear, above 0 (0 where a partial is absent, with `harmonic`).
        noise_power: (…) or a number: mean square of the noise.
        n_samples: length of the sound.
        sample_rate: Hz.
        harmonic: the K frequencies are multiples of one unknown; its own deviation is returned, (…).

    Returns:
        (…, K) standard deviations, Hz; (…) with `harmonic`: of hz[…, 0], which the others are multiples of.

    Raises:
        ValueError: shapes that do not agree, NaN, noise power or amplitudes that are not above 0, frequencies
            at 0, twice the same, at or above Nyquist.

    Source: Kay, Fundamentals of Statistical Signal Processing: Estimation Theory, 1993, chapter 3.
    Chapter: book/sines/many_sines.ipynb

    >>> cramer_rao_hz([1000.0], [1.0], noise_power=0.5, n_samples=4096, sample_rate=16000).round(decimals=4)
    tensor([0.0337])
    """
    rate, n = check_sample_rate(sample_rate), check_count(n_samples, "n_samples", minimum=4)
    f = check_frequency(hz, "hz", rate, below_nyquist=True)
    dtype = f.dtype
    a = check_finite(as_tensor(amplitude, "amplitude"), "amplitude").to(f)
    noise = check_finite(as_tensor(noise_power, "noise_power"), "noise_power").to(f)
    if f.ndim == 0 or a.ndim == 0 or f.shape[-1] != a.shape[-1]:
        raise ValueError(f"hz and amplitude must be (…, K); got {tuple(f.shape)} and {tuple(a.shape)}")
    if is_eager(noise) and bool((noise <= 0).any()):
        raise ValueError("noise_power must be above 0: without noise there is no bound")
    if is_eager(a) and (bool((a < 0).any()) or not bool((a > 0).any(-1).all() if harmonic else (a > 0).all())):
        raise ValueError("amplitude must be above 0: the frequency of a sinusoid that is not there cannot be known")
    if is_eager(f) and bool((f == 0).any()):
        raise ValueError("hz must be above 0 Hz: 0 Hz has no phase, and no bound")
    leading = check_leading(hz=f.shape[:-1], amplitude=a.shape[:-1], noise_power=noise.shape)
    k = f.shape[-1]
    f, a = (x.double().expand(*leading, k).reshape(-1, k) for x in (f, a))
    time = torch.arange(n, dtype=torch.float64, device=f.device) - (n - 1) / 2
    order = f / f[:, :1] if harmonic else torch.ones_like(f)
    deviations = []
    for row_f, row_a, row_order in zip(f, a, order, strict=True):  # one trial at a time: K waveforms are enough
        present = (row_a > 0).to(row_a)  # an absent partial has no phase that is to be found
        angle = row_f[:, None] * (2 * math.pi / rate) * time
        cos, sin = present[:, None] * torch.cos(angle), present[:, None] * torch.sin(angle)
        slope = row_a[:, None] * (2 * math.pi / rate) * time * cos  # change of the sound with each frequency
        if harmonic:
            slope = (row_order[:, None] * slope).sum(0, keepdim=True)
        changes = torch.cat([slope, cos, sin])
        absent = torch.cat([torch.zeros_like(slope[:, 0]), 1 - present, 1 - present])
        fisher = changes @ changes.mT + torch.diag(absent)
        inverse, singular = torch.linalg.inv_ex(fisher)
        if is_eager(f) and bool(singular):
            raise ValueError("hz must differ from one another: two sinusoids of one frequency cannot be told apart")
        variance = inverse.diagonal()[: len(slope)]
        deviations.append(variance[0] if harmonic else variance)
    unit = torch.stack(deviations).reshape((*leading, *([] if harmonic else [k]))).sqrt()
    spread = noise.expand(leading).sqrt().double()
    return (unit * (spread if harmonic else spread.unsqueeze(-1))).to(dtype)


def share_within(deviation_hz: ArrayLike, hz: ArrayLike, *, cents: float = 1.0) -> Tensor:
    """Probability that a normally distributed estimate with this deviation falls within ± so many cents.

    Args:
        deviation_hz: standard deviation, Hz, above 0.
        hz: true frequency, Hz, same shape.
        cents: half the width of the interval.

    Returns:
        Probability, the shape of the inputs.

    Raises:
        ValueError: deviation or cents that are not above 0, shapes that do not agree, NaN.

    Chapter: book/sines/many_sines.ipynb

    >>> share_within([0.1], [440.0]).round(decimals=3)
    tensor([0.9890])
    """
    d = check_finite(as_tensor(deviation_hz, "deviation_hz"), "deviation_hz")
    f = check_finite(as_tensor(hz, "hz"), "hz").to(d)
    if is_eager(d) and bool((d <= 0).any()):
        raise ValueError(f"deviation_hz must be above 0; got {d.min().item():g}")
    if not 0 < cents < math.inf:
        raise ValueError(f"cents must be above 0 and finite, such as 1; got {cents!r}")
    check_leading(deviation_hz=d.shape, hz=f.shape)
    dtype = d.dtype
    d, f = in_single(d, f)
    half = f * (2 ** (cents / 1200) - 1)
    return torch.erf(half / (d * math.sqrt(2))).to(dtype)
