"""Backward passes written by hand know no gradient of their own: where one is asked for, the formula gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.core.eager import is_eager


def by_formula(
    formula: Callable[..., Tensor], inputs: Sequence[Tensor], needs: Sequence[bool], grad: Tensor
) -> tuple[Tensor | None, ...] | None:
    """Gradients through the formula in tensor operations, if they are to be differentiated once more or mapped.

    Args:
        formula: inputs → what the forward pass gave.
        inputs: what `ctx.saved_tensors` holds: the inputs themselves, still part of their graph.
        needs: for which of them a gradient is needed.
        grad: gradient by the output.

    Returns:
        One for each input (None where none is needed), part of a graph themselves; or None where the backward pass that
        is written by hand will do.
    """
    once_more = torch.is_grad_enabled()
    if not once_more and is_eager(grad):
        return None
    with torch.enable_grad():
        # Of inputs that depend on each other (levels that a network made of the pitch) each gets its own share only.
        apart = [x.view_as(x) for x in inputs]
        wanted = [x for x, need in zip(apart, needs, strict=True) if need]
        grads = iter(torch.autograd.grad(formula(*apart), wanted, grad, create_graph=once_more))
    return tuple(next(grads) if need else None for need in needs)


def with_formula(fast: Callable[..., Tensor], formula: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Return fast(*inputs), whose gradients have gradients as well: those of the formula.

    Args:
        fast: inputs → output; it may have a backward pass without a gradient of its own.
        formula: the same in tensor operations.
        inputs: floating-point tensors.
    """
    return _WithFormula.apply(fast, formula, *inputs)


class _WithFormula(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fast: Callable[..., Tensor], formula: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        ctx.formula = formula
        with torch.enable_grad():
            ctx.leaves = [
                x.detach().requires_grad_(need) for x, need in zip(inputs, ctx.needs_input_grad[2:], strict=True)
            ]
            ctx.output = fast(*ctx.leaves)
        return ctx.output.detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        needs = ctx.needs_input_grad[2:]
        if (again := by_formula(ctx.formula, ctx.saved_tensors, needs, grad)) is not None:
            return (None, None, *again)
        wanted = [leaf for leaf, need in zip(ctx.leaves, needs, strict=True) if need]
        grads = iter(torch.autograd.grad(ctx.output, wanted, grad, retain_graph=True))
        return (None, None, *(next(grads) if need else None for need in needs))
