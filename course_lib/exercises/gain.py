"""Exercises of the chapter "A differentiable gain"."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def best_gain(sound: Tensor, target: Tensor) -> Tensor:
    """The gain g that minimises the mean of (g · sound − target)²."""
    return (sound * target).sum() / (sound * sound).sum()


def _judge_best_gain(answer: Any) -> str:
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        sound, noise = torch.rand(2, 400, generator=generator, dtype=torch.float64) - 0.5
        gain = float(torch.rand(1, generator=generator)) * 3 - 1.5
        target = gain * sound + 0.1 * noise
        got = expect_tensor(call(answer, sound, target), ())
        oracle = torch.linalg.lstsq(sound[:, None], target[:, None]).solution[0, 0]
        if close(got, oracle):
            continue
        alone = "the correlation alone: it still has to be divided by the energy of the sound."
        levels = (
            "this is the ratio of the two RMS levels: right in size for a clean target, but it can "
            "never be negative and it counts noise as signal. Set the derivative of the squared error to zero."
        )
        slips = {
            levels: target.square().mean().sqrt() / sound.square().mean().sqrt(),
            "sound and target are swapped in the denominator: you scale the sound, not the target.": (
                sound * target
            ).sum()
            / (target * target).sum(),
            alone: (sound * target).sum(),
            alone + " The mean alone is not enough.": (sound * target).mean(),
            "a mean of the ratios: where the sound is almost 0, noise decides. Set the derivative of the squared error "
            "to zero.": (target / sound).mean(),
            "a ratio of the two sums: positive and negative samples cancel there. Set the derivative of the squared "
            "error to zero.": target.sum() / sound.sum(),
            "a ratio of the two peaks: two samples decide for all. Set the derivative of the squared error to "
            "zero.": target.abs().max() / sound.abs().max(),
            "the sign is turned.": -oracle,
        }
        name_the_slip(got, slips)
        raise Wrong(f"for one random pair, by least squares, {you_give(got, oracle)}.")
    return "the same as least squares on five random pairs. Gradient descent was walking towards this number."


def gain_gradient(gain: float, sound: Tensor, target: Tensor) -> Tensor:
    """Derivative of mean (gain · sound − target)² with respect to the gain, by hand."""
    return (2 * (gain * sound - target) * sound).mean()


def _judge_gain_gradient(answer: Any) -> str:
    generator = torch.Generator().manual_seed(5)
    for _ in range(5):
        sound, target = torch.rand(2, 300, generator=generator, dtype=torch.float64) - 0.5
        gain = torch.tensor(float(torch.rand(1, generator=generator)) * 2 - 1, dtype=torch.float64, requires_grad=True)
        (gain * sound - target).square().mean().backward()
        g, oracle = float(gain.detach()), gain.grad
        assert oracle is not None
        got = expect_tensor(call(answer, g, sound, target))
        if got.shape == sound.shape:
            raise Wrong("one slope for each sample: the loss is their mean, so its derivative is the mean of these.")
        got = expect_tensor(got, ())
        if close(got, oracle):
            continue
        error = g * sound - target
        chain = "the chain rule's inner derivative is missing: multiply by the sound."
        slips = {
            "half of it: the square's derivative brings a factor of 2.": oracle / 2,
            "the sign is turned: the inner derivative of gain · sound − target is +sound.": -oracle,
            "a sum where the loss takes a mean.": oracle * len(sound),
            chain: (2 * error).mean(),
            "the inner derivative is by the gain: it is the sound, not the gain.": (2 * error * g).mean(),
            "that is the loss itself; asked is its slope.": error.square().mean(),
        }
        name_the_slip(got, slips)
        raise Wrong(f"for one random pair, by autograd, {you_give(got, oracle)}.")
    return "the same as autograd on five random pairs."


EXERCISES = [
    Exercise(
        "gain-1",
        _judge_best_gain,
        ("Write the squared error as a function of g alone; it is a parabola.",
         "Its derivative is 2·Σ sound·(g·sound − target). For which g is it zero?"),
        best_gain,
        "The squared error is a parabola in the gain, so its minimum has a closed form: correlation over energy.",
    ),
    Exercise(
        "gain-2",
        _judge_gain_gradient,
        ("Chain rule: outer derivative times inner derivative, then the mean.",
         "outer: 2·(gain·sound − target); inner: sound."),
        gain_gradient,
        "This one line is what autograd does for every parameter of every model in this book.",
    ),
]  # fmt: skip

MISTAKES = {
    "gain-1": [
        (lambda x, t: t.square().mean().sqrt() / x.square().mean().sqrt(), "ratio of the two RMS levels"),
        (lambda x, t: (x * t).sum() / (t * t).sum(), "swapped in the denominator"),
        (lambda x, t: (x * t).sum(), "correlation alone"),
    ],
    "gain-2": [
        (lambda g, x, t: gain_gradient(g, x, t) / 2, "a factor of 2"),
        (lambda g, x, t: -gain_gradient(g, x, t), "the sign is turned"),
        (lambda g, x, t: (2 * (g * x - t)).mean(), "inner derivative is missing"),
        (lambda g, x, t: gain_gradient(g, x, t) * len(x), "a sum where"),
    ],
}
