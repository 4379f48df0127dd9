"""Many sinusoids at once: one after the other out of what remains, all of them tuned together after each."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import check_count
from course_lib.core.types import ArrayLike
from course_lib.fitting.frequency.amplitudes import best_amplitudes, resynthesise
from course_lib.fitting.frequency.descent import Trace
from course_lib.fitting.frequency.result import FrequencyFit, check_trials, frequency_fit
from course_lib.fitting.frequency.stages import carry_line, polish

# Steps of one stage: carry a line to a peak; tune all found so far. And of the end, which tunes all.
FIND, TUNE, LAST = 30, 50, 100
STEPS_PER_PARTIAL = 160


def fit_sinusoids(
    target: ArrayLike, start_hz: ArrayLike, sample_rate: float, *, steps: int | None = None
) -> FrequencyFit:
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

    >>> from course_lib import additive_synth
    >>> target = additive_synth([[440.0, 700.0]], [[0.5, 0.3]], n_samples=1000, sample_rate=16000)
    >>> fit_sinusoids(target, [300.0, 900.0], sample_rate=16000).hz.round()
    tensor([440., 700.])
    """
    trials = check_trials(target, start_hz, sample_rate, components=True)
    sound, start, rate = trials.sound, trials.start, trials.sample_rate
    n_partials, n_samples = start.shape[-1], sound.shape[-1]
    if n_partials > n_samples // 4:
        raise ValueError(
            f"more partials than the signal can hold: {n_partials} sinusoids have {3 * n_partials} unknowns, and "
            f"{n_samples} samples tell at most {n_samples // 4} apart. Ask for fewer, or take a longer sound"
        )
    steps = STEPS_PER_PARTIAL * n_partials if steps is None else check_count(steps, "steps", minimum=0)
    steps_left = steps
    # One stage finds a sinusoid and tunes all so far; the last stage tunes only.
    last = min(LAST, steps // 5)
    stage = (steps - last) // n_partials
    find = min(FIND, stage // 2)
    tune = min(TUNE, stage - find)
    trace = Trace(start, [], [])
    found = torch.zeros_like(start, dtype=torch.bool)
    for k in range(n_partials):
        which = torch.full((len(sound), 1), k, device=sound.device)
        trace = trace.then(_send(sound, trace.end, found, which, rate, find, tune))
        found = found.scatter(-1, which, True)
        steps_left -= find + tune
    while steps_left >= last + find + tune and find + tune > 0:
        hz = trace.end
        attempt = _send(sound, hz, found, _weakest(sound, hz, rate), rate, find, tune)
        better = best_amplitudes(sound, attempt.end, rate)[2] >= best_amplitudes(sound, hz, rate)[2]
        trace = trace.then(attempt)._replace(end=torch.where(better.unsqueeze(-1), attempt.end, hz))
        steps_left -= find + tune
    trace = trace.then(polish(sound, trace.end, rate, steps=steps_left, partials=_all, reach_bins=0.05))
    return frequency_fit(trials, trace._replace(end=trace.end.sort(-1).values), _all)


def _all(hz: Tensor) -> Tensor:
    """Every frequency is learned by itself: (trials, K) as they are."""
    return hz


def _send(sound: Tensor, hz: Tensor, found: Tensor, which: Tensor, rate: float, find: int, tune: int) -> Trace:
    """Take one sinusoid of each trial out, carry it to the strongest peak of what the others leave, tune all found.

    hz, found: (trials, K), where each sinusoid is, and which are found. which: (trials, 1), the one to send.
    """
    remainder = sound - resynthesise(sound, hz, rate, found.scatter(-1, which, False))
    line = carry_line(remainder, hz.gather(-1, which).squeeze(-1), rate, steps=find)
    sent = line.map(lambda line_hz: hz.scatter(-1, which, line_hz.unsqueeze(-1)))
    tuned = polish(sound, sent.end, rate, steps=tune, partials=_all, used=found.scatter(-1, which, True))
    edge = rate / sound.shape[-1] / 4
    return sent.then(tuned)._replace(end=tuned.end.clamp(edge, rate / 2 - edge))


def _weakest(sound: Tensor, hz: Tensor, rate: float) -> Tensor:
    """Which sinusoid of each trial could be missed most easily, (trials, 1)."""
    cosines, sines, _ = best_amplitudes(sound, hz, rate)
    return torch.hypot(cosines, sines).argmin(-1, keepdim=True)
