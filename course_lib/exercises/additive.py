"""Exercises of the chapter "Additive synthesis"."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, pair, you_give


def string_partials(f0_hz: float, n_partials: int, stiffness: float) -> Tensor:
    """Partials of a stiff string, f_k = k · f0 · √(1 + B k²), shape (n_partials,)."""
    k = torch.arange(1, n_partials + 1)
    return k * f0_hz * torch.sqrt(1 + stiffness * k**2)


def _judge_string_partials(answer: Any) -> str:
    generator = torch.Generator().manual_seed(7)
    for _ in range(5):
        f0, b = (float(x) for x in torch.rand(2, generator=generator, dtype=torch.float64) * 0.9 + 0.1)
        f0, b, n = round(200 * f0, 3), round(1e-3 * b, 7), 12
        got = expect_tensor(call(answer, f0, n, b))
        if got.shape == (n - 1,):
            raise Wrong("one short: arange and range stop one before their end, so the last partial needs K + 1.")
        got = expect_tensor(got, (n,))
        k = torch.arange(1, n + 1, dtype=torch.float64)
        # The oracle solves f² = (k f0)² + B k² (k f0)² for f by complex magnitude, not by the formula's root.
        oracle = torch.complex(k * f0, k * f0 * k * b**0.5).abs()
        if close(got, oracle):
            continue
        k0 = k - 1
        slips = {
            "the first partial is at 0 Hz: harmonic numbers start at 1, not at 0.": k0 * f0 * (1 + b * k0**2).sqrt(),
            "these are plain harmonics: the stiffness B has no effect yet.": k * f0,
            "the square root is missing: f_k = k · f0 · √(1 + B k²).": k * f0 * (1 + b * k**2),
            "inside the root stands B·k, but the stiffness grows with the square of k.": k * f0 * (1 + b * k).sqrt(),
            "the factor k in front of the root is missing: all partials crowd around f0.": f0 * (1 + b * k**2).sqrt(),
        }
        name_the_slip(got, slips)
        raise Wrong(f"for f0 = {f0:g} Hz, B = {b:g}: {you_give(got, oracle, 'Hz')}.")
    return "the same as the closed form for five random strings. Feed it to additive_synth and hear it."


def split_amplitudes(amplitudes: Tensor) -> tuple[Tensor, Tensor]:
    """Split (n_frames, K) amplitudes ≥ 0 into A (n_frames,) and shares (n_frames, K) summing to 1 (0 in silence)."""
    total = amplitudes.sum(-1)
    safe = torch.where(total > 0, total, torch.ones_like(total))
    return total, amplitudes / safe.unsqueeze(-1)


def _judge_split_amplitudes(answer: Any) -> str:
    generator = torch.Generator().manual_seed(9)
    for trial in range(4):
        n, k = 6 + trial, 5
        a = torch.rand(n, k, generator=generator, dtype=torch.float64) * torch.rand(n, 1, generator=generator)
        if trial == 3:
            a[2] = 0.0  # a frame of silence
        first, second = pair(
            call(answer, a.clone()), "return two things: the amplitude of every frame, and the shares."
        )
        try:
            shares = expect_tensor(second)
        except Wrong as error:
            if trial == 3:
                raise Wrong(
                    "right while there is sound, but a silent frame becomes NaN: 0 / 0. Guard the division."
                ) from error
            raise
        amplitude = expect_tensor(first)
        if tuple(amplitude.shape) == (n, k) and shares.numel() == n:
            raise Wrong("the two are in the other order: first the amplitude, then the shares.")
        if tuple(amplitude.shape) == (k,):
            raise Wrong("you summed over the frames: every frame needs its own amplitude. The harmonics are axis -1.")
        shares = expect_tensor(shares, (n, k))
        amplitude = expect_tensor(amplitude.reshape(n) if amplitude.numel() == n else amplitude, (n,))
        # Oracle: the definition, harmonic by harmonic, in plain Python.
        total = torch.tensor([sum(row) for row in a.tolist()], dtype=torch.float64)
        if not close(amplitude, total):
            slips = {
                "you divided by the loudest harmonic: then that one's share is 1, and the sum is more than 1.": a.max(
                    -1
                ).values,
                "you divided by √Σ A_k²: the squares of the shares sum to 1, the shares do not.": a.norm(dim=-1),
                "a mean where a sum belongs: the shares would sum to K.": a.mean(-1),
            }
            name_the_slip(amplitude, slips)
            raise Wrong(f"the amplitude of a frame is the sum of its harmonics: {you_give(amplitude, total)}.")
        if close(shares, torch.softmax(a, -1)):
            raise Wrong("a softmax gives shares of e^A; here the share of a harmonic is A_k over the sum of all.")
        if not close(total[:, None] * shares, a):
            where = you_give(total[:, None] * shares, a)
            raise Wrong(f"amplitude times shares must give the amplitudes back: {where}.")
        if bool((shares[total == 0].abs() > 1e-4).any()):
            raise Wrong("in a silent frame all shares are 0, as the library has it: then nothing can sound in it.")
    return "sums to one where there is sound, zeros where there is none, and the product gives the amplitudes back."


EXERCISES = [
    Exercise(
        "additive-1",
        _judge_string_partials,
        ("You need the numbers 1, 2, … K first: torch.arange stops one before its end.",
         "k * f0_hz are the plain harmonics; multiply them by torch.sqrt(1 + stiffness * k**2)."),
        string_partials,
        "A stiff string bends back harder the shorter its waves are, so its upper partials run ahead of k·f0. "
        "No choice of f0 makes them harmonic: this is where equation 2 leaves the piano behind.",
    ),
    Exercise(
        "additive-2",
        _judge_split_amplitudes,
        ("A[n] is what remains when the shares are summed: sum over the last axis, the harmonics.",
         "In a silent frame the sum is 0. torch.where(total > 0, total, 1) divides safely: 0 / 1 = 0."),
        split_amplitudes,
        "The library's normalise_distribution divides in the same guarded way; without the guard one silent frame "
        "would turn every gradient of the sound into NaN.",
    ),
]  # fmt: skip

MISTAKES = {
    "additive-1": [
        (lambda f0, n, b: torch.arange(n) * f0 * torch.sqrt(1 + b * torch.arange(n) ** 2), "start at 1, not at 0"),
        (lambda f0, n, b: f0 * torch.arange(1, n + 1), "plain harmonics"),
        (lambda f0, n, b: torch.arange(1, n + 1) * f0 * (1 + b * torch.arange(1, n + 1) ** 2), "square root"),
        (lambda f0, n, b: torch.arange(1, n + 1) * f0 * (1 + b * torch.arange(1, n + 1)).sqrt(), "square of k"),
        (lambda f0, n, b: f0 * (1 + b * torch.arange(1, n + 1) ** 2).sqrt(), "crowd around f0"),
    ],
    "additive-2": [
        (lambda a: (a.sum(-1), a / a.sum(-1, keepdim=True)), "0 / 0"),
        (lambda a: (a.max(-1).values, a / a.max(-1, keepdim=True).values), "loudest harmonic"),
        (lambda a: (a.norm(dim=-1), a / a.norm(dim=-1, keepdim=True)), "squares of the shares"),
        (lambda a: (a.mean(-1), a / a.mean(-1, keepdim=True)), "a mean where a sum belongs"),
        (lambda a: (a.sum(0), a / a.sum(0)), "summed over the frames"),
    ],
}
