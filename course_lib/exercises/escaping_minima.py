"""Exercises of the chapter "Escaping the local minima"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def work_hz(one: Tensor, other: Tensor, bin_hz: float) -> Tensor:
    """The area between the two running sums, each scaled to end at 1."""
    climb_one = torch.cumsum(one / one.sum(), dim=0)
    climb_other = torch.cumsum(other / other.sum(), dim=0)
    return (climb_one - climb_other).abs().sum() * bin_hz


def _in_bins(one: Tensor, other: Tensor, bin_hz: float) -> Tensor:
    return work_hz(one, other, 1.0)


def _not_scaled(one: Tensor, other: Tensor, bin_hz: float) -> Tensor:
    return (torch.cumsum(one, 0) - torch.cumsum(other, 0)).abs().sum() * bin_hz


def _bin_by_bin(one: Tensor, other: Tensor, bin_hz: float) -> Tensor:
    return (one / one.sum() - other / other.sum()).abs().sum() * bin_hz


def _signed(one: Tensor, other: Tensor, bin_hz: float) -> Tensor:
    return (torch.cumsum(one / one.sum(), 0) - torch.cumsum(other / other.sum(), 0)).sum() * bin_hz


def _judge_work_hz(answer: Any) -> str:
    draw = np.random.default_rng(31)
    for bins, bin_hz in ((5, 100.0), (40, 3.90625), (129, 62.5)):
        one, other = draw.uniform(0, 1, (2, bins)) * np.array([[2.0], [0.3]])
        pair = torch.from_numpy(one), torch.from_numpy(other)
        got = expect_tensor(call(answer, pair[0].clone(), pair[1].clone(), bin_hz), ())
        where = np.arange(bins) * bin_hz
        oracle = wasserstein_distance(where, where, one, other)
        if close(got, oracle):
            continue
        climb = np.cumsum(one / one.sum() - other / other.sum())
        cancelled = "sand carried up and sand carried down cancel here. Take the absolute value before the sum."
        signed = float(_signed(*pair, bin_hz))
        slips = {
            "the work in bins. One bin is bin_hz wide, and the answer is wanted in Hz.": _in_bins(*pair, bin_hz),
            "the two heaps hold different amounts of sand. Divide each by its own sum first.": _not_scaled(
                *pair, bin_hz
            ),
            "this compares bin with bin, as spectrum L1 does, and cannot say how far. Sum up first.": _bin_by_bin(
                *pair, bin_hz
            ),
            cancelled: signed,
            cancelled + " Not after it.": -signed,
            "a mean where the sum over all bins belongs: every bin's load is carried one bin on.": oracle / bins,
            "the squares of what crosses each bin: the work is the plain amount, its absolute value.": (climb**2).sum()
            * bin_hz,
        }
        name_the_slip(got, slips)
        raise Wrong(f"{bins} bins of {bin_hz:g} Hz: {you_give(got, oracle, 'Hz')}.")
    return "the same as SciPy's wasserstein_distance, with a running sum and nothing else."


def best_line_hz(spectrum: Tensor, bin_hz: float) -> Tensor:
    """The median: the first bin at which half of the sand is reached."""
    climb = torch.cumsum(spectrum / spectrum.sum(), dim=0)
    return (climb < 0.5).sum() * bin_hz


def _mean(spectrum: Tensor, bin_hz: float) -> Tensor:
    return (spectrum * torch.arange(len(spectrum))).sum() / spectrum.sum() * bin_hz


def _peak(spectrum: Tensor, bin_hz: float) -> Tensor:
    return spectrum.argmax() * bin_hz


def _middle(spectrum: Tensor, bin_hz: float) -> Tensor:
    return torch.tensor(len(spectrum) // 2 * bin_hz)


def _bin_number(spectrum: Tensor, bin_hz: float) -> Tensor:
    return best_line_hz(spectrum, 1.0)


def _judge_best_line_hz(answer: Any) -> str:
    draw = np.random.default_rng(30)
    for bins, bin_hz in ((65, 125.0), (9, 50.0), (257, 31.25)):
        sand = draw.uniform(0, 1, bins) ** 4
        sand[int(draw.integers(1, bins // 4))] += 1.5  # a peak low down, less than half of the whole
        where = np.arange(bins) * bin_hz
        work = [float((sand * np.abs(where - line)).sum()) for line in where]
        oracle, spectrum = where[int(np.argmin(work))], torch.from_numpy(sand)
        got = expect_tensor(call(answer, spectrum.clone(), bin_hz), ())
        if close(got, oracle):
            continue
        slips = {
            "the centre of mass: it makes the *squared* distance least, and noise far away moves it most.": _mean(
                spectrum, bin_hz
            ),
            "the number of the bin. Bin k lies at k · bin_hz.": _bin_number(spectrum, bin_hz),
            "the highest bin. All the other sand has to be carried there too, and may be more.": _peak(
                spectrum, bin_hz
            ),
            "one bin too low: it is the first bin at which half of the sand is reached, and bin k lies at "
            "k · bin_hz.": oracle - bin_hz,
            "one bin too high: it is the first bin at which half of the sand is reached, and bin k lies at "
            "k · bin_hz.": oracle + bin_hz,
            "the middle of the axis. Where does the middle of the sand lie?": _middle(spectrum, bin_hz),
        }
        name_the_slip(got, slips)
        raise Wrong(f"{bins} bins of {bin_hz:g} Hz: {you_give(got, oracle, 'Hz')}.")
    return "the median, found by trying every bin. A tone with more than half of the sand holds it."


EXERCISES = [
    Exercise(
        "escaping_minima-1",
        _judge_work_hz,
        ("Scale both to a sum of 1. What is missing below a bin must be carried across it.",
         "torch.cumsum gives how much lies at or below each bin; add up the absolute differences, times bin_hz."),
        work_hz,
        "In one dimension optimal transport needs no optimisation: the running sums say how much crosses each bin. "
        "Every operation has a gradient, so it is a loss.",
    ),
    Exercise(
        "escaping_minima-2",
        _judge_best_line_hz,
        ("Move the line by one bin: it comes closer to the sand on one side, farther from that on the other.",
         "It stops paying where half of the sand lies on either side. The running sum tells where that is."),
        best_line_hz,
        "The median. The slope of the work is the sand below minus the sand above, so it points towards the median "
        "from everywhere. Sharpening gives one peak more than half of the sand, and with it the median.",
    ),
]  # fmt: skip

MISTAKES = {
    "escaping_minima-1": [
        (_in_bins, "in bins"),
        (_not_scaled, "different amounts"),
        (_bin_by_bin, "bin with bin"),
        (_signed, "cancel"),
    ],
    "escaping_minima-2": [
        (_mean, "centre of mass"),
        (_peak, "highest bin"),
        (_middle, "middle of the axis"),
        (_bin_number, "number of the bin"),
    ],
}
