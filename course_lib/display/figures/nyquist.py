"""Harmonics that climb over Nyquist fold back into the sound, unless they are masked."""

from __future__ import annotations

from typing import Any

import torch

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.numbers import f64, hann_spectrum
from course_lib.synths.harmonic import (
    harmonic_frequencies,
    harmonic_synth,
    mask_above_nyquist,
    normalise_distribution,
)

N, K = 2048, 20
FLOOR = -80  # dB


def twin(state: State) -> dict[str, Any]:
    """Twenty harmonics at 1/k, masked or not: where they fold, and the spectrum of the sound."""
    rate, f0 = state["sample_rate"], f64([state["f0_hz"]])
    partials = harmonic_frequencies(f0, K)
    raw = 1 / torch.arange(1, K + 1, dtype=torch.float64).unsqueeze(0)
    shares = normalise_distribution(mask_above_nyquist(raw, f0, rate) if state["mask"] else raw)
    sound = harmonic_synth(f0, f64([1.0]), shares, n_samples=N, sample_rate=rate, mask=state["mask"])
    return {
        "partials": partials[0].tolist(),
        "folded": (partials - rate * torch.round(partials / rate)).abs()[0].tolist(),
        "shares": shares[0].tolist(),
        "above": int((partials >= rate / 2).sum()),
        "spectrum_db": amplitude_to_db(hann_spectrum(sound), floor_db=FLOOR).tolist(),
    }


KIND = Kind(
    title="Nyquist: what happens to harmonics that are too high",
    about="Twenty harmonics of a fundamental that can be swept. Those at or above half the sample rate fold back, "
    "unless they are masked.",
    fields={
        "f0_hz": Number(523, 50, 2000, whole=True),
        "mask": Choice(False, (True, False)),
        "sample_rate": Choice(8000, (8000, 16000)),
    },
    twin=twin,
    play_db=-8,
)
