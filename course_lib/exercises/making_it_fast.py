"""Exercises of the chapter "Making it fast"."""

from __future__ import annotations

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
    pair,
    you_give,
)


def harmonics_from_one_cosine(cosine: Tensor, sine: Tensor, n_harmonics: int) -> Tensor:
    """sin φ, sin 2φ, … sin Kφ from cos φ and sin φ alone, each from the two before it: (K, n)."""
    rows = [torch.zeros_like(sine), sine]
    for _ in range(n_harmonics - 1):
        rows.append(2 * cosine * rows[-1] - rows[-2])
    return torch.stack(rows[1:])


def _judge_harmonics_from_one_cosine(answer: Any) -> str:
    rng = np.random.default_rng(12)
    for n_harmonics in (5, 12, 2, 1):
        phase = torch.from_numpy(rng.uniform(-np.pi, np.pi, 50))
        c, s = phase.cos(), phase.sin()
        got = expect_tensor(call(answer, c, s, n_harmonics), (n_harmonics, 50))
        k = torch.arange(1, n_harmonics + 1).unsqueeze(1)
        if close(got, torch.sin(k * phase), 1e-9):
            continue
        name_the_slip(
            got,
            {
                "these are the cosines; the recurrence is the same, but its first two rows are not.": (k * phase).cos(),
                "one harmonic late: the first row should be sin φ, and yours is sin 0.": ((k - 1) * phase).sin(),
                "the powers of a sine are no harmonics: each row comes from the two before it.": s**k,
                "a factor of 2 is missing: it is twice the cosine that is multiplied with.": _chain(c, s, k, two=1),
                "the row before the last is to be subtracted, and you add it.": _chain(c, s, k, sign=1),
                "before sin φ comes sin 0, which is 0; yours begins with something else.": _chain(c, s, k, zero=c),
                "this sine was made from the new cosine: compute both from the old pair, then replace.": (
                    _from_the_new_cosine(c, s, n_harmonics)
                ),
            },
            1e-9,
        )
        raise Wrong(f"with K = {n_harmonics} the rows are not sin φ … sin {n_harmonics}φ.")
    # Half as large, the pair lies on no unit circle, where products give one thing and the sine of an angle another.
    k, half = torch.arange(1, 13).unsqueeze(1), (c / 2, s / 2)
    got = expect_tensor(call(answer, *half, 12), (12, 50)).abs()
    if any(close(got, torch.sin(k * x).abs()) for x in (torch.atan2(s, c), torch.acos(c / 2), torch.asin(s / 2))):
        raise Wrong("the rows are right, but you went back to the angle, and each of them costs a sine again.")
    return "and no sine was computed."


def _chain(c: Tensor, s: Tensor, k: Tensor, two: float = 2, sign: float = -1, zero: Tensor | float = 0.0) -> Tensor:
    before, now, rows = zero + torch.zeros_like(s), s, [s]
    for _ in range(len(k) - 1):
        before, now = now, two * c * now + sign * before
        rows.append(now)
    return torch.stack(rows)


def _from_the_new_cosine(cosine: Tensor, sine: Tensor, n_harmonics: int) -> Tensor:
    c, s, rows = cosine, sine, [sine]
    for _ in range(n_harmonics - 1):
        c = c * cosine - s * sine
        s = s * cosine + c * sine
        rows.append(s)
    return torch.stack(rows)


def slope_by_phase(amplitudes: Tensor, phase: Tensor) -> Tensor:
    """By how much each sample of Σ_k A_k sin kφ grows with its phase: (n,)."""
    k = torch.arange(1, len(amplitudes) + 1).unsqueeze(1)
    return (k * amplitudes.unsqueeze(1) * torch.cos(k * phase)).sum(0)


def _judge_slope_by_phase(answer: Any) -> str:
    rng = np.random.default_rng(13)
    for n_harmonics in (2, 3, 9):
        a = torch.from_numpy(rng.uniform(0.2, 1.0, n_harmonics))
        phase = torch.from_numpy(rng.uniform(-np.pi, np.pi, 40)).requires_grad_()
        k = torch.arange(1, n_harmonics + 1).unsqueeze(1)
        (oracle,) = torch.autograd.grad((a.unsqueeze(1) * torch.sin(k * phase)).sum(), phase)
        phase = phase.detach()
        got = expect_tensor(call(answer, a, phase), (40,))
        if close(got, oracle):
            continue
        cosines, a = torch.cos(k * phase), a.unsqueeze(1)
        name_the_slip(
            got,
            {
                "k is missing: harmonic k turns k times as far when the phase moves.": (a * cosines).sum(0),
                "these are sines; the slope of a sine is a cosine.": (k * a * torch.sin(k * phase)).sum(0),
                "the sign is wrong: the slope of sin is cos, without a minus.": -oracle,
                "harmonics count from 1, and yours from 0.": ((k - 1) * a * torch.cos((k - 1) * phase)).sum(0),
                "the sum over the harmonics is divided by their number.": oracle / n_harmonics,
            },
        )
        raise Wrong(f"with {n_harmonics} harmonics, {you_give(got, oracle)}.")
    return "the backward pass needs no more than this and a running sum."


def split_harmonic(k: int, h: int) -> tuple[int, int]:
    """Giant and baby step of harmonic k: k = (2h + 1) · p + q with |q| ≤ h."""
    p = (k + h) // (2 * h + 1)
    return p, k - (2 * h + 1) * p


def _judge_split_harmonic(answer: Any) -> str:
    rng = np.random.default_rng(11)
    for h in (1, 2, 3, 7, 10):
        for k in (1, h, h + 1, 2 * h + 1, 3 * h + 2, *map(int, rng.integers(1, 400, 8))):
            p, q = pair(call(answer, k, h), "give two whole numbers, p and q.")
            p, q = number(p), number(q)
            if abs(p - round(p)) + abs(q - round(q)) > 1e-3:
                raise Wrong(f"p and q are whole numbers; for k = {k}, h = {h} you give {p:g} and {q:g}.")
            p, q = round(p), round(q)
            if (2 * h + 1) * p + q == k and abs(q) <= h:
                continue
            if (2 * h + 1) * p + q == k:
                raise Wrong(f"the sum is right, but q = {q} is no baby step: it must lie from −{h} to {h}.")
            if 2 * h * p + q == k:
                raise Wrong(f"Q is 2h + 1: from −{h} to {h} there are {2 * h + 1} baby steps, 0 among them.")
            if (2 * h + 1) * q + p == k:
                raise Wrong("p and q have changed places: first the giant step, then the baby step.")
            raise Wrong(f"for k = {k} and h = {h}, Q·p + q is {(2 * h + 1) * p + q}.")
    return "every k has exactly one such pair."


EXERCISES = [
    Exercise(
        "making_it_fast-1",
        _judge_harmonics_from_one_cosine,
        (
            "sin 2φ = 2 cos φ · sin φ − sin 0: begin with the rows 0 and sin φ, and leave the first out at the end.",
            "Each new row is 2 · cosine · (the last row) − (the row before the last).",
        ),
        harmonics_from_one_cosine,
        "One multiplication by 2 cos φ and one subtraction a harmonic. Rounding errors add up along this chain: the "
        "library computes it in double precision and begins anew from the phase every 128 harmonics.",
    ),
    Exercise(
        "making_it_fast-2",
        _judge_slope_by_phase,
        (
            "Differentiate one harmonic: A sin kφ by φ. What does the chain rule put in front?",
            "k · A_k · cos kφ, summed over the harmonics: other amplitudes, a quarter of a turn on.",
        ),
        slope_by_phase,
        "The slope is a sum of harmonics like the sound itself, with k·A_k for amplitudes and cosines for sines. "
        "So the loop that makes the sound makes its gradient too.",
    ),
    Exercise(
        "making_it_fast-3",
        _judge_split_harmonic,
        (
            "Rounding k / Q to the nearest whole number gives p; Q is odd, so there is never a tie.",
            "(k + h) // Q is that rounding in whole numbers; q is what is left, k − Q·p.",
        ),
        split_harmonic,
        "Adding h before the floor division turns it into rounding, so what is left lies from −h to h.",
    ),
]

MISTAKES = {
    "making_it_fast-1": [
        (lambda c, s, n: torch.stack([s**k for k in range(1, n + 1)]), "powers of a sine"),
        (lambda c, s, n: torch.stack([torch.cos(k * torch.atan2(s, c)) for k in range(1, n + 1)]), "the cosines"),
        (lambda c, s, n: torch.stack([torch.sin(k * torch.atan2(s, c)) for k in range(n)]), "one harmonic late"),
        (lambda c, s, n: torch.stack([torch.sin(k * torch.atan2(s, c)) for k in range(1, n + 1)]), "to the angle"),
        (lambda c, s, n: _from_the_new_cosine(c, s, n), "both from the old pair"),
        (lambda c, s, n: _chain(c, s, torch.arange(n), two=1), "factor of 2 is missing"),
        (lambda c, s, n: _chain(c, s, torch.arange(n), sign=1), "you add it"),
        (lambda c, s, n: _chain(c, s, torch.arange(n), zero=c), "comes sin 0"),
    ],
    "making_it_fast-2": [
        (lambda a, p: sum(x * torch.cos(k * p) for k, x in enumerate(a, 1)), "k is missing"),
        (lambda a, p: sum(k * x * torch.sin(k * p) for k, x in enumerate(a, 1)), "these are sines"),
        (lambda a, p: sum(k * x * torch.cos(k * p) for k, x in enumerate(a)), "yours from 0"),
    ],
    "making_it_fast-3": [
        (lambda k, h: divmod(k, 2 * h + 1), "is no baby step"),
        (lambda k, h: ((k + h) // (2 * h), k - 2 * h * ((k + h) // (2 * h))), "Q is 2h + 1"),
        (lambda k, h: split_harmonic(k, h)[::-1], "changed places"),
    ],
}
