"""Python twin of the live figure `note_knobs`; see twins.py for what a twin is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.core.units import db_to_amplitude, hz_to_midi, midi_to_hz
from course_lib.effects.fir import shape_noise
from course_lib.midi_ddsp import note_controls as formulas
from course_lib.scores.notes import Note
from course_lib.synths.harmonic import harmonic_synth, mask_above_nyquist, normalise_distribution
from course_lib.synths.tone import ToneControls

RATE, FRAME_RATE, FRAMES, HARMONICS, BANDS = 16_000, 250, 300, 60, 65  # the same numbers as in js/note_knobs.js
FLOOR_DB, TOP_DB = -130.0, -24.0


def note_controls(state: Mapping[str, Any]) -> ToneControls:
    """The controls of the figure's note, float64, 300 frames."""
    i = torch.arange(FRAMES, dtype=torch.float64)
    glide = state["glide"] * (i / (FRAMES - 1) - 0.5)
    wave = state["vibrato"] * torch.sin(2 * math.pi * state["rate_hz"] * i / FRAME_RATE)
    f0 = midi_to_hz(state["pitch"] + glide + _between(state["bend"]) + wave)

    x, peak = i / FRAMES, state["peak"]
    rising = (peak - x) / (peak or 1.0)
    falling = (x - peak) / ((1.0 - peak) or 1.0)
    roof = -state["swell_db"] * torch.where(x < peak, rising, falling)
    level = (state["level_db"] + roof + _between(state["drawn_db"])).clamp(FLOOR_DB, TOP_DB)

    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    shares = db_to_amplitude(state["tilt"] * torch.log2(k)).expand(FRAMES, -1)
    distribution = normalise_distribution(mask_above_nyquist(shares, f0, RATE))

    noise = (state["attack_db"] - 1.5 * (i - formulas.ATTACK_FRAMES + 1).clamp(min=0.0)).clamp(min=FLOOR_DB)
    colour = 20.0 - 40.0 * torch.arange(BANDS, dtype=torch.float64) / (BANDS - 1)
    return ToneControls(f0, db_to_amplitude(level), distribution, db_to_amplitude(noise.unsqueeze(-1) + colour))


def note_knobs(state: Mapping[str, Any]) -> dict[str, Any]:
    """Curves of the note, the spectra of its waver, and its six controls in both variants."""
    c = note_controls(state)
    note = Note(0.0, FRAMES / FRAME_RATE, state["pitch"])
    mended, original = (formulas.extract_expression(c, [note], variant=v)[0] for v in ("mended", "original"))

    straight = formulas.straightened_deviation(c.f0_hz, state["pitch"], FRAME_RATE)
    d = state["pitch"] - hz_to_midi(c.f0_hz)
    d = torch.where(d.abs() > formulas.WIDEST_SEMITONES, 0.0, d)
    d = d - d.mean()
    published = _waver(d, formulas.CLIP_FRAMES)
    harmonic_hz = c.f0_hz.unsqueeze(-1) * torch.arange(1, HARMONICS + 1)
    return {
        "f0": c.f0_hz.tolist(),
        "level_db": (20 * torch.log10(c.amplitude)).tolist(),
        "noise_db": (20 * torch.log10(c.noise_magnitudes)).mean(-1).tolist(),
        "highest_hz": int(published.argmax()) * FRAME_RATE / formulas.CLIP_FRAMES,
        "centroid_hz": float((c.distribution * harmonic_hz).sum(-1).mean()),
        "original_spectrum": published[:49].tolist(),
        "mended_spectrum": _waver(straight, 4 * FRAMES)[:58].tolist(),
        "mended": mended.tolist(),
        "original": original.tolist(),
    }


def note_sounds(state: Mapping[str, Any], noise: Tensor) -> tuple[Tensor, Tensor]:
    """The note's harmonics, and its noise made from a white one of 19,200 samples."""
    c = note_controls(state)
    harmonic = harmonic_synth(c.f0_hz, c.amplitude, c.distribution, FRAMES * RATE // FRAME_RATE, RATE)
    return harmonic, shape_noise(noise, c.noise_magnitudes)


def _between(knots: list[float]) -> Tensor:
    """Straight lines from knot to knot, (300,)."""
    k = torch.tensor(knots, dtype=torch.float64)
    x = torch.arange(FRAMES, dtype=torch.float64) / (FRAMES - 1) * (len(k) - 1)
    i = x.floor().clamp(max=len(k) - 2).long()
    return k[i] + (k[i + 1] - k[i]) * (x - i)


def _waver(deviation: Tensor, n_fft: int) -> Tensor:
    """Spectrum of a deviation in the units of the vibrato control."""
    return 10.0 * torch.fft.rfft(deviation * formulas._tukey(FRAMES), n_fft).abs() / FRAMES
