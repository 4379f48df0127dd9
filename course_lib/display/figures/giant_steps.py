"""Every harmonic as a giant step times a baby step: few sines are formed, the rest is multiplication."""

from __future__ import annotations

from typing import Any

import torch

from course_lib.display.figures.fields import Kind, Number, State
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.harmonic import harmonic_synth, normalise_distribution

N, RATE, F0 = 320, 16_000, 100
MOST = 20  # baby steps, in the picture


def twin(state: State) -> dict[str, Any]:
    """The decomposition k = Q·p + q, how many steps are formed for every h, and the sum by the synthesizer."""
    n, h = state["n_harmonics"], state["half"]
    k, q = min(state["harmonic"], n), 2 * h + 1

    def steps(half: int) -> tuple[int, int]:
        return min(half, n), max(0, -(-(n - half) // (2 * half + 1)))

    curve = [sum(steps(half)) for half in range(1, MOST + 1)]
    shares = normalise_distribution(1 / torch.arange(1, n + 1, dtype=torch.float64).unsqueeze(0))
    return {
        "babies": steps(h)[0],
        "giants": steps(h)[1],
        "steps": sum(steps(h)),
        "k": k,
        "p": (k + h) // q,
        "q": k - q * ((k + h) // q),
        "curve": curve,
        "fewest": min(curve),
        "best": curve.index(min(curve)) + 1,
        "shares": shares[0].tolist(),
        "wave": harmonic_synth(f64([F0]), f64([1.0]), shares, n_samples=N, sample_rate=RATE, mask=False).tolist(),
    }


KIND = Kind(
    title="Giant steps, baby steps",
    about="Every harmonic as a giant step times a baby step: the grid of the two, how many steps are formed instead of "
    "how many sines, and their sum.",
    fields={
        "n_harmonics": Number(40, 2, 100, whole=True),
        "half": Number(2, 1, 12, whole=True),
        "harmonic": Number(17, 1, 100, whole=True),
    },
    twin=twin,
    play_db=-6,
)
