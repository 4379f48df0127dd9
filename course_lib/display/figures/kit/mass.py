"""Twin of mass.js: sines in noise, and the mass of their spectra."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.display.figures.fields import State
from course_lib.display.figures.kit.noise import dice
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.oscillator import sinusoid

RATE = 8000
SEED = 1  # of the noise about a single sine
CLEAN_DB = 40  # from here up a target has no noise
SHARP = 16  # the power to which a target's magnitudes are raised where its peak alone shall count


def noisy(sound: np.ndarray, noise_db: float, seed: int) -> np.ndarray:
    """Return the sound in white noise whose root mean square is so many decibels below the sound's."""
    if noise_db >= CLEAN_DB:
        return sound
    roll = dice(seed)
    noise = np.array([math.sqrt(-2 * math.log(roll())) * math.cos(2 * math.pi * roll()) for _ in sound])
    return sound + noise * np.sqrt(np.mean(sound**2) / np.mean(noise**2)) * 10 ** (-noise_db / 20)


def noisy_target(state: State, n: int) -> Tensor:
    """Return n samples of the target of a state, a sine in noise."""
    clean = sinusoid(f64(state["target_hz"]), f64(1.0), n_samples=n, sample_rate=RATE).numpy()
    return f64(noisy(clean, state["noise_db"], SEED))


def windowed_magnitudes(sound: Tensor, window: str) -> Tensor:
    """Return the spectrum under a `hann` or `rectangular` window; a sine of amplitude 1 peaks at about 1."""
    n = sound.shape[-1]
    shape = torch.hann_window(n, dtype=sound.dtype) if window == "hann" else torch.ones(n, dtype=sound.dtype)
    return torch.fft.rfft(sound * (2 * shape / shape.sum())).abs()


def mass(magnitudes: Tensor, power: float) -> Tensor:
    """Return the share of the sound at each frequency: magnitudes to a power, over their sum."""
    raised = (magnitudes / magnitudes.max()) ** power
    return raised / raised.sum()


def transport_hz(prediction: Tensor, target: Tensor, window: str, power: float) -> Tensor:
    """Return Wasserstein-1 in Hz, a prediction's power spectrum against a target's magnitudes to some power."""
    predicted = mass(windowed_magnitudes(prediction, window), 2)
    wanted = mass(windowed_magnitudes(target, window), power)
    return (predicted.cumsum(-1) - wanted.cumsum(-1)).abs().sum() * RATE / target.shape[-1]
