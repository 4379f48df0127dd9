"""Σ_k a_k sin kφ: all harmonics from one sine and cosine a sample, since  sin (k+1)φ = 2 cos φ · sin kφ − sin (k−1)φ.

A block of samples is worked on at once, so that what it needs stays in the nearest cache, and four harmonics are made
in one pass over it. The recurrence begins anew every 128 harmonics, a safeguard for thousands of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_lib.kernels.compiled import Loop, part
from course_lib.kernels.loops.phase import cosine_of, frame, line, numbers, sine_of

BLOCK = 64
ANEW = 128
VECTOR = 8  # blocks are filled up to whole vectors: what lies beyond them is computed and not used


@part
def begin(turns: NDArray, k: int, quarter: float, m: int, before: NDArray, now: NDArray) -> None:
    """sin kφ and sin (k+1)φ of m samples, `quarter` of a turn on."""
    if k == 0:
        for j in range(m):
            before[j] = 4 * quarter
            now[j] = sine_of(turns[j] + quarter)
    else:
        for j in range(m):
            t = turns[j] - np.floor(turns[j])
            before[j] = sine_of(k * t + quarter)
            now[j] = sine_of((k + 1) * t + quarter)


@part
def set_up(
    start: float, step: float, bend: float, n: NDArray, bow: NDArray, m: int, turns: NDArray, twice: NDArray
) -> None:
    """Phase of m samples, in turns, and 2 cos φ."""
    for j in range(m):
        turns[j] = start + step * n[j] + bend * bow[j]
        twice[j] = 2 * cosine_of(turns[j])


@part
def lines_of(shares: NDArray, row: int, i: int, after: int, slope: bool, here: NDArray, rise: NDArray) -> None:
    """Each harmonic's share in frame i and its rise to the next; with `slope` times k, for the derivative by φ."""
    for k in range(shares.shape[2]):
        here[k] = shares[row, i, k] * (k + 1 if slope else 1)
        rise[k] = shares[row, after, k] * (k + 1 if slope else 1) - here[k]


@part
def add_up(
    turns: NDArray, twice: NDArray, w: NDArray, here: NDArray, rise: NDArray, n_harmonics: int, quarter: float, m: int,
    before: NDArray, now: NDArray, total: NDArray,
) -> None:  # fmt: skip
    """total = Σ_k (here_k + w · rise_k) · sin kφ of m samples, or cos kφ a quarter of a turn on."""
    total[:m] = 0
    for k0 in range(0, n_harmonics, ANEW):
        begin(turns, k0, quarter, m, before, now)
        for k in range(k0, min(k0 + ANEW, n_harmonics), 4):
            x0, x1, x2, x3 = here[k], here[k + 1], here[k + 2], here[k + 3]
            d0, d1, d2, d3 = rise[k], rise[k + 1], rise[k + 2], rise[k + 3]
            for j in range(m):
                s0 = now[j]
                s1 = twice[j] * s0 - before[j]
                s2 = twice[j] * s1 - s0
                s3 = twice[j] * s2 - s1
                low = (x0 + w[j] * d0) * s0 + (x1 + w[j] * d1) * s1
                total[j] += low + (x2 + w[j] * d2) * s2 + (x3 + w[j] * d3) * s3
                before[j] = s3
                now[j] = twice[j] * s3 - s2


@part
def project(
    turns: NDArray, twice: NDArray, g: NDArray, gw: NDArray, n_harmonics: int, quarter: float, m: int,
    before: NDArray, now: NDArray, here: NDArray, there: NDArray,
) -> None:  # fmt: skip
    """The transpose of `add_up`: Σ (g − gw) · sin kφ is added to here_k and Σ gw · sin kφ to there_k."""
    for k0 in range(0, n_harmonics, ANEW):
        begin(turns, k0, quarter, m, before, now)
        for k in range(k0, min(k0 + ANEW, n_harmonics), 4):
            u0, u1, u2, u3, v0, v1, v2, v3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for j in range(m):
                s0 = now[j]
                s1 = twice[j] * s0 - before[j]
                s2 = twice[j] * s1 - s0
                s3 = twice[j] * s2 - s1
                u0, u1, u2, u3 = u0 + g[j] * s0, u1 + g[j] * s1, u2 + g[j] * s2, u3 + g[j] * s3
                v0, v1, v2, v3 = v0 + gw[j] * s0, v1 + gw[j] * s1, v2 + gw[j] * s2, v3 + gw[j] * s3
                before[j] = s3
                now[j] = twice[j] * s3 - s2
            here[k], here[k + 1], here[k + 2], here[k + 3] = (
                here[k] + u0 - v0, here[k + 1] + u1 - v1, here[k + 2] + u2 - v2, here[k + 3] + u3 - v3
            )  # fmt: skip
            there[k], there[k + 1], there[k + 2], there[k + 3] = (
                there[k] + v0, there[k + 1] + v1, there[k + 2] + v2, there[k + 3] + v3
            )  # fmt: skip


@part
def hand_over(
    here: NDArray, there: NDArray, row: int, i: int, after: int, stop: int, by_shares: NDArray, carry: NDArray
) -> None:
    """What frame i has found, to its own shares and to those of the next; across `stop` by way of `carry`."""
    for k in range(by_shares.shape[2]):
        by_shares[row, i, k] += here[k]
        if after == i:
            by_shares[row, i, k] += there[k]
        elif after < stop:
            by_shares[row, after, k] += there[k]
        else:
            carry[k] += there[k]


@Loop
def harmonic_sum(
    f: NDArray, starts: NDArray, shares: NDArray, rate: float, row: int, first: int, stop: int, sound: NDArray
) -> None:
    """Frames first … stop of one sound: Σ_k a_k sin kφ.

    f, starts (rows, n_frames, 1); shares (rows, n_frames, K), lines from frame to frame; sound (rows, n_samples).
    """
    n_frames, n_harmonics = shares.shape[1:]
    n_samples = sound.shape[1]
    n, bow, turns, twice, w = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    before, now, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    here, rise = np.zeros(n_harmonics + 3), np.zeros(n_harmonics + 3)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        lines_of(shares, row, i, after, False, here, rise)
        for b in range(0, length, BLOCK):
            m = min(BLOCK, (length - b + VECTOR - 1) // VECTOR * VECTOR)
            numbers(b, m, n, bow)
            set_up(starts[row, i, 0], step, bend, n, bow, m, turns, twice)
            for j in range(m):
                w[j] = (offset + n[j]) * (n_frames / n_samples)
            add_up(turns, twice, w, here, rise, n_harmonics, 0.0, m, before, now, total)
            for j in range(min(m, length - b)):
                sound[row, place + b + j] = total[j]


@Loop
def harmonic_moments(
    f: NDArray, starts: NDArray, shares: NDArray, grad: NDArray, rate: float, row: int, first: int, stop: int,
    moments: NDArray,
) -> None:  # fmt: skip
    """For `frequency_gradient`: Σ g, Σ g n, Σ g n (n − 1) / 2 of each frame, g = 2π · Σ_k k a_k cos kφ · grad."""
    n_frames, n_harmonics = shares.shape[1:]
    n_samples = grad.shape[1]
    n, bow, turns, twice, w = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    before, now, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    here, rise = np.zeros(n_harmonics + 3), np.zeros(n_harmonics + 3)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        lines_of(shares, row, i, after, True, here, rise)
        x, y, z = 0.0, 0.0, 0.0
        for b in range(0, length, BLOCK):
            m = min(BLOCK, (length - b + VECTOR - 1) // VECTOR * VECTOR)
            numbers(b, m, n, bow)
            set_up(starts[row, i, 0], step, bend, n, bow, m, turns, twice)
            for j in range(m):
                w[j] = (offset + n[j]) * (n_frames / n_samples)
            add_up(turns, twice, w, here, rise, n_harmonics, 0.25, m, before, now, total)
            for j in range(min(m, length - b)):
                g = 2 * np.pi * total[j] * grad[row, place + b + j]
                x += g
                y += g * n[j]
                z += g * bow[j]
        moments[row, i, 0, 0], moments[row, i, 0, 1], moments[row, i, 0, 2] = x, y, z


@Loop
def harmonic_transpose(
    f: NDArray, starts: NDArray, grad: NDArray, rate: float, row: int, first: int, stop: int, by_shares: NDArray,
    carry: NDArray,
) -> None:  # fmt: skip
    """Its transpose: gradients by the shares, from `grad` by the sound (rows, n_samples).

    What the frame `stop` gets from the one before it goes to `carry` (K,): another thread may be at work there.
    """
    n_frames, n_harmonics = by_shares.shape[1:]
    n_samples = grad.shape[1]
    n, bow, turns, twice = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    g, gw, before, now = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    here, there = np.empty(n_harmonics + 3), np.empty(n_harmonics + 3)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        here[:], there[:] = 0, 0
        for b in range(0, length, BLOCK):
            m = min(BLOCK, (length - b + VECTOR - 1) // VECTOR * VECTOR)
            numbers(b, m, n, bow)
            for j in range(m):
                g[j] = grad[row, place + b + j] if b + j < length else 0.0
            set_up(starts[row, i, 0], step, bend, n, bow, m, turns, twice)
            for j in range(m):
                gw[j] = g[j] * (offset + n[j]) * (n_frames / n_samples)
            project(turns, twice, g, gw, n_harmonics, 0.0, m, before, now, here, there)
        hand_over(here, there, row, i, after, stop, by_shares, carry)
