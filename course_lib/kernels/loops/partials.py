"""Σ_p A_p sin φ_p: partials that go their own ways. Every one has a phase of its own, so every one costs its sine.

What is saved is all the rest: phases have a closed form in each frame, amplitudes lie on straight lines, and a block of
samples stays in the nearest cache while partial after partial is added to it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_lib.kernels.compiled import Loop
from course_lib.kernels.loops.phase import cosine_of, frame, line, numbers, sine_of

BLOCK = 128


@Loop
def partials_sum(
    f: NDArray, starts: NDArray, amplitudes: NDArray, rate: float, row: int, first: int, stop: int, sound: NDArray
) -> None:
    """Frames first … stop of one sound: f, starts, amplitudes (rows, n_frames, P), sound (rows, n_samples)."""
    n_frames, n_partials = amplitudes.shape[1:]
    n_samples = sound.shape[1]
    n, bow, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        for b in range(0, length, BLOCK):
            m = min(BLOCK, length - b)
            numbers(b, m, n, bow)
            total[:] = 0
            for p in range(n_partials):
                rise = (amplitudes[row, after, p] - amplitudes[row, i, p]) * (n_frames / n_samples)
                level = amplitudes[row, i, p] + rise * offset
                if level == 0 and rise == 0:
                    continue
                step, bend = line(f[row, i, p], f[row, after, p], offset, n_frames, n_samples, rate)
                start = starts[row, i, p]
                for j in range(m):
                    total[j] += (level + rise * n[j]) * sine_of(start + step * n[j] + bend * bow[j])
            for j in range(m):
                sound[row, place + b + j] = total[j]


@Loop
def partials_transpose(
    f: NDArray, starts: NDArray, grad: NDArray, rate: float, row: int, first: int, stop: int, by_amplitudes: NDArray,
    carry: NDArray,
) -> None:  # fmt: skip
    """Its transpose: gradients by the amplitudes; what frame `stop` gets from the one before goes to `carry` (P,)."""
    n_frames, n_partials = by_amplitudes.shape[1:]
    n_samples = grad.shape[1]
    n, bow, g = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        for b in range(0, length, BLOCK):
            m = min(BLOCK, length - b)
            numbers(b, m, n, bow)
            for j in range(m):
                g[j] = grad[row, place + b + j]
            for p in range(n_partials):
                step, bend = line(f[row, i, p], f[row, after, p], offset, n_frames, n_samples, rate)
                start = starts[row, i, p]
                u, v = 0.0, 0.0
                for j in range(m):
                    s = g[j] * sine_of(start + step * n[j] + bend * bow[j])
                    u += s
                    v += s * n[j]
                v = (u * offset + v) * (n_frames / n_samples)
                by_amplitudes[row, i, p] += u if after == i else u - v
                if i < after < stop:
                    by_amplitudes[row, after, p] += v
                elif after != i:
                    carry[p] += v


@Loop
def partials_moments(
    f: NDArray, starts: NDArray, amplitudes: NDArray, grad: NDArray, rate: float, row: int, first: int, stop: int,
    moments: NDArray,
) -> None:  # fmt: skip
    """For `frequency_gradient`: Σ g, Σ g n, Σ g n (n − 1) / 2 of each frame and partial, g = 2π · A cos φ · grad."""
    n_frames, n_partials = amplitudes.shape[1:]
    n_samples = grad.shape[1]
    n, bow, g = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        moments[row, i] = 0
        for b in range(0, length, BLOCK):
            m = min(BLOCK, length - b)
            numbers(b, m, n, bow)
            for j in range(m):
                g[j] = 2 * np.pi * grad[row, place + b + j]
            for p in range(n_partials):
                rise = (amplitudes[row, after, p] - amplitudes[row, i, p]) * (n_frames / n_samples)
                level = amplitudes[row, i, p] + rise * offset
                step, bend = line(f[row, i, p], f[row, after, p], offset, n_frames, n_samples, rate)
                start = starts[row, i, p]
                x, y, z = 0.0, 0.0, 0.0
                for j in range(m):
                    slope = (level + rise * n[j]) * g[j] * cosine_of(start + step * n[j] + bend * bow[j])
                    x += slope
                    y += slope * n[j]
                    z += slope * bow[j]
                moments[row, i, p, 0] += x
                moments[row, i, p, 1] += y
                moments[row, i, p, 2] += z
