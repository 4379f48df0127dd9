"""What an exercise is: a question whose answer is judged by an independent oracle, never by a stored result."""

from __future__ import annotations

import html
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor


class Wrong(Exception):
    """Raised by a check: the answer is not right, and the message says what is probably the matter."""


class Verdict(NamedTuple):
    """status: "not attempted", "wrong" or "right"; message: one or two sentences for the student."""

    status: Literal["not attempted", "wrong", "right"]
    message: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    id: "<chapter>-<n>". judge_answer: gets the answer, raises Wrong where it is not right, may return praise.
    hints: from gentle to plain. reference: the solution, a function whose source is shown. why: its explanation.
    """

    id: str
    judge_answer: Callable[[Any], str | None]
    hints: tuple[str, ...]
    reference: Callable[..., Any]
    why: str

    def judge(self, answer: Any) -> Verdict:
        """Judge an answer without printing: `...` (or a function that returns it) is "not attempted"."""
        if answer is Ellipsis or answer is None:
            return Verdict("not attempted", "replace the ... with your answer and run the cell again.")
        try:
            praise = self.judge_answer(answer)
        except NotAttempted:
            return Verdict("not attempted", "replace the ... in the function with your answer and run the cell again.")
        except Wrong as wrong:
            return Verdict("wrong", str(wrong))
        except Exception as error:  # a student's bug must not stop the notebook
            return Verdict("wrong", f"your answer stopped with {type(error).__name__}: {error}")
        return Verdict("right", praise or "well done.")

    def check(self, answer: Any) -> None:
        """Judge an answer and print the verdict in one line."""
        status, message = self.judge(answer)
        mark = {"not attempted": "○ Not attempted yet", "wrong": "✗ Not right yet", "right": "✓ Right"}[status]
        print(f"{mark}: {message}")

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


class NotAttempted(Exception):
    """Raised by `call` when a student's function still returns `...`."""


def call(function: Any, *args: Any) -> Any:
    """Call a student's function; a stub that still returns `...` or nothing counts as not attempted."""
    if not callable(function):
        raise Wrong(f"the answer should be a function, but it is {type(function).__name__}.")
    result = function(*args)
    if result is Ellipsis or result is None:
        raise NotAttempted
    return result


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
