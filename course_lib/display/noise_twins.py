"""Python twin of the live figure `noise_bands`; see twins.py for what a twin is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.core.envelopes import upsample
from course_lib.core.units import amplitude_to_db
from course_lib.effects.fir import zero_phase_response
from course_lib.effects.reverb import fft_convolve

RATE, HOP, HALF, SHOWN = 16_000, 64, 32, 256
FLOOR_DB, LEVEL = -60.0, 0.8


def noise_bands(state: Mapping[str, Any]) -> dict[str, Any]:
    """A filter of 33 bands: its taps and response, what cutting makes of it, and 16 ms of noise through it."""
    levels = torch.as_tensor(state["levels"], dtype=torch.float64)
    magnitudes = torch.where(levels > FLOOR_DB, 10.0 ** (levels / 20.0), 0.0)
    taps = zero_phase_response(magnitudes)
    offset = 0.0 if state["noise"] == "even" else math.sqrt(3.0)
    cut = state["edges"] == "cut"
    ringing = _ringing(taps, cut)
    power = LEVEL**2 * (ringing.square().sum(0) + (offset * ringing.sum(0)).square())
    response = torch.fft.rfft(taps, n=512).abs()
    within = ringing[HOP : 2 * HOP]  # of the frame's own clicks
    heard = torch.fft.rfft(within, n=512).abs().square().mean(0).sqrt() if cut else response
    swing = torch.fft.rfft(power).abs()[1:9].max()
    return {
        "taps": taps.tolist(),
        "response_db": amplitude_to_db(response, floor_db=FLOOR_DB).tolist(),
        "heard_db": amplitude_to_db(heard, floor_db=FLOOR_DB).tolist(),
        "wave": _sound(state, taps, offset)[:SHOWN].tolist(),
        "rms": power.sqrt().tolist(),
        "swing": (2 * swing / power.sum()).item() if power.sum() > 0 else 0.0,
        "mean": (LEVEL * offset * ringing.sum(0).mean()).item(),
    }


def _ringing(taps: Tensor, cut: bool) -> Tensor:
    """(3 · HOP, HOP): what a click at each sample of a frame and of its neighbours adds to each sample of the frame."""
    clicks = torch.eye(3 * HOP, dtype=taps.dtype)
    if cut:
        clicks = clicks * (torch.arange(3 * HOP) // HOP == 1)
    padded = torch.nn.functional.pad(clicks, (0, HALF))
    return fft_convolve(padded, taps)[:, HALF + HOP : HALF + 2 * HOP]


def _sound(state: Mapping[str, Any], taps: Tensor, offset: float) -> Tensor:
    """The first frames of the figure's second of noise."""
    x, values = 12345, []
    for _ in range(RATE):
        x = 16807 * x % 2147483647
        values.append(math.sqrt(12.0) * (x / 2147483647 - 0.5) + offset)
    noise = LEVEL * torch.tensor(values, dtype=torch.float64)
    if state["envelope"] == "struck":
        frames = 10.0 ** (-3.0 * torch.arange(RATE // HOP, dtype=torch.float64) * HOP / (RATE * state["decay_s"]))
        noise = noise * (upsample(frames, RATE) if state["edges"] == "overlap" else frames.repeat_interleave(HOP))
    before, first = noise[-HALF:], noise[: SHOWN + HALF]
    if state["edges"] == "cut":
        blocks = torch.nn.functional.pad(noise[:SHOWN].reshape(-1, HOP), (0, HALF))
        return fft_convolve(blocks, taps)[:, HALF:].reshape(-1)
    if state["envelope"] == "struck":
        before = torch.zeros_like(before)
    return fft_convolve(torch.cat([before, first]), taps)[2 * HALF :]
