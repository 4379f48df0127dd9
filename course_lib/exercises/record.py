"""What has been answered so far: the entries of the running notebook, and files that hold such entries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.exercises.verdict import STATUSES, Status

FORMAT, VERSION = "course-progress", 1
MOST_BYTES, MOST_TRIES = 1_000_000, 1_000_000


@dataclass
class Entry:
    """One exercise: the best verdict so far, and how many answers were judged."""

    status: Status = "not attempted"
    tries: int = 0


entries: dict[str, Entry] = {}  # of this notebook, by the exercise's id


class OtherVersionError(ValueError):
    """Raised by `read_record`: a progress file, but of another version of its format."""


def note(record: dict[str, Entry], exercise_id: str, status: Status) -> None:
    """Note the verdict of one check; what was right once stays right, and an untouched stub is no try."""
    entry = record.setdefault(exercise_id, Entry())
    entry.status = max(entry.status, status, key=STATUSES.index)
    entry.tries += status != "not attempted"


def merge(into: dict[str, Entry], more: dict[str, Entry]) -> None:
    """Add entries to others: the better status, the more tries."""
    for key, entry in more.items():
        mine = into.setdefault(key, Entry())
        mine.status = max(mine.status, entry.status, key=STATUSES.index)
        mine.tries = max(mine.tries, entry.tries)


def read_record(path: Path, consequence: str) -> dict[str, Entry]:
    """The entries of a progress file, or one ValueError that says what is wrong with it."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}; {consequence}") from error
    try:
        if len(data) > MOST_BYTES:
            raise ValueError("it is far too large")
        content = json.loads(data.decode("utf-8-sig"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f'it does not say "format": "{FORMAT}"')
        if content.get("version") != VERSION:
            raise OtherVersionError(f"its version is {content.get('version')!r:.20}, and this is version {VERSION}")
        if not isinstance(content.get("exercises"), list):
            raise ValueError('its "exercises" are no list')
        return dict(_entry(row) for row in content["exercises"])
    except (ValueError, RecursionError) as error:
        said = str(error) if type(error) in (ValueError, OtherVersionError) else "it is no JSON text"
        kind = OtherVersionError if isinstance(error, OtherVersionError) else ValueError
        raise kind(f"{path} is no progress file: {said}; {consequence}") from error


def write_record(path: Path, record: dict[str, Entry]) -> None:
    """Write entries as JSON, or raise one ValueError that says why it cannot be done."""
    rows = [
        {"chapter": key.rpartition("-")[0], "exercise": key, "status": entry.status, "tries": entry.tries}
        for key, entry in sorted(record.items())
    ]
    content = {"format": FORMAT, "version": VERSION, "exercises": rows}
    try:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error


def _entry(row: Any) -> tuple[str, Entry]:
    row = row if isinstance(row, dict) else {}
    name, status, tries = row.get("exercise"), row.get("status"), row.get("tries")
    if not (isinstance(name, str) and name.strip() and len(name) <= 100):
        raise ValueError(f"an exercise is called {name!r:.40}")
    if status not in STATUSES:
        raise ValueError(f"the status of {name} is {status!r:.40}, not one of {', '.join(STATUSES)}")
    if not isinstance(tries, int) or isinstance(tries, bool) or not 0 <= tries <= MOST_TRIES:
        raise ValueError(f"the tries of {name} are {tries!r:.40}")
    return name, Entry(status, tries)
