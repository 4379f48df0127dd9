"""What an exercise is: a question whose answer is judged by an independent oracle, never by a stored result."""

from __future__ import annotations

import html
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from course_lib.exercises.errors import in_words
from course_lib.exercises.guard import Outcome, guarded
from course_lib.exercises.reading import (
    apart,
    close,
    expect_tensor,
    name_the_slip,
    number,
    pair,
    truth,
    whole,
    you_give,
)
from course_lib.exercises.store import keep
from course_lib.exercises.verdict import MARKS, NotAttempted, Status, Stopped, Verdict, Wrong

# What the modules of the chapters need.
__all__ = [
    "Exercise",
    "NotAttempted",
    "Stopped",
    "Wrong",
    "apart",
    "call",
    "close",
    "expect_tensor",
    "name_the_slip",
    "number",
    "pair",
    "truth",
    "whole",
    "you_give",
]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    id: "<chapter>-<n>". judge_answer: gets the answer, raises Wrong where it is not right, may return praise.
    hints: from gentle to plain. reference: the solution, a function whose source is shown. why: its explanation.
    limit_s: how many seconds an answer may take.
    """

    id: str
    judge_answer: Callable[[Any], str | None]
    hints: tuple[str, ...]
    reference: Callable[..., Any]
    why: str
    limit_s: float = 20.0

    @property
    def chapter(self) -> str:
        """The short name of the chapter that asks it, "gain" for "gain-1"."""
        return self.id.rpartition("-")[0]

    def judge(self, answer: Any) -> Verdict:
        """Judge an answer without printing: `...` (or a function that returns it) is "not attempted"."""
        if answer is Ellipsis or answer is None:
            return Verdict("not attempted", "replace the ... with your answer and run the cell again.")
        outcome = guarded(lambda: self.judge_answer(answer), self.limit_s)
        status, message = self._verdict(outcome)
        return Verdict(status, message, outcome.printed)

    def _verdict(self, outcome: Outcome) -> tuple[Status, str]:
        if outcome.state != "done":
            message = (
                f"your function did not return within {self.limit_s:g} s. Most often a loop never ends: does its "
                "condition change? Or a loop visits every sample, where one tensor operation does the same at once."
            )
            if outcome.state == "stuck":
                message += " It could not be stopped and is still busy: restart the kernel if the notebook feels slow."
            return "wrong", message
        error = outcome.error
        if error is None:
            return "right", outcome.value or "well done."
        if isinstance(error, NotAttempted):
            return "not attempted", "replace the ... in the function with your answer and run the cell again."
        if isinstance(error, Wrong):
            return "wrong", str(error)
        if isinstance(error, Stopped) or not isinstance(error, Exception):
            return "wrong", f"your answer stopped with {in_words(getattr(error, 'error', error))}"
        return (
            "wrong",
            f"the check cannot read what your answer gives back. Asked for numbers, it met {in_words(error)}",
        )

    def check(self, answer: Any) -> None:
        """Judge an answer, print the verdict in one line, and remember it for `progress`."""
        status, message, printed = self.judge(answer)
        remark = keep(self.id, status)
        if printed:
            print(textwrap.indent(f"Your function printed\n{textwrap.indent(printed, '  ')}", "  "))
        name = {"not attempted": "Not attempted yet", "wrong": "Not right yet", "right": "Right"}[status]
        print(f"{MARKS[status]} {name}: {message}")
        if remark:
            print(remark)

    def hint(self) -> None:
        """Show the hints, folded, from gentle to plain."""
        for i, text in enumerate(self.hints, 1):
            _fold(f"Hint {i} of {len(self.hints)}", f"<p>{html.escape(text)}</p>")

    def solution(self) -> None:
        """Show the solution, folded: its source as the tests run it, and why it is right."""
        code = html.escape(textwrap.dedent(inspect.getsource(self.reference)))
        _fold(
            "Solution",
            f"<pre style='overflow-x:auto'><code>{code}</code></pre><p>{html.escape(self.why)}</p>",
        )


def call(function: Any, *args: Any) -> Any:
    """Call a student's function; a stub that still returns `...` or nothing counts as not attempted.

    Tensors are handed over in float64. A function that mixes them with tensors of its own in float32, in which the
    chapters' sounds are, or that is written for NumPy, is called again with what it expects.
    """
    if not callable(function) or isinstance(function, type):
        raise Wrong(f"the answer should be a function, but it is {type(function).__name__}.")
    before = [_snapshot(argument) for argument in args]
    try:
        result = function(*args)
    except Exception as error:
        result = _again(function, args, error)
    for place, (argument, was) in enumerate(zip(args, before, strict=True), 1):
        if not _same(argument, was):
            raise Wrong(
                f"your function changes its argument {place} in place, so that whoever called it has other numbers "
                "afterwards. Work on a copy: x.clone(), or y = x + … instead of x += …"
            )
    if result is Ellipsis or result is None:
        raise NotAttempted
    return result


def _again(function: Any, args: tuple[Any, ...], error: Exception) -> Any:
    """The result with arguments of another kind, where that may help; else the first error counts."""
    tensors = [a for a in args if isinstance(a, Tensor)]
    convert: Callable[[Tensor], Any] | None = None
    if isinstance(error, RuntimeError) and re.search("dtype|scalar type|double", str(error), re.IGNORECASE):
        convert = _float32
    elif isinstance(error, (TypeError, AttributeError)) and not any(t.requires_grad for t in tensors):
        convert = Tensor.numpy
    if convert is None or not tensors:
        raise Stopped(error) from error
    try:
        return function(*(convert(a.clone()) if isinstance(a, Tensor) else a for a in args))
    except Exception:
        raise Stopped(error) from error


def _float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _snapshot(value: Any) -> Any:
    """A copy of what an argument holds, as far as it is plain data."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, (list, tuple)):
        return [_snapshot(item) for item in value]
    if isinstance(value, dict):
        return {key: _snapshot(item) for key, item in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(value: Any, was: Any) -> bool:
    if isinstance(value, Tensor):
        value = value.detach()
    if isinstance(value, (Tensor, np.ndarray)):
        return value.shape == was.shape and bool(((value == was) | ((value != value) & (was != was))).all())
    if isinstance(value, (list, tuple)):
        return len(value) == len(was) and all(map(_same, value, was))
    if isinstance(value, dict):
        return value.keys() == was.keys() and all(_same(value[key], was[key]) for key in value)
    return not isinstance(value, (int, float, str)) or value == was or value != value


def _fold(title: str, body: str) -> None:
    from IPython.display import HTML, display

    display(HTML(f"<details><summary>{html.escape(title)}</summary>{body}</details>"))
