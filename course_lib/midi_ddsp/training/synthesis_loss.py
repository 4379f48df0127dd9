"""What the synthesis generator learns from: sound, levels, and the controls that can be read off each note."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.core.units import amplitude_to_db
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.note_controls import ATTACK_FRAMES, FLOOR_DB
from course_lib.midi_ddsp.playing.conditioning import FEATURES
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisGenerator
from course_lib.synths.tone import ToneControls, tone

QUIET_DB = -110.0  # a frame below this has no timbre to compare
JUST_BEGUN = FEATURES.index("just_begun")  # e^(−t / 20 ms), t being the time since the note began


@dataclass(frozen=True, kw_only=True)
class SynthesisLoss:
    """What the generator learns from, and how much each part counts.

    varied: share of the notes that are varied. spectral: of the sound. levels: of amplitude, harmonics and noise in dB,
    one by one (the original computed it and left it out). notes: of the five controls that can be read off the tone,
    over the frames of each note. adversary and resemblance: of `AdversarialTraining`, 0 without.
    """

    varied: float = 0.5
    spectral: float = 1.0
    levels: float = 1.0
    notes: float = 1.0
    adversary: float = 0.0
    resemblance: float = 10.0


AS_PUBLISHED = SynthesisLoss(varied=0.0, levels=0.0, notes=0.0)


class Batch(NamedTuple):
    """Training examples; every tensor but instrument_id, (batch,), begins with (batch, n_frames)."""

    features: Tensor
    semitones: Tensor
    instrument_id: Tensor
    note_index: Tensor
    sounding: Tensor
    target: ToneControls

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return self._map(lambda x: x.to(device))

    def rows(self, which: slice) -> Batch:
        """Some of the examples."""
        return self._map(lambda x: x[which])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(
            change(self.features),
            change(self.semitones),
            change(self.instrument_id),
            change(self.note_index),
            change(self.sounding),
            ToneControls(*map(change, self.target)),
        )


def compare(
    model: SynthesisGenerator, raw: Tensor, batch: Batch, parts: SynthesisLoss, generator: torch.Generator
) -> Tensor:
    """The generator's loss, 0-d: its raw numbers against the controls that were to be found.

    Args:
        model: the generator.
        raw: what it gave for the batch.
        batch: the examples.
        parts: of the loss.
        generator: of the noise.
    """
    played, rate = model.controls(raw, batch.target.f0_hz), model.config.sample_rate
    total = raw.new_zeros(())
    if parts.spectral:
        n_samples = raw.shape[1] * rate // model.config.frame_rate
        with torch.no_grad():
            target = _sound(batch.target, n_samples, rate, generator)
        total = total + parts.spectral * multiscale_spectral_loss(_sound(played, n_samples, rate, generator), target)
    if parts.levels:
        ours, theirs = _levels(played), _levels(batch.target)
        level, timbre, noise = ((a - b).abs() for a, b in zip(ours, theirs, strict=True))
        mask = (theirs[0] > QUIET_DB).unsqueeze(-1)
        timbre = (timbre * mask).sum() / (mask.sum() * timbre.shape[-1]).clamp(min=1)
        total = total + parts.levels / 10.0 * (level.mean() + timbre + noise.mean())
    if parts.notes:
        total = total + parts.notes * _note_errors(played, batch, model.config.frame_rate)
    return total


def _sound(controls: ToneControls, n_samples: int, rate: int, generator: torch.Generator) -> Tensor:
    return tone(controls, n_samples=n_samples, sample_rate=rate, generator=generator).sound


def _levels(controls: ToneControls) -> tuple[Tensor, Tensor, Tensor]:
    floor = FLOOR_DB["mended"]
    return (
        amplitude_to_db(controls.amplitude, floor),
        amplitude_to_db(controls.distribution, -60.0),
        amplitude_to_db(controls.noise_magnitudes, floor),
    )


def _note_errors(played: ToneControls, batch: Batch, frame_rate: int) -> Tensor:
    """How far mean level, its spread, the centroid and the attack's noise lie off, note by note, in controls' units."""
    n_examples, n_notes = len(batch.note_index), int(batch.note_index.max()) + 1
    # Every note of every example has a number of its own, so that all of them are averaged at once.
    rows = (
        batch.note_index + n_notes * torch.arange(n_examples, device=batch.note_index.device).unsqueeze(-1)
    ).flatten()
    sounding = batch.sounding.flatten().to(batch.features)
    # In the first ATTACK_FRAMES frames of a note "just begun" is above what it is half a frame before they are over.
    threshold = math.exp(-(ATTACK_FRAMES - 0.5) / frame_rate / 0.02)
    attack = sounding * (batch.features[..., JUST_BEGUN].flatten() > threshold)
    k = torch.arange(1, played.distribution.shape[-1] + 1).to(batch.features)

    def means(values: Tensor, weights: Tensor) -> Tensor:
        zeros = values.new_zeros(n_examples * n_notes)
        return zeros.index_add(0, rows, values * weights) / zeros.index_add(0, rows, weights).clamp(min=1.0)

    def read(controls: ToneControls) -> Tensor:
        level = amplitude_to_db(controls.amplitude, FLOOR_DB["mended"]).flatten()
        mean = means(level, sounding)
        spread = (means(level.square(), sounding) - mean.square()).clamp(min=1e-3).sqrt()
        noise = amplitude_to_db(controls.noise_magnitudes, FLOOR_DB["mended"]).mean(-1).flatten()
        centroid = means((controls.distribution @ k).flatten(), sounding)
        return torch.stack([mean / 60.0, spread / 24.0, centroid / 12.0, means(noise, attack) / 40.0])

    n_sounding = (means(torch.ones_like(sounding), sounding) > 0).sum().clamp(min=1)
    return (read(played) - read(batch.target)).abs().sum() / n_sounding
