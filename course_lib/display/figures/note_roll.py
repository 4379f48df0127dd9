"""A few notes on a piano roll, and what a network is told about them in every frame."""

from __future__ import annotations

from typing import Any

from course_lib.display.figures.fields import Kind, Number, Numbers, State
from course_lib.scores.notes import note_frames

RATE, FPS, FRAMES = 16_000, 250, 750  # Hz, frames a second
LOW, HIGH = 57, 77  # MIDI
LATEST, SHORTEST, LONGEST = 2.9, 0.02, 1.5  # s


def twin(state: State) -> dict[str, Any]:
    """Frames of the six notes."""
    notes = list(zip(state["onsets"], state["lengths"], state["pitches"], strict=True))
    frames = note_frames(notes, FRAMES)
    return {
        "pitch": frames.pitch.tolist(),
        "onset": frames.onset.tolist(),
        "offset": frames.offset.tolist(),
        "position": frames.position.double().tolist(),
        "owner": frames.note.tolist(),
    }


KIND = Kind(
    title="Notes, frame by frame",
    about="Six notes on a piano roll that can be dragged, and what a network is told about them 250 times a second: "
    "pitch, onset, offset, position in the note.",
    fields={
        "pitches": Numbers((69, 72, 74, 76, 74, 71), LOW, HIGH, whole=True),
        "onsets": Numbers((0.1, 0.4, 1.0, 1.3, 1.9, 2.3), 0, LATEST),
        "lengths": Numbers((0.3, 0.6, 0.3, 0.44, 0.4, 0.5), SHORTEST, LONGEST),
        "chosen": Number(4, 1, 6, whole=True),
    },
    twin=twin,
    play_db=-11,
)
