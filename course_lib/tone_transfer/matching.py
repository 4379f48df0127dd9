"""Moving what was heard to where an instrument lives: its octave, and its range of loudness."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from course_lib.core.networks import LOUDNESS_FLOOR_DB
from course_lib.core.units import hz_to_midi
from course_lib.tone_transfer.checkpoint import CheckpointError
from course_lib.tone_transfer.data import QUANTILES
from course_lib.tone_transfer.listening import HeardCurves

# A range of loudness is at most halved or doubled, so that a nearly steady one is not blown up.
SCALES = (0.5, 2.0)
MOST_OUTSIDE = 0.2  # share of the notes outside the instrument's range; more is worth a remark
SLACK_SEMITONES = 1.0  # outside begins this far beyond the range


@dataclass(frozen=True)
class Matched:
    """Curves moved to an instrument, and how: a loudness x became loudness_scale · x + loudness_shift_db.

    remarks: what may be wrong with the choice.
    """

    played: HeardCurves
    octave: int
    loudness_scale: float
    loudness_shift_db: float
    remarks: list[str]


def match_to(
    statistics: dict[str, Any] | None, heard: HeardCurves, *, octave: int | None, loudness_shift_db: float, match: bool
) -> Matched:
    """Shift pitch by octaves, and loudness by a straight line, to the median and spread of the instrument.

    Args:
        statistics: of the instrument, from `check_statistics`; None leaves pitch and loudness where they are.
        heard: the recording.
        octave: octaves up; None: those that bring the median pitch nearest to the instrument's.
        loudness_shift_db: dB louder, after matching.
        match: False leaves both where they are, but for what was asked for.

    Returns:
        Matched. Rests lie at the floor of loudness; pitch leads through them as it did.
    """
    remarks = []
    midi, levels = hz_to_midi(heard.f0_hz[heard.sounding]), heard.loudness_db[heard.sounding]
    octaves, scale, shift, ceiling = int(octave or 0), 1.0, 0.0, math.inf
    if match and statistics is None:
        remarks.append("this instrument carries no statistics: pitch and loudness stay as they are")
    if match and statistics is not None:
        if octave is None:
            octaves = round((statistics["median_midi"] - float(midi.median())) / 12.0)
        scale, shift = _loudness_line(levels, statistics["loudness_db"])
        ceiling = statistics["loudness_db"]["99"]
    if statistics is not None:
        remarks += _range_remarks(midi + 12 * octaves, statistics["midi_range"])
    rest = LOUDNESS_FLOOR_DB
    loudness = (scale * heard.loudness_db + shift).clamp(max=ceiling) + loudness_shift_db
    loudness = rest + (loudness.clamp(min=rest) - rest) * heard.gate  # in dB: rests fade away as a note that ends does
    played = replace(heard, f0_hz=heard.f0_hz * 2.0**octaves, loudness_db=loudness)
    return Matched(played, octaves, scale, shift + loudness_shift_db, remarks)


def _loudness_line(levels: Tensor, target: dict[str, float]) -> tuple[float, float]:
    """Scale and shift (dB) that bring the median and the 10 … 90 % range of levels to the instrument's."""
    low, middle, high = (float(np.quantile(levels.numpy(), q)) for q in (0.1, 0.5, 0.9))
    scale = float(np.clip((target["90"] - target["10"]) / max(high - low, 1e-3), *SCALES))
    return scale, target["50"] - scale * middle


def _range_remarks(midi: Tensor, midi_range: tuple[float, float]) -> list[str]:
    lowest, highest = midi_range
    outside = float(((midi < lowest - SLACK_SEMITONES) | (midi > highest + SLACK_SEMITONES)).float().mean())
    if outside <= MOST_OUTSIDE:
        return []
    names = " … ".join(note_name(m) for m in (lowest, highest))
    return [f"{outside:.0%} of the notes lie outside the range of the instrument ({names})"]


def check_statistics(facts: dict[str, Any]) -> dict[str, Any] | None:
    """The statistics that travel with an instrument, None without any; CheckpointError if they cannot be used.

    They may come from a stranger's file, so every number that is needed is looked at.
    """
    statistics: dict[str, Any] | None = facts.get("statistics")
    if statistics is None:
        return None
    try:
        lowest, highest = statistics["midi_range"]
        numbers = [statistics["median_midi"], lowest, highest, *(statistics["loudness_db"][q] for q in QUANTILES)]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("not finite")
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the statistics of this instrument cannot be used ({error}); train it again") from error
    return statistics


def note_name(midi: float) -> str:
    """The name of the nearest note.

    >>> note_name(69.3)
    'A4'
    """
    nearest = round(float(midi))
    return f"{'C C♯ D E♭ E F F♯ G A♭ A B♭ B'.split()[nearest % 12]}{nearest // 12 - 1}"
