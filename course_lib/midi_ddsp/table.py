"""The controls table: one row a note, in a file that a spreadsheet opens."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from course_lib.checkpoints import write_atomically
from course_lib.midi_ddsp.expression import CONTROLS
from course_lib.scores.notes import Note, check_notes

COLUMNS = ("onset_s", "duration_s", "pitch", *CONTROLS)
MOST_ROWS = 200_000


class TableError(ValueError):
    """A controls table that cannot be used; the message names the row and the column."""


def write_controls(path: str | Path, notes: Sequence[Note], controls: Tensor) -> None:
    """Write notes and their six controls as CSV.

    Args:
        path: where to; an old file is replaced only once the new one is whole.
        notes: in order of onset.
        controls: (n_notes, 6), columns as in `CONTROLS`.

    Raises:
        ValueError: not as many rows as notes, or a control that is not finite.

    Chapter: book/midi_ddsp/inference.ipynb
    """
    if tuple(controls.shape) != (len(notes), len(CONTROLS)):
        raise ValueError(f"controls must be ({len(notes)}, {len(CONTROLS)}), a row a note; got {tuple(controls.shape)}")
    if not bool(torch.isfinite(controls).all()):
        raise ValueError("every control must be finite; a note behind the end of the sound has none: leave it out")
    lines = [",".join(COLUMNS)]
    for note, row in zip(notes, controls.tolist(), strict=True):
        head = f"{note.onset_s:.4f},{note.duration_s:.4f},{note.pitch:g}"
        lines.append(",".join([head, *(f"{value:.4f}" for value in row)]))
    write_atomically(Path(path), ("\n".join(lines) + "\n").encode())


def read_controls(path: str | Path) -> tuple[list[Note], Tensor]:
    """Read what `write_controls` wrote, or what a spreadsheet made of it.

    Args:
        path: a CSV file, UTF-8, separated by commas or semicolons; the columns may stand in any order.

    Returns:
        Notes in order of onset, and their controls (n_notes, 6).

    Raises:
        TableError: no such file, a column missing or there twice, a cell that is no number, a note that is none. The
            message names the row (as a spreadsheet counts, the header being row 1) and the column.

    Chapter: book/midi_ddsp/inference.ipynb
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(64 * MOST_ROWS * len(COLUMNS))
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not text in UTF-8; save the table as CSV") from error
    head = text.partition("\n")[0]
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=";" if head.count(";") > head.count(",") else ","))
    except csv.Error as error:
        raise TableError(f"{path} is no CSV file ({error})") from error
    names = [cell.strip() for cell in rows[0]] if rows else []
    for name in COLUMNS:
        if names.count(name) != 1:
            how = "twice" if name in names else "missing"
            raise TableError(f"{path}: column {name} is {how}; the columns are {', '.join(COLUMNS)}")
    if len(rows) > MOST_ROWS:
        raise TableError(f"{path} has {len(rows)} rows; at most {MOST_ROWS} are read")
    places = [names.index(name) for name in COLUMNS]
    found = [_row(path, number, row, places) for number, row in enumerate(rows[1:], 2) if any(map(str.strip, row))]
    found.sort(key=lambda item: item[0].onset_s)
    controls = torch.tensor([values for _, values in found], dtype=torch.float32)
    return [note for note, _ in found], controls.reshape(len(found), len(CONTROLS))


def _row(path: Path, number: int, row: list[str], places: list[int]) -> tuple[Note, list[float]]:
    values = []
    for name, place in zip(COLUMNS, places, strict=True):
        cell = row[place].strip() if place < len(row) else ""
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise TableError(f"{path}, row {number}, column {name}: needs a number; got {cell!r}")
        values.append(value)
    try:
        note = check_notes([Note(values[0], values[1], values[2])])[0]
    except ValueError as error:
        raise TableError(f"{path}, row {number}: {str(error).removeprefix('note 1 ')}") from error
    return note, values[3:]
