"""The fundamental of a harmonic sound, from a start that may be octaves away."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count, check_finite
from course_lib.core.types import ArrayLike
from course_lib.fitting.frequency.amplitudes import best_amplitudes
from course_lib.fitting.frequency.descent import Trace, sign_descent
from course_lib.fitting.frequency.result import FrequencyFit, Trials, check_trials, frequency_fit
from course_lib.fitting.frequency.spectra import spectral_quantiles
from course_lib.fitting.frequency.stages import FIRST_STRIDE, carry_line, polish

MARGIN = 0.05  # share of the explained energy that a lower octave must add
COARSE = 1 / 4  # share of the steps that lead into the valley; the rest polishes
SHARPEN = 4.0  # power of the magnitudes: noise counts little, and every partial still counts
REACH_BINS = 0.1  # first stride of the polish: the K-th partial moves K times as far
FEWEST_PERIODS = 3  # of the fundamental in the sound; with fewer, neighbouring partials cannot be told apart


def fit_f0(
    target: ArrayLike,
    start_hz: ArrayLike,
    sample_rate: float,
    partial_amplitudes: ArrayLike | None = None,
    *,
    steps: int = 160,
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

    >>> from course_lib import harmonic_synth
    >>> target = harmonic_synth([440.0], [0.5], [[0.7, 0.3]], n_samples=1000, sample_rate=16000)
    >>> round(float(fit_f0(target, 130.0, sample_rate=16000, n_partials=2).hz))
    440
    """
    steps = check_count(steps, "steps", minimum=0)
    trials = check_trials(target, start_hz, sample_rate)
    if partial_amplitudes is None:
        order = _order(_check_n_partials(n_partials, trials), trials)
        trace = _unknown(trials, steps, order)
        used = _comb(order)(trace.end) < trials.sample_rate / 2
    else:
        shares = _check_shares(partial_amplitudes, trials)
        order = _order(shares.shape[-1], trials)
        trace, used = _known(trials, steps, order, shares), shares > 0
    return frequency_fit(trials, trace, _comb(order), used)


def _order(n_partials: int, trials: Trials) -> Tensor:
    """The numbers of the partials, 1 … K."""
    return torch.arange(1, n_partials + 1, dtype=trials.start.dtype, device=trials.start.device)


def _comb(order: Tensor) -> Callable[[Tensor], Tensor]:
    """f0 (trials,) → the frequencies of its partials (trials, K)."""
    return lambda f0: f0.unsqueeze(-1) * order


def _check_n_partials(n_partials: int, trials: Trials) -> int:
    n_samples = trials.sound.shape[-1]
    most = n_samples // (2 * FEWEST_PERIODS)
    if check_count(n_partials, "n_partials") > most:
        raise ValueError(
            f"more partials than the signal can hold: {n_partials}; a sound of {FEWEST_PERIODS} periods or more in "
            f"{n_samples} samples has at most {most} below Nyquist. Ask for fewer, or take a longer sound"
        )
    return n_partials


def _check_shares(amplitudes: ArrayLike, trials: Trials) -> Tensor:
    """Relative amplitudes as (trials, K), the largest of each trial 1; or ValueError."""
    start, rate, leading = trials.start, trials.sample_rate, trials.leading
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


def _known(trials: Trials, steps: int, order: Tensor, shares: Tensor) -> Trace:
    """Quantiles of the sharpened spectrum against those of the comb, Σ |Q(u) − k(u)·f0|, convex in f0; then polish."""
    sound, rate, coarse = trials.sound, trials.sample_rate, round(steps * COARSE)
    mass = shares**SHARPEN
    levels, quantiles = spectral_quantiles(sound, rate, power=SHARPEN)
    climb = (mass / mass.sum(-1, keepdim=True)).cumsum(-1)
    # Which tooth of the comb holds the energy at each level: it does not depend on f0.
    tooth = (torch.searchsorted(climb[:, :-1].contiguous(), levels.expand(len(sound), -1).contiguous()) + 1).to(sound)
    highest = rate / 2 / tooth.amax(-1)
    scale = highest.unsqueeze(-1)

    def distance(x: Tensor) -> Tensor:
        return (quantiles / scale - tooth * x.unsqueeze(-1)).abs().mean(-1)

    valley = sign_descent(distance, trials.start / highest, stride=FIRST_STRIDE, steps=coarse, limits=(1e-3, 1 - 1e-3))
    found = valley.map(lambda x: x * highest)
    return found.then(
        polish(
            sound, found.end, rate, steps=steps - coarse, partials=_comb(order), used=shares > 0, reach_bins=REACH_BINS
        )
    )


def _unknown(trials: Trials, steps: int, order: Tensor) -> Trace:
    """Find one partial; polish the hypotheses that it is number 1, 2, … K; keep the highest that explains enough."""
    sound, rate, coarse = trials.sound, trials.sample_rate, round(steps * COARSE)
    found = carry_line(sound, trials.start, rate, steps=coarse)
    n_partials, partials = len(order), _comb(order)
    lowest = FEWEST_PERIODS * rate / sound.shape[-1]
    guesses = (found.end.unsqueeze(-1) / order).clamp(min=lowest).flatten()  # (trials · K,)
    sounds = sound.repeat_interleave(n_partials, 0)
    used = partials(guesses) < rate / 2
    polished = polish(sounds, guesses, rate, steps=steps - coarse, partials=partials, used=used, reach_bins=REACH_BINS)
    explained = best_amplitudes(sounds, partials(polished.end), rate, used)[2].unflatten(0, (-1, n_partials))
    # A lower pitch has more partials below the same ceiling and so always explains a little more: it must explain
    # MARGIN more. The first hypothesis, the highest pitch, that comes that close to the best is taken.
    enough = explained >= (1 - MARGIN) * explained.amax(-1, keepdim=True)
    return found.then(polished.choose(enough.to(torch.uint8).argmax(-1, keepdim=True), n_partials))
