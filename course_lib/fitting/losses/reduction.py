"""How the losses of a batch's sounds become one number, or stay one each."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

Reduction = Literal["mean", "sum", "none"]


def check_reduction(reduction: str) -> None:
    if reduction not in get_args(Reduction):
        raise ValueError(f"reduction must be mean, sum or none; got {reduction!r}")


def reduce_means(values: Tensor, n_axes: int, reduction: Reduction) -> Tensor:
    """Losses that are means over their last n_axes: all of them reduced.

    All sounds have the same length, so the mean of their means is the mean of everything.
    """
    if reduction == "mean":
        return values.mean()
    return reduce_losses(values.mean(tuple(range(-n_axes, 0))), reduction)


def reduce_losses(each: Tensor, reduction: Reduction) -> Tensor:
    """Losses (…), one for each batch entry, reduced."""
    if reduction == "none":
        return each
    return each.mean() if reduction == "mean" else each.sum()
