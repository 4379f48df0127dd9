"""A mixture of sines, taken apart one at a time: find the strongest, fit all found so far, subtract, look again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.mass import RATE, SHARP, mass, noisy, windowed_magnitudes
from course_lib.display.figures.kit.noise import dice
from course_lib.display.figures.kit.numbers import f64

Array = np.ndarray
N = 512
BIN = RATE / N  # Hz
FLOOR, SILENT = -80, -120  # dB, of a spectrum and of what remains
TURNS = 2  # of Gauss–Newton


def twin(state: State) -> dict[str, Any]:
    """A mixture of sines, those taken out of it one at a time, and what remains."""
    truth = _mixture(state["sines"], state["seed"])
    clean = sum(a * np.sin(2 * np.pi * f * np.arange(N) / RATE + phase) for f, a, phase in truth)
    sound = noisy(np.asarray(clean), state["noise_db"], state["seed"])
    hz: list[float] = []
    rest, amplitudes = sound, np.zeros(0)
    for _ in range(min(state["taken"], state["sines"])):
        hz.append(_strongest(windowed_magnitudes(f64(rest), "hann").numpy()))
        if state["polish"]:
            hz = _polished(hz, sound)
        columns = _columns(hz)
        weights = np.linalg.lstsq(columns, sound, rcond=None)[0]
        rest, amplitudes = sound - columns @ weights, np.hypot(weights[::2], weights[1::2])
    true_hz = [f for f, _, _ in truth]
    nearest = [true_hz[int(np.argmin(np.abs(np.array(true_hz) - f)))] for f in hz]

    def decibels(x: Any) -> list[float]:
        return amplitude_to_db(f64(x), floor_db=FLOOR).tolist()

    return {
        "true_hz": true_hz,
        "true_db": decibels([a for _, a, _ in truth]),
        "found_hz": hz,
        "found_db": decibels(amplitudes),
        "error_cents": [1200 * math.log2(f / g) for f, g in zip(hz, nearest, strict=True)],
        "mixture_db": decibels(windowed_magnitudes(f64(sound), "hann")),
        "residual_spectrum_db": decibels(windowed_magnitudes(f64(rest), "hann")),
        "residual_db": max(float(SILENT), 10 * math.log10(np.mean(rest**2) / np.mean(sound**2) + 1e-15)),
    }


def _mixture(sines: int, seed: int) -> list[tuple[int, float, float]]:
    """Frequency, amplitude and phase of some sines: whole hertz, at least three bins apart."""
    roll = dice(seed)
    hz: list[int] = []
    while len(hz) < sines:
        f = math.floor(200 + 1600 * roll())
        if all(abs(f - other) >= 3 * BIN for other in hz):
            hz.append(f)
    return [(f, 0.1 + 0.9 * roll(), 2 * math.pi * roll()) for f in sorted(hz)]


def _columns(hz: list[float]) -> Array:
    """(N, 2k): the sine and the cosine of each frequency."""
    phase = 2 * np.pi * np.outer(np.arange(N), hz) / RATE
    return np.stack([np.sin(phase), np.cos(phase)], axis=-1).reshape(N, -1)


def _polished(hz: list[float], sound: Array) -> list[float]:
    """Turns of Gauss–Newton: frequencies, amplitudes and phases move together."""
    for _ in range(TURNS):
        columns = _columns(hz)
        weights = np.linalg.lstsq(columns, sound, rcond=None)[0].reshape(-1, 2)
        pairs = columns.reshape(N, -1, 2)
        slopes = weights[:, 0] * pairs[..., 1] - weights[:, 1] * pairs[..., 0]
        rates = 2 * np.pi / RATE * np.arange(N)[:, None] * slopes
        moves = np.linalg.lstsq(np.hstack([columns, rates]), sound, rcond=None)[0][2 * len(hz) :]
        hz = np.clip(hz + np.clip(moves, -BIN / 2, BIN / 2), BIN, RATE / 2 - BIN).tolist()
    return hz


def _strongest(magnitudes: Array) -> float:
    """Where half of the sharpened mass lies to the left, then up to the peak, then a parabola through logarithms."""
    sums = mass(f64(magnitudes), SHARP).cumsum(-1).numpy()
    last = N // 2 - 1
    k = int(np.clip(np.argmax(sums >= 0.5), 1, last))
    while k > 1 and magnitudes[k - 1] > magnitudes[k]:
        k -= 1
    while k < last and magnitudes[k + 1] > magnitudes[k]:
        k += 1
    a, b, c = np.log(magnitudes[k - 1 : k + 2] + 1e-12)
    return float((k + np.clip((a - c) / (2 * (a - 2 * b + c)), -0.5, 0.5)) * BIN)


KIND = Kind(
    title="Many sines, one at a time",
    about="A mixture of sines is taken apart: the strongest is found, all found so far are fitted together and "
    "subtracted, and what remains is searched again.",
    fields={
        "sines": Number(5, 2, 8, whole=True),
        "taken": Number(2, 0, 8, whole=True),
        "seed": Number(3, 1, 20, whole=True),
        "noise_db": Number(20, 0, 45),
        "polish": Choice(False, (False, True)),
    },
    twin=twin,
    play_db=-21,
)
