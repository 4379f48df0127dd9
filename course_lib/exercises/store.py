"""Keeps progress by itself: after each check, in one small file for all notebooks of a user.

The file is `.ddsp-course/progress.json` in the home folder, or what COURSE_PROGRESS_FILE names; COURSE_PROGRESS=0 keeps
none. It is read at every check, so that a restarted kernel goes on where the last one stopped. Notebooks that run at
once take turns at it and add to what the others wrote. Where nothing can be written, progress lives as long as the
kernel does, and that is said once.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from course_lib.exercises.record import (
    Entry,
    OtherVersionError,
    entries,
    merge,
    note,
    read_record,
    write_record,
)
from course_lib.exercises.verdict import Status

PATIENCE_S = 2.0  # a turn takes some thousandths of a second
FOLDER = ".ddsp-course"
UNTIL = 'It lasts until the kernel restarts; save_progress("progress.json") writes it where you like.'
COLAB = (
    "(Progress outlives a restart of the kernel, but not this Colab machine: take it along with "
    'save_progress("progress.json"), or let COURSE_PROGRESS_FILE name a file on your Drive.)'
)


class _Session:
    """Of this kernel: the file that was read, one that cannot be used, and whether a remark was made."""

    known: Path | None = None
    unusable: Path | None = None
    told: bool = False


def place() -> Path | None:
    """The file in which progress is kept; None where it is switched off or has no place."""
    if os.environ.get("COURSE_PROGRESS") == "0":
        return None
    if named := os.environ.get("COURSE_PROGRESS_FILE"):
        return Path(named).expanduser()
    try:
        return Path.home() / FOLDER / "progress.json"
    except RuntimeError:  # no home
        return None


def keep(exercise_id: str, status: Status) -> str:
    """Note the verdict of one check, here and in the file; returns a remark to print, most often an empty one."""
    note(entries, exercise_id, status)
    if status == "not attempted":
        return "" if place() == _Session.known else recall()
    return _exchange(exercise_id, status)


def recall() -> str:
    """Add what the file holds to the entries; returns a remark to print."""
    path = place()
    return "" if path is None or not path.exists() else _exchange(write=False)


def share() -> str:
    """Write the entries to the file after they have grown by other means; returns a remark to print."""
    return _exchange()


def _exchange(exercise_id: str = "", status: Status = "not attempted", *, write: bool = True) -> str:
    """Add what the file holds to the entries, and write both together; after a check, with its verdict."""
    path = place()
    if path is None or path == _Session.unusable:
        return ""
    try:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        with _turn(path):
            stored, remark = _stored(path)
            if exercise_id:
                note(stored, exercise_id, status)
            merge(stored, entries)
            if write:
                _write(path, stored)
            merge(entries, stored)
    except (OSError, ValueError) as error:
        _Session.unusable = path
        cause = error if isinstance(error, OSError) else error.__cause__
        said = f"cannot use {path}: {cause.strerror or cause}" if isinstance(cause, OSError) else str(error)
        return _once(f"(Progress is not kept in a file: {said}. {UNTIL})")
    _Session.known = path
    if not remark and write and _in_colab() and "COURSE_PROGRESS_FILE" not in os.environ:
        return _once(COLAB)
    return remark


def _stored(path: Path) -> tuple[dict[str, Entry], str]:
    """The entries of the file, if there is one; a broken one in the course's own folder is set aside, with a remark."""
    if not path.exists():
        return {}, ""
    try:
        return read_record(path, "it is left as it is"), ""
    except OtherVersionError:
        raise
    except ValueError as error:
        if isinstance(error.__cause__, OSError) or path.parent.name != FOLDER:
            raise
    aside = path.with_name(f"{path.stem}-unreadable-{time.time_ns()}{path.suffix}")
    os.replace(path, aside)
    return {}, f"(Progress starts anew: what was in {path} could not be read and is now {aside.name}.)"


def _write(path: Path, record: dict[str, Entry]) -> None:
    """Write a file whole or not at all: a reader meets the old one or the new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_record(fresh, record)
        os.replace(fresh, path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _once(remark: str) -> str:
    if _Session.told:
        return ""
    _Session.told = True
    return remark


def _in_colab() -> bool:
    return "google.colab" in sys.modules


@contextlib.contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other notebook is at the file; after a while, or where files cannot be locked, go on without."""
    try:
        file = path.with_name(f".{path.name}.lock").open("a+b")
    except OSError:
        yield  # nothing can be written here, which the writing will say
        return
    with file:
        until = time.monotonic() + PATIENCE_S
        while not (locked := _lock(file)) and time.monotonic() < until:
            time.sleep(0.01)
        try:
            yield
        finally:
            if locked:
                _unlock(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[Any]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[Any]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    try:
        import fcntl
    except ImportError:  # in a browser's Python
        fcntl = None  # type: ignore[assignment]

    def _lock(file: IO[Any]) -> bool:
        try:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def _unlock(file: IO[Any]) -> None:
        with contextlib.suppress(OSError):
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_UN)
