"""What one notebook defines, ready to be called by tests, though it runs in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.grading.sandbox import Limits, Process, Stopped

START_S = 120  # the first process also loads PyTorch and compiles


class Failed(Exception):
    """A student's function raised an error. kind: the name of its class."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


# So that a test may expect an error: one that a function raises there is of the same kind here.
EXPECTED = {
    kind.__name__: type(f"Failed{kind.__name__}", (Failed, kind), {})
    for kind in (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, RuntimeError)
}


class NotAttempted(Failed):
    """The stub is still there."""


def out_of_memory(kind: str, message: str) -> bool:
    """Whether an error means that there was no memory left, as Python, NumPy and PyTorch put it."""
    return kind == "MemoryError" or "allocate memory" in message or "Unable to allocate" in message


class Answers:
    """What one notebook defines, ready to be called by tests.

    Cells that hang or kill the process are left out in a second run, so that one of them does not cost the others; a
    function that did is not called again.
    """

    def __init__(self, cells: Sequence[str], names: Sequence[str], hidden: Sequence[Path], limits: Limits) -> None:
        self.cells, self.names, self.hidden, self.limits = cells, names, hidden, limits
        self.deadline = 0.0  # counted from when it is ready to begin
        self.left_out: dict[int, str] = {}
        self.silent: dict[str, str] = {}
        self.errors: dict[int, tuple[str, str]] = {}
        self.printed: dict[int, str] = {}
        self.found: dict[str, list[Any]] = {}
        self.refused: list[str] = []
        self._process: Process | None = None
        self._calls = 0

    def run(self) -> None:
        """Run the notebook; Stopped when its time is over or it cannot even be started."""
        for _ in range(5):
            self.close()
            self._process = Process(self.hidden, self.limits)
            try:
                self._process.ask(START_S, do="names", names=[])
                self.deadline = self.deadline or time.monotonic() + self.limits.seconds
                self._run_cells()
                reply = self._ask(self.limits.call_seconds, do="names", names=list(self.names))
            except Stopped:
                if 0 < self.deadline < time.monotonic():
                    raise Stopped(f"used up its {self.limits.seconds:.0f} s") from None
                continue
            names = reply.get("names")
            self.found = names if isinstance(names, dict) else {}
            return
        raise Stopped("was stopped again and again")

    def _run_cells(self) -> None:
        for number, code in enumerate(self.cells):
            if number in self.left_out:
                continue
            try:
                reply = self._ask(self.limits.cell_seconds, do="cell", code=code)
            except Stopped as stopped:
                self.left_out[number] = str(stopped)
                raise
            error, printed = reply.get("error"), reply.get("printed")
            self.errors.pop(number, None)
            if isinstance(error, list) and len(error) == 2:
                self.errors[number] = (str(error[0]), str(error[1]))
                if out_of_memory(*self.errors[number]):  # what it hoards would stay
                    self.left_out[number] = f"used up its {self.limits.memory_mb} MB of memory"
                    raise Stopped(self.left_out[number])
            self.printed[number] = str(printed or "")

    def _ask(self, seconds: float, **request: Any) -> dict[str, Any]:
        assert self._process is not None
        left = self.deadline - time.monotonic()
        if left <= 0:
            self._process.stop()
            raise Stopped(f"used up its {self.limits.seconds:.0f} s")
        try:
            return self._process.ask(min(seconds, left + 1), **request)
        finally:
            self.refused += [what for what in self._process.refused if what not in self.refused]

    def call(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a function of the notebook, in its process."""
        if name in self.silent:
            raise Failed("Stopped", self.silent[name])
        if self._process is None:
            self.run()
        self._calls += 1
        number = self._calls
        inputs = [t for t in _tensors([list(arguments), named]) if t.requires_grad]
        try:
            reply = self._ask(
                self.limits.call_seconds, do="call", name=name, call=number, arguments=list(arguments), named=named
            )
        except Stopped as stopped:
            self.silent[name] = f"{name} {stopped}"
            self.close()
            raise Failed("Stopped", self.silent[name]) from None
        value = self._value(reply, name)
        outputs = [t for t in _tensors(value) if t.requires_grad]
        with torch.no_grad():
            plain = [t.detach() for t in outputs]
        if not outputs:
            return value
        if not inputs:
            return _replaced(value, iter(plain))
        return _replaced(value, iter(_Graph.apply(self, number, name, plain, *inputs)))

    def gradient(self, number: int, name: str, gradients: list[Tensor | None]) -> list[Tensor | None]:
        """The gradients of a call's tensor arguments, given those of its results."""
        try:
            reply = self._ask(self.limits.call_seconds, do="gradient", call=number, gradients=gradients)
        except Stopped as stopped:
            self.silent[name] = f"{name} {stopped}"
            self.close()
            raise Failed("Stopped", self.silent[name]) from None
        return self._value(reply, name)

    def _value(self, reply: dict[str, Any], name: str) -> Any:
        if error := reply.get("error"):
            kind, message = (str(error[0]), str(error[1])) if isinstance(error, list) else ("Error", "")
            if kind == "NotImplementedError":
                raise NotAttempted(kind, f"{name} still holds its stub")
            if out_of_memory(kind, message):
                raise Failed("Stopped", f"{name} used up its {self.limits.memory_mb} MB of memory")
            if kind == "Unshareable":
                message = f"{name} returned something that is no number, string or tensor: {message}"
            raise EXPECTED.get(kind, Failed)(kind, message)
        return reply.get("value")

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class _Graph(torch.autograd.Function):
    """Joins a call in the other process to this one's autograd."""

    @staticmethod
    def forward(ctx: Any, answers: Answers, number: int, name: str, outputs: list[Tensor], *inputs: Tensor) -> Any:
        ctx.answers, ctx.number, ctx.name = answers, number, name
        ctx.like = inputs
        return tuple(output.clone() for output in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        found = ctx.answers.gradient(ctx.number, ctx.name, list(gradients))
        if not isinstance(found, list) or len(found) != len(ctx.like):
            raise Failed("Unshareable", f"{ctx.name} gave no gradients")
        fitting = [
            g if isinstance(g, Tensor) and g.shape == t.shape else None for g, t in zip(found, ctx.like, strict=True)
        ]
        return (None, None, None, None, *fitting)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for item in items for tensor in _tensors(item)]


def _replaced(value: Any, tensors: Any) -> Any:
    """The same nested value with its tensors that need gradients taken from an iterator."""
    if isinstance(value, Tensor):
        return next(tensors) if value.requires_grad else value
    if isinstance(value, dict):
        return {key: _replaced(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(item, tensors) for item in value)
    return value
