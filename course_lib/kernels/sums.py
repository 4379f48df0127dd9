"""Sums of sines by compiled loops: the sound and the gradients of `method="reference"`, in one pass over memory each.

Chapter: book/sines/making_it_fast.ipynb
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.core.second_derivative import by_formula
from course_lib.kernels.threads import each, pieces

Formula = Callable[..., Tensor]
Piece = tuple[int, int, int]


class Loops(NamedTuple):
    """The loops of one kind of sum: sound, gradients by the amplitudes, and in two steps by the frequencies."""

    starts: Callable[..., None]
    sound: Callable[..., None]
    transpose: Callable[..., None]
    moments: Callable[..., None]
    frequencies: Callable[..., None]


@functools.cache
def _loops(kind: str) -> Loops:
    """Those of `kernels/loops/<kind>.py`, and with them Numba."""
    phase, sums = (import_module(f"course_lib.kernels.loops.{name}") for name in ("phase", kind))
    sound, transpose, moments = (getattr(sums, f"{kind}_{what}") for what in ("sum", "transpose", "moments"))
    return Loops(phase.frame_starts, sound, transpose, moments, phase.frequency_gradient)


def harmonic_sum(
    f0_hz: Tensor,
    amplitude: Tensor,
    distribution: Tensor,
    *,
    n_samples: int,
    sample_rate: float,
    turns: float,
    mask: bool,
    formula: Formula,
) -> Tensor:
    """A[n] · Σ_k α_k[n] · sin(k·φ[n]) of checked controls, with gradients to all three.

    Args:
        f0_hz, amplitude: (…, n_frames).
        distribution: (…, n_frames, K).
        n_samples: length of the sound.
        sample_rate: Hz.
        turns: phase of the first sample, for a stretch of a longer sound.
        mask: whether harmonics at or above Nyquist are silent; rests are in any case.
        formula: the same of the same three in tensor operations, for gradients of gradients.

    Returns:
        (…, n_samples); half precision is computed in single and rounded at the end.
    """
    (f, a, d), dtype = _ready(n_samples, (f0_hz, 1), (amplitude, 1), (distribution, 2))
    sound = _HarmonicSum.apply(f, a, d, n_samples, float(sample_rate), float(turns), mask, formula)
    return sound if sound.dtype == dtype else sound.to(dtype)


def partials_sum(
    frequencies_hz: Tensor, amplitudes: Tensor, *, n_samples: int, sample_rate: float, formula: Formula
) -> Tensor:
    """Σ_p A_p[n] · sin(φ_p[n]) of checked partials, both (…, n_frames, P), with gradients to both."""
    (f, a), dtype = _ready(n_samples, (frequencies_hz, 2), (amplitudes, 2))
    sound = _LevelsSum.apply(f, a, "partials", n_samples, float(sample_rate), 0.0, formula)
    return sound if sound.dtype == dtype else sound.to(dtype)


def fourier_sum(
    f0_hz: Tensor, levels: Tensor, *, n_samples: int, sample_rate: float, turns: float, formula: Formula
) -> Tensor:
    """Σ_k a_k[n] · sin(k·φ[n]) + b_k[n] · cos(k·φ[n]) of checked controls, with gradients to both.

    f0_hz: (…, n_frames). levels: (…, n_frames, 2K), a_1 … a_K and then b_1 … b_K, silent where they should be; else as
    `harmonic_sum`, and so the result.
    """
    (f, levels), dtype = _ready(n_samples, (f0_hz.unsqueeze(-1), 2), (levels, 2))

    def of_one(f: Tensor, levels: Tensor) -> Tensor:
        return formula(f.squeeze(-1), levels)

    sound = _LevelsSum.apply(f, levels, "fourier", n_samples, float(sample_rate), float(turns), of_one)
    return sound if sound.dtype == dtype else sound.to(dtype)


def _ready(n_samples: int, *tensors: tuple[Tensor, int]) -> tuple[list[Tensor], torch.dtype]:
    """Frequencies first, then amplitudes: the same leading axes for all, no half precision, and the result's precision.

    tensors: each with the number of its axes that are not leading; the first of those is the frames.
    """
    n_frames = tensors[0][0].shape[-tensors[0][1]]
    if n_frames > n_samples:
        raise ValueError(f"more frames ({n_frames}) than samples ({n_samples}); ask for more samples or fewer frames")
    dtype = functools.reduce(torch.promote_types, [x.dtype for x, _ in tensors])
    inside = torch.float64 if dtype == torch.float64 else torch.float32
    leads = [x.shape[:-axes] for x, axes in tensors]
    ready = [x for x, _ in tensors]
    if any(lead != leads[0] for lead in leads):
        lead = torch.broadcast_shapes(*leads)
        ready = [x.expand(*lead, *x.shape[-axes:]) for x, axes in tensors]
    f, *others = ready
    f = f if f.dtype in (torch.float32, torch.float64) else f.to(torch.float32)
    return [f, *(x if x.dtype == inside else x.to(inside) for x in others)], dtype


class _HarmonicSum(torch.autograd.Function):
    """f (…, n_frames), a (…, n_frames), d (…, n_frames, K) → (…, n_samples)."""

    @staticmethod
    def forward(
        ctx: Any, f: Tensor, a: Tensor, d: Tensor, n_samples: int, rate: float, turns: float, mask: bool, formula: Any
    ) -> Tensor:
        ctx.save_for_backward(f, a, d)
        ctx.formula, ctx.rate = formula, rate
        ctx.loops = _loops("harmonic")
        levels = _array(a)[..., None] * _array(d)
        pitch = _array(f)[..., None]
        ctx.heard = None
        top = rate / 2 if mask else np.inf
        if not (pitch.min() > 0 and pitch.max() * levels.shape[-1] < top):
            ctx.heard = (pitch > 0) & (pitch * np.arange(1, levels.shape[-1] + 1, dtype=pitch.dtype) < top)
            levels *= ctx.heard
        ctx.levels, ctx.frequencies = _rows(levels), _rows(pitch.astype(np.float64))
        ctx.starts, sound = _make(ctx.loops, ctx.frequencies, ctx.levels, n_samples, rate, turns)
        return torch.from_numpy(sound).view(*f.shape[:-1], n_samples)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        f, a, d = ctx.saved_tensors
        needs = ctx.needs_input_grad[:3]
        if (again := by_formula(ctx.formula, (f, a, d), needs, grad)) is not None:
            return (*again, None, None, None, None, None)
        by_f, by_levels = _way_back(ctx, grad, needs[0], needs[1] or needs[2])
        by_a = by_d = None
        if by_levels is not None:
            by_levels = by_levels.reshape(d.shape)
            if ctx.heard is not None:
                by_levels *= ctx.heard
            if needs[1]:
                by_a = torch.from_numpy((by_levels * _array(d)).sum(-1))
            if needs[2]:
                by_d = torch.from_numpy(by_levels * _array(a)[..., None])
        return _like(by_f, f), by_a, by_d, None, None, None, None, None


class _LevelsSum(torch.autograd.Function):
    """f (…, n_frames, 1 or P) and levels (…, n_frames, P), silent where they should be → (…, n_samples)."""

    @staticmethod
    def forward(
        ctx: Any, f: Tensor, a: Tensor, kind: str, n_samples: int, rate: float, turns: float, formula: Any
    ) -> Tensor:
        ctx.save_for_backward(f, a)
        ctx.formula, ctx.rate = formula, rate
        ctx.loops = _loops(kind)
        ctx.levels, ctx.frequencies = _rows(_array(a)), _rows(_array(f).astype(np.float64))
        ctx.starts, sound = _make(ctx.loops, ctx.frequencies, ctx.levels, n_samples, rate, turns)
        return torch.from_numpy(sound).view(*f.shape[:-2], n_samples)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        f, a = ctx.saved_tensors
        needs = ctx.needs_input_grad[:2]
        if (again := by_formula(ctx.formula, (f, a), needs, grad)) is not None:
            return (*again, None, None, None, None, None)
        by_f, by_a = _way_back(ctx, grad, *needs)
        return _like(by_f, f), _like(by_a, a), None, None, None, None, None


def _make(
    loops: Loops, f: NDArray, levels: NDArray, n_samples: int, rate: float, turns: float
) -> tuple[NDArray, NDArray]:
    """Phases at which the frames start, and the sound (rows, n_samples)."""
    starts, (rows, n_frames, n_partials) = np.empty_like(f), levels.shape
    loops.starts(f, n_samples, rate, turns, starts)
    sound = np.empty((rows, n_samples), levels.dtype)
    products = rows * n_samples * n_partials

    def work(piece: Piece) -> None:
        loops.sound(f, starts, levels, rate, *piece, sound)

    each(work, pieces(rows, n_frames=n_frames, products=products), products)
    return starts, sound


def _way_back(ctx: Any, grad: Tensor, need_f: bool, need_levels: bool) -> tuple[NDArray | None, NDArray | None]:
    """Gradients by the frequencies (rows, n_frames, 1 or P) and by the amplitudes (rows, n_frames, P), if needed."""
    loops, f, starts, levels, rate = ctx.loops, ctx.frequencies, ctx.starts, ctx.levels, ctx.rate
    rows, n_frames, n_partials = levels.shape
    sound = _array(grad).reshape(rows, -1)
    products = sound.size * n_partials
    parts = pieces(rows, n_frames=n_frames, products=products)
    by_f = by_levels = None
    if need_f:
        moments, by_f = np.empty((*f.shape, 3)), np.zeros_like(f)

        def slopes(piece: Piece) -> None:
            loops.moments(f, starts, levels, sound, rate, *piece, moments)

        each(slopes, parts, products)
        loops.frequencies(f, moments, sound.shape[1], rate, by_f)
    if need_levels:
        gradient = by_levels = np.zeros_like(levels)
        carries = {piece: np.zeros(n_partials, levels.dtype) for piece in parts}

        def transpose(piece: Piece) -> None:
            loops.transpose(f, starts, sound, rate, *piece, gradient, carries[piece])

        each(transpose, parts, products)
        for (row, _, stop), carry in carries.items():
            if stop < n_frames:
                gradient[row, stop] += carry
    return by_f, by_levels


def _array(tensor: Tensor) -> NDArray:
    return tensor.detach().contiguous().numpy()


def _rows(array: NDArray) -> NDArray:
    """(…, n_frames, P) as (rows, n_frames, P)."""
    return np.ascontiguousarray(array).reshape(-1, *array.shape[-2:])


def _like(gradient: NDArray | None, tensor: Tensor) -> Tensor | None:
    return None if gradient is None else torch.from_numpy(gradient).to(tensor.dtype).view(tensor.shape)
