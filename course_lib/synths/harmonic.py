"""The harmonic synthesizer: one pitch, K locked partials, and the four constraints that make it learnable."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

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
from course_lib.core.eager import is_eager
from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.second_derivative import with_formula
from course_lib.core.types import ArrayLike
from course_lib.core.units import exp_sigmoid
from course_lib.kernels import giant_steps, sums
from course_lib.kernels.method import Method, choose


class HarmonicControls(NamedTuple):
    """What the synthesizer is told, frame by frame.

    f0_hz: (…, n_frames), Hz. amplitude: (…, n_frames), linear, of the whole sound.
    distribution: (…, n_frames, n_harmonics), how the amplitude is shared; sums to 1.

    >>> HarmonicControls(torch.tensor([440.0]), torch.tensor([0.5]), torch.tensor([[0.7, 0.3]])).distribution
    tensor([[0.7000, 0.3000]])
    """

    f0_hz: Tensor
    amplitude: Tensor
    distribution: Tensor


def harmonic_frequencies(f0_hz: ArrayLike, n_harmonics: int) -> Tensor:
    """Return the frequencies k·f0 of harmonics 1…K.

    Args:
        f0_hz: (…, n_frames), Hz.
        n_harmonics: K, at least 1.

    Returns:
        (…, n_frames, K), Hz.

    Raises:
        ValueError: f0 negative or NaN, n_harmonics below 1.

    Chapter: book/sines/additive.ipynb

    >>> harmonic_frequencies([100.0], 3)
    tensor([[100., 200., 300.]])
    """
    f0 = check_frequency(f0_hz, "f0_hz", 1.0)
    k = torch.arange(1, check_count(n_harmonics, "n_harmonics") + 1, device=f0.device, dtype=f0.dtype)
    return f0.unsqueeze(-1) * k


def scale_parameters(raw: ArrayLike) -> Tensor:
    """Constraint 1, scaling: any raw number becomes a positive amplitude (`exp_sigmoid`, (1e-7, 2)).

    >>> scale_parameters([0.0])
    tensor([0.4054])
    """
    return exp_sigmoid(raw)


def mask_above_nyquist(distribution: ArrayLike, f0_hz: ArrayLike, sample_rate: float) -> Tensor:
    """Constraint 2, no aliasing: silence every harmonic at or above Nyquist, and all of them in a rest.

    Args:
        distribution: (…, n_frames, n_harmonics), linear.
        f0_hz: (…, n_frames), Hz, ≥ 0.
        sample_rate: Hz.

    Returns:
        (…, n_frames, n_harmonics), zeros where k·f0 ≥ sample_rate / 2 or f0 = 0.

    Raises:
        ValueError: f0 negative or NaN, or shapes that do not agree.

    Chapter: book/sines/harmonic.ipynb

    >>> mask_above_nyquist([[1.0, 1.0, 1.0]], [3000.0], 16000)
    tensor([[1., 1., 0.]])
    """
    rate = check_sample_rate(sample_rate)
    f0, d = _check_pair(f0_hz, distribution, rate)
    return _mask(d, f0, rate)


def _mask(shares: Tensor, f0: Tensor, rate: float) -> Tensor:
    """`mask_above_nyquist` of checked input."""
    (pitch,) = in_single(f0.detach())
    sounding = False  # whether it is known that no frame is a rest
    if is_eager(pitch):
        lowest, highest = (float(x) for x in pitch.aminmax())
        sounding = lowest > 0
        if sounding and highest * shares.shape[-1] < rate / 2:  # nothing to silence
            return shares.expand(*check_leading(shares=shares.shape[:-1], f0_hz=f0.shape), -1)
    k = torch.arange(1, shares.shape[-1] + 1, device=pitch.device, dtype=pitch.dtype)
    partials = pitch.unsqueeze(-1) * k
    audible = partials < rate / 2
    return torch.where(audible if sounding else audible & (partials > 0), shares, 0.0)


def normalise_distribution(distribution: ArrayLike) -> Tensor:
    """Constraint 3, one share-out: divide each frame by its sum; a frame of zeros stays zeros.

    Args:
        distribution: (…, n_frames, n_harmonics), linear, ≥ 0.

    Returns:
        (…, n_frames, n_harmonics), each frame summing to 1 (or all zeros).

    Raises:
        ValueError: negative or NaN entries.

    Chapter: book/sines/harmonic.ipynb

    >>> normalise_distribution([[1.0, 3.0], [0.0, 0.0]])
    tensor([[0.2500, 0.7500],
            [0.0000, 0.0000]])
    """
    given = check_finite(as_tensor(distribution, "distribution"), "distribution")
    check_not_negative(given, "distribution", ". Scale it first")
    (d,) = in_single(given)
    total = d.sum(-1, keepdim=True)
    return (d / torch.where(total > 0, total, torch.ones_like(total))).to(given.dtype)


def harmonic_controls(
    raw_amplitude: ArrayLike,
    raw_distribution: ArrayLike,
    f0_hz: ArrayLike,
    sample_rate: float,
    *,
    scale: bool = True,
    mask: bool = True,
    normalise: bool = True,
) -> HarmonicControls:
    """Turn raw numbers, as a network gives them, into valid controls.

    Each constraint can be switched off to hear what it is for. The fourth, one global amplitude for the whole
    sound, is the product amplitude · distribution in `harmonic_synth`.

    Args:
        raw_amplitude: (…, n_frames), any real number.
        raw_distribution: (…, n_frames, n_harmonics), any real number.
        f0_hz: (…, n_frames), Hz, ≥ 0; 0 is a rest.
        sample_rate: Hz.
        scale: apply `scale_parameters` to both.
        mask: apply `mask_above_nyquist`.
        normalise: apply `normalise_distribution`.

    Returns:
        HarmonicControls(f0_hz, amplitude, distribution). A frame whose harmonics are all masked is all zeros.

    Raises:
        ValueError: shapes that do not agree, f0 negative, NaN or infinite values.

    Source: Engel et al., DDSP, 2020, section 3.2 and appendix B. Chapter: book/sines/harmonic.ipynb

    >>> harmonic_controls([0.0], [[0.0, 0.0]], [440.0], sample_rate=16000).distribution
    tensor([[0.5000, 0.5000]])
    """
    rate = check_sample_rate(sample_rate)
    f0, raw_shares = _check_pair(f0_hz, raw_distribution, rate, "raw_distribution")
    raw_level = _check_amplitude(raw_amplitude, f0, "raw_amplitude")
    amplitude, distribution = in_single(raw_level, raw_shares)
    if scale:
        amplitude, distribution = scale_parameters(amplitude), scale_parameters(distribution)
    if mask:
        distribution = mask_above_nyquist(distribution, f0, rate)
    if normalise:
        distribution = normalise_distribution(distribution)
    return HarmonicControls(f0, amplitude.to(raw_level.dtype), distribution.to(raw_shares.dtype))


def harmonic_synth(
    f0_hz: ArrayLike,
    amplitude: ArrayLike,
    distribution: ArrayLike,
    *,
    n_samples: int,
    sample_rate: float,
    mask: bool = True,
    method: Method = "auto",
    turns: float = 0.0,
) -> Tensor:
    """Synthesise A[n] · Σ_k α̂_k[n] · sin(k·φ[n]): K harmonics of one accumulated phase.

    Args:
        f0_hz: (…, n_frames), Hz; 0 is a rest: silence, phase held.
        amplitude: (…, n_frames), linear, of the whole sound.
        distribution: (…, n_frames, n_harmonics), each harmonic's share.
        n_samples: length of the sound.
        sample_rate: Hz.
        mask: silence harmonics at or above Nyquist (valid controls already are); where f0 itself lies there the frame
            is silent. False lets harmonics alias, and f0 must not exceed Nyquist.
        method: how it is computed; the sound and the gradients are the same. "reference" is the formula as it stands,
            K sines a sample. "kernel" is a compiled loop, on a CPU. "fast" is tensor operations on any device with far
            fewer sines. "auto" takes "kernel" where it can be had, "fast" elsewhere, and "reference" for small sounds
            there and under `torch.compile`, `torch.func` and export. `python -m course_lib.benchmark speed` measures.
        turns: phase of the first sample, 1 being a full turn, for a stretch of a longer sound.

    Returns:
        (…, n_samples). f0 is interpolated linearly (beside a rest the neighbour's pitch is kept), and so is the product
        amplitude · distribution.

    Raises:
        ValueError: shapes that do not agree, NaN, negative f0, with mask=False f0 above Nyquist where the sound is not
            silent, more frames than samples, an unknown method.

    Source: Engel et al., DDSP, 2020, section 3.2. Chapter: book/sines/harmonic.ipynb

    >>> harmonic_synth([2000.0], [0.5], [[1.0]], n_samples=4, sample_rate=16000)
    tensor([0.0000, 0.3536, 0.5000, 0.3536])
    """
    rate = check_sample_rate(sample_rate)
    n_samples = check_count(n_samples, "n_samples")
    f0, d = _check_pair(f0_hz, distribution, rate)
    a = _check_amplitude(amplitude, f0, "amplitude")
    if not mask and is_eager(f0, a, d):
        too_high = f0.detach() > rate / 2
        if bool(too_high.any()) and bool((too_high & (a.detach().unsqueeze(-1) * d.detach() != 0).any(-1)).any()):
            raise ValueError(
                f"f0_hz must not exceed Nyquist, sample_rate / 2 = {rate / 2:g} Hz, where there is sound; "
                f"got {f0.detach().max().item():g} Hz. Lower it, raise the sample rate, or leave mask=True"
            )
    way = choose(method, n_samples * max(f0.numel(), a.numel()) // f0.shape[-1] * d.shape[-1], f0, a, d)

    def with_shares(add_up: Callable[..., Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        def run(f0: Tensor, a: Tensor, d: Tensor) -> Tensor:
            shares = a.unsqueeze(-1) * d
            shares = _mask(shares, f0, rate) if mask else shares * (f0 > 0).unsqueeze(-1)
            return add_up(f0, shares, n_samples=n_samples, sample_rate=rate, turns=turns)

        return run

    formula = with_shares(harmonic_sum_reference)
    if way == "reference":
        return formula(f0, a, d)
    if way == "kernel":
        return sums.harmonic_sum(
            f0, a, d, n_samples=n_samples, sample_rate=rate, turns=turns, mask=mask, formula=formula
        )
    return with_formula(with_shares(giant_steps.harmonic_sum), formula, f0, a, d)


def harmonic_sum_reference(
    f0_hz: Tensor, shares: Tensor, *, n_samples: int, sample_rate: float, turns: float = 0.0
) -> Tensor:
    """Σ_k a_k[n] · sin(k·φ[n]), line by line: f0_hz (…, n_frames) and shares (…, n_frames, K) → (…, n_samples).

    >>> f0_hz, shares = torch.tensor([440.0]), torch.tensor([[0.7, 0.3]])
    >>> harmonic_sum_reference(f0_hz, shares, n_samples=800, sample_rate=16000).shape
    torch.Size([800])
    """
    dtype = torch.promote_types(f0_hz.dtype, shares.dtype)
    f0_hz, shares = in_single(f0_hz, shares)
    phase = instantaneous_phase(upsample_frequency(f0_hz, n_samples), sample_rate) + 2 * math.pi * turns
    k = torch.arange(1, shares.shape[-1] + 1, device=phase.device, dtype=phase.dtype)
    sines = torch.sin(phase.unsqueeze(-1) * k)  # (…, n_samples, K)
    return (upsample(shares, n_samples, dim=-2) * sines).sum(-1).to(dtype)


class HarmonicSynth(nn.Module):
    """A harmonic synthesizer whose amplitude and distribution are learned for one given pitch curve.

    Args:
        f0_hz: (n_frames,) or (…, n_frames), Hz, fixed: it is measured, not learned. A frame at or above Nyquist is
            silent.
        n_harmonics: K.
        n_samples: length of the sound.
        sample_rate: Hz.
        initial: raw start value of every parameter; 0 starts at amplitude 0.41, −4 at about −74 dB.

    Attributes:
        raw_amplitude: (…, n_frames) parameter. raw_distribution: (…, n_frames, K) parameter.

    Raises:
        ValueError: as `harmonic_synth`; no frame below Nyquist.

    Chapter: book/sines/fitting.ipynb

    >>> HarmonicSynth([440.0], n_harmonics=4, n_samples=800, sample_rate=16000)().shape
    torch.Size([800])
    """

    f0_hz: Tensor

    def __init__(
        self, f0_hz: ArrayLike, n_harmonics: int, *, n_samples: int, sample_rate: float, initial: float = 0.0
    ) -> None:
        super().__init__()
        rate = check_sample_rate(sample_rate)
        f0 = check_frequency(f0_hz, "f0_hz", rate).detach().clone()
        if is_eager(f0) and bool((f0 >= rate / 2).all()):
            check_frequency(f0, "f0_hz", rate, below_nyquist=True)  # nothing would ever sound: that is an error
        if f0.ndim == 0:
            f0 = f0.reshape(1)
        self.register_buffer("f0_hz", f0)
        k = check_count(n_harmonics, "n_harmonics")
        self.raw_amplitude = nn.Parameter(torch.full_like(f0, float(initial)))
        self.raw_distribution = nn.Parameter(torch.full((*f0.shape, k), float(initial)).to(f0))
        self.n_samples = check_count(n_samples, "n_samples", minimum=f0.shape[-1])
        self.sample_rate = sample_rate

    def controls(self) -> HarmonicControls:
        """Return the controls that the raw parameters stand for now."""
        return harmonic_controls(self.raw_amplitude, self.raw_distribution, self.f0_hz, self.sample_rate)

    def forward(self) -> Tensor:
        """Return the sound, (…, n_samples)."""
        return harmonic_synth(*self.controls(), n_samples=self.n_samples, sample_rate=self.sample_rate)


def _check_pair(
    f0_hz: ArrayLike, distribution: ArrayLike, sample_rate: float, name: str = "distribution"
) -> tuple[Tensor, Tensor]:
    """f0 (…, n_frames) and distribution (…, n_frames, n_harmonics) as tensors, or ValueError."""
    f0 = check_frequency(f0_hz, "f0_hz", sample_rate)
    d = check_finite(as_tensor(distribution, name), name)
    if f0.ndim < 1 or d.ndim < 2 or d.shape[-1] < 1 or f0.shape[-1] != d.shape[-2]:
        raise ValueError(
            f"f0_hz must be (…, n_frames) and {name} (…, n_frames, n_harmonics) with the same n_frames; "
            f"got {tuple(f0.shape)} and {tuple(d.shape)}"
        )
    check_leading(f0_hz=f0.shape[:-1], **{name: d.shape[:-2]})
    return f0, d


def _check_amplitude(amplitude: ArrayLike, f0: Tensor, name: str) -> Tensor:
    """Amplitude (…, n_frames) as a tensor with f0's frames, or ValueError."""
    a = check_finite(as_tensor(amplitude, name), name)
    if a.ndim < 1 or a.shape[-1] != f0.shape[-1]:
        raise ValueError(
            f"{name} must be (…, n_frames) with the n_frames of f0_hz; got {tuple(a.shape)} and {tuple(f0.shape)}"
        )
    check_leading(f0_hz=f0.shape[:-1], **{name: a.shape[:-1]})
    return a
