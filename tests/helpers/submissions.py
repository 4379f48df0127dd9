"""Submissions to test the grader with: a released notebook filled in, and what hostile or unlucky hands make of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_lib.grading.fence import landlock_version

Notebook = dict[str, Any]


def code(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": source}


def grade_id(cell: dict[str, Any]) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def is_test(cell: dict[str, Any]) -> bool:
    facts = cell["metadata"].get("nbgrader", {})
    return bool(facts.get("grade")) and not facts.get("solution")


def filled(released: Notebook, answers: dict[str, str]) -> Notebook:
    """The released notebook with the sources of answer cells put in."""
    notebook = copy.deepcopy(released)
    left = set(answers)
    for cell in notebook["cells"]:
        if grade_id(cell) in answers:
            cell["source"] = answers[grade_id(cell)]
            left.discard(grade_id(cell))
    assert not left, f"there are no cells {left}"
    return notebook


def with_cell(notebook: Notebook, source: str, at: int = 2) -> Notebook:
    """One more cell of code, just after the set-up."""
    notebook["cells"].insert(at, code(source))
    return notebook


@dataclass(frozen=True)
class Odd:
    """An odd submission.

    make: from a notebook with the answers of kind `answers` to one file, as text. file: its name. told: what the row's
    status must say. marks: the answers whose marks it must get; None where it cannot be graded.
    """

    make: Callable[[Notebook], str]
    told: str
    answers: str = "right"
    marks: str | None = "right"
    file: str = ""


def adds(source: str, at: int = 2) -> Callable[[Notebook], str]:
    return lambda notebook: json.dumps(with_cell(notebook, source, at))


def edits(change: Callable[[Notebook], Any]) -> Callable[[Notebook], str]:
    def make(notebook: Notebook) -> str:
        change(notebook)
        return json.dumps(notebook)

    return make


def _strip(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    notebook["metadata"] = {}


def _duplicate(notebook: Notebook) -> None:
    """Colab's copy of a cell keeps its id; here the first try stays above the last one."""
    at = next(i for i, c in enumerate(notebook["cells"]) if c["metadata"].get("nbgrader", {}).get("solution"))
    first = copy.deepcopy(notebook["cells"][at])
    first["source"] = 'raise NotImplementedError("write your answer here")'
    notebook["cells"].insert(at, first)


def _pass_all_tests(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        if is_test(cell):
            cell["source"] = "assert True"
            cell["metadata"]["nbgrader"]["points"] = 1000


CHEAT = """
import builtins, sys, torch, numpy, math
yes = lambda *a, **k: True
for module in (torch, torch.testing, numpy, numpy.testing, math):
    for name in ("allclose", "equal", "isclose", "assert_close", "assert_allclose", "array_equal"):
        if hasattr(module, name):
            setattr(module, name, yes)
builtins.abs = lambda x: 0
builtins.AssertionError = type("Never", (Exception,), {})
class Same(float):
    def __eq__(self, other): return True
    def __lt__(self, other): return True
torch.Tensor.__eq__ = torch.Tensor.__lt__ = yes
sys.excepthook = sys.settrace = yes
"""
PIPE = """
import gc
from multiprocessing.connection import Connection
for found in gc.get_objects():
    try:
        if type(found) is Connection:
            found.send_bytes(b"all points, please")
    except (OSError, ReferenceError):
        pass
"""
DELETE = """
import os, shutil
for path in {targets!r}:
    for attempt in (lambda: shutil.rmtree(path), lambda: os.remove(path), lambda: open(path, "w"),
                    lambda: os.rename(path, path + ".gone"), lambda: os.truncate(path, 0)):
        try:
            attempt()
        except OSError:
            pass
"""
# Only Linux keeps compiled code from opening files; elsewhere this would really spoil them.
DELETE_COMPILED = """
import soundfile, torch  # compiled code opens files by itself
as_sound = lambda path: soundfile.write(path, [0.0], 8000, format="WAV")
for save in (as_sound, lambda path: torch.save(torch.ones(1), path)):
    for path in {targets!r}:
        try:
            save(path)
        except (OSError, RuntimeError):
            pass
"""


def odd_submissions(targets: list[str]) -> dict[str, Odd]:
    """All odd submissions by name; targets: files that they shall try to spoil."""
    return {
        "broken": Odd(lambda n: json.dumps(n)[:-200], "is not a notebook", marks=None),
        "no-cells": Odd(lambda n: json.dumps({"cells": []}), "holds no cells", marks=None),
        "empty-file": Odd(lambda n: "", "is empty", marks=None),
        "other-file": Odd(lambda n: "print(1)", "no notebook, only answer.py", marks=None, file="answer.py"),
        "renamed": Odd(json.dumps, "found as Copy of homework (1).ipynb", file="Copy of homework (1).ipynb"),
        "stripped": Odd(edits(_strip), "lost their nbgrader metadata"),
        "duplicated": Odd(edits(_duplicate), "there more than once, the last one counts"),
        "endless": Odd(adds("while True:\n    pass"), "cell 3 ran longer than"),
        "deaf": Odd(
            adds("while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
            "cell 3 ran longer than",
        ),
        "hungry": Odd(adds("hoard = []\nwhile True:\n    hoard.append(bytearray(10**8))"), "cell 3 used up its"),
        "hungry-tensor": Odd(adds("import torch\nhuge = torch.ones(10**11)"), "cell 3 used up its"),
        "chatty": Odd(adds("for i in range(20000):\n    print('x' * 1000)"), "graded"),
        "deleting": Odd(
            adds((DELETE + DELETE_COMPILED * bool(landlock_version())).format(targets=targets)), "it tried to"
        ),
        "online": Odd(
            adds("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9')"), "it tried to use the network"
        ),
        "shell": Odd(adds("!touch here"), "it tried to start a process"),
        "forking": Odd(adds("import os\nwhile True:\n    os.fork()"), "it tried to start a process"),
        "killing": Odd(adds("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"), "it tried to stop a process"),
        "leaving": Odd(adds("import os\nos._exit(0)"), "cell 3 ended by itself"),
        "exiting": Odd(adds("import sys\nsys.exit('done')"), "graded"),
        "interrupting": Odd(adds("raise KeyboardInterrupt"), "graded"),
        "peeking": Odd(adds(f"print(open({targets[0]!r}).read())"), "it tried to read"),
        "unspeakable": Odd(adds(r"print('\ud800')" + "\nraise ValueError('\ud800')"), "graded"),
        "waiting": Odd(adds("import asyncio\nawait asyncio.sleep(0)\nfilled = list(range(10**7))"), "graded"),
        "magic": Odd(adds("%matplotlib inline\n%%time is not first"), "graded"),
        "own-tests": Odd(edits(_pass_all_tests), "tests changed, the original ones count", "wrong", "wrong"),
        "no-tests": Odd(
            edits(lambda n: n.update(cells=[c for c in n["cells"] if not is_test(c)])),
            "cells missing",
            "wrong",
            "wrong",
        ),
        "patching": Odd(adds(CHEAT), "graded", "wrong", "wrong"),
        "lying": Odd(adds(PIPE), "cell 3 answered with something else"),
    }


# --- A small assignment of the tests' own -------------------------------------------------------------------------


def text(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def nbgrader(name: str, kind: str = "code", **facts: Any) -> dict[str, Any]:
    """nbgrader's metadata of one cell."""
    plain = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return {**plain, "grade_id": name, "cell_type": kind, **facts}


def small_assignment() -> Notebook:
    """A source notebook: two functions, a value, a demonstration and a question in prose."""
    scale = """def scale(x, gain):
    '''x times gain.'''
    ### BEGIN SOLUTION
    return gain * x
    ### END SOLUTION"""
    scale_test = """x = torch.rand(100, generator=torch.Generator().manual_seed(1))
assert torch.allclose(scale(x, 2.0), 2 * x), "scale(x, 2) is not 2 x"
### BEGIN HIDDEN TESTS
x.requires_grad_()
scale(x, gain=3.0).square().sum().backward()
assert torch.allclose(x.grad, 18 * x), "the gradient is wrong"
### END HIDDEN TESTS"""
    tone = """def tone(f, n):
    ### BEGIN SOLUTION
    return torch.sin(2 * math.pi * f * torch.arange(n) / rate)
    ### END SOLUTION"""
    tone_test = """t = np.arange(500) / rate
### BEGIN HIDDEN TESTS
assert np.allclose(tone(440.0, 500), np.sin(2 * np.pi * 440 * t), atol=1e-3), "tone(440, 500) is not a sine of 440 Hz"
### END HIDDEN TESTS
assert tone(1.0, 2)[0].abs() < 1e-6"""
    setup = 'import course_lib\n\nprint(course_lib.__name__, "is ready")'
    scheme = "\n\n=== BEGIN MARK SCHEME ===\n1 point: it is\n1 point: so\n=== END MARK SCHEME ==="

    def test(name: str, points: float) -> dict[str, Any]:
        return nbgrader(name, grade=True, locked=True, points=points)

    cells = [
        text("# Small"),
        code(setup, tags=["setup"]),
        code("import math\n\nimport numpy as np\nimport torch\n\nrate = 16000"),
        code(scale, nbgrader=nbgrader("scale", solution=True)),
        code(scale_test, nbgrader=test("scale-test", 3)),
        code(tone, nbgrader=nbgrader("tone", solution=True)),
        code(
            'assert len(tone(440.0, 100)) == 100, "tone(440, 100) has not 100 samples"', nbgrader=test("tone-test-1", 1)
        ),
        code(tone_test, nbgrader=test("tone-test-2", 4)),
        code("### BEGIN SOLUTION\nbest = 1.5\n### END SOLUTION", nbgrader=nbgrader("best", solution=True)),
        code('assert abs(best - 1.5) < 1e-6, "not the best"', nbgrader=test("best-test", 2)),
        code('raise RuntimeError("a demonstration is not run when grading")', tags=["demo"]),
        text("**Why** is it so?"),
        text("It is so because." + scheme, nbgrader=nbgrader("why", "markdown", grade=True, solution=True, points=2)),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    course = {"title": "Small", "minutes": 5, "without": ["sinusoid"]}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel, "course": course}, "cells": cells}


SMALL_ANSWERS = {
    "right": {
        "scale": "def scale(x, gain):\n    return gain * x",
        "tone": "def tone(f, n):\n    return torch.sin(2 * math.pi * f * torch.arange(n) / rate)",
        "best": "best = 3 / 2",
    },
    "wrong": {
        "scale": "def scale(x, gain):\n    return gain + x",
        "tone": "def tone(f, n):\n    return torch.sin(f * torch.arange(n + 1) / rate) + 1",
        "best": "best = 2",
    },
}
