"""The comb of the loss over the ratio of an FM sound, and a ball that slides on it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.ball import REST, STEPS, named_loss
from course_lib.display.figures.kit.mass import RATE
from course_lib.display.figures.kit.numbers import f64, logspace
from course_lib.fitting.landscapes import local_minima
from course_lib.synths.fm import fm_synth

N, F0, INDEX = 512, 220, 1.5
LOW, HIGH, POINTS = 0.5, 8, 1001
STRIDE = 1 / 160  # octaves, of the first step


def sounds(ratios: Tensor) -> Tensor:
    """(n, N) samples for ratios (n,), at half scale."""
    n = len(ratios)
    levels, both = f64([[0.5, INDEX]]).expand(n, 1, 2), torch.stack([torch.ones_like(ratios), ratios], -1)
    return fm_synth(f64([F0]).expand(n, 1), levels, both, "2>1", n_samples=N, sample_rate=RATE)


def twin(state: State) -> dict[str, Any]:
    """The loss over the ratio, its minima, and the ball's way from the start."""
    loss, goal = named_loss(state["loss"]), sounds(f64([state["target"]]))[0]
    ratios = logspace(LOW, HIGH, POINTS)
    curve = torch.stack([loss(made, goal) for made in sounds(f64(ratios))])
    deep = 1e-9 * curve.max()
    minima = [i for i in local_minima(curve) if min(curve[i - 1], curve[i + 1]) - curve[i] > deep]
    u, stride, before = math.log2(state["start"]), STRIDE, 0.0
    path, heights = [state["start"]], []
    for step in range(STEPS + 1):
        octaves = torch.log2(f64([path[-1]])).requires_grad_()
        value = loss(sounds(2**octaves)[0], goal)
        (slope,) = torch.autograd.grad(value, octaves)
        heights.append(value.item())
        downhill = -math.copysign(1.0, slope.item()) if slope.item() else 0.0
        if downhill * before < 0:
            stride /= 2
        if step == STEPS or stride < REST or downhill == 0:
            break
        before = downhill
        following = min(math.log2(HIGH), max(math.log2(LOW), u + downhill * stride))
        if following == u:
            break
        u = following
        path.append(2**u)
    return {"curve": curve.tolist(), "minima": len(minima), "path": path, "heights": heights, "end": path[-1]}


KIND = Kind(
    title="The comb: loss over the ratio",
    about="The loss of an FM sound whose index and level are right, over the ratio of its modulator: a comb of minima, "
    "and the true one is a narrow slit. The ball slides downhill from wherever it is dropped.",
    fields={
        "start": Number(4.4, LOW, HIGH),
        "target": Choice(3, (1, 2, 3, 5, 7)),
        "loss": Choice("spectral_l1", ("spectral_l1", "transport")),
    },
    twin=twin,
    play_db=-12,
)
