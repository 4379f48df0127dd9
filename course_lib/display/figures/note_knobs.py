"""One note, bent by hand, and the six numbers that MIDI-DDSP reads off it: mended, and as published."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.core.units import db_to_amplitude, hz_to_midi, midi_to_hz
from course_lib.display.figures.fields import Kind, Number, Numbers, State
from course_lib.display.figures.kit.numbers import between
from course_lib.effects.fir import shape_noise
from course_lib.midi_ddsp import note_controls as formulas
from course_lib.scores.notes import Note
from course_lib.synths.harmonic import harmonic_synth, mask_above_nyquist, normalise_distribution
from course_lib.synths.tone import ToneControls

RATE, FRAME_RATE, FRAMES, HARMONICS, BANDS = 16_000, 250, 300, 60, 65
HOP = RATE // FRAME_RATE
FLOOR_DB, TOP_DB = -130, -24
KNOTS = 9  # of each curve drawn by hand
BEND_SEMITONES, DRAWN_DB = 3, 40  # how far a curve can be drawn either way
ATTACK_FRAMES, WIDEST_SEMITONES, CLIP_FRAMES = formulas.ATTACK_FRAMES, formulas.WIDEST_SEMITONES, formulas.CLIP_FRAMES
FINE = 4 * FRAMES  # points of the mended formula's transform
COARSE_BINS, FINE_BINS = 49, 58  # of the spectra in the picture


def note_controls(state: State) -> ToneControls:
    """The controls of the figure's note, float64, 300 frames."""
    i = torch.arange(FRAMES, dtype=torch.float64)
    glide = state["glide"] * (i / (FRAMES - 1) - 0.5)
    wave = state["vibrato"] * torch.sin(2 * math.pi * state["rate_hz"] * i / FRAME_RATE)
    f0 = midi_to_hz(state["pitch"] + glide + between(state["bend"], FRAMES) + wave)

    x, peak = i / FRAMES, state["peak"]
    rising = (peak - x) / (peak or 1.0)
    falling = (x - peak) / ((1.0 - peak) or 1.0)
    roof = -state["swell_db"] * torch.where(x < peak, rising, falling)
    level = (state["level_db"] + roof + between(state["drawn_db"], FRAMES)).clamp(FLOOR_DB, TOP_DB)

    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    shares = db_to_amplitude(state["tilt"] * torch.log2(k)).expand(FRAMES, -1)
    distribution = normalise_distribution(mask_above_nyquist(shares, f0, RATE))

    noise = (state["attack_db"] - 1.5 * (i - ATTACK_FRAMES + 1).clamp(min=0.0)).clamp(min=FLOOR_DB)
    colour = 20.0 - 40.0 * torch.arange(BANDS, dtype=torch.float64) / (BANDS - 1)
    return ToneControls(f0, db_to_amplitude(level), distribution, db_to_amplitude(noise.unsqueeze(-1) + colour))


def twin(state: State) -> dict[str, Any]:
    """Curves of the note, the spectra of its waver, and its six controls in both variants."""
    c = note_controls(state)
    note = Note(0.0, FRAMES / FRAME_RATE, state["pitch"])
    mended, original = (formulas.extract_expression(c, [note], variant=v)[0] for v in ("mended", "original"))

    straight = formulas.straightened_deviation(c.f0_hz, state["pitch"], frame_rate=FRAME_RATE)
    d = state["pitch"] - hz_to_midi(c.f0_hz)
    d = torch.where(d.abs() > WIDEST_SEMITONES, 0.0, d)
    d = d - d.mean()
    published = _waver(d, CLIP_FRAMES)
    harmonic_hz = c.f0_hz.unsqueeze(-1) * torch.arange(1, HARMONICS + 1)
    return {
        "f0": c.f0_hz.tolist(),
        "level_db": (20 * torch.log10(c.amplitude)).tolist(),
        "noise_db": (20 * torch.log10(c.noise_magnitudes)).mean(-1).tolist(),
        "highest_hz": int(published.argmax()) * FRAME_RATE / CLIP_FRAMES,
        "centroid_hz": float((c.distribution * harmonic_hz).sum(-1).mean()),
        "original_spectrum": published[:COARSE_BINS].tolist(),
        "mended_spectrum": _waver(straight, FINE)[:FINE_BINS].tolist(),
        "mended": mended.tolist(),
        "original": original.tolist(),
    }


def note_sounds(state: State, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The note's harmonics, and its noise made from a white one of 19,200 samples."""
    c = note_controls(state)
    harmonic = harmonic_synth(c.f0_hz, c.amplitude, c.distribution, n_samples=FRAMES * HOP, sample_rate=RATE)
    return harmonic, shape_noise(noise, c.noise_magnitudes)


def _waver(deviation: Tensor, n_fft: int) -> Tensor:
    """Spectrum of a deviation in the units of the vibrato control."""
    return 10.0 * torch.fft.rfft(deviation * formulas._tukey(FRAMES), n_fft).abs() / FRAMES


KIND = Kind(
    title="Six knobs on one note",
    about="A note whose pitch, level, harmonics and attack are bent by hand, and the six controls that MIDI-DDSP reads "
    "off it: mended, and as published, where a glide hides the vibrato and a floor hides soft attacks.",
    fields={
        "pitch": Number(57, 40, 76, whole=True),
        "vibrato": Number(0.2, 0, 1),
        "rate_hz": Number(5.5, 1, 12),
        "glide": Number(0, -3, 3),
        "level_db": Number(-36, -100, TOP_DB),
        "swell_db": Number(14, 0, 60),
        "peak": Number(0.4, 0, 1),
        "tilt": Number(-9, -18, 0),
        "attack_db": Number(-80, -115, -60),
        "bend": Numbers((0.0,) * KNOTS, -BEND_SEMITONES, BEND_SEMITONES),
        "drawn_db": Numbers((0.0,) * KNOTS, -DRAWN_DB, DRAWN_DB),
    },
    twin=twin,
    play_db=30,
)
