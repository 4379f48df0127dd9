"""Grade a pile of notebooks: every submission gets a row, and only the source's tests give marks."""

from __future__ import annotations

import ast
import csv
import os
import re
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_lib.grading.collect import Submission, collect
from course_lib.grading.sandbox import Answers, Failed, Limits, NotAttempted, Stopped
from course_lib.grading.source import (
    HERE,
    WRITTEN_STUB,
    Assignment,
    Test,
    defined,
    facts,
    grade_id,
    graded,
    load_assignments,
    text,
    visible,
)

COLUMNS = ("student", "assignment", "score", "max_score", "status")
MANUAL = ("student", "assignment", "question", "points", "max_points", "comment", "answer")
TASKS = ("student", "assignment", "test", "points", "max_points", "verdict", "message")


@dataclass(frozen=True)
class Outcome:
    """What one cell of tests said. verdict: "right", "wrong" or "not attempted"."""

    test: str
    points: float
    max_points: float
    verdict: str
    message: str


@dataclass
class Written:
    """One answer in prose: its text, and the points a person gave, if any has."""

    question: str
    max_points: float
    answer: str
    points: float | None = None
    comment: str = ""


@dataclass
class Result:
    """All about one submission. score and max_score count what has been marked: tests, and prose if it was."""

    student: str
    assignment: str
    submission: Submission
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def score(self) -> float:
        return sum(o.points for o in self.outcomes) + sum(w.points for w in self.written if w.points is not None)

    @property
    def max_score(self) -> float:
        return sum(o.max_points for o in self.outcomes) + sum(
            w.max_points for w in self.written if w.points is not None
        )

    @property
    def status(self) -> str:
        if self.problem:
            return f"not graded: {self.problem}"
        waiting = [w for w in self.written if w.points is None]
        left = [f"{len(waiting)} written answer{'s' * (len(waiting) > 1)} for a person to mark"] if waiting else []
        return "; ".join(["graded", *self.notes, *left])


def grade(
    inbox: Path,
    out: Path,
    names: list[str] | None = None,
    source: Path | None = None,
    limits: Limits | None = None,
    jobs: int | None = None,
    progress: Callable[[Result, int, int], Any] | None = None,
) -> list[Result]:
    """Grade a folder or ZIP of submissions.

    Args:
        inbox: STUDENT/ASSIGNMENT/NAME.ipynb, or a platform's export.
        out: folder for grades.csv, tasks.csv, manual.csv and feedback/; what a person entered in its manual.csv counts.
        names: which assignments; all if left out.
        source: folder of source notebooks; the course's own if left out.
        limits: of each notebook.
        jobs: notebooks at a time; one for each processor if left out.
        progress: called with each result as it is ready, how many are, and how many there will be.

    Returns:
        A result for each submission, by student and assignment.

    Raises:
        ValueError: nothing to grade, a broken source, or an `out` that holds something else.

    Chapter: book/teaching/guide.md
    """
    assignments = load_assignments(source, names)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "grades.csv").exists())):
        raise ValueError(f"{out} holds something else than grades; give the name of a new folder")
    if out.resolve().is_relative_to(inbox.resolve()) or inbox.resolve().is_relative_to(out.resolve()):
        raise ValueError(f"{out} and {inbox} lie in one another; give the grades a folder of their own")
    marked = _read_manual(out / "manual.csv")
    submissions = collect(inbox, assignments)
    for assignment in assignments:
        assignment.namespace()  # run once here, not by two threads at a time
    hidden = [inbox, out, HERE / "assignments", HERE.parent / "assignments"] + [
        a.path.parent.parent for a in assignments
    ]
    limits = limits or Limits()
    results: list[Result] = []
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for result in pool.map(lambda s: _graded_safely(s, hidden, limits), submissions):
            results.append(result)
            for written in result.written:
                _apply(marked, result, written)
            if progress:
                progress(result, len(results), len(submissions))
    _write(out, results)
    return results


def _graded_safely(submission: Submission, hidden: Sequence[Path], limits: Limits) -> Result:
    """No submission may stop the others, not even by an error of ours."""
    began = time.monotonic()
    try:
        result = grade_one(submission, hidden, limits)
    except Exception as error:
        name = submission.assignment.name if submission.assignment else ""
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"the grader failed with {type(error).__name__}: {error} ({Path(where.filename).name}, {where.lineno})"
        result = Result(submission.student, name, submission, told)
    result.seconds = time.monotonic() - began
    return result


def grade_one(submission: Submission, hidden: Sequence[Path], limits: Limits) -> Result:
    """Run one notebook and its assignment's tests."""
    assignment = submission.assignment
    result = Result(submission.student, assignment.name if assignment else "", submission, submission.problem)
    if submission.problem or assignment is None:
        return result
    result.notes += submission.notes + _unusual(submission, assignment)
    result.written = _written(submission, assignment)
    numbers = [i for i, c in enumerate(submission.cells) if c["cell_type"] == "code"]
    numbers = [i for i in numbers if submission.cells[i]["source"].strip() not in assignment.demonstrations]
    cells = [submission.cells[i]["source"] for i in numbers]
    answers = Answers(cells, list(assignment.names), hidden, limits)
    try:
        try:
            answers.run()
            over = ""
        except Stopped as stopped:
            over = f"it {stopped}"
        result.outcomes = [_tested(test, assignment, answers, cells, over) for test in assignment.tests]
    finally:
        answers.close()
    result.errors = {numbers[i]: f"{kind}: {message}" for i, (kind, message) in answers.errors.items()}
    result.errors |= {numbers[i]: f"it {reason}" for i, reason in answers.left_out.items()}
    result.notes += [over] if over else []
    result.notes += [f"cell {numbers[i] + 1} {reason}" for i, reason in answers.left_out.items()]
    result.notes += list(answers.silent.values())
    result.notes += _refused(answers.refused)
    left = [o.test for o in result.outcomes if o.verdict == "not attempted"]
    result.notes += [f"not attempted: {', '.join(left)}"] if left else []
    return result


def _refused(refused: Sequence[str]) -> list[str]:
    """What a notebook tried and may not, each kind once."""
    kinds: dict[str, list[str]] = {}
    for what in refused:
        kinds.setdefault(what.partition(" /")[0], []).append(what)
    return [f"it tried to {same[0]}" + f" and {len(same) - 1} more" * (len(same) > 1) for same in kinds.values()]


def _tested(test: Test, assignment: Assignment, answers: Answers, cells: Sequence[str], over: str) -> Outcome:
    """Run one cell of tests here, where the student's code cannot reach it."""

    def outcome(verdict: str, message: str) -> Outcome:
        points = test.points if verdict == "right" else 0.0
        return Outcome(test.id, points, test.points, verdict, " ".join(message.split())[:600])

    if over:
        return outcome("wrong", f"not run: the notebook {over.removeprefix('it ')}")
    names = assignment.namespace()
    for name in test.answers:
        kind, *rest = answers.found.get(name, ["missing"]) or ["missing"]
        if kind == "function":
            names[name] = _caller(answers, name)
        elif kind == "value":
            names[name] = rest[0]
        else:
            verdict, why = _missing(name, kind, rest, answers, cells)
            stub = assignment.stub(name)
            if kind == "missing" and any(code.strip() == stub for code in cells):
                verdict, why = "not attempted", f"{name} still holds its stub"
            return outcome(verdict, why)
    try:
        exec(compile(test.code, f"<{test.id}>", "exec"), names)
    except NotAttempted as error:
        return outcome("not attempted", str(error))
    except Failed as error:
        told = (
            str(error) if error.kind in ("Stopped", "Unshareable") else f"your code stopped with {error.kind}: {error}"
        )
        return outcome("wrong", told)
    except AssertionError as error:
        return outcome("wrong", str(error) or f"this does not hold: {_line(error, test)}")
    except Exception as error:
        return outcome("wrong", f"your answer cannot be used here: {type(error).__name__}: {error}")
    return outcome("right", "")


def _caller(answers: Answers, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        return answers.call(name, arguments, named)

    call.__name__ = name
    return call


def _missing(name: str, kind: str, rest: list[Any], answers: Answers, cells: Sequence[str]) -> tuple[str, str]:
    """Why a name cannot be tested, and whether anybody tried."""
    if kind == "other":
        return (
            "wrong",
            f"{name} is {rest[0] if rest else 'something'} and cannot be tested: a function or a value is wanted",
        )
    pattern = re.compile(
        rf"^\s*(?:def\s+{re.escape(name)}\b|{re.escape(name)}\s*(?::[^=]*)?=|.*\bas\s+{re.escape(name)}\b)", re.M
    )
    for number, code in enumerate(cells):
        if not pattern.search(code):
            continue
        if number in answers.left_out:
            return "wrong", f"the cell that should define {name} {answers.left_out[number]}"
        kind, message = answers.errors.get(number, ("", ""))
        if kind == "NotImplementedError":
            return "not attempted", f"{name} still holds its stub"
        if kind:
            return "wrong", f"the cell that should define {name} stopped with {kind}: {message}"
        return "not attempted", f"{name} has no value yet"
    return "wrong", f"no cell defines {name}: was it renamed or deleted?"


def _line(error: AssertionError, test: Test) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == f"<{test.id}>"]
    lines = test.code.splitlines()
    return lines[(frames[-1].lineno or 1) - 1].strip() if frames else ""


def _unusual(submission: Submission, assignment: Assignment) -> list[str]:
    """What differs from the notebook that was handed out, in words; none of it changes a mark."""
    notes = []
    cells = submission.cells
    ids = [grade_id(cell) for cell in cells if grade_id(cell)]
    expected = [grade_id(cell) for cell in assignment.notebook["cells"] if facts(cell)]
    if not ids:
        notes.append("its cells lost their nbgrader metadata")
    elif lost := [name for name in expected if name not in ids]:
        notes.append(f"cells missing: {', '.join(lost)}")
    twice = [name for name in dict.fromkeys(ids) if ids.count(name) > 1]
    if twice:
        notes.append(f"cells there more than once, the last one counts: {', '.join(twice)}")
    sources = {grade_id(c): visible(text(c)).strip() for c in assignment.notebook["cells"] if graded(c)}
    changed = [
        name
        for name in dict.fromkeys(ids)
        if name in sources and any(c["source"].strip() != sources[name] for c in cells if grade_id(c) == name)
    ]
    if changed:
        notes.append(f"tests changed, the original ones count: {', '.join(changed)}")
    own, used = set(), set()
    for code in submission.code():
        own |= set(defined(code))
        try:
            nodes = list(ast.walk(ast.parse(code)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        used |= {node.id for node in nodes if isinstance(node, ast.Name)}
        used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        used |= {a.name for node in nodes if isinstance(node, ast.ImportFrom) for a in node.names}
    if ready := [name for name in assignment.without if name in used - own]:
        notes.append(f"uses what it should write itself: {', '.join(ready)}")
    return notes


def _written(submission: Submission, assignment: Assignment) -> list[Written]:
    """The answers in prose: by their metadata, else as what follows the question's own text."""
    found = []
    for question in assignment.questions:
        cells = submission.cells
        places = [i for i, c in enumerate(cells) if grade_id(c) == question.id]
        asked = [
            i for i, c in enumerate(cells) if question.asked.strip() and c["source"].strip() == question.asked.strip()
        ]
        places = places or [i + 1 for i in asked if i + 1 < len(cells) and cells[i + 1]["cell_type"] != "code"]
        answers = [cells[i]["source"].strip() for i in places]
        real = [a for a in answers if a and a != WRITTEN_STUB]
        text_of = real[-1] if real else "(not attempted)" if places else "(its cell was not found)"
        found.append(Written(question.id, question.points, text_of))
    return found


# --- Marks by a person ---------------------------------------------------------------------------------------------


def _read_manual(path: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        sample = file.readline()
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter=";" if sample.count(";") > sample.count(",") else ","))
    if rows and (lost := [name for name in MANUAL if name not in rows[0]]):
        raise ValueError(f"{path} has no column {', '.join(lost)}")
    return {(r["student"], r["assignment"], r["question"]): r for r in rows}


def _apply(marked: dict[tuple[str, str, str], dict[str, str]], result: Result, written: Written) -> None:
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


# --- Files ---------------------------------------------------------------------------------------------------------


def _cell(value: Any) -> str:
    """A value as a spreadsheet may hold it: text that begins like a formula is quoted."""
    told = f"{value:g}" if isinstance(value, float) else str(value)
    return f"'{told}" if told[:1] in ("=", "+", "-", "@", "\t") and not isinstance(value, float) else told


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Written beside and then moved, so that a stopped run leaves no half a file."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
    part.replace(path)


def _write(out: Path, results: Sequence[Result]) -> None:
    from course_lib.grading.feedback import feedback_page, file_name

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
