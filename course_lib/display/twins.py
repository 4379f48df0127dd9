"""Python twins of the live figures: the same numbers, computed with this library in float64.

A figure in the page runs JavaScript. Its `compute(state)` and the function here of the same name must agree, which a test
checks: the figure computes what the library computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.losses import spectral_l1, waveform_l1
from course_lib.synths.oscillator import sinusoid

State = Mapping[str, Any]


def _f64(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _mse(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).square().mean()


def gain(state: State) -> dict[str, Any]:
    """Loss over the gain, the gradient at the current gain and the next step."""
    loss = {"waveform_l1": waveform_l1, "waveform_mse": _mse, "spectral_l1": spectral_l1}[state["loss"]]
    x = sinusoid(_f64(250.0), _f64(1.0), 256, 16000)
    phase = _f64(math.radians(state["phase_deg"]))
    target = sinusoid(_f64(250.0), _f64(state["target_gain"]), 256, 16000, phase)

    def at(g: float) -> tuple[float, float]:
        gain = _f64(g).requires_grad_()
        value = loss(gain * x, target)
        return value.item(), float(torch.autograd.grad(value, gain)[0])

    gains = [-2 + 4 * i / 160 for i in range(161)]
    curve, slopes = zip(*(at(g) for g in gains), strict=True)
    value, gradient = at(state["gain"])
    steepest = max(map(abs, slopes))
    return {
        "input": x.tolist(),
        "target": target.tolist(),
        "gains": gains,
        "curve": list(curve),
        "loss": value,
        "gradient": gradient,
        "steepest": steepest,
        "next": min(2.0, max(-2.0, state["gain"] - state["step_size"] * gradient / steepest)),
        "lowest": min(zip(gains, curve, strict=True), key=lambda gc: gc[1] + 1e-9 * (gc[0] < 0))[0],
    }


TWINS: dict[str, Callable[[State], dict[str, Any]]] = {"gain": gain}
