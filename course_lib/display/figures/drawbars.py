"""Sixteen harmonics as drawbars: the shares sum to one, one amplitude scales the whole sound."""

from __future__ import annotations

from typing import Any

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import DIGITS, Kind, Number, Numbers, State
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.harmonic import harmonic_synth, normalise_distribution

N, RATE, K = 320, 16_000, 16
FLOOR = -60  # dB


def twin(state: State) -> dict[str, Any]:
    """Shares of the drawbars, 20 ms of their sound, and each harmonic's level."""
    shares = normalise_distribution(f64(state["levels"]))
    amplitude = f64([state["amplitude"]])
    wave = harmonic_synth(f64([state["f0_hz"]]), amplitude, shares.unsqueeze(0), n_samples=N, sample_rate=RATE)
    return {
        "shares": shares.tolist(),
        "wave": wave.tolist(),
        "level_db": amplitude_to_db(amplitude * shares, floor_db=FLOOR).tolist(),
        "peak": wave.abs().max().item(),
        "total": sum(state["levels"]),
    }


KIND = Kind(
    title="Sixteen drawbars",
    about="Sixteen harmonics, each with a drawbar: their shares sum to one, one amplitude scales them all; waveform, "
    "spectrum and sound follow.",
    fields={
        "levels": Numbers(tuple(round(1 / k, DIGITS) for k in range(1, K + 1)), 0, 1),
        "f0_hz": Number(110, 40, 440, whole=True),
        "amplitude": Number(0.8, 0, 1),
        "harmonic": Number(3, 1, K, whole=True),
    },
    twin=twin,
    play_db=-6,
)
