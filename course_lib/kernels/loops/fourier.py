"""Σ_k a_k sin kφ + b_k cos kφ: a whole Fourier series of one phase, its two halves from one set-up of a block.

As `harmonic`, whose pieces it is made of. The amplitudes (rows, n_frames, 2K) hold a_1 … a_K and behind them b_1 … b_K.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_lib.kernels.compiled import Loop
from course_lib.kernels.loops.harmonic import BLOCK, VECTOR, add_up, hand_over, lines_of, project, set_up
from course_lib.kernels.loops.phase import frame, line, numbers


@Loop
def fourier_sum(
    f: NDArray, starts: NDArray, levels: NDArray, rate: float, row: int, first: int, stop: int, sound: NDArray
) -> None:
    """Frames first … stop of one sound: f, starts (rows, n_frames, 1), levels (rows, n_frames, 2K)."""
    n_frames, n_samples, k = levels.shape[1], sound.shape[1], levels.shape[2] // 2
    n, bow, turns, twice, w = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    before, now, sines, cosines = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    a, a_rise, b, b_rise = np.zeros(k + 3), np.zeros(k + 3), np.zeros(k + 3), np.zeros(k + 3)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        lines_of(levels[:, :, :k], row, i, after, False, a, a_rise)
        lines_of(levels[:, :, k:], row, i, after, False, b, b_rise)
        for at in range(0, length, BLOCK):
            m = min(BLOCK, (length - at + VECTOR - 1) // VECTOR * VECTOR)
            numbers(at, m, n, bow)
            set_up(starts[row, i, 0], step, bend, n, bow, m, turns, twice)
            for j in range(m):
                w[j] = (offset + n[j]) * (n_frames / n_samples)
            add_up(turns, twice, w, a, a_rise, k, 0.0, m, before, now, sines)
            add_up(turns, twice, w, b, b_rise, k, 0.25, m, before, now, cosines)
            for j in range(min(m, length - at)):
                sound[row, place + at + j] = sines[j] + cosines[j]


@Loop
def fourier_moments(
    f: NDArray, starts: NDArray, levels: NDArray, grad: NDArray, rate: float, row: int, first: int, stop: int,
    moments: NDArray,
) -> None:  # fmt: skip
    """For `frequency_gradient`: as `harmonic_moments`, g = 2π · Σ_k k (a_k cos kφ − b_k sin kφ) · grad."""
    n_frames, n_samples, k = levels.shape[1], grad.shape[1], levels.shape[2] // 2
    n, bow, turns, twice, w = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    before, now, sines, cosines = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    a, a_rise, b, b_rise = np.zeros(k + 3), np.zeros(k + 3), np.zeros(k + 3), np.zeros(k + 3)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        lines_of(levels[:, :, :k], row, i, after, True, a, a_rise)
        lines_of(levels[:, :, k:], row, i, after, True, b, b_rise)
        x, y, z = 0.0, 0.0, 0.0
        for at in range(0, length, BLOCK):
            m = min(BLOCK, (length - at + VECTOR - 1) // VECTOR * VECTOR)
            numbers(at, m, n, bow)
            set_up(starts[row, i, 0], step, bend, n, bow, m, turns, twice)
            for j in range(m):
                w[j] = (offset + n[j]) * (n_frames / n_samples)
            add_up(turns, twice, w, a, a_rise, k, 0.25, m, before, now, cosines)
            add_up(turns, twice, w, b, b_rise, k, 0.0, m, before, now, sines)
            for j in range(min(m, length - at)):
                g = 2 * np.pi * (cosines[j] - sines[j]) * grad[row, place + at + j]
                x += g
                y += g * n[j]
                z += g * bow[j]
        moments[row, i, 0, 0], moments[row, i, 0, 1], moments[row, i, 0, 2] = x, y, z


@Loop
def fourier_transpose(
    f: NDArray, starts: NDArray, grad: NDArray, rate: float, row: int, first: int, stop: int, by_levels: NDArray,
    carry: NDArray,
) -> None:  # fmt: skip
    """Its transpose: gradients by the levels, as `harmonic_transpose`; `carry` is (2K,)."""
    n_frames, n_samples, k = by_levels.shape[1], grad.shape[1], by_levels.shape[2] // 2
    n, bow, turns, twice = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    g, gw, before, now = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    a, a_next, b, b_next = np.empty(k + 3), np.empty(k + 3), np.empty(k + 3), np.empty(k + 3)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        a[:], a_next[:], b[:], b_next[:] = 0, 0, 0, 0
        for at in range(0, length, BLOCK):
            m = min(BLOCK, (length - at + VECTOR - 1) // VECTOR * VECTOR)
            numbers(at, m, n, bow)
            for j in range(m):
                g[j] = grad[row, place + at + j] if at + j < length else 0.0
            set_up(starts[row, i, 0], step, bend, n, bow, m, turns, twice)
            for j in range(m):
                gw[j] = g[j] * (offset + n[j]) * (n_frames / n_samples)
            project(turns, twice, g, gw, k, 0.0, m, before, now, a, a_next)
            project(turns, twice, g, gw, k, 0.25, m, before, now, b, b_next)
        hand_over(a, a_next, row, i, after, stop, by_levels[:, :, :k], carry[:k])
        hand_over(b, b_next, row, i, after, stop, by_levels[:, :, k:], carry[k:])
