"""What an exercise is: a question whose answer is judged by an independent oracle, never by a stored result."""

from __future__ import annotations

import html
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.guard import Outcome, guarded
from course_lib.exercises.record import remember
from course_lib.exercises.verdict import MARKS, NotAttempted, Status, Verdict, Wrong


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
        return "wrong", f"your answer stopped with {': '.join(filter(None, (type(error).__name__, *_words(error))))}"

    def check(self, answer: Any) -> None:
        """Judge an answer, print the verdict in one line, and remember it for `progress`."""
        status, message, printed = self.judge(answer)
        remember(self.id, status)
        if printed:
            print(textwrap.indent(f"Your function printed\n{textwrap.indent(printed, '  ')}", "  "))
        name = {"not attempted": "Not attempted yet", "wrong": "Not right yet", "right": "Right"}[status]
        print(f"{MARKS[status]} {name}: {message}")

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
    """Call a student's function; a stub that still returns `...` or nothing counts as not attempted."""
    if not callable(function):
        raise Wrong(f"the answer should be a function, but it is {type(function).__name__}.")
    before = [_snapshot(argument) for argument in args]
    result = function(*args)
    for place, (argument, was) in enumerate(zip(args, before, strict=True), 1):
        if not _same(argument, was):
            raise Wrong(
                f"your function changes its argument {place} in place, so that whoever called it has other numbers "
                "afterwards. Work on a copy: x.clone(), or y = x + … instead of x += …"
            )
    if result is Ellipsis or result is None:
        raise NotAttempted
    return result


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


def _words(error: BaseException) -> tuple[str, str]:
    """What an error says, in a line; and what it may mean, of those that a reader rarely meets."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    said, meaning = said[:300] + "…" * (len(said) > 300), ""
    if isinstance(error, RecursionError):
        meaning = "it calls itself without an end."
    elif isinstance(error, MemoryError) or "can't allocate memory" in said:
        meaning = "an array is far larger than the exercise needs. Print the shapes."
    elif isinstance(error, (SystemExit, KeyboardInterrupt)):
        meaning = "a function hands its result back with return; leave exit() out."
    return said, meaning


def expect_tensor(value: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    """Return the value as a float64 tensor of the expected shape, or raise Wrong with a helpful message."""
    if isinstance(value, (int, float)) or hasattr(value, "__array__"):
        value = torch.as_tensor(value)
    if not isinstance(value, Tensor):
        raise Wrong(f"expected a tensor, got {type(value).__name__}.")
    if shape is not None and tuple(value.shape) != tuple(shape):
        if tuple(value.shape) == tuple(reversed(shape)):
            raise Wrong(f"the axes are transposed: shape {tuple(value.shape)}, expected {tuple(shape)}.")
        raise Wrong(f"the shape is {tuple(value.shape)}, expected {tuple(shape)}.")
    value = value.detach().double()
    if not bool(torch.isfinite(value).all()):
        raise Wrong("the result holds NaN or infinity.")
    return value


def close(value: Tensor, reference: Any, tolerance: float = 1e-4) -> bool:
    """Whether a result equals a reference within a tolerance relative to the reference's largest value."""
    expected = torch.as_tensor(reference, dtype=torch.float64)
    return bool((value - expected).abs().max() <= tolerance * max(1e-12, float(expected.abs().max())))


def _fold(title: str, body: str) -> None:
    from IPython.display import HTML, display

    display(HTML(f"<details><summary>{html.escape(title)}</summary>{body}</details>"))
