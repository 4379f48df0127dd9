"""Phase by frames: where in time each frame's samples lie, and their phase, exact and in closed form.

`instantaneous_phase` sums one frequency a sample. Between two frames the frequency is a straight line, so its sum is
a parabola, and three whole numbers a frame say all of it: the fast synthesizers hold nothing at sample rate but the
sound itself, and make it block by block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import TURN

# The longest stretch that is worked on as one frame; longer frames are cut into equal ones on the same lines.
LONGEST_HOP = 256


class Frames(NamedTuple):
    """How n_samples fall into n_frames: frame i owns the samples from its place i · n_samples / n_frames to the next.

    A place may lie between two samples; the first sample that a frame owns lies up to one sample behind it.

    offset: (n_frames,), distance in samples from the place to that first sample, times n_frames: so it is whole.
    length: (n_frames,), how many samples the frame owns. hop: the most that any frame owns.
    even: whether every frame owns equally many, and so begins exactly at its place.
    """

    n_samples: int
    n_frames: int
    offset: Tensor
    length: Tensor
    hop: int
    even: bool

    def fraction(self, dtype: torch.dtype) -> Tensor:
        """Where each sample lies between its frame and the next, 0 to 1: (n_frames, hop), or (1, hop) if even."""
        j = torch.arange(self.hop, device=self.offset.device)
        offset = self.offset[:1] if self.even else self.offset
        return (offset.unsqueeze(-1) + self.n_frames * j).to(dtype) / self.n_samples

    def fraction_of(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """The same for rows of a batch of sounds, (rows, 1, hop), or (1, 1, hop) if even."""
        if self.even:
            return self.fraction(dtype).unsqueeze(1)
        frames = torch.arange(rows.start, rows.stop, device=self.offset.device) % self.n_frames
        return self.fraction(dtype)[frames].unsqueeze(1)

    def join(self, rows: Tensor) -> Tensor:
        """(batch, n_frames · hop) → (batch, n_samples): what each frame owns, one after the other."""
        return rows if self.even else rows.index_select(-1, self._places())

    def cut(self, sound: Tensor) -> Tensor:
        """(batch, n_samples) → (batch, n_frames · hop), zeros where a frame owns fewer: the transpose of `join`."""
        if self.even:
            return sound
        rows = sound.new_zeros(*sound.shape[:-1], self.n_frames * self.hop)
        return rows.index_copy_(-1, self._places(), sound)

    def _places(self) -> Tensor:
        """Where each sample stands in rows of `hop`."""
        n = torch.arange(self.n_samples, device=self.offset.device)
        frame = torch.div(n * self.n_frames, self.n_samples, rounding_mode="floor")
        return n + (frame * self.hop - (self.length.cumsum(0) - self.length)[frame])


def frames_of(*, n_frames: int, n_samples: int, device: torch.device) -> Frames:
    """Lay n_samples out in n_frames ≤ n_samples."""
    if n_frames > n_samples:
        raise ValueError(f"more frames ({n_frames}) than samples ({n_samples}); ask for more samples or fewer frames")
    i = torch.arange(n_frames + 1, device=device)
    begin = torch.div(i * n_samples + n_frames - 1, n_frames, rounding_mode="floor")  # rounded up
    offset, length = (begin * n_frames - i * n_samples)[:-1], begin.diff()
    return Frames(n_samples, n_frames, offset, length, -(-n_samples // n_frames), n_samples % n_frames == 0)


def short_hops(frequency_hz: Tensor, amplitudes: Tensor, *, n_samples: int, dim: int) -> tuple[Tensor, Tensor]:
    """Cut frames of more than LONGEST_HOP samples: more points, on the same straight lines.

    frequency_hz has its frames on `dim`, amplitudes (…, n_frames, n_partials) on -2.
    """
    n_frames = frequency_hz.shape[dim]
    pieces = -(-n_samples // (n_frames * LONGEST_HOP))
    if pieces <= 1:
        return frequency_hz, amplitudes
    f = upsample_frequency(frequency_hz.double(), n_frames * pieces, dim=dim)
    return f, upsample(amplitudes, n_frames * pieces, dim=-2)


def frame_lines(frequency_hz: Tensor, frames: Frames, sample_rate: float) -> tuple[Tensor, Tensor]:
    """The straight line of frequency in each frame: at its first sample, and its rise from sample to sample.

    Linear, the last frame held, the neighbour's pitch beside a rest: as `upsample_frequency`.

    Args:
        frequency_hz: (…, n_frames), Hz.
        frames: their layout.
        sample_rate: Hz.

    Returns:
        Two of (…, n_frames) in float64: turns a sample, and turns a sample a sample.
    """
    f = frequency_hz.double()
    f = torch.where(f == 0, 0.0, f)  # a rest has no gradient
    after = torch.cat([f[..., 1:], f[..., -1:]], -1)
    left, right = torch.where(f > 0, f, after), torch.where(after > 0, after, f)
    rise = (right - left) * (frames.n_frames / frames.n_samples / sample_rate)
    return torch.addcmul(left / sample_rate, rise, frames.offset.double() / frames.n_frames), rise


class FramePhase(NamedTuple):
    """The phase of sample j of a frame: start + step · j + bend · j (j − 1) / 2, in turns; each (rows, 1)."""

    start: Tensor
    step: Tensor
    bend: Tensor

    def radians(self, rows: slice, hop: int, multiples: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Whole multiples of the phase, (multiples, rows, hop), wrapped to [−π, π] before they are rounded to dtype."""
        start, step, bend = (x[rows] for x in self)
        j = torch.arange(hop, device=start.device, dtype=start.dtype)
        turns = torch.addcmul(torch.addcmul(start, step, j), bend, j * (j - 1) / 2)
        turns = torch.stack([turns * m if m > 1 else turns for m in multiples])
        return turns.sub_(turns.round()).to(dtype).mul_(2 * math.pi)


def frame_phase(step: Tensor, bend: Tensor, resting: Tensor, frames: Frames) -> FramePhase:
    """Sum the lines of `frame_lines`, (batch, n_frames), into the phase of each frame's samples.

    Over the frames the sum is taken in ticks of `TURN`: whole numbers, which overflow by whole turns and never round.

    resting: (batch, n_frames), frames that begin with a sample at rest, which does not move the phase.
    """
    ticks, rise = ((step - step.floor()) * TURN).long(), ((bend - bend.trunc()) * TURN).long()
    length = frames.length
    rest = torch.where(resting, ticks, 0)  # what the resting sample would have added
    move = ticks * length + rise * (length * (length - 1) // 2) - rest
    start = (move.cumsum(-1) - move - rest) & (TURN - 1)
    return FramePhase(*(x.reshape(-1, 1) for x in (start.double() / TURN, step, bend)))


def frame_phase_gradient(moments: Tensor, frames: Frames, resting: Tensor) -> tuple[Tensor, Tensor]:
    """The transpose of `frame_phase`.

    Args:
        moments: (batch, n_frames, 3), gradients by the phase in turns, summed over each frame's samples: plain, times
            j and times j (j − 1) / 2.
        frames: the layout.
        resting: as `frame_phase`.

    Returns:
        Gradients by step and bend, (batch, n_frames) each.
    """
    total, by_step, by_bend = moments.unbind(-1)
    later = total.flip(-1).cumsum(-1).flip(-1) - total  # a frame moves the phase of all later ones
    length, rests = frames.length, resting.to(total.dtype)
    return by_step - rests * total + later * (length - rests), by_bend + later * (length * (length - 1) // 2)


def row_blocks(*, n_rows: int, n_frames: int, size: int, device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    """The frames of all sounds in blocks of rows, and for each row that of the next frame (its own, if the last)."""
    for i in range(0, n_rows, max(1, size)):
        rows = torch.arange(i, min(i + max(1, size), n_rows), device=device)
        yield slice(i, i + len(rows)), torch.where((rows + 1) % n_frames == 0, rows, rows + 1)
