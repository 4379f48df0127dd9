"""From notes that sound together to voices that play one note at a time."""

from __future__ import annotations

import math
from bisect import bisect_left

from course_lib.scores.notes import Note, Notes, ScoreError, check_notes

MAX_VOICES = 64  # far more notes at once than any ensemble of the course plays; a damaged file may ask for thousands
SAME_TIME_S = 1e-9


def separate_voices(notes: Notes, legato_s: float = 0.05) -> list[list[Note]]:
    """Deal notes out to voices in which nothing overlaps.

    From the highest note down, each goes to the first voice that has room for it; so voice 1 is the top line, and a
    note is in voice 2 only because a note at least as high sounds in voice 1 meanwhile. Two notes have room in one
    voice if they do not overlap, or so briefly that a player of one line would have meant it as legato: for less than
    `legato_s` and less than half of the earlier note. The earlier note then ends where the later begins.

    Args:
        notes: notes or (onset_s, duration_s, pitch[, velocity]), in any order.
        legato_s: overlaps shorter than this are legato, seconds.

    Returns:
        The voices, each in order of onset; [] without notes.

    Raises:
        ScoreError: notes as `check_notes` refuses them, or more than 64 voices.
        ValueError: a `legato_s` that is negative or not finite.

    Chapter: book/midi_ddsp/notes_to_sound.ipynb

    >>> [[note.pitch for note in voice] for voice in separate_voices([(0, 2, 60), (0, 1, 67), (1, 1, 65)])]
    [[67, 65], [60]]
    """
    if not (isinstance(legato_s, int | float) and 0 <= legato_s < math.inf):
        raise ValueError(f"legato_s must be a time of at least 0 s, such as 0.05; got {legato_s!r}")
    voices: list[list[Note]] = []
    for note in sorted(check_notes(notes), key=lambda note: (-note.pitch, note.onset_s)):
        for voice in voices:
            at = bisect_left(voice, note.onset_s, key=lambda other: other.onset_s)
            # The neighbours suffice: what lies beyond them overlaps this note less than it overlaps them.
            before = at == 0 or _has_room(voice[at - 1], note, legato_s)
            if before and (at == len(voice) or _has_room(note, voice[at], legato_s)):
                voice.insert(at, note)
                break
        else:
            if len(voices) == MAX_VOICES:
                raise ScoreError(
                    f"more than {MAX_VOICES} notes sound at once near {note.onset_s:.2f} s; no ensemble of this course "
                    "is that large: thin the chords out, or give the parts tracks of their own"
                )
            voices.append([note])
    return [_cut(voice) for voice in voices]


def _has_room(earlier: Note, later: Note, legato_s: float) -> bool:
    """Whether two notes, in order of onset, may share a voice."""
    overlap = earlier.end_s - later.onset_s
    return overlap < min(legato_s, earlier.duration_s / 2) or (
        overlap <= SAME_TIME_S and earlier.onset_s < later.onset_s
    )


def _cut(voice: list[Note]) -> list[Note]:
    """End each note where the next begins, at the latest."""
    ends = [*(note.onset_s for note in voice[1:]), math.inf]
    return [
        note._replace(duration_s=end - note.onset_s) if note.end_s > end else note
        for note, end in zip(voice, ends, strict=True)
    ]
