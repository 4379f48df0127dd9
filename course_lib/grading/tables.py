"""The tables of a graded pile, and the marks that a person entered in one of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from course_lib.grading.feedback import feedback_page, file_name
from course_lib.grading.result import Result, Written

COLUMNS = ("student", "assignment", "score", "max_score", "status")
MANUAL = ("student", "assignment", "question", "points", "max_points", "comment", "answer")
TASKS = ("student", "assignment", "test", "points", "max_points", "verdict", "message")


def read_manual(path: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    """The rows of manual.csv by student, assignment and question; none if there is no such file."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        sample = file.readline()
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter=";" if sample.count(";") > sample.count(",") else ","))
    if rows and (lost := [name for name in MANUAL if name not in rows[0]]):
        raise ValueError(f"{path} has no column {', '.join(lost)}")
    return {(r["student"], r["assignment"], r["question"]): r for r in rows}


def apply_marks(marked: dict[tuple[str, str, str], dict[str, str]], result: Result, written: Written) -> None:
    """Carry over what a person wrote into manual.csv, unless the answer has changed since."""
    row = marked.get((_cell(result.student), result.assignment, written.question))
    if row is None or not (row["points"] or "").strip():
        written.comment = (row["comment"] or "") if row else ""
        return
    if (row["answer"] or "").split() != _cell(written.answer).split():
        result.notes.append(f"{written.question} was answered anew since it was marked")
        return
    written.comment = row["comment"] or ""
    try:
        points = float(row["points"].replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= written.max_points:
        result.notes.append(
            f"manual.csv gives {written.question} {row['points']!r} points, not 0 to {written.max_points:g}"
        )
        return
    written.points = points


def _cell(value: Any) -> str:
    """A value as a spreadsheet may hold it: text that begins like a formula is quoted."""
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@", "\t") and not isinstance(value, float) else shown


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Written beside and then moved, so that a stopped run leaves no half a file."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
    part.replace(path)


def write_tables(out: Path, results: Sequence[Result]) -> None:
    """Write manual.csv, tasks.csv, each student's page, and grades.csv last."""
    out.mkdir(parents=True, exist_ok=True)
    manual = [
        (r.student, r.assignment, w.question, "" if w.points is None else w.points, w.max_points, w.comment, w.answer)
        for r in results
        for w in r.written
    ]
    _table(out / "manual.csv", MANUAL, manual)
    tasks = [
        (r.student, r.assignment, o.test, o.points, o.max_points, o.verdict, o.message)
        for r in results
        for o in r.outcomes
    ]
    _table(out / "tasks.csv", TASKS, tasks)
    used: set[str] = set()
    for result in results:
        name = file_name(result, used)
        page = out / "feedback" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(feedback_page(result), encoding="utf-8", errors="backslashreplace")
    rows = [(r.student, r.assignment, *(("", "") if r.problem else (r.score, r.max_score)), r.status) for r in results]
    _table(out / "grades.csv", COLUMNS, rows)
