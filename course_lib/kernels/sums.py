"""Sums of sines by compiled loops: the sound and the gradients of `method="reference"`, in one pass over memory each.

Chapter: book/sines/making_it_fast.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.core.second_derivative import by_formula
from course_lib.kernels.threads import each, pieces

Formula = Callable[[Tensor, Tensor], Tensor]


class Loops(NamedTuple):
    """The loops of one kind of sum: sound, gradients by the amplitudes, what the frequencies' gradient needs."""

    sound: Callable[..., None]
    transpose: Callable[..., None]
    moments: Callable[..., None]


def harmonic_sum(
    f0_hz: Tensor, shares: Tensor, *, n_samples: int, sample_rate: float, turns: float, formula: Formula
) -> Tensor:
    """Σ_k a_k[n] · sin(k·φ[n]) of checked controls, with gradients to both.

    Args:
        f0_hz: (…, n_frames), Hz.
        shares: (…, n_frames, K), amplitude of each harmonic, 0 in rests.
        n_samples: length of the sound.
        sample_rate: Hz.
        turns: phase of the first sample, for a stretch of a longer sound.
        formula: the same sum in tensor operations, for gradients of gradients.

    Returns:
        (…, n_samples); half precision is computed in single and rounded at the end.
    """
    from course_lib.kernels.loops import harmonic

    loops = Loops(harmonic.harmonic_sum, harmonic.harmonic_transpose, harmonic.harmonic_moments)
    return _sum(f0_hz.unsqueeze(-1), shares, n_samples, sample_rate, turns, loops, lambda f, a: formula(f[..., 0], a))


def partials_sum(
    frequencies_hz: Tensor, amplitudes: Tensor, *, n_samples: int, sample_rate: float, formula: Formula
) -> Tensor:
    """Σ_p A_p[n] · sin(φ_p[n]) of checked partials, both (…, n_frames, P), with gradients to both."""
    from course_lib.kernels.loops import partials

    loops = Loops(partials.partials_sum, partials.partials_transpose, partials.partials_moments)
    return _sum(frequencies_hz, amplitudes, n_samples, sample_rate, 0.0, loops, formula)


def _sum(
    f: Tensor, amplitudes: Tensor, n_samples: int, rate: float, turns: float, loops: Loops, formula: Formula
) -> Tensor:
    n_frames = amplitudes.shape[-2]
    if n_frames > n_samples:
        raise ValueError(f"more frames ({n_frames}) than samples ({n_samples}); ask for more samples or fewer frames")
    dtype = torch.promote_types(f.dtype, amplitudes.dtype)
    inside = torch.float64 if dtype == torch.float64 else torch.float32
    amplitudes = amplitudes.to(inside)
    lead = amplitudes.shape[:-2]
    if f.shape[:-2] != lead:
        lead = torch.broadcast_shapes(f.shape[:-2], lead)
        f, amplitudes = f.expand(*lead, -1, -1), amplitudes.expand(*lead, -1, -1)
    if len(lead) != 1:
        f, amplitudes = f.reshape(-1, *f.shape[-2:]), amplitudes.reshape(-1, *amplitudes.shape[-2:])
    sound = _Sum.apply(f, amplitudes, n_samples, float(rate), float(turns), loops, formula)
    return sound.reshape(*lead, n_samples).to(dtype)


class _Sum(torch.autograd.Function):
    """f (rows, n_frames, 1 or P), amplitudes (rows, n_frames, P) → (rows, n_samples)."""

    @staticmethod
    def forward(
        ctx: Any,
        f: Tensor,
        amplitudes: Tensor,
        n_samples: int,
        rate: float,
        turns: float,
        loops: Loops,
        formula: Formula,
    ) -> Tensor:
        from course_lib.kernels.loops.phase import frame_starts

        ctx.save_for_backward(f, amplitudes)
        ctx.rate, ctx.loops, ctx.formula = rate, loops, formula
        frequencies, levels = _array(f.double()), _array(amplitudes)
        ctx.starts = starts = np.empty_like(frequencies)
        sound = amplitudes.new_empty(len(amplitudes), n_samples)
        out, (rows, n_frames, n_partials) = sound.numpy(), levels.shape
        frame_starts(frequencies, n_samples, rate, turns, starts)
        products = rows * n_samples * n_partials
        each(
            lambda piece: loops.sound(frequencies, starts, levels, rate, *piece, out),
            pieces(rows, n_frames=n_frames, products=products),
            products,
        )
        return sound

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        from course_lib.kernels.loops.phase import frequency_gradient

        f, amplitudes = ctx.saved_tensors
        needs = ctx.needs_input_grad[:2]
        if (again := by_formula(ctx.formula, (f, amplitudes), needs, grad)) is not None:
            return (*again, None, None, None, None, None)
        frequencies, levels, sound = _array(f.double()), _array(amplitudes), _array(grad)
        (rows, n_frames, n_partials), n_samples = levels.shape, sound.shape[1]
        products = rows * n_samples * n_partials
        parts = pieces(rows, n_frames=n_frames, products=products)
        by_f, by_amplitudes = None, None
        if needs[0]:
            moments = np.empty((*frequencies.shape, 3))
            each(
                lambda piece: ctx.loops.moments(frequencies, ctx.starts, levels, sound, ctx.rate, *piece, moments),
                parts,
                products,
            )
            gradient = np.zeros_like(frequencies)
            frequency_gradient(frequencies, moments, n_samples, ctx.rate, gradient)
            by_f = torch.from_numpy(gradient).to(f.dtype)
        if needs[1]:
            by_amplitudes = torch.zeros_like(amplitudes, memory_format=torch.contiguous_format)
            levels_gradient = by_amplitudes.numpy()
            carries = {piece: np.zeros(n_partials, levels.dtype) for piece in parts}
            each(
                lambda piece: ctx.loops.transpose(
                    frequencies, ctx.starts, sound, ctx.rate, *piece, levels_gradient, carries[piece]
                ),
                parts,
                products,
            )
            for (row, _, stop), carry in carries.items():
                if stop < n_frames:
                    levels_gradient[row, stop] += carry
        return by_f, by_amplitudes, None, None, None, None, None


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()
