"""Each harmonic from the two before it, and what becomes of it when the cosine has few bits."""

from __future__ import annotations

import math
from typing import Any

from course_lib.display.figures.fields import Kind, Number, State

N, RATE, F0 = 40, 16_000, 110  # harmonics; samples a second and Hz of what is heard


def twin(state: State) -> dict[str, Any]:
    """sin kφ by the recurrence, its factor 2 cos φ rounded; sin kφ as it is; three neighbours on the circle."""
    phase, k = math.radians(state["degrees"]), state["harmonic"]
    step = 2.0 ** (1 - state["bits"])
    twice = math.floor(2 * math.cos(phase) / step + 0.5) * step
    before, now, made = 0.0, math.sin(phase), []
    for _ in range(N):
        made.append(now)
        before, now = now, twice * now - before
    right = [math.sin(phase * i) for i in range(1, N + 1)]
    return {
        "twice": twice,
        "made": made,
        "right": right,
        "worst": max(abs(a - b) for a, b in zip(made, right, strict=True)),
        "hands": [[math.cos(phase * i), math.sin(phase * i)] for i in (k - 1, k, k + 1)],
        "middle": [math.cos(phase) * math.cos(phase * k), math.cos(phase) * math.sin(phase * k)],
    }


KIND = Kind(
    title="Each from the two before it",
    about="The sines of all multiples of an angle, each made from the two before it: why that is right, "
    "on the circle, and what is left of it when the cosine is rounded to a few bits.",
    fields={
        "degrees": Number(20, 1, 179, whole=True),
        "harmonic": Number(4, 2, N - 1, whole=True),
        "bits": Number(12, 3, 24, whole=True),
    },
    twin=twin,
    play_db=-19,
)
