"""The wavetable synthesizer: a dictionary of waveforms, mixed anew in each frame and played at any pitch."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

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
from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.second_derivative import with_formula
from course_lib.core.types import ArrayLike
from course_lib.core.units import exp_sigmoid
from course_lib.kernels import giant_steps, sums
from course_lib.kernels.method import Method, choose
from course_lib.synths.fourier_tables import check_tables, draw_tables, normalise_tables


class WavetableControls(NamedTuple):
    """What the synthesizer is told, frame by frame.

    f0_hz: (…, n_frames), Hz. amplitude: (…, n_frames), linear, of the whole sound.
    weights: (…, n_frames, n_tables), how the tables are mixed; sums to 1.

    >>> WavetableControls(torch.tensor([440.0]), torch.tensor([0.5]), torch.tensor([[0.7, 0.3]])).weights
    tensor([[0.7000, 0.3000]])
    """

    f0_hz: Tensor
    amplitude: Tensor
    weights: Tensor


def wavetable_controls(raw: ArrayLike, f0_hz: ArrayLike, sample_rate: float) -> WavetableControls:
    """Turn raw numbers, as a network gives them, into valid controls.

    Args:
        raw: (…, n_frames, 1 + n_tables), any real number: amplitude, and the weights of the tables.
        f0_hz: (…, n_frames), Hz, ≥ 0; 0 is a rest. Passed on untouched.
        sample_rate: Hz.

    Returns:
        WavetableControls: the amplitude is scaled by `exp_sigmoid`, and 0 in rests and where f0 itself reaches Nyquist;
        the weights are a softmax.

    Raises:
        ValueError: shapes that do not agree, f0 negative, NaN or infinite values.

    Source: Shan et al., Differentiable Wavetable Synthesis, 2022. Chapter: book/other_instruments/wavetables.ipynb

    >>> wavetable_controls([[0.0, 0.0, 0.0]], [440.0], 16_000).weights
    tensor([[0.5000, 0.5000]])
    """
    rate = check_sample_rate(sample_rate)
    f0, numbers = check_frequency(f0_hz, "f0_hz", rate), check_finite(as_tensor(raw, "raw"), "raw")
    if f0.ndim < 1 or numbers.ndim < 2 or numbers.shape[-1] < 2 or f0.shape[-1] != numbers.shape[-2]:
        raise ValueError(
            f"f0_hz must be (…, n_frames) and raw (…, n_frames, 1 + n_tables) with the same n_frames; "
            f"got {tuple(f0.shape)} and {tuple(numbers.shape)}"
        )
    check_leading(f0_hz=f0.shape[:-1], raw=numbers.shape[:-2])
    (exact,) = in_single(numbers)
    amplitude = torch.where((f0 > 0) & (f0 < rate / 2), exp_sigmoid(exact[..., 0]), 0.0)
    return WavetableControls(f0, amplitude.to(numbers.dtype), exact[..., 1:].softmax(-1).to(numbers.dtype))


def wavetable_synth(
    f0_hz: ArrayLike,
    amplitude: ArrayLike,
    weights: ArrayLike,
    tables: ArrayLike,
    *,
    n_samples: int,
    sample_rate: float,
    sampled: bool = False,
    mask: bool = True,
    method: Method = "auto",
    turns: float = 0.0,
) -> Tensor:
    """Synthesise A[n] · Σ_i w_i[n] · T_i(φ[n]): waveforms T_i, mixed by weights, read at one accumulated phase.

    Tables of Fourier coefficients are not read from anywhere: mixed, they are the amplitudes of K sines and K cosines
    in each frame, which are added up exactly. Sampled tables are read with linear interpolation, the classic way: two
    neighbours a sample, an error that falls as 1 / length², and no protection from aliasing.

    Args:
        f0_hz: (…, n_frames), Hz; 0 is a rest: silence, phase held.
        amplitude: (…, n_frames), linear, of the whole sound.
        weights: (…, n_frames, n_tables), share of each table; controls sum to 1, but any numbers will do.
        tables: (n_tables, K), complex Fourier coefficients of harmonics 1 … K: a magnitude is the harmonic's
            amplitude, an angle the phase of its sine. Or, sampled, (n_tables, length), real, one cycle each.
        n_samples: length of the sound.
        sample_rate: Hz.
        sampled: whether the tables are samples.
        mask: silence harmonics at or above Nyquist, frame by frame; False lets them alias. Sampled tables always do.
        method: of coefficients, as in `harmonic_synth`; the sound and the gradients are the same.
        turns: phase of the first sample, 1 being a full turn, for a stretch of a longer sound.

    Returns:
        (…, n_samples), with gradients to all four. f0 is interpolated linearly (beside a rest the neighbour's pitch is
        kept), and so is the product amplitude · weights · tables.

    Raises:
        ValueError: shapes that do not agree, NaN, negative f0, unmasked f0 above Nyquist where there is sound, tables
            of one sample, more frames than samples, an unknown method. TypeError: real tables that are not said to be
            sampled, or complex ones that are.

    Source: Shan et al., Differentiable Wavetable Synthesis, 2022. Chapter: book/other_instruments/wavetables.ipynb

    >>> saw = torch.tensor([[1.0 + 0j, 0.5 + 0j]])
    >>> wavetable_synth([2000.0], [0.5], [[1.0]], saw, n_samples=4, sample_rate=16000)
    tensor([0.0000, 0.6036, 0.5000, 0.1036])
    """
    rate = check_sample_rate(sample_rate)
    n_samples = check_count(n_samples, "n_samples")
    f0, a, w = _check_controls(f0_hz, amplitude, weights, rate)
    t = _check_samples(tables) if sampled else check_tables(tables)  # type: ignore[arg-type]
    if t.ndim != 2 or t.shape[0] != w.shape[-1]:
        raise ValueError(
            f"tables must be (n_tables, {'length' if sampled else 'K'}), one for each of the {w.shape[-1]} weights; "
            f"got {tuple(t.shape)}"
        )
    if sampled or not mask:
        _check_heard_below_nyquist(f0, a, rate)
    dtype = functools.reduce(torch.promote_types, [f0.dtype, a.dtype, w.dtype, t.real.dtype])
    inside = torch.float64 if dtype == torch.float64 else torch.float32
    a, w = a.to(inside), w.to(inside)
    if sampled:
        shares = (a * (f0 > 0)).unsqueeze(-1) * w
        return read_samples(f0, shares, t.to(inside), n_samples=n_samples, sample_rate=rate, turns=turns).to(dtype)
    levels = _levels(f0, a.unsqueeze(-1) * w, torch.cat([t.real, t.imag], -1).to(inside), rate, mask)
    way = choose(method, n_samples * (levels.numel() // levels.shape[-2]), f0, levels)

    def formula(f0: Tensor, levels: Tensor) -> Tensor:
        return fourier_sum_reference(f0, levels, n_samples=n_samples, sample_rate=rate, turns=turns)

    def fast(f0: Tensor, levels: Tensor) -> Tensor:
        add_up = functools.partial(giant_steps.harmonic_sum, n_samples=n_samples, sample_rate=rate, turns=turns)
        sines, cosines = levels.chunk(2, -1)
        return add_up(f0, sines) + add_up(f0, cosines, cosines=True)

    if way == "reference":
        sound = formula(f0, levels)
    elif way == "kernel":
        sound = sums.fourier_sum(f0, levels, n_samples=n_samples, sample_rate=rate, turns=turns, formula=formula)
    else:
        sound = with_formula(fast, formula, f0, levels)
    return sound.to(dtype)


def fourier_sum_reference(
    f0_hz: Tensor, levels: Tensor, *, n_samples: int, sample_rate: float, turns: float = 0.0
) -> Tensor:
    """Σ_k a_k[n] · sin(k·φ[n]) + b_k[n] · cos(k·φ[n]), line by line: f0_hz (…, n_frames), levels (…, n_frames, 2K).

    >>> f0_hz, levels = torch.tensor([440.0]), torch.tensor([[0.7, 0.3, 0.0, 0.1]])
    >>> fourier_sum_reference(f0_hz, levels, n_samples=800, sample_rate=16000).shape
    torch.Size([800])
    """
    (f0_hz,) = in_single(f0_hz)
    phase = instantaneous_phase(upsample_frequency(f0_hz, n_samples), sample_rate) + 2 * math.pi * turns
    angles = phase.unsqueeze(-1) * torch.arange(1, levels.shape[-1] // 2 + 1, device=phase.device, dtype=phase.dtype)
    waves = torch.cat([torch.sin(angles), torch.cos(angles)], -1)  # (…, n_samples, 2K)
    return (upsample(levels, n_samples, dim=-2) * waves).sum(-1)


def read_samples(
    f0_hz: Tensor, shares: Tensor, tables: Tensor, *, n_samples: int, sample_rate: float, turns: float = 0.0
) -> Tensor:
    """Σ_i shares_i[n] · T_i(φ[n]), T_i (n_tables, length) read between its two neighbouring samples.

    >>> f0_hz, shares, tables = torch.tensor([4000.0]), torch.ones(1, 1), torch.tensor([[0.0, 1.0, 0.0, -1.0]])
    >>> read_samples(f0_hz, shares, tables, n_samples=5, sample_rate=16_000)
    tensor([ 0.,  1.,  0., -1.,  0.])
    """
    (f0_hz,) = in_single(f0_hz)
    n_frames, length = f0_hz.shape[-1], tables.shape[-1]
    mixed = (shares @ tables).flatten(-2)  # the tables of all frames, one behind the other
    phase = instantaneous_phase(upsample_frequency(f0_hz, n_samples), sample_rate)
    place = torch.remainder(phase / (2 * math.pi) + turns, 1.0) * length
    floor = place.detach().floor()
    left = floor.long() % length
    lead = torch.broadcast_shapes(mixed.shape[:-1], place.shape[:-1])
    count = torch.arange(n_frames, device=f0_hz.device)
    frame = upsample(count.double(), n_samples, "hold").long()
    into = (upsample(count.double(), n_samples) - frame).to(mixed.dtype)  # how far into it, 0 to 1
    after = (frame + 1).clamp(max=n_frames - 1)
    corners = [f * length + i for f in (frame, after) for i in (left, (left + 1) % length)]
    read = torch.gather(mixed.expand(*lead, -1), -1, torch.cat(corners, -1).expand(*lead, -1))
    a, b, c, d = read.unflatten(-1, (4, n_samples)).unbind(-2)
    fraction = place - floor
    begins, ends = a + fraction * (b - a), c + fraction * (d - c)
    return begins + into * (ends - begins)


class WavetableSynth(nn.Module):
    """A wavetable synthesizer whose tables, weights and amplitude are learned for one given pitch curve.

    Args:
        f0_hz: (n_frames,) or (…, n_frames), Hz, fixed: it is measured, not learned.
        n_tables: how many waveforms.
        n_harmonics: K, of each of them.
        n_samples: length of the sound.
        sample_rate: Hz.
        generator: of the first tables; torch's global one if None.

    Attributes:
        raw: (…, n_frames, 1 + n_tables) parameter, as `wavetable_controls` takes it.
        raw_tables: (n_tables, K, 2) parameter, real and imaginary parts; `tables()` are these, normalised.

    Raises:
        ValueError: as `wavetable_synth`.

    Chapter: book/other_instruments/wavetables.ipynb

    >>> WavetableSynth([440.0], n_tables=2, n_harmonics=4, n_samples=800, sample_rate=16000)().shape
    torch.Size([800])
    """

    f0_hz: Tensor

    def __init__(
        self,
        f0_hz: ArrayLike,
        *,
        n_tables: int,
        n_harmonics: int,
        n_samples: int,
        sample_rate: float,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        f0 = torch.atleast_1d(check_frequency(f0_hz, "f0_hz", check_sample_rate(sample_rate)).detach().clone())
        self.register_buffer("f0_hz", f0)
        self.raw_tables = nn.Parameter(
            draw_tables(n_tables=n_tables, n_harmonics=n_harmonics, generator=generator).to(f0)
        )
        self.raw = nn.Parameter(f0.new_zeros(*f0.shape, 1 + len(self.raw_tables)))
        self.n_samples = check_count(n_samples, "n_samples", minimum=f0.shape[-1])
        self.sample_rate = sample_rate

    def tables(self) -> Tensor:
        """The tables as they are now, (n_tables, K), complex, magnitudes that sum to 1."""
        return normalise_tables(torch.view_as_complex(self.raw_tables))

    def controls(self) -> WavetableControls:
        """Return the controls that the raw parameters stand for now."""
        return wavetable_controls(self.raw, self.f0_hz, self.sample_rate)

    def forward(self) -> Tensor:
        """Return the sound, (…, n_samples)."""
        return wavetable_synth(*self.controls(), self.tables(), n_samples=self.n_samples, sample_rate=self.sample_rate)


def _levels(f0: Tensor, shares: Tensor, parts: Tensor, rate: float, mask: bool) -> Tensor:
    """Amplitudes of the sines and, behind them, of the cosines, (…, n_frames, 2K): silent where they should be."""
    levels = shares @ parts
    (pitch,) = in_single(f0.detach())
    n_harmonics = parts.shape[-1] // 2
    if is_eager(pitch):
        lowest, highest = (float(x) for x in pitch.aminmax())
        if lowest > 0 and (not mask or highest * n_harmonics < rate / 2):  # nothing to silence
            return levels
    partials = pitch.unsqueeze(-1) * torch.arange(1, n_harmonics + 1, device=pitch.device, dtype=pitch.dtype)
    heard = (partials > 0) & (partials < rate / 2) if mask else partials > 0
    return torch.where(torch.cat([heard, heard], -1), levels, 0.0)


def _check_controls(
    f0_hz: ArrayLike, amplitude: ArrayLike, weights: ArrayLike, rate: float
) -> tuple[Tensor, Tensor, Tensor]:
    """f0, amplitude (…, n_frames) and weights (…, n_frames, n_tables) as tensors, or ValueError."""
    f0 = check_frequency(f0_hz, "f0_hz", rate)
    a, w = (check_finite(as_tensor(x, n), n) for x, n in ((amplitude, "amplitude"), (weights, "weights")))
    frames = f0.shape[-1] if f0.ndim else 0
    if a.ndim < 1 or w.ndim < 2 or w.shape[-1] < 1 or not frames == a.shape[-1] == w.shape[-2]:
        raise ValueError(
            "f0_hz and amplitude must be (…, n_frames) and weights (…, n_frames, n_tables) with the same n_frames; "
            f"got {tuple(f0.shape)}, {tuple(a.shape)} and {tuple(w.shape)}"
        )
    check_leading(f0_hz=f0.shape[:-1], amplitude=a.shape[:-1], weights=w.shape[:-2])
    return f0, a, w


def _check_samples(tables: ArrayLike) -> Tensor:
    """Sampled tables as a tensor, or TypeError and ValueError."""
    t = check_finite(as_tensor(tables, "tables"), "tables")
    if t.ndim < 1 or t.shape[-1] < 2:
        raise ValueError(f"a sampled table is one cycle of a wave, two samples or more; got shape {tuple(t.shape)}")
    return t


def _check_heard_below_nyquist(f0: Tensor, a: Tensor, rate: float) -> None:
    """Raise ValueError where there is sound and f0 itself exceeds Nyquist."""
    if is_eager(f0, a):
        too_high = f0.detach() > rate / 2
        if bool(too_high.any()) and bool((too_high & (a.detach() != 0)).any()):
            raise ValueError(
                f"f0_hz must not exceed Nyquist, sample_rate / 2 = {rate / 2:g} Hz, where there is sound; got "
                f"{f0.detach().max().item():g} Hz. Lower it, raise the sample rate, or use masked coefficients"
            )
