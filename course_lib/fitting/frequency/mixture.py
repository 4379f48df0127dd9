"""Many sinusoids at once: one after the other out of what remains, all of them tuned together after each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count
from course_lib.fitting.frequency.common import (
    FrequencyFit,
    best_amplitudes,
    check_trials,
    finish,
    move_line,
    polish,
    resynthesise,
)

FIND, TUNE, LAST = 30, 50, 100  # steps: carry a line to a peak; tune all found so far; tune all at the end
STEPS_PER_PARTIAL = 160


def fit_sinusoids(target: Any, start_hz: Any, sample_rate: float, steps: int | None = None) -> FrequencyFit:
    """Find K sinusoids in a sound by gradient descent, one after the other, then all together.

    Descending on all K at once does not work: two of them run for the same peak. So each in turn is carried to the
    strongest peak of what the others leave over (optimal transport of the sharpened spectrum to a line), and after each
    arrival all that were found are tuned together. Steps that remain go to second thoughts: the sinusoid that explains
    least is taken out and sent again.

    Args:
        target: (…, n_samples), at least 64 samples.
        start_hz: (…, K) or (K,), Hz, where each sinusoid starts, above 0 and below Nyquist; anything will do.
        sample_rate: Hz.
        steps: gradient steps in all; 160 for each sinusoid by default.

    Returns:
        FrequencyFit, each (…, K), in rising order of frequency.

    Raises:
        ValueError: silent or NaN target, K = 0, a start at 0, at or above Nyquist, more sinusoids than a quarter of the
            samples.

    Source: greedy pursuit with joint refinement, Li and Stoica, Efficient mixed-spectrum estimation, 1996 (RELAX).
    Chapter: book/sines/many_sines.ipynb
    """
    sound, start, rate, leading = check_trials(target, start_hz, sample_rate, components=True)
    n_partials, n_samples = start.shape[-1], sound.shape[-1]
    if n_partials > n_samples // 4:
        raise ValueError(
            f"more partials than the signal can hold: {n_partials} sinusoids have {3 * n_partials} unknowns, and "
            f"{n_samples} samples tell at most {n_samples // 4} apart. Ask for fewer, or take a longer sound"
        )
    steps = STEPS_PER_PARTIAL * n_partials if steps is None else check_count(steps, "steps", minimum=0)
    left = steps
    # One stage finds a sinusoid and tunes all so far; the last stage tunes only.
    last = min(LAST, steps // 5)
    stage = (steps - last) // n_partials
    find = min(FIND, stage // 2)
    tune = min(TUNE, stage - find)
    path: list[Tensor] = [start]
    losses: list[float] = []
    hz = start.clone()
    found = torch.zeros_like(start, dtype=torch.bool)
    for k in range(n_partials):
        hz, found = _send(sound, hz, found, torch.full((len(sound),), k), rate, find, tune, path, losses)
        left -= find + tune
    while left >= last + find + tune and find + tune > 0:
        weakest = _weakest(sound, hz, rate)
        before = best_amplitudes(sound, hz, rate)[2]
        tried, _ = _send(sound, hz, found, weakest, rate, find, tune, path, losses)
        better = best_amplitudes(sound, tried, rate)[2] >= before
        hz = torch.where(better.unsqueeze(-1), tried, hz)
        left -= find + tune
    hz = polish(sound, hz, rate, left, path, losses, partials=lambda f: f, reach_bins=0.05)
    hz = hz.sort(-1).values
    return finish(sound, hz, hz, rate, leading, as_tensor(target, "target"), path, losses)


def _send(
    sound: Tensor,
    hz: Tensor,
    found: Tensor,
    which: Tensor,
    rate: float,
    find: int,
    tune: int,
    path: list[Tensor],
    losses: list[float],
) -> tuple[Tensor, Tensor]:
    """Take one sinusoid of each trial out, carry it to the strongest peak of what the others leave, tune all found."""
    which = which.to(hz.device).unsqueeze(-1)
    others = found.scatter(-1, which, False)
    remains = sound - resynthesise(sound, hz, rate, others)
    way: list[Tensor] = []
    line = move_line(remains, hz.gather(-1, which).squeeze(-1), rate, find, way, losses)
    path.extend(hz.scatter(-1, which, step.unsqueeze(-1)) for step in way)
    hz, found = hz.scatter(-1, which, line.unsqueeze(-1)), found.scatter(-1, which, True)
    hz = polish(sound, hz, rate, tune, path, losses, partials=lambda f: f, used=found)
    edge = rate / sound.shape[-1] / 4
    return hz.clamp(edge, rate / 2 - edge), found


def _weakest(sound: Tensor, hz: Tensor, rate: float) -> Tensor:
    """Which sinusoid of each trial could be missed most easily, (trials,)."""
    cosines, sines, _ = best_amplitudes(sound, hz, rate)
    return torch.hypot(cosines, sines).argmin(-1)
