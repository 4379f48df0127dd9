"""Performances: recordings of one instrument with their notes, and where they were drawn, their expression."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from course_lib.analysis.recordings import read_recording
from course_lib.midi_ddsp.table import read_controls
from course_lib.scores.notes import Note

PARTS = ("train", "validation", "test", "held_out")


@dataclass(frozen=True)
class Performance:
    """One recording of one instrument.

    audio: (n_samples,), 16 kHz. f0_hz and loudness_db: (n_frames,), 250 a second; f0 0 where nothing is known.
    notes: in order of onset. drawn: (n_notes, 6), the expression the player drew (0 … 1), None where nobody knows it.
    """

    name: str
    instrument: str
    audio: Tensor
    f0_hz: Tensor
    loudness_db: Tensor
    notes: list[Note]
    drawn: Tensor | None = None


def load_performances(
    folder: str | Path, instruments: Sequence[str] | None = None, parts: Sequence[str] = PARTS
) -> dict[str, list[Performance]]:
    """Read what `tools/perform_tunes.py` wrote: one folder an instrument, split by tune.

    Args:
        folder: holds a folder for each instrument, in it performances.json, and NAME.flac, NAME.csv, NAME.f0.npy.
        instruments: which of them; all by default.
        parts: of the split.

    Returns:
        {part: performances}, in a fixed order.

    Raises:
        ValueError: no such folder or instrument, a recording, its notes or its pitch missing or broken.

    Chapter: book/midi_ddsp/inference.ipynb
    """
    root = Path(folder)
    known = sorted(path.parent.name for path in root.glob("*/performances.json"))
    wanted = known if instruments is None else list(instruments)
    unknown = [name for name in wanted if name not in known]
    if not known or unknown:
        what = f"no performances of {', '.join(unknown)}" if unknown else "no performances"
        raise ValueError(f"there are {what} in {root}; it has {', '.join(known) or 'none'}. See tools/perform_tunes.py")
    found: dict[str, list[Performance]] = {part: [] for part in parts}
    for name in wanted:
        split = json.loads((root / name / "performances.json").read_text(encoding="utf-8"))["split"]
        for part in parts:
            found[part] += [_read(root / name / f"{stem}.flac", name) for stem in split.get(part, [])]
    return found


def _read(path: Path, instrument: str) -> Performance:
    for needed in (path, path.with_suffix(".csv"), path.with_name(f"{path.stem}.f0.npy")):
        if not needed.is_file():
            raise ValueError(f"performances.json names {path.stem}, but there is no {needed}")
    recording = read_recording(path, sample_rate=16_000, frame_rate=250)
    notes, drawn = read_controls(path.with_suffix(".csv"))
    return Performance(path.stem, instrument, recording.audio, recording.f0_hz, recording.loudness_db, notes, drawn)
