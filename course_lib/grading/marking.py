"""Grade a pile of notebooks: every submission gets a row, and only the source's tests give marks."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from course_lib.grading.collect import Submission, collect
from course_lib.grading.notebook import grade_one
from course_lib.grading.result import Result
from course_lib.grading.sandbox import Limits
from course_lib.grading.source import LIBRARY, load_assignments
from course_lib.grading.tables import apply_marks, read_manual, write_tables


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
    marked = read_manual(out / "manual.csv")
    submissions = collect(inbox, assignments)
    for assignment in assignments:
        assignment.namespace()  # run once here, not by two threads at a time
    hidden = [inbox, out, LIBRARY / "assignments", LIBRARY.parent / "assignments"] + [
        a.path.parent.parent for a in assignments
    ]
    limits = limits or Limits()
    results: list[Result] = []
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for result in pool.map(lambda s: _graded_safely(s, hidden, limits), submissions):
            results.append(result)
            for written in result.written:
                apply_marks(marked, result, written)
            if progress:
                progress(result, len(results), len(submissions))
    write_tables(out, results)
    return results


def _graded_safely(submission: Submission, hidden: Sequence[Path], limits: Limits) -> Result:
    """No submission may stop the others, not even by an error of ours."""
    began = time.monotonic()
    try:
        result = grade_one(submission, hidden, limits)
    except Exception as error:
        name = submission.assignment.name if submission.assignment else ""
        where = traceback.extract_tb(error.__traceback__)[-1]
        problem = (
            f"the grader failed with {type(error).__name__}: {error} ({Path(where.filename).name}, {where.lineno})"
        )
        result = Result(submission.student, name, submission, problem)
    result.seconds = time.monotonic() - began
    return result
