"""One sinusoid, one frequency, a random start: nine ways to get there, all with the same call, and how they fare."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from course_lib.core.checks import check_count
from course_lib.core.types import ArrayLike
from course_lib.fitting.frequency.amplitudes import best_amplitudes
from course_lib.fitting.frequency.descent import Trace, descend, half_cosine, sign_descent
from course_lib.fitting.frequency.result import FrequencyFit, check_trials, frequency_fit
from course_lib.fitting.frequency.spectra import sines, spectral_peak
from course_lib.fitting.frequency.stages import FIRST_STRIDE, one_partial, polish
from course_lib.fitting.losses import (
    MultiscaleSpectralLoss,
    autocorrelation_loss,
    spectral_l1,
    spectral_transport_loss,
    waveform_l1,
)

Loss = Callable[[Tensor, Tensor], Tensor]
Remedy = Literal[
    "waveform",
    "spectrum",
    "multiscale",
    "log_frequency",
    "multi_start",
    "surrogate",
    "lag",
    "transport",
    "fft_peak",
]
STRIDE = 0.02  # first stride of Adam, in units of the Nyquist frequency
OCTAVE_STRIDE = 0.1  # the same, in octaves
STARTS = 32
TRANSPORT_COARSE = 1 / 4  # share of the steps with which energy is carried; the rest polishes
SHARPEN = 16.0  # power of the target's magnitudes
LAG_COARSE = 5 / 7  # share of the steps with which the lags grow; the rest polishes
FIRST_LAG_WIDTH = 1.0  # samples
SURROGATE_STRIDE = 0.02


def fit_frequency(
    target: ArrayLike,
    start_hz: ArrayLike,
    sample_rate: float,
    method: Remedy = "transport",
    *,
    steps: int | None = None,
) -> FrequencyFit:
    """Find the frequency of a sinusoid from a start that may be far away.

    Args:
        target: (…, n_samples), sounds of one sinusoid each, with or without noise; at least 64 samples.
        start_hz: (…) or a number, Hz, above 0 and below Nyquist.
        sample_rate: Hz.
        method: "transport" (the default and the best), "lag", "surrogate", "multi_start", "log_frequency", "waveform",
            "spectrum", "multiscale", or "fft_peak", which picks a peak and descends only to polish.
        steps: gradient steps in all, the polish included; by default `DEFAULT_STEPS[method]`.

    Returns:
        FrequencyFit: hz, amplitude and phase of shape (…); amplitude and phase are the best ones at that frequency.

    Raises:
        ValueError: unknown method, silent or NaN target, a start at 0, at or above Nyquist, shapes that do not agree.

    Chapter: book/sines/escaping_minima.ipynb

    >>> tone = sines(torch.tensor([440.0]), n_samples=1024, sample_rate=16000)
    >>> fit_frequency(tone, 5000.0, 16000).hz.round(decimals=2)
    tensor([440.])
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
    trials = check_trials(target, start_hz, sample_rate)
    steps = DEFAULT_STEPS[method] if steps is None else check_count(steps, "steps", minimum=0)
    trace = METHODS[method](trials.sound, trials.start, trials.sample_rate, steps)
    found = frequency_fit(trials, trace, one_partial)
    return found._replace(amplitude=found.amplitude.squeeze(-1), phase=found.phase.squeeze(-1))


def _limits(sample_rate: float, n_samples: int) -> tuple[float, float]:
    """Where a search may go, Hz: one bin away from 0 Hz and from Nyquist."""
    return sample_rate / n_samples, sample_rate / 2 - sample_rate / n_samples


def _descend_frequency(
    loss: Loss | Sequence[Loss],
    sound: Tensor,
    start: Tensor,
    rate: float,
    strides: Sequence[float],
    *,
    learn_all: bool = True,
    octaves: bool = False,
) -> Trace:
    """Descend a loss of the library (or one loss a step) on a sine's frequency; amplitude and phase too, if asked."""
    low, high = _limits(rate, sound.shape[-1])
    goal, rms = sound.float(), sound.square().mean(-1).sqrt()
    amplitude = (rms * math.sqrt(2)).requires_grad_(learn_all)
    phase = torch.zeros_like(rms).requires_grad_(learn_all)

    def to_hz(x: Tensor) -> Tensor:
        return torch.exp2(x) if octaves else x * (rate / 2)

    def from_hz(hz: Tensor) -> Tensor:
        return torch.log2(hz) if octaves else hz / (rate / 2)

    def loss_of_trials(x: Tensor, step: int) -> Tensor:
        wave = sines(to_hz(x), n_samples=sound.shape[-1], sample_rate=rate, phase=phase)
        # Each row depends on its own numbers alone, so the gradient of the mean holds every row's gradient / rows.
        loss_now = loss if callable(loss) else loss[step]
        return loss_now(amplitude.unsqueeze(-1).float() * wave, goal).expand(len(goal))

    ends = from_hz(torch.tensor([low, high], dtype=start.dtype)).tolist()
    also_learned = (amplitude, phase) if learn_all else ()
    descent = descend(loss_of_trials, from_hz(start), strides, limits=(ends[0], ends[1]), also_learned=also_learned)
    return descent.map(to_hz)


def _waveform(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """Waveform L1: sample by sample, and a dent for every beat."""
    return _descend_frequency(waveform_l1, sound, start, rate, half_cosine(STRIDE, steps=steps))


def _spectrum(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """Spectrum L1: bin by bin, blind beyond the main lobe."""
    return _descend_frequency(spectral_l1, sound, start, rate, half_cosine(STRIDE, steps=steps))


def _multiscale(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """The multi-scale spectral loss, the workhorse of the field."""
    to_sound = MultiscaleSpectralLoss(sound.float())
    return _descend_frequency(
        lambda prediction, _: to_sound(prediction), sound, start, rate, half_cosine(STRIDE, steps=steps)
    )


def _log_frequency(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """Spectrum L1, with octaves as the number that is learned: a stride means the same everywhere."""
    return _descend_frequency(spectral_l1, sound, start, rate, half_cosine(OCTAVE_STRIDE, steps=steps), octaves=True)


def _multi_start(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """Spectrum L1 from 32 starts, the one given and 31 spread evenly; the one that explains most wins. `steps` each."""
    low, high = _limits(rate, sound.shape[-1])
    spread = torch.linspace(low, high, STARTS + 1, dtype=start.dtype, device=start.device)[1:-1]
    starts = torch.cat([start.unsqueeze(-1), spread.expand(len(start), -1)], dim=-1)
    sounds = sound.repeat_interleave(STARTS, 0)
    descents = _descend_frequency(spectral_l1, sounds, starts.flatten(), rate, half_cosine(STRIDE, steps=steps))
    ends = descents.end.unflatten(0, (-1, STARTS))
    unexplained = [-best_amplitudes(sound, end.unsqueeze(-1), rate)[2] for end in ends.unbind(-1)]
    return descents.choose(torch.stack(unexplained, dim=-1).argmin(-1, keepdim=True), STARTS)


def _transport(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """Optimal transport of spectra, the target's sharpened: one valley, as wide as the frequency axis. Then polish."""
    coarse, nyquist = round(steps * TRANSPORT_COARSE), rate / 2
    goal = (sound / sound.abs().amax(-1, keepdim=True)).float()  # level does not matter, but must not underflow
    low, high = _limits(rate, sound.shape[-1])

    def distance(x: Tensor) -> Tensor:
        wave = sines(x * nyquist, n_samples=sound.shape[-1], sample_rate=rate)
        return spectral_transport_loss(wave, goal, rate, target_power=SHARPEN).expand(len(goal))

    valley = sign_descent(
        distance, start / nyquist, stride=FIRST_STRIDE, steps=coarse, limits=(low / nyquist, high / nyquist)
    )
    found = valley.map(lambda x: x * nyquist)
    return found.then(polish(sound, found.end, rate, steps=steps - coarse))


def _lag(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """Agreement of autocorrelations: first at short lags (a view out of focus), then at longer ones. Then polish."""
    coarse, last = round(steps * LAG_COARSE), max(FIRST_LAG_WIDTH, sound.shape[-1] / 8)
    # A fifth of the steps to arrive under the widest blur, then the lag window grows by equal ratios.
    grown = [max(0.0, (step / max(1, coarse - 1) - 0.2) / 0.8) for step in range(coarse)]
    widths = [FIRST_LAG_WIDTH * (last / FIRST_LAG_WIDTH) ** g for g in grown]
    losses = [functools.partial(autocorrelation_loss, lag_width=width) for width in widths]
    strides = [0.75 * STRIDE * 0.005**g for g in grown]
    found = _descend_frequency(losses, sound, start, rate, strides, learn_all=False)
    return found.then(polish(sound, found.end, rate, steps=steps - coarse))


def _surrogate(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """A damped complex exponential z^n in place of the sine: its damping is learned too and widens the valley.

    The number that is learned is z; the gradient is scaled to length 1 (Hayes, Saitis and Fazekas, 2023).
    """
    n_samples = sound.shape[-1]
    n = torch.arange(n_samples, dtype=torch.float32, device=sound.device)
    goal = torch.fft.rfft(sound.float()).abs()
    angle = start * (2 * math.pi / rate)  # Hz → rad/sample
    z = torch.polar(torch.full_like(angle, 1.0), angle).to(torch.complex64)
    path: list[Tensor] = []
    losses: list[float] = []
    for step in range(steps):
        z = z.detach().requires_grad_()
        # |z|^n with the phase wrapped; outside the unit circle the exponential would explode, so it is mirrored inside.
        decay = -z.abs().log().abs()
        wave = torch.exp(decay.unsqueeze(-1) * n) * torch.cos(z.angle().unsqueeze(-1) * n)
        spectrum = torch.fft.rfft(wave).abs()
        gain = (spectrum * goal).sum(-1, keepdim=True) / spectrum.square().sum(-1, keepdim=True)
        loss = (gain.detach() * spectrum - goal).square().mean(-1)
        losses.append(float(loss.detach().mean()))
        (slope,) = torch.autograd.grad(loss.sum(), z)
        stride = SURROGATE_STRIDE * (1 - step / steps)
        z = z.detach() - stride * slope / slope.abs().clamp(min=1e-20)
        path.append((z.angle().abs() * (rate / (2 * math.pi))).to(start.dtype))
    low, high = _limits(rate, n_samples)
    end = (z.detach().angle().abs() * (rate / (2 * math.pi))).to(start.dtype).clamp(low, high)
    return Trace(end, path, losses)


def _fft_peak(sound: Tensor, start: Tensor, rate: float, steps: int) -> Trace:
    """The yardstick: the highest peak of one zero-padded FFT, a parabola through its top, then the same polish."""
    hz = spectral_peak(sound, rate)
    loss = float(1 - (best_amplitudes(sound, hz.unsqueeze(-1), rate)[2] / sound.square().sum(-1)).mean())
    return Trace(hz, [hz], [loss]).then(polish(sound, hz, rate, steps=steps))


METHODS: dict[Remedy, Callable[[Tensor, Tensor, float, int], Trace]] = {
    "waveform": _waveform,
    "spectrum": _spectrum,
    "multiscale": _multiscale,
    "log_frequency": _log_frequency,
    "multi_start": _multi_start,
    "surrogate": _surrogate,
    "lag": _lag,
    "transport": _transport,
    "fft_peak": _fft_peak,
}
DEFAULT_STEPS: dict[Remedy, int] = {name: 300 for name in METHODS}
DEFAULT_STEPS |= {"multi_start": 60, "surrogate": 2000, "transport": 210, "fft_peak": 60}
