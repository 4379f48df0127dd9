"""NEWT: a harmonic exciter, mixed to a few channels, each sent through a curve that a small network has learned."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensor,
    check_count,
    check_finite,
    check_frequency,
    check_leading,
    check_sample_rate,
    in_single,
)
from course_lib.core.eager import is_eager
from course_lib.core.envelopes import upsample
from course_lib.core.types import ArrayLike
from course_lib.core.units import exp_sigmoid
from course_lib.effects.fir import power_of_two
from course_lib.effects.oversampling import early_taps, keep_each
from course_lib.kernels import curves as kernels
from course_lib.kernels.method import Method, choose

CELLS = 32  # of an exciter's table for each harmonic: cubic lines then err by less than −100 dB


class NewtControls(NamedTuple):
    """What the waveshapers are told, frame by frame: shaper m makes level · (s_m(gain · e_m + bias) − s_m(bias)).

    f0_hz: (…, n_frames), Hz. gain, bias, level: (…, n_frames, n_shapers).

    >>> NewtControls(torch.ones(9), torch.ones(9, 4), torch.zeros(9, 4), torch.ones(9, 4)).gain.shape
    torch.Size([9, 4])
    """

    f0_hz: Tensor
    gain: Tensor
    bias: Tensor
    level: Tensor


def newt_controls(raw: ArrayLike, f0_hz: ArrayLike) -> NewtControls:
    """Turn raw numbers, as a network gives them, into controls.

    Args:
        raw: (…, n_frames, 1 + 3 · n_shapers), any real number: amplitude of the whole; gain, bias, level of each.
        f0_hz: (…, n_frames), Hz; passed on.

    Returns:
        NewtControls: gain 0 … 2, bias −½ … ½, level 0 … 2 times the amplitude (`exp_sigmoid`). All raw numbers 0 give
        1, 0 and the amplitude 0.41. The published form also adds a learned number behind each shaper. All
        together they are one number a frame, which moves too slowly to be heard; here −s_m(bias) stands in their
        place, so that a silent exciter sounds silent.

    Raises:
        ValueError: a number of raw numbers that is not 1 + 3 · n_shapers; NaN; f0 negative; frames that do not agree.

    Source: Hayes, Saitis and Fazekas, 2021. Chapter: book/other_instruments/waveshaping.ipynb

    >>> newt_controls(torch.zeros(1, 4), [440.0]).level
    tensor([[0.4054]])
    """
    numbers = check_finite(as_tensor(raw, "raw"), "raw")
    f0 = check_frequency(f0_hz, "f0_hz", 1.0)
    size = numbers.shape[-1] if numbers.ndim > 1 else 0
    if size < 4 or size % 3 != 1 or f0.ndim < 1 or numbers.shape[-2] != f0.shape[-1]:
        raise ValueError(
            "raw must be (…, n_frames, 1 + 3 · n_shapers) and f0_hz (…, n_frames) with the same n_frames; got "
            f"{tuple(numbers.shape)} and {tuple(f0.shape)}"
        )
    check_leading(raw=numbers.shape[:-2], f0_hz=f0.shape[:-1])
    (x,) = in_single(numbers)
    gain, bias, level = x[..., 1:].chunk(3, -1)
    level = exp_sigmoid(x[..., :1]) * (2 * torch.sigmoid(level))
    made = (2 * torch.sigmoid(gain), 0.5 * torch.tanh(bias), level)
    return NewtControls(f0, *(c.to(numbers.dtype) for c in made))


def newt_synth(
    f0_hz: ArrayLike,
    gain: ArrayLike,
    bias: ArrayLike,
    level: ArrayLike,
    mix: ArrayLike,
    phases: ArrayLike,
    curves: ArrayLike,
    *,
    n_samples: int,
    sample_rate: float,
    oversampling: int = 2,
    method: Method = "auto",
    turns: float = 0.0,
    past: Tensor | None = None,
) -> Tensor:
    """Synthesise Σ_m level_m · (s_m(gain_m · e_m + bias_m) − s_m(bias_m)), e_m = Σ_k mix_km · sin(k·φ + phase_k).

    Curves make harmonics that the exciters do not have. So the exciters end at half of Nyquist (the first harmonic is
    always there), both run at `oversampling` times the sample rate, and a filter leaves what the sample rate can hold.
    It looks at the past alone, and delays by two samples.

    Args:
        f0_hz: (…, n_frames), Hz; 0 is a rest, and so is what lies at or above Nyquist: silence.
        gain, bias, level: (…, n_frames, M), as `newt_controls` makes them.
        mix: (K, M), how loud harmonic k is in exciter m.
        phases: (K,), radians.
        curves: (M, n), the shapers' values, evenly spaced over inputs −1 … 1; straight lines between them, held
            outside.
        n_samples: length of the sound.
        sample_rate: Hz.
        oversampling: at how many times the sample rate it happens.
        method: "kernel" is a compiled loop, on a CPU; "reference" (and "fast") are tensor operations; "auto" chooses.
        turns: phase of the first sample, 1 being a full turn, for a stretch of a longer sound.
        past: what `newt_raised` made of the stretch before, (…, some samples): the filter hears 128 · oversampling of
            them. None: silence.

    Returns:
        (…, n_samples), with gradients to all seven.

    Raises:
        ValueError: shapes that do not agree, NaN, negative f0, curves of fewer than two values, oversampling below 1,
            more frames than samples.

    Source: Hayes, Saitis and Fazekas, 2021. Chapter: book/other_instruments/waveshaping.ipynb

    >>> straight, one = torch.tensor([[-1.0, 1.0]]), torch.ones(1, 1)
    >>> sine = newt_synth([500.0], one, 0 * one, one, one, [0.0], straight, n_samples=320, sample_rate=16000)
    >>> bool((sine.abs().max() - 1).abs() < 0.01)
    True
    """
    factor = check_count(oversampling, "oversampling")
    sound = newt_raised(
        f0_hz, gain, bias, level, mix, phases, curves, n_samples=n_samples, sample_rate=sample_rate,
        oversampling=factor, method=method, turns=turns,
    )  # fmt: skip
    (exact,) = in_single(sound)
    return _lower(exact, factor, past).to(sound.dtype)


def newt_raised(
    f0_hz: ArrayLike,
    gain: ArrayLike,
    bias: ArrayLike,
    level: ArrayLike,
    mix: ArrayLike,
    phases: ArrayLike,
    curves: ArrayLike,
    *,
    n_samples: int,
    sample_rate: float,
    oversampling: int = 2,
    method: Method = "auto",
    turns: float = 0.0,
) -> Tensor:
    """What `newt_synth` makes before its filter, at the raised rate: (…, oversampling · n_samples).

    >>> straight, one = torch.tensor([[-1.0, 1.0]]), torch.ones(1, 1)
    >>> newt_raised([500.0], one, 0 * one, one, one, [0.0], straight, n_samples=320, sample_rate=16000).shape
    torch.Size([640])
    """
    rate, n = check_sample_rate(sample_rate), check_count(n_samples, "n_samples")
    factor = check_count(oversampling, "oversampling")
    f0 = check_frequency(f0_hz, "f0_hz", rate)
    tables = [check_finite(as_tensor(x, n), n) for x, n in ((mix, "mix"), (phases, "phases"), (curves, "curves"))]
    parts = [check_finite(as_tensor(x, n), n) for x, n in ((gain, "gain"), (bias, "bias"), (level, "level"))]
    lead = _check_shapes(f0, parts, *tables)
    if f0.shape[-1] > n:
        raise ValueError(f"more frames ({f0.shape[-1]}) than samples ({n}); ask for more samples or fewer frames")
    dtype = functools.reduce(torch.promote_types, [x.dtype for x in (*parts, *tables)])
    f0, gains, biases, levels, mixed, shifts, shapes = in_single(f0, *(x.to(dtype) for x in (*parts, *tables)))
    f0 = f0.expand(*lead, -1)
    sounding = ((f0.detach() > 0) & (f0.detach() < rate / 2)).unsqueeze(-1)
    controls = torch.stack([x.expand(*lead, -1, -1) for x in (gains, biases, levels * sounding)], -2)
    which, waves = exciter_waves(f0, mixed, shifts, rate / 4)
    way = choose(method, n, f0, controls, waves, shapes)
    add_up = kernels.newt_sum if way == "kernel" else kernels.newt_sum_reference
    size = factor * n
    sound = add_up(f0, which, waves, controls, shapes, n_samples=size, rate=factor * rate, turns=float(turns))
    # What silent exciters would give: Σ_m level_m · s_m(bias_m).
    resting = kernels.read_reference(controls[..., 1, :].transpose(-1, -2), shapes).transpose(-1, -2)
    return (sound - upsample((controls[..., 2, :] * resting).sum(-1), size)).to(dtype)


def _lower(sound: Tensor, factor: int, past: Tensor | None) -> Tensor:
    """Keep each factor-th sample, behind a filter that knows the `past` of the sound (…, some samples)."""
    if factor == 1:
        return sound
    if past is None:
        return keep_each(sound, early_taps(factor).to(sound), factor, ahead=0)
    fill = -int(past.shape[-1]) % factor
    joined = torch.cat([torch.nn.functional.pad(past, (fill, 0)), sound], -1)
    return keep_each(joined, early_taps(factor).to(sound), factor, ahead=0)[..., (fill + past.shape[-1]) // factor :]


def exciter_waves(f0_hz: Tensor, mix: Tensor, phases: Tensor, top_hz: float) -> tuple[Tensor, Tensor]:
    """One turn of each exciter, for each number of harmonics that some frame has below `top_hz`.

    Args:
        f0_hz: (…, n_frames), Hz.
        mix: (K, M). phases: (K,), radians.
        top_hz: harmonics at or above it are left out, all but the first.

    Returns:
        which (…, n_frames), and waves (n_waves, cells + 1, 2, M): values, and slopes a cell, at the cells' borders.

    >>> which, waves = exciter_waves(torch.tensor([100.0, 3000.0]), torch.ones(3, 1), torch.zeros(3), 8000.0)
    >>> which, waves.shape
    (tensor([1, 0]), torch.Size([2, 129, 2, 1]))
    """
    n_harmonics = mix.shape[0]
    k = torch.arange(1, n_harmonics + 1, device=f0_hz.device, dtype=f0_hz.dtype)
    counts = (f0_hz.detach().unsqueeze(-1) * k < top_hz).sum(-1).clamp(min=1)
    if is_eager(f0_hz, mix, phases):
        present, which = torch.unique(counts, return_inverse=True)
        cuts = present.tolist()
    else:
        which, cuts = counts - 1, list(range(1, n_harmonics + 1))
    n_cells = power_of_two(CELLS * n_harmonics)
    turned = torch.stack([torch.cos(phases), torch.sin(phases)], -1).unsqueeze(-1) * mix.unsqueeze(1)  # (K, 2, M)
    turn = _kept if is_eager(mix) else _turn
    basis = torch.from_numpy(turn(n_harmonics, n_cells)).to(mix)
    waves, total, done = [], mix.new_zeros(2 * (n_cells + 1), mix.shape[1]), 0
    for count in cuts:
        if count > done:
            total = total + basis[:, 2 * done : 2 * count] @ turned[done:count].flatten(0, 1)
            done = count
        waves.append(total)
    return which, torch.stack(waves).unflatten(1, (n_cells + 1, 2))


def _turn(n_harmonics: int, n_cells: int) -> np.ndarray:
    """One turn of sines and cosines, (values and slopes of all borders, sine and cosine of harmonics 1 … K)."""
    k = np.arange(1, n_harmonics + 1)
    angle = 2 * np.pi / n_cells * (np.arange(n_cells + 1)[:, None] * k % n_cells)
    slope = 2 * np.pi * k / n_cells
    sine, cosine = np.sin(angle), np.cos(angle)
    both = np.stack([np.stack([sine, cosine], -1), np.stack([slope * cosine, -slope * sine], -1)], 1)
    return both.reshape(2 * (n_cells + 1), 2 * n_harmonics)


_kept = functools.lru_cache(maxsize=8)(_turn)


def _check_shapes(f0: Tensor, controls: list[Tensor], mix: Tensor, phases: Tensor, curves: Tensor) -> torch.Size:
    """The leading axes; ValueError unless frames, M shapers and K harmonics agree."""
    shapes = [x.shape for x in controls]
    if mix.ndim != 2 or phases.shape != mix.shape[:1] or curves.ndim != 2 or curves.shape[0] != mix.shape[1]:
        raise ValueError(
            "mix must be (K, M), phases (K,) and curves (M, n); got "
            f"{tuple(mix.shape)}, {tuple(phases.shape)} and {tuple(curves.shape)}"
        )
    if curves.shape[1] < 2:
        raise ValueError(f"curves must hold two values or more each; got {curves.shape[1]}")
    if f0.ndim < 1 or any(x.ndim < 2 or x.shape[-2:] != (f0.shape[-1], mix.shape[1]) for x in controls):
        raise ValueError(
            f"gain, bias and level must be (…, n_frames, M) with f0_hz (…, n_frames) and M = {mix.shape[1]}; got "
            f"{[tuple(x) for x in shapes]} and {tuple(f0.shape)}"
        )
    return check_leading(f0_hz=f0.shape[:-1], gain=shapes[0][:-2], bias=shapes[1][:-2], level=shapes[2][:-2])
