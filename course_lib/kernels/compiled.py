"""How a plain loop becomes a fast one: compiled by Numba on its first call, kept on disk, run on torch's threads.

A loop module imports this one, and with it Numba; so loop modules are imported only where a loop is about to run.

Environment: `COURSE_KERNELS=0` leaves the loops alone (tensor operations take their place); `NUMBA_CACHE_DIR` says
where compiled loops are kept, instead of `~/.ddsp-course/kernels`.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numba

CONFIG: Any = numba.config  # its settings are made when Numba starts
# Sums may be added up in any order and products be fused with sums; NaN and infinity stay what they are.
OPTIONS: dict[str, Any] = {"fastmath": {"contract", "reassoc", "nsz"}, "error_model": "numpy"}
F = TypeVar("F", bound=Callable[..., Any])
HERE = Path(__file__).parent


@functools.cache
def cache_folder() -> Path | None:
    """Where compiled loops are kept, one folder for each state of their source; None where nothing can be written.

    Numba looks at the file of a loop alone to see whether it changed. A loop also holds the loops that it calls, from
    other files, and so the folder is named after them all.
    """
    source = b"".join(path.read_bytes() for path in sorted((HERE / "loops").glob("*.py")))
    state = hashlib.sha256(source + numba.__version__.encode()).hexdigest()[:12]
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or Path.home() / ".ddsp-course" / "kernels")
    folder = root / state
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return folder if folder.is_dir() else None
    return folder


@contextmanager
def _lock(folder: Path | None) -> Iterator[None]:
    """One process at a time: two that write Numba's index at once can leave it naming the wrong code."""
    from filelock import FileLock  # torch brings it

    with ExitStack() as held:
        if folder is not None:
            # A folder that may be read and not written, or a process that may write nowhere, has nothing to wait for.
            with suppress(OSError):
                held.enter_context(FileLock(folder / "lock"))
        yield


class Loop:
    """A loop over arrays that is compiled, or read from disk, when it first meets their types."""

    def __init__(self, loop: Callable[..., Any]) -> None:
        self.run: Any = None
        self.loop, self.here = loop, threading.Lock()
        functools.update_wrapper(self, loop)

    def __call__(self, *args: Any) -> Any:
        if self.run is not None:
            try:
                return self.run(*args)
            except TypeError:  # types it has not met
                pass
        with self.here:
            self._compile(tuple(numba.typeof(a) for a in args))
        return self.run(*args)

    def _compile(self, types: tuple[Any, ...]) -> None:
        folder = cache_folder()
        with _lock(folder):
            before, CONFIG.CACHE_DIR = CONFIG.CACHE_DIR, str(folder or "")
            try:
                run = self.run or numba.njit(**OPTIONS, nogil=True, cache=folder is not None)(self.loop)
                run.disable_compile(False)
                run.compile(types)
            except OSError:  # a disk that is full, or closed to us: compiled for this process alone
                run = numba.njit(**OPTIONS, nogil=True)(self.loop)
                run.compile(types)
            finally:
                CONFIG.CACHE_DIR = before
        run.disable_compile()
        self.run = run


# A short piece of a loop that several loops share; it becomes part of each.
part: Callable[[F], F] = numba.njit(**OPTIONS)
