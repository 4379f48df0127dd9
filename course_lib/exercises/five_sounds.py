"""Exercises of the chapter "Five sounds, five limits"."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import scipy.stats
import torch
from torch import Tensor

from course_lib.exercises.base import (
    Exercise,
    Stopped,
    Wrong,
    call,
    close,
    expect_tensor,
    name_the_slip,
    number,
    you_give,
)


def largest_jump_db(envelope: Tensor) -> Tensor:
    """Largest change of level between neighbouring frames, up or down, in dB; 0 for a single frame."""
    if len(envelope) < 2:
        return torch.zeros(())
    return (20 * torch.log10(envelope)).diff().abs().max()


def _judge_largest_jump_db(answer: Any) -> str:
    rng = np.random.default_rng(9)
    falling = np.array([1.0, 0.9, 0.05, 0.06])
    for envelope in (falling, *(10 ** rng.uniform(-3, 0, n) for n in (2, 9, 40)), np.array([0.3])):
        try:
            got = number(call(answer, torch.from_numpy(envelope)))
        except (Stopped, Wrong) as error:
            if len(envelope) > 1:
                raise
            raise Wrong("right for two frames and more, but a single frame has no neighbour: it has no jump to find "
                        "the largest of. Answer 0 for it.") from error  # fmt: skip
        # The oracle goes from pair to pair with ratios instead of differences of logarithms.
        pairs = list(itertools.pairwise(envelope))
        ratios = [max(a / b, b / a) for a, b in pairs]
        oracle = 20 * math.log10(max(ratios, default=1.0))
        if abs(got - oracle) < 0.01:
            continue
        slips = {
            "10·log10 is for powers; an envelope is an amplitude, so it is 20·log10.": oracle / 2,
            "a natural logarithm: decibels need the one to base 10.": oracle * math.log(10),
            "only jumps upwards are counted: take the size of a change, whichever way it goes.": 20
            * math.log10(max([b / a for a, b in pairs], default=1.0)),
            "that is the largest difference of the amplitudes; take the difference of their levels in dB.": np.abs(
                np.diff(envelope)
            ).max(initial=0.0),
            "that is the distance from the loudest to the quietest frame, which need not be neighbours.": 20
            * math.log10(envelope.max() / envelope.min()),
            "that is the mean of the jumps; asked is the largest.": 20 * np.log10(ratios).mean() if pairs else 0.0,
        }
        name_the_slip(got, slips)
        raise Wrong(f"for an envelope of {len(envelope)} frames {you_give(got, oracle, 'dB')}.")
    return "upwards, downwards and for a single frame."


def frame_flatness(power: Tensor) -> Tensor:
    """Geometric over arithmetic mean of every row of a power spectrogram."""
    return power.log().mean(-1).exp() / power.mean(-1)


def _judge_frame_flatness(answer: Any) -> str:
    rng = np.random.default_rng(10)
    for shape in ((4, 33), (7, 129)):
        power = 10 ** rng.uniform(-6, 0, shape)
        got = expect_tensor(call(answer, torch.from_numpy(power)))
        if got.shape == shape[1:]:
            raise Wrong(
                "the wrong axis: you take the means over the frames. A frame is a row, so its bins are axis -1."
            )
        got = expect_tensor(got, shape[:1])
        oracle = scipy.stats.gmean(power, axis=1) / power.mean(axis=1)
        if close(got, oracle):
            continue
        if bool((got == 0).any()) and shape[1] > 100:
            raise Wrong("the product of so many small numbers is smaller than any float, so it is 0: take logarithms, "
                        "their mean, and exp.")  # fmt: skip
        slips = {
            "upside down: the arithmetic mean is the larger one, so flatness is at most 1.": 1 / oracle,
            "the exponential is missing: a geometric mean is exp of the mean of logarithms.": np.log(power).mean(1)
            / power.mean(1),
            "this is the flatness of amplitudes; the entries are powers already.": scipy.stats.gmean(power**0.5, axis=1)
            / (power**0.5).mean(1),
            "log10 belongs with 10**x, not with exp.": np.exp(np.log10(power).mean(1)) / power.mean(1),
            "that is flatness in decibels; asked is the ratio itself.": 10 * np.log10(oracle),
        }
        name_the_slip(got, slips)
        raise Wrong(f"for one random spectrogram, {you_give(got, oracle)}.")
    return "the same as SciPy's geometric mean."


EXERCISES = [
    Exercise(
        "five_sounds-1",
        _judge_largest_jump_db,
        (
            "A level in dB is 20·log10 of an amplitude; a jump is the difference of two neighbouring levels.",
            "(20 * torch.log10(envelope)).diff().abs().max(), and 0 where there is nothing to compare.",
        ),
        largest_jump_db,
        "A difference of levels is a ratio of amplitudes, so it is the same for a loud and for a quiet sound.",
    ),
    Exercise(
        "five_sounds-2",
        _judge_frame_flatness,
        (
            "The geometric mean of n numbers is the n-th root of their product; take it with logarithms.",
            "power.log().mean(-1).exp(), divided by power.mean(-1).",
        ),
        frame_flatness,
        "The geometric mean is pulled down by every deep valley, the arithmetic mean is held up by the peaks.",
    ),
]

MISTAKES = {
    "five_sounds-1": [
        (lambda e: largest_jump_db(e) / 2, "10·log10 is for powers"),
        (lambda e: (20 * torch.log10(e)).diff().max(), "only jumps upwards"),
        (lambda e: e.diff().abs().max(), "difference of the amplitudes"),
        (lambda e: 20 * torch.log10(e.max() / e.min()), "need not be neighbours"),
    ],
    "five_sounds-2": [
        (lambda p: 1 / frame_flatness(p), "upside down"),
        (lambda p: p.log().mean(-1) / p.mean(-1), "exponential is missing"),
        (lambda p: frame_flatness(p.sqrt()), "flatness of amplitudes"),
        (lambda p: frame_flatness(p.T), "wrong axis"),
    ],
}
