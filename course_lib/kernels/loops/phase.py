"""Where a frame lies, the straight line of its frequency, the phase of its first sample; sine and cosine of turns.

Frame i sits at sample i · N / F, which may lie between two samples; it owns the samples from there to the next place.
Sample j of those has the phase  start + step · j + bend · j (j − 1) / 2,  in turns.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from course_lib.kernels.compiled import Loop, part

TURN = 1 << 62  # ticks: whole numbers add without rounding, and overflow by whole turns
# cos(2πz) = Σ (−1)^n (2πz)^(2n) / (2n)!; a quarter of a turn is far enough, and there eleven terms are exact.
C = tuple((-1) ** n * (2 * math.pi) ** (2 * n) / math.factorial(2 * n) for n in range(11))


@part
def cosine(z: float) -> float:
    """cos(2πz) for |z| ≤ ¼."""
    x = z * z
    y = C[10]
    y = y * x + C[9]
    y = y * x + C[8]
    y = y * x + C[7]
    y = y * x + C[6]
    y = y * x + C[5]
    y = y * x + C[4]
    y = y * x + C[3]
    y = y * x + C[2]
    y = y * x + C[1]
    return y * x + C[0]


@part
def sine_of(turns: float) -> float:
    """sin(2π · turns)."""
    r = turns - np.rint(turns)
    return math.copysign(cosine(abs(r) - 0.25), r)


@part
def cosine_of(turns: float) -> float:
    """cos(2π · turns)."""
    r = 0.25 - abs(turns - np.rint(turns))
    return math.copysign(cosine(abs(r) - 0.25), r)


@part
def first_sample(i: int, n_frames: int, n_samples: int) -> int:
    """The first sample that frame i owns: i · N / F, rounded up."""
    return (i * n_samples + n_frames - 1) // n_frames


@part
def offset_of(i: int, n_frames: int, n_samples: int) -> float:
    """How far behind its place that first sample lies, in samples, 0 … 1."""
    return (first_sample(i, n_frames, n_samples) * n_frames - i * n_samples) / n_frames


@part
def frame(i: int, n_frames: int, n_samples: int) -> tuple[int, int, int, float]:
    """First sample of frame i, how many it owns, the frame after it (itself, if it is the last), and its offset."""
    place = first_sample(i, n_frames, n_samples)
    length = first_sample(i + 1, n_frames, n_samples) - place
    return place, length, min(i + 1, n_frames - 1), offset_of(i, n_frames, n_samples)


@part
def line(f: float, after: float, offset: float, n_frames: int, n_samples: int, rate: float) -> tuple[float, float]:
    """(step, bend) between two frames' frequencies; beside a rest (0 Hz) the neighbour's frequency is kept."""
    left = f if f > 0 else after
    right = after if after > 0 else f
    rise = (right - left) * (n_frames / n_samples / rate)
    return left / rate + rise * offset, rise


@part
def numbers(first: int, m: int, n: NDArray, bow: NDArray) -> None:
    """Samples first … first + m of a frame: n and n (n − 1) / 2, as step and bend of the phase are multiplied with."""
    for j in range(m):
        n[j] = first + j
        bow[j] = n[j] * (n[j] - 1) * 0.5


@Loop
def frame_starts(f: NDArray, n_samples: int, rate: float, turns: float, starts: NDArray) -> None:
    """Phase of the first sample of every frame, in turns: f and starts (rows, n_frames, partials).

    A sample exactly at the place of a resting frame has no frequency, and does not move the phase.
    """
    rows, n_frames, n_partials = f.shape
    for each in range(rows * n_partials):
        row, p = each // n_partials, each % n_partials
        ticks = np.int64(0)
        for i in range(n_frames):
            begin = first_sample(i, n_frames, n_samples)
            length = first_sample(i + 1, n_frames, n_samples) - begin
            offset = offset_of(i, n_frames, n_samples)
            this = f[row, i, p]
            step, bend = line(this, f[row, min(i + 1, n_frames - 1), p], offset, n_frames, n_samples, rate)
            move = np.int64((step - math.floor(step)) * TURN)
            rest = move if this == 0 and offset == 0 else np.int64(0)
            starts[row, i, p] = ((ticks - rest) & (TURN - 1)) / TURN + turns
            bow = np.int64((bend - np.trunc(bend)) * TURN)
            ticks += move * length + bow * (length * (length - 1) // 2) - rest


@Loop
def frequency_gradient(f: NDArray, moments: NDArray, n_samples: int, rate: float, gradient: NDArray) -> None:
    """Gradient by f (rows, n_frames, partials) from `moments` (rows, n_frames, partials, 3).

    moments: gradients by the phase in turns summed over a frame's samples: plain, times j, times j (j − 1) / 2. A frame
    moves the phase of all later ones; its own line reaches two frequencies. A rest has no gradient.
    """
    rows, n_frames, n_partials = f.shape
    for each in range(rows * n_partials):
        row, p = each // n_partials, each % n_partials
        later = 0.0
        for i in range(n_frames - 1, -1, -1):
            begin = first_sample(i, n_frames, n_samples)
            length = first_sample(i + 1, n_frames, n_samples) - begin
            offset = offset_of(i, n_frames, n_samples)
            total = moments[row, i, p, 0]
            rest = 1.0 if f[row, i, p] == 0 and offset == 0 else 0.0
            by_step = moments[row, i, p, 1] - rest * total + later * (length - rest)
            by_bend = moments[row, i, p, 2] + later * (length * (length - 1) / 2)
            later += total
            by_rise = (by_step * offset + by_bend) * (n_frames / n_samples / rate)
            after = min(i + 1, n_frames - 1)
            left = i if f[row, i, p] > 0 else after
            right = after if f[row, after, p] > 0 else i
            if f[row, left, p] > 0:
                gradient[row, left, p] += by_step / rate - by_rise
            if f[row, right, p] > 0:
                gradient[row, right, p] += by_rise
