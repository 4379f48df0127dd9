"""The harmonic synthesizer at the speed of the machine: the sound of `method="reference"` from far fewer sines.

With z = e^{iφ}, harmonic k is the imaginary part of z^k. Write k = Q·p + q with |q| ≤ h and Q = 2h + 1; then
z^k = z^{Qp} · z^q, a *giant* step times a *baby* step, and about √K of each are enough for K harmonics. Baby steps come
in pairs ±q, which share a cosine and a sine:

    Σ_k a_k sin kφ = Σ_p sin Qpφ · (Σ_q (a_{Qp+q} + a_{Qp−q}) cos qφ) + cos Qpφ · (Σ_q (a_{Qp+q} − a_{Qp−q}) sin qφ)

The inner sums are a small matrix product for each frame, since amplitudes stay at frame rate: a straight line to the
next frame is "this" plus "fraction · step", so each baby step is used twice, plain and times the fraction.

Work goes block by block, and nothing is kept for the backward pass but the controls: it makes the steps again. The
gradient by the amplitudes is the same product transposed; by the phase it is the same sum with k·a_k and a quarter of a
turn on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.core.frame_phase import (
    FramePhase,
    Frames,
    frame_lines,
    frame_phase,
    frame_phase_gradient,
    frames_of,
    row_blocks,
    short_hops,
)

# Samples in a block: few enough for the cache of a CPU, enough to fill a GPU.
BLOCK = {"cpu": 16_000, "cuda": 500_000}
# In baby steps, as measured.
GIANT_COST = 2.5


def harmonic_sum(
    f0_hz: Tensor, shares: Tensor, *, n_samples: int, sample_rate: float, turns: float = 0.0, cosines: bool = False
) -> Tensor:
    """Σ_k a_k[n] · sin(k·φ[n]) of checked controls, with gradients to both.

    Args:
        f0_hz: (…, n_frames), Hz.
        shares: (…, n_frames, K), amplitude of each harmonic, 0 in rests.
        n_samples: length of the sound.
        sample_rate: Hz.
        turns: phase of the first sample, for a stretch of a longer sound.
        cosines: cos(k·φ[n]) instead of the sines.

    Returns:
        (…, n_samples); half precision is computed in single and rounded at the end.

    Chapter: book/sines/making_it_fast.ipynb
    """
    dtype = torch.promote_types(f0_hz.dtype, shares.dtype)
    shares = shares.to(torch.float64 if dtype == torch.float64 else torch.float32)
    f0_hz, shares = short_hops(f0_hz, shares, n_samples=n_samples, dim=-1)
    frames = frames_of(n_frames=f0_hz.shape[-1], n_samples=n_samples, device=f0_hz.device)
    step, bend = frame_lines(f0_hz, frames, sample_rate)
    resting = (f0_hz == 0) & (frames.offset == 0)
    lead = torch.broadcast_shapes(f0_hz.shape[:-1], shares.shape[:-2])
    step, bend, resting = (x.expand(*lead, -1).reshape(-1, frames.n_frames) for x in (step, bend, resting))
    shares = shares.expand(*lead, -1, -1).reshape(len(step), *shares.shape[-2:])
    return _HarmonicSum.apply(shares, step, bend, resting, frames, turns, cosines).reshape(*lead, n_samples).to(dtype)


def step_counts(n_harmonics: int) -> tuple[int, int]:
    """How many baby steps h and giant steps P make K harmonics at the least cost: (2h + 1) P + h ≥ K.

    A giant costs more than a baby: an inner sum, twice, and what is done with it.
    """
    giants = {h: max(0, -(-(n_harmonics - h) // (2 * h + 1))) for h in range(1, 2 + math.isqrt(4 * n_harmonics))}
    return min(giants.items(), key=lambda item: item[0] + GIANT_COST * item[1])


class _Blocks:
    """The controls of all sounds as rows, one for each frame, worked on block by block in buffers that are reused."""

    def __init__(self, shares: Tensor, phase: FramePhase, frames: Frames) -> None:
        self.shares, self.phase, self.frames = shares.flatten(0, 1), phase, frames
        self.n_rows, self.n_harmonics = self.shares.shape
        (self.h, self.p), self.hop = step_counts(self.n_harmonics), frames.hop
        self.rows = min(self.n_rows, max(1, BLOCK.get(shares.device.type, BLOCK["cuda"]) // self.hop))
        size = self.rows * self.hop
        self.powers = shares.new_empty(4 * (max(self.h, self.p) + 1) * size)
        self.products = shares.new_empty(2 * (self.p + 1) * size)

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        return row_blocks(n_rows=self.n_rows, n_frames=self.frames.n_frames, size=self.rows, device=self.shares.device)

    def steps(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Cosines and sines of baby steps, (2, rows, h + 1, hop), and of giant ones, (2, rows, P + 1, hop)."""
        h, n, most = self.h, rows.stop - rows.start, max(self.h, self.p)
        angles = self.phase.radians(rows, self.hop, (1, 2 * h + 1), self.shares.dtype)
        cos, sin = powers = self.powers[: 4 * (most + 1) * n * self.hop].view(2, most + 1, 2, n, self.hop)
        cos[0], sin[0] = 1, 0
        torch.cos(angles, out=cos[1])
        torch.sin(angles, out=sin[1])
        known = 1
        while known < most:  # angle addition: from powers 1 … m to m + 1 … 2m, of those that are still needed
            which = slice(0 if known < h else 1, 2 if known < self.p else 1)
            more = min(known, most - known)
            c, s = cos[:, which], sin[:, which]
            old, new = slice(1, 1 + more), slice(1 + known, 1 + known + more)
            torch.mul(c[old], c[known], out=c[new]).addcmul_(s[old], s[known], value=-1)
            torch.mul(c[old], s[known], out=s[new]).addcmul_(s[old], c[known])
            known += more
        cos[0, 0] = 0.5  # q = 0 is its own partner, and would count twice
        babies, giants = powers.permute(2, 0, 3, 1, 4)
        return babies[:, :, : h + 1], giants[:, :, : self.p + 1]

    def inner(self, rows: Tensor) -> Tensor:
        """Room for the inner sums of these rows, by this frame and by the step to the next: (rows, 2, P + 1, hop)."""
        size = 2 * (self.p + 1) * self.hop
        return self.products[: size * len(rows)].view(len(rows), 2, self.p + 1, self.hop)

    def sum(self, folded: Tensor, babies: Tensor, giants: tuple[Tensor, Tensor], fraction: Tensor) -> Tensor:
        """Σ_p giants · (inner sums over the babies), (rows, hop)."""
        inner = self.inner(babies[0])
        total: Tensor | None = None
        for fold, baby, giant in zip(folded, babies, giants, strict=True):
            torch.bmm(fold, baby, out=inner.flatten(1, 2))
            part = inner[:, 0].addcmul_(inner[:, 1], fraction).mul_(giant).sum(1)
            total = part if total is None else total.add_(part)
        assert total is not None
        return total

    def sum_transposed(self, grad: Tensor, babies: Tensor, giants: tuple[Tensor, Tensor], fraction: Tensor) -> Tensor:
        """The transpose of `sum`: gradients by the folded shares for gradients by the sound, (rows, 1, hop)."""
        inner, folds = self.inner(grad), []
        for baby, giant in zip(babies, giants, strict=True):
            torch.mul(giant, grad, out=inner[:, 0])
            torch.mul(inner[:, 0], fraction, out=inner[:, 1])
            folds.append((baby @ inner.flatten(1, 2).mT).mT)
        return torch.stack(folds)

    def fold(self, rows: slice, after: Tensor, factor: Tensor | None = None) -> Tensor:
        """Sums and differences of ±q, for this frame and for the step to the next: (2, rows, 2 (P + 1), h + 1)."""
        h, first = self.h, self.h + 1  # k = 1 is the place after h negative ones and 0
        this, following = self.shares[rows], self.shares[after]
        if factor is not None:
            this, following = this * factor, following * factor
        grid = this.new_zeros(len(this), 2, (self.p + 1) * (2 * h + 1))
        grid[:, 0, first : first + self.n_harmonics] = this
        torch.sub(following, this, out=grid[:, 1, first : first + self.n_harmonics])
        grid = grid.view(len(this), 2 * (self.p + 1), 2 * h + 1)
        plus, minus = grid[..., h:], grid[..., : h + 1].flip(-1)
        folded = grid.new_empty(2, *plus.shape)
        torch.add(plus, minus, out=folded[0])
        torch.sub(plus, minus, out=folded[1])
        return folded

    def unfold(self, folded: Tensor) -> tuple[Tensor, Tensor]:
        """The transpose of `fold`: gradients by the shares of this frame and of the next, (rows, K) each."""
        h, first = self.h, self.h + 1
        total, difference = folded
        grid = folded.new_empty(*total.shape[:-1], 2 * h + 1)
        torch.add(total, difference, out=grid[..., h:])
        grid[..., h] *= 2  # q = 0 stands in both halves, and its difference in neither
        grid[..., :h] = (total - difference)[..., 1:].flip(-1)
        this, step = grid.view(len(total), 2, -1)[..., first : first + self.n_harmonics].unbind(1)
        return this - step, step


class _HarmonicSum(torch.autograd.Function):
    """Sound of shares (batch, n_frames, K) and lines of frequency (batch, n_frames), see `frame_lines`."""

    @staticmethod
    def forward(
        ctx: Any,
        shares: Tensor,
        step: Tensor,
        bend: Tensor,
        resting: Tensor,
        frames: Frames,
        turns: float,
        cosines: bool,
    ) -> Tensor:
        ctx.save_for_backward(shares, step, bend, resting)
        phase = frame_phase(step, bend, resting, frames)
        ctx.frames, ctx.phase, ctx.cosines = frames, phase._replace(start=phase.start + turns), cosines
        sound = shares.new_empty(len(shares), frames.n_frames * frames.hop)
        with torch.autocast(shares.device.type, enabled=False):
            blocks = _Blocks(shares, ctx.phase, frames)
            for rows, after in blocks:
                babies, (cos, sin) = blocks.steps(rows)
                folded = blocks.fold(rows, after)
                sound.view(-1, frames.hop)[rows] = blocks.sum(
                    folded, babies, (cos, -sin) if cosines else (sin, cos), frames.fraction_of(rows, shares.dtype)
                )
        return frames.join(sound)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        shares, step, _, resting = ctx.saved_tensors
        frames, (need_shares, *need_f0) = ctx.frames, ctx.needs_input_grad
        sound = frames.cut(grad).reshape(-1, 1, frames.hop)
        by_shares = torch.zeros_like(shares).flatten(0, 1)
        moments = step.new_empty(step.numel(), 3)
        k = torch.arange(1, shares.shape[-1] + 1, device=shares.device, dtype=shares.dtype)
        j = torch.arange(frames.hop, device=step.device, dtype=step.dtype)
        moment = torch.stack([torch.ones_like(j), j, j * (j - 1) / 2], dim=-1)
        with torch.autocast(shares.device.type, enabled=False):
            blocks = _Blocks(shares, ctx.phase, frames)
            for rows, after in blocks:
                fraction, (babies, (cos, sin)) = frames.fraction_of(rows, shares.dtype), blocks.steps(rows)
                if any(need_f0):  # d sin kφ / dφ = k cos kφ: the same sum of k·a_k, its giants a quarter turn on
                    quarter_on = (-sin, -cos) if ctx.cosines else (cos, -sin)
                    folded = blocks.fold(rows, after, k)
                    slope = blocks.sum(folded, babies, quarter_on, fraction) * sound[rows, 0]
                    moments[rows] = slope.to(step.dtype) @ moment
                if need_shares:
                    giants = (cos, -sin) if ctx.cosines else (sin, cos)
                    folded = blocks.sum_transposed(sound[rows], babies, giants, fraction)
                    this, following = blocks.unfold(folded)
                    by_shares[rows] += this
                    by_shares.index_add_(0, after, following)
        by_step, by_bend = None, None
        if any(need_f0):
            moments = moments.view(*step.shape, 3) * (2 * math.pi)
            by_step, by_bend = frame_phase_gradient(moments, frames, resting)
        return by_shares.view_as(shares) if need_shares else None, by_step, by_bend, None, None, None, None
