"""MIDI-DDSP: a score becomes sound in three steps that can each be heard, measured and changed."""

from course_lib.midi_ddsp.checkpoint import load_inference, save_inference
from course_lib.midi_ddsp.data import Performance, load_performances
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference, InferenceConfig
from course_lib.midi_ddsp.hearing.listener import Heard, hear
from course_lib.midi_ddsp.note_controls import CONTROLS, extract_expression
from course_lib.midi_ddsp.playing.conditioning import NotePlan
from course_lib.midi_ddsp.playing.ensemble import even_pans, mix, pan_gain, tune_to_bass
from course_lib.midi_ddsp.playing.expression_generator import ExpressionConfig, ExpressionGenerator
from course_lib.midi_ddsp.playing.pitch_generator import PitchConfig, PitchGenerator
from course_lib.midi_ddsp.playing.players import Players, load_players
from course_lib.midi_ddsp.playing.render import perform, play, stream, synthesise
from course_lib.midi_ddsp.playing.rule_player import play_note
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.midi_ddsp.table import TableError, read_controls, read_voices, write_controls, write_voices
from course_lib.midi_ddsp.training.annotations import Annotated, annotate
from course_lib.midi_ddsp.training.expression import train_expression
from course_lib.midi_ddsp.training.inference import train_inference
from course_lib.midi_ddsp.training.pitch import train_pitch
from course_lib.midi_ddsp.training.synthesis import train_synthesis
from course_lib.midi_ddsp.urmp import load_urmp

__all__ = [
    "CONTROLS",
    "Annotated",
    "DDSPInference",
    "ExpressionConfig",
    "ExpressionGenerator",
    "Heard",
    "InferenceConfig",
    "NotePlan",
    "Performance",
    "PitchConfig",
    "PitchGenerator",
    "Players",
    "SynthesisConfig",
    "SynthesisGenerator",
    "TableError",
    "annotate",
    "even_pans",
    "extract_expression",
    "hear",
    "load_inference",
    "load_performances",
    "load_players",
    "load_urmp",
    "mix",
    "pan_gain",
    "perform",
    "play",
    "play_note",
    "read_controls",
    "read_voices",
    "save_inference",
    "stream",
    "synthesise",
    "train_expression",
    "train_inference",
    "train_pitch",
    "train_synthesis",
    "tune_to_bass",
    "write_controls",
    "write_voices",
]
