"""Variations: performances as they were not played, so that a generator hears every control at every value."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.units import amplitude_to_db, db_to_amplitude, hz_to_midi
from course_lib.midi_ddsp.note_controls import ATTACK_FRAMES, CONTROLS, FLOOR_DB
from course_lib.midi_ddsp.training.annotations import Annotated
from course_lib.synths.tone import ToneControls

WIDEST = 0.98  # semitones; the pitch generator knows one either way
LOUDEST_DB, QUIETEST_DB = -2.0, FLOOR_DB["mended"]
VOLUME, FLUCTUATION, PEAK, VIBRATO, BRIGHTNESS, ATTACK = range(len(CONTROLS))


def deviation(annotated: Annotated, note_index: Tensor) -> Tensor:
    """Semitones by which the pitch lies above that of its note, (n_frames,), −1 … 1."""
    pitch = torch.tensor([note.pitch for note in annotated.performance.notes], dtype=torch.float32)
    return (hz_to_midi(annotated.controls.f0_hz) - pitch[note_index]).clamp(-1, 1)


def vary_vibrato(
    semitones: Tensor, note_index: Tensor, expression: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Make the pitch of some notes waver more, or less.

    Args:
        semitones: (n_frames,), off the note.
        note_index: (n_frames,) int64.
        expression: (n_notes, 6).
        share: of the notes, 0 … 1.
        generator: of the draws.

    Returns:
        Semitones and expression of the variation; a vibrato grows with the curve it is read from.
    """
    n = len(expression)
    before = expression[:, VIBRATO]
    wanted = 1.15 * torch.rand(n, generator=generator)
    most = WIDEST / torch.zeros(n).scatter_reduce(0, note_index, semitones.abs(), "amax").clamp(min=1e-3)
    factor = torch.minimum(wanted / before.clamp(min=1e-3), most)
    changed = (torch.rand(n, generator=generator) < share) & (before > 0.05)
    factor = torch.where(changed, factor, 1.0)
    varied = expression.clone()
    varied[:, VIBRATO] = before * factor
    return semitones * factor[note_index], varied


def vary_tone(
    controls: ToneControls,
    note_index: Tensor,
    sounding: Tensor,
    start: Tensor,
    end: Tensor,
    expression: Tensor,
    share: float,
    generator: torch.Generator,
) -> tuple[ToneControls, Tensor]:
    """Play some notes louder or softer, swelling elsewhere, brighter or darker, with more or less breath.

    Args:
        controls: of one sound, (n_frames, …).
        note_index, sounding: (n_frames,), of each frame's note; a rest belongs to the note before it.
        start, end: (n_notes,), frames.
        expression: (n_notes, 6).
        share: of the notes, for each of the changes.
        generator: of the draws.

    Returns:
        Controls and expression of the variation, the expression read off the new controls.
    """
    n, frames = len(expression), torch.arange(len(note_index))

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    def drawn_notes() -> Tensor:
        return torch.rand(n, generator=generator) < share

    def mean(values: Tensor) -> Tensor:
        return note_means(values, note_index, sounding, n)

    # Level: what there is of a swell is kept in part, a new one is added, and the mean goes where it is drawn.
    level = amplitude_to_db(controls.amplitude, QUIETEST_DB)
    u = ((frames - start[note_index]) / (end - start)[note_index].clamp(min=1)).clamp(0, 1)
    top = draw(0.02, 0.98)[note_index]
    swell = torch.where(u < top, u / top, (1 - u) / (1 - top)) - 0.5  # its standard deviation is 1 / √12
    old_mean = mean(level)
    kept = torch.where(drawn_notes(), draw(0.0, 1.0), 1.0)
    height = torch.where(drawn_notes(), draw(0.0, 1.0).square() * 90.0, 0.0)
    new = level + (1 - kept)[note_index] * (old_mean[note_index] - level) * sounding + height[note_index] * swell
    target = torch.where(drawn_notes(), (draw(-0.08, 1.18) - 1.5) * 60.0, old_mean)
    new = new + (target - mean(new))[note_index]
    new = torch.where(level > QUIETEST_DB + 15, new, level).clamp(QUIETEST_DB, LOUDEST_DB)
    # Colour: a slope over the harmonics, found for each note by halving.
    k = torch.arange(1, controls.distribution.shape[-1] + 1, dtype=torch.float32)
    shares = torch.stack([mean(x) for x in controls.distribution.unbind(-1)], -1)
    log_k = torch.log(k)
    wanted = draw(0.05, 1.0) ** 1.5 * 12.0
    low, high = torch.full((n,), -4.0), torch.full((n,), 4.0)
    for _ in range(16):
        middle = (low + high) / 2
        tilted = shares * torch.exp(middle.unsqueeze(-1) * log_k)
        above = (tilted * k).sum(-1) / tilted.sum(-1).clamp(min=1e-12) > wanted
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    slope = torch.where(drawn_notes(), (low + high) / 2, 0.0)
    distribution = controls.distribution * torch.exp(slope[note_index].unsqueeze(-1) * (log_k - log_k.mean()))
    distribution = distribution / distribution.sum(-1, keepdim=True).clamp(min=1e-12)
    # Noise: follows the level, but for the attack.
    noise = amplitude_to_db(controls.noise_magnitudes, QUIETEST_DB)
    follow = (new - level) * (level > QUIETEST_DB + 15)
    noise = torch.where(noise > QUIETEST_DB + 15, noise + follow.unsqueeze(-1), noise)
    since = frames - start[note_index]
    attack = (since >= 0) & (since < ATTACK_FRAMES) & sounding
    attack_db = note_means(noise.mean(-1), note_index, attack, n)
    target_db = (torch.where(drawn_notes(), draw(-0.08, 1.3), expression[:, ATTACK]) - 2.625) * 40.0
    fade = (1 - (since - ATTACK_FRAMES + 1).clamp(min=0) / 4.0).clamp(0, 1) * (since >= 0)
    noise = (noise + ((target_db - attack_db)[note_index] * fade).unsqueeze(-1)).clamp(QUIETEST_DB, LOUDEST_DB)
    varied = ToneControls(controls.f0_hz, db_to_amplitude(new), distribution, db_to_amplitude(noise))
    return varied, read_tone(varied, note_index, sounding, start, end, expression)


def read_tone(
    controls: ToneControls, note_index: Tensor, sounding: Tensor, start: Tensor, end: Tensor, expression: Tensor
) -> Tensor:
    """Five controls of every note at once, as `extract_expression` reads them one by one; vibrato is left as it was."""
    n, frames = len(expression), torch.arange(len(note_index))
    level = amplitude_to_db(controls.amplitude, QUIETEST_DB)
    mean = note_means(level, note_index, sounding, n)
    spread = (note_means(level.square(), note_index, sounding, n) - mean.square()).clamp(min=0).sqrt()
    highest = torch.full((n,), -1e9).scatter_reduce(0, note_index, torch.where(sounding, level, -1e9), "amax")
    is_top = sounding & (level >= highest[note_index])
    first = torch.full((n,), 2**30).scatter_reduce(0, note_index, torch.where(is_top, frames, 2**30), "amin")
    k = torch.arange(1, controls.distribution.shape[-1] + 1, dtype=torch.float32)
    attack = sounding & (frames - start[note_index] < ATTACK_FRAMES)
    noise = amplitude_to_db(controls.noise_magnitudes, QUIETEST_DB).mean(-1)
    read = expression.clone()
    read[:, VOLUME] = mean / 60.0 + 1.5
    read[:, FLUCTUATION] = spread * 2.5 / 60.0
    read[:, PEAK] = (first - start) / (end - start).clamp(min=1)
    read[:, BRIGHTNESS] = note_means(controls.distribution @ k, note_index, sounding, n) / 12.0
    read[:, ATTACK] = note_means(noise, note_index, attack, n) / 40.0 + 2.625
    whole = (
        note_means(torch.ones(len(note_index)), note_index, sounding, n) > 0
    )  # a note without a frame stays as it is
    return torch.where(whole.unsqueeze(-1), read, expression)


def note_means(values: Tensor, note_index: Tensor, mask: Tensor, n_notes: int) -> Tensor:
    """Mean of values (n_frames,) over the frames of each note that the mask (n_frames,) marks, (n_notes,)."""
    weights = mask.to(values)
    total = values.new_zeros(n_notes).index_add(0, note_index, values * weights)
    return total / weights.new_zeros(n_notes).index_add(0, note_index, weights).clamp(min=1.0)
