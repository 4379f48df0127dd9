"""Transport: two spectra as heaps of mass, and how far one must travel to become the other."""

from __future__ import annotations

from typing import Any

import torch

from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.mass import (
    CLEAN_DB,
    RATE,
    mass,
    noisy_target,
    transport_hz,
    windowed_magnitudes,
)
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.oscillator import sinusoid

N = 512
LOW, HIGH = 100, 3900  # Hz, of the sine


def twin(state: State) -> dict[str, Any]:
    """The mass of two spectra, both summed from the left, and the area between: transport and its slope."""
    target, hz = noisy_target(state, N), f64(state["sine_hz"]).requires_grad_()
    sine = sinusoid(hz, f64(1.0), n_samples=N, sample_rate=RATE)
    value = transport_hz(sine, target, state["window"], state["power"])
    (slope,) = torch.autograd.grad(value, hz, retain_graph=True)
    seen, goal = (windowed_magnitudes(x, state["window"]).detach() for x in (sine, target))
    masses = {"target": mass(goal, state["power"]), "sine": mass(seen, 2)}
    return {
        **{f"{name}_mass": heap.tolist() for name, heap in masses.items()},
        **{f"{name}_sum": heap.cumsum(-1).tolist() for name, heap in masses.items()},
        "transport_hz": value.item(),
        "slope": slope.item(),
        "distance_hz": abs(state["sine_hz"] - state["target_hz"]),
        "spectral_l1": (seen - goal).abs().mean().item(),
    }


KIND = Kind(
    title="Transport: how far the mass must travel",
    about="Two spectra as heaps of mass, a target's and a sine's, and both summed from the left: the area between the "
    "sums is how far the mass must travel.",
    fields={
        "sine_hz": Number(1200, LOW, HIGH),
        "target_hz": Number(600, 200, 3600, whole=True),
        "noise_db": Number(CLEAN_DB, -15, 45),
        "power": Choice(2, (2, 4, 8, 16)),
        "window": Choice("hann", ("hann", "rectangular")),
    },
    twin=twin,
    play_db=-17,
)
