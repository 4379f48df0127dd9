"""Scores: notes, voices, MIDI files."""

from course_lib.scores.notes import Note, NoteFrames, Score, ScoreError, Voice, check_notes, note_frames

__all__ = ["Note", "NoteFrames", "Score", "ScoreError", "Voice", "check_notes", "note_frames"]
