"""Exercises of the chapter "Many sines at once"."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def best_amplitudes(sound: Tensor, hz: Tensor, sample_rate: float) -> Tensor:
    """Amplitude of each sine of given frequency in a sound, by least squares."""
    n = torch.arange(len(sound), dtype=sound.dtype)
    angle = 2 * torch.pi * hz[:, None] / sample_rate * n  # Hz → rad/sample → rad
    basis = torch.cat([torch.cos(angle), torch.sin(angle)])
    weights = torch.linalg.lstsq(basis.T, sound[:, None]).solution[:, 0]
    of_cos, of_sin = weights.chunk(2)
    return torch.hypot(of_cos, of_sin)


def _weights(sound: Tensor, angle: Tensor, sines_only: bool = False) -> Tensor:
    basis = torch.sin(angle) if sines_only else torch.cat([torch.cos(angle), torch.sin(angle)])
    return torch.linalg.lstsq(basis.T, sound[:, None]).solution[:, 0]


def _angles(sound: Tensor, radians_per_sample: Tensor) -> Tensor:
    return radians_per_sample[:, None] * torch.arange(len(sound), dtype=sound.dtype)


def _only_sines(sound: Tensor, hz: Tensor, sample_rate: float) -> Tensor:
    return _weights(sound, _angles(sound, 2 * torch.pi * hz / sample_rate), sines_only=True).abs()


def _added_up(sound: Tensor, hz: Tensor, sample_rate: float) -> Tensor:
    return _weights(sound, _angles(sound, 2 * torch.pi * hz / sample_rate)).abs().unflatten(0, (2, -1)).sum(0)


def _no_two_pi(sound: Tensor, hz: Tensor, sample_rate: float) -> Tensor:
    return torch.hypot(*_weights(sound, _angles(sound, hz / sample_rate)).chunk(2))


def _one_by_one(sound: Tensor, hz: Tensor, sample_rate: float) -> Tensor:
    turn = torch.exp(1j * _angles(sound, 2 * torch.pi * hz / sample_rate))
    return 2 * (turn @ sound.to(turn.dtype)).abs() / len(sound)


def _judge_best_amplitudes(answer: Any) -> str:
    draw = np.random.default_rng(31)
    for n_samples, rate, k in ((1024, 16000, 2), (2000, 44100, 5), (4096, 16000, 8)):
        bin_hz = rate / n_samples
        f = 300 + np.cumsum(draw.uniform(1.6, 30, k)) * bin_hz
        f[1] = f[0] + 1.6 * bin_hz  # two of them overlap
        time_s = np.arange(n_samples) / rate
        phases = draw.uniform(0.4, 1.1, k) + draw.integers(0, 4, k) * np.pi / 2  # neither all sine nor all cosine
        rows = draw.uniform(0.1, 1, k)[:, None] * np.sin(2 * np.pi * f[:, None] * time_s + phases[:, None])
        samples = rows.sum(0) + draw.normal(0, 0.02, n_samples)
        angle = 2 * np.pi * np.outer(time_s, f)
        solved = np.linalg.lstsq(np.exp(1j * np.concatenate([angle, -angle], 1)), samples.astype(complex), rcond=None)
        oracle = 2 * np.abs(solved[0][:k])
        sound, hz = torch.from_numpy(samples), torch.from_numpy(f)
        got = expect_tensor(call(answer, sound.clone(), hz.clone(), rate), (k,))
        if close(got, oracle, 1e-3):
            continue
        slips = {
            "sines only: a sine of any initial phase needs a cosine beside it.": _only_sines(sound, hz, rate),
            "the two weights are legs of a right triangle: the amplitude is its long side, not their sum.": _added_up(
                sound, hz, rate
            ),
            "Hz are taken for radians: each cycle has 2π of them.": _no_two_pi(sound, hz, rate),
            "the angle is in degrees, 360 to a cycle; sin and cos want 2π.": _no_two_pi(sound, 360 * hz, rate),
            "each sine is measured as if it were alone, but neighbours overlap: solve for all together.": _one_by_one(
                sound, hz, rate
            ),
            "half of it: a real sine is split between a positive and a negative frequency; add both.": oracle / 2,
            "that is the square of the amplitude, a² + b²: the root is missing.": oracle**2,
        }
        name_the_slip(got, slips, 1e-3)
        raise Wrong(f"{k} sines, by least squares: {you_give(got, oracle)}.")
    return "as exact as the noise allows, close neighbours included. No step was taken: amplitudes are the linear part."


def matched_cents(found_hz: Tensor, true_hz: Tensor) -> Tensor:
    """Error of each found frequency in cents, in rising order, whatever order they were found in."""
    return 1200 * torch.log2(found_hz.sort().values / true_hz.sort().values)


def _as_found(found_hz: Tensor, true_hz: Tensor) -> Tensor:
    return 1200 * torch.log2(found_hz / true_hz)


def _nearest(found_hz: Tensor, true_hz: Tensor) -> Tensor:
    found = found_hz.sort().values
    away = 1200 * torch.log2(found[:, None] / true_hz)
    return away.gather(1, away.abs().argmin(1, keepdim=True))[:, 0]


def _in_hz(found_hz: Tensor, true_hz: Tensor) -> Tensor:
    return found_hz.sort().values - true_hz.sort().values


def _one_sorted(found_hz: Tensor, true_hz: Tensor) -> Tensor:
    return 1200 * torch.log2(found_hz.sort().values / true_hz)


def _pairings(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Errors in cents of every pairing, the cheapest first, in rising order of the true frequencies."""
    every = np.array([1200 * np.log2(np.array(order) / true) for order in itertools.permutations(found)])
    return every[np.argsort(np.abs(every).sum(1), kind="stable")]


def _judge_matched_cents(answer: Any) -> str:
    draw = np.random.default_rng(32)
    for case in range(6):
        k = 2 + case % 4
        true = np.sort(200 * 2 ** (np.arange(k) * 0.8 + draw.uniform(0, 0.5, k)))
        found = true * 2 ** (draw.uniform(-20, 20, k) / 1200)
        if case >= 2:
            found[1] = true[0] * 2 ** (30 / 1200)  # two found sines on one true one, and another missed
        every = _pairings(found, true)
        mixed, shuffled = (torch.from_numpy(draw.permutation(x)) for x in (found, true))
        if case == 0:  # swapped for certain
            mixed, shuffled = torch.from_numpy(found[::-1].copy()), torch.from_numpy(true)
        got = expect_tensor(call(answer, mixed.clone(), shuffled.clone()), (k,))
        near = 0.01  # cents: what float32 leaves of a ratio is a thousandth
        # Where both found sines lie on one side of both true ones, two pairings cost the same.
        cheapest = np.abs(every).sum(1) < np.abs(every[0]).sum() + near
        if any(float((got - torch.from_numpy(error)).abs().max()) < near for error in every[cheapest]):
            continue
        oracle = every[0]
        ranked = got.sort().values
        sign = "the signs are missing or turned: the error is signed, positive where the found one is too high."
        slips = {
            "compared in the order they came: the same sines in another order are the same sound.": _as_found(
                mixed, shuffled
            ),
            "only what was found is in order: the true frequencies may be shuffled too.": _one_sorted(mixed, shuffled),
            "these are Hz: cents are 1200 · log2 of a ratio.": _in_hz(mixed, shuffled),
            sign: -oracle,
            sign + " Leave .abs() out.": np.abs(oracle),
            "those are semitones; a cent is a hundredth of one: 1200, not 12.": oracle / 100,
            "those are octaves; a cent is a 1200th of one.": oracle / 1200,
            "a natural logarithm: an octave is a factor of 2, so use log2.": oracle * math.log(2),
        }
        name_the_slip(got, slips, 1e-3)
        if any(close(ranked, np.sort(error), 1e-3) for error in every[cheapest]):
            raise Wrong("the right errors in another order: in rising order of frequency, please.")
        if close(ranked, _nearest(mixed, shuffled).sort().values, 1e-3):
            raise Wrong("each takes its nearest, so two may take the same one, and a missed sine costs nothing.")
        raise Wrong(f"{k} sines: {you_give(got, oracle, 'cents')}.")
    return "as cheap as the best of all permutations, tried one by one. On a line, sorting is optimal transport."


def deviation_hz(amplitude: float, noise_power: float, n_samples: int, sample_rate: float) -> float:
    """Least standard deviation of the frequency of one sine in white noise: the Cramér–Rao bound."""
    snr = amplitude**2 / 2 / noise_power  # power of the sine to power of the noise
    variance = 12 / (snr * n_samples * (n_samples**2 - 1))  # (rad/sample)²
    return math.sqrt(variance) * sample_rate / (2 * math.pi)  # rad/sample → Hz


def _amplitude_for_power(amplitude: float, noise_power: float, n_samples: int, sample_rate: float) -> float:
    return deviation_hz(math.sqrt(2 * amplitude), noise_power, n_samples, sample_rate)


def _no_half(amplitude: float, noise_power: float, n_samples: int, sample_rate: float) -> float:
    return deviation_hz(math.sqrt(2) * amplitude, noise_power, n_samples, sample_rate)


def _squared_length(amplitude: float, noise_power: float, n_samples: int, sample_rate: float) -> float:
    return deviation_hz(amplitude, noise_power, n_samples, sample_rate) * math.sqrt(n_samples - 1 / n_samples)


def _radians(amplitude: float, noise_power: float, n_samples: int, sample_rate: float) -> float:
    return 2 * math.pi * deviation_hz(amplitude, noise_power, n_samples, sample_rate)


def _variance(amplitude: float, noise_power: float, n_samples: int, sample_rate: float) -> float:
    return deviation_hz(amplitude, noise_power, n_samples, sample_rate) ** 2


def _fisher_deviation(amplitude: float, noise_power: float, n_samples: int, sample_rate: float) -> float:
    """The bound from its definition: how much the sound changes with frequency, amplitude and phase."""
    time_s = np.arange(n_samples) / sample_rate
    angle = 2 * np.pi * 0.13 * sample_rate * time_s + 0.7
    slope = amplitude * 2 * np.pi * time_s * np.cos(angle)
    changes = np.stack([slope, np.sin(angle), amplitude * np.cos(angle)])
    return float(np.sqrt(np.linalg.inv(changes @ changes.T / noise_power)[0, 0]))


def _judge_deviation_hz(answer: Any) -> str:
    for numbers in (
        (0.8, 0.3, 4096, 16000),
        (0.2, 0.003, 1024, 16000),
        (0.7, 2.0, 2000, 44100),
        (0.03, 0.1, 8192, 8000),
    ):
        got = expect_tensor(call(answer, *numbers), ())
        oracle = _fisher_deviation(*numbers)
        if close(got, oracle, 5e-3):
            continue
        amplitude, power, n_samples, rate = numbers
        slips = {
            "2π too large: these are radians a second.": _radians(*numbers),
            "these are rad/sample: times sample_rate / (2π) they become Hz.": _radians(*numbers) / rate,
            "the bound asks for a ratio of powers; a sine's power is A²/2, not its amplitude.": _amplitude_for_power(
                *numbers
            ),
            "the power of a sine of amplitude A is A²/2: the mean of a squared sine is one half.": _no_half(*numbers),
            "N² where it should be N³: a longer sound has more samples, and a longer lever besides.": _squared_length(
                *numbers
            ),
            "this is the variance; the deviation is its square root.": _variance(*numbers),
            "σ² is given, the power of the noise: it is not to be squared once more.": deviation_hz(
                amplitude, power**2, n_samples, rate
            ),
        }
        name_the_slip(got, slips, 5e-3)
        raise Wrong(f"A, σ², N, rate = {numbers}: {you_give(got, oracle, 'Hz')}.")
    return "the same as from the definition. Twice the length: almost three times as exact."


EXERCISES = [
    Exercise(
        "many_sines-1",
        _judge_best_amplitudes,
        ("A · sin(angle + phase) is a · cos(angle) + b · sin(angle): two columns for each frequency.",
         "torch.linalg.lstsq(columns, sound[:, None]).solution holds all a and b; each amplitude is hypot(a, b)."),
        best_amplitudes,
        "With the frequencies given, the sound is linear in the weights, and least squares finds the best ones in one "
        "go, overlapping neighbours included. Only the frequencies are left for descent.",
    ),
    Exercise(
        "many_sines-2",
        _judge_matched_cents,
        ("Which found sine belongs to which true one? On a line, the cheapest pairing keeps the order.",
         "Sort both, then 1200 · log2 of the ratio."),
        matched_cents,
        "Two sines in the other order are the same sound, so no order may count. Sorting both is the cheapest of all "
        "pairings on a line, and it uses every true sine exactly once.",
    ),
    Exercise(
        "many_sines-3",
        _judge_deviation_hz,
        ("The ratio of powers is (A²/2) / σ². The formula's variance is in (rad/sample)².",
         "Take the square root, then sample_rate / (2π) turns rad/sample into Hz."),
        deviation_hz,
        "Noise falls with the number of samples, N, and the lever with which a change of frequency turns the end of "
        "the sound grows with N: the variance falls with the third power of the length.",
    ),
]  # fmt: skip

MISTAKES = {
    "many_sines-1": [
        (_only_sines, "a sine of any initial phase"),
        (_added_up, "right triangle"),
        (_no_two_pi, "taken for radians"),
        (_one_by_one, "as if it were alone"),
    ],
    "many_sines-2": [
        (_as_found, "the order they came"),
        (_nearest, "two may take the same one"),
        (_one_sorted, "may be shuffled too"),
        (_in_hz, "these are Hz"),
    ],
    "many_sines-3": [
        (_radians, "2π too large"),
        (_amplitude_for_power, "not its amplitude"),
        (_no_half, "one half"),
        (_squared_length, "N² where it should be N³"),
        (_variance, "this is the variance"),
    ],
}
