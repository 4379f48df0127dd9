"""Python twins of the live figures on finding a frequency: the ball, transport, and sines taken out one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.core.units import amplitude_to_db, cents
from course_lib.fitting.landscapes import local_minima, loss_over_frequency
from course_lib.fitting.losses import multiscale_spectral_loss, spectral_l1, waveform_l1
from course_lib.synths.oscillator import sinusoid

State = Mapping[str, Any]
Array = np.ndarray
CLEAN_DB = 40  # from here up there is no noise: the same number as in js/mass.js
RATE = 8000


def _f64(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _dice(seed: int) -> Callable[[], float]:
    """Uniform numbers between 0 and 1, the same in JavaScript: xorshift of 32 bits."""
    word = seed * 0x9E3779B1 & 0xFFFFFFFF

    def roll() -> float:
        nonlocal word
        word ^= word << 13 & 0xFFFFFFFF
        word ^= word >> 17
        word ^= word << 5 & 0xFFFFFFFF
        return (word + 0.5) / 2**32

    return roll


def _noisy(sound: Array, noise_db: float, seed: int) -> Array:
    """The sound in white noise whose root mean square is so many decibels below the sound's."""
    if noise_db >= CLEAN_DB:
        return sound
    roll = _dice(seed)
    noise = np.array([math.sqrt(-2 * math.log(roll())) * math.cos(2 * math.pi * roll()) for _ in sound])
    return sound + noise * np.sqrt(np.mean(sound**2) / np.mean(noise**2)) * 10 ** (-noise_db / 20)


def _target(state: State, n: int) -> Tensor:
    clean = sinusoid(_f64(state["target_hz"]), _f64(1.0), n, RATE).numpy()
    return _f64(_noisy(clean, state["noise_db"], 1))


def _magnitudes(sound: Tensor, window: str) -> Tensor:
    n = sound.shape[-1]
    shape = torch.hann_window(n, dtype=sound.dtype) if window == "hann" else torch.ones(n, dtype=sound.dtype)
    return torch.fft.rfft(sound * (2 * shape / shape.sum())).abs()


def _mass(magnitudes: Tensor, power: float) -> Tensor:
    raised = (magnitudes / magnitudes.max()) ** power
    return raised / raised.sum()


def _transport_hz(prediction: Tensor, target: Tensor, window: str, power: float) -> Tensor:
    """Wasserstein-1 in Hz between the power spectrum of a prediction and a target's magnitudes to some power."""
    here, there = _mass(_magnitudes(prediction, window), 2), _mass(_magnitudes(target, window), power)
    return (here.cumsum(-1) - there.cumsum(-1)).abs().sum() * RATE / target.shape[-1]


def _disagreement(prediction: Tensor, target: Tensor, window: str, lags: float) -> Tensor:
    """1 minus the cosine between two autocorrelations under a Gaussian window of lags, lag 0 left out."""
    n = target.shape[-1]
    one, two = (torch.fft.irfft(_magnitudes(x, window).square())[1 : n // 2 + 1] for x in (prediction, target))
    weight = torch.exp(-((torch.arange(1, n // 2 + 1, dtype=torch.float64) / lags) ** 2))
    return 1 - (weight * one * two).sum() / ((weight * one * one).sum() * (weight * two * two).sum()).sqrt()


def _loss(name: str, window: str = "hann", lags: float = 8.0) -> Callable[[Tensor, Tensor], Tensor]:
    losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "waveform_l1": waveform_l1,
        "waveform_mse": lambda p, t: (p - t).square().mean(),
        "spectral_l1": spectral_l1,
        "multiscale": lambda p, t: multiscale_spectral_loss(p, t, (256, 128, 64, 32)),
        "transport": lambda p, t: _transport_hz(p, t, window, 2),
        "transport_sharp": lambda p, t: _transport_hz(p, t, window, 16),
        "lag": lambda p, t: _disagreement(p, t, window, lags),
    }
    if name == "spectral_l1" and window != "hann":
        return lambda p, t: (_magnitudes(p, window) - _magnitudes(t, window)).abs().mean()
    return losses[name]


def _roll(
    loss: Callable[[Tensor, Tensor], Tensor], target: Tensor, frequencies: list[float], start_hz: float, goal_hz: float
) -> dict[str, Any]:
    """Loss over frequency, its local minima, and the way of normalised descent from the start."""
    curve = loss_over_frequency(loss, target, _f64(frequencies), RATE)
    deep = 1e-9 * curve.max()
    minima = [i for i in local_minima(curve) if min(curve[i - 1], curve[i + 1]) - curve[i] > deep]

    one, n = _f64(1.0), target.shape[-1]
    low, high = math.log2(frequencies[0]), math.log2(frequencies[-1])
    u, stride, before = math.log2(start_hz), 1 / 80, 0.0
    path, heights = [start_hz], []
    for step in range(241):
        octaves = torch.log2(_f64(path[-1])).requires_grad_()
        value = loss(sinusoid(2**octaves, one, n, RATE), target)
        way = -math.copysign(1.0, slope) if (slope := torch.autograd.grad(value, octaves)[0].item()) else 0.0
        heights.append(value.item())
        if way * before < 0:
            stride /= 2
        if step == 240 or stride < 1e-4 or way == 0:
            break
        before = way
        following = min(high, max(low, u + way * stride))
        if following == u:  # at the edge of the picture
            break
        u = following
        path.append(2**u)
    return {
        "frequencies": frequencies,
        "curve": curve.tolist(),
        "minima": len(minima),
        "path": path,
        "heights": heights,
        "end_hz": path[-1],
        "error_cents": cents(_f64(path[-1]), _f64(goal_hz)).item(),
    }


def landscape(state: State) -> dict[str, Any]:
    """The ball under every loss of the course; the target is clean."""
    target = sinusoid(_f64(state["target_hz"]), _f64(1.0), 256, RATE)
    frequencies = [150 * 8 ** (i / 384) for i in range(385)]
    return _roll(_loss(state["loss"]), target, frequencies, state["start_hz"], state["target_hz"])


def escape(state: State) -> dict[str, Any]:
    """The ball over four octaves, with a noisy target, a choice of windows and of lags."""
    frequencies = [150 * 16 ** (i / 1536) for i in range(1537)]
    loss = _loss(state["loss"], state["window"], state["lags"])
    return _roll(loss, _target(state, 512), frequencies, state["start_hz"], state["target_hz"])


def transport(state: State) -> dict[str, Any]:
    """The mass of two spectra, both summed from the left, and the area between: transport and its slope."""
    target, hz = _target(state, 512), _f64(state["sine_hz"]).requires_grad_()
    sine = sinusoid(hz, _f64(1.0), 512, RATE)
    value = _transport_hz(sine, target, state["window"], state["power"])
    (slope,) = torch.autograd.grad(value, hz, retain_graph=True)
    seen, goal = (_magnitudes(x, state["window"]).detach() for x in (sine, target))
    masses = {"target": _mass(goal, state["power"]), "sine": _mass(seen, 2)}
    return {
        **{f"{name}_mass": mass.tolist() for name, mass in masses.items()},
        **{f"{name}_sum": mass.cumsum(-1).tolist() for name, mass in masses.items()},
        "transport_hz": value.item(),
        "slope": slope.item(),
        "distance_hz": abs(state["sine_hz"] - state["target_hz"]),
        "spectral_l1": (seen - goal).abs().mean().item(),
    }


BIN = RATE / 512


def _mixture(sines: int, seed: int) -> list[tuple[int, float, float]]:
    """Frequency, amplitude and phase of some sines: whole hertz, at least three bins apart."""
    roll = _dice(seed)
    hz: list[int] = []
    while len(hz) < sines:
        f = math.floor(200 + 1600 * roll())
        if all(abs(f - other) >= 3 * BIN for other in hz):
            hz.append(f)
    return [(f, 0.1 + 0.9 * roll(), 2 * math.pi * roll()) for f in sorted(hz)]


def _columns(hz: list[float]) -> Array:
    """(512, 2k): the sine and the cosine of each frequency."""
    phase = 2 * np.pi * np.outer(np.arange(512), hz) / RATE
    return np.stack([np.sin(phase), np.cos(phase)], axis=-1).reshape(512, -1)


def _polished(hz: list[float], sound: Array) -> list[float]:
    """Two turns of Gauss–Newton: frequencies, amplitudes and phases move together."""
    for _ in range(2):
        columns = _columns(hz)
        weights = np.linalg.lstsq(columns, sound, rcond=None)[0].reshape(-1, 2)
        pairs = columns.reshape(512, -1, 2)
        slopes = weights[:, 0] * pairs[..., 1] - weights[:, 1] * pairs[..., 0]
        rates = 2 * np.pi / RATE * np.arange(512)[:, None] * slopes
        moves = np.linalg.lstsq(np.hstack([columns, rates]), sound, rcond=None)[0][2 * len(hz) :]
        hz = np.clip(hz + np.clip(moves, -BIN / 2, BIN / 2), BIN, RATE / 2 - BIN).tolist()
    return hz


def _strongest(magnitudes: Array) -> float:
    """Where half of the sharpened mass lies to the left, then up to the peak, then a parabola through logarithms."""
    sums = _mass(_f64(magnitudes), 16).cumsum(-1).numpy()
    k = int(np.clip(np.argmax(sums >= 0.5), 1, 255))
    while k > 1 and magnitudes[k - 1] > magnitudes[k]:
        k -= 1
    while k < 255 and magnitudes[k + 1] > magnitudes[k]:
        k += 1
    a, b, c = np.log(magnitudes[k - 1 : k + 2] + 1e-12)
    return float((k + np.clip((a - c) / (2 * (a - 2 * b + c)), -0.5, 0.5)) * BIN)


def deflation(state: State) -> dict[str, Any]:
    """A mixture of sines, those taken out of it one at a time, and what remains."""
    truth = _mixture(state["sines"], state["seed"])
    clean = sum(a * np.sin(2 * np.pi * f * np.arange(512) / RATE + phase) for f, a, phase in truth)
    sound = _noisy(np.asarray(clean), state["noise_db"], state["seed"])
    hz: list[float] = []
    rest, amplitudes = sound, np.zeros(0)
    for _ in range(min(state["taken"], state["sines"])):
        hz.append(_strongest(_magnitudes(_f64(rest), "hann").numpy()))
        if state["polish"]:
            hz = _polished(hz, sound)
        columns = _columns(hz)
        weights = np.linalg.lstsq(columns, sound, rcond=None)[0]
        rest, amplitudes = sound - columns @ weights, np.hypot(weights[::2], weights[1::2])
    true_hz = [f for f, _, _ in truth]
    nearest = [true_hz[int(np.argmin(np.abs(np.array(true_hz) - f)))] for f in hz]

    def decibels(x: Any) -> list[float]:
        return amplitude_to_db(_f64(x), floor_db=-80.0).tolist()

    return {
        "true_hz": true_hz,
        "true_db": decibels([a for _, a, _ in truth]),
        "found_hz": hz,
        "found_db": decibels(amplitudes),
        "error_cents": [1200 * math.log2(f / g) for f, g in zip(hz, nearest, strict=True)],
        "mixture_db": decibels(_magnitudes(_f64(sound), "hann")),
        "residual_spectrum_db": decibels(_magnitudes(_f64(rest), "hann")),
        "residual_db": max(-120.0, 10 * math.log10(np.mean(rest**2) / np.mean(sound**2) + 1e-15)),
    }
