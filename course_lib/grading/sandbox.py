"""The grader's side of a student's process: start it, ask it, stop it, and never believe a word of it."""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.grading.wire import LARGEST, Unshareable, pack, unpack


@dataclass(frozen=True)
class Limits:
    """What one notebook may use: seconds in all, seconds a cell, seconds a call of a function, megabytes."""

    seconds: float = 120.0
    cell_seconds: float = 20.0
    call_seconds: float = 10.0
    memory_mb: int = 2000


class Stopped(Exception):
    """The process was stopped or ended by itself; the message completes the sentence "it …"."""


class Process:
    """One running submission. Everything that it sends is bytes until `unpack` has looked at them."""

    def __init__(self, hidden: Sequence[Path], limits: Limits) -> None:
        self.limits, self.refused = limits, list[str]()
        self.scratch = Path(tempfile.mkdtemp(prefix="course-answer-"))
        context = _context()
        self.connection, theirs = context.Pipe()
        from course_lib.grading.inmate import serve

        arguments = (theirs, str(self.scratch), [str(p) for p in hidden], limits.memory_mb, limits.seconds)
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        with _starting:
            self.process.start()
        theirs.close()
        self.reason = ""

    def ask(self, seconds: float, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer; Stopped if none comes in time, in memory, or at all."""
        began, watchdog = time.monotonic(), threading.Timer(seconds, self.stop, [f"ran longer than {seconds:.0f} s"])
        watchdog.daemon = True
        watchdog.start()  # also ends a wait for the second half of a message
        try:
            self.connection.send_bytes(pack(request))
            while not self.connection.poll(0.1):
                if time.monotonic() - began > seconds + 5:
                    raise EOFError
                self._weigh()
            answer = unpack(self.connection.recv_bytes(LARGEST + 1_000_000))
            if not isinstance(answer, dict):
                raise Unshareable("not a message")
        except (EOFError, OSError, Unshareable) as error:
            self.stop(
                "answered with something else than an answer" if isinstance(error, Unshareable) else "ended by itself"
            )
            raise Stopped(self.reason) from None
        finally:
            watchdog.cancel()
        self.refused += [str(r)[:200] for r in answer.get("refused", []) or []]
        return answer

    def _weigh(self) -> None:
        """Where the system sets no limit to memory, this does."""
        with contextlib.suppress(Exception):
            import psutil

            if psutil.Process(self.process.pid).memory_info().rss > (self.limits.memory_mb + 1500) * 1_000_000:
                self.stop(f"used more than {self.limits.memory_mb} MB of memory")

    def stop(self, reason: str = "was stopped") -> None:
        """End it, whatever it is doing. The first reason stays."""
        self.reason = self.reason or reason
        with contextlib.suppress(Exception):
            self.process.kill()

    def close(self) -> None:
        """End it and remove what it wrote."""
        self.stop()
        with contextlib.suppress(Exception):
            self.process.join(10)
        self.connection.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


_starting = threading.Lock()


def _context() -> Any:
    """New processes are forked from one that has loaded everything and holds nothing, or started anew on Windows."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["course_lib.grading.inmate"])
    return context
