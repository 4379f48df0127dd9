"""Runs a student's answer so that whatever it does, the notebook goes on: a time limit, and nothing escapes.

The answer runs in a thread of its own, which can be left behind. One thing no thread can be saved from: a single call
in C that keeps Python's global lock, such as 9**9**9; it holds up the whole process until it returns.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

KEPT_LINES, KEPT_CHARACTERS = 12, 1200  # of what an answer prints: it is called many times
PATIENCE_S = 1.0  # how long a late answer may take to stop before it is left behind


class Late(BaseException):
    """Raised inside an answer whose time is up; no Exception, so that `except Exception` lets it through."""


@dataclass
class Outcome:
    """What came of a call: its value or what it raised, what it printed, and whether it had to be stopped.

    state: "done"; "late": stopped after the time limit; "stuck": it could not be stopped and is still running.
    """

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    state: Literal["done", "late", "stuck"] = "done"


def guarded(function: Callable[[], Any], limit_s: float) -> Outcome:
    """Call a function and report what came of it, after `limit_s` seconds and a little at the latest.

    A KeyboardInterrupt of the user goes through, after the function has been stopped.
    """
    outcome, context = Outcome(), contextvars.copy_context()

    def work() -> None:
        with contextlib.suppress(BaseException):  # Late may come when all is done
            try:
                outcome.value = context.run(function)
            except BaseException as error:
                outcome.error = error.with_traceback(None)  # whose frames would keep large tensors

    thread = threading.Thread(target=work, name="exercise", daemon=True)
    with _quiet() as printed:
        try:
            thread.start()
            until = time.monotonic() + limit_s
            while thread.is_alive() and time.monotonic() < until:
                thread.join(0.05)  # short, since Windows does not interrupt a long wait
        except RuntimeError:  # no threads here, as in a browser's Python
            work()
            if isinstance(outcome.error, KeyboardInterrupt):
                raise outcome.error from None
        except BaseException:
            _stop(thread)
            raise
        if not thread.is_alive():
            return Outcome(outcome.value, outcome.error, printed.text())
        return Outcome(printed=printed.text(), state="late" if _stop(thread) else "stuck")


def _stop(thread: threading.Thread) -> bool:
    """Raise Late in a thread, again and again for a second; whether it has ended."""
    until = time.monotonic() + PATIENCE_S
    while thread.is_alive() and time.monotonic() < until:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Late))
        thread.join(0.05)
    return not thread.is_alive()


class _Printed(io.TextIOBase):
    """Keeps the beginning of what is written."""

    def __init__(self) -> None:
        self.kept, self.more = "", False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = KEPT_CHARACTERS - len(self.kept)
        self.more |= len(text) > room
        self.kept += text[: max(0, room)]
        return len(text)

    def text(self) -> str:
        lines = self.kept.rstrip().splitlines()
        shown = lines[:KEPT_LINES] + (["…"] if self.more or len(lines) > KEPT_LINES else [])
        return "\n".join(shown)


def _no_exit() -> None:
    raise SystemExit


@contextlib.contextmanager
def _quiet() -> Iterator[_Printed]:
    """Catch what is printed; drop what is plotted or played, which would appear once for each random input.

    In a notebook exit() does not raise but asks the kernel to end: here it raises.
    """
    from IPython.core.getipython import get_ipython
    from IPython.utils.capture import capture_output

    printed, pyplot, shell = _Printed(), sys.modules.get("matplotlib.pyplot"), get_ipython()
    figures = set(pyplot.get_fignums()) if pyplot else set()
    if shell is not None:
        vars(shell)["ask_exit"] = _no_exit
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            with capture_output(stdout=False, stderr=False, display=True):
                yield printed
    finally:
        if shell is not None:
            del vars(shell)["ask_exit"]
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot:
            for number in set(pyplot.get_fignums()) - figures:
                pyplot.close(number)
