"""The controls table: one row a note, in a file that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.midi_ddsp.note_controls import CONTROLS
from course_lib.scores.notes import Note
from course_lib.training.checkpoints import write_atomically

COLUMNS = ("onset_s", "duration_s", "pitch", *CONTROLS)
VOICE = "voice"
MOST_ROWS = 200_000
MOST_LETTERS = 64_000_000
LONGEST_LINE = 10_000
LONGEST_S = 7200.0
# From the floor of −140 dB to a standard deviation of 72 dB: nothing that is measured lies beyond but a wild vibrato.
LOWEST, HIGHEST = -1.0, 3.0
OVERLAP_S = 0.002  # half a frame; onset and duration are rounded apart
RULES = {
    "onset_s": (0.0, LONGEST_S, "seconds, at least 0 and at most two hours"),
    "duration_s": (0.0, LONGEST_S, "seconds, above 0 and at most two hours"),
    "pitch": (0.0, 127.0, "a MIDI note number, 0 to 127"),
    **dict.fromkeys(CONTROLS, (LOWEST, HIGHEST, f"a number between {LOWEST:g} and {HIGHEST:g}; 0 to 1 is usual")),
}

Played = tuple[list[Note], Tensor]


class TableError(ValueError):
    """A controls table that cannot be used; the message names the row and the column."""


class _Line(NamedTuple):
    number: int
    voice: str
    note: Note
    controls: list[float]


def write_controls(path: str | Path, notes: Sequence[Note], controls: Tensor) -> None:
    """Write the notes of one voice and their six controls as CSV.

    A note that the next one interrupts ends there. Controls beyond −1 … 3 are cut to that range.

    Args:
        path: where to; an old file is replaced only once the new one is whole.
        notes: in order of onset.
        controls: (n_notes, 6), columns as in `CONTROLS`.

    Raises:
        ValueError: not as many rows as notes, a control that is not finite, two notes at once.

    Chapter: book/midi_ddsp/inference.ipynb

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_controls(path, [Note(0.0, 0.5, 69)], torch.full((1, 6), 0.5))
    >>> read_controls(path)[1].shape
    torch.Size([1, 6])
    """
    _write(path, COLUMNS, _lines(notes, controls, []))


def write_voices(path: str | Path, voices: Mapping[str, tuple[Sequence[Note], Tensor]]) -> None:
    """Write a score of several voices as CSV: as `write_controls`, with the name of the voice in the last column.

    Args:
        path: where to.
        voices: by name, notes and controls (n_notes, 6). A name is one line without spaces at its ends, "" is none.

    Raises:
        ValueError: as `write_controls`; no voices, or a name that is none.

    Chapter: book/midi_ddsp/chorale.ipynb

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_voices(path, {"alto": ([Note(0.0, 0.5, 69)], torch.full((1, 6), 0.5))})
    >>> list(read_voices(path))
    ['alto']
    """
    if not voices:
        raise ValueError("a controls table needs a voice")
    rows: list[list[str]] = []
    for name, (notes, controls) in voices.items():
        if not name or name != name.strip() or not name.isprintable():
            raise ValueError(f"the name of a voice must be one line, without spaces at its ends; got {name!r}")
        rows += _lines(notes, controls, [name])
    _write(path, (*COLUMNS, VOICE), rows)


def as_written(controls: Tensor) -> Tensor:
    """Controls as they come back from a table: −1 … 3, four decimals."""
    return (controls.double().clamp(LOWEST, HIGHEST) * 1e4).round().div(1e4).float()


def _lines(notes: Sequence[Note], controls: Tensor, tail: list[str]) -> list[list[str]]:
    if tuple(controls.shape) != (len(notes), len(CONTROLS)):
        raise ValueError(f"controls must be ({len(notes)}, {len(CONTROLS)}), a row a note; got {tuple(controls.shape)}")
    if not bool(torch.isfinite(controls).all()):
        raise ValueError("every control must be finite; a note behind the end of the sound has none: leave it out")
    lines = []
    values = controls.clamp(LOWEST, HIGHEST).tolist()
    for number, (note, row) in enumerate(zip(notes, values, strict=True), 1):
        end = notes[number].onset_s if number < len(notes) else math.inf
        duration = min(note.duration_s, end - note.onset_s)
        if round(duration, 4) <= 0:
            raise ValueError(
                f"note {number} at {note.onset_s:g} s needs a duration, and the next note a later onset: a voice plays "
                "one note at a time"
            )
        numbers = f"{note.onset_s:.4f}", f"{duration:.4f}", f"{note.pitch:g}", *(f"{value:.4f}" for value in row)
        lines.append([*numbers, *tail])
    return lines


def _write(path: str | Path, header: Sequence[str], rows: list[list[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_atomically(Path(path), text.getvalue().encode())


def read_controls(path: str | Path) -> Played:
    """Read what `write_controls` wrote, or what a spreadsheet made of it.

    Args:
        path: a CSV file, UTF-8, separated by commas, or by semicolons and then with decimal commas if need be; the
            columns may stand in any order. A column `voice` may be there if it names one voice only.

    Returns:
        Notes in order of onset, and their controls (n_notes, 6).

    Raises:
        TableError: no such file; a column that is missing, there twice or unknown; a cell that is empty, no number or
            out of range; notes that overlap. The message names the row (as a spreadsheet counts, the header being
            row 1) and the column.

    Chapter: book/midi_ddsp/inference.ipynb

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_controls(path, [Note(0.0, 0.5, 69)], torch.full((1, 6), 0.5))
    >>> read_controls(path)[1].shape
    torch.Size([1, 6])
    """
    voices = read_voices(path)
    if len(voices) > 1:
        raise TableError(f"{path} holds {len(voices)} voices ({_some(voices)}); read_voices reads them")
    return next(iter(voices.values()), ([], torch.zeros(0, len(CONTROLS))))


def read_voices(path: str | Path) -> dict[str, Played]:
    """Read a controls table voice by voice.

    Args:
        path: as in `read_controls`. Rows of different voices may stand in any order.

    Returns:
        By name of the voice, in order of first appearance: notes in order of onset, and their controls (n_notes, 6).
        A table without a column `voice` is one voice without a name, ""; a table without rows has no voices.

    Raises:
        TableError: as `read_controls`.

    Chapter: book/midi_ddsp/chorale.ipynb

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_voices(path, {"alto": ([Note(0.0, 0.5, 69)], torch.full((1, 6), 0.5))})
    >>> list(read_voices(path))
    ['alto']
    """
    path = Path(path)
    rows, decimal_comma = _cells(path)
    names = [cell.strip() for cell in rows[0]] if rows else []
    for name in COLUMNS:
        if names.count(name) != 1:
            how = "twice" if name in names else "missing"
            raise TableError(f"{path}: column {name} is {how}; the columns are {', '.join(COLUMNS)}")
    for place, name in enumerate(names):
        if name and name not in (*COLUMNS, VOICE):
            raise TableError(
                f"{path}: column {place + 1}, {_shown(name)}, is one too many; the columns are "
                f"{', '.join(COLUMNS)}, and {VOICE} where there are several"
            )
    if names.count(VOICE) > 1:
        raise TableError(f"{path}: column {VOICE} is twice")
    places = {name: place for place, name in enumerate(names) if name}
    lines = [
        _line(path, number, row, places, decimal_comma)
        for number, row in enumerate(rows[1:], 2)
        if any(map(str.strip, row))
    ]
    voices: dict[str, list[_Line]] = {}
    for line in lines:
        voices.setdefault(line.voice, []).append(line)
    return {name: _voice(path, name, own) for name, own in voices.items()}


def _cells(path: Path) -> tuple[list[list[str]], bool]:
    """All rows, and whether numbers may have commas in them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(MOST_LETTERS + 1)
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not text in UTF-8; save the table as CSV") from error
    if len(text) > MOST_LETTERS:
        raise TableError(f"{path} has more than {MOST_LETTERS // 1_000_000} MB, the most that is read")
    head = text.partition("\n")[0]
    semicolons = head.count(";") > head.count(",")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(_text_lines(path, text), delimiter=";" if semicolons else ","):
            while row and not row[-1].strip():
                row.pop()
            rows.append(row)
            if len(rows) > MOST_ROWS + 1:
                raise TableError(f"{path} has more than {MOST_ROWS} rows, the most that is read")
    except csv.Error as error:
        raise TableError(f"{path} is no CSV file ({error})") from error
    return rows, semicolons


def _text_lines(path: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if len(line) > LONGEST_LINE:  # what is quoted or empty costs memory all the same
            raise TableError(f"{path}: line {number} has more than {LONGEST_LINE} letters; a row has ten cells at most")
        yield line


def _line(path: Path, number: int, row: list[str], places: dict[str, int], decimal_comma: bool) -> _Line:
    def fail(column: str, what: str) -> TableError:
        return TableError(f"{path}, row {number}, column {column}: {what}")

    for place, cell in enumerate(row):
        if cell.strip() and place not in places.values():
            raise fail(str(place + 1), f"{_shown(cell)} stands in a column without a name")
    cells = {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}
    voice = cells.pop(VOICE, "")
    if VOICE in places and not (voice and voice.isprintable()):
        raise fail(VOICE, f"needs a name; got {_shown(voice)}")
    numbers = {}
    for name in COLUMNS:
        cell = cells[name].replace(",", ".") if decimal_comma else cells[name]
        try:
            value = math.nan if "_" in cell else float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise fail(name, f"needs a number; got {_shown(cells[name])}")
        low, high, rule = RULES[name]
        if not low <= value <= high or (name == "duration_s" and value == 0):
            raise fail(name, f"needs {rule}; got {_shown(cells[name])}")
        numbers[name] = value
    note = Note(numbers["onset_s"], numbers["duration_s"], numbers["pitch"])
    if note.end_s > LONGEST_S:
        raise fail("duration_s", f"the note ends at {note.end_s:g} s; the music may last two hours ({LONGEST_S:g} s)")
    return _Line(number, voice, note, [numbers[name] for name in CONTROLS])


def _voice(path: Path, name: str, lines: list[_Line]) -> Played:
    """The notes of a voice in order, where none begins before the one before has ended."""
    lines.sort(key=lambda line: line.note.onset_s)
    for first, second in pairwise(lines):
        overlap = first.note.end_s - second.note.onset_s
        if overlap > OVERLAP_S or first.note.onset_s == second.note.onset_s:
            of = f" such as {_shown(name)}" if name else ""
            raise TableError(
                f"{path}, row {second.number}, column onset_s: the note begins {overlap:.4g} s before that of row "
                f"{first.number} ends, and a voice{of} plays one note at a time; move it, or shorten the other"
            )
    controls = torch.tensor([line.controls for line in lines], dtype=torch.float32)
    return [line.note for line in lines], controls.reshape(len(lines), len(CONTROLS))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def _some(names: Mapping[str, object]) -> str:
    shown = [_shown(name) for name in names]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
