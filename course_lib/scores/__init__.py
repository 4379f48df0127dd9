"""Scores: notes, voices, MIDI files."""

from course_lib.scores.midi import read_midi, write_midi
from course_lib.scores.notes import Note, NoteFrames, Score, ScoreError, Voice, check_notes, note_frames
from course_lib.scores.segmentation import notes_from_pitch
from course_lib.scores.voices import separate_voices

__all__ = [
    "Note",
    "NoteFrames",
    "Score",
    "ScoreError",
    "Voice",
    "check_notes",
    "note_frames",
    "notes_from_pitch",
    "read_midi",
    "separate_voices",
    "write_midi",
]
