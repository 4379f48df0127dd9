"""From frequency to phase, without drift: an hour-long tone is as exact as a second of it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import PRECISIONS, check_frequency, check_sample_rate
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike

# One turn of the phase is 2^62 ticks. Whole numbers add without rounding and overflow by whole turns.
TURN = 1 << 62


def _largest_below_pi(dtype: torch.dtype) -> float:
    """The largest number of this dtype that is still smaller than π."""
    pi = torch.tensor(math.pi, dtype=dtype)
    return float(pi) if float(pi) < math.pi else float(torch.nextafter(pi, torch.zeros_like(pi)))


LARGEST_BELOW_PI = {dtype: _largest_below_pi(dtype) for dtype in PRECISIONS}


def _exact_phase(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    """Running sum of turns in fixed point, as wrapped radians; no gradient."""
    turns = frequency_hz.detach().double() / sample_rate
    ticks = ((turns - turns.floor()) * TURN).to(torch.int64)
    before = torch.cumsum(ticks, dim=-1) - ticks  # the sum over m < n: sample 0 has phase 0
    wrapped = ((before + TURN // 2) & (TURN - 1)) - TURN // 2  # [−½, ½) turn
    limit = LARGEST_BELOW_PI[frequency_hz.dtype]
    radians = wrapped.double() * (2 * math.pi / TURN)  # ticks → radians
    lowest = -math.pi if frequency_hz.dtype == torch.float64 else -limit
    return radians.to(frequency_hz.dtype).clamp(min=lowest, max=limit)


class _AccumulatePhase(torch.autograd.Function):
    """`_exact_phase` of plain tensors with its gradient: the running sum backwards."""

    @staticmethod
    def forward(ctx: Any, frequency_hz: Tensor, sample_rate: float) -> Tensor:
        ctx.sample_rate = sample_rate
        return _exact_phase(frequency_hz, sample_rate)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # phase[n] depends on f[m] for every m < n, so f[m] collects the gradients of all later samples.
        g = grad.double()
        later = g.flip(-1).cumsum(-1).flip(-1) - g
        return (later * (2 * math.pi / ctx.sample_rate)).to(grad.dtype), None


def _transformable_phase(frequency_hz: Tensor, sample_rate: float) -> Tensor:
    """The same value and gradient in tensor operations alone, for every transform; a third slower with gradients."""
    nothing = (frequency_hz - frequency_hz.detach()).double()  # 0, and all that a derivative needs
    slope = (torch.cumsum(nothing, dim=-1) - nothing) * (2 * math.pi / sample_rate)
    return _exact_phase(frequency_hz, sample_rate) + slope.to(frequency_hz.dtype)


def instantaneous_phase(frequency_hz: ArrayLike, sample_rate: float) -> Tensor:
    """Accumulate frequency into phase: phase[n] = 2π/sr · Σ_{m<n} f[m], wrapped.

    Args:
        frequency_hz: (…, n_samples), Hz, ≥ 0; above Nyquist it folds as sampling does.
        sample_rate: Hz.

    Returns:
        (…, n_samples), radians in [−π, π), in the input's dtype. Sample 0 has phase 0. The sum is exact
        (fixed point), so the error does not grow with time; gradients flow to every frequency.

    Raises:
        ValueError: frequency negative, NaN or infinite, no samples, a sample rate that is not positive.

    Chapter: book/sines/oscillator.ipynb

    >>> instantaneous_phase([4000.0, 4000.0, 4000.0], 16000)
    tensor([ 0.0000,  1.5708, -3.1416])
    """
    rate = check_sample_rate(sample_rate)
    f = check_frequency(frequency_hz, "frequency_hz", rate)
    if f.ndim == 0:
        raise ValueError("frequency_hz must have shape (…, n_samples); got a single number (upsample it first)")
    if not is_eager(f):
        return _transformable_phase(f, rate)
    return _AccumulatePhase.apply(f, rate) if f.requires_grad else _exact_phase(f, rate)
