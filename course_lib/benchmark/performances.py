"""The performances that the MIDI-DDSP benchmarks measure: the folder, its parts, and what is heard in them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from course_lib.midi_ddsp.data import load_performances
from course_lib.midi_ddsp.training.annotations import Annotated, annotate
from course_lib.sounds.clips import data_path

PARTS = ("test", "held_out")  # what no network was trained on


def shipped_performances() -> Path:
    """The folder of excerpts that come with the course."""
    return data_path("inference.json").parent / "midi_ddsp" / "performances"


def check_performances(parser: argparse.ArgumentParser, folder: Path) -> None:
    """End the command if the folder holds no performances."""
    if not any(folder.glob("*/performances.json")):
        parser.error(f"{folder} holds no performances: `python tools/perform_tunes.py` makes them")


def load_annotated(folder: Path, parts: Iterable[str], work: Path | None = None) -> list[Annotated]:
    """Performances of these parts with their controls and expression, read off by the inference network.

    Args:
        folder: as tools/perform_tunes.py writes it.
        parts: of the split, such as `PARTS`.
        work: a folder that keeps the annotations for the next run.
    """
    wanted = list(parts)
    performances = load_performances(folder, parts=wanted)
    return annotate([p for part in wanted for p in performances[part]], cache=work and work / "annotations")
