"""From frequency to phase, without drift: an hour-long tone is as exact as a second of it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import check_frequency, check_sample_rate
from course_lib.core.types import ArrayLike

# One turn of the phase is 2^62 ticks. Whole numbers add without rounding and overflow by whole turns.
TURN = 1 << 62


def _largest_below_pi(dtype: torch.dtype) -> float:
    """The largest number of this dtype that is still smaller than π."""
    pi = torch.tensor(math.pi, dtype=dtype)
    return float(pi) if float(pi) < math.pi else float(torch.nextafter(pi, torch.zeros_like(pi)))


class _AccumulatePhase(torch.autograd.Function):
    """Running sum of turns in fixed point; its gradient is the running sum backwards."""

    generate_vmap_rule = True

    @staticmethod
    def forward(frequency_hz: Tensor, sample_rate: float) -> Tensor:
        turns = frequency_hz.double() / sample_rate
        ticks = ((turns - turns.floor()) * TURN).to(torch.int64)
        before = torch.cumsum(ticks, dim=-1) - ticks  # the sum over m < n: sample 0 has phase 0
        wrapped = ((before + TURN // 2) & (TURN - 1)) - TURN // 2  # [−½, ½) turn
        limit = _largest_below_pi(frequency_hz.dtype)
        radians = wrapped.double() * (2 * math.pi / TURN)  # ticks → radians
        lowest = -math.pi if frequency_hz.dtype == torch.float64 else -limit
        return radians.to(frequency_hz.dtype).clamp(min=lowest, max=limit)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.sample_rate = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # phase[n] depends on f[m] for every m < n, so f[m] collects the gradients of all later samples.
        g = grad.double()
        later = g.flip(-1).cumsum(-1).flip(-1) - g
        return (later * (2 * math.pi / ctx.sample_rate)).to(grad.dtype), None


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
    return _AccumulatePhase.apply(f, rate)
