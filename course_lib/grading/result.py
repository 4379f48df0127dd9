"""What came of one submission: the verdict on each cell of tests, the written answers, and what to say of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from course_lib.grading.collect import Submission


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
