"""Free partials block by block: the sum of `method="reference"` in memory that does not grow with their number.

Every partial has a phase of its own, so no sine can be saved, but everything around them can: phases have a closed form
in each frame, amplitudes stay at frame rate and enter by a matrix product, nothing is kept for the backward pass.

Chapter: book/sines/making_it_fast.ipynb
"""

from __future__ import annotations

import math
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

# Sines in a block: few enough for the cache of a CPU, enough to fill a GPU.
BLOCK = {"cpu": 150_000, "cuda": 10_000_000}


def additive_sum(frequencies_hz: Tensor, amplitudes: Tensor, *, n_samples: int, sample_rate: float) -> Tensor:
    """Σ_k A_k[n] · sin(φ_k[n]) of checked partials, with gradients to both.

    Args:
        frequencies_hz: (…, n_frames, n_partials), Hz.
        amplitudes: (…, n_frames, n_partials), 0 where the frequency is.
        n_samples: length of the sound.
        sample_rate: Hz.

    Returns:
        (…, n_samples); half precision is computed in single and rounded at the end.

    Chapter: book/sines/making_it_fast.ipynb
    """
    dtype = torch.promote_types(frequencies_hz.dtype, amplitudes.dtype)
    amplitudes = amplitudes.to(torch.float64 if dtype == torch.float64 else torch.float32)
    f, a = torch.broadcast_tensors(*short_hops(frequencies_hz, amplitudes, n_samples=n_samples, dim=-2))
    lead, (n_frames, n_partials) = f.shape[:-2], f.shape[-2:]
    frames = frames_of(n_frames=n_frames, n_samples=n_samples, device=f.device)
    f = f.reshape(-1, n_frames, n_partials).mT.reshape(-1, n_frames)  # a row for each partial of each sound
    step, bend = frame_lines(f, frames, sample_rate)
    resting = (f == 0) & (frames.offset == 0)
    sound = _AdditiveSum.apply(a.reshape(-1, n_frames, n_partials), step, bend, resting, frames)
    return sound.reshape(*lead, n_samples).to(dtype)


class _AdditiveSum(torch.autograd.Function):
    """Sound of amplitudes (batch, n_frames, K) and lines of frequency (batch · K, n_frames), see `frame_lines`."""

    @staticmethod
    def forward(ctx: Any, amplitudes: Tensor, step: Tensor, bend: Tensor, resting: Tensor, frames: Frames) -> Tensor:
        ctx.save_for_backward(amplitudes, step, bend, resting)
        k = amplitudes.shape[-1]
        phase = frame_phase(step, bend, resting, frames)
        # Rows of the batch are frames: (batch · n_frames · K, 1).
        ctx.frames, ctx.phase = frames, FramePhase(*(x.view(-1, k, frames.n_frames).mT.reshape(-1, 1) for x in phase))
        flat = amplitudes.flatten(0, 1)
        sound = amplitudes.new_empty(len(flat), frames.hop)
        with torch.autocast(amplitudes.device.type, enabled=False):
            for rows, after in _blocks(amplitudes, frames):
                sines = _angles(ctx, rows, k, amplitudes.dtype).sin_()
                ends = (
                    torch.stack([flat[rows], flat[after]], dim=1) @ sines
                )  # by this frame's amplitudes, by the next's
                sound[rows] = torch.lerp(ends[:, 0], ends[:, 1], frames.fraction_of(rows, sines.dtype)[:, 0])
        return frames.join(sound.view(len(amplitudes), -1))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        amplitudes, step, _, resting = ctx.saved_tensors
        frames, (need_amplitudes, *need_f) = ctx.frames, ctx.needs_input_grad
        flat, k = amplitudes.flatten(0, 1), amplitudes.shape[-1]
        sound = frames.cut(grad).reshape(-1, 1, frames.hop)
        by_amplitudes = torch.zeros_like(flat)
        moments = step.new_empty(len(flat), k, 3)
        j = torch.arange(frames.hop, device=step.device, dtype=step.dtype)
        moment = torch.stack([torch.ones_like(j), j, j * (j - 1) / 2], dim=-1)
        with torch.autocast(amplitudes.device.type, enabled=False):
            for rows, after in _blocks(amplitudes, frames):
                angles, fraction = _angles(ctx, rows, k, amplitudes.dtype), frames.fraction_of(rows, amplitudes.dtype)
                if need_amplitudes:
                    ends = torch.cat([sound[rows] * (1 - fraction), sound[rows] * fraction], dim=1)
                    this, following = (ends @ angles.sin().mT).unbind(1)
                    by_amplitudes[rows] += this
                    by_amplitudes.index_add_(0, after, following)
                if any(need_f):
                    envelope = torch.lerp(flat[rows].unsqueeze(-1), flat[after].unsqueeze(-1), fraction)
                    slope = angles.cos_().mul_(envelope).mul_(sound[rows])
                    moments[rows] = slope.to(step.dtype) @ moment
        by_step, by_bend = None, None
        if any(need_f):
            moments = moments.view(-1, frames.n_frames, k, 3).transpose(1, 2).reshape(*step.shape, 3) * (2 * math.pi)
            by_step, by_bend = frame_phase_gradient(moments, frames, resting)
        return by_amplitudes.view_as(amplitudes) if need_amplitudes else None, by_step, by_bend, None, None


def _blocks(amplitudes: Tensor, frames: Frames) -> Any:
    size = BLOCK.get(amplitudes.device.type, BLOCK["cuda"]) // (frames.hop * amplitudes.shape[-1])
    return row_blocks(
        n_rows=amplitudes.shape[0] * frames.n_frames, n_frames=frames.n_frames, size=size, device=amplitudes.device
    )


def _angles(ctx: Any, rows: slice, k: int, dtype: torch.dtype) -> Tensor:
    """Phases of a block, (rows, K, hop)."""
    hop = ctx.frames.hop
    return ctx.phase.radians(slice(rows.start * k, rows.stop * k), hop, (1,), dtype).view(-1, k, hop)
