"""Curves read sample by sample, and the learned waveshaper as one loop: sound and gradients, with their formulas.

Chapter: book/other_instruments/waveshaping.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.second_derivative import by_formula
from course_lib.kernels.threads import each, pieces

Piece = tuple[int, int, int]


def read_reference(x: Tensor, values: Tensor) -> Tensor:
    """Read values (…, n), evenly spaced over −1 … 1, at x (…, n_samples): straight lines, held outside.

    >>> read_reference(torch.tensor([-1.0, 0.5, 3.0]), torch.tensor([0.0, 2.0, 3.0]))
    tensor([0.0000, 2.5000, 3.0000])
    """
    lead = torch.broadcast_shapes(x.shape[:-1], values.shape[:-1])
    x, values = x.expand(*lead, -1), values.expand(*lead, -1)
    last = values.shape[-1] - 1
    place = (x.clamp(-1.0, 1.0) + 1.0) * (last / 2)  # the last value belongs to input 1 exactly
    left = place.detach().floor().clamp(0.0, last - 1.0)
    low, high = (values.gather(-1, left.long() + i) for i in (0, 1))
    return low + (high - low) * (place - left)


def read(x: Tensor, values: Tensor) -> Tensor:
    """`read_reference` of plain tensors on the CPU, by compiled loops."""
    lead = torch.broadcast_shapes(x.shape[:-1], values.shape[:-1])
    return _Read.apply(x.expand(*lead, -1), values.expand(*lead, -1))


class _Read(torch.autograd.Function):
    """x (…, n_samples), values (…, n), leading axes alike → (…, n_samples)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor) -> Tensor:
        from course_lib.kernels.loops import curves as loops

        ctx.save_for_backward(x, values)
        given, curve = _rows(x, 1), _rows(values, 1)
        y = np.empty_like(given)
        work = pieces(len(given), n_frames=1, products=4 * y.size)
        each(lambda piece: loops.read(given, curve, piece[0], y), work, 4 * y.size)
        return torch.from_numpy(y).view(x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, values = ctx.saved_tensors
        if (again := by_formula(read_reference, (x, values), ctx.needs_input_grad, grad)) is not None:
            return again
        from course_lib.kernels.loops import curves as loops

        given, curve, g = _rows(x, 1), _rows(values, 1), _rows(grad, 1)
        by_x, by_values = np.empty_like(given), np.zeros_like(curve)
        work = pieces(len(given), n_frames=1, products=8 * given.size)
        each(lambda piece: loops.read_back(given, curve, g, piece[0], by_x, by_values), work, 8 * given.size)
        return torch.from_numpy(by_x).view(x.shape), torch.from_numpy(by_values).view(values.shape)


def newt_sum_reference(
    f0_hz: Tensor, which: Tensor, waves: Tensor, controls: Tensor, curves: Tensor, *, n_samples: int, rate: float,
    turns: float,
) -> Tensor:  # fmt: skip
    """Σ_m level_m · s_m(gain_m · e_m(φ) + bias_m), line by line.

    Args:
        f0_hz: (…, n_frames), Hz.
        which: (…, n_frames), whole numbers: which of the waves a frame's exciters are.
        waves: (n_waves, cells + 1, 2, M): values of M exciters over one turn, and their slopes a cell.
        controls: (…, n_frames, 3, M): gain, bias and level of each shaper.
        curves: (M, n), over −1 … 1.
        n_samples, rate: length of the sound, and its sample rate, Hz.
        turns: phase of the first sample, 1 being a full turn.

    Returns:
        (…, n_samples).
    """
    phase = instantaneous_phase(upsample_frequency(f0_hz, n_samples), rate)
    n_cells = waves.shape[1] - 1
    place = phase / (2 * torch.pi) + turns
    place = (place - place.detach().floor()) * n_cells
    cell = place.detach().floor().clamp(0, n_cells - 1)
    r, cell = (place - cell).unsqueeze(-1), cell.long()
    right = r * r * (3 - 2 * r)
    weights = (1 - right, right, r * (1 - r) ** 2, r * r * (r - 1))

    def channels(frame: Tensor) -> Tensor:
        wave = which.gather(-1, frame.expand(*which.shape[:-1], -1))
        parts = (waves[wave, cell + i, kind] for kind in (0, 1) for i in (0, 1))
        return sum((w * part for w, part in zip(weights, parts, strict=True)), torch.zeros_like(r))

    n_frames = f0_hz.shape[-1]
    scaled = torch.arange(n_samples, device=f0_hz.device) * n_frames
    frame = torch.div(scaled, n_samples, rounding_mode="floor")
    along = ((scaled - frame * n_samples).to(place.dtype) / n_samples).unsqueeze(-1)
    now, then = channels(frame), channels((frame + 1).clamp(max=n_frames - 1))
    exciters = now + along * (then - now)  # (…, n_samples, M)
    gain, bias, level = upsample(controls.flatten(-2), n_samples, dim=-2).unflatten(-1, (3, -1)).unbind(-2)
    shaped = read_reference((gain * exciters + bias).transpose(-1, -2), curves)
    return (level.transpose(-1, -2) * shaped).sum(-2)


def newt_sum(
    f0_hz: Tensor, which: Tensor, waves: Tensor, controls: Tensor, curves: Tensor, *, n_samples: int, rate: float,
    turns: float,
) -> Tensor:  # fmt: skip
    """`newt_sum_reference` of plain tensors on the CPU, by compiled loops; leading axes alike, one precision."""
    return _NewtSum.apply(f0_hz, waves, controls, curves, which, n_samples, rate, turns)


class _NewtSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, f0: Tensor, waves: Tensor, controls: Tensor, curves: Tensor, which: Tensor, n_samples: int,
        rate: float, turns: float,
    ) -> Tensor:  # fmt: skip
        from course_lib.kernels.loops import curves as loops
        from course_lib.kernels.loops.phase import frame_starts

        def formula(f0: Tensor, waves: Tensor, controls: Tensor, curves: Tensor) -> Tensor:
            return newt_sum_reference(f0, which, waves, controls, curves, n_samples=n_samples, rate=rate, turns=turns)

        ctx.save_for_backward(f0, waves, controls, curves)
        ctx.formula, ctx.rate = formula, rate
        f = _rows(f0.unsqueeze(-1), 2).astype(np.float64)
        starts = np.empty_like(f)
        frame_starts(f, n_samples, rate, turns, starts)
        ctx.arrays = (f, starts, _rows(which, 1), _array(waves), _rows(controls, 3), _array(curves))
        sound = np.empty((len(f), n_samples), ctx.arrays[3].dtype)
        ctx.products = sound.size * len(curves)
        work = pieces(len(f), n_frames=f.shape[1], products=ctx.products)
        each(lambda piece: loops.newt_sum(*ctx.arrays, rate, *piece, sound), work, ctx.products)
        return torch.from_numpy(sound).view(*f0.shape[:-1], n_samples)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        f0, _, controls, _ = inputs = ctx.saved_tensors
        needs = ctx.needs_input_grad[:4]
        if (again := by_formula(ctx.formula, inputs, needs, grad)) is not None:
            return (*again, None, None, None, None)
        from course_lib.kernels.loops import curves as loops
        from course_lib.kernels.loops.phase import frequency_gradient

        f, rows = ctx.arrays[0], ctx.arrays[4]
        sound = _rows(grad, 1)
        moments, by_f, by_controls = np.empty((*f.shape, 3)), np.zeros_like(f), np.zeros_like(rows)
        work = pieces(len(f), n_frames=f.shape[1], products=3 * ctx.products)
        own = {piece: [np.zeros_like(x) for x in (ctx.arrays[3], ctx.arrays[5], rows[0, 0])] for piece in work}

        def back(piece: Piece) -> None:
            by_waves, by_curves, carry = own[piece]
            loops.newt_back(*ctx.arrays, sound, ctx.rate, *piece, moments, by_waves, by_controls, by_curves, carry)

        each(back, work, 3 * ctx.products)
        by_waves, by_curves = (torch.from_numpy(np.sum([mine[i] for mine in own.values()], 0)) for i in (0, 1))
        for (row, _, stop), (_, _, carry) in own.items():
            if stop < f.shape[1]:
                by_controls[row, stop] += carry
        if needs[0]:
            frequency_gradient(f, moments, sound.shape[1], ctx.rate, by_f)
        by_f0 = torch.from_numpy(by_f).to(f0.dtype).view(f0.shape)
        found = (by_f0, by_waves, torch.from_numpy(by_controls).view(controls.shape), by_curves)
        return (*(x if need else None for x, need in zip(found, needs, strict=True)), None, None, None, None)


def _array(tensor: Tensor) -> NDArray:
    return tensor.detach().contiguous().numpy()


def _rows(tensor: Tensor, axes: int) -> NDArray:
    """(…, the last axes) as (rows, the last axes)."""
    return _array(tensor).reshape(-1, *tensor.shape[tensor.ndim - axes :])
