"""DDSP tone transfer: a small network turns pitch and loudness into the controls of a harmonic synth with noise."""

from course_lib.analysis.recordings import Recording
from course_lib.core.networks import scale_inputs
from course_lib.synths.tone import ToneControls
from course_lib.tone_transfer.checkpoint import CheckpointError, load_instrument, save_instrument
from course_lib.tone_transfer.data import instrument_statistics, load_recordings
from course_lib.tone_transfer.decoder import ToneDecoder
from course_lib.tone_transfer.encoder import TimbreEncoder
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.tone_transfer.render import TransferResult, transfer
from course_lib.tone_transfer.training import TrainingRecord, train

__all__ = [
    "CheckpointError",
    "Recording",
    "TimbreEncoder",
    "ToneControls",
    "ToneDecoder",
    "ToneTransfer",
    "TrainingRecord",
    "TransferConfig",
    "TransferResult",
    "instrument_statistics",
    "load_instrument",
    "load_recordings",
    "save_instrument",
    "scale_inputs",
    "train",
    "transfer",
]
