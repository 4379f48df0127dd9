"""An amplitude envelope known only at frames: how it is joined decides whether one hears the frames."""

from __future__ import annotations

import math
from typing import Any

import torch

from course_lib.core.envelopes import upsample
from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.numbers import f64, hann_spectrum, mean_square
from course_lib.synths.oscillator import sinusoid

N = RATE = 8192  # one second, so that a bin is one hertz
TONE, TOP, FLOOR = 440, 1200, -120  # Hz, Hz, dB


def twin(state: State) -> dict[str, Any]:
    """An envelope known at frames, upsampled; its error, its worst jump, and the spectrum of the tone it shapes."""
    n, swell = state["frame_rate_hz"], state["swell_hz"]
    frames, truth = (0.5 - 0.5 * torch.cos(2 * math.pi * swell * f64(range(m)) / m) for m in (n, N))
    envelope = upsample(frames, N, method=state["method"])
    spectrum = hann_spectrum(envelope * sinusoid(f64(TONE), f64(1.0), n_samples=N, sample_rate=RATE))[: TOP + 1]
    extra = spectrum[(torch.arange(TOP + 1) - TONE).abs() > swell + 3].max()
    return {
        "frames": frames.tolist(),
        "envelope": envelope.tolist(),
        "truth": truth.tolist(),
        "spectrum_db": amplitude_to_db(spectrum, floor_db=FLOOR).tolist(),
        "jump": envelope.diff().abs().max().item(),
        "error": mean_square(envelope, truth).sqrt().item(),
        "zipper_db": amplitude_to_db(extra / spectrum.max(), floor_db=-240.0).item(),
    }


KIND = Kind(
    title="Frame rate against smoothness",
    about="An amplitude envelope known a few times a second, held, joined linearly or by Hann windows: its steps, its "
    "spectrum and its sound.",
    fields={
        "frame_rate_hz": Number(25, 8, 250, whole=True),
        "method": Choice("hold", ("hold", "linear", "hann")),
        "swell_hz": Number(3, 1, 8, whole=True),
    },
    twin=twin,
    play_db=-13,
)
