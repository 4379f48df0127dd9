"""Exercises of the chapter "Four synthesizers, one violin"."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.core.units import exp_sigmoid
from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, pair, whole, you_give


def pairs_apart(losses: Tensor) -> int:
    """How many pairs of models (n_models, n_seeds) differ whichever seed is looked at: the ranges do not touch."""
    lowest, highest = losses.min(dim=1).values, losses.max(dim=1).values
    count = 0
    for i in range(len(losses)):
        for j in range(i):
            if highest[i] < lowest[j] or highest[j] < lowest[i]:
                count += 1
    return count


def _judge_pairs(answer: Any) -> str:
    rng = np.random.default_rng(31)
    rows: list[tuple[int, int, dict[str, int]]] = []
    for trial in range(10):
        n_models, n_seeds = (4, 2) if trial < 3 else (int(rng.integers(3, 7)), int(rng.integers(2, 5)))
        means = 5.0 + 0.05 * rng.permutation(n_models) + rng.normal(0, 0.02, n_models)
        losses = means[:, None] + rng.normal(0, 0.03, (n_models, n_seeds))
        got = whole(call(answer, torch.tensor(losses)))
        low, high, couples = losses.min(1), losses.max(1), list(itertools.combinations(range(n_models), 2))
        clear = [(i, j) for i, j in couples if high[i] < low[j] or high[j] < low[i]]
        right = len(clear)
        slips = {
            "each pair is counted twice: (a, b) and (b, a) are one.": 2 * right,
            "that counts the pairs that cannot be told apart: the others are asked for.": len(couples) - right,
            "that is the number of all pairs, whatever their seeds say.": len(couples),
            "seed by seed is not enough: the *worst* seed of one must beat the *best* of the other.": sum(
                bool((losses[i] < losses[j]).all() or (losses[j] < losses[i]).all()) for i, j in couples
            ),
            "of each model only one seed is looked at: some pairs that touch are counted.": sum(
                losses[i, 0] != losses[j, 0] for i, j in couples
            ),
            "a pair is two models whose ranges do not touch, in either order: you look at one order only.": sum(
                high[i] < low[j] for i, j in couples
            ),
            "rows are models and columns are seeds: the axes are exchanged.": sum(
                bool(losses[:, i].max() < losses[:, j].min() or losses[:, j].max() < losses[:, i].min())
                for i, j in itertools.combinations(range(n_seeds), 2)
            ),
            "neighbours only, in order of their loss: every pair is to be looked at.": sum(
                high[a] < low[b] for a, b in itertools.pairwise(np.argsort(losses.mean(1)))
            ),
        }
        rows.append((got, right, slips))
    wrong = [row for row in rows if row[0] != row[1]]
    if not wrong:
        return "pairs whose ranges do not touch, for ten random tables of losses."
    for message in wrong[0][2]:
        if all(slips[message] == got for got, _, slips in rows):
            raise Wrong(message)
    got, right, _ = wrong[0]
    raise Wrong(f"{you_give(got, right)} of {len(wrong)} tables out of ten: compare each pair's whole ranges.")


def odd_tone(raw: Tensor, f0_hz: Tensor, sample_rate: float) -> tuple[Tensor, Tensor]:
    """A new tone with two raw numbers a frame: level, and how fast harmonics 1, 3, 5 … 39 fall."""
    k = torch.arange(1, 40, 2, dtype=raw.dtype)
    amplitude = exp_sigmoid(raw[..., 0])
    shares = k ** -(2 * torch.sigmoid(raw[..., 1:2]))
    shares = torch.where(k * f0_hz.unsqueeze(-1) < sample_rate / 2, shares, 0.0)
    return amplitude, shares / shares.sum(-1, keepdim=True)


def _judge_tone(answer: Any) -> str:
    rng = np.random.default_rng(32)
    rate = 16_000.0
    for _ in range(3):
        raw = rng.normal(0, 2, (12, 2))
        f0 = rng.uniform(150, 1900, 12)
        ask = "return two tensors: the amplitude (n_frames,) and the shares (n_frames, 20)."
        given = pair(call(answer, torch.tensor(raw), torch.tensor(f0), rate), ask)
        got_a, got_d = expect_tensor(given[0], (12,)), expect_tensor(given[1])
        k = np.arange(1, 40, 2)
        sigmoid = 1 / (1 + np.exp(-raw))
        level = 2.0 * sigmoid[:, 0] ** np.log(10) + 1e-7
        fall = k[None] ** -(2 * sigmoid[:, 1:])
        heard = k[None] * f0[:, None] < rate / 2
        masked = fall * heard
        right = masked / masked.sum(1, keepdims=True)
        if not close(got_a, level):
            name_the_slip(
                got_a,
                {
                    "the amplitude is a plain sigmoid: use exp_sigmoid, for loudness goes by factors.": sigmoid[:, 0],
                    "the amplitude is still the raw number: exp_sigmoid makes it one.": raw[:, 0],
                    "that is the other number: the amplitude comes first, raw[..., 0].": 2
                    * sigmoid[:, 1] ** np.log(10),
                },
            )
            raise Wrong(f"of the amplitude {you_give(got_a, level)}.")
        if got_d.shape == (12, 39) or got_d.shape == (12, 40):
            raise Wrong("only the odd harmonics are asked for, 1, 3, 5 … 39: twenty shares.")
        got_d = expect_tensor(got_d, (12, 20))
        if close(got_d, right):
            continue
        numbers = np.arange(1, 21)[None]
        slips = {
            "harmonics above Nyquist are still there: they would come back as aliases. Mask them.": fall
            / fall.sum(1, keepdims=True),
            "masked, but after the shares were made to sum to 1: high notes lose level. Mask first.": fall
            / fall.sum(1, keepdims=True)
            * heard,
            "masked, and not normalised: each frame's shares must sum to 1.": masked,
            "neither masked nor normalised.": fall,
            "the mask takes the place 1, 2, 3 … of a share for its harmonic: share i belongs to harmonic 2i − 1.": fall
            * (numbers * f0[:, None] < rate / 2)
            / (fall * (numbers * f0[:, None] < rate / 2)).sum(1, keepdims=True),
            "the mask is at the sample rate: Nyquist is half of it.": fall
            * (k[None] * f0[:, None] < rate)
            / (fall * (k[None] * f0[:, None] < rate)).sum(1, keepdims=True),
            "that sums to 1 over the frames: each frame's twenty shares must.": masked
            / np.maximum(masked.sum(0, keepdims=True), 1e-12),
            "the exponent's sign: shares fall with k where it is negative.": (1 / fall)
            * heard
            / ((1 / fall) * heard).sum(1, keepdims=True),
        }
        name_the_slip(got_d, slips)
        raise Wrong(f"of the shares {you_give(got_d, right)}.")
    return "scaled, masked per frame, then normalised: a decoder could play it."


EXERCISES = [
    Exercise(
        "four_synthesizers-1",
        _judge_pairs,
        ("Two models are told apart if every seed of one is better than every seed of the other.",
         "Compare the largest loss of one with the smallest of the other, for each pair once, in both directions."),
        pairs_apart,
        "A difference smaller than what another seed does is luck. Two seeds are few; ranges that do not touch are the "
        "least that one should ask for.",
    ),
    Exercise(
        "four_synthesizers-2",
        _judge_tone,
        ("Three steps, as for the harmonic tone: scale, mask, normalise, in this order.",
         "k = torch.arange(1, 40, 2); k ** -(2 · sigmoid(raw[..., 1:2])), zero where k·f0 ≥ sample_rate / 2, over its "
         "sum."),
        odd_tone,
        "Raw numbers in, valid controls out: whatever keeps to this can stand under the decoder. The mask comes before "
        "the sum, or high notes lose level.",
    ),
]  # fmt: skip


def _unmasked(raw: Tensor, f0: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    return odd_tone(raw, f0, 1e9)


def _masked_late(raw: Tensor, f0: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    amplitude, shares = odd_tone(raw, f0, 1e9)
    return amplitude, shares * (torch.arange(1, 40, 2) * f0.unsqueeze(-1) < rate / 2)


MISTAKES = {
    "four_synthesizers-1": [
        (lambda x: 2 * pairs_apart(x), "counted twice"),
        (lambda x: len(x) * (len(x) - 1) // 2, "all pairs"),
        (lambda x: len(x) * (len(x) - 1) // 2 - pairs_apart(x), "cannot be told apart"),
        (
            lambda x: sum(
                bool((x[i] < x[j]).all() or (x[j] < x[i]).all()) for i, j in itertools.combinations(range(len(x)), 2)
            ),
            "worst",
        ),
    ],
    "four_synthesizers-2": [
        (_unmasked, "aliases"),
        (_masked_late, "Mask first"),
        (lambda r, f, s: (torch.sigmoid(r[..., 0]), odd_tone(r, f, s)[1]), "plain sigmoid"),
        (lambda r, f, s: odd_tone(r, f, s)[::-1], "shape"),
    ],
}
