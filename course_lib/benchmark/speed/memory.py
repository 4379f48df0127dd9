"""Peak memory of one pass, each on the CPU in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import math
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from course_lib.benchmark.speed.workloads import METHODS, PASSES, WORKLOADS, Workload, draw_controls, make_pass


def peak_mb(device: str, workload: str, which: str, method: str) -> float:
    """Peak memory of one pass above its inputs, in megabytes; NaN where the system does not tell."""
    w, wanted = WORKLOADS[workload], PASSES[which]
    if device == "cuda":
        call = make_pass(METHODS[method], draw_controls(w, device), w, wanted)
        call()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    if not Path("/proc/self/clear_refs").exists():
        return math.nan
    context = multiprocessing.get_context("forkserver")  # forks of a process that has only imported
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_peak_in_process, args=(sender, w, wanted, method))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError as error:
        raise RuntimeError(
            f"the process that measures {workload}, {which}, {method} has died; out of memory?"
        ) from error
    finally:
        process.join()


def _peak_in_process(sender: Connection, w: Workload, wanted: tuple[int, ...], method: str) -> None:
    """Send the peak of the resident set above what the inputs need, after a small warm-up."""
    torch.set_num_threads(1)
    small = w._replace(batch=1, seconds=0.1, n_frames=25)
    make_pass(METHODS[method], draw_controls(small, "cpu"), small, wanted)()
    call = make_pass(METHODS[method], draw_controls(w, "cpu"), w, wanted)
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)  # what the imports left free would hide the first megabytes
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak so far
    before = _status_kb("VmRSS")
    call()
    sender.send((_status_kb("VmHWM") - before) * 1024 / 1e6)


def _status_kb(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
