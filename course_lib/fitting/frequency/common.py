"""What every search for a frequency shares: its input checks, its descent, its last steps and its result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.core.checks import check_audio, check_frequency, check_leading, check_sample_rate
from course_lib.fitting.fit import History

LEVELS = 512  # points at which two climbs of energy are compared
MIN_SAMPLES = 64  # fewer hold no spectrum worth the name


class FrequencyFit(NamedTuple):
    """Sinusoids found in a sound: `amplitude · sin(2π · hz · n / sample_rate + phase)`.

    hz, amplitude, phase: (…), Hz, linear, radians in (−π, π]; all three (…, n_partials) from `fit_sinusoids`, and the
    last two from `fit_f0`. history: one loss a step, mean over the trials, and parameters["hz"] (n_steps + 1, …),
    the way there.
    """

    hz: Tensor
    amplitude: Tensor
    phase: Tensor
    history: History


def check_trials(
    target: Any, start_hz: Any, sample_rate: float, *, components: bool = False
) -> tuple[Tensor, Tensor, float, torch.Size]:
    """Targets (trials, n_samples) and starts (trials,) or (trials, K) in double precision, rate, leading axes."""
    rate = check_sample_rate(sample_rate)
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
    sound = sound.double().expand((*leading, -1)).reshape(-1, sound.shape[-1])
    start = start.double().to(sound.device).expand((*leading, *tail)).reshape(-1, *tail)
    return sound, start, rate, leading


def descend(
    loss: Callable[[Tensor, int], Tensor],
    start: Tensor,
    strides: Sequence[float],
    path: list[Tensor],
    losses: list[float],
    *,
    limits: tuple[float, float] = (-math.inf, math.inf),
    more: tuple[Tensor, ...] = (),
) -> Tensor:
    """Adam with a given stride for each step; every place it visits goes to `path`, the mean loss to `losses`.

    loss takes the number that is learned, (trials, …), and the step, and returns one loss a trial. `more` holds
    further parameters that learn along.
    """
    x = start.detach().clone().requires_grad_()
    adam = torch.optim.Adam([x, *more], betas=(0.9, 0.9))
    for step, stride in enumerate(strides):
        for group in adam.param_groups:
            group["lr"] = stride
        heights = loss(x, step)
        losses.append(float(heights.detach().mean()))
        adam.zero_grad()
        heights.sum().backward()
        adam.step()
        with torch.no_grad():
            x.clamp_(*limits)
        path.append(x.detach().clone())
    return x.detach()


def slide(
    loss: Callable[[Tensor], Tensor],
    start: Tensor,
    stride: float,
    steps: int,
    path: list[Tensor],
    losses: list[float],
    limits: tuple[float, float],
) -> Tensor:
    """Descend one valley on the sign of the slope alone: one stride downhill, half of it wherever the slope turned.

    For convex losses of one number a trial; about 20 steps settle a millionth of the range.
    """
    x = start.detach().clone()
    strides, before = torch.full_like(x, stride), torch.zeros_like(x)
    for _ in range(steps):
        leaf = x.clone().requires_grad_()
        heights = loss(leaf)
        losses.append(float(heights.detach().mean()))
        way = -torch.autograd.grad(heights.sum(), leaf)[0].sign()
        strides = torch.where(way * before < 0, strides / 2, strides)
        before = torch.where(way == 0, before, way)
        x = (x + strides * way).clamp(*limits)
        path.append(x)
    return x


def falling(first: float, last: float, steps: int) -> list[float]:
    """Strides that fall from first towards last by equal ratios."""
    return [first * (last / first) ** (step / steps) for step in range(steps)]


def half_cosine(first: float, steps: int) -> list[float]:
    """Strides that fall from first to 0 along half a cosine: far at first, then ever finer."""
    return [first * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]


def sines(hz: Tensor, n_samples: int, sample_rate: float, phase: Tensor | float = 0.0) -> Tensor:
    """sin(2π · hz · n / rate + phase), (…, n_samples) in single precision, its turns counted in double."""
    turns = hz.double().unsqueeze(-1) * torch.arange(n_samples, dtype=torch.float64, device=hz.device) / sample_rate
    start = phase.unsqueeze(-1) if isinstance(phase, Tensor) else phase
    return torch.sin(((turns - turns.detach().round()) * (2 * math.pi) + start).float())


def power_spectrum(sound: Tensor) -> Tensor:
    """|X|² of a sound (…, n_samples) under a Hann window, padded to twice its length."""
    window = torch.hann_window(sound.shape[-1], dtype=sound.dtype, device=sound.device)
    return torch.fft.rfft(sound * window, n=2 * sound.shape[-1]).abs().square()


def spectral_quantiles(sound: Tensor, sample_rate: float, power: float) -> tuple[Tensor, Tensor]:
    """Frequencies below which 0 … 1 of the sharpened energy lies: levels (LEVELS,) and Hz (trials, LEVELS).

    The noise floor, thrice what the median bin suggests, is taken off before sharpening.
    """
    energy = power_spectrum(sound)
    floor = 3 / math.log(2) * energy.median(-1, keepdim=True).values  # of exponentially distributed noise power
    above = (energy - torch.minimum(floor, 0.25 * energy.amax(-1, keepdim=True))).clamp(min=0)
    mass = (above / above.amax(-1, keepdim=True)) ** (power / 2)
    climb = (mass / mass.sum(-1, keepdim=True)).cumsum(-1)
    levels = (torch.arange(LEVELS, dtype=sound.dtype, device=sound.device) + 0.5) / LEVELS
    where = torch.searchsorted(climb, levels.expand(len(sound), -1).contiguous())
    return levels, where.to(sound) * (sample_rate / (2 * sound.shape[-1]))


def move_line(
    sound: Tensor,
    start: Tensor,
    sample_rate: float,
    steps: int,
    path: list[Tensor],
    losses: list[float],
    power: float = 256.0,
) -> Tensor:
    """Carry all energy of the sharpened spectrum to one line, (trials,) Hz: Σ |Q(u) − f| is convex in f."""
    quantiles, scale = spectral_quantiles(sound, sample_rate, power)[1], sample_rate / 2

    def distance(x: Tensor) -> Tensor:
        return (quantiles / scale - x.unsqueeze(-1)).abs().mean(-1)

    way: list[Tensor] = []
    edge = 2 / sound.shape[-1]
    x = slide(distance, start / scale, 0.25, steps, way, losses, (edge, 1 - edge))
    path.extend(step * scale for step in way)
    return x * scale


def spectral_peak(sound: Tensor, sample_rate: float) -> Tensor:
    """Frequency (Hz) of the highest peak, (…): a parabola through the logarithms of three bins."""
    power = power_spectrum(sound)
    top = power[..., 1:-1].argmax(-1, keepdim=True) + 1
    left, middle, right = (power.gather(-1, top + i).clamp(min=1e-300).log() for i in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = torch.where(bend < 0, (left - right) / (2 * bend), 0.0).clamp(-0.5, 0.5)
    return ((top + shift) * (sample_rate / (2 * sound.shape[-1]))).squeeze(-1)


def projections(sound: Tensor, hz: Tensor, sample_rate: float) -> tuple[Tensor, Tensor]:
    """Inner products of a sound (trials, n_samples) with cos and sin at hz (trials, K), time counted from its middle.

    Written with n = block · q + r, so that only about 2 √n_samples phasors a partial are formed instead of n_samples.
    """
    n_samples = sound.shape[-1]
    block = math.ceil(math.sqrt(n_samples))
    blocks = math.ceil(n_samples / block)
    grid = torch.nn.functional.pad(sound, (0, blocks * block - n_samples)).reshape(-1, blocks, block)
    omega = hz * (2 * math.pi / sample_rate)  # Hz → rad/sample
    fine = torch.arange(block, dtype=hz.dtype, device=hz.device) - (n_samples - 1) / 2
    coarse = torch.arange(blocks, dtype=hz.dtype, device=hz.device) * block
    r, q = omega.unsqueeze(-1) * fine, omega.unsqueeze(-1) * coarse
    rc, rs = grid @ torch.cos(r).mT, grid @ torch.sin(r).mT  # (trials, blocks, K)
    qc, qs = torch.cos(q).mT, torch.sin(q).mT
    return (rc * qc - rs * qs).sum(-2), (rs * qc + rc * qs).sum(-2)


def best_amplitudes(
    sound: Tensor, hz: Tensor, sample_rate: float, used: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Least squares at given frequencies: amplitudes of cos and sin (trials, K), and the energy they explain (trials,).

    Time is counted from the middle of the sound. There cosines and sines are orthogonal, and the products of two
    cosines (or two sines) add up to Dirichlet kernels, so nothing of length n_samples is formed.
    """
    n_samples, omega = sound.shape[-1], hz * (2 * math.pi / sample_rate)
    minus = _dirichlet(omega.unsqueeze(-1) - omega.unsqueeze(-2), n_samples)
    plus = _dirichlet(omega.unsqueeze(-1) + omega.unsqueeze(-2), n_samples)
    # So little that nothing changes, unless two sinusoids have become one: then it shares the amplitude between them.
    ridge = 1e-7 * n_samples * torch.eye(hz.shape[-1], dtype=hz.dtype, device=hz.device)
    by_cos, by_sin = projections(sound, hz, sample_rate)
    if used is not None:  # a partial that is left out: zero on the right, and coupled to nobody on the left
        both = (used.unsqueeze(-1) & used.unsqueeze(-2)).to(hz)
        alone = torch.diag_embed((~used).to(hz)) * n_samples
        minus, plus = minus * both + alone, plus * both + alone * 0
        by_cos, by_sin = by_cos * used, by_sin * used
    cosines = torch.linalg.solve((minus + plus) / 2 + ridge, by_cos.unsqueeze(-1)).squeeze(-1)
    sines_ = torch.linalg.solve((minus - plus) / 2 + ridge, by_sin.unsqueeze(-1)).squeeze(-1)
    return cosines, sines_, (cosines * by_cos + sines_ * by_sin).sum(-1)


def resynthesise(sound: Tensor, hz: Tensor, sample_rate: float, used: Tensor) -> Tensor:
    """The best sum of sinusoids at given frequencies (trials, K), (trials, n_samples)."""
    cosines, sines_, _ = best_amplitudes(sound, hz, sample_rate, used)
    time = torch.arange(sound.shape[-1], dtype=hz.dtype, device=hz.device) - (sound.shape[-1] - 1) / 2
    total = torch.zeros_like(sound)
    for k in range(hz.shape[-1]):  # one at a time: K waveforms at once would be K times the memory
        if bool(used[:, k].any()):
            angle = hz[:, k, None] * (2 * math.pi / sample_rate) * time
            total = total + cosines[:, k, None] * torch.cos(angle) + sines_[:, k, None] * torch.sin(angle)
    return total


def _dirichlet(omega: Tensor, n_samples: int) -> Tensor:
    """Σ cos(omega · t) over n_samples instants around 0."""
    zero = torch.sin(omega / 2).abs() < 1e-9
    safe = torch.where(zero, torch.ones_like(omega), omega)
    return torch.where(zero, torch.full_like(omega, n_samples), torch.sin(n_samples * safe / 2) / torch.sin(safe / 2))


def polish(
    sound: Tensor,
    start: Tensor,
    sample_rate: float,
    steps: int,
    path: list[Tensor],
    losses: list[float],
    *,
    partials: Callable[[Tensor], Tensor] = lambda hz: hz.unsqueeze(-1),
    used: Tensor | None = None,
    reach_bins: float = 0.25,
) -> Tensor:
    """The last steps: Adam on the frequency alone, on the energy that the best amplitudes and phases leave unexplained.

    partials maps what is learned, (trials, …) in Hz, to the frequencies of the sinusoids, (trials, K). The first stride
    is `reach_bins` DFT bins. This is variable projection (Golub and Pereyra, 1973).
    """
    energy, bin_hz = sound.square().sum(-1), sample_rate / sound.shape[-1]

    def unexplained(offset_bins: Tensor, _: int) -> Tensor:
        return 1 - best_amplitudes(sound, partials(start + offset_bins * bin_hz), sample_rate, used)[2] / energy

    way: list[Tensor] = []
    strides = falling(reach_bins, 1e-4 * reach_bins, steps)
    offset = descend(unexplained, torch.zeros_like(start), strides, way, losses)
    path.extend(start + step * bin_hz for step in way)
    return start + offset * bin_hz


def finish(
    sound: Tensor,
    hz: Tensor,
    partials_hz: Tensor,
    sample_rate: float,
    leading: torch.Size,
    like: Tensor,
    path: list[Tensor],
    losses: list[float],
    used: Tensor | None = None,
    *,
    partial_axis: bool = True,
) -> FrequencyFit:
    """Amplitudes and phases in closed form, history, and everything back in the shape and precision of the input."""
    cosines, sines_, explained = best_amplitudes(sound, partials_hz, sample_rate, used)
    losses.append(float((1 - explained / sound.square().sum(-1)).mean()))
    amplitude = torch.hypot(cosines, sines_)
    middle = partials_hz * (math.pi / sample_rate * (sound.shape[-1] - 1))  # radians from sample 0 to the middle
    phase = torch.atan2(cosines, sines_) - middle
    phase = math.pi - torch.remainder(math.pi - phase, 2 * math.pi)  # (−π, π]

    tail = partials_hz.shape[1:] if partial_axis else torch.Size()

    def back(x: Tensor, tail: torch.Size) -> Tensor:
        return x.reshape((*leading, *tail)).to(like)

    history = History(losses=losses, steps=list(range(len(path))))
    history.parameters["hz"] = torch.stack([back(p, p.shape[1:]) for p in path])
    return FrequencyFit(back(hz, hz.shape[1:]), back(amplitude, tail), back(phase, tail), history)
