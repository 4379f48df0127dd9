"""Descent on the cutoff of a low-pass, through its frequency response, in octaves."""

from __future__ import annotations

import math
from typing import Any

import torch

from course_lib.display.figures.fields import Kind, Number, State
from course_lib.display.figures.kit.numbers import f64, logspace, mean_square
from course_lib.effects.filters import lowpass_response

LOW, HIGH, POINTS = 50, 8000, 121  # Hz, of the cutoff
LEAST_HZ, MOST_HZ, BINS = 20, 8000, 200  # of the response
ORDER = 2


def twin(state: State) -> dict[str, Any]:
    """Responses of two low-passes, the loss over the cutoff, its gradient per octave and the next step."""
    frequencies = f64(logspace(LEAST_HZ, MOST_HZ, BINS))
    goal = lowpass_response(f64(state["target_hz"]), frequencies_hz=frequencies, order=ORDER)

    def at(cutoff_hz: float) -> tuple[float, float]:
        octaves = f64(math.log2(cutoff_hz)).requires_grad_()
        value = mean_square(lowpass_response(2**octaves, frequencies_hz=frequencies, order=ORDER), goal)
        return value.item(), torch.autograd.grad(value, octaves)[0].item()

    cutoffs = logspace(LOW, HIGH, POINTS)
    curve, slopes = zip(*(at(c) for c in cutoffs), strict=True)
    value, gradient = at(state["cutoff_hz"])
    steepest = max(map(abs, slopes))
    following = state["cutoff_hz"] * 2 ** (-state["step_size"] * gradient / steepest)
    return {
        "frequencies": frequencies.tolist(),
        "response": lowpass_response(f64(state["cutoff_hz"]), frequencies_hz=frequencies, order=ORDER).tolist(),
        "goal": goal.tolist(),
        "cutoffs": cutoffs,
        "curve": list(curve),
        "loss": value,
        "gradient": gradient,
        "steepest": steepest,
        "next_hz": min(float(HIGH), max(float(LOW), following)),
        "off_octaves": math.log2(state["cutoff_hz"] / state["target_hz"]),
    }


KIND = Kind(
    title="Cutoff descent",
    about="A low-pass whose cutoff descends, through its frequency response, until it matches a target: the two "
    "responses, the loss over the cutoff and the gradient.",
    fields={
        "cutoff_hz": Number(4000, LOW, HIGH),
        "target_hz": Number(600, 100, 6000),
        "step_size": Number(0.5, 0.05, 1),
    },
    twin=twin,
    play_db=-15,
)
