"""What goes into a search for frequencies and what comes out: checked trials, and the sinusoids that were found."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.core.checks import check_audio, check_eager, check_frequency, check_leading, check_sample_rate
from course_lib.core.types import ArrayLike
from course_lib.fitting.fit import History
from course_lib.fitting.frequency.amplitudes import best_amplitudes
from course_lib.fitting.frequency.descent import Trace

MIN_SAMPLES = 64  # fewer hold no spectrum worth the name


class FrequencyFit(NamedTuple):
    """Sinusoids found in a sound: `amplitude · sin(2π · hz · n / sample_rate + phase)`.

    hz, amplitude, phase: (…), Hz, linear, radians in (−π, π]; all three (…, n_partials) from `fit_sinusoids`, and the
    last two from `fit_f0`. history: one loss a step, mean over the trials, and parameters["hz"] (n_steps + 1, …),
    the way there.

    >>> from course_lib import fit_frequency, sinusoid
    >>> target = sinusoid(440.0, 0.5, n_samples=1000, sample_rate=16000)
    >>> found = fit_frequency(target, 300.0, sample_rate=16000)
    >>> round(float(found.hz)), round(float(found.amplitude), 2)
    (440, 0.5)
    """

    hz: Tensor
    amplitude: Tensor
    phase: Tensor
    history: History


class Trials(NamedTuple):
    """Checked input of a search, its leading axes flattened into one of trials.

    sound: (trials, n_samples), float64. start: (trials,) or (trials, K), Hz, float64. leading: the axes that the
    trials came from. dtype: the precision that the result goes back to.
    """

    sound: Tensor
    start: Tensor
    sample_rate: float
    leading: torch.Size
    dtype: torch.dtype


def check_trials(target: ArrayLike, start_hz: ArrayLike, sample_rate: float, *, components: bool = False) -> Trials:
    """Check targets and starts, one start a trial or (components) K of them, and bring them into one shape."""
    rate = check_sample_rate(sample_rate)
    check_eager("a search for frequencies descends by itself", target, start_hz)
    sound = check_audio(target, "target", allow_silence=False, minimum=MIN_SAMPLES).detach()
    start = check_frequency(start_hz, "start_hz", rate, below_nyquist=True).detach()
    if bool((start == 0).any()):
        raise ValueError("start_hz must be above 0 Hz: a sinusoid of 0 Hz is no sound to start from")
    if components and start.ndim == 0:
        raise ValueError("start_hz must have shape (…, n_partials), one start for each sinusoid; got a single number")
    tail = start.shape[-1:] if components else ()
    heads = start.shape[:-1] if components else start.shape
    leading = check_leading(target=sound.shape[:-1], start_hz=heads)
    silent = (sound == 0).all(-1)
    if bool(silent.any()):
        where = silent.nonzero()[0].tolist()
        raise ValueError(f"target is silent in trial {where}: there is no frequency to find. Leave it out")
    dtype = sound.dtype
    sound = sound.double().expand((*leading, -1)).reshape(-1, sound.shape[-1])
    start = start.double().to(sound.device).expand((*leading, *tail)).reshape(-1, *tail)
    return Trials(sound, start, rate, leading, dtype)


def frequency_fit(
    trials: Trials, trace: Trace, partials: Callable[[Tensor], Tensor], used: Tensor | None = None
) -> FrequencyFit:
    """What a search found, in the shape and precision of the input; amplitudes and phases (…, K) in closed form.

    partials and used: as in `polish`. The loss of the result is added to those of the trace.
    """
    sound, rate, partials_hz = trials.sound, trials.sample_rate, partials(trace.end)
    cosines, sines, explained = best_amplitudes(sound, partials_hz, rate, used)
    loss = float((1 - explained / sound.square().sum(-1)).mean())
    amplitude = torch.hypot(cosines, sines)
    middle = partials_hz * (math.pi / rate * (sound.shape[-1] - 1))  # radians from sample 0 to the middle
    phase = torch.atan2(cosines, sines) - middle
    phase = math.pi - torch.remainder(math.pi - phase, 2 * math.pi)  # (−π, π]

    def as_input(x: Tensor) -> Tensor:
        return x.reshape((*trials.leading, *x.shape[1:])).to(trials.dtype)

    path = [trials.start, *trace.path]
    history = History(losses=[*trace.losses, loss], steps=list(range(len(path))))
    history.parameters["hz"] = torch.stack([as_input(hz) for hz in path])
    return FrequencyFit(as_input(trace.end), as_input(amplitude), as_input(phase), history)
