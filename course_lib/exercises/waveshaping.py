"""Exercises of the chapter "Bending a sine: waveshaping"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, number, you_give


def chebyshev(x: Tensor, k: int) -> Tensor:
    """The curve that makes harmonic k alone of a cosine."""
    before, now = torch.ones_like(x), x
    for _ in range(k - 1):
        before, now = now, 2 * x * now - before
    return now


def _judge_chebyshev(answer: Any) -> str:
    rng = np.random.default_rng(31)
    for k in (1, 2, 3, 5, 8):
        angle = rng.uniform(0, np.pi, 40)
        x, right = np.cos(angle), np.cos(k * angle)
        got = expect_tensor(call(answer, torch.from_numpy(x), k), (40,))
        if close(got, right):
            continue
        halved = [np.ones(40), x]
        for _ in range(k):
            halved.append(x * halved[-1] - halved[-2])
        slips = {
            "xᵏ makes harmonic k and, below it, k − 2, k − 4 …: the other terms of the polynomial take those away.": x
            ** k,
            f"for k = {k} you give T of {k + 1}: one step too many. T_1 is x itself.": np.cos((k + 1) * angle),
            f"for k = {k} you give T of {k - 1}: one step too few. T_1 is x itself.": np.cos((k - 1) * angle),
            "the 2 is missing: T of k + 1 is 2x · T_k − T_{k−1}.": halved[k],
            "these are the polynomials of the second kind, which start with 1 and 2x: T starts with 1 and x.": (
                np.sin((k + 1) * angle) / np.sin(angle)
            ),
        }
        name_the_slip(got, slips)
        raise Wrong(f"for k = {k}, of a cosine that stands at {x[0]:.3f}, {you_give(float(got[0]), float(right[0]))}.")
    return "harmonic k alone, for k = 1, 2, 3, 5 and 8, as cos kφ says."


def read_table(table: Tensor, x: Tensor) -> Tensor:
    """Read a table over −1 … 1 with straight lines, held outside."""
    last = len(table) - 1
    place = (x.clamp(-1, 1) + 1) / 2 * last
    left = place.floor().clamp(max=last - 1).long()
    return table[left] + (place - left) * (table[left + 1] - table[left])


def _judge_read(answer: Any) -> str:
    rng = np.random.default_rng(32)
    for n in (9, 2, 33):
        table = rng.uniform(-1, 1, n)
        x = np.concatenate([rng.uniform(-1, 1, 40), [-1.0, 1.0, 0.0]])
        outside = np.concatenate([rng.uniform(1.1, 2, 4), rng.uniform(-2, -1.1, 4)])
        grid = np.linspace(-1, 1, n)
        right = np.interp(x, grid, table)
        got = expect_tensor(call(answer, torch.from_numpy(table), torch.from_numpy(x)), (43,))
        if not close(got, right):
            place = np.clip((x + 1) / 2 * n, 0, n - 1)
            left = np.floor(place).astype(int)
            after = np.minimum(left + 1, n - 1)
            exact = (x + 1) / 2 * (n - 1)
            whole = np.clip(np.floor(exact).astype(int), 0, n - 2)
            by_length, steps = table[left] + (place - left) * (table[after] - table[left]), f"{n - 1} steps"
            to_the_left, nearest = (table[at.astype(int)] for at in (np.floor(exact + 1e-12), np.round(exact)))
            slips = {
                f"the index is scaled by the table's length, {n}. From the first value to the last there are {steps}, "
                "one fewer: at x = 1 stands the last value.": by_length,
                "that is the value to the left of x: go on towards the next, by the fraction.": to_the_left,
                "that is the nearest value: straight lines are asked for, from each value to the next.": nearest,
                "the fraction is used the wrong way round: at fraction 0 you should stand at the left value.": (
                    table[whole + 1] + (exact - whole) * (table[whole] - table[whole + 1])
                ),
            }  # fmt: skip
            name_the_slip(got, slips)
            raise Wrong(f"at x = {x[0]:.3f}, from {n} values, {you_give(float(got[0]), float(right[0]))}.")
        beyond = expect_tensor(call(answer, torch.from_numpy(table), torch.from_numpy(outside)), (8,))
        if not close(beyond, np.interp(outside, grid, table)):
            raise Wrong("outside −1 … 1 the first and the last value are held: limit x to that range before reading.")
    return "as np.interp reads them, inside, at both ends and outside, for three tables."


def heard_at(k: int, f0_hz: float, sample_rate: float, factor: int) -> float:
    """Where harmonic k is heard when a curve runs at factor times the sample rate; 0 where it is filtered out."""
    rate = factor * sample_rate
    folded = abs(k * f0_hz - rate * round(k * f0_hz / rate))
    return folded if folded < sample_rate / 2 else 0.0


def _judge_heard(answer: Any) -> str:
    rng = np.random.default_rng(33)
    cases = [(3, 500.0, 1), (22, 1245.0, 1), (7, 1245.0, 1), (7, 1245.0, 2), (15, 1245.0, 2), (25, 1245.0, 2)]
    cases += [(int(rng.integers(1, 40)), float(rng.integers(101, 2000)), int(rng.integers(1, 5))) for _ in range(40)]
    for k, f0, factor in cases:
        rate, size = 16_000, 16_000
        # The oracle: a cosine sampled at the raised rate, and its spectrum up to the old Nyquist.
        wave = np.cos(2 * np.pi * k * f0 / (factor * rate) * np.arange(factor * size))
        lines = np.abs(np.fft.rfft(wave))[: size // 2]
        right = float(lines.argmax()) if lines.max() > 1 else 0.0
        got = number(call(answer, k, f0, float(rate), factor))
        if abs(got - right) < 0.01:
            continue
        f = k * f0
        once, raised = abs(f - rate * round(f / rate)), factor * rate
        folded = abs(f - raised * round(f / raised))
        case = f"harmonic {k} of {f0:.0f} Hz at {factor} × 16000 Hz"
        if factor > 1 and abs(got - folded) < 0.01 and folded >= rate / 2:
            raise Wrong(f"{case} lies at {folded:.0f} Hz: above 8000 Hz, so the filter takes it away. Give 0.")
        if factor > 1 and abs(got - once) < 0.01:
            raise Wrong(f"{case} is folded as if the curve ran at 16000 Hz: it runs at {raised} Hz, and folds there.")
        if abs(got - f % raised) < 0.01:
            raise Wrong(f"{case}: what lies between Nyquist and the rate is mirrored, down from the rate.")
        if abs(got - f) < 0.01 or (got == 0 and f >= raised / 2):
            raise Wrong(f"{case} would be at {f:.0f} Hz, above Nyquist: it does not vanish, it folds back.")
        raise Wrong(f"{case}: {you_give(got, right, 'Hz')}.")
    return "the same as the spectrum of a sampled cosine says, in 46 cases."  # fmt: skip


def back_through_table(n: int, x: Tensor, grad: Tensor) -> Tensor:
    """Gradient by the n values of a table, from the gradient by what was read at x."""
    place = (x + 1) / 2 * (n - 1)
    left = place.floor().clamp(max=n - 2).long()
    fraction = place - left
    by_table = torch.zeros(n, dtype=grad.dtype)
    by_table.index_add_(0, left, grad * (1 - fraction))
    by_table.index_add_(0, left + 1, grad * fraction)
    return by_table


def _judge_back(answer: Any) -> str:
    rng = np.random.default_rng(34)
    for n in (5, 2, 17):
        x, grad = rng.uniform(-1, 1, 60), rng.uniform(-1, 1, 60)
        # The oracle: reading is linear in the table, so column j is what a table gives that is 1 at j and 0 elsewhere.
        grid, hats = np.linspace(-1, 1, n), np.eye(n)
        right = np.array([np.interp(x, grid, hat) @ grad for hat in hats])
        got = expect_tensor(call(answer, n, torch.from_numpy(x), torch.from_numpy(grad)), (n,))
        if close(got, right):
            continue
        place = (x + 1) / 2 * (n - 1)
        left = np.minimum(np.floor(place).astype(int), n - 2)
        q = place - left
        last, lower, nearest, crossed, scaled = (np.zeros(n) for _ in range(5))
        for i in range(60):
            last[left[i]] = grad[i] * (1 - q[i])
            last[left[i] + 1] = grad[i] * q[i]
        np.add.at(lower, left, grad)
        np.add.at(nearest, np.round(place).astype(int), grad)
        np.add.at(crossed, left, grad * q)
        np.add.at(crossed, left + 1, grad * (1 - q))
        written = np.zeros(n)
        written[left] += grad * (1 - q)
        written[left + 1] += grad * q
        over = np.minimum((x + 1) / 2 * n, n - 1)
        l2 = np.minimum(np.floor(over).astype(int), n - 2)
        np.add.at(scaled, l2, grad * (1 - over + l2))
        np.add.at(scaled, l2 + 1, grad * (over - l2))
        overwritten = (
            "many samples read the same value, and their gradients add up: here later ones overwrite earlier ones. "
        )
        slips = {
            overwritten + "Use index_add_, or += in a loop.": last,
            overwritten + "y[index] += … keeps one of each index; index_add_ adds all.": written,
            "each sample was made of two values: both get a share, by the fraction.": lower,
            "only the nearest value gets something: both neighbours do, by the fraction.": nearest,
            "the two shares are exchanged: close to the left value, most goes to the left.": crossed,
            "the index is scaled by n; from the first value to the last there are n − 1 steps.": scaled,
        }
        name_the_slip(got, slips)
        raise Wrong(f"of a table of {n}, for the first value, {you_give(float(got[0]), float(right[0]))}.")
    return "each value gets what a table that is 1 there and 0 elsewhere would have given, for three tables."


EXERCISES = [
    Exercise(
        "waveshaping-1",
        _judge_chebyshev,
        ("T_0 = 1 and T_1 = x. Each further one comes from the two before it.",
         "T_{k+1} = 2x · T_k − T_{k−1}, since cos((k+1)φ) + cos((k−1)φ) = 2 cos φ · cos kφ."),
        chebyshev,
        "A polynomial of degree k makes no harmonic above k; this one makes no other harmonic at all.",
    ),
    Exercise(
        "waveshaping-2",
        _judge_read,
        ("First turn x into a place in the table: −1 is place 0, 1 is the last place.",
         "The last place is len(table) − 1. Round down, and go on by the fraction; limit x to −1 … 1 before."),
        read_table,
        "Scaled by the length, each place would be a little too far right: at x = 1 by a whole step.",
    ),
    Exercise(
        "waveshaping-3",
        _judge_heard,
        ("At a rate of R, a frequency f sounds like f − R, f − 2R …, or their mirror images below 0.",
         "Fold at factor · sample_rate; what then still lies at or above sample_rate / 2, the filter takes away."),
        heard_at,
        "At 2 × the harmonics must reach 24 kHz, not 8, before one comes back below 8: that is what it buys.",
    ),
    Exercise(
        "waveshaping-4",
        _judge_back,
        ("y = (1 − q) · table[left] + q · table[left + 1]. What is dy by each of the two?",
         "Start with zeros, and add grad · (1 − q) at left and grad · q at left + 1: index_add_ adds all of them."),
        back_through_table,
        "Reading is a sum of table values with known weights; the way back hands each value the same weights.",
    ),
]  # fmt: skip


def _overwritten(n: int, x: Tensor, grad: Tensor) -> Tensor:
    place = (x + 1) / 2 * (n - 1)
    left = place.floor().clamp(max=n - 2).long()
    result = torch.zeros(n, dtype=grad.dtype)
    for i, at in enumerate(left.tolist()):
        result[at] = grad[i] * (1 - place[i] + at)
        result[at + 1] = grad[i] * (place[i] - at)
    return result


def _by_length(table: Tensor, x: Tensor) -> Tensor:
    place = ((x.clamp(-1, 1) + 1) / 2 * len(table)).clamp(max=len(table) - 1)
    left = place.floor().long()
    return table[left] + (place - left) * (table[(left + 1).clamp(max=len(table) - 1)] - table[left])


MISTAKES = {
    "waveshaping-1": [
        (lambda x, k: x**k, "xᵏ makes harmonic k"),
        (lambda x, k: chebyshev(x, k + 1), "one step too many"),
    ],
    "waveshaping-2": [
        (_by_length, "one fewer"),
        (lambda t, x: t[((x.clamp(-1, 1) + 1) / 2 * (len(t) - 1)).round().long()], "nearest value"),
    ],
    "waveshaping-3": [
        (lambda k, f, r, m: heard_at(k, f, r, 1), "as if the curve ran at 16000"),
        (lambda k, f, r, m: k * f if k * f < r * m / 2 else 0.0, "it folds back"),
    ],
    "waveshaping-4": [
        (_overwritten, "overwrite earlier ones"),
        (lambda n, x, g: torch.zeros(n, dtype=g.dtype).index_add_(
            0, ((x + 1) / 2 * (n - 1)).floor().clamp(max=n - 2).long(), g), "both get a share"),
    ],
}  # fmt: skip
