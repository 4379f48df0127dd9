"""From notes to sound: perform a score, play the performance, and hear it, all at once or a stretch at a time.

`perform` gives every note its expression, `play` turns notes with expression into the synthesizer's controls,
`synthesise` makes them sound, and `stream` does the last two 10 s at a time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from course_lib.core.checks import check_count
from course_lib.core.types import ArrayLike
from course_lib.core.units import midi_to_hz
from course_lib.midi_ddsp.playing.conditioning import NotePlan
from course_lib.midi_ddsp.playing.players import Players, load_players
from course_lib.scores.notes import Notes, check_notes
from course_lib.synths.tone import ToneControls
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone

STRETCH_S = 10.0
TAIL_S = 0.5  # how long a voice goes on behind its last note


def perform(notes: Notes, instrument: str, *, seed: int | None = None, players: Players | None = None) -> Tensor:
    """Give every note its expression.

    Args:
        notes: of one voice.
        instrument: one of `Players.instruments`.
        seed: draws a performance, another one for each seed; None: the mean of all, always the same.
        players: from `load_players`; None: the course's own.

    Returns:
        (n_notes, 6), columns as in `CONTROLS`, rows in order of onset.

    Raises:
        ValueError: invalid notes, an unknown instrument.

    Source: Wu et al., MIDI-DDSP, 2022. Chapter: book/midi_ddsp/taste.ipynb

    >>> perform([(0.0, 0.5, 69)], "violin").shape
    torch.Size([1, 6])
    """
    model = (players or load_players()).expression
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return model.generate(check_notes(notes), model.indices([instrument]), generator)


def play(
    notes: Notes,
    expression: ArrayLike,
    instrument: str,
    *,
    seed: int = 0,
    players: Players | None = None,
    n_frames: int | None = None,
) -> ToneControls:
    """Play notes with a given expression: everything the synthesizer needs, 250 times a second.

    Args:
        notes: of one voice.
        expression: (n_notes, 6), rows in order of onset.
        instrument: one of `Players.instruments`.
        seed: of the pitch, which is drawn.
        players: from `load_players`; None: the course's own.
        n_frames: how long; None: half a second more than the notes.

    Returns:
        ToneControls, (n_frames, …).

    Raises:
        ValueError: no notes, not exactly one row of expression a note, an unknown instrument.

    Source: Wu et al., MIDI-DDSP, 2022. Chapter: book/midi_ddsp/playing.ipynb

    >>> notes = [(0.0, 0.5, 69)]
    >>> play(notes, perform(notes, "violin"), "violin").distribution.shape
    torch.Size([250, 60])
    """
    stretches = play_stretches(notes, expression, instrument, seed=seed, players=players, n_frames=n_frames)
    return join_stretches(list(stretches))


def play_stretches(
    notes: Notes,
    expression: ArrayLike,
    instrument: str,
    *,
    seed: int = 0,
    players: Players | None = None,
    n_frames: int | None = None,
) -> Iterator[ToneControls]:
    """As `play`, 10 s at a time; together they are what `play` returns."""
    players = players or load_players()
    pitch, synthesis = players.pitch, players.synthesis
    plan = NotePlan(check_notes(notes), expression, synthesis.config.frame_rate)
    pitch_id, synthesis_id = pitch.indices([instrument]), synthesis.indices([instrument])
    rate, context = plan.rate, synthesis.config.context
    last = max(note.end_s for note in plan.notes)
    total = check_count(math.ceil((last + TAIL_S) * rate) if n_frames is None else n_frames, "n_frames")
    length = round(STRETCH_S * rate)
    # The synthesis generator looks ahead, so the pitch runs on behind the end, and is generated ahead of each stretch.
    features = (
        plan.features(first=at, count=min(length, total + context - at)) for at in range(0, total + context, length)
    )
    generated = pitch.generate(features, pitch_id, torch.Generator().manual_seed(seed))
    semitones, begin = torch.zeros(0), 0  # off the note, of the frames from `begin` on
    for start in range(0, total, length):
        end = min(start + length, total)
        while begin + len(semitones) < end + context:
            semitones = torch.cat([semitones, next(generated)])
        first = max(0, start - context)
        semitones, begin = semitones[first - begin :], first
        wide = semitones[: end + context - first]
        with torch.no_grad():
            raw = synthesis(plan.features(first=first, count=len(wide)).unsqueeze(0), wide.unsqueeze(0), synthesis_id)
        own = slice(start - first, end - first)
        f0 = midi_to_hz(plan.pitch[plan.note_index(first=start, count=end - start)] + wide[own])
        controls = synthesis.controls(raw[:, own], f0.unsqueeze(0))
        yield ToneControls(*(x[0] for x in controls))


def synthesise(controls: ToneControls, *, seed: int = 0, sample_rate: int = 16_000, hop: int = 64) -> Tensor:
    """Hear controls: harmonics and noise, dry.

    Args:
        controls: (n_frames, …), from `play`.
        seed: of the noise.
        sample_rate: Hz.
        hop: samples a frame.

    Returns:
        (n_frames · hop,).

    Chapter: book/midi_ddsp/playing.ipynb

    >>> controls = ToneControls(torch.full((50,), 440.0), torch.ones(50), torch.ones(50, 60) / 60, torch.ones(50, 65))
    >>> synthesise(controls).shape
    torch.Size([3200])
    """
    length = round(STRETCH_S * sample_rate / hop)
    n_frames = controls.f0_hz.shape[-1]
    cut = (cut_stretch(controls, slice(at, at + length)) for at in range(0, n_frames, length))
    return torch.cat(list(sound_stretches(cut, seed=seed, sample_rate=sample_rate, hop=hop)))


def stream(
    notes: Notes,
    expression: ArrayLike,
    instrument: str,
    *,
    seed: int = 0,
    players: Players | None = None,
    n_frames: int | None = None,
) -> Iterator[Tensor]:
    """As `synthesise(play(…))`, 10 s at a time: an hour needs no more memory than a minute.

    Args:
        notes, expression, instrument, seed, players, n_frames: as `play`; the seed is also that of the noise.

    Yields:
        (n_samples,) of each stretch.

    Raises:
        ValueError: as `play`, before the first stretch.

    Chapter: book/midi_ddsp/end_to_end.ipynb

    >>> notes = [(0.0, 0.5, 69)]
    >>> sum(len(piece) for piece in stream(notes, perform(notes, "violin"), "violin"))
    16000
    """
    players = players or load_players()
    c = players.synthesis.config
    played = play_stretches(notes, expression, instrument, seed=seed, players=players, n_frames=n_frames)
    first = next(played)  # refuses what cannot be played now, not when the first stretch is asked for
    return sound_stretches(
        itertools.chain([first], played), seed=seed, sample_rate=c.sample_rate, hop=c.sample_rate // c.frame_rate
    )


def sound_stretches(stretches: Iterable[ToneControls], *, seed: int, sample_rate: int, hop: int) -> Iterator[Tensor]:
    """Dry sound of controls that come a stretch at a time: (n_frames · hop,) of each."""
    generator = torch.Generator().manual_seed(seed)
    for parts in stream_tone(stretches, sample_rate=sample_rate, hop=hop, generator=generator):
        yield parts.harmonic + parts.noise
