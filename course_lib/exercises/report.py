"""Progress as a student sees it: printed, and copied to and from files of your own."""

from __future__ import annotations

import difflib
from pathlib import Path

from course_lib.exercises.base import Exercise
from course_lib.exercises.record import Entry, entries, merge, read_record, write_record
from course_lib.exercises.registry import all_exercises
from course_lib.exercises.store import place, recall, share
from course_lib.exercises.verdict import MARKS


def progress(chapter: str | None = None) -> None:
    """Print which exercises are right so far, one line each: ✓ right, ✗ not right yet, ○ not attempted; and the tries.

    It counts the checks of all notebooks on this machine, which are kept in `.ddsp-course/progress.json` in your home
    folder, after a restart as well; the last line says where. The environment variable COURSE_PROGRESS_FILE names
    another file, and COURSE_PROGRESS=0 keeps none: then only this notebook counts, since its kernel started, and what
    `load_progress` brought along. The questions of "Check yourself" do not count.

    Args:
        chapter: the chapter's short name, such as "gain"; left out: all chapters in which something was checked.

    Raises:
        ValueError: no chapter of that name has exercises.

    Chapter: book/first_steps/gain.ipynb

    >>> progress("gain")  # doctest: +ELLIPSIS
    gain: ... of 2 right
    ...
    """
    remark, path = recall(), place()
    for line in progress_lines(chapter, entries):
        print(line)
    if remark:
        print(remark)
    elif path is not None and path.exists():
        print(f"(kept in {path})")


def progress_lines(chapter: str | None, record: dict[str, Entry]) -> list[str]:
    """What `progress` prints of some entries, line by line."""
    by_chapter = _by_chapter()
    if chapter is None:
        chosen = [c for c, items in by_chapter.items() if any(item.id in record for item in items)]
        if not chosen:
            return ["Nothing has been checked yet."]
    elif chapter in by_chapter:
        chosen = [chapter]
    else:
        near = difflib.get_close_matches(str(chapter), by_chapter, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(by_chapter)}"
        raise ValueError(f"no chapter {chapter!r} has exercises; {hint}")
    lines = []
    for name in chosen:
        rows = [(item.id, record.get(item.id, Entry())) for item in by_chapter[name]]
        width = max(len(identifier) for identifier, _ in rows)
        lines.append(f"{name}: {sum(entry.status == 'right' for _, entry in rows)} of {len(rows)} right")
        for identifier, entry in rows:
            tries = "1 try" if entry.tries == 1 else f"{entry.tries} tries"
            lines.append(f"  {identifier:<{width}}  {MARKS[entry.status]} {entry.status:<13}  {tries}")
    return lines


def save_progress(path: str | Path) -> None:
    """Write what has been checked to a small JSON file: chapter, exercise, status and tries, and nothing about you.

    Progress is kept by itself (see `progress`); this is a copy to take along. A progress file that is there already is
    added to; any other file is left alone.

    Args:
        path: where to, such as "progress.json".

    Raises:
        ValueError: the path holds something else, or cannot be written.

    Chapter: book/first_steps/gain.ipynb

    >>> import tempfile
    >>> save_progress(Path(tempfile.mkdtemp()) / "progress.json")  # doctest: +ELLIPSIS
    progress.json: ... right
    """
    path = Path(path)
    recall()
    merged = {key: Entry(entry.status, entry.tries) for key, entry in entries.items()}
    if path.exists():
        merge(merged, read_record(path, "nothing was written"))
    write_record(path, merged)
    print(f"{path.name}: {_summary(merged)}")


def load_progress(path: str | Path) -> None:
    """Read a file of `save_progress` and add it to what is known: the better status, the more tries.

    Args:
        path: the file.

    Raises:
        ValueError: it cannot be read or is no progress file; then nothing has changed.

    Chapter: book/first_steps/gain.ipynb

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "progress.json"
    >>> save_progress(path)  # doctest: +ELLIPSIS
    progress.json: ... right
    >>> load_progress(path)  # doctest: +ELLIPSIS
    progress.json: ... right
    """
    path = Path(path)
    loaded = read_record(path, "nothing was loaded")
    known = {item.id for items in _by_chapter().values() for item in items}
    recall()
    merge(entries, {key: entry for key, entry in loaded.items() if key in known})
    remark = share()
    print(f"{path.name}: {_summary(loaded)}")
    if unknown := sorted(set(loaded) - known):
        print(f"  left out, since this version of the course has no such exercises: {', '.join(unknown[:5])}")
    if remark:
        print(remark)


def _by_chapter() -> dict[str, list[Exercise]]:
    found: dict[str, list[Exercise]] = {}
    for _, item in sorted(all_exercises().items()):
        found.setdefault(item.chapter, []).append(item)
    return found


def _summary(record: dict[str, Entry]) -> str:
    right = sum(entry.status == "right" for entry in record.values())
    return f"{len(record)} {'exercise' if len(record) == 1 else 'exercises'}, {right} right"
