"""What came back: find each student's notebook in a folder or a ZIP, whatever a learning platform made of its name."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from course_lib.grading.source import Assignment, defined, grade_id, text, visible

LARGEST_NOTEBOOK = 30_000_000
LARGEST_ZIP = 2_000_000_000
IGNORED = ("__MACOSX", ".ipynb_checkpoints", ".git", "__pycache__")
# What platforms put around a name: Moodle's "Ann Bee_123_assignsubmission_file_", Canvas's "beeann_LATE_123_456_".
MOODLE = re.compile(r"^(?P<student>.+?)_\d+_assignsubmission_.*$")
CANVAS = re.compile(r"^(?P<student>[^_]+)_(?:LATE_)?\d+_\d+_(?P<file>.+)$")


@dataclass
class Submission:
    """One student's answer to one assignment. problem: why it cannot be graded; notes: what was unusual."""

    student: str
    assignment: Assignment | None
    name: str
    cells: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""
    notes: list[str] = field(default_factory=list)

    def code(self) -> list[str]:
        return [text(cell) for cell in self.cells if cell["cell_type"] == "code"]


def collect(inbox: Path, assignments: Sequence[Assignment]) -> list[Submission]:
    """Read all submissions into memory, before any of them runs.

    Args:
        inbox: folder or ZIP; STUDENT/ASSIGNMENT/*.ipynb, or what Moodle and Canvas export.
        assignments: those that may have been handed in.

    Returns:
        One submission for each student and assignment, by name; a folder without a notebook is one with a problem.

    Raises:
        ValueError: there is no such folder or ZIP, or it holds nothing.
    """
    if not inbox.exists():
        raise ValueError(f"there is no {inbox}")
    if not inbox.is_dir() and not zipfile.is_zipfile(inbox):
        raise ValueError(f"{inbox} is neither a folder nor a ZIP")
    files = dict(_in_folder(inbox) if inbox.is_dir() else _in_zip(inbox.read_bytes()))
    if not files:
        raise ValueError(f"{inbox} is empty")
    known = {a.name: a for a in assignments}
    groups: dict[tuple[str, str], dict[str, bytes | str]] = {}
    offset = _offset([PurePosixPath(name).parts for name in files], known)
    for name, data in files.items():
        student, rest = _owner(PurePosixPath(name).parts[offset:], name.endswith("/"))
        if not student:
            continue
        for inner, content in _unpacked(rest, data):
            folder = PurePosixPath(inner).parts[0] if len(PurePosixPath(inner).parts) > 1 or inner.endswith("/") else ""
            if folder not in known:
                folder = _guess(inner, content, known)
            groups.setdefault((student, folder), {})[inner] = content
    # A student's other files belong to the one thing that was handed in.
    for student, folder in list(groups):
        if folder or ("", "") == (student, folder):
            continue
        others = [key for key in groups if key[0] == student and key[1]]
        notebooks = any(name.lower().endswith(".ipynb") for name in groups[student, folder])
        if others and not notebooks:
            groups[others[0]] |= groups.pop((student, folder))
    return [
        _chosen(student, known.get(folder), content, known) for (student, folder), content in sorted(groups.items())
    ]


def _in_folder(folder: Path) -> Iterator[tuple[str, bytes | str]]:
    """Names and contents; a string instead of bytes says why a file was not read. Empty folders end in a slash."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part in IGNORED or part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.is_symlink():
            yield name, "is a link to another file"
        elif path.is_dir():
            if not any(path.iterdir()):
                yield f"{name}/", ""
        elif path.suffix.lower() in (".ipynb", ".zip"):
            try:
                large = path.stat().st_size > (LARGEST_NOTEBOOK if path.suffix.lower() == ".ipynb" else LARGEST_ZIP)
                yield name, "is larger than 30 MB" if large else path.read_bytes()
            except OSError as error:
                yield name, f"cannot be read: {error.strerror}"
        elif path.is_file():
            yield name, ""


def _in_zip(data: bytes) -> Iterator[tuple[str, bytes | str]]:
    total = 0
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for entry in archive.infolist():
            # A name is only a label here: nothing is written under it.
            parts = [part for part in entry.filename.replace("\\", "/").split("/") if part not in ("", ".", "..")]
            if not parts or any(part in IGNORED or part.startswith(".") for part in parts):
                continue
            name = "/".join(parts)
            if entry.is_dir():
                yield f"{name}/", ""
            elif not name.lower().endswith((".ipynb", ".zip")):
                yield name, ""
            elif entry.file_size > LARGEST_NOTEBOOK or (total := total + entry.file_size) > LARGEST_ZIP:
                yield name, "is larger than 30 MB"
            else:
                try:
                    with archive.open(entry) as file:
                        content = file.read(LARGEST_NOTEBOOK + 1)
                    yield name, content if len(content) <= LARGEST_NOTEBOOK else "is larger than 30 MB"
                except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError) as error:
                    yield name, f"cannot be unpacked: {error}"


def _unpacked(name: str, data: bytes | str) -> Iterator[tuple[str, bytes | str]]:
    """A file, or what is in it if a student handed in a ZIP."""
    if not name.lower().endswith(".zip") or isinstance(data, str):
        yield name, data
        return
    try:
        inner = [(n, d) for n, d in _in_zip(data) if not n.endswith("/")]
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        yield name, f"is no ZIP: {error}"
        return
    notebooks = [(n, d) for n, d in inner if n.lower().endswith(".ipynb")]
    if notebooks:
        parent = PurePosixPath(name).parent.as_posix()
        yield from ((f"{parent}/{n}" if parent != "." else n, d) for n, d in notebooks)
    else:
        yield name, "holds no notebook"


def _offset(paths: list[tuple[str, ...]], known: dict[str, Assignment]) -> int:
    """How many folders stand around those of the students: one where a ZIP packs a folder."""
    votes = [sum(len(p) > i + 1 and p[i + 1] in known for p in paths) for i in range(3)]
    if max(votes):
        return votes.index(max(votes))
    first = {p[0] for p in paths}
    deep = [p for p in paths if len(p) > 2]
    return 1 if len(first) == 1 and len(deep) > len(paths) / 2 and not MOODLE.match(paths[0][0]) else 0


def _owner(parts: tuple[str, ...], is_folder: bool) -> tuple[str, str]:
    """Student and the rest of the path, which ends in a slash for an empty folder."""
    if not parts:
        return "", ""
    if len(parts) == 1 and not is_folder:
        found = CANVAS.match(parts[0])
        return (found["student"], found["file"]) if found else (PurePosixPath(parts[0]).stem, parts[0])
    found = MOODLE.match(parts[0])
    return (found["student"] if found else parts[0]), "/".join(parts[1:]) + "/" * is_folder


def read_cells(data: bytes | str) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """Cells and metadata of a notebook, or why it is none. Nothing is validated that grading does not need."""
    if isinstance(data, str):
        return [], {}, data or "is no notebook"
    if not data.strip():
        return [], {}, "is empty"
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        return [], {}, f"is not a notebook: {str(error)[:120]}"
    if not isinstance(notebook, dict):
        return [], {}, "is not a notebook: it holds no cells"
    if "worksheets" in notebook:
        import nbformat

        try:
            notebook = json.loads(nbformat.writes(nbformat.reads(json.dumps(notebook), as_version=4)))
        except Exception as error:
            return [], {}, f"is a notebook of an old format that cannot be read: {str(error)[:120]}"
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        return [], {}, "is not a notebook: it holds no cells"
    kept = []
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            continue
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if isinstance(source, str):
            metadata = cell["metadata"] if isinstance(cell.get("metadata"), dict) else {}
            kept.append({"cell_type": cell["cell_type"], "source": source, "metadata": metadata})
    if not kept:
        return [], {}, "holds no cells"
    metadata = notebook["metadata"] if isinstance(notebook.get("metadata"), dict) else {}
    return kept, metadata, ""


def likeness(cells: list[dict[str, Any]], assignment: Assignment) -> int:
    """How many of an assignment's names and cells a notebook has."""
    ids = {grade_id(cell) for cell in cells} - {""}
    names = {name for cell in cells if cell["cell_type"] == "code" for name in defined(text(cell))}
    expected = {q.id for q in assignment.questions} | {t.id for t in assignment.tests} | set(assignment.names.values())
    return 2 * len(names & set(assignment.names)) + len(ids & expected)


def _guess(name: str, data: bytes | str, known: dict[str, Assignment]) -> str:
    """Which assignment a notebook answers: by its metadata, its name, or what it defines."""
    if not name.lower().endswith(".ipynb"):
        return ""
    cells, metadata, problem = read_cells(data)
    named = metadata.get("course", {}).get("assignment") if isinstance(metadata.get("course"), dict) else None
    if named in known:
        return str(named)
    scores = {key: likeness(cells, a) for key, a in known.items()} if not problem else {}
    if scores and max(scores.values()) > 0:
        return max(scores, key=lambda key: scores[key])
    in_name = [key for key in known if key in name.lower().replace("-", "_").replace(" ", "_")]
    return in_name[0] if in_name else next(iter(known)) if len(known) == 1 else ""


def _chosen(
    student: str, assignment: Assignment | None, files: dict[str, bytes | str], known: dict[str, Assignment]
) -> Submission:
    """The notebook that counts among a student's files for one assignment."""
    notebooks = {name: data for name, data in files.items() if name.lower().endswith(".ipynb")}
    if not notebooks:
        reasons = [f"{name} {data}" for name, data in files.items() if isinstance(data, str) and data]
        others = ", ".join(PurePosixPath(name).name for name in files if name.strip("/") and not name.endswith("/"))
        why = "; ".join(reasons) or ("no notebook" + (f", only {others[:200]}" if others else ""))
        return Submission(student, assignment, "", problem=why)
    read = {name: read_cells(data) for name, data in notebooks.items()}
    good = {name: cells for name, (cells, _, problem) in read.items() if not problem}
    if not good:
        name = next(iter(notebooks))
        problems = "; ".join(f"{PurePosixPath(n).name} {problem}" for n, (_, _, problem) in read.items())
        return Submission(student, assignment, name, problem=problems)
    if assignment is None:
        names = ", ".join(PurePosixPath(name).name for name in good)
        return Submission(student, None, names, problem=f"{names} answers none of {', '.join(known)}")
    exact = f"{assignment.name}.ipynb"
    released = {visible(text(c)).strip() for c in assignment.notebook["cells"] if c["cell_type"] == "code"}

    def rank(name: str) -> tuple[int, int, bool, str]:
        cells = good[name]
        own = sum(c["cell_type"] == "code" and c["source"].strip() not in released for c in cells)
        return likeness(cells, assignment), own, PurePosixPath(name).name == exact, name

    name = max(good, key=rank)
    submission = Submission(student, assignment, name, good[name])
    if PurePosixPath(name).name != exact:
        submission.notes.append(f"found as {PurePosixPath(name).name}")
    if len(notebooks) > 1:
        others = ", ".join(PurePosixPath(other).name for other in notebooks if other != name)
        submission.notes.append(f"{len(notebooks)} notebooks, graded {PurePosixPath(name).name}, not {others}")
    return submission
