"""An envelope in four segments: its sound, and what each segment moves: the gradient, frame by frame."""

from __future__ import annotations

from typing import Any

import torch

from course_lib.display.figures.fields import Kind, Number, State
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.envelopes import adsr

FRAMES, FRAME_RATE = 500, 250  # two seconds
ONSET_MS, TONE = 50.3, 440  # ms; no corner falls on a frame. Hz
SEGMENTS = ("attack", "decay", "sustain", "release")


def twin(state: State) -> dict[str, Any]:
    """The envelope, and its derivative by each segment times that segment: what a change of it, in %, moves."""
    lengths = {name: state[f"{name}_ms"] / 1000 for name in ("attack", "decay", "release")}  # ms → s
    values = [f64(x) for x in (lengths["attack"], lengths["decay"], state["sustain"], lengths["release"])]

    def draw(*x: torch.Tensor) -> torch.Tensor:
        return adsr(f64(ONSET_MS / 1000), f64(state["note_ms"] / 1000), *x, n_frames=FRAMES, frame_rate=FRAME_RATE)

    slopes = torch.autograd.functional.jacobian(draw, tuple(values))
    moves = {name: (d * x).tolist() for name, d, x in zip(SEGMENTS, slopes, values, strict=True)}
    envelope = draw(*values)
    return {"envelope": envelope.tolist(), **moves, "peak": envelope.max().item()}


KIND = Kind(
    title="Four segments and their gradients",
    about="The envelope of a note in four straight segments, and below it which frames each segment moves, by its "
    "gradient; the note can be heard.",
    fields={
        "attack_ms": Number(80, 4, 600, whole=True),
        "decay_ms": Number(200, 4, 600, whole=True),
        "sustain": Number(0.6, 0, 1),
        "release_ms": Number(300, 4, 600, whole=True),
        "note_ms": Number(900, 20, 1500, whole=True),
    },
    twin=twin,
    play_db=-13,
)
