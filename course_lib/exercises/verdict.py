"""How an answer can turn out: three states and their marks, and what a check raises."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Status = Literal["not attempted", "wrong", "right"]
STATUSES: tuple[Status, ...] = get_args(Status)  # from worst to best
MARKS: dict[Status, str] = {"not attempted": "○", "wrong": "✗", "right": "✓"}


class Verdict(NamedTuple):
    """status; message: one or two sentences for the student; printed: what the answer printed, shortened."""

    status: Status
    message: str
    printed: str = ""


class Wrong(Exception):
    """Raised by a check: the answer is not right, and the message says what is probably the matter."""


class NotAttempted(Exception):
    """Raised by `call` when a student's function still returns `...`."""


class Stopped(Exception):
    """Raised by `call` when a student's function raises: `error` is what it raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error
