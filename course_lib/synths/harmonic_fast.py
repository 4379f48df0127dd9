"""The harmonic synthesizer at the speed of the machine: the sound of `method="reference"` from far fewer sines.

With z = e^{iφ}, harmonic k is the imaginary part of z^k. Write k = Q·p + q with |q| ≤ h and Q = 2h + 1; then
z^k = z^{Qp} · z^q, a *giant* step times a *baby* step, and h of each are enough for 2h (h + 1) harmonics. Baby steps
come in pairs ±q, which share a cosine and a sine:

    Σ_k a_k sin kφ = Σ_p sin Qpφ · (Σ_q (a_{Qp+q} + a_{Qp−q}) cos qφ) + cos Qpφ · (Σ_q (a_{Qp+q} − a_{Qp−q}) sin qφ)

The inner sums are a small matrix product for each frame, since amplitudes stay at frame rate: a straight line to the
next frame is "this" plus "way · step", so each baby step is used twice, plain and times the way.

Work goes block by block, and nothing is kept for the backward pass but the controls: it makes the steps again. The
gradient by the amplitudes is the same product transposed; by the phase it is the same sum with k·a_k and a quarter of a
turn on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.frame_phase import (
    Frames,
    FrameTicks,
    frame_lines,
    frame_ticks,
    frame_ticks_gradient,
    frames_of,
    radians,
    refuse_double_backward,
    short_hops,
)

# Samples in a block: few enough for the cache of a CPU, enough to fill a GPU.
BLOCK = {"cpu": 16_000, "cuda": 500_000}


def harmonic_sum(f0_hz: Tensor, shares: Tensor, n_samples: int, sample_rate: float) -> Tensor:
    """Σ_k a_k[n] · sin(k·φ[n]) of checked controls, with gradients to both.

    Args:
        f0_hz: (…, n_frames), Hz.
        shares: (…, n_frames, K), amplitude of each harmonic, 0 in rests.
        n_samples: length of the sound.
        sample_rate: Hz.

    Returns:
        (…, n_samples); half precision is computed in single and rounded at the end.

    Chapter: book/sines/making_it_fast.ipynb
    """
    dtype = torch.promote_types(f0_hz.dtype, shares.dtype)
    shares = shares.to(torch.float64 if dtype == torch.float64 else torch.float32)
    f0_hz, shares = short_hops(f0_hz, shares, n_samples, dim=-1)
    frames = frames_of(f0_hz.shape[-1], n_samples, f0_hz.device)
    step, bend = frame_lines(f0_hz, frames, sample_rate)
    resting = (f0_hz == 0) & (frames.late == 0)
    lead = torch.broadcast_shapes(f0_hz.shape[:-1], shares.shape[:-2])
    step, bend, resting = (x.expand(*lead, -1).reshape(-1, frames.n_frames) for x in (step, bend, resting))
    shares = shares.expand(*lead, -1, -1).reshape(len(step), *shares.shape[-2:])
    return _HarmonicSum.apply(shares, step, bend, resting, frames).reshape(*lead, n_samples).to(dtype)


def half_steps(n_harmonics: int) -> int:
    """How many baby steps, and giant ones, make K harmonics: the smallest h with 2h (h + 1) ≥ K."""
    return math.ceil((math.sqrt(1 + 2 * n_harmonics) - 1) / 2)


class _Blocks:
    """The controls of all sounds as rows, one for each frame, worked on block by block in buffers that are reused."""

    def __init__(self, shares: Tensor, ticks: FrameTicks, frames: Frames) -> None:
        self.shares, self.ticks, self.frames = shares.flatten(0, 1), ticks, frames
        self.n_rows, self.n_harmonics = self.shares.shape
        self.h, self.hop = half_steps(self.n_harmonics), frames.hop
        self.rows = min(self.n_rows, max(1, BLOCK.get(shares.device.type, BLOCK["cuda"]) // self.hop))
        self.buffers = [shares.new_empty(4 * (self.h + 1) * self.rows * self.hop) for _ in range(3)]
        self.way = frames.way(shares.dtype).expand(frames.n_frames, -1)

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        """The rows of each block, and for each row that of the next frame (its own, if it is the last)."""
        for i in range(0, self.n_rows, self.rows):
            rows = torch.arange(i, min(i + self.rows, self.n_rows), device=self.shares.device)
            last = (rows + 1) % self.frames.n_frames == 0
            yield slice(i, i + len(rows)), torch.where(last, rows, rows + 1)

    def buffer(self, i: int, *shape: int) -> Tensor:
        """The beginning of a buffer, in this shape."""
        return self.buffers[i][: math.prod(shape)].view(shape)

    def steps(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Cosines and sines of a block: babies (2, 2 (h + 1), rows, hop), plain and times the way, and giants
        (2, h + 1, rows, hop)."""
        h, n = self.h, rows.stop - rows.start
        ticks = self.ticks.at(rows, self.hop)
        angles = radians(torch.stack([ticks, ticks * (2 * h + 1)]), self.shares.dtype)
        powers = self.buffer(0, 2, h + 1, 2, n, self.hop)
        cos, sin = powers
        cos[0], sin[0] = 1, 0
        torch.cos(angles, out=cos[1])
        torch.sin(angles, out=sin[1])
        known = 1
        while known < h:  # angle addition: from powers 1 … m to m + 1 … 2m
            more = min(known, h - known)
            old, new = slice(1, 1 + more), slice(1 + known, 1 + known + more)
            torch.mul(cos[old], cos[known], out=cos[new]).addcmul_(sin[old], sin[known], value=-1)
            torch.mul(cos[old], sin[known], out=sin[new]).addcmul_(sin[old], cos[known])
            known += more
        babies = self.buffer(1, 2, 2, h + 1, n, self.hop)
        babies[:, 0] = powers[:, :, 0]
        babies[0, 0, 0] = 0.5  # q = 0 is its own partner, and would count twice
        way = self.way[torch.arange(rows.start, rows.stop, device=ticks.device) % self.frames.n_frames]
        torch.mul(babies[:, 0], way, out=babies[:, 1])
        return babies.flatten(1, 2), powers[:, :, 1]

    def sum(self, folded: Tensor, babies: Tensor, giants: tuple[Tensor, Tensor]) -> Tensor:
        """Σ_p giants · (inner sums over the babies), (rows, hop)."""
        outer = self.buffer(2, *babies[:, : self.h + 1].shape)
        for i, giant in enumerate(giants):
            torch.mul((folded[i] @ babies[i].transpose(0, 1)).transpose(0, 1), giant, out=outer[i])
        return outer.sum((0, 1))


def _fold(shares: Tensor, after: Tensor, h: int) -> Tensor:
    """Shares of this frame and the step to the next, (rows, K) each → sums and differences (2, rows, h + 1, 2 (h + 1))."""
    both = torch.stack([shares, after - shares], dim=1)  # (rows, 2, K)
    q = 2 * h + 1
    grid = F.pad(both, (h + 1, (h + 1) * q - h - 1 - both.shape[-1])).view(*both.shape[:2], h + 1, q).transpose(1, 2)
    plus, minus = grid[..., h:], grid[..., : h + 1].flip(-1)
    return torch.stack([plus + minus, plus - minus]).flatten(-2)


def _unfold(folded: Tensor, n_harmonics: int) -> tuple[Tensor, Tensor]:
    """The transpose of `_fold`: gradients by the shares of this frame and of the next, (rows, K) each."""
    h = folded.shape[2] - 1
    total, difference = folded.view(*folded.shape[:-1], 2, h + 1)
    grid = folded.new_zeros(*total.shape[:-1], 2 * h + 1)
    grid[..., h:] = total + difference
    grid[..., : h + 1] += (total - difference).flip(-1)
    this, step = grid.transpose(1, 2).flatten(-2)[..., h + 1 : h + 1 + n_harmonics].unbind(1)
    return this - step, step


class _HarmonicSum(torch.autograd.Function):
    """Sound of shares (batch, n_frames, K) and lines of frequency (batch, n_frames), see `frame_lines`."""

    @staticmethod
    def forward(ctx: Any, shares: Tensor, step: Tensor, bend: Tensor, resting: Tensor, frames: Frames) -> Tensor:
        ctx.save_for_backward(shares, step, bend, resting)
        ctx.frames = frames
        sound = shares.new_empty(len(shares), frames.n_frames * frames.hop)
        with torch.autocast(shares.device.type, enabled=False):
            blocks = _Blocks(shares, frame_ticks(step, bend, resting, frames), frames)
            for rows, after in blocks:
                babies, (cos, sin) = blocks.steps(rows)
                folded = _fold(blocks.shares[rows], blocks.shares[after], blocks.h)
                sound.view(-1, frames.hop)[rows] = blocks.sum(folded, babies, (sin, cos))
        return frames.join(sound)

    @staticmethod
    @refuse_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        shares, step, bend, resting = ctx.saved_tensors
        frames, (need_shares, *need_f0) = ctx.frames, ctx.needs_input_grad
        sound = frames.cut(grad).reshape(-1, frames.hop)
        by_shares = torch.zeros_like(shares) if need_shares else None
        turned = step.new_empty(step.numel(), 3)
        k = torch.arange(1, shares.shape[-1] + 1, device=shares.device, dtype=shares.dtype)
        j = torch.arange(frames.hop, device=step.device, dtype=step.dtype)
        moments = torch.stack([torch.ones_like(j), j, j * (j - 1) / 2], dim=-1)
        with torch.autocast(shares.device.type, enabled=False):
            blocks = _Blocks(shares, frame_ticks(step, bend, resting, frames), frames)
            for rows, after in blocks:
                babies, (cos, sin) = blocks.steps(rows)
                if any(need_f0):  # d sin kφ / dφ = k cos kφ: the same sum with k·a_k, its giants a quarter turn on
                    folded = _fold(blocks.shares[rows] * k, blocks.shares[after] * k, blocks.h)
                    slope = blocks.sum(folded, babies, (cos, -sin)) * sound[rows]
                    turned[rows] = slope.to(step.dtype) @ moments
                if by_shares is not None:
                    weighed = ((giant * sound[rows]).transpose(0, 1) for giant in (sin, cos))
                    folded = torch.stack([w @ b.permute(1, 2, 0) for w, b in zip(weighed, babies, strict=True)])
                    this, following = _unfold(folded, blocks.n_harmonics)
                    by_shares.view(-1, blocks.n_harmonics)[rows] += this
                    by_shares.view(-1, blocks.n_harmonics).index_add_(0, after, following)
        if not any(need_f0):
            return by_shares, None, None, None, None
        turned = turned.view(*step.shape, 3) * (2 * math.pi)
        return by_shares, *frame_ticks_gradient(turned, frames, resting), None, None
