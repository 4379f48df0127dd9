"""Descents that keep a trace: Adam with a stride for each step, and descent on the sign of the slope alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Trace(NamedTuple):
    """What a search did and where it ended.

    end: (trials, …), the result. path: the values after each step, the shape of `end`. losses: the loss before each
    step, mean over the trials.
    """

    end: Tensor
    path: list[Tensor]
    losses: list[float]

    def map(self, function: Callable[[Tensor], Tensor]) -> Trace:
        """The same trace in other units: the function of `end` and of every value on the path."""
        return Trace(function(self.end), [function(values) for values in self.path], self.losses)

    def then(self, later: Trace) -> Trace:
        """This search and a later one as one: it ends where the later one ends."""
        return Trace(later.end, self.path + later.path, self.losses + later.losses)

    def choose(self, index: Tensor, n_searches: int) -> Trace:
        """Of n searches a trial, run together as (trials · n,), the one at `index` (trials, 1)."""
        return self.map(lambda values: values.unflatten(0, (-1, n_searches)).gather(-1, index).squeeze(-1))


def descend(
    loss: Callable[[Tensor, int], Tensor],
    start: Tensor,
    strides: Sequence[float],
    *,
    limits: tuple[float, float] = (-math.inf, math.inf),
    also_learned: tuple[Tensor, ...] = (),
) -> Trace:
    """Adam with a given stride for each step.

    loss takes the values that are learned, (trials, …), and the step, and returns one loss a trial. `also_learned`
    holds further parameters, of which no trace is kept.
    """
    x = start.detach().clone().requires_grad_()
    adam = torch.optim.Adam([x, *also_learned], betas=(0.9, 0.9))
    path: list[Tensor] = []
    losses: list[float] = []
    for step, stride in enumerate(strides):
        for group in adam.param_groups:
            group["lr"] = stride
        loss_of_trials = loss(x, step)
        losses.append(float(loss_of_trials.detach().mean()))
        adam.zero_grad()
        loss_of_trials.sum().backward()
        adam.step()
        with torch.no_grad():
            x.clamp_(*limits)
        path.append(x.detach().clone())
    return Trace(x.detach(), path, losses)


def sign_descent(
    loss: Callable[[Tensor], Tensor], start: Tensor, *, stride: float, steps: int, limits: tuple[float, float]
) -> Trace:
    """Descend one valley on the sign of the slope alone: one stride downhill, half of it wherever the slope turned.

    For convex losses of one number a trial; about 20 steps settle a millionth of the range.
    """
    x = start.detach().clone()
    strides, previous = torch.full_like(x, stride), torch.zeros_like(x)
    path: list[Tensor] = []
    losses: list[float] = []
    for _ in range(steps):
        leaf = x.clone().requires_grad_()
        loss_of_trials = loss(leaf)
        losses.append(float(loss_of_trials.detach().mean()))
        downhill = -torch.autograd.grad(loss_of_trials.sum(), leaf)[0].sign()
        strides = torch.where(downhill * previous < 0, strides / 2, strides)
        previous = torch.where(downhill == 0, previous, downhill)
        x = (x + strides * downhill).clamp(*limits)
        path.append(x)
    return Trace(x, path, losses)


def falling(*, first: float, last: float, steps: int) -> list[float]:
    """Strides that fall from first towards last by equal ratios."""
    return [first * (last / first) ** (step / steps) for step in range(steps)]


def half_cosine(first: float, *, steps: int) -> list[float]:
    """Strides that fall from first to 0 along half a cosine: far at first, then ever finer."""
    return [first * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]
