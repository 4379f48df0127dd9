"""Operators that bend each other's phase: a compiled loop with its gradients, and the same in tensor operations.

Chapter: book/other_instruments/fm.ipynb
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.second_derivative import by_formula
from course_lib.kernels.threads import each, pieces


class Wiring(NamedTuple):
    """Who modulates whom, operators numbered from 0.

    order: modulators first. sources: for each operator those that modulate it. carriers: those that are heard.
    feedback: those that modulate themselves. blend: how much of the last sample and of the one before is fed back.
    """

    order: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]
    carriers: tuple[int, ...]
    feedback: tuple[int, ...]
    blend: tuple[float, float]


class Size(NamedTuple):
    """n_samples, and sample_rate in Hz."""

    n_samples: int
    sample_rate: float


def fm_sum(f: Tensor, levels: Tensor, turns: Tensor, past: Tensor, wiring: Wiring, size: Size) -> tuple[Tensor, Tensor]:
    """The sound of all carriers, with gradients by f and levels, by compiled loops on the CPU.

    Args:
        f: (…, n_frames, O), frequency of each operator in Hz, float64.
        levels: (…, n_frames, O), single or double precision.
        turns: (…, O), phase of each operator's first sample, float64.
        past: (…, feedback, 2), the last two samples of the operators with feedback, oldest first, float64.
        wiring: of O operators.
        size: of the sound.

    Returns:
        Sound (…, n_samples), in the precision of the levels; and all samples of the operators with feedback, behind
        their past, (…, feedback, 2 + n_samples), without gradient.
    """
    lead = f.shape[:-2]
    count = math.prod(lead)
    rows = [x.reshape(count, *x.shape[len(lead) :]) for x in (f, levels, turns, past)]
    sound, kept = _FmSum.apply(*rows, wiring, size)
    return sound.view(*lead, size.n_samples), kept.view(*lead, *kept.shape[1:])


def fm_sum_reference(
    f: Tensor, levels: Tensor, turns: Tensor, past: Tensor, wiring: Wiring, size: Size
) -> tuple[Tensor, Tensor]:
    """The same, operator by operator; feedback sample by sample, each step kept for the way back."""
    n = size.n_samples
    smooth = upsample_frequency(f.transpose(-1, -2), n)  # (…, O, n_samples)
    phase = instantaneous_phase(smooth, size.sample_rate) + 2 * math.pi * turns.unsqueeze(-1)
    level = upsample(levels, n, dim=-2).unbind(-1)
    out: dict[int, Tensor] = {}
    for o in wiring.order:
        angle = phase[..., o, :].to(levels.dtype)
        for source in wiring.sources[o]:
            angle = angle + out[source]
        if o in wiring.feedback:
            start = past[..., wiring.feedback.index(o), :].to(levels.dtype)
            out[o] = _fed_back(angle, level[o], start, wiring.blend)
        else:
            out[o] = level[o] * torch.sin(angle)
    sound = functools.reduce(torch.add, [out[o] for o in wiring.carriers])
    if not wiring.feedback:
        return sound, torch.nn.functional.pad(past, (0, n))
    made = torch.stack([out[o].detach().double() for o in wiring.feedback], -2)
    return sound, torch.cat([past.expand(*made.shape[:-1], 2), made], -1)


def _fed_back(angle: Tensor, level: Tensor, start: Tensor, blend: tuple[float, float]) -> Tensor:
    """y[n] = level[n] · sin(angle[n] + blend · (y[n−1], y[n−2]))."""
    before, last = start.unbind(-1)
    samples = []
    for here, loud in zip(angle.unbind(-1), level.unbind(-1), strict=True):
        before, last = last, loud * torch.sin(here + blend[0] * last + blend[1] * before)
        samples.append(last)
    return torch.stack(samples, -1)


class Graph(NamedTuple):
    """A wiring as the loops read it: see `kernels/loops/fm.py`."""

    order: NDArray
    ends: NDArray
    sources: NDArray
    heard: NDArray
    kept: NDArray
    blend: NDArray


@functools.lru_cache(maxsize=64)
def _graph(wiring: Wiring) -> Graph:
    n = len(wiring.order)
    ends = np.cumsum([0, *map(len, wiring.sources)])
    sources = np.array([s for each in wiring.sources for s in each] or [0], np.int64)
    heard, kept = np.zeros(n, np.bool_), np.full(n, -1, np.int64)
    heard[list(wiring.carriers)] = True
    for row, o in enumerate(wiring.feedback):
        kept[o] = row
    return Graph(np.array(wiring.order, np.int64), ends, sources, heard, kept, np.array(wiring.blend))


class _FmSum(torch.autograd.Function):
    """f, levels (rows, n_frames, O), turns (rows, O), past (rows, feedback, 2) → sound (rows, n_samples), and kept."""

    @staticmethod
    def forward(
        ctx: Any, f: Tensor, levels: Tensor, turns: Tensor, past: Tensor, wiring: Wiring, size: Size
    ) -> tuple[Tensor, Tensor]:
        from course_lib.kernels.loops import fm, phase

        ctx.save_for_backward(f, levels)
        ctx.turns, ctx.past, ctx.wiring, ctx.size = turns, past, wiring, size
        n, rate = size
        arrays = [x.detach().contiguous().numpy() for x in (f, levels)]
        starts = np.empty_like(arrays[0])
        phase.frame_starts(arrays[0], n, rate, 0.0, starts)
        starts += turns.detach().numpy()[:, None, :]
        memory = np.zeros((len(f), len(wiring.feedback), 2 + n))
        memory[:, :, :2] = past.detach().numpy()
        sound = np.empty((len(f), n), arrays[1].dtype)
        ctx.arrays, ctx.memory = (arrays[0], starts, arrays[1]), memory

        def work(piece: tuple[int, int, int]) -> None:
            fm.fm_sound(*ctx.arrays, *_graph(wiring), rate, piece[0], memory, sound)

        products = 4 * sound.size * f.shape[-1]
        each(work, pieces(len(f), n_frames=1, products=products), products)
        kept = torch.from_numpy(memory)
        ctx.mark_non_differentiable(kept)
        return torch.from_numpy(sound), kept

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        f, levels = ctx.saved_tensors
        wiring, size = ctx.wiring, ctx.size

        def formula(f: Tensor, levels: Tensor) -> Tensor:
            return fm_sum_reference(f, levels, ctx.turns, ctx.past, wiring, size)[0]

        if (again := by_formula(formula, (f, levels), ctx.needs_input_grad[:2], grad)) is not None:
            return (*again, None, None, None, None)
        from course_lib.kernels.loops import fm, phase

        by_levels, by_f = np.zeros(levels.shape), np.zeros(f.shape)
        moments, sound = np.zeros((*f.shape, 3)), grad.detach().contiguous().numpy()
        outcome = (bool(ctx.needs_input_grad[0]), by_levels, moments)

        def work(piece: tuple[int, int, int]) -> None:
            fm.fm_back(*ctx.arrays, *_graph(wiring), size.sample_rate, piece[0], ctx.memory, sound, *outcome)

        products = 8 * sound.size * f.shape[-1]
        each(work, pieces(len(f), n_frames=1, products=products), products)
        if ctx.needs_input_grad[0]:
            phase.frequency_gradient(ctx.arrays[0], moments, size.n_samples, size.sample_rate, by_f)
        gradients = (torch.from_numpy(by_f), torch.from_numpy(by_levels).to(levels.dtype))
        wanted = (g if need else None for g, need in zip(gradients, ctx.needs_input_grad[:2], strict=True))
        return (*wanted, None, None, None, None)
