"""What the page's piano roll computes, by this library: `note_frames`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_lib.scores.notes import note_frames

FRAMES = 750  # the same number as in js/note_roll.js


def note_roll(state: Mapping[str, Any]) -> dict[str, Any]:
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
