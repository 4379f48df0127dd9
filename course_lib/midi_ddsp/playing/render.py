"""From notes to sound: perform a score, play the performance, and hear it, all at once or a stretch at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import check_count
from course_lib.core.units import midi_to_hz
from course_lib.midi_ddsp.playing.conditioning import NotePlan
from course_lib.midi_ddsp.playing.players import Players, load_players
from course_lib.scores.notes import Note, check_notes
from course_lib.synths.tone import ToneControls
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone

FRAME_RATE = 250
STRETCH_S = 10.0
TAIL_S = 0.5
Notes = Iterable[Note | Sequence[float]]


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
    """
    model = (players or load_players()).expression
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return model.generate(check_notes(notes), model.indices([instrument]), generator)


def play(
    notes: Notes,
    expression: Any,
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
    """
    stretches = play_stretches(notes, expression, instrument, seed=seed, players=players, n_frames=n_frames)
    return join_stretches(list(stretches))


def play_stretches(
    notes: Notes,
    expression: Any,
    instrument: str,
    *,
    seed: int = 0,
    players: Players | None = None,
    n_frames: int | None = None,
) -> Iterator[ToneControls]:
    """As `play`, 10 s at a time; together they are what `play` returns."""
    band = players or load_players()
    plan = NotePlan(check_notes(notes), expression, band.synthesis.config.frame_rate)
    pitch_row, tone_row = band.pitch.indices([instrument]), band.synthesis.indices([instrument])
    rate, context = plan.rate, band.synthesis.config.context
    last = max(note.end_s for note in plan.notes)
    total = check_count(math.ceil((last + TAIL_S) * rate) if n_frames is None else n_frames, "n_frames")
    stretch = round(STRETCH_S * rate)
    starts = range(0, total + context, stretch)
    curve = band.pitch.generate(
        (plan.features(at, min(stretch, total + context - at)) for at in starts),
        pitch_row,
        torch.Generator().manual_seed(seed),
    )
    semitones, begin = torch.zeros(0), 0  # of the frames from `begin` on
    for start in range(0, total, stretch):
        end = min(start + stretch, total)
        while begin + len(semitones) < end + context:
            semitones = torch.cat([semitones, next(curve)])
        a = max(0, start - context)
        semitones, begin = semitones[a - begin :], a
        near = semitones[: end + context - a]
        with torch.no_grad():
            raw = band.synthesis(plan.features(a, len(near)).unsqueeze(0), near.unsqueeze(0), tone_row)
        own, here = plan.owner(start, end - start), slice(start - a, end - a)
        f0 = midi_to_hz(plan.pitch[own] + near[here])
        controls = band.synthesis.controls(raw[:, here], f0.unsqueeze(0))
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
    """
    length = round(STRETCH_S * sample_rate / hop)
    n_frames = controls.f0_hz.shape[-1]
    cut = (cut_stretch(controls, slice(at, at + length)) for at in range(0, n_frames, length))
    return torch.cat(list(sound_stretches(cut, seed, sample_rate, hop)))


def stream(
    notes: Notes,
    expression: Any,
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
    """
    band = players or load_players()
    c = band.synthesis.config
    played = play_stretches(notes, expression, instrument, seed=seed, players=band, n_frames=n_frames)
    first = next(played)  # what can be refused is refused here
    return sound_stretches(itertools.chain([first], played), seed, c.sample_rate, c.sample_rate // c.frame_rate)


def sound_stretches(stretches: Iterable[ToneControls], seed: int, sample_rate: int, hop: int) -> Iterator[Tensor]:
    """Dry sound of controls that come a stretch at a time: (n_frames · hop,) of each."""
    generator = torch.Generator().manual_seed(seed)
    for parts in stream_tone(stretches, sample_rate=sample_rate, hop=hop, generator=generator):
        yield parts.harmonic + parts.noise


SHORTEST_S = 0.002  # between two onsets: half a frame


def playable(notes: Sequence[Note]) -> tuple[list[Note], list[int]]:
    """The notes of a voice as they are played and written: times of 0.1 ms, no overlap, a frame at least for each.

    A note that the next one cuts off in its very first frame is left out. Also where each stood in order of onset.

    >>> playable([Note(0.0, 2.0, 60), Note(1.0, 0.0001, 62), Note(1.001, 1.0, 64)])[1]
    [0, 2]
    """
    kept: list[Note] = []
    places: list[int] = []
    for place, note in enumerate(sorted(notes, key=lambda note: note.onset_s)):
        note = note._replace(onset_s=round(note.onset_s, 4), duration_s=max(round(note.duration_s, 4), 1 / FRAME_RATE))
        if kept:
            gap = note.onset_s - kept[-1].onset_s
            if gap >= SHORTEST_S and round(note.onset_s * FRAME_RATE) > round(kept[-1].onset_s * FRAME_RATE):
                kept[-1] = kept[-1]._replace(duration_s=round(min(kept[-1].duration_s, gap), 4))
            else:
                kept.pop()
                places.pop()
        kept.append(note)
        places.append(place)
    return kept, places
