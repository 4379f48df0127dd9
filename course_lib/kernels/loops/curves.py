"""Curves given by their values, read with straight lines between them: sample by sample, and the way back.

Beside a learned shaper's curve the NEWT's exciters are read: channels that share one phase, so that all of them lie
side by side and are read at once. Between two values they are cubic lines with the right slopes at both ends (Hermite).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_lib.kernels.compiled import Loop, part
from course_lib.kernels.loops.phase import frame, line


@Loop
def read(x: NDArray, values: NDArray, row: int, y: NDArray) -> None:
    """y = curve(x) of one row: x, y (rows, n_samples), values (rows, n) over −1 … 1, held outside."""
    last = values.shape[1] - 1
    half = last / 2
    for t in range(x.shape[1]):
        z = min(max((x[row, t] + 1.0) * half, 0.0), float(last))
        j = min(int(z), last - 1)
        low = values[row, j]
        y[row, t] = low + (z - j) * (values[row, j + 1] - low)


@Loop
def read_back(x: NDArray, values: NDArray, grad: NDArray, row: int, by_x: NDArray, by_values: NDArray) -> None:
    """Gradients of one row by x and by the values; by_values starts at 0."""
    last = values.shape[1] - 1
    half = last / 2
    for t in range(x.shape[1]):
        u = x[row, t]
        z = min(max((u + 1.0) * half, 0.0), float(last))
        j = min(int(z), last - 1)
        g = grad[row, t]
        by_x[row, t] = g * (values[row, j + 1] - values[row, j]) * half if abs(u) <= 1.0 else 0.0
        upper = g * (z - j)
        by_values[row, j] += g - upper
        by_values[row, j + 1] += upper


@part
def hermite(r: float) -> tuple[float, float, float, float]:
    """Weights of the values left and right, and of the slopes left and right, at 0 ≤ r ≤ 1 between them."""
    q = 1.0 - r
    right = r * r * (3.0 - 2.0 * r)
    return 1.0 - right, right, r * q * q, -r * r * q


@part
def hermite_slope(r: float) -> tuple[float, float, float, float]:
    """Their derivatives by r."""
    bow = 6.0 * r * (1.0 - r)
    return -bow, bow, (1.0 - r) * (1.0 - 3.0 * r), r * (3.0 * r - 2.0)


@part
def mix(waves: NDArray, w: int, i: int, weights: tuple[float, float, float, float], channels: NDArray) -> None:
    """channels (M,) = all channels of wave w in cell i."""
    a, b, c, d = weights
    for m in range(channels.shape[0]):
        channels[m] = (
            a * waves[w, i, 0, m] + b * waves[w, i + 1, 0, m] + (c * waves[w, i, 1, m] + d * waves[w, i + 1, 1, m])
        )


@part
def unmix(by: NDArray, w: int, i: int, weights: tuple[float, float, float, float], channels: NDArray) -> None:
    """Its transpose: what the channels get is added to the four places that they were made of."""
    a, b, c, d = weights
    for m in range(channels.shape[0]):
        g = channels[m]
        by[w, i, 0, m] += a * g
        by[w, i + 1, 0, m] += b * g
        by[w, i, 1, m] += c * g
        by[w, i + 1, 1, m] += d * g


@part
def cell(turns: float, n_cells: int) -> tuple[int, float]:
    """Which of a turn's cells the phase lies in, and how far along it."""
    u = (turns - np.floor(turns)) * n_cells
    i = min(int(u), n_cells - 1)
    return i, u - i


@part
def lines_of(controls: NDArray, row: int, i: int, after: int, base: NDArray, rise: NDArray) -> None:
    """The controls of frame i, and how far they rise to the next."""
    for p in range(3):
        for m in range(base.shape[1]):
            base[p, m] = controls[row, i, p, m]
            rise[p, m] = controls[row, after, p, m] - base[p, m]


@Loop
def newt_sum(
    f: NDArray, starts: NDArray, which: NDArray, waves: NDArray, controls: NDArray, curves: NDArray, rate: float,
    row: int, first: int, stop: int, sound: NDArray,
) -> None:  # fmt: skip
    """Frames first … stop of one sound: Σ_m level_m · s_m(gain_m · e_m(φ) + bias_m).

    f, starts (rows, n_frames, 1); which (rows, n_frames), each frame's exciter among waves (n_waves, cells + 1, 2, M),
    values and slopes a cell; controls (rows, n_frames, 3, M), gain, bias and level, lines from frame to frame; curves
    (M, n) over −1 … 1; sound (rows, n_samples).
    """
    n_frames, M = controls.shape[1], curves.shape[0]
    n_samples, n_cells, last = sound.shape[1], waves.shape[1] - 1, curves.shape[1] - 1
    e, other = np.empty(M, waves.dtype), np.empty(M, waves.dtype)
    base, rise = np.empty((3, M), waves.dtype), np.empty((3, M), waves.dtype)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        lines_of(controls, row, i, after, base, rise)
        for n in range(length):
            c, r = cell(starts[row, i, 0] + step * n + bend * (n * (n - 1) * 0.5), n_cells)
            weights = hermite(r)
            w = (offset + n) * (n_frames / n_samples)
            mix(waves, which[row, i], c, weights, e)
            if which[row, after] != which[row, i]:
                mix(waves, which[row, after], c, weights, other)
                for m in range(M):
                    e[m] += w * (other[m] - e[m])
            total = 0.0
            for m in range(M):
                x = (base[0, m] + w * rise[0, m]) * e[m] + base[1, m] + w * rise[1, m]
                z = min(max((x + 1.0) * (last / 2), 0.0), float(last))
                j = min(int(z), last - 1)
                low = curves[m, j]
                total += (base[2, m] + w * rise[2, m]) * (low + (z - j) * (curves[m, j + 1] - low))
            sound[row, place + n] = total


@Loop
def newt_back(
    f: NDArray, starts: NDArray, which: NDArray, waves: NDArray, controls: NDArray, curves: NDArray, grad: NDArray,
    rate: float, row: int, first: int, stop: int, moments: NDArray, by_waves: NDArray, by_controls: NDArray,
    by_curves: NDArray, carry: NDArray,
) -> None:  # fmt: skip
    """Gradients by the exciters, the controls and the curves, and `moments` for `frequency_gradient`.

    by_waves and by_curves belong to this piece of the work alone. What the frame `stop` gets from the one before it
    goes to carry (3, M).
    """
    n_frames, M = controls.shape[1], curves.shape[0]
    n_samples, n_cells, last = grad.shape[1], waves.shape[1] - 1, curves.shape[1] - 1
    e, other, by_e = np.empty(M, waves.dtype), np.empty(M, waves.dtype), np.empty(M, waves.dtype)
    slopes, others = np.empty(M, waves.dtype), np.empty(M, waves.dtype)
    base, rise = np.empty((3, M), waves.dtype), np.empty((3, M), waves.dtype)
    total, ends = np.empty((3, M), waves.dtype), np.empty((3, M), waves.dtype)
    for i in range(first, stop):
        place, length, after, offset = frame(i, n_frames, n_samples)
        step, bend = line(f[row, i, 0], f[row, after, 0], offset, n_frames, n_samples, rate)
        here, there = which[row, i], which[row, after]
        x0, x1, x2 = 0.0, 0.0, 0.0
        total[:], ends[:] = 0, 0
        lines_of(controls, row, i, after, base, rise)
        for n in range(length):
            bow = n * (n - 1) * 0.5
            c, r = cell(starts[row, i, 0] + step * n + bend * bow, n_cells)
            weights, steep = hermite(r), hermite_slope(r)
            w = (offset + n) * (n_frames / n_samples)
            mix(waves, here, c, weights, e)
            mix(waves, here, c, steep, slopes)
            if there != here:
                mix(waves, there, c, weights, other)
                mix(waves, there, c, steep, others)
                for m in range(M):
                    e[m] += w * (other[m] - e[m])
                    slopes[m] += w * (others[m] - slopes[m])
            g = grad[row, place + n]
            turning = 0.0
            for m in range(M):
                gain, level = base[0, m] + w * rise[0, m], base[2, m] + w * rise[2, m]
                x = gain * e[m] + base[1, m] + w * rise[1, m]
                z = min(max((x + 1.0) * (last / 2), 0.0), float(last))
                j = min(int(z), last - 1)
                low, up, q = curves[m, j], curves[m, j + 1] - curves[m, j], z - j
                by_shape = g * level
                upper = by_shape * q
                by_curves[m, j] += by_shape - upper
                by_curves[m, j + 1] += upper
                by_x = by_shape * up * (last / 2) if abs(x) <= 1.0 else 0.0
                shaped, by_gain = g * (low + q * up), by_x * e[m]
                total[0, m] += by_gain
                total[1, m] += by_x
                total[2, m] += shaped
                ends[0, m] += w * by_gain
                ends[1, m] += w * by_x
                ends[2, m] += w * shaped
                by_e[m] = by_x * gain
                turning += by_e[m] * slopes[m]
            if there != here:
                for m in range(M):
                    other[m] = w * by_e[m]
                    by_e[m] -= other[m]
                unmix(by_waves, there, c, weights, other)
            unmix(by_waves, here, c, weights, by_e)
            turning *= n_cells
            x0 += turning
            x1 += turning * n
            x2 += turning * bow
        moments[row, i, 0, 0], moments[row, i, 0, 1], moments[row, i, 0, 2] = x0, x1, x2
        for p in range(3):
            for m in range(M):
                by_controls[row, i, p, m] += total[p, m] - ends[p, m]
                if after < stop:
                    by_controls[row, after, p, m] += ends[p, m]
                else:
                    carry[p, m] += ends[p, m]
