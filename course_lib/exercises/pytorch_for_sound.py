"""Exercises of the chapter "PyTorch for sound"."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Stopped, Wrong, call, close, expect_tensor, name_the_slip, you_give


def mix(tracks: Tensor, gains_db: Tensor) -> Tensor:
    """Mix (n_tracks, n_samples) into one sound (n_samples,), each track at its own level in dB."""
    gains = 10 ** (gains_db / 20)
    return (gains.unsqueeze(-1) * tracks).sum(0)


def _judge_mix(answer: Any) -> str:
    generator = torch.Generator().manual_seed(11)
    for trial in range(4):
        n_tracks, n = 3 + trial, 50
        tracks = torch.rand(n_tracks, n, generator=generator, dtype=torch.float64) - 0.5
        levels = torch.rand(n_tracks, generator=generator, dtype=torch.float64) * 30 - 24
        try:
            got = expect_tensor(call(answer, tracks.clone(), levels.clone()))
        except Stopped as stopped:
            if not re.search("must match the size|could not be broadcast", str(stopped.error)):
                raise
            raise Wrong(
                f"one gain a track, shape ({n_tracks},), meets tracks of shape ({n_tracks}, {n}), and broadcasting "
                "lays it along time. Give the gains a last axis of length 1: gains.unsqueeze(-1)."
            ) from stopped
        if got.shape == tracks.shape:
            raise Wrong("that is still one sound per track: sum over the axis of the tracks, which is axis 0.")
        if tuple(got.shape) == (n_tracks,):
            raise Wrong("you summed over time: one number is left of each track. The tracks are axis 0.")
        got = expect_tensor(got, (n,))
        # The oracle adds the tracks up one by one; no broadcasting, which is what the exercise is about.
        oracle = torch.zeros(n, dtype=torch.float64)
        for track, level in zip(tracks, levels.tolist(), strict=True):
            oracle += track * 10.0 ** (level / 20)
        if close(got, oracle):
            continue
        slips = {
            "you multiplied by the decibels themselves: first turn each level into a gain, 10^(dB / 20).": levels,
            "10^(dB / 10) is a ratio of powers; samples are amplitudes, for which it is dB / 20.": 10 ** (levels / 10),
            "e^(dB / 20) is no gain: decibels count with base 10, 10^(dB / 20).": (levels / 20).exp(),
            "a mean where a sum belongs: every further track would make the others softer.": 10 ** (levels / 20)
            / n_tracks,
            "the tracks are summed, but their levels have no effect.": torch.ones_like(levels),
            "the levels are turned round: −6 dB is softer, a gain below 1.": 10 ** (-levels / 20),
        }
        name_the_slip(got, {said: (gains.unsqueeze(-1) * tracks).sum(0) for said, gains in slips.items()})
        where = you_give(got, oracle)
        raise Wrong(f"the mix differs from adding the tracks one by one, each times 10^(dB / 20): {where}.")
    return "the same as adding the tracks one by one, and without a loop."


def descend(sound: Tensor, target: Tensor, lr: float, steps: int) -> Tensor:
    """Fit a gain, from 0, by plain gradient descent on the mean squared error; returns the gain reached."""
    gain = torch.zeros((), dtype=sound.dtype, requires_grad=True)
    for _ in range(steps):
        loss = (gain * sound - target).square().mean()
        (gradient,) = torch.autograd.grad(loss, gain)
        with torch.no_grad():
            gain -= lr * gradient
    return gain.detach()


def _judge_descend(answer: Any) -> str:
    generator = torch.Generator().manual_seed(13)
    for trial in range(4):
        sound = 2 * torch.rand(80, generator=generator, dtype=torch.float64) - 1
        noise = 0.2 * torch.rand(80, generator=generator, dtype=torch.float64)
        target = (0.5 + float(torch.rand(1, generator=generator))) * sound + noise
        lr, steps = 0.3, 4 + trial
        got = expect_tensor(call(answer, sound.clone(), target.clone(), lr, steps), ())
        # On a parabola descent has a closed form: the distance to the best gain shrinks by one factor each step.
        energy, best = sound.square().mean(), (sound * target).mean() / sound.square().mean()
        expected = _reached(best, energy, lr, steps)
        if close(got, expected):
            continue
        slips = {
            "the gradients pile up: backward() adds to .grad. Set it to zero (or None) before every step.": (
                _accumulated(best, energy, lr, steps)
            ),
            "you walk uphill: the gradient points to where the loss grows. Subtract it.": _reached(
                best, energy, -lr, steps
            ),
            "the learning rate has no effect: multiply the gradient by lr.": _reached(best, energy, 1.0, steps),
            "your steps are half as long: the derivative of a square has a factor 2, which autograd knows.": _reached(
                best, energy, lr / 2, steps
            ),
            "a sum where the loss takes a mean: the steps grow with the length of the sound.": _reached(
                best, len(sound) * energy, lr, steps
            ),
            **{
                f"that is the gain after {other} steps, where {steps} were asked for.": _reached(
                    best, energy, lr, other
                )
                for other in (steps - 1, steps + 1)
            },
            "the walk starts at 0, and yours at a gain of 1.": best + (1 - best) * (1 - expected / best),
            "the best gain itself: right in the end, but the question is where these few steps arrive.": best,
        }
        name_the_slip(got, slips)
        raise Wrong(f"after {steps} steps with lr {lr:g}, as gain {you_give(got, expected)}.")
    return "exactly where the closed form of descent on a parabola is after as many steps."


def _reached(best: Tensor, energy: Tensor, lr: float, steps: int) -> Tensor:
    return best * (1 - (1 - 2 * lr * energy) ** steps)


def _accumulated(best: Tensor, energy: Tensor, lr: float, steps: int) -> Tensor:
    """Where descent gets whose gradients are never set to zero."""
    gain, total = torch.zeros_like(best), torch.zeros_like(best)
    for _ in range(steps):
        total = total + 2 * energy * (gain - best)
        gain = gain - lr * total
    return gain


EXERCISES = [
    Exercise(
        "pytorch_for_sound-1",
        _judge_mix,
        ("One gain per track has shape (n_tracks,); the tracks have (n_tracks, n_samples). Give the gains a last axis.",
         "gains.unsqueeze(-1) has shape (n_tracks, 1), which stretches over all samples. Then sum over axis 0."),
        mix,
        "Broadcasting stretches an axis of length 1. Without the unsqueeze the gains would be laid along time, "
        "and PyTorch would object, unless there were by chance as many samples as tracks.",
    ),
    Exercise(
        "pytorch_for_sound-2",
        _judge_descend,
        ("gain = torch.zeros((), requires_grad=True); then in a loop: loss, gradient, step.",
         "loss.backward() adds to gain.grad, so empty it each time; change the gain inside torch.no_grad()."),
        descend,
        "On a parabola every step shrinks the distance to the best gain by the same factor, 1 − 2·lr·mean(x²). "
        "That is how the check knows the answer without running your loop.",
    ),
]  # fmt: skip


def _gradients_pile_up(sound: Tensor, target: Tensor, lr: float, steps: int) -> Tensor:
    gain = torch.zeros((), dtype=sound.dtype, requires_grad=True)
    for _ in range(steps):
        (gain * sound - target).square().mean().backward()
        assert gain.grad is not None
        with torch.no_grad():
            gain -= lr * gain.grad
    return gain.detach()


MISTAKES = {
    "pytorch_for_sound-1": [
        (lambda x, db: (db.unsqueeze(-1) * x).sum(0), "the decibels themselves"),
        (lambda x, db: (10 ** (db / 10)).unsqueeze(-1).mul(x).sum(0), "a ratio of powers"),
        (lambda x, db: (10 ** (db / 20)).unsqueeze(-1).mul(x).mean(0), "a mean where a sum belongs"),
        (lambda x, db: (10 ** (db / 20)).unsqueeze(-1) * x, "one sound per track"),
        (lambda x, db: (10 ** (db / 20)).unsqueeze(-1).mul(x).sum(-1), "summed over time"),
        (lambda x, db: x.sum(0), "no effect"),
    ],
    "pytorch_for_sound-2": [
        (_gradients_pile_up, "pile up"),
        (lambda x, y, lr, n: descend(x, y, -lr, n), "uphill"),
        (lambda x, y, lr, n: descend(x, y, 1.0, n), "learning rate has no effect"),
        (lambda x, y, lr, n: descend(x, y, lr / 2, n), "half as long"),
        (lambda x, y, lr, n: descend(x, y, lr * len(x), n), "a sum where the loss takes a mean"),
        (lambda x, y, lr, n: descend(x, y, lr, n + 1), "were asked for"),
        (lambda x, y, lr, n: (x * y).sum() / (x * x).sum(), "the best gain itself"),
    ],
}
