"""Operators that bend each other's phase:  y_o[n] = level_o · sin(φ_o + Σ y of those that modulate o + feedback).

A block of samples of one operator is made at once, the outermost operators first, since what they give is wanted by
those they modulate. Feedback alone goes sample by sample: it wants the two samples before.

A graph is five arrays. order: (O,), modulators before what they modulate. ends: (O + 1,), where each operator's
modulators begin and end in `sources`. heard: (O,), whether it is a carrier. kept: (O,), the row of `past` that holds
an operator with feedback, −1 for those without.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_lib.kernels.compiled import Loop, part
from course_lib.kernels.loops.phase import cosine_of, frame, line, numbers, sine_of

BLOCK = 64
PER_TURN = 1 / (2 * np.pi)


@part
def angles(
    f: NDArray, starts: NDArray, out: NDArray, ends: NDArray, sources: NDArray, rate: float, row: int, i: int, o: int,
    after: int, offset: float, n_samples: int, n: NDArray, bow: NDArray, m: int, turns: NDArray,
) -> None:  # fmt: skip
    """Phase of operator o and all that modulates it, in turns, of m samples; without its feedback."""
    step, bend = line(f[row, i, o], f[row, after, o], offset, f.shape[1], n_samples, rate)
    start = starts[row, i, o]
    for j in range(m):
        turns[j] = start + step * n[j] + bend * bow[j]
    for a in range(ends[o], ends[o + 1]):
        modulator = out[sources[a]]
        for j in range(m):
            turns[j] += PER_TURN * modulator[j]


@Loop
def fm_sound(
    f: NDArray, starts: NDArray, levels: NDArray, order: NDArray, ends: NDArray, sources: NDArray, heard: NDArray,
    kept: NDArray, blend: NDArray, rate: float, row: int, past: NDArray, sound: NDArray,
) -> None:  # fmt: skip
    """One sound: f, starts and levels (rows, n_frames, O), past (rows, operators kept, 2 + n_samples), its past filled.

    blend: how much of the last sample and of the one before is fed back. sound: (rows, n_samples).
    """
    n_frames, n_operators = levels.shape[1:]
    n_samples = sound.shape[1]
    n, bow, w, turns, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    out = np.empty((n_operators, BLOCK))
    for i in range(n_frames):
        place, length, after, offset = frame(i, n_frames, n_samples)
        for b in range(0, length, BLOCK):
            m = min(BLOCK, length - b)
            numbers(b, m, n, bow)
            for j in range(m):
                w[j], total[j] = (offset + n[j]) * (n_frames / n_samples), 0.0
            for k in range(n_operators):
                o = order[k]
                angles(f, starts, out, ends, sources, rate, row, i, o, after, offset, n_samples, n, bow, m, turns)
                here = float(levels[row, i, o])
                rise, mine = float(levels[row, after, o]) - here, out[o]
                if kept[o] < 0:
                    for j in range(m):
                        mine[j] = (here + w[j] * rise) * sine_of(turns[j])
                else:
                    memory = past[row, kept[o]]
                    first = place + b
                    for j in range(m):
                        fed = blend[0] * memory[first + j + 1] + blend[1] * memory[first + j]
                        mine[j] = (here + w[j] * rise) * sine_of(turns[j] + PER_TURN * fed)
                        memory[first + j + 2] = mine[j]
                if heard[o]:
                    for j in range(m):
                        total[j] += mine[j]
            for j in range(m):
                sound[row, place + b + j] = total[j]


@Loop
def fm_back(
    f: NDArray, starts: NDArray, levels: NDArray, order: NDArray, ends: NDArray, sources: NDArray, heard: NDArray,
    kept: NDArray, blend: NDArray, rate: float, row: int, past: NDArray, grad: NDArray, slopes: bool,
    by_levels: NDArray, moments: NDArray,
) -> None:  # fmt: skip
    """Its transpose, from the last sample to the first: gradients by the levels, added up from 0, and `moments`.

    grad: (rows, n_samples), by the sound. moments: (rows, n_frames, O, 3), for `frequency_gradient`, if `slopes`. The
    operators of a block are made once more; with `past`, filled by `fm_sound`, even those with feedback at once.
    """
    n_frames, n_operators = levels.shape[1:]
    n_samples = grad.shape[1]
    n, bow, w, turns = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    out, sines, cosines = (
        np.empty((n_operators, BLOCK)),
        np.empty((n_operators, BLOCK)),
        np.empty((n_operators, BLOCK)),
    )
    by_out, later = np.empty((n_operators, BLOCK)), np.zeros((n_operators, 2))
    for i in range(n_frames - 1, -1, -1):
        place, length, after, offset = frame(i, n_frames, n_samples)
        for b in range((length - 1) // BLOCK * BLOCK, -1, -BLOCK):
            m, first = min(BLOCK, length - b), place + b
            numbers(b, m, n, bow)
            for j in range(m):
                w[j] = (offset + n[j]) * (n_frames / n_samples)
            for k in range(n_operators):
                o = order[k]
                angles(f, starts, out, ends, sources, rate, row, i, o, after, offset, n_samples, n, bow, m, turns)
                if kept[o] >= 0:
                    memory = past[row, kept[o]]
                    for j in range(m):
                        turns[j] += PER_TURN * (blend[0] * memory[first + j + 1] + blend[1] * memory[first + j])
                here = float(levels[row, i, o])
                rise, s, c, mine, g = float(levels[row, after, o]) - here, sines[o], cosines[o], out[o], by_out[o]
                for j in range(m):
                    s[j], c[j] = sine_of(turns[j]), (here + w[j] * rise) * cosine_of(turns[j])
                    mine[j] = (here + w[j] * rise) * s[j]
                if heard[o]:
                    for j in range(m):
                        g[j] = grad[row, first + j]
                else:
                    g[:m] = 0.0
            for k in range(n_operators - 1, -1, -1):
                o = order[k]
                g, s, c = by_out[o], sines[o], cosines[o]
                if kept[o] >= 0:
                    one, two = later[o, 0], later[o, 1]  # gradients by the phase, one and two samples later
                    for j in range(m - 1, -1, -1):
                        g[j] += blend[0] * one + blend[1] * two
                        one, two = g[j] * c[j], one
                    later[o, 0], later[o, 1] = one, two
                plain, weighted = 0.0, 0.0
                for j in range(m):
                    plain += g[j] * s[j]
                    weighted += g[j] * s[j] * w[j]
                by_levels[row, i, o] += plain - weighted
                by_levels[row, after, o] += weighted
                for j in range(m):
                    g[j] *= c[j]  # from here on by the phase
                if slopes:
                    x, y, z = 0.0, 0.0, 0.0
                    for j in range(m):
                        x += g[j]
                        y += g[j] * n[j]
                        z += g[j] * bow[j]
                    moments[row, i, o, 0] += 2 * np.pi * x
                    moments[row, i, o, 1] += 2 * np.pi * y
                    moments[row, i, o, 2] += 2 * np.pi * z
                for a in range(ends[o], ends[o + 1]):
                    modulator = by_out[sources[a]]
                    for j in range(m):
                        modulator[j] += g[j]
