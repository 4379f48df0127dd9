"""Gain against loss: a sine through a gain is compared with a target of another gain and a shifted phase."""

from __future__ import annotations

import math
from typing import Any

import torch

from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.numbers import f64, mean_square
from course_lib.fitting.losses import spectral_l1, waveform_l1
from course_lib.synths.oscillator import sinusoid

N, RATE, TONE = 256, 16_000, 250  # samples, Hz, Hz
G_MAX, POINTS = 2, 161  # of the curve


def twin(state: State) -> dict[str, Any]:
    """Loss over the gain, the gradient at the current gain and the next step."""
    loss = {"waveform_l1": waveform_l1, "waveform_mse": mean_square, "spectral_l1": spectral_l1}[state["loss"]]
    x = sinusoid(f64(TONE), f64(1.0), n_samples=N, sample_rate=RATE)
    target = sinusoid(
        f64(TONE),
        f64(state["target_gain"]),
        n_samples=N,
        sample_rate=RATE,
        initial_phase=f64(math.radians(state["phase_deg"])),
    )

    def at(g: float) -> tuple[float, float]:
        gain = f64(g).requires_grad_()
        value = loss(gain * x, target)
        return value.item(), float(torch.autograd.grad(value, gain)[0])

    gains = [-G_MAX + 2 * G_MAX * i / (POINTS - 1) for i in range(POINTS)]
    curve, slopes = zip(*(at(g) for g in gains), strict=True)
    value, gradient = at(state["gain"])
    steepest = max(map(abs, slopes))
    following = state["gain"] - state["step_size"] * gradient
    return {
        "input": x.tolist(),
        "target": target.tolist(),
        "gains": gains,
        "curve": list(curve),
        "loss": value,
        "gradient": gradient,
        "steepest": steepest,
        "next": min(float(G_MAX), max(float(-G_MAX), following)),
        "lowest": min(zip(gains, curve, strict=True), key=lambda gc: gc[1] + 1e-9 * (gc[0] < 0))[0],
    }


KIND = Kind(
    title="Gain against loss",
    about="A sine through a gain is compared with a target whose phase can be shifted: the loss at every gain, and "
    "where gradient descent goes.",
    fields={
        "gain": Number(1.6, -G_MAX, G_MAX),
        "target_gain": Number(1.0, 0, 1.5),
        "phase_deg": Number(60, 0, 180),
        "loss": Choice("waveform_l1", ("waveform_l1", "waveform_mse", "spectral_l1")),
        "step_size": Number(0.1, 0.01, 20),
    },
    twin=twin,
    play_db=-17,
    level_is_taught="the gain is what is to be found: g · x is as loud as g says",
)
