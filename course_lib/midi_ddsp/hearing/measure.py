"""The six controls measured in a sound, by a pitch tracker and a bank of band-passes; no network has a say."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.analysis.partials import measure_harmonics
from course_lib.analysis.tracking import track_f0
from course_lib.core.checks import check_audio
from course_lib.core.types import ArrayLike
from course_lib.core.units import amplitude_to_db, db_to_amplitude, hz_to_midi, midi_to_hz
from course_lib.midi_ddsp.note_controls import extract_expression
from course_lib.scores.notes import Notes, check_notes, note_frames
from course_lib.synths.tone import ToneControls

FRAME_RATE = 250
SURE = 0.5  # confidence of the tracker from which its pitch is taken
NEAR_SEMITONES = 1.5  # what a tracker hears further from the note is another octave, or noise
RAYLEIGH_DB = 2.51  # the mean of a noise's level in dB lies so far below the level of its power
FLOOR_DB = -140.0


def measure_tone(
    audio: ArrayLike,
    notes: Notes,
    sample_rate: float = 16_000,
    *,
    n_harmonics: int = 60,
    n_bands: int = 65,
) -> ToneControls:
    """Measure the controls of a synthesizer in the sound alone.

    The pitch is tracked; where the tracker is unsure, or more than 1.5 semitones from the note, the note's own pitch
    is taken. Levels are then measured at every multiple of half the pitch: at whole multiples lie the harmonics, the
    ones between hold noise, whose share in the harmonics is taken off.

    Args:
        audio: (n_samples,), one voice.
        notes: what was played.
        sample_rate: Hz.
        n_harmonics, n_bands: of the result.

    Returns:
        ToneControls, (n_frames, …), 250 frames a second. Windows are 4 periods long, so an attack is seen a little
        before it comes.

    Raises:
        ValueError: silence, NaN, no notes, more than one voice.

    Chapter: book/midi_ddsp/playing.ipynb
    """
    sound = check_audio(audio, allow_silence=False).float()
    ordered = check_notes(notes)
    if sound.ndim != 1 or not ordered:
        raise ValueError(f"audio must be (n_samples,), with at least one note; got {tuple(sound.shape)}")
    hop = round(sample_rate / FRAME_RATE)
    n_frames = len(sound) // hop
    sound = sound[: n_frames * hop]
    note_index = note_frames(ordered, n_frames, frame_rate=FRAME_RATE).note
    last_note = torch.cummax(note_index, 0).values.clamp(min=0)  # rests go on at the pitch of the note before
    pitch = torch.tensor([float(note.pitch) for note in ordered])[last_note]
    low, high = float(pitch.min()), float(pitch.max())
    track = track_f0(
        sound,
        sample_rate,
        1 / FRAME_RATE,
        f_min_hz=float(midi_to_hz(low - 2)),
        f_max_hz=min(float(midi_to_hz(high + 2)), 4000.0),
    )
    near = (hz_to_midi(track.f0_hz.clamp(min=1.0)) - pitch).abs() <= NEAR_SEMITONES
    f0 = torch.where(near & (track.confidence >= SURE), track.f0_hz.float(), midi_to_hz(pitch))
    count = max(n_harmonics, math.ceil(sample_rate / 2 / float(f0.min())))
    levels = measure_harmonics(sound, f0 / 2, 2 * count + 1, sample_rate=sample_rate, periods=2.0)
    tones, between = levels[:, 1::2], levels[:, 0::2]
    # Power of a noise of RMS 1 in one such window: 4 · Σ w² / (Σ w)², the window of 4 periods being a Hann window.
    seen = 2.0 * torch.sqrt(1.5 * f0 / (4.0 * sample_rate)).unsqueeze(-1)
    hiss_db = amplitude_to_db(between / seen, FLOOR_DB) + RAYLEIGH_DB
    floor = (between[:, :-1].square() + between[:, 1:].square()) / 2
    clean = (tones.square() - floor).clamp(min=0).sqrt()[:, :n_harmonics]
    amplitude = clean.sum(-1)
    centres = torch.linspace(0, sample_rate / 2, n_bands)
    at = (centres / f0.unsqueeze(-1) - 0.5).round().long()
    top = (sample_rate / 2 / f0 - 0.5).floor().long().unsqueeze(-1)  # the last one below Nyquist
    noise = hiss_db.gather(-1, at.clamp(min=0).minimum(top.clamp(min=0)))
    return ToneControls(
        f0, amplitude, clean / amplitude.unsqueeze(-1).clamp(min=1e-9), db_to_amplitude(noise.clamp(min=FLOOR_DB))
    )


def measure_expression(audio: ArrayLike, notes: Notes, sample_rate: float = 16_000) -> Tensor:
    """Measure the six controls of every note in the sound alone: `extract_expression` of `measure_tone`.

    Args:
        audio: (n_samples,), one voice.
        notes: what was played.
        sample_rate: Hz.

    Returns:
        (n_notes, 6), columns as in `CONTROLS`; NaN for a note behind the end of the sound.

    Chapter: book/midi_ddsp/playing.ipynb
    """
    ordered = check_notes(notes)
    return extract_expression(measure_tone(audio, ordered, sample_rate), ordered, FRAME_RATE)
