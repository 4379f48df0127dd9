"""Envelopes and slow waves at frame rate: how loud a note is while it lasts, and what wobbles it.

All are made of straight pieces or smooth waves, which have gradients at every frame, to every argument that moves it.
(`core/envelopes.py` is another matter: how values at frame rate become values at sample rate.)
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from course_lib.core.checks import (
    as_tensor,
    as_tensors,
    check_count,
    check_finite,
    check_frequency,
    check_leading,
    check_not_negative,
    in_single,
)
from course_lib.core.eager import is_eager
from course_lib.core.envelopes import upsample
from course_lib.core.phase import instantaneous_phase
from course_lib.core.types import ArrayLike

LfoShape = Literal["sine", "triangle", "saw", "square"]
LFO_SHAPES: tuple[LfoShape, ...] = get_args(LfoShape)
# A segment shorter than this, in s, is a jump: no frame falls into it, and its slope would overflow.
JUMP_S = 1e-9
# What stands for the jumps of two slow waves, which would have no gradient: a saw falls in 5 % of its time, a square is
# tanh(8 sin φ), 13 % of whose time is spent between ± 0.95.
SAW_RISES, SQUARE_STEEPNESS = 0.95, 8.0


class AdsrControls(NamedTuple):
    """onset_s, duration_s, attack_s, decay_s, sustain, release_s: (…) each, seconds but for sustain, a level 0 to 1.

    >>> AdsrControls(*(torch.tensor(x) for x in (0.0, 1.0, 0.1, 0.2, 0.5, 0.3))).sustain
    tensor(0.5000)
    """

    onset_s: Tensor
    duration_s: Tensor
    attack_s: Tensor
    decay_s: Tensor
    sustain: Tensor
    release_s: Tensor


def adsr(
    onset_s: ArrayLike,
    duration_s: ArrayLike,
    attack_s: ArrayLike,
    decay_s: ArrayLike,
    sustain: ArrayLike,
    release_s: ArrayLike,
    *,
    n_frames: int,
    frame_rate: float,
) -> Tensor:
    """Draw the envelope of a note in four straight segments: attack, decay, sustain, release.

    It rises from 0 to 1 in `attack_s`, falls to `sustain` in `decay_s`, stays there, and from onset + duration on falls
    to 0 in `release_s`, from wherever it is: a note shorter than its attack never reaches 1. Each segment is a hinge,
    max and min of straight lines, so every argument has its gradient in the frames that it moves. A segment into which
    no frame falls has none; one of length 0 is a jump.

    Args:
        onset_s: (…), s; may lie before the first frame.
        duration_s: (…), s, from onset to release, ≥ 0.
        attack_s, decay_s, release_s: (…), s, ≥ 0.
        sustain: (…), level, 0 to 1.
        n_frames: how many frames to draw; frame i lies at i / frame_rate seconds.
        frame_rate: frames a second.

    Returns:
        (…, n_frames), 0 to 1; leading axes broadcast.

    Raises:
        ValueError: a negative length, a sustain beyond 0 to 1, NaN or infinite values, axes that do not agree.

    Source: hinges as in Turian et al., One Billion Audio Sounds from GPU-enabled Modular Synthesis, 2021, whose own
        segments are curves. Chapter: book/other_instruments/libraries.ipynb

    >>> adsr(0.0, 0.75, 0.25, 0.25, 0.5, 0.5, n_frames=6, frame_rate=4)
    tensor([0.0000, 1.0000, 0.5000, 0.5000, 0.2500, 0.0000])
    """
    n_frames, frame_rate = check_count(n_frames, "n_frames"), _check_frame_rate(frame_rate)
    given = {"onset_s": onset_s, "duration_s": duration_s, "attack_s": attack_s, "decay_s": decay_s}
    given |= {"sustain": sustain, "release_s": release_s}
    tensors = dict(zip(given, as_tensors(**given), strict=True))
    for name, x in tensors.items():
        check_finite(x, name)
        if name not in ("onset_s", "sustain"):
            check_not_negative(x, name, " s: a segment lasts 0 s or longer")
    level = tensors["sustain"].detach()
    if is_eager(level) and bool(((level < 0) | (level > 1)).any()):
        worst = level.flatten()[(level.flatten() - 0.5).abs().argmax()].item()
        raise ValueError(
            f"sustain is a level from 0 to 1, of the peak; got {worst:g}. Scale the whole envelope instead"
        )
    check_leading(**{name: x.shape for name, x in tensors.items()})
    dtype = functools.reduce(torch.promote_types, (x.dtype for x in tensors.values()))
    onset, duration, attack, decay, sustain_at, release = (x.unsqueeze(-1) for x in in_single(*tensors.values()))
    time = torch.arange(n_frames, device=onset.device, dtype=onset.dtype) / frame_rate - onset  # since the onset, s
    held = torch.minimum(time, duration)
    level = _ramp(held, attack) * (1.0 - (1.0 - sustain_at) * _ramp(held - attack, decay))
    return (level * (1.0 - _ramp(time - duration, release))).to(dtype)


def _ramp(time: Tensor, length: Tensor) -> Tensor:
    """0 before 0, 1 after `length`, a straight line between; where the length is 0, a jump."""
    jump = length <= JUMP_S
    # The inner `where` keeps 0 / 0 out of the graph: its gradient would be NaN even where it is not selected.
    line = (time / torch.where(jump, torch.ones_like(length), length)).clamp(0.0, 1.0)
    return torch.where(jump, (time >= 0).to(line.dtype), line)


def adsr_controls(
    raw: ArrayLike, onset_s: ArrayLike, duration_s: ArrayLike, *, shortest_s: float = 0.005, longest_s: float = 0.5
) -> AdsrControls:
    """Turn raw numbers, as a network gives them, into the controls of `adsr`.

    Args:
        raw: (…, 4), any real numbers: attack, decay, sustain, release.
        onset_s: (…), s.
        duration_s: (…), s.
        shortest_s: the shortest segment, s; no less than a frame, so that each segment keeps its gradient.
        longest_s: the longest segment, s; raw 0 lies in the middle of both. Keep it well below the length of the notes:
            a segment that outlasts its note is cut, and a descent may end there.

    Returns:
        AdsrControls, (…) each.

    Raises:
        ValueError: raw not (…, 4), NaN or infinite values, or lengths that are not 0 < shortest_s < longest_s.

    Chapter: book/other_instruments/libraries.ipynb

    >>> adsr_controls([0.0, 0.0, 0.0, 0.0], 0.0, 1.0).attack_s
    tensor(0.2525)
    """
    given, onset, duration = as_tensors(raw=raw, onset_s=onset_s, duration_s=duration_s)
    check_finite(given, "raw")
    if given.ndim < 1 or given.shape[-1] != 4:
        raise ValueError(f"raw must be (…, 4): attack, decay, sustain, release; got {tuple(given.shape)}")
    if not 0 < shortest_s < longest_s < math.inf:
        raise ValueError(f"segments need 0 < shortest_s < longest_s; got {shortest_s!r} and {longest_s!r}")
    (x,) = in_single(given)
    share = torch.sigmoid(x)
    lengths = (shortest_s + (longest_s - shortest_s) * share).to(given.dtype)
    sustain = share[..., 2].to(given.dtype)
    return AdsrControls(onset, duration, lengths[..., 0], lengths[..., 1], sustain, lengths[..., 3])


class AdsrEnvelope(nn.Module):
    """An envelope whose four segments are learned; onset and duration stay as they are.

    Args:
        onset_s, duration_s: (…), s.
        n_frames, frame_rate: as `adsr`.
        raw: (…, 4), the start; zeros by default.
        shortest_s, longest_s: as `adsr_controls`; one frame is the shortest by default.

    Raises:
        ValueError: as `adsr` and `adsr_controls`.

    Chapter: book/other_instruments/libraries.ipynb

    >>> AdsrEnvelope(0.0, 0.5, n_frames=100, frame_rate=100)().shape
    torch.Size([100])
    """

    onset_s: Tensor
    duration_s: Tensor

    def __init__(
        self,
        onset_s: ArrayLike,
        duration_s: ArrayLike,
        *,
        n_frames: int,
        frame_rate: float,
        raw: ArrayLike | None = None,
        shortest_s: float | None = None,
        longest_s: float = 0.5,
    ) -> None:
        super().__init__()
        onset, duration = as_tensors(onset_s=onset_s, duration_s=duration_s)
        lead = check_leading(onset_s=onset.shape, duration_s=duration.shape)
        self.register_buffer("onset_s", onset.detach().clone())
        self.register_buffer("duration_s", duration.detach().clone())
        start = torch.zeros(*lead, 4).to(onset) if raw is None else as_tensor(raw, "raw").detach().clone()
        self.raw = nn.Parameter(start)
        self.n_frames, self.frame_rate = n_frames, _check_frame_rate(frame_rate)
        self.shortest_s = 1 / self.frame_rate if shortest_s is None else shortest_s
        self.longest_s = longest_s
        with torch.no_grad():
            self()  # a bad start fails here, not at the first step of a fit

    def controls(self) -> AdsrControls:
        """Return the segments that the raw numbers stand for now."""
        limits = {"shortest_s": self.shortest_s, "longest_s": self.longest_s}
        return adsr_controls(self.raw, self.onset_s, self.duration_s, **limits)

    def forward(self) -> Tensor:
        """Return the envelope, (…, n_frames)."""
        return adsr(*self.controls(), n_frames=self.n_frames, frame_rate=self.frame_rate)


def lfo(
    rate_hz: ArrayLike,
    depth: ArrayLike,
    *,
    n_frames: int,
    frame_rate: float,
    shape: LfoShape = "sine",
    initial_phase: ArrayLike = 0.0,
) -> Tensor:
    """Draw a slow wave (a low-frequency oscillator): depth · wave(φ), φ the accumulated rate.

    Every shape starts at 0, rises, and lies between −depth and depth. "saw" falls in 5 % of its period and "square" is
    rounded, tanh(8 sin φ), since a jump has no gradient: like this the rate has one everywhere.

    Args:
        rate_hz: a number or (…, up to n_frames), Hz, below half the frame rate; 0 stands still.
        depth: a number or (…, up to n_frames), in any unit.
        n_frames: how many frames to draw.
        frame_rate: frames a second.
        shape: "sine", "triangle", "saw" or "square".
        initial_phase: radians, a number or (…) for one value a wave.

    Returns:
        (…, n_frames), in the unit of the depth.

    Raises:
        ValueError: a rate that is negative or too high, NaN or infinite values, an unknown shape.

    Chapter: book/other_instruments/libraries.ipynb

    >>> lfo(1.0, 2.0, n_frames=4, frame_rate=8, shape="triangle")
    tensor([0., 1., 2., 1.])
    """
    n_frames, frame_rate = check_count(n_frames, "n_frames"), _check_frame_rate(frame_rate)
    if shape not in LFO_SHAPES:
        raise ValueError(f"unknown shape {shape!r}; choose one of {', '.join(LFO_SHAPES)}")
    rate, size, start = as_tensors(rate_hz=rate_hz, depth=depth, initial_phase=initial_phase)
    check_frequency(rate, "rate_hz", frame_rate, below_nyquist=True)
    check_finite(size, "depth")
    check_finite(start, "initial_phase")
    check_leading(rate_hz=rate.shape[:-1], depth=size.shape[:-1], initial_phase=start.shape)
    dtype = torch.promote_types(rate.dtype, size.dtype)
    rate, size = in_single(rate, size)
    phase = instantaneous_phase(upsample(rate, n_frames), frame_rate)
    phase = phase + start.to(phase).unsqueeze(-1)
    return (upsample(size, n_frames) * _slow_wave(phase, shape)).to(dtype)


def _slow_wave(phase: Tensor, shape: LfoShape) -> Tensor:
    """One of the shapes, −1 to 1, of a phase in radians."""
    if shape == "sine":
        return torch.sin(phase)
    if shape == "square":
        return torch.tanh(SQUARE_STEEPNESS * torch.sin(phase)) / math.tanh(SQUARE_STEEPNESS)
    turns = phase / (2 * math.pi)  # radians → turns
    turns = turns - torch.round(turns).detach()  # −½ … ½
    rises = 0.5 if shape == "triangle" else SAW_RISES
    up = turns / (rises / 2)
    down = (torch.where(turns < 0, -0.5, 0.5) - turns) / ((1 - rises) / 2)
    return torch.where(turns.abs() <= rises / 2, up, down)


def _check_frame_rate(frame_rate: float) -> float:
    """The frame rate, or ValueError unless it is a positive, finite number."""
    try:
        rate = float(frame_rate)
    except (TypeError, ValueError) as error:
        raise ValueError(f"frame_rate must be a number of frames a second, such as 250; got {frame_rate!r}") from error
    if not math.isfinite(rate) or rate <= 0:
        raise ValueError(f"frame_rate must be positive, in frames a second, such as 250; got {frame_rate!r}")
    return rate
