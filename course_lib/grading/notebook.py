"""Grade one notebook: run its cells apart, and its assignment's tests here, on the numbers that come back."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from course_lib.grading.answers import Answers, Failed, NotAttempted
from course_lib.grading.collect import Submission
from course_lib.grading.reading import unusual, written_answers
from course_lib.grading.result import Outcome, Result
from course_lib.grading.sandbox import Limits, Stopped
from course_lib.grading.source import Assignment, Test


def grade_one(submission: Submission, hidden: Sequence[Path], limits: Limits) -> Result:
    """Run one notebook and its assignment's tests."""
    assignment = submission.assignment
    result = Result(submission.student, assignment.name if assignment else "", submission, submission.problem)
    if submission.problem or assignment is None:
        return result
    result.notes += submission.notes + unusual(submission, assignment)
    result.written = written_answers(submission, assignment)
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
        message = (
            str(error) if error.kind in ("Stopped", "Unshareable") else f"your code stopped with {error.kind}: {error}"
        )
        return outcome("wrong", message)
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
