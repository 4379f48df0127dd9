"""Players: the three networks that lead from notes to the synthesizer, and what instruments they know."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.midi_ddsp.checkpoint import load_expression, load_pitch, load_synthesis
from course_lib.midi_ddsp.playing.expression_generator import ExpressionGenerator
from course_lib.midi_ddsp.playing.pitch_generator import PitchGenerator
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisGenerator
from course_lib.scores.notes import Note

# MIDI pitches that were heard in training.
RANGES = {
    "cello": (38, 69),
    "clarinet": (52, 84),
    "flute": (60, 90),
    "saxophone": (50, 80),
    "trumpet": (55, 81),
    "violin": (55, 86),
}
# General MIDI programs (from 0) below which each family lies, and who is nearest to it in sound, then in range.
FAMILIES = (
    (42, "violin"),  # keys, organs, guitars and basses too: somebody has to
    (44, "cello"),
    (52, "violin"),  # harp, strings together
    (56, "flute"),  # voices
    (64, "trumpet"),
    (68, "saxophone"),
    (72, "clarinet"),  # oboe, bassoon, clarinet
    (80, "flute"),
    (128, "violin"),
)


@dataclass(frozen=True)
class Players:
    """The generators of expression, pitch and tone, trained one by one on the same instruments."""

    expression: ExpressionGenerator
    pitch: PitchGenerator
    synthesis: SynthesisGenerator

    def __post_init__(self) -> None:
        known = {network.config.instruments for network in (self.expression, self.pitch, self.synthesis)}
        if len(known) > 1:
            raise ValueError(f"the three networks know different instruments: {sorted(known)}")
        if self.pitch.config.frame_rate != self.synthesis.config.frame_rate:
            raise ValueError("pitch and synthesis generator have different frame rates")

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names that all three know."""
        return self.synthesis.config.instruments


def load_players(folder: str | Path | None = None) -> Players:
    """Read the three networks.

    Args:
        folder: holds expression.safetensors, pitch.safetensors and synthesis.safetensors; None: the course's own.

    Returns:
        Players, in evaluation mode; the course's own are read once and shared.

    Raises:
        CheckpointError: a file is missing, foreign or damaged. ValueError: files that do not belong together.

    Chapter: book/midi_ddsp/playing.ipynb

    >>> load_players().synthesis.config.sample_rate
    16000
    """
    if folder is None:
        return _own_players()
    f = Path(folder)
    return Players(
        load_expression(f / "expression.safetensors")[0],
        load_pitch(f / "pitch.safetensors")[0],
        load_synthesis(f / "synthesis.safetensors")[0],
    )


@functools.cache
def _own_players() -> Players:
    return Players(load_expression()[0], load_pitch()[0], load_synthesis()[0])


def instrument_of(program: int) -> str:
    """The instrument that comes nearest to a General MIDI program, 0 … 127."""
    if not 0 <= program <= 127:
        raise ValueError(f"a program lies between 0 and 127; got {program}")
    return next(name for end, name in FAMILIES if program < end)


def out_of_range(notes: Sequence[Note], instrument: str) -> list[Note]:
    """The notes that were never heard from this instrument in training; it plays them, as well as it can."""
    low, high = RANGES.get(instrument, (0, 127))
    return [note for note in notes if not low <= note.pitch <= high]
