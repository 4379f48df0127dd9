"""The student's process: it runs the cells of one notebook as a notebook does, and then answers calls."""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import librosa
import matplotlib
import numpy as np
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import Tensor

import course_lib
from course_lib.grading.fence import raise_fence
from course_lib.grading.wire import LARGEST, Unshareable, pack, unpack

matplotlib.use("Agg")
import matplotlib.pyplot

for _lazy in ("pyin", "resample", "stft", "load", "filters"):
    getattr(librosa, _lazy)
for _public in vars(course_lib)["__all__"]:
    getattr(course_lib, _public)
course_lib.estimate_f0(torch.sin(torch.arange(8000) / 10), 16000)  # compiles for seconds, the first time
_knob = torch.zeros(1, requires_grad=True)
_knob.grad = torch.ones(1)
torch.optim.Adam([_knob]).step()  # loads much, and looks for a folder to cache in

SHOWN = 4000  # letters of what a cell prints
KEPT_CALLS = 200  # of which a gradient may still be asked


class Printed(io.StringIO):
    """What a cell prints, its beginning only: a loop that prints for ever takes no memory."""

    def write(self, text: str) -> int:
        room = SHOWN - self.tell()
        super().write(str(text)[: max(0, room)])
        return len(text)


def serve(connection: Any, scratch: str, hidden: list[str], memory_mb: int, seconds: float) -> None:
    """Serve one submission until the other side closes: run cells, list names, call functions, give gradients."""
    os.chdir(scratch)
    if hasattr(os, "setsid"):
        os.setsid()
    for name in ("TMPDIR", "HOME", "MPLCONFIGDIR", "IPYTHONDIR", "XDG_CACHE_HOME"):
        os.environ[name] = scratch
    # Loops would have to be compiled anew for each submission: what is kept on disk is out of reach.
    os.environ |= {"COURSE_PROGRESS": "0", "COURSE_KERNELS": "0", "MPLBACKEND": "Agg"}
    torch.set_num_threads(1)
    if "numba.core.caching" in sys.modules:  # its files are out of reach here, and it would not take that calmly
        cache = sys.modules["numba.core.caching"].Cache  # type: ignore[attr-defined]
        cache.save_overload = cache.load_overload = lambda *_: None
    shell = _shell()
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    refused: list[str] = []
    raise_fence(Path(scratch), [Path(folder) for folder in hidden], memory_mb, seconds, refused.append)
    calls: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
    while True:
        try:
            request = unpack(connection.recv_bytes(LARGEST + 1_000_000))
        except (EOFError, OSError):
            os._exit(0)
        refused.clear()
        answer: dict[str, Any]
        try:
            answer = _serve(shell, calls, request)
        except BaseException as error:  # whatever it is, it is an answer
            answer = {"error": [type(error).__name__, _short(error)]}
        answer["refused"] = list(dict.fromkeys(refused))[:20]
        try:
            message = pack(answer)
        except Unshareable as error:
            message = pack({"error": ["Unshareable", str(error)], "refused": answer["refused"]})
        connection.send_bytes(message)


def _shell() -> Any:
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    shell = InteractiveShell.instance(config=config)
    shell.user_ns["__name__"] = "__main__"
    return shell


def _serve(shell: Any, calls: dict[int, tuple[list[Tensor], list[Tensor]]], request: dict[str, Any]) -> dict[str, Any]:
    kind = request["do"]
    if kind == "cell":
        return _cell(shell, request["code"])
    if kind == "names":
        return {"names": {name: _described(shell.user_ns, name) for name in request["names"]}}
    if kind == "call":
        return _call(shell.user_ns[request["name"]], calls, request)
    if kind == "gradient":
        inputs, outputs = calls[request["call"]]
        given = [
            torch.zeros_like(o) if g is None else g.to(o.dtype)
            for o, g in zip(outputs, request["gradients"], strict=True)
        ]
        return {"value": list(torch.autograd.grad(outputs, inputs, given, retain_graph=True, allow_unused=True))}
    raise ValueError(f"cannot {kind}")


def _cell(shell: Any, code: str) -> dict[str, Any]:
    printed = Printed()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        result = InteractiveShell.run_cell(shell, code, store_history=False)
    matplotlib.pyplot.close("all")
    error = result.error_before_exec or result.error_in_exec
    shown = None if error is None else [type(error).__name__, _short(error)]
    return {"error": shown, "printed": printed.getvalue()}


def _described(names: dict[str, Any], name: str) -> list[Any]:
    """What a name of the notebook is: missing, a function, a value that can be sent, or something else."""
    if names.get(name, ...) is ...:
        return ["missing"]
    value = names[name]
    if callable(value):
        return ["function"]
    try:
        pack(value)
    except Unshareable as error:
        return ["other", str(error)]
    return ["value", value]


def _call(
    function: Any, calls: dict[int, tuple[list[Tensor], list[Tensor]]], request: dict[str, Any]
) -> dict[str, Any]:
    for seed in (random.seed, np.random.seed, torch.manual_seed):  # a mark must not depend on luck
        seed(0)
    arguments, named = request["arguments"], request["named"]
    inputs = [t for t in _tensors([arguments, named]) if t.requires_grad]
    with contextlib.redirect_stdout(Printed()), contextlib.redirect_stderr(Printed()):
        value = function(*arguments, **named)
    outputs = [t for t in _tensors(value) if t.requires_grad]
    if inputs and outputs:
        calls[request["call"]] = (inputs, outputs)
        calls.pop(request["call"] - KEPT_CALLS, None)
    return {"value": value}


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a nested value, in the order in which `pack` meets them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _short(error: BaseException) -> str:
    try:
        return str(error)[:1000]
    except Exception:
        return "(its message cannot be shown)"
