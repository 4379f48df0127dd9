"""What has been answered so far: kept in the running notebook, saved to a small file only when you ask for it."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.exercises.base import MARKS, Exercise, Status

FORMAT, VERSION = "course-progress", 1
MOST_BYTES, MOST_TRIES = 1_000_000, 1_000_000
_STATUSES: tuple[Status, ...] = ("not attempted", "wrong", "right")  # from worst to best


@dataclass
class _Entry:
    status: Status = "not attempted"
    tries: int = 0


_entries: dict[str, _Entry] = {}


def remember(exercise_id: str, status: Status) -> None:
    """Note the verdict of one check; what was right once stays right, and an untouched stub is no try."""
    entry = _entries.setdefault(exercise_id, _Entry())
    entry.status = max(entry.status, status, key=_STATUSES.index)
    entry.tries += status != "not attempted"


def progress(chapter: str | None = None) -> None:
    """Print which exercises are right so far, one line each: ✓ right, ✗ not right yet, ○ not attempted; and the tries.

    It counts the checks of this notebook since its kernel started, and what `load_progress` brought along. The
    questions of "Check yourself" do not count.

    Args:
        chapter: the chapter's short name, such as "gain"; left out: all chapters in which something was checked.

    Raises:
        ValueError: no chapter of that name has exercises.

    Chapter: book/first_steps/gain.ipynb
    """
    by_chapter = _by_chapter()
    if chapter is None:
        chosen = [c for c, items in by_chapter.items() if any(item.id in _entries for item in items)]
        if not chosen:
            print("Nothing has been checked yet.")
    elif chapter in by_chapter:
        chosen = [chapter]
    else:
        near = difflib.get_close_matches(str(chapter), by_chapter, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(by_chapter)}"
        raise ValueError(f"no chapter {chapter!r} has exercises; {hint}")
    for name in chosen:
        rows = [(item.id, _entries.get(item.id, _Entry())) for item in by_chapter[name]]
        width = max(len(identifier) for identifier, _ in rows)
        print(f"{name}: {sum(entry.status == 'right' for _, entry in rows)} of {len(rows)} right")
        for identifier, entry in rows:
            tries = "1 try" if entry.tries == 1 else f"{entry.tries} tries"
            print(f"  {identifier:<{width}}  {MARKS[entry.status]} {entry.status:<13}  {tries}")


def save_progress(path: str | Path) -> None:
    """Write what has been checked to a small JSON file: chapter, exercise, status and tries, and nothing about you.

    A progress file that is there already is added to; any other file is left alone.

    Args:
        path: where to, such as "progress.json".

    Raises:
        ValueError: the path holds something else, or cannot be written.

    Chapter: book/first_steps/gain.ipynb
    """
    path = Path(path)
    merged = {key: _Entry(entry.status, entry.tries) for key, entry in _entries.items()}
    if path.exists():
        _merge(merged, _read(path, "nothing was written"))
    rows = [
        {"chapter": key.rpartition("-")[0], "exercise": key, "status": entry.status, "tries": entry.tries}
        for key, entry in sorted(merged.items())
    ]
    content = {"format": FORMAT, "version": VERSION, "exercises": rows}
    try:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error
    print(f"{path.name}: {_summary(merged)}")


def load_progress(path: str | Path) -> None:
    """Read a file of `save_progress` and add it to what this notebook knows: the better status, the more tries.

    Args:
        path: the file.

    Raises:
        ValueError: it cannot be read or is no progress file; then nothing has changed.

    Chapter: book/first_steps/gain.ipynb
    """
    path = Path(path)
    loaded = _read(path, "nothing was loaded")
    known = {item.id for items in _by_chapter().values() for item in items}
    _merge(_entries, {key: entry for key, entry in loaded.items() if key in known})
    print(f"{path.name}: {_summary(loaded)}")
    if unknown := sorted(set(loaded) - known):
        print(f"  left out, since this version of the course has no such exercises: {', '.join(unknown[:5])}")


def _by_chapter() -> dict[str, list[Exercise]]:
    from course_lib.exercises import all_exercises

    found: dict[str, list[Exercise]] = {}
    for _, item in sorted(all_exercises().items()):
        found.setdefault(item.chapter, []).append(item)
    return found


def _merge(into: dict[str, _Entry], more: dict[str, _Entry]) -> None:
    for key, entry in more.items():
        mine = into.setdefault(key, _Entry())
        mine.status = max(mine.status, entry.status, key=_STATUSES.index)
        mine.tries = max(mine.tries, entry.tries)


def _summary(entries: dict[str, _Entry]) -> str:
    right = sum(entry.status == "right" for entry in entries.values())
    return f"{len(entries)} {'exercise' if len(entries) == 1 else 'exercises'}, {right} right"


def _read(path: Path, consequence: str) -> dict[str, _Entry]:
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
            raise ValueError(f"its version is {content.get('version')!r:.20}, and this is version {VERSION}")
        if not isinstance(content.get("exercises"), list):
            raise ValueError('its "exercises" are no list')
        return dict(_entry(row) for row in content["exercises"])
    except (ValueError, RecursionError) as error:
        said = str(error) if type(error) is ValueError else "it is no JSON text"
        raise ValueError(f"{path} is no progress file: {said}; {consequence}") from error


def _entry(row: Any) -> tuple[str, _Entry]:
    row = row if isinstance(row, dict) else {}
    name, status, tries = row.get("exercise"), row.get("status"), row.get("tries")
    if not (isinstance(name, str) and name.strip() and len(name) <= 100):
        raise ValueError(f"an exercise is called {name!r:.40}")
    if status not in _STATUSES:
        raise ValueError(f"the status of {name} is {status!r:.40}, not one of {', '.join(_STATUSES)}")
    if not isinstance(tries, int) or isinstance(tries, bool) or not 0 <= tries <= MOST_TRIES:
        raise ValueError(f"the tries of {name} are {tries!r:.40}")
    return name, _Entry(status, tries)
