"""Every assignment from source to marks: what students get; right, partly right, wrong and hostile answers."""

from __future__ import annotations

import csv
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from course_lib.grading import Limits, Result, grade, load_assignments, release
from course_lib.grading.source import WRITTEN_STUB, facts, tags, text, visible
from tests.helpers import ROOT
from tests.helpers.submissions import filled, odd_submissions
from tools import address

NAMES = sorted(path.parent.name for path in (ROOT / "assignments").glob("*/*.ipynb"))
ODD = odd_submissions(["source", "other"])
QUICK = Limits(seconds=90, cell_seconds=6, call_seconds=8, memory_mb=1000)


def answers(name: str) -> Any:
    return importlib.import_module(f"tests.helpers.assignment_answers.{name}")


# What the grader makes of an odd submission is the same in every assignment, so that each is handed in for one of them,
# in turn; those that go for the tests are handed in for all.
AT_TESTS = {"own-tests", "no-tests", "patching"}
ODD_OF = {
    name: [kind for i, kind in enumerate(ODD) if kind in AT_TESTS or i % len(NAMES) == number]
    for number, name in enumerate(NAMES)
}
KINDS = [(name, kind) for name in NAMES for kind in answers(name).ANSWERS]
MESSAGES = [(name, i) for name in NAMES for i in range(len(answers(name).WRONG_MESSAGES))]


@dataclass
class Run:
    """One run of the grader over everything that can be handed in."""

    released: dict[str, dict[str, Any]]
    results: dict[tuple[str, str], Result]
    rows: dict[tuple[str, str], dict[str, str]]
    seconds: float
    untouched: bool


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("assignments")
    source, inbox, out = folder / "source", folder / "in", folder / "out"
    shutil.copytree(ROOT / "assignments", source)  # hostile answers are aimed at a copy
    released = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in release(folder / "released", source=source)}
    for name in NAMES:
        written = answers(name)
        theirs = {kind: json.dumps(filled(released[name], a)) for kind, a in written.ANSWERS.items()}
        theirs["untouched"] = json.dumps(released[name])
        for i, (cell, code, _) in enumerate(written.WRONG_MESSAGES):
            theirs[f"message-{i}"] = json.dumps(filled(released[name], written.ANSWERS["right"] | {cell: code}))
        targets = [str(source / name / f"{name}.ipynb"), str(inbox / "right" / name / f"{name}.ipynb")]
        odd = odd_submissions(targets)
        for student, content in theirs.items():
            _hand_in(inbox / student / name / f"{name}.ipynb", content)
        for student in ODD_OF[name]:
            submission = odd[student]
            notebook = filled(released[name], written.ANSWERS[submission.answers])
            _hand_in(inbox / student / name / (submission.file or f"{name}.ipynb"), submission.make(notebook))
        (inbox / "nothing" / name).mkdir(parents=True)
    before = _contents(folder)
    began = time.monotonic()
    results = grade(inbox, out, source=source, limits=QUICK, jobs=2)
    seconds = time.monotonic() - began
    after = {path: content for path, content in _contents(folder).items() if path in before}
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = {(r["student"], r["assignment"]): r for r in csv.DictReader(file)}
    return Run(released, {(r.student, r.assignment): r for r in results}, rows, seconds, after == before)


def _hand_in(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- The sources ---------------------------------------------------------------------------------------------------


def test_there_are_assignments_for_each_part() -> None:
    assert {"gain_and_losses", "harmonic_synth", "note_expression", "oscillator_and_additive"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_source_says_what_students_need_to_know(name: str) -> None:
    (assignment,) = load_assignments(names=[name])
    course = assignment.notebook["metadata"]["course"]
    top = "\n".join(text(cell) for cell in assignment.notebook["cells"][:3])
    by_hand = sum(q.points for q in assignment.questions)
    assert 15 <= assignment.points + by_hand <= 30 and 0.7 <= assignment.points / (assignment.points + by_hand) <= 0.9
    assert f"{course['minutes']} minutes" in top and f"{assignment.points + by_hand:g} points" in top
    assert f"{assignment.points:g} by tests" in top and f"{by_hand:g} by a person" in top
    assert set(course["without"]) <= set(importlib.import_module("course_lib").__all__)
    for question in assignment.questions:
        points = [float(p) for p in re.findall(r"^([\d.]+) points?:", question.rubric, re.MULTILINE)]
        assert sum(points) == question.points, f"the rubric of {question.id} gives {points}"
        assert len(question.model) > 100 and f"({question.points:g} points)" in question.asked
    cells = assignment.notebook["cells"]
    assert any("BEGIN HIDDEN TESTS" in test.code for test in assignment.tests)
    assert not any(cell.get("outputs") for cell in cells)
    assert [text(c) for c in cells if "setup" in tags(c)] == [address.setup_cell()]


def test_the_guide_tells_the_same_points_and_minutes() -> None:
    guide = (ROOT / "book" / "teaching" / "guide.md").read_text(encoding="utf-8")
    for a in load_assignments():
        by_hand, minutes = sum(q.points for q in a.questions), a.notebook["metadata"]["course"]["minutes"]
        assert f"| {a.title} (`{a.name}`) | {a.points:g} | {by_hand:g} | {minutes} |" in guide, a.name


@pytest.mark.parametrize("name", NAMES)
def test_every_assertion_explains_itself(name: str) -> None:
    import ast

    (assignment,) = load_assignments(names=[name])
    for test in assignment.tests:
        silent = [n.lineno for n in ast.walk(ast.parse(test.code)) if isinstance(n, ast.Assert) and n.msg is None]
        assert not silent, f"{test.id}: lines {silent}"


# --- What students get ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_answers_is_left(name: str, run: Run) -> None:
    (assignment,) = load_assignments(names=[name])
    told = json.dumps(run.released[name], ensure_ascii=False)
    for word in ("BEGIN", "END SOLUTION", "HIDDEN", "MARK SCHEME", "http://", "solution.", '"demo"', "image/png"):
        assert word not in told, word
    links = set(re.findall(r"https?://[^\s\"'\\)]+", told))
    assert links <= {f"{address.repository()}"}, links
    public = {line.strip() for cell in assignment.notebook["cells"] for line in visible(text(cell)).splitlines()}
    shown = {line.strip() for cell in run.released[name]["cells"] for line in text(cell).splitlines()}
    for cell in assignment.notebook["cells"]:
        code = text(cell)
        for region in re.findall(r"### BEGIN [A-Z ]+\n((?:.*\n)*?)\s*### END", code):
            lines = {line.strip() for line in region.splitlines() if len(line.strip()) > 30}
            assert not (lines - public) & shown, (lines - public) & shown
    for question in assignment.questions:
        assert question.model[:40] not in told and WRITTEN_STUB in told
    for cell in run.released[name]["cells"]:
        assert not cell.get("outputs") and set(cell["metadata"]) <= {"nbgrader", "deletable", "editable", "tags"}
        assert cell["metadata"].get("tags", ["setup"]) == ["setup"] and cell.get("execution_count") is None


@pytest.mark.parametrize("name", NAMES)
def test_students_keep_text_stubs_and_visible_tests(name: str, run: Run) -> None:
    (assignment,) = load_assignments(names=[name])
    cells = run.released[name]["cells"]
    assert len(cells) == len(assignment.notebook["cells"])
    for before, after in zip(assignment.notebook["cells"], cells, strict=True):
        if not facts(before):
            assert text(before) == text(after)
    code = "\n".join(text(cell) for cell in cells)
    assert code.count('raise NotImplementedError("write your answer here")') == len(set(assignment.names.values()))
    assert text(next(c for c in cells if c["cell_type"] == "code")) == address.setup_cell()


# --- Marks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_marks_are_exact(name: str, kind: str, run: Run) -> None:
    result, row = run.results[kind, name], run.rows[kind, name]
    wrong = [(o.test, o.message) for o in result.outcomes if o.verdict != "right"]
    assert result.score == answers(name).MARKS[kind], wrong
    assert (float(row["score"]), float(row["max_score"])) == (answers(name).MARKS[kind], answers(name).MARKS["right"])
    assert row["status"].startswith("graded")


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_are_of_every_kind(name: str, run: Run) -> None:
    marks = answers(name).MARKS
    (assignment,) = load_assignments(names=[name])
    assert marks["right"] == assignment.points and marks["wrong"] == 0
    assert len({m for m in marks.values() if 0 < m < assignment.points}) >= 2
    assert all(o.verdict == "wrong" for o in run.results["wrong", name].outcomes)
    assert all(o.verdict == "not attempted" for o in run.results["untouched", name].outcomes)


@pytest.mark.parametrize(("name", "number"), MESSAGES)
def test_a_mistake_is_called_by_its_name(name: str, number: int, run: Run) -> None:
    cell, _, message = answers(name).WRONG_MESSAGES[number]
    wrong = [o.message for o in run.results[f"message-{number}", name].outcomes if o.verdict == "wrong"]
    assert any(message in told for told in wrong), (cell, wrong)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in NAMES for kind in sorted(ODD_OF[name])])
def test_a_hostile_or_unlucky_submission_has_its_row(name: str, kind: str, run: Run) -> None:
    odd, row = ODD[kind], run.rows[kind, name]
    if odd.marks is None:
        assert (row["score"], row["max_score"]) == ("", "") and row["status"].startswith("not graded: ")
    else:
        wrong = [(o.test, o.message) for o in run.results[kind, name].outcomes if o.verdict != "right"]
        assert float(row["score"]) == answers(name).MARKS[odd.marks], (row["status"], wrong)
    assert odd.told in row["status"], row["status"]


def test_every_submission_has_one_row_and_nothing_was_spoilt(run: Run) -> None:
    written = sum(len(answers(n).ANSWERS) + len(answers(n).WRONG_MESSAGES) + len(ODD_OF[n]) for n in NAMES)
    expected = written + 2 * len(NAMES)  # the untouched and the empty one
    assert {kind for kinds in ODD_OF.values() for kind in kinds} == set(ODD) >= AT_TESTS
    assert len(run.rows) == len(run.results) == expected >= 60
    assert run.rows["nothing", NAMES[0]]["status"] == "not graded: no notebook"
    assert run.untouched, "a submission changed a file outside its own folder"


def test_two_processors_share_the_work(run: Run, record_property: Any) -> None:
    busy = sum(result.seconds for result in run.results.values())
    record_property(
        "book", f"{len(run.results)} submissions were graded in {run.seconds:.0f} s, {busy / run.seconds:.1f} at a time"
    )
    assert busy / run.seconds > 1.5


def test_nbgrader_gives_the_same_marks(run: Run, tmp_path: Path) -> None:
    """The sources are nbgrader's own format: its pipeline releases and grades them, and agrees on honest answers."""
    name, kinds = "gain_and_losses", ("right", "partly")
    (tmp_path / "source" / name).mkdir(parents=True)
    shutil.copy(ROOT / "assignments" / name / f"{name}.ipynb", tmp_path / "source" / name)
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it calls alembic by name
    inside = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": path}

    def nbgrader(*arguments: str) -> None:
        code = "from nbgrader.apps.nbgraderapp import main; main()"
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=inside, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    nbgrader("generate_assignment", name)
    handed_out = json.loads((tmp_path / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    for kind in kinds:
        notebook = json.dumps(filled(handed_out, answers(name).ANSWERS[kind]))
        _hand_in(tmp_path / "submitted" / kind / name / f"{name}.ipynb", notebook)
    nbgrader("autograde", name)
    nbgrader("export", "--to", str(tmp_path / "marks.csv"))
    with (tmp_path / "marks.csv").open(newline="", encoding="utf-8") as file:
        marks = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert marks == {kind: answers(name).MARKS[kind] for kind in kinds}
