"""Filters as they run, y[n] from y[n−1], y[n−2] …: a compiled loop with its gradients, and the same step by step.

Chapter: book/shaping/filters.ipynb
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.core.envelopes import upsample
from course_lib.core.second_derivative import by_formula
from course_lib.kernels.threads import each, pieces


def recursion(x: Tensor, past: Tensor, b: Tensor, a: Tensor) -> Tensor:
    """y[n] = Σ_k b_k[n] · x[n−k] − Σ_k a_k[n] · y[n−k], with gradients to all four, by compiled loops on the CPU.

    Args:
        x: (rows, order + n_samples), float64; its first `order` samples are the past.
        past: (rows, order), past of y, oldest first.
        b, a: (rows, n_frames, order + 1), lines from frame to frame, a_0 = 1.

    Returns:
        (rows, order + n_samples), float64, its past in front.
    """
    return _Recursion.apply(x, past, b, a)


def recursion_reference(x: Tensor, past: Tensor, b: Tensor, a: Tensor) -> Tensor:
    """The same, step by step in tensor operations: every step is kept for the way back."""
    order, n = past.shape[-1], int(x.shape[-1]) - past.shape[-1]
    b, a = upsample(b, n, dim=-2), upsample(a, n, dim=-2)
    taps = sum(
        (b[..., k] * x[..., order - k : order - k + n] for k in range(order + 1)), torch.zeros_like(x[..., order:])
    )
    y = list(past.unbind(-1))
    for step, (now, bottom) in enumerate(zip(taps.unbind(-1), a.unbind(-2), strict=True), order):
        for k in range(order, 0, -1):
            now = now - bottom[..., k] * y[step - k]
        y.append(now)
    return torch.stack(y, -1)


class _Recursion(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, past: Tensor, b: Tensor, a: Tensor) -> Tensor:
        from course_lib.kernels.loops import recursion as loops

        y = torch.empty_like(x, memory_format=torch.contiguous_format)
        y[:, : past.shape[1]] = past
        arrays = [t.detach().contiguous().numpy() for t in (x, b, a)]
        each(lambda piece: loops.recursion(*arrays, piece[0], y.numpy()), _rows(x, b), x.numel() * b.shape[-1])
        ctx.save_for_backward(x, past, b, a)
        ctx.y = y.detach()
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, past, b, a = ctx.saved_tensors
        if (again := by_formula(recursion_reference, (x, past, b, a), ctx.needs_input_grad, grad)) is not None:
            return again
        from course_lib.kernels.loops import recursion as loops

        r = grad.clone(memory_format=torch.contiguous_format)
        by_x, by_b, by_a = (torch.zeros(t.shape, dtype=t.dtype) for t in (x, b, a))
        arrays = [t.detach().contiguous().numpy() for t in (x, ctx.y, r, b, a)]
        wanted = any(ctx.needs_input_grad[i] for i in (0, 2, 3))

        def work(piece: tuple[int, int, int]) -> None:
            x, y, r, b, a = arrays
            loops.recursion_back(b, a, piece[0], r)
            if wanted:
                loops.recursion_gradients(x, y, r, b, piece[0], by_x.numpy(), by_b.numpy(), by_a.numpy())

        each(work, _rows(x, b), 4 * x.numel() * b.shape[-1])
        gradients = (by_x, r[:, : past.shape[1]], by_b, by_a)
        return tuple(g if need else None for g, need in zip(gradients, ctx.needs_input_grad, strict=True))


def _rows(x: Tensor, b: Tensor) -> list[tuple[int, int, int]]:
    return pieces(len(x), n_frames=1, products=x.numel() * b.shape[-1])
