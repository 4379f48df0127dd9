"""The voices of a score on their way to sound: a name, an instrument, notes that can be played, and their controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from course_lib.midi_ddsp.playing.players import RANGES, Players, out_of_range
from course_lib.midi_ddsp.playing.render import perform
from course_lib.midi_ddsp.table import TableError, as_written, read_voices
from course_lib.scores.midi import Score
from course_lib.scores.notes import Note

FRAME_RATE = 250
SHORTEST_S = 0.002  # between two onsets: half a frame


@dataclass(frozen=True)
class Part:
    """One voice: name, instrument, notes, and controls (n_notes, 6), None until they are known."""

    name: str
    instrument: str
    notes: list[Note]
    controls: Tensor | None = None

    def known_controls(self) -> Tensor:
        """The controls, or ValueError where nobody has said them yet."""
        if self.controls is None:
            raise ValueError(f"{self.name} has no controls yet; perform_parts gives them")
        return self.controls


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


def voice_names(score: Score) -> list[str]:
    """A name of one line for every voice, all different, and none that a spreadsheet would take for a formula.

    >>> from course_lib.scores import Voice
    >>> voice_names(Score((Voice("Horn", 60, ()), Voice(" =Horn", 60, ()), Voice("", 0, ()))))
    ['Horn', 'Horn (2)', 'Voice 3']
    """
    names: list[str] = []
    for number, voice in enumerate(score.voices, 1):
        plain = " ".join("".join(c if c.isprintable() else " " for c in str(voice.name)).split())
        name = plain = plain.lstrip("=+-@ ") or f"Voice {number}"
        copy = 1
        while name in names:
            copy += 1
            name = f"{plain} ({copy})"
        names.append(name)
    return names


def parts_of_score(score: Score, instruments: Sequence[str]) -> list[Part]:
    """The playable notes of every voice, for these instruments; controls are not known yet."""
    voices = zip(voice_names(score), instruments, score.voices, strict=True)
    return [Part(name, instrument, playable(voice.notes)[0]) for name, instrument, voice in voices]


def parts_of_table(path: Path, parts: Sequence[Part]) -> tuple[list[Part], list[str]]:
    """Take notes and controls from a controls table instead of the score; the score says who plays them.

    Args:
        path: of the table, one voice for each part.
        parts: from `parts_of_score`.

    Returns:
        The parts, and a remark on each whose number of notes is not the score's.

    Raises:
        TableError: as `read_voices`; a table without rows, or whose voices are not those of the score.
    """
    voices, names = read_voices(path), [part.name for part in parts]
    if not voices:
        raise TableError(f"{path} has no rows: there is nothing to play")
    if list(voices) == [""]:
        if len(parts) > 1:
            raise TableError(f"{path} needs a column voice: the score has {len(parts)} voices, {first_few(names)}")
        voices = {names[0]: voices[""]}
    listed = first_few(names)
    for name in voices:
        if name not in names:
            raise TableError(f"{path}, column voice: {name!r} is no voice of the score; its voices are {listed}")
    for name in names:
        if name not in voices:
            raise TableError(f"{path}, column voice: no rows of {name!r}; the score's voices are {listed}")
    found, remarks = [], []
    for part in parts:
        written, controls = voices[part.name]
        notes, kept = playable(written)
        if len(notes) != len(part.notes):
            count, of = f"{len(notes)} note{'s' if len(notes) != 1 else ''}", f" of {part.name}" if part.name else ""
            remarks.append(f"{path} plays {count}{of}, the score has {len(part.notes)}; the table counts")
        found.append(replace(part, notes=notes, controls=controls[kept]))
    return found, remarks


def perform_parts(parts: Sequence[Part], seed: int | None, players: Players) -> list[Part]:
    """Give every part its controls that has none, rounded as a table rounds, so that the table plays the same.

    Voice i is performed with seed + i; without a seed all are the mean performance.
    """
    performed = []
    for number, part in enumerate(parts):
        if part.controls is None:
            own = None if seed is None else seed + number
            controls = perform(part.notes, part.instrument, seed=own, players=players)
            part = replace(part, controls=as_written(controls))
        performed.append(part)
    return performed


def range_remarks(parts: Sequence[Part]) -> list[str]:
    """One line on the notes that an instrument does not have; none where it has all."""
    outside = [(part, note) for part in parts for note in out_of_range(part.notes, part.instrument)]
    if not outside:
        return []
    part, note = min(outside, key=lambda item: item[1].onset_s)
    low, high = RANGES[part.instrument]
    others = len(outside) - 1
    more = f", and so do{'es' if others == 1 else ''} {others} more" if others else ""
    return [
        f"the note at {note.onset_s:.2f} s of {part.name} (pitch {note.pitch:g}) lies outside the range of the "
        f"{part.instrument}, {low} to {high}{more}: played all the same, as best it can"
    ]


def first_few(names: Sequence[str], most: int = 8) -> str:
    """Names in a row, not too many of them."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
