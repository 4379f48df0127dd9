"""MIDI-DDSP: a score becomes sound in three steps that can each be heard, measured and changed."""

from course_lib.midi_ddsp.checkpoint import load_inference, save_inference
from course_lib.midi_ddsp.data import Performance, load_performances
from course_lib.midi_ddsp.ensemble import even_pans, mix, pan_gain
from course_lib.midi_ddsp.expression import CONTROLS, extract_expression
from course_lib.midi_ddsp.hear import Heard, hear
from course_lib.midi_ddsp.inference import DDSPInference, InferenceConfig
from course_lib.midi_ddsp.performer import play_note
from course_lib.midi_ddsp.table import TableError, read_controls, read_voices, write_controls, write_voices
from course_lib.midi_ddsp.training import train_inference
from course_lib.midi_ddsp.urmp import load_urmp

__all__ = [
    "CONTROLS",
    "DDSPInference",
    "Heard",
    "InferenceConfig",
    "Performance",
    "TableError",
    "even_pans",
    "extract_expression",
    "hear",
    "load_inference",
    "load_performances",
    "load_urmp",
    "mix",
    "pan_gain",
    "play_note",
    "read_controls",
    "read_voices",
    "save_inference",
    "train_inference",
    "write_controls",
    "write_voices",
]
