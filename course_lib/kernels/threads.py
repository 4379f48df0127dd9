"""Work in pieces on as many threads as torch is set to: loops that let go of Python's lock run side by side.

Numba's own parallel loops would be shorter, but its default thread layer breaks when two threads of one program enter
it at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch

# Fewer products than this are done before a second thread has woken up.
WORTH_A_THREAD = 200_000

_pool: ThreadPoolExecutor | None = None
_size = 0
_lock = threading.Lock()


def pieces(n_rows: int, *, n_frames: int, products: int) -> list[tuple[int, int, int]]:
    """(row, first frame, frame behind the last) of the pieces that the work falls into."""
    threads = min(torch.get_num_threads(), products // WORTH_A_THREAD + 1)
    a_row = min(n_frames, -(-threads // n_rows))
    cuts = [n_frames * c // a_row for c in range(a_row + 1)]
    return [(row, cuts[c], cuts[c + 1]) for row in range(n_rows) for c in range(a_row)]


def each(work: Callable[[tuple[int, int, int]], None], parts: Iterable[tuple[int, int, int]], products: int) -> None:
    """Do all pieces, side by side where it is worth it; what one of them raises is raised here."""
    threads = torch.get_num_threads()
    if threads == 1 or products < WORTH_A_THREAD:
        for piece in parts:
            work(piece)
    else:
        for _ in _pool_of(threads).map(work, parts):
            pass


def _pool_of(threads: int) -> ThreadPoolExecutor:
    global _pool, _size
    with _lock:
        if _pool is None or _size != threads:
            # The one before is not shut down: another thread may be waiting for it. It ends when nobody holds it.
            _pool, _size = ThreadPoolExecutor(threads, thread_name_prefix="kernels"), threads
        return _pool


def _forget() -> None:
    """A forked process has none of its parent's threads."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
