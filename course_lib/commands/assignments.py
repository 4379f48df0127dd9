"""`python -m course_lib assignments release OUT` and `… assignments grade IN OUT`."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

from course_lib.commands.arguments import PROGRAM

NAME = f"{PROGRAM} assignments"


def add(top: argparse.ArgumentParser) -> None:
    """Declare what the command takes: two verbs and their options."""
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    r = verbs.add_parser("release", help="write the students' notebooks")
    r.add_argument("out", type=Path, metavar="OUT", help="folder; each assignment becomes OUT/NAME/NAME.ipynb")
    r.add_argument("--force", action="store_true", help="replace notebooks that are there already")

    g = verbs.add_parser("grade", help="grade a folder or ZIP of submissions")
    g.add_argument(
        "inbox", type=Path, metavar="IN", help="STUDENT/ASSIGNMENT/*.ipynb, or a learning platform's folder or ZIP"
    )
    g.add_argument("out", type=Path, metavar="OUT", help="folder for grades.csv, tasks.csv, manual.csv and feedback/")
    g.add_argument("--seconds", type=_positive, default=120.0, help="a notebook may take in all (120)")
    g.add_argument("--cell-seconds", type=_positive, default=20.0, help="one cell may take (20)")
    g.add_argument(
        "--call-seconds", type=_positive, default=10.0, help="one call of a student's function may take (10)"
    )
    g.add_argument("--memory", type=_positive, default=2000.0, metavar="MB", help="a notebook may use (2000)")
    g.add_argument("--jobs", type=int, metavar="N", help="notebooks at a time; as many as processors if left out")
    g.add_argument("--quiet", action="store_true", help="print only the summary")
    for parser in (r, g):
        parser.add_argument("--assignment", action="append", metavar="NAME", help="only this one; may be repeated")
        parser.add_argument(
            "--source", type=Path, metavar="DIR", help="source notebooks of your own, DIR/NAME/NAME.ipynb"
        )
    top.set_defaults(run=run)


def _positive(text: str) -> float:
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"must be positive; got {text}")
    return value


def run(options: argparse.Namespace) -> None:
    """Do what the command line says."""
    from course_lib.grading.marking import grade
    from course_lib.grading.releasing import release
    from course_lib.grading.sandbox import Limits

    if options.verb == "release":
        for path in release(options.out, options.assignment, options.source, options.force):
            print(path)
        return
    if options.jobs is not None and options.jobs < 1:
        raise ValueError(f"--jobs must be at least 1; got {options.jobs}")
    limits = Limits(options.seconds, options.cell_seconds, options.call_seconds, int(options.memory))
    began = time.monotonic()

    def show(result: Any, done: int, total: int) -> None:
        marks = "" if result.problem else f"{result.score:g}/{result.max_score:g}  "
        line = f"[{done}/{total}] {result.student}  {result.assignment}  {marks}{result.status}"
        coding = sys.stdout.encoding or "utf-8"
        print(line.encode(coding, "backslashreplace").decode(coding), flush=True)  # a name may hold anything

    from course_lib.grading.fence import landlock_version

    if not landlock_version():
        print(
            f"{NAME}: this system has no Landlock; files and network are guarded by Python alone. Grade strangers' "
            "notebooks on Linux, or in a container.",
            file=sys.stderr,
        )
    results = grade(
        options.inbox,
        options.out,
        options.assignment,
        options.source,
        limits,
        options.jobs,
        None if options.quiet else show,
    )
    failed = sum(bool(r.problem) for r in results)
    took = f"{len(results)} submissions in {time.monotonic() - began:.0f} s"
    print(f"{took}: {len(results) - failed} graded, {failed} not; {options.out / 'grades.csv'}")
