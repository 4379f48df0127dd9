"""Backward passes written by hand that have no gradient of their own: asking for one is an error that says so."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class _Refuse(torch.autograd.Function):
    """Passes a gradient on; asking for the gradient of that gradient is an error."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, *sources: Tensor) -> Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        raise NotImplementedError(
            "this fast path has no second derivative (create_graph=True reached it); "
            'use method="reference" where gradients of gradients are needed'
        )


def refuse_double_backward(backward: Callable[..., tuple[Tensor | None, ...]]) -> Callable[..., Any]:
    """Decorate a backward that is not differentiable: a second derivative says so and names the way out."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            grads = backward(ctx, grad)
        if not torch.is_grad_enabled():
            return grads
        sources = [x for x in (grad, *ctx.saved_tensors) if x is not None and x.requires_grad]
        return tuple(_Refuse.apply(g, *sources) if g is not None and sources else g for g in grads)

    return wrapped
