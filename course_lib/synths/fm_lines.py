"""The spectrum of one sine that bends another's phase, in closed form: Bessel lines, folded."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Points at which e^{i I sin τ} is taken: exact to rounding for every index below a hundred.
POINTS = 512
SMALL = 1e-9


class FmLines(NamedTuple):
    """Lines of a spectrum, from low to high.

    ratios: (n_lines,), frequency of each over f0, above 0. amplitudes: (n_lines,), signed: of sin(2π · ratio · f0 · t).

    >>> FmLines(torch.tensor([1.0]), torch.tensor([0.5])).amplitudes
    tensor([0.5000])
    """

    ratios: Tensor
    amplitudes: Tensor


def bessel(index: float) -> Tensor:
    """Bessel functions J_0 … J_255 of an index: the coefficients of e^{i I sin τ} = Σ_n J_n(I) e^{i n τ}.

    Args:
        index: radians, from −100 to 100.

    Returns:
        (256,), float64.

    Raises:
        ValueError: an index beyond that.

    Source: Chowning, The synthesis of complex audio spectra by means of frequency modulation, 1973. Chapter:
    book/other_instruments/fm.ipynb

    >>> bessel(1.0)[:3]
    tensor([0.7652, 0.4401, 0.1149], dtype=torch.float64)
    """
    if not abs(index) <= 100:
        raise ValueError(f"index must lie between -100 and 100 rad; got {index!r}")
    tau = 2 * np.pi * np.arange(POINTS) / POINTS
    return torch.from_numpy(np.fft.fft(np.exp(1j * index * np.sin(tau))).real[: POINTS // 2] / POINTS)


def bessel_lines(index: float, *, carrier: float, modulator: float, nyquist: float | None = None) -> FmLines:
    """Lines of sin(2π·carrier·f0·t + index · sin(2π·modulator·f0·t)).

    Its lines lie at carrier + n · modulator, n = …, −1, 0, 1, …, with amplitudes J_n(index). Below 0 they come back
    turned over, since sin(−x) = −sin x, and are added to what is there.

    Args:
        index: radians, 0 to 100.
        carrier, modulator: ratios, ≥ 0.
        nyquist: ratio of the Nyquist frequency to f0: lines beyond it come back turned over too, as sampling folds
            them. None: there is none.

    Returns:
        FmLines, those that are not nothing.

    Raises:
        ValueError: a ratio that is negative or not finite, an index out of range, a nyquist that is not above 0.

    Source: Chowning, The synthesis of complex audio spectra by means of frequency modulation, 1973. Chapter:
    book/other_instruments/fm.ipynb

    >>> bessel_lines(1.0, carrier=1, modulator=2).amplitudes[:2]  # J_0 + J_1 and J_1 − J_2: folded
    tensor([1.2052, 0.3251], dtype=torch.float64)
    """
    for name, ratio in {"carrier": carrier, "modulator": modulator}.items():
        if not 0 <= ratio < math.inf:
            raise ValueError(f"{name} must be a ratio, 0 or more; got {ratio!r}")
    if nyquist is not None and not nyquist > 0:
        raise ValueError(f"nyquist must be a ratio above 0; got {nyquist!r}")
    if index < 0:
        raise ValueError(f"index must not be negative; got {index!r}")
    values = bessel(index)
    lines: dict[float, float] = {}
    for n in range(-len(values) + 1, len(values)):
        sign = -1.0 if n < 0 and n % 2 else 1.0  # J_−n = (−1)^n J_n
        ratio, amplitude = carrier + n * modulator, sign * float(values[abs(n)])
        if nyquist is not None:
            ratio = (ratio + nyquist) % (2 * nyquist) - nyquist
        amplitude, ratio = math.copysign(1.0, ratio) * amplitude, round(abs(ratio), 9)
        lines[ratio] = lines.get(ratio, 0.0) + amplitude
    kept = sorted((r, a) for r, a in lines.items() if abs(a) > SMALL and r > 0 and r != nyquist)
    found = torch.tensor(kept, dtype=torch.float64).reshape(-1, 2)
    return FmLines(found[:, 0], found[:, 1])
