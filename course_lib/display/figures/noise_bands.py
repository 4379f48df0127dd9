"""Noise through a filter drawn band by band; its frames fade into each other, or are cut at their edges."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.core.envelopes import upsample
from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, Numbers, State
from course_lib.effects.fir import zero_phase_response
from course_lib.effects.reverb import fft_convolve

RATE, HOP, N = 16_000, 64, 256  # Hz, samples a frame, samples in the picture
BANDS = 33
HALF = BANDS - 1
FLOOR, LEVEL = -60, 0.8  # dB; of the noise
BREATH_DB = tuple(float(round(max(FLOOR, -10.0 - 320.0 * (b / HALF - 0.28) ** 2))) for b in range(BANDS))


def twin(state: State) -> dict[str, Any]:
    """A filter of 33 bands: its taps and response, what cutting makes of it, and 16 ms of noise through it."""
    levels = torch.as_tensor(state["levels"], dtype=torch.float64)
    magnitudes = torch.where(levels > FLOOR, 10.0 ** (levels / 20.0), 0.0)
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
        "response_db": amplitude_to_db(response, floor_db=FLOOR).tolist(),
        "heard_db": amplitude_to_db(heard, floor_db=FLOOR).tolist(),
        "wave": _sound(state, taps, offset)[:N].tolist(),
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


def _sound(state: State, taps: Tensor, offset: float) -> Tensor:
    """The first frames of the figure's second of noise."""
    x, values = 12345, []
    for _ in range(RATE):
        x = 16807 * x % 2147483647
        values.append(math.sqrt(12.0) * (x / 2147483647 - 0.5) + offset)
    noise = LEVEL * torch.tensor(values, dtype=torch.float64)
    if state["envelope"] == "struck":
        frames = 10.0 ** (-3.0 * torch.arange(RATE // HOP, dtype=torch.float64) * HOP / (RATE * state["decay_s"]))
        noise = noise * (upsample(frames, RATE) if state["edges"] == "overlap" else frames.repeat_interleave(HOP))
    before, first = noise[-HALF:], noise[: N + HALF]
    if state["edges"] == "cut":
        blocks = torch.nn.functional.pad(noise[:N].reshape(-1, HOP), (0, HALF))
        return fft_convolve(blocks, taps)[:, HALF:].reshape(-1)
    if state["envelope"] == "struck":
        before = torch.zeros_like(before)
    return fft_convolve(torch.cat([before, first]), taps)[2 * HALF :]


KIND = Kind(
    title="Draw the filter of a noise",
    about="Noise through a filter of 33 bands, drawn with the mouse: its response, its sound, and what is heard of the "
    "frames when their edges are cut instead of overlapped and added.",
    fields={
        "levels": Numbers(BREATH_DB, FLOOR, 0),
        "band": Number(9, 0, HALF, whole=True),
        "decay_s": Number(0.5, 0.05, 2),
        "envelope": Choice("steady", ("steady", "struck")),
        "edges": Choice("overlap", ("overlap", "cut")),
        "noise": Choice("even", ("even", "raised")),
    },
    twin=twin,
    play_db=1.5,
)
