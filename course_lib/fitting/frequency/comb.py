"""The fundamental of a harmonic sound, from a start that may be octaves away."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count, check_finite
from course_lib.fitting.frequency.common import (
    FrequencyFit,
    best_amplitudes,
    check_trials,
    finish,
    move_line,
    polish,
    slide,
    spectral_quantiles,
)

MARGIN = 0.05  # share of the explained energy that a lower octave must add
COARSE = 1 / 4
SHARPEN = 4.0  # power of the magnitudes: noise counts little, and every partial still counts
REACH_BINS = 0.1  # first stride of the polish: the K-th partial moves K times as far
FEWEST_PERIODS = 3  # of the fundamental in the sound; with fewer, neighbouring partials cannot be told apart


def fit_f0(
    target: Any,
    start_hz: Any,
    sample_rate: float,
    partial_amplitudes: Any = None,
    steps: int = 160,
    *,
    n_partials: int = 8,
) -> FrequencyFit:
    """Find the fundamental of a harmonic sound by gradient descent, from a start that may be octaves away.

    With known amplitudes the spectrum of the model is a comb whose teeth hold known shares of the energy: carrying one
    spectrum to the other is a *convex* problem in f0. Without them, one partial is found first; it may be number 1, 2,
    … K: each of these hypotheses is polished, and the one that explains most wins.

    Args:
        target: (…, n_samples), at least 64 samples.
        start_hz: (…) or a number, Hz, above 0 and below Nyquist.
        sample_rate: Hz.
        partial_amplitudes: (…, K) relative amplitudes of the partials 1…K, ≥ 0, or None where they are unknown.
        steps: gradient steps in all, the polish included.
        n_partials: K, where the amplitudes are unknown. Partials at or above Nyquist are left out.

    Returns:
        FrequencyFit: hz (…); amplitude and phase (…, K), the best ones at that f0, whatever was known.

    Raises:
        ValueError: silent or NaN target, a start at 0 or above Nyquist, K = 0, negative or all-zero amplitudes, more
            partials than the signal can hold (with known amplitudes: the highest starts at or above Nyquist).

    Source: quantiles as in Bonneel et al., Sliced and Radon Wasserstein barycenters, 2015; Golub and Pereyra, 1973.
    Chapter: book/sines/escaping_minima.ipynb
    """
    steps = check_count(steps, "steps", minimum=0)
    sound, start, rate, leading = check_trials(target, start_hz, sample_rate)
    coarse = round(steps * COARSE)
    path: list[Tensor] = [start]
    losses: list[float] = []
    if partial_amplitudes is None:
        most = sound.shape[-1] // (2 * FEWEST_PERIODS)
        if check_count(n_partials, "n_partials") > most:
            raise ValueError(
                f"more partials than the signal can hold: {n_partials}; a sound of {FEWEST_PERIODS} periods or more in "
                f"{sound.shape[-1]} samples has at most {most} below Nyquist. Ask for fewer, or take a longer sound"
            )
        order = torch.arange(1, n_partials + 1, dtype=start.dtype, device=start.device)
        hz = _unknown(sound, start, rate, coarse, steps - coarse, order, path, losses)
        used = hz.unsqueeze(-1) * order < rate / 2
    else:
        shares = _check_shares(partial_amplitudes, start, rate, leading)
        order = torch.arange(1, shares.shape[-1] + 1, dtype=start.dtype, device=start.device)
        used = shares > 0
        hz = _known(sound, start, rate, coarse, shares, path, losses)
        hz = polish(
            sound, hz, rate, steps - coarse, path, losses, partials=lambda f: f.unsqueeze(-1) * order, used=used,
            reach_bins=REACH_BINS,
        )  # fmt: skip
    return finish(
        sound, hz, hz.unsqueeze(-1) * order, rate, leading, as_tensor(target, "target"), path, losses, used=used
    )


def _check_shares(amplitudes: Any, start: Tensor, rate: float, leading: torch.Size) -> Tensor:
    """Relative amplitudes as (trials, K), the largest of each trial 1; or ValueError."""
    a = check_finite(as_tensor(amplitudes, "partial_amplitudes"), "partial_amplitudes").detach().to(start)
    if a.ndim == 0 or a.shape[-1] == 0:
        raise ValueError(f"partial_amplitudes must be (…, K) with K at least 1; got shape {tuple(a.shape)}")
    if bool((a < 0).any()) or not bool((a > 0).any(-1).all()):
        raise ValueError("partial_amplitudes must not be negative, and at least one in each trial must be above 0")
    try:
        a = a.expand((*leading, a.shape[-1])).reshape(-1, a.shape[-1])
    except RuntimeError as error:
        raise ValueError(f"partial_amplitudes {tuple(a.shape)} do not fit the leading axes {tuple(leading)}") from error
    order = torch.arange(1, a.shape[-1] + 1, dtype=a.dtype, device=a.device)
    highest = (order * (a > 0)).amax(-1) * start
    if bool((highest >= rate / 2).any()):
        raise ValueError(
            f"more partials than the signal can hold: the highest starts at {highest.max().item():g} Hz, and must "
            f"stay below Nyquist, {rate / 2:g} Hz. Start lower, or give fewer partials"
        )
    return a / a.amax(-1, keepdim=True)


def _known(
    sound: Tensor, start: Tensor, rate: float, steps: int, amplitudes: Tensor, path: list[Tensor], losses: list[float]
) -> Tensor:
    """Quantiles of the sharpened spectrum against those of the comb: Σ |Q(u) − k(u)·f0| is convex in f0."""
    mass = amplitudes**SHARPEN
    levels, ours = spectral_quantiles(sound, rate, SHARPEN)
    climb = (mass / mass.sum(-1, keepdim=True)).cumsum(-1)
    # Which tooth of the comb holds the energy at each level: it does not depend on f0.
    tooth = (torch.searchsorted(climb[:, :-1].contiguous(), levels.expand(len(sound), -1).contiguous()) + 1).to(sound)
    highest = rate / 2 / tooth.amax(-1)
    scale = highest.unsqueeze(-1)

    def distance(x: Tensor) -> Tensor:
        return (ours / scale - tooth * x.unsqueeze(-1)).abs().mean(-1)

    way: list[Tensor] = []
    x = slide(distance, start / highest, 0.25, steps, way, losses, (1e-3, 1 - 1e-3))
    path.extend(step * highest for step in way)
    return x * highest


def _unknown(
    sound: Tensor,
    start: Tensor,
    rate: float,
    coarse: int,
    fine: int,
    order: Tensor,
    path: list[Tensor],
    losses: list[float],
) -> Tensor:
    """Find one partial; polish the hypotheses that it is number 1, 2, … K; keep the most probable (lowest BIC)."""
    n_samples, k = sound.shape[-1], len(order)
    way: list[Tensor] = []
    found = move_line(sound, start, rate, coarse, way, losses)
    path.extend(way)
    lowest = FEWEST_PERIODS * rate / n_samples
    guesses = (found.unsqueeze(-1) / order).clamp(min=lowest).flatten()  # (trials · K,)
    sounds = sound.repeat_interleave(k, 0)
    used = guesses.unsqueeze(-1) * order < rate / 2
    steps: list[Tensor] = []
    hz = polish(
        sounds, guesses, rate, fine, steps, losses, partials=lambda f: f.unsqueeze(-1) * order, used=used,
        reach_bins=REACH_BINS,
    )  # fmt: skip
    explained = best_amplitudes(sounds, hz.unsqueeze(-1) * order, rate, used)[2].unflatten(0, (-1, k))
    # A lower pitch has more partials below the same ceiling and so always explains a little more: it must explain
    # MARGIN more. The first hypothesis, the highest pitch, that comes that close to the best is taken.
    enough = explained >= (1 - MARGIN) * explained.amax(-1, keepdim=True)
    best = enough.to(torch.uint8).argmax(-1, keepdim=True)
    path.extend(s.unflatten(0, (-1, k)).gather(-1, best).squeeze(-1) for s in steps)
    return hz.unflatten(0, (-1, k)).gather(-1, best).squeeze(-1)
