"""Exercises of the chapter "Sinusoidal modelling"."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, name_the_slip, number, you_give


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
        # Between the bins, and far apart: through the window the neighbours are below a thousandth, without it not.
        periods = torch.tensor([20.4, 39.6, 60.3], dtype=torch.float64)
        periods = periods + torch.rand(3, generator=generator, dtype=torch.float64) * 0.2
        amplitudes = torch.rand(3, generator=generator, dtype=torch.float64) * 0.6 + 0.4
        phases = torch.rand(3, generator=generator, dtype=torch.float64) * 2 * math.pi
        angles = 2 * math.pi * periods[:, None] * torch.arange(n, dtype=torch.float64) / n
        sound = (amplitudes[:, None] * torch.sin(angles + phases[:, None])).sum(0)
        hz = float(periods[1]) * rate / n
        # The oracle is how the sound was made.
        size, amplitude, phase = number(call(answer, sound.clone(), window.clone(), hz, rate)), amplitudes[1], phases[1]
        true = float(amplitude)
        if abs(size - true) < 2e-3 * true:
            continue
        turn = torch.exp(-1j * angles[1])
        halved = (
            "half of it: either the 2 is missing (a real sine has a second half at negative frequency), or you "
            "divided by the number of samples, of which this window lets only half through."
        )
        grows = "your answer grows with the length of the sound: divide by the sum of the window."
        alone = "you compare with a sine or a cosine alone, which depends on the phase: you need both."
        slips = {
            "the size is right, but an amplitude is not negative.": -true,
            "the window has no part in it: without it the neighbours leak in. Multiply the sound by it, and divide by "
            "its sum.": 2 * (sound * turn).sum().abs() / n,
            **{
                alone + note: sign * true * float(part)
                for note, sign, part in (
                    ("", 1, phase.sin()),
                    (" Both.", -1, phase.sin()),
                    (" And both.", 1, phase.cos()),
                    (" Take both.", -1, phase.cos()),
                )
            },
            halved: true / 2,
            "that is the amplitude squared: the root is missing.": true**2,
            grows: true * 0.5 * window.sum(),
            grows + " Only then take it twice.": true * window.sum(),
        }
        name_the_slip(size, slips, 2e-3)
        if abs(size) < 0.02:
            raise Wrong("you find next to nothing there. Is the angle 2π · f / f_s · n, with the 2π and the f_s?")
        raise Wrong(f"of a partial between two others, as amplitude {you_give(size, true)}.")
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
        # Oracle: by cumulated shares of the power, in plain Python, without a logarithm.
        columns, share = table.T.tolist(), 10 ** (-wanted_db / 10)
        powers = [math.fsum(v * v for v in column) for column in columns]
        oracle = _fewest(powers, share)
        if {_fewest(powers, share * (1 + slack)) for slack in (-1e-3, 1e-3)} != {oracle}:
            continue  # too close for float32 to tell
        got = number(call(answer, table.clone(), wanted_db))
        slips = {
            "one too few: the index of the last partial kept starts at 0, their number at 1.": oracle - 1,
            "one too many: with one partial less the rest is already soft enough.": oracle + 1,
            "20·log10 belongs to amplitudes. Sums of squares are powers: 10·log10.": _fewest(powers, math.sqrt(share)),
            "you added up amplitudes; what adds up is power, so square them first.": _fewest(
                [math.fsum(column) for column in columns], share
            ),
            "you counted the partials that are left out.": n_partials - oracle,
        }
        if abs(got - round(got)) > 1e-3:
            raise Wrong(f"{got:g} partials? A count is a whole number.")
        rows.append((round(got), oracle, wanted_db, slips))
    wrong = [row for row in rows if row[0] != row[1]]
    if not wrong:
        return "a dozen random tables, each to the partial."
    # Only a slip that explains every answer is named.
    for message in rows[0][3]:
        if all(slips[message] == count for count, _, _, slips in rows):
            raise Wrong(message)
    count, oracle, wanted_db, _ = wrong[0]
    raise Wrong(f"for one random table and {wanted_db:g} dB {you_give(count, oracle)}.")


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
