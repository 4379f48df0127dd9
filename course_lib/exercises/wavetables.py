"""Exercises of the chapter "Wavetables"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import (
    Exercise,
    Wrong,
    call,
    close,
    expect_tensor,
    name_the_slip,
    number,
    whole,
    you_give,
)


def masked_levels(levels: Tensor, f0_hz: Tensor, sample_rate: float) -> Tensor:
    """A table's levels (K,) in each frame of f0_hz (n_frames,): 0 at and above Nyquist, and in rests."""
    k = torch.arange(1, len(levels) + 1)
    partials = f0_hz[:, None] * k
    return torch.where((partials > 0) & (partials < sample_rate / 2), levels, 0.0)


def _judge_masked_levels(answer: Any) -> str:
    generator = torch.Generator().manual_seed(21)
    for size, rate in ((12, 16_000), (30, 16_000), (9, 44_100)):
        levels = 0.1 + torch.rand(size, generator=generator, dtype=torch.float64)
        f0 = 60 + rate / 7 * torch.rand(7, generator=generator, dtype=torch.float64)
        f0 = torch.cat([f0, torch.tensor([0.0, rate / 8, rate / 2], dtype=torch.float64)])
        got = expect_tensor(call(answer, levels.clone(), f0.clone(), rate), (len(f0), size))
        right = np.array([[a if 0 < k * f < rate / 2 else 0.0 for k, a in enumerate(levels.tolist(), 1)] for f in f0])
        if close(got, right):
            continue
        k = torch.arange(1, size + 1)
        under, resting = f0[:, None] * k, (f0 == 0)[:, None]
        slips = {
            "a rest (f0 = 0) has no harmonics: they would all lie at 0 Hz, and 0 is below Nyquist.": under < rate / 2,
            "the limit is Nyquist, half the sample rate.": (under < rate) & ~resting,
            "a harmonic exactly on Nyquist is silent: the comparison is strict.": (under <= rate / 2) & ~resting,
            "one mask for all frames: each frame has its own pitch, and its own mask.": (
                (f0.max() * k < rate / 2).expand(len(f0), -1)
            ),
        }
        name_the_slip(got, {message: levels * mask for message, mask in slips.items()})
        shifted = f0[:, None] * (k - 1)
        for low in (0.0, -1.0):
            mask = (shifted > low) & (shifted < rate / 2)
            for heard in (mask, mask & ~resting):
                name_the_slip(got, {"the first entry is harmonic 1: k counts from 1, not from 0.": levels * heard})
        raise Wrong(f"{you_give(got, right)}.")
    return "frame by frame as counted one by one, on Nyquist and in a rest too."


def times_longer(gain_db: float) -> float:
    """How many times longer a table must be for an interpolation error that is gain_db lower."""
    return 10 ** (gain_db / 40)


def _judge_times_longer(answer: Any) -> str:
    for gain_db in (12.0, 20.0, 40.0, 3.0, 0.0, 37.5):
        got = number(call(answer, gain_db))

        # Oracle: the bow of a sine between two samples of a long table, found by halving an interval.
        def bow_db(factor: float) -> float:
            return 20 * math.log10(2 * math.sin(math.pi / (2e4 * factor)) ** 2 / (2 * math.sin(math.pi / 2e4) ** 2))

        low, high = 1.0, 1e3
        for _ in range(80):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if bow_db(middle) > -gain_db else (low, middle)
        if abs(got - low) < 1e-3 * low:
            continue
        name_the_slip(
            got,
            {
                "that is right for an error as 1 / L. It falls as 1 / L²: half the decibels per factor.": 10
                ** (gain_db / 20),
                "decibels of a power, not of an amplitude: 10·log10 is for powers.": 10 ** (gain_db / 10),
                "that is how much longer in octaves, not in times: 12 dB is one doubling.": gain_db / 12.04,
                "shorter? A smaller error needs a longer table.": 10 ** (-gain_db / 40),
            },
            1e-3,
        )
        raise Wrong(f"for {gain_db:g} dB less, {you_give(got, low)} times as long.")
    return "12 dB for every doubling, as measured on a sine."


def other_weights(weights: Tensor, mix: Tensor) -> Tensor:
    """Weights (n_frames, N) with which the tables mix @ T sound as T sound with the given ones."""
    return torch.linalg.solve(mix, weights, left=False)


def _judge_other_weights(answer: Any) -> str:
    generator = torch.Generator().manual_seed(22)
    for n_frames, n in ((6, 2), (7, 3), (5, 4)):
        weights = torch.rand(n_frames, n, generator=generator, dtype=torch.float64)
        mix = torch.rand(n, n, generator=generator, dtype=torch.float64) - 0.5 + 1.5 * torch.eye(n, dtype=torch.float64)
        tables = torch.rand(n, 9, generator=generator, dtype=torch.float64)
        got = expect_tensor(call(answer, weights.clone(), mix.clone()), (n_frames, n))
        if close(got @ (mix @ tables), weights @ tables):  # the sound is the oracle
            continue
        name_the_slip(
            got,
            {
                "you mix the weights as the tables are mixed; what the tables gain the weights must undo.": weights
                @ mix,
                "the inverse it is, but of the transpose: weights stand in rows, so it comes from the right.": weights
                @ torch.linalg.inv(mix).T,
                "the weights are as they were, and the tables are not.": weights,
                "an inverse of a matrix is not one over each of its entries.": weights @ (1 / mix),
                "the transpose is the inverse of rotations only; this mix is any invertible one.": weights @ mix.T,
            },
        )
        level = 20 * math.log10(float((got @ (mix @ tables) - weights @ tables).norm() / (weights @ tables).norm()))
        raise Wrong(f"another sound: it differs from the first at {level:.0f} dB, beside the sound itself.")
    return "other tables, other weights, the same sound."


def tables_needed(levels: Tensor, error: float) -> int:
    """How many tables give levels (n_frames, K) with a relative RMS error of at most `error`."""
    squares = torch.linalg.svdvals(levels).square()
    left = squares.flip(0).cumsum(0).flip(0)  # what lies in value r and all behind it
    return int((left > error**2 * squares.sum()).sum())


def _judge_tables_needed(answer: Any) -> str:
    rng = np.random.default_rng(23)
    for rows, k, true in ((30, 12, 3), (20, 20, 8), (9, 25, 5)):
        levels = rng.uniform(0, 1, (rows, true)) @ rng.uniform(0, 1, (true, k)) + 0.01 * rng.uniform(0, 1, (rows, k))
        u, s, v = np.linalg.svd(levels, full_matrices=False)
        errors = [  # oracle: try one after the other
            np.linalg.norm(levels - (u[:, :r] * s[:r]) @ v[:r]) / np.linalg.norm(levels) for r in range(len(s) + 1)
        ]
        for error in (0.3, 0.05, 0.012, 0.003):
            right = next(r for r, e in enumerate(errors) if e <= error)
            got = whole(call(answer, torch.from_numpy(levels.copy()), error))
            if got == right:
                continue
            shares, squares = np.cumsum(s) / s.sum(), np.cumsum(s**2) / (s**2).sum()
            name_the_slip(
                got,
                {
                    "counted by sums of singular values: an RMS error adds up their squares.": (
                        shares < 1 - error
                    ).sum()
                    + 1,
                    "the squares add up to the energy, and the error's energy is error², not error.": (
                        squares < 1 - error
                    ).sum()
                    + 1,
                    "one too many: with one table less the error is small enough.": right + 1,
                    "one too few: with as many tables the error is still too large.": right - 1,
                    "you count singular values above the error; it is what is left of all others together.": (
                        s / s[0] > error
                    ).sum(),
                },
                1e-6,
            )
            raise Wrong(f"error {error:g}, of levels {levels.shape}: {you_give(got, right)}.")
    return "as few as the singular values allow, tried one after the other."


EXERCISES = [
    Exercise(
        "wavetables-1",
        _judge_masked_levels,
        ("f0_hz[:, None] * k has a row for each frame and a column for each harmonic. k begins at 1.",
         "Keep a level where the partial is above 0 Hz and strictly below sample_rate / 2, else 0: torch.where."),
        masked_levels,
        "Each frame has a mask of its own, and between frames the levels move in straight lines: a harmonic that a "
        "glide carries over Nyquist fades over one frame. In a rest all partials lie at 0 Hz, below Nyquist.",
    ),
    Exercise(
        "wavetables-2",
        _judge_times_longer,
        ("The error falls as 1 / L². What does it fall by, in decibels, when L doubles? 20·log10 of an amplitude.",
         "The error falls by 40·log10 of the factor. Solve for the factor."),
        times_longer,
        "1 / L² is −40 dB for ten times the length, −12 for twice. From −41 dB at 128 samples to −90 needs some 17 "
        "times as many: memory buys exactness slowly.",
    ),
    Exercise(
        "wavetables-3",
        _judge_other_weights,
        ("The sound depends on weights @ tables alone. You look for W with W @ mix @ tables = weights @ tables.",
         "W = weights @ inverse of mix: from the right. torch.linalg.inv, or torch.linalg.solve with left=False."),
        other_weights,
        "Only the product counts, so a dictionary is known at most up to an invertible matrix. What stays is the span: "
        "all the waves that the tables can be mixed to.",
    ),
    Exercise(
        "wavetables-4",
        _judge_tables_needed,
        ("The best r tables leave an error whose square is the sum of the squares of all further singular values.",
         "torch.linalg.svdvals(levels) gives them in falling order. Compare the rest with error² times their sum."),
        tables_needed,
        "By the theorem of Eckart and Young no r tables do better than the first r right singular vectors. They may be "
        "negative in places; a softmax over positive tables needs as many or more.",
    ),
]  # fmt: skip

MISTAKES = {
    "wavetables-1": [
        (lambda a, f, rate: a * (f[:, None] * torch.arange(1, len(a) + 1) < rate / 2), "a rest (f0 = 0)"),
        (lambda a, f, rate: masked_levels(a, f, 2 * rate), "the limit is Nyquist"),
        (lambda a, f, rate: masked_levels(a, f, rate).T, "transposed"),
    ],
    "wavetables-2": [
        (lambda gain_db: 10 ** (gain_db / 20), "falls as 1 / L²"),
        (lambda gain_db: 10 ** (gain_db / 10), "10·log10 is for powers"),
        (lambda gain_db: 10 ** (-gain_db / 40), "needs a longer table"),
    ],
    "wavetables-3": [
        (lambda w, m: w @ m, "the weights must undo"),
        (lambda w, m: w @ torch.linalg.inv(m).T, "from the right"),
        (lambda w, m: w, "as they were"),
    ],
    "wavetables-4": [
        (lambda a, e: tables_needed(a, e) + 1, "one too many"),
        (lambda a, e: tables_needed(a, e**0.5), "error², not error"),
        (
            lambda a, e: int((torch.linalg.svdvals(a).cumsum(0) / torch.linalg.svdvals(a).sum() < 1 - e).sum()) + 1,
            "adds up their squares",
        ),
    ],
}
