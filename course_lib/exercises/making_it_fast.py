"""Exercises of the chapter "Making it fast"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, number, pair


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


def all_harmonics(cosine: Tensor, sine: Tensor, n_harmonics: int) -> Tensor:
    """sin φ, sin 2φ, … sin Kφ from cos φ and sin φ alone: (K, n)."""
    c, s, rows = cosine, sine, [sine]
    for _ in range(n_harmonics - 1):
        c, s = c * cosine - s * sine, s * cosine + c * sine
        rows.append(s)
    return torch.stack(rows)


def _judge_all_harmonics(answer: Any) -> str:
    rng = np.random.default_rng(12)
    for n_harmonics in (1, 2, 5, 12):
        phase = torch.from_numpy(rng.uniform(-np.pi, np.pi, 50))
        got = expect_tensor(call(answer, phase.cos(), phase.sin(), n_harmonics), (n_harmonics, 50))
        k = torch.arange(1, n_harmonics + 1).unsqueeze(1)
        oracle = (torch.exp(1j * k * phase)).imag
        if close(got, oracle, 1e-9):
            continue
        if close(got, torch.cos(k * phase), 1e-9):
            raise Wrong("these are the cosines; keep the other half of each power.")
        if close(got, torch.sin((k - 1) * phase), 1e-9):
            raise Wrong("one harmonic late: the first row should be sin φ, and yours is sin 0.")
        if close(got, torch.sin(phase) ** k, 1e-9):
            raise Wrong("the powers of a sine are no harmonics: it is (cos φ + i sin φ) that is to be raised.")
        if n_harmonics > 1 and close(got[1], torch.sin(phase) * (torch.cos(phase) + torch.cos(2 * phase)), 1e-9):
            raise Wrong(
                "the sine of this step was made from the new cosine: compute both from the old pair, then replace."
            )
        raise Wrong(f"with K = {n_harmonics} the rows are not sin φ … sin {n_harmonics}φ.")
    return "and not one sine was computed."


EXERCISES = [
    Exercise(
        "making_it_fast-1",
        _judge_split_harmonic,
        (
            "Rounding k / Q to the nearest whole number gives p; Q is odd, so there is never a tie.",
            "(k + h) // Q is that rounding in whole numbers; q is what is left, k − Q·p.",
        ),
        split_harmonic,
        "Adding h before the floor division turns it into rounding, so what is left lies from −h to h.",
    ),
    Exercise(
        "making_it_fast-2",
        _judge_all_harmonics,
        (
            "z^(k+1) = z^k · z, and a product of complex numbers is four real products.",
            "cos (k+1)φ = cos kφ cos φ − sin kφ sin φ; sin (k+1)φ = sin kφ cos φ + cos kφ sin φ. Replace both at once.",
        ),
        all_harmonics,
        "One complex multiplication a harmonic. Rounding errors add up along this chain, though: the library goes by "
        "doubling, and starts its giant steps from an exact phase.",
    ),
]


def _late_cosine(cosine: Tensor, sine: Tensor, n_harmonics: int) -> Tensor:
    c, s, rows = cosine, sine, [sine]
    for _ in range(n_harmonics - 1):
        c = c * cosine - s * sine
        s = s * cosine + c * sine
        rows.append(s)
    return torch.stack(rows)


MISTAKES = {
    "making_it_fast-1": [
        (lambda k, h: divmod(k, 2 * h + 1), "is no baby step"),
        (lambda k, h: ((k + h) // (2 * h), k - 2 * h * ((k + h) // (2 * h))), "Q is 2h + 1"),
        (lambda k, h: split_harmonic(k, h)[::-1], "changed places"),
    ],
    "making_it_fast-2": [
        (lambda c, s, n: torch.stack([s**k for k in range(1, n + 1)]), "powers of a sine"),
        (lambda c, s, n: torch.stack([torch.cos(k * torch.atan2(s, c)) for k in range(1, n + 1)]), "the cosines"),
        (lambda c, s, n: torch.stack([torch.sin(k * torch.atan2(s, c)) for k in range(n)]), "one harmonic late"),
        (lambda c, s, n: _late_cosine(c, s, n), "both from the old pair"),
    ],
}
