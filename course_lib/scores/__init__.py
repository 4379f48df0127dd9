"""Scores: notes, voices, MIDI files."""

from course_lib.scores.notes import Note, NoteFrames, Score, ScoreError, Voice, check_notes, note_frames
from course_lib.scores.segmentation import notes_from_pitch

__all__ = ["Note", "NoteFrames", "Score", "ScoreError", "Voice", "check_notes", "note_frames", "notes_from_pitch"]
