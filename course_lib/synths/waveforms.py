"""The classic waveforms without aliases: saw, square with a pulse width, triangle, each the sum of its harmonics.

A saw drawn by its formula, 2 · (turns − ½), jumps, and a jump holds every harmonic there is: those above Nyquist come
back as tones that belong to no key. Here only those below it are added, masked frame by frame as in `harmonic_synth`,
whose exact phase, speed and gradients these waves have. Close to a jump such a sum overshoots by 9 % of the jump
(Gibbs), however many harmonics there are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensors,
    check_count,
    check_finite,
    check_frequency,
    check_sample_rate,
    in_single,
)
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike
from course_lib.kernels.method import Method
from course_lib.synths.harmonic import harmonic_synth


def sawtooth_wave(
    f0_hz: ArrayLike,
    amplitude: ArrayLike = 1.0,
    *,
    n_samples: int,
    sample_rate: float,
    n_harmonics: int | None = None,
    method: Method = "auto",
) -> Tensor:
    """Synthesise a saw: rises through 0 at phase 0, drops from 1 to −1 half a period later; all harmonics, as 1/k.

    Args:
        f0_hz: (…, n_frames), Hz; 0 is a rest: silence, phase held.
        amplitude: a number or (…, n_frames): the height of the wave without its overshoot.
        n_samples: length of the sound.
        sample_rate: Hz.
        n_harmonics: how many harmonics there may be; all that lie below Nyquist by default. It must be given where
            values cannot be read (`torch.compile`, `torch.func`, export).
        method: how it is computed, as `harmonic_synth`.

    Returns:
        (…, n_samples).

    Raises:
        ValueError: as `harmonic_synth`, or n_harmonics missing where it must be given.

    Chapter: book/other_instruments/libraries.ipynb

    >>> sawtooth_wave([1000.0], n_samples=5, sample_rate=16000, n_harmonics=2).round(decimals=2)
    tensor([0.0000, 0.0200, 0.1300, 0.3600, 0.6400])
    """
    f0, level, k = _prepare(f0_hz, amplitude, n_harmonics, sample_rate)
    shares = 2 / math.pi * torch.where(k % 2 == 1, 1.0, -1.0).to(k) / k
    return _play(f0, level, shares, n_samples, sample_rate, method)


def triangle_wave(
    f0_hz: ArrayLike,
    amplitude: ArrayLike = 1.0,
    *,
    n_samples: int,
    sample_rate: float,
    n_harmonics: int | None = None,
    method: Method = "auto",
) -> Tensor:
    """Synthesise a triangle: 0 at phase 0, 1 a quarter of a period later; odd harmonics, as 1/k².

    Args, Returns, Raises: as `sawtooth_wave`; it has no jump, so it does not overshoot.

    Chapter: book/other_instruments/libraries.ipynb

    >>> triangle_wave([1000.0], n_samples=5, sample_rate=16000, n_harmonics=3).round(decimals=2)
    tensor([0.0000, 0.2300, 0.5100, 0.7800, 0.9000])
    """
    f0, level, k = _prepare(f0_hz, amplitude, n_harmonics, sample_rate)
    shares = 8 / math.pi**2 * torch.sin(k * (math.pi / 2)) * (k % 2) / k**2
    return _play(f0, level, shares, n_samples, sample_rate, method)


def square_wave(
    f0_hz: ArrayLike,
    amplitude: ArrayLike = 1.0,
    *,
    width: ArrayLike = 0.5,
    n_samples: int,
    sample_rate: float,
    n_harmonics: int | None = None,
    method: Method = "auto",
) -> Tensor:
    """Synthesise a pulse wave: high from phase 0 on for `width` of its period, then low; its mean is left out.

    Harmonic k of a pulse of width w that begins at phase 0 is 2/(πk) · (sin 2πkw · cos kφ + (1 − cos 2πkw) · sin kφ), a
    smooth function of w: unlike a comparison, phase < w, it has a gradient. At w = ½ the odd ones remain, as 1/k.

    Args:
        width: a number or (…, n_frames), share of the period that is high, above 0 and below 1. Between frames the
            harmonics, not the edge, move in straight lines, so it should move by little from one to the next.
        f0_hz, amplitude, n_samples, sample_rate, n_harmonics, method: as `sawtooth_wave`.

    Returns:
        (…, n_samples); the wave jumps by twice its amplitude, whatever its width.

    Raises:
        ValueError: as `sawtooth_wave`; a width that is not between 0 and 1.

    Chapter: book/other_instruments/libraries.ipynb

    >>> square_wave([1000.0], n_samples=5, sample_rate=16000, n_harmonics=3)[1:].round(decimals=2)
    tensor([0.8800, 1.2000, 1.0100, 0.8500])
    """
    f0, level, k = _prepare(f0_hz, amplitude, n_harmonics, sample_rate)
    (given,) = as_tensors(width=width) if not isinstance(width, (int, float)) else (torch.full_like(f0, width),)
    check_finite(given, "width")
    if is_eager(given) and bool(((given.detach() <= 0) | (given.detach() >= 1)).any()):
        low, high = (float(x) for x in given.detach().aminmax())
        raise ValueError(f"width must lie between 0 and 1, the share of a period that is high; got {low:g} to {high:g}")
    (w,) = in_single(given)
    turn = 2 * math.pi * k * w.unsqueeze(-1)
    scale = 2 / (math.pi * k)
    sound = _play(f0, level, scale * (1 - torch.cos(turn)), n_samples, sample_rate, method)
    cosines = scale * torch.sin(turn)
    # cos kφ by sines: with k = 2^v · m, m odd, it is ± sin m(2^v φ + a quarter of a turn), a sum of its own for each v.
    octave = 1
    while octave <= len(k):
        m = k[: len(k) // octave]
        shares = cosines[..., octave - 1 :: octave] * torch.sin(m * (math.pi / 2)) * (m % 2)
        sound = sound + _play(octave * f0, level, shares, n_samples, sample_rate, method, turns=0.25)
        octave *= 2
    return sound


def _prepare(
    f0_hz: ArrayLike, amplitude: ArrayLike, n_harmonics: int | None, sample_rate: float
) -> tuple[Tensor, Tensor, Tensor]:
    """f0 and amplitude (…, n_frames), and the numbers 1 … K of the harmonics."""
    rate = check_sample_rate(sample_rate)
    f0, level = as_tensors(f0_hz=f0_hz, amplitude=amplitude)
    check_frequency(f0, "f0_hz", rate)
    check_finite(level, "amplitude")
    f0 = f0.reshape(1) if f0.ndim == 0 else f0
    level = level.expand(f0.shape[-1]) if level.ndim == 0 else level
    if n_harmonics is None:
        if not is_eager(f0):
            raise ValueError(
                "n_harmonics must be given where the pitch cannot be read (compiled, exported, mapped): "
                "sample_rate / 2 over the lowest f0 is enough"
            )
        sounding = f0.detach()[f0.detach() > 0]
        lowest = float(sounding.min()) if sounding.numel() else rate
        n_harmonics = max(1, math.ceil(rate / 2 / lowest) - 1)
    dtype = torch.promote_types(f0.dtype, torch.float32)
    return f0, level, torch.arange(1, check_count(n_harmonics, "n_harmonics") + 1, device=f0.device, dtype=dtype)


def _play(
    f0: Tensor, level: Tensor, shares: Tensor, n_samples: int, sample_rate: float, method: Method, turns: float = 0.0
) -> Tensor:
    """`harmonic_synth` with these shares, (K,) or (…, n_frames, K), in the precision of pitch and level."""
    shares = shares.expand(f0.shape[-1], -1) if shares.ndim == 1 else shares
    sound = harmonic_synth(f0, level, shares, n_samples=n_samples, sample_rate=sample_rate, method=method, turns=turns)
    return sound.to(torch.promote_types(f0.dtype, level.dtype))
