"""MIDI-DDSP: a score becomes sound in three steps that can each be heard, measured and changed."""

from course_lib.midi_ddsp.expression import CONTROLS, extract_expression

__all__ = ["CONTROLS", "extract_expression"]
