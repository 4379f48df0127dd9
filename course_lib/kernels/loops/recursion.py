"""A filter as it runs: y[n] = Σ_k b_k[n] · x[n−k] − Σ_k a_k[n] · y[n−k], and the way back through it.

x and y begin with `order` samples of their past: sample n of the sound stands at n + order. Coefficients are given at
frames and lie on straight lines between them; a filter that stays as it is has one frame.

Back: r[n] = (gradient by y[n]) − Σ_k a_k[n+k] · r[n+k] is the same recursion from the end; with it come the gradients

    by x[n]:  Σ_k b_k[n+k] · r[n+k]        by b_k[n]:  r[n] · x[n−k]        by a_k[n]:  −r[n] · y[n−k]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_lib.kernels.compiled import Loop
from course_lib.kernels.loops.phase import first_sample, offset_of


@Loop
def recursion(x: NDArray, b: NDArray, a: NDArray, row: int, y: NDArray) -> None:
    """One sound of x, y (rows, order + n_samples), y's past filled in; b, a (rows, n_frames, order + 1), a_0 = 1."""
    n_frames, order = b.shape[1], b.shape[2] - 1
    n_samples = x.shape[1] - order
    here_b, here_a, rise_b, rise_a = np.empty(order + 1), np.empty(order + 1), np.empty(order + 1), np.empty(order + 1)
    for i in range(n_frames):
        after, w = min(i + 1, n_frames - 1), offset_of(i, n_frames, n_samples)
        for k in range(order + 1):
            here_b[k], rise_b[k] = b[row, i, k], (b[row, after, k] - b[row, i, k]) * (n_frames / n_samples)
            here_a[k], rise_a[k] = a[row, i, k], (a[row, after, k] - a[row, i, k]) * (n_frames / n_samples)
        begin, end = first_sample(i, n_frames, n_samples), first_sample(i + 1, n_frames, n_samples)
        if order == 2:  # by far the most frequent: its past stays in registers
            b0, b1, b2, a1, a2 = here_b[0], here_b[1], here_b[2], here_a[1], here_a[2]
            db0, db1, db2, da1, da2 = rise_b[0], rise_b[1], rise_b[2], rise_a[1], rise_a[2]
            y1, y2 = y[row, begin + 1], y[row, begin]
            for n in range(begin, end):
                now = (b0 + w * db0) * x[row, n + 2] + (b1 + w * db1) * x[row, n + 1] + (b2 + w * db2) * x[row, n]
                now = now - (a2 + w * da2) * y2 - (a1 + w * da1) * y1
                y1, y2 = now, y1
                y[row, n + 2] = now
                w += 1
        else:
            for n in range(begin, end):
                now = (here_b[0] + w * rise_b[0]) * x[row, n + order]
                for k in range(order, 0, -1):
                    now += (here_b[k] + w * rise_b[k]) * x[row, n + order - k]
                    now -= (here_a[k] + w * rise_a[k]) * y[row, n + order - k]
                y[row, n + order] = now
                w += 1


@Loop
def recursion_back(b: NDArray, a: NDArray, row: int, r: NDArray) -> None:
    """From gradients by y to r, in place (rows, order + n_samples); those by the past of y come out in its places."""
    n_frames, order = b.shape[1], b.shape[2] - 1
    n_samples = r.shape[1] - order
    here, rise = np.empty(order + 1), np.empty(order + 1)
    for i in range(n_frames - 1, -1, -1):
        after, offset = min(i + 1, n_frames - 1), offset_of(i, n_frames, n_samples)
        for k in range(order + 1):
            here[k], rise[k] = a[row, i, k], (a[row, after, k] - a[row, i, k]) * (n_frames / n_samples)
        begin, end = first_sample(i, n_frames, n_samples), first_sample(i + 1, n_frames, n_samples)
        w = offset + (end - begin) - 1
        if order == 2:
            a1, a2, da1, da2 = here[1], here[2], rise[1], rise[2]
            now, before = r[row, end + 1], r[row, end]  # what later frames left at this sample and at the one before
            for n in range(end - 1, begin - 1, -1):
                r[row, n + 2] = now
                earlier = r[row, n] - (a2 + w * da2) * now
                now, before = before - (a1 + w * da1) * now, earlier
                w -= 1
            r[row, begin + 1], r[row, begin] = now, before
        else:
            for n in range(end - 1, begin - 1, -1):
                now = r[row, n + order]
                for k in range(order, 0, -1):
                    r[row, n + order - k] -= (here[k] + w * rise[k]) * now
                w -= 1


@Loop
def recursion_gradients(
    x: NDArray, y: NDArray, r: NDArray, b: NDArray, row: int, by_x: NDArray, by_b: NDArray, by_a: NDArray
) -> None:
    """From r to the gradients by x (rows, order + n_samples), b and a (rows, n_frames, order + 1), added up from 0."""
    n_frames, order = b.shape[1], b.shape[2] - 1
    n_samples = x.shape[1] - order
    w = np.empty(-(-n_samples // n_frames))
    for i in range(n_frames):
        after, offset = min(i + 1, n_frames - 1), offset_of(i, n_frames, n_samples)
        begin = first_sample(i, n_frames, n_samples)
        length = first_sample(i + 1, n_frames, n_samples) - begin
        for j in range(length):
            w[j] = (offset + j) * (n_frames / n_samples)
        for k in range(order + 1):
            level, rise, past = b[row, i, k], b[row, after, k] - b[row, i, k], begin + order - k
            tops, weighted_tops, bottoms, weighted_bottoms = 0.0, 0.0, 0.0, 0.0
            for j in range(length):
                now = r[row, begin + order + j]
                by_x[row, past + j] += (level + w[j] * rise) * now
                tops += now * x[row, past + j]
                weighted_tops += w[j] * now * x[row, past + j]
                bottoms += now * y[row, past + j]
                weighted_bottoms += w[j] * now * y[row, past + j]
            by_b[row, i, k] += tops - weighted_tops
            by_b[row, after, k] += weighted_tops
            if k > 0:
                by_a[row, i, k] -= bottoms - weighted_bottoms
                by_a[row, after, k] -= weighted_bottoms
