"""One sinusoid, one frequency, a random start: nine ways to get there, all with the same call, and how they fare."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count
from course_lib.fitting.frequency.common import (
    FrequencyFit,
    best_amplitudes,
    check_trials,
    descend,
    finish,
    half_cosine,
    polish,
    sines,
    slide,
    spectral_peak,
)
from course_lib.fitting.losses import (
    MultiscaleSpectralLoss,
    autocorrelation_loss,
    spectral_l1,
    spectral_transport_loss,
    waveform_l1,
)

Path = tuple[list[Tensor], list[float]]
Loss = Callable[[Tensor, Tensor], Tensor]
# Share of the steps with which the lags grow; the rest polishes.
COARSE = 5 / 7
STRIDE = 0.02  # first stride, in units of the Nyquist frequency
SHARPEN = 16.0  # power of the target's magnitudes
STARTS = 32
LAGS = 1.0  # first lag width, samples
SURROGATE_STRIDE = 0.02


def fit_frequency(
    target: Any, start_hz: Any, sample_rate: float, method: str = "transport", steps: int | None = None
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

    >>> tone = sines(torch.tensor([440.0]), 1024, 16000)
    >>> fit_frequency(tone, 5000.0, 16000).hz.round(decimals=2)
    tensor([440.])
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
    sound, start, rate, leading = check_trials(target, start_hz, sample_rate)
    steps = DEFAULT_STEPS[method] if steps is None else check_count(steps, "steps", minimum=0)
    path: list[Tensor] = [start]
    losses: list[float] = []
    hz = METHODS[method](sound, start, rate, steps, (path, losses))
    return finish(
        sound, hz, hz.unsqueeze(-1), rate, leading, as_tensor(target, "target"), path, losses, partial_axis=False
    )


def _limits(sample_rate: float, n_samples: int) -> tuple[float, float]:
    """Where a search may go, Hz: one bin away from 0 Hz and from Nyquist."""
    return sample_rate / n_samples, sample_rate / 2 - sample_rate / n_samples


def _roll(
    loss: Loss | Sequence[Loss],
    sound: Tensor,
    start: Tensor,
    rate: float,
    strides: Sequence[float],
    way: Path,
    *,
    learn_all: bool,
    octaves: bool = False,
) -> Tensor:
    """Descend a loss of the library (or one loss a step) on a sine's frequency; amplitude and phase too, if asked."""
    low, high = _limits(rate, sound.shape[-1])
    goal, loud = sound.float(), sound.square().mean(-1).sqrt() * math.sqrt(2)
    amplitude, phase = loud.clone().requires_grad_(learn_all), torch.zeros_like(loud).requires_grad_(learn_all)

    def to_hz(x: Tensor) -> Tensor:
        return torch.exp2(x) if octaves else x * (rate / 2)

    def from_hz(hz: Tensor) -> Tensor:
        return torch.log2(hz) if octaves else hz / (rate / 2)

    def height(x: Tensor, step: int) -> Tensor:
        wave = sines(to_hz(x), sound.shape[-1], rate, phase)
        # Each row depends on its own numbers alone, so the gradient of the mean holds every row's gradient / rows.
        now = loss if callable(loss) else loss[step]
        return now(amplitude.unsqueeze(-1).float() * wave, goal).expand(len(goal))

    inner: list[Tensor] = []
    ends = from_hz(torch.tensor([low, high], dtype=start.dtype)).tolist()
    more = (amplitude, phase) if learn_all else ()
    x = descend(height, from_hz(start), strides, inner, way[1], limits=(ends[0], ends[1]), more=more)
    way[0].extend(to_hz(p) for p in inner)
    return to_hz(x)


def _waveform(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """Waveform L1: sample by sample, and a dent for every beat."""
    return _roll(waveform_l1, sound, start, rate, half_cosine(STRIDE, steps), way, learn_all=True)


def _spectrum(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """Spectrum L1: bin by bin, blind beyond the main lobe."""
    return _roll(spectral_l1, sound, start, rate, half_cosine(STRIDE, steps), way, learn_all=True)


def _multiscale(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """The multi-scale spectral loss, the workhorse of the field."""
    fixed = MultiscaleSpectralLoss(sound.float())
    return _roll(
        lambda prediction, _: fixed(prediction), sound, start, rate, half_cosine(STRIDE, steps), way, learn_all=True
    )


def _log_frequency(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """Spectrum L1, with octaves as the number that is learned: a stride means the same everywhere."""
    return _roll(spectral_l1, sound, start, rate, half_cosine(0.1, steps), way, learn_all=True, octaves=True)


def _multi_start(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """Spectrum L1 from 32 starts, the one given and 31 spread evenly; the lowest loss wins. `steps` each."""
    low, high = _limits(rate, sound.shape[-1])
    spread = torch.linspace(low, high, STARTS + 1, dtype=start.dtype, device=start.device)[1:-1]
    starts = torch.cat([start.unsqueeze(-1), spread.expand(len(start), -1)], dim=-1)
    inner: Path = ([], [])
    ends = _roll(
        spectral_l1,
        sound.repeat_interleave(STARTS, 0),
        starts.flatten(),
        rate,
        half_cosine(STRIDE, steps),
        inner,
        learn_all=True,
    ).unflatten(0, (-1, STARTS))
    unexplained = [-best_amplitudes(sound, e.unsqueeze(-1), rate)[2] for e in ends.unbind(-1)]
    best = torch.stack(unexplained, dim=-1).argmin(-1, keepdim=True)
    way[0].extend(p.unflatten(0, (-1, STARTS)).gather(-1, best).squeeze(-1) for p in inner[0])
    way[1].extend(inner[1])
    return ends.gather(-1, best).squeeze(-1)


def _transport(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """Optimal transport of spectra, the target's sharpened: one valley, as wide as the frequency axis. Then polish."""
    coarse, scale = round(steps / 4), rate / 2
    goal = (sound / sound.abs().amax(-1, keepdim=True)).float()  # level does not matter, but must not underflow
    low, high = _limits(rate, sound.shape[-1])

    def distance(x: Tensor) -> Tensor:
        wave = sines(x * scale, sound.shape[-1], rate)
        return spectral_transport_loss(wave, goal, rate, target_power=SHARPEN).expand(len(goal))

    inner: list[Tensor] = []
    x = slide(distance, start / scale, 0.25, coarse, inner, way[1], (low / scale, high / scale))
    way[0].extend(p * scale for p in inner)
    return polish(sound, x * scale, rate, steps - coarse, *way)


def _lag(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """Agreement of autocorrelations: first at short lags (a view out of focus), then at longer ones. Then polish."""
    coarse, last = round(steps * COARSE), max(LAGS, sound.shape[-1] / 8)
    # A fifth of the steps to arrive under the widest blur, then the lag window grows by equal ratios.
    grown = [max(0.0, (step / max(1, coarse - 1) - 0.2) / 0.8) for step in range(coarse)]
    losses = [functools.partial(autocorrelation_loss, lag_width=LAGS * (last / LAGS) ** g) for g in grown]
    strides = [0.75 * STRIDE * 0.005**g for g in grown]
    hz = _roll(losses, sound, start, rate, strides, way, learn_all=False)
    return polish(sound, hz, rate, steps - coarse, *way)


def _surrogate(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """A damped complex exponential z^n in place of the sine: its damping is learned too and widens the valley.

    The number that is learned is z; the gradient is scaled to length 1 (Hayes, Saitis and Fazekas, 2023).
    """
    n_samples = sound.shape[-1]
    n = torch.arange(n_samples, dtype=torch.float32, device=sound.device)
    goal = torch.fft.rfft(sound.float()).abs()
    angle = start * (2 * math.pi / rate)  # Hz → rad/sample
    z = torch.polar(torch.full_like(angle, 1.0), angle).to(torch.complex64)
    for step in range(steps):
        z = z.detach().requires_grad_()
        # |z|^n with the phase wrapped; outside the unit circle the exponential would explode, so it is mirrored inside.
        decay = -z.abs().log().abs()
        wave = torch.exp(decay.unsqueeze(-1) * n) * torch.cos(z.angle().unsqueeze(-1) * n)
        spectrum = torch.fft.rfft(wave).abs()
        gain = (spectrum * goal).sum(-1, keepdim=True) / spectrum.square().sum(-1, keepdim=True)
        loss = (gain.detach() * spectrum - goal).square().mean(-1)
        way[1].append(float(loss.detach().mean()))
        (slope,) = torch.autograd.grad(loss.sum(), z)
        stride = SURROGATE_STRIDE * (1 - step / steps)
        z = z.detach() - stride * slope / slope.abs().clamp(min=1e-20)
        way[0].append((z.angle().abs() * (rate / (2 * math.pi))).to(start.dtype))
    low, high = _limits(rate, n_samples)
    return (z.detach().angle().abs() * (rate / (2 * math.pi))).to(start.dtype).clamp(low, high)


def _fft_peak(sound: Tensor, start: Tensor, rate: float, steps: int, way: Path) -> Tensor:
    """The yardstick: the highest peak of one zero-padded FFT, a parabola through its top, then the same polish."""
    hz = spectral_peak(sound, rate)
    way[0].append(hz)
    way[1].append(float(1 - (best_amplitudes(sound, hz.unsqueeze(-1), rate)[2] / sound.square().sum(-1)).mean()))
    return polish(sound, hz, rate, steps, *way)


METHODS: dict[str, Callable[[Tensor, Tensor, float, int, Path], Tensor]] = {
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
DEFAULT_STEPS = {name: 300 for name in METHODS} | {
    "multi_start": 60, "surrogate": 2000, "transport": 210, "fft_peak": 60
}  # fmt: skip
