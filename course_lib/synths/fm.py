"""Frequency modulation: sines that bend each other's phase, wired by a line of text."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from course_lib.core.checks import (
    as_tensor,
    check_count,
    check_finite,
    check_frequency,
    check_leading,
    check_not_negative,
    check_sample_rate,
    in_single,
)
from course_lib.core.frame_phase import frame_lines, frame_phase, frames_of
from course_lib.core.types import ArrayLike
from course_lib.kernels.fm import Size, Wiring, fm_sum, fm_sum_reference
from course_lib.kernels.method import choose
from course_lib.synths.fm_controls import FmControls, as_ratios, fm_controls
from course_lib.synths.fm_patch import FmPatch, parse_patch

FmMethod = Literal["auto", "kernel", "reference"]
FM_METHODS: tuple[FmMethod, ...] = get_args(FmMethod)
Feedback = Literal["mean", "last"]
BLENDS: dict[str, tuple[float, float]] = {"mean": (0.5, 0.5), "last": (1.0, 0.0)}


class FmStart(NamedTuple):
    """Where a stretch of a longer sound begins.

    turns: (…, n_operators), float64, phase of each operator's first sample, 1 being a full turn.
    past: (…, n_with_feedback, 2), float64, the two samples before it of the operators with feedback, oldest first.

    >>> FmStart(torch.zeros(2), torch.zeros(0, 2)).turns.shape
    torch.Size([2])
    """

    turns: Tensor
    past: Tensor


def fm_synth(
    f0_hz: ArrayLike,
    levels: ArrayLike,
    ratios: ArrayLike,
    patch: str | FmPatch,
    *,
    n_samples: int,
    sample_rate: float,
    feedback: Feedback = "mean",
    method: FmMethod = "auto",
    start: FmStart | None = None,
) -> Tensor:
    """Synthesise Σ_carriers y_o, where  y_o[n] = level_o[n] · sin(φ_o[n] + Σ y of o's modulators + feedback).

    Args:
        f0_hz: (…, n_frames), Hz; 0 is a rest: all operators are silent, their phases held.
        levels: (…, n_frames, n_operators). Of an operator that modulates (itself included) the index, in radians, ≥ 0;
            of any other its amplitude, linear.
        ratios: (n_operators,) or (…, n_operators), frequency of each operator over f0, ≥ 0. Each has a phase of its
            own, φ_o, summed up exactly, so that no ratio drifts. An operator at or above Nyquist is silent; sidebands
            that reach beyond it alias (`fm_controls` limits the index).
        patch: the wiring, see `parse_patch`: "3>2>1, 5>4".
        n_samples: length of the sound.
        sample_rate: Hz.
        feedback: of an operator "6>6": "mean" adds (y[n−1] + y[n−2]) / 2 to its phase, as the DX7 did; "last" y[n−1].
            Above an index of 1 the latter jumps to and fro between two values from sample to sample, a whistle at
            Nyquist; the mean of both values does not hear that, and stays calm up to an index of 2.
        method: "kernel" is a compiled loop with its gradients, on a CPU; "reference" the formula in tensor operations,
            feedback sample by sample; "auto" takes the first where it can be had.
        start: where a stretch of a longer sound begins; None is phase 0, and silence before.

    Returns:
        (…, n_samples). f0 and levels are interpolated linearly (beside a rest the neighbour's pitch is kept).

    Raises:
        ValueError: a patch that cannot be read, shapes that do not agree with it, NaN, a negative f0, ratio or index,
            more frames than samples, an unknown method.

    Source: Chowning, The synthesis of complex audio spectra by means of frequency modulation, 1973. Chapter:
    book/other_instruments/fm.ipynb

    >>> fm_synth([2000.0], [[0.5, 0.0]], [1, 1], "2>1", n_samples=4, sample_rate=16_000)
    tensor([0.0000, 0.3536, 0.5000, 0.3536])
    """
    sound, _ = _synthesise(f0_hz, levels, ratios, patch, n_samples, sample_rate, feedback, method, start)
    return sound


def fm_advance(
    f0_hz: ArrayLike,
    levels: ArrayLike,
    ratios: ArrayLike,
    patch: str | FmPatch,
    *,
    hop: int,
    sample_rate: float,
    feedback: Feedback = "mean",
    start: FmStart | None = None,
) -> FmStart:
    """Where the last of these frames begins: the `start` of a stretch that goes on from there.

    Args:
        f0_hz, levels, ratios, patch, sample_rate, feedback, start: as `fm_synth`.
        hop: samples a frame.

    Returns:
        FmStart, without gradients.

    Raises:
        ValueError: as `fm_synth`.

    Chapter: book/other_instruments/fm.ipynb

    >>> fm_advance([100.0, 100.0], [[0.5]] * 2, [1], "1", hop=40, sample_rate=16_000).turns
    tensor([0.2500], dtype=torch.float64)
    """
    hop = check_count(hop, "hop")
    f0, level = as_tensor(f0_hz, "f0_hz").detach(), as_tensor(levels, "levels").detach()
    n_frames = f0.shape[-1] if f0.ndim else 0
    read = parse_patch(patch)
    with torch.no_grad():
        f, turns = _phases(f0, as_ratios(ratios, read), start)
        frames = frames_of(n_frames=n_frames, n_samples=n_frames * hop, device=f.device)
        step, bend = frame_lines(f.transpose(-1, -2), frames, check_sample_rate(sample_rate))
        rows = (step.reshape(-1, n_frames), bend.reshape(-1, n_frames))
        begin = frame_phase(*rows, (f.transpose(-1, -2) == 0).reshape(-1, n_frames), frames).start
        turns = (turns + begin.reshape(*step.shape)[..., -1]) % 1.0
        _, kept = _synthesise(f0, level, ratios, read, n_frames * hop, sample_rate, feedback, "auto", start)
    place = (n_frames - 1) * hop
    return FmStart(turns, kept[..., place : place + 2])


def _synthesise(
    f0_hz: ArrayLike, levels: ArrayLike, ratios: ArrayLike, patch: str | FmPatch, n_samples: int, sample_rate: float,
    feedback: str, method: str, start: FmStart | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The sound, and the samples of the operators with feedback, their past in front."""
    rate, n = check_sample_rate(sample_rate), check_count(n_samples, "n_samples")
    read = parse_patch(patch)
    if feedback not in BLENDS:
        raise ValueError(f"unknown feedback {feedback!r}; choose one of {', '.join(BLENDS)}")
    if method not in FM_METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(FM_METHODS)}")
    f0 = check_frequency(f0_hz, "f0_hz", rate)
    r, level = as_ratios(ratios, read).to(f0.device), _check_levels(levels, f0, read)
    check_leading(f0_hz=f0.shape[:-1], levels=level.shape[:-2], ratios=r.shape[:-1])
    if f0.shape[-1] > n:
        raise ValueError(f"more frames ({f0.shape[-1]}) than samples ({n}); ask for more samples or fewer frames")
    dtype = torch.promote_types(f0.dtype, level.dtype)
    (inside,) = in_single(torch.empty(0, dtype=dtype))
    f, turns = _phases(f0, r, start)
    heard = (f < rate / 2) & (f0 > 0).unsqueeze(-1)
    level = torch.where(heard, level.to(inside.dtype), 0.0)
    lead = level.shape[:-2]
    past = torch.zeros(*lead, len(read.feedback), 2, dtype=torch.float64, device=f0.device)
    if start is not None:
        past = past + start.past.to(past)
    f, turns = f.expand(*lead, *f.shape[-2:]), turns.expand(*lead, turns.shape[-1])
    run = fm_sum if choose(method, 0, f0, level, r) == "kernel" else fm_sum_reference
    sound, kept = run(f, level, turns, past, _wiring(read, feedback), Size(n, rate))
    return sound.to(dtype), kept


def _wiring(patch: FmPatch, feedback: str) -> Wiring:
    """A patch with its operators numbered from 0."""
    down = [tuple(o - 1 for o in some) for some in (patch.order, patch.carriers, patch.feedback)]
    sources = tuple(tuple(o - 1 for o in some) for some in patch.modulators)
    return Wiring(down[0], sources, down[1], down[2], BLENDS[feedback])


def _phases(f0: Tensor, ratios: Tensor, start: FmStart | None) -> tuple[Tensor, Tensor]:
    """Frequency of each operator (…, n_frames, n_operators), Hz, in float64; phase at which each begins, in turns."""
    f = f0.double().unsqueeze(-1) * ratios.unsqueeze(-2)
    turns = torch.zeros_like(f[..., 0, :].detach())
    return f, turns if start is None else turns + start.turns.to(turns)


def _check_levels(levels: ArrayLike, f0: Tensor, patch: FmPatch) -> Tensor:
    """Levels (…, n_frames, n_operators) as a tensor, or ValueError."""
    level = check_finite(as_tensor(levels, "levels"), "levels")
    want = (f0.shape[-1] if f0.ndim else None, patch.n_operators)
    if f0.ndim < 1 or level.ndim < 2 or tuple(level.shape[-2:]) != want:
        raise ValueError(
            f"f0_hz must be (…, n_frames) and levels (…, n_frames, {patch.n_operators}), one for each operator of the "
            f"patch; got {tuple(f0.shape)} and {tuple(level.shape)}"
        )
    for o in range(1, patch.n_operators + 1):
        if patch.targets(o):
            mend = f": operator {o} modulates, and its level is an index. Half a turn of phase is what a minus would be"
            check_not_negative(level[..., o - 1], "the index of an operator", mend)
    return level


class FmSynth(nn.Module):
    """An FM synthesizer whose levels are learned for one given pitch curve; the ratios are fixed.

    Args:
        f0_hz: (n_frames,) or (…, n_frames), Hz, fixed.
        ratios: (n_operators,).
        patch: the wiring, see `parse_patch`.
        n_samples: length of the sound.
        sample_rate: Hz.
        max_index: the largest index that a modulator can take, radians.
        initial: raw start value of every level; 0 is half the index, and an amplitude of 0.41.

    Attributes:
        raw: (…, n_frames, n_operators) parameter.

    Raises:
        ValueError: as `fm_synth`.

    Chapter: book/other_instruments/fm.ipynb

    >>> FmSynth([440.0], [1, 3], "2>1", n_samples=800, sample_rate=16_000)().shape
    torch.Size([800])
    """

    f0_hz: Tensor
    ratios: Tensor

    def __init__(
        self,
        f0_hz: ArrayLike,
        ratios: ArrayLike,
        patch: str | FmPatch,
        *,
        n_samples: int,
        sample_rate: float,
        max_index: float = 4.0,
        initial: float = 0.0,
    ) -> None:
        super().__init__()
        f0 = check_frequency(f0_hz, "f0_hz", check_sample_rate(sample_rate)).detach().clone()
        self.patch = parse_patch(patch)
        self.register_buffer("f0_hz", f0.reshape(1) if f0.ndim == 0 else f0)
        self.register_buffer("ratios", as_ratios(ratios, self.patch).detach().clone())
        self.raw = nn.Parameter(torch.full((*self.f0_hz.shape, self.patch.n_operators), float(initial)).to(f0))
        self.n_samples = check_count(n_samples, "n_samples", minimum=self.f0_hz.shape[-1])
        self.sample_rate, self.max_index = sample_rate, max_index

    def controls(self) -> FmControls:
        """Return the controls that the raw parameters stand for now."""
        return fm_controls(
            self.raw, self.f0_hz, self.ratios, self.patch, max_index=self.max_index, sample_rate=self.sample_rate
        )

    def forward(self) -> Tensor:
        """Return the sound, (…, n_samples)."""
        f0_hz, levels = self.controls()
        return fm_synth(f0_hz, levels, self.ratios, self.patch, n_samples=self.n_samples, sample_rate=self.sample_rate)
