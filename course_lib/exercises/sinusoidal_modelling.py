"""Exercises of the chapter "Sinusoidal modelling"."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor


def amplitude_at(sound: Tensor, window: Tensor, frequency_hz: float, sample_rate: float) -> Tensor:
    """The amplitude of the sine at one frequency, whatever its phase."""
    angle = 2 * torch.pi * frequency_hz / sample_rate * torch.arange(len(sound), dtype=sound.dtype)
    weighted = window * sound
    real, imaginary = (weighted * torch.cos(angle)).sum(), (weighted * torch.sin(angle)).sum()
    return 2 * torch.hypot(real, imaginary) / window.sum()


def _judge_amplitude_at(answer: Any) -> str:
    generator = torch.Generator().manual_seed(17)
    n, rate = 800, 8000
    window = torch.hann_window(n, dtype=torch.float64)
    for _ in range(5):
        # Whole numbers of periods, far apart: the window is blind to the two neighbours.
        periods = torch.tensor([20, 33, 51]) + torch.randint(0, 6, (3,), generator=generator)
        amplitudes = torch.rand(3, generator=generator, dtype=torch.float64) * 0.8 + 0.2
        phases = torch.rand(3, generator=generator, dtype=torch.float64) * 2 * math.pi
        angles = 2 * math.pi * periods[:, None] * torch.arange(n, dtype=torch.float64) / n
        sound = (amplitudes[:, None] * torch.sin(angles + phases[:, None])).sum(0)
        hz = float(periods[1]) * rate / n
        got = expect_tensor(call(answer, sound.clone(), window.clone(), hz, rate)).reshape(-1)
        if got.numel() != 1:
            raise Wrong(f"return one number, the amplitude; got {got.numel()} numbers.")
        # The oracle is how the sound was made.
        size, amplitude, phase = got[0], amplitudes[1], phases[1]
        if close(size, amplitude, 2e-3):
            continue
        if close(size, -amplitude, 2e-3):
            raise Wrong("the size is right, but an amplitude is not negative.")
        for projection in (amplitude * phase.sin(), amplitude * phase.cos()):
            if close(size.abs(), projection.abs(), 2e-3):
                raise Wrong("you compare with a sine or a cosine alone, which depends on the phase: you need both.")
        if close(size, amplitude / 2, 2e-3):
            raise Wrong(
                "half of it: either the 2 is missing (a real sine has a second half at negative frequency), or you "
                "divided by the number of samples, of which this window lets only half through."
            )
        if close(size, amplitude**2, 2e-3):
            raise Wrong("that is the amplitude squared: the root is missing.")
        if any(close(size, amplitude * scale * window.sum(), 2e-3) for scale in (0.5, 1.0)):
            raise Wrong("your answer grows with the length of the sound: divide by the sum of the window.")
        if float(size.abs()) < 0.02:
            raise Wrong("you find next to nothing there. Is the angle 2π · f / f_s · n, with the 2π and the f_s?")
        raise Wrong(f"a partial of amplitude {float(amplitude):.3f} measures {float(size):.3f} with you.")
    return "five random partials, each with two neighbours and a random phase, all within 0.2 %."


def fewest_partials(amplitudes: Tensor, wanted_db: float) -> int:
    """The least K such that what the partials above K hold lies at least wanted_db below the whole."""
    power = amplitudes.square().sum(0)  # of each partial, over all frames
    for count in range(1, len(power)):
        if 10 * torch.log10(power.sum() / power[count:].sum()) >= wanted_db:
            return count
    return len(power)


def _fewest(weights: list[float], share: float) -> int:
    """How many weights, from the first, leave at most this share of their sum."""
    whole, kept = math.fsum(weights), 0.0
    for count, weight in enumerate(weights, 1):
        kept += weight
        if whole - kept <= share * whole or count == len(weights):
            return count
    return len(weights)


def _judge_fewest_partials(answer: Any) -> str:
    generator = torch.Generator().manual_seed(19)
    rows = []
    for trial in range(12):
        n_partials, wanted_db = 24, 8.0 + 2 * trial
        roll_off = 0.75 + 0.1 * torch.rand(1, generator=generator, dtype=torch.float64)
        table = torch.rand(6, n_partials, generator=generator, dtype=torch.float64) + 0.1
        table = table * roll_off ** torch.arange(n_partials)
        got = expect_tensor(call(answer, table.clone(), wanted_db)).reshape(-1)
        if got.numel() != 1:
            raise Wrong(f"return one whole number; got {got.numel()} numbers.")
        # Oracle: by cumulated shares of the power, in plain Python, without a logarithm.
        columns, share = table.T.tolist(), 10 ** (-wanted_db / 10)
        oracle = _fewest([math.fsum(v * v for v in column) for column in columns], share)
        slips = {
            "one too few: the index of the last partial kept starts at 0, their number at 1.": oracle - 1,
            "one too many: with one partial less the rest is already soft enough.": oracle + 1,
            "20·log10 belongs to amplitudes. Sums of squares are powers: 10·log10.": _fewest(
                [math.fsum(v * v for v in column) for column in columns], math.sqrt(share)
            ),
            "you added up amplitudes; what adds up is power, so square them first.": _fewest(
                [math.fsum(column) for column in columns], share
            ),
            "you counted the partials that are left out.": n_partials - oracle,
        }
        rows.append((float(got[0]), oracle, wanted_db, slips))
    wrong = [row for row in rows if row[0] != row[1]]
    if not wrong:
        return "twelve random tables, each to the partial."
    # Only a slip that explains every answer is named.
    for message in rows[0][3]:
        if all(slips[message] == count for count, _, _, slips in rows):
            raise Wrong(message)
    count, oracle, wanted_db, _ = wrong[0]
    raise Wrong(f"for one random table and {wanted_db:g} dB you give {count:g}; it takes {oracle}.")


EXERCISES = [
    Exercise(
        "sinusoidal_modelling-1",
        _judge_amplitude_at,
        ("Multiply sound and window, then project: one sum with the cosine, one with the sine of 2π·f·n / f_s.",
         "The length of the pair (torch.hypot) no longer knows the phase. A sine of amplitude A gives A / 2 times the "
         "sum of the window."),
        amplitude_at,
        "Projected on the exponential, A·sin(ωn + θ) leaves A / 2, standing still, and a twin that turns at 2ω and "
        "averages out. The window is what makes the twin and the neighbours vanish.",
    ),
    Exercise(
        "sinusoidal_modelling-2",
        _judge_fewest_partials,
        ("The power of a partial is its amplitude squared, summed over the frames. What is left over after K partials?",
         "Stop at the first K where 10·log10(all / left over) reaches wanted_db."),
        fewest_partials,
        "Partials of different frequencies do not overlap, so their powers simply add (Parseval). The decibels that "
        "resynthesis reaches can be read off the table of amplitudes before a single sine is played.",
    ),
]  # fmt: skip


def _project(sound: Tensor, window: Tensor, frequency_hz: float, sample_rate: float) -> Tensor:
    angle = 2 * math.pi * frequency_hz / sample_rate * torch.arange(len(sound))
    return (sound * window * torch.exp(-1j * angle)).sum()


MISTAKES = {
    "sinusoidal_modelling-1": [
        (lambda x, w, f, rate: _project(x, w, f, rate).abs() / w.sum(), "half of it"),
        (lambda x, w, f, rate: 2 * _project(x, w, f, rate).abs(), "grows with the length"),
        (lambda x, w, f, rate: 2 * _project(x, w, f, rate).abs() / len(x), "divided by the number of samples"),
        (lambda x, w, f, rate: 2 * _project(x, w, f, rate).imag / w.sum(), "a sine or a cosine alone"),
        (lambda x, w, f, rate: 2 * _project(x, w, f, rate).real / w.sum(), "a sine or a cosine alone"),
        (lambda x, w, f, rate: (2 * _project(x, w, f, rate).abs() / w.sum()) ** 2, "the root is missing"),
        (lambda x, w, f, rate: 2 * _project(x, w, f / (2 * math.pi), rate).abs() / w.sum(), "next to nothing"),
    ],
    "sinusoidal_modelling-2": [
        (lambda a, db: fewest_partials(a, db) - 1, "one too few"),
        (lambda a, db: fewest_partials(a, db) + 1, "one too many"),
        (lambda a, db: fewest_partials(a, db / 2), "belongs to amplitudes"),
        (lambda a, db: _fewest(a.sum(0).tolist(), 10 ** (-db / 10)), "added up amplitudes"),
        (lambda a, db: a.shape[-1] - fewest_partials(a, db), "left out"),
    ],
}
