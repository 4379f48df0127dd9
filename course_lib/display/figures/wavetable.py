"""Draw a waveform, hear it at any pitch: its harmonics, a morph to a second table, and the mask at Nyquist."""

from __future__ import annotations

from typing import Any

import torch

from course_lib.display.figures.fields import DIGITS, Choice, Kind, Number, Numbers, State
from course_lib.display.figures.kit.numbers import f64
from course_lib.synths.fourier_tables import normalise_tables, samples_from_tables, tables_from_samples
from course_lib.synths.wavetable import wavetable_synth

POINTS, K, CYCLE, N, RATE = 32, 15, 96, 160, 16_000
TINY = 1e-9
SAW = tuple(round(1 - (2 * j + 1) / POINTS, DIGITS) for j in range(POINTS))
# Amplitudes of the second table's sines.
SECOND = {
    "square": [round((k % 2) / k, DIGITS) for k in range(1, K + 1)],
    "organ": [1, 0.9, 0.6, 0.7, 0, 0.4, 0, 0.5, 0, 0, 0, 0.3, 0, 0, 0],
    "glass": [0.3, 0, 0, 0.2, 0, 0, 0, 0, 0, 0.6, 0, 0, 0.4, 0, 0],
}


def twin(state: State) -> dict[str, Any]:
    """Coefficients of the drawn wave, of the mix and what becomes of them; one cycle and 10 ms of the sound."""
    drawn = tables_from_samples(f64(state["wave"]), K)
    drawn = normalise_tables(torch.where(drawn.abs() < TINY, 0.0, drawn))  # a flat line is silence, not its rounding
    tables = torch.stack([drawn, normalise_tables(f64(SECOND[state["second"]]).to(drawn.dtype))])
    morph, f0 = state["morph"], f64([state["f0_hz"]])
    weights = f64([[1 - morph, morph]])
    mixed = (weights.to(tables.dtype) @ tables)[0]
    partials = state["f0_hz"] * torch.arange(1, K + 1, dtype=torch.float64)
    kept = (partials < RATE / 2) if state["mask"] else torch.ones(K, dtype=torch.bool)
    sound = wavetable_synth(f0, f64([1.0]), weights, tables, n_samples=N, sample_rate=RATE, mask=state["mask"])
    return {
        "own": drawn.abs().tolist(),
        "sines": mixed.real.tolist(),
        "cosines": mixed.imag.tolist(),
        "levels": mixed.abs().tolist(),
        "cycle": samples_from_tables(mixed, CYCLE).tolist(),
        "folded": (partials - RATE * torch.round(partials / RATE)).abs().tolist(),
        "kept": kept.tolist(),
        "above": int((partials >= RATE / 2).sum()),
        "sound": sound.tolist(),
    }


KIND = Kind(
    title="Draw a wave",
    about="One cycle of a wave, drawn by 32 points, becomes fifteen harmonics; it can be morphed into a second table, "
    "played at any pitch, and its harmonics above Nyquist masked or left to fold back.",
    fields={
        "wave": Numbers(SAW, -1, 1),
        "morph": Number(0.3, 0, 1),
        "f0_hz": Number(220, 55, 2000, whole=True),
        "point": Number(9, 1, POINTS, whole=True),
        "second": Choice("square", tuple(SECOND)),
        "mask": Choice(True, (True, False)),
    },
    twin=twin,
    play_db=-8,
)
