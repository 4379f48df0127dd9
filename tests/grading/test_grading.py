"""The grader: values between processes, the fence, finding submissions, marks by a person, and what it says of each."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.__main__ import main
from course_lib.grading import Limits, grade, load_assignments, release
from course_lib.grading.answers import Answers, Failed, NotAttempted
from course_lib.grading.collect import collect
from course_lib.grading.fence import landlock_version
from course_lib.grading.sandbox import Stopped
from course_lib.grading.source import STUB
from course_lib.grading.wire import LARGEST, Unshareable, pack, unpack
from tests.helpers import ROOT
from tests.helpers.submissions import SMALL_ANSWERS, Notebook, filled, grade_id, small_assignment, with_cell

QUICK = Limits(seconds=60, cell_seconds=4, call_seconds=3, memory_mb=1000)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "small").mkdir()
    (folder / "small" / "small.ipynb").write_text(json.dumps(small_assignment()), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def released(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    (path,) = release(tmp_path_factory.mktemp("released"), source=source)
    return json.loads(path.read_text(encoding="utf-8"))


def hand_in(folder: Path, student: str, notebook: Notebook, name: str = "small.ipynb") -> Path:
    path = folder / student / "small" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def right(released: Notebook, **others: str) -> Notebook:
    return filled(released, SMALL_ANSWERS["right"] | others)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- Values between processes --------------------------------------------------------------------------------------


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert repr(unpack(pack(value))) == repr(value)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "float32", "float64", "complex64"])
def test_tensors_and_arrays_come_back_as_they_were(dtype: str) -> None:
    array = (np.arange(24) % 7).astype(dtype).reshape(2, 3, 4)
    back = unpack(pack({"array": array.T, "tensor": torch.from_numpy(array)[:, 1]}))
    assert back["array"].dtype == array.dtype and np.array_equal(back["array"], array.T)
    assert torch.equal(back["tensor"], torch.from_numpy(array)[:, 1]) and not back["tensor"].requires_grad
    assert unpack(pack(torch.ones(2, requires_grad=True))).requires_grad
    for shape in ((0,), (3, 0), ()):
        assert unpack(pack(torch.ones(shape))).shape == shape


@given(st.binary(max_size=200))
def test_other_bytes_are_no_message(data: bytes) -> None:
    try:
        unpack(data)
    except Unshareable:
        return
    assert pack(unpack(data))  # by chance it was one


def test_a_message_cannot_lie_about_its_length() -> None:
    message = pack([torch.ones(10)])
    for spoilt in (message[:-1], message + b"x", message.replace(b"[10]", b"[99]"), message.replace(b"[10]", b"[-1]")):
        with pytest.raises(Unshareable):
            unpack(spoilt)


class Actor:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo it acts",)


def test_what_could_act_does_not_pass() -> None:
    for value in (
        Actor(),
        print,
        torch.nn.Linear(1, 1),
        {1: 2},
        torch.ones(2, dtype=torch.bfloat16),
        np.array([Actor()]),
    ):
        with pytest.raises(Unshareable):
            pack(value)
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(Unshareable, match="deep"):
        pack(loop)
    with pytest.raises(Unshareable, match="64 MB"):
        pack(torch.zeros(LARGEST // 4 + 1))
    with pytest.raises(Unshareable, match="4 MB without arrays"):
        pack([0.123456789] * 500_000)
    with pytest.raises(Unshareable, match="items"):
        pack(list(range(500_001)))


# --- The student's process -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers() -> Any:
    cells = [
        "import torch\nimport numpy as np\nfrom course_lib import sinusoid, estimate_f0, load_clip",
        "def square(x):\n    return x ** 2\ndef both(x, y):\n    return {'sum': (x + y, x * y), 'n': 3}",
        "def unready(x):\n    raise NotImplementedError('write your answer here')\ndef odd():\n    return object()",
        "def fail(x):\n    raise ValueError('frequency_hz must be positive')\nvalue = [1, np.float32(2)]\nlater = ...",
        "def spoil(x):\n    x += 1\n    return x\ndef dice():\n    return torch.rand(3)",
        "def hang():\n    while True: pass\n"
        "def tone(f0):\n    return sinusoid(f0, 0.5, n_samples=8000, sample_rate=16000)",
        "thing = object()\nprint('hello')\n1 / 0",
    ]
    names = "square both unready odd fail value later spoil dice hang tone thing nowhere".split()
    running = Answers(cells, names, [], QUICK)
    running.run()
    yield running
    running.close()


def test_names_are_functions_values_missing_or_neither(answers: Answers) -> None:
    assert answers.found["square"] == ["function"] and answers.found["value"] == ["value", [1, 2.0]]
    assert answers.found["nowhere"] == answers.found["later"] == ["missing"] and answers.found["thing"][0] == "other"
    assert answers.errors == {6: ("ZeroDivisionError", "division by zero")}
    assert answers.printed[6].startswith("hello\n")


def test_calls_and_gradients_pass(answers: Answers) -> None:
    x = torch.rand(5, dtype=torch.float64, requires_grad=True)
    y = torch.rand(5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: answers.call("square", (x,), {}), (x,))
    result = answers.call("both", (x,), {"y": y})
    assert result["n"] == 3 and torch.equal(result["sum"][1], x * y)
    (result["sum"][0].sum() + 2 * result["sum"][1].sum()).backward()
    assert torch.allclose(x.grad, 1 + 2 * y)
    f0 = torch.tensor([220.0, 230.0])
    assert answers.call("tone", (f0,), {}).shape == (8000,)


def test_the_library_works_inside() -> None:
    """librosa and its compiler too, which on a new machine takes its time."""
    cells = [
        "from course_lib import estimate_f0, load_clip\ndef heard():\n    return estimate_f0(*load_clip('voice'))[0]"
    ]
    running = Answers(cells, ["heard"], [], Limits(call_seconds=90))
    running.run()
    assert running.call("heard", (), {}).median() > 80
    running.close()


def test_errors_pass_as_words(answers: Answers) -> None:
    with pytest.raises(Failed, match="must be positive") as told:
        answers.call("fail", (1.0,), {})
    assert told.value.kind == "ValueError" and isinstance(told.value, ValueError)
    with pytest.raises(NotAttempted):
        answers.call("unready", (1.0,), {})
    with pytest.raises(Failed, match="no number, string or tensor"):
        answers.call("odd", (), {})


def test_arguments_are_copies_and_luck_is_fixed(answers: Answers) -> None:
    x = torch.zeros(3)
    assert torch.equal(answers.call("spoil", (x,), {}), torch.ones(3)) and torch.equal(x, torch.zeros(3))
    assert torch.equal(answers.call("dice", (), {}), answers.call("dice", (), {}))


def test_a_function_that_hangs_is_called_once(answers: Answers) -> None:
    for _ in range(2):
        with pytest.raises(Failed, match="hang ran longer than 3 s"):
            answers.call("hang", (), {})
    assert float(answers.call("square", (3.0,), {})) == 9.0  # in a process that was started anew


def test_the_time_of_a_notebook_ends() -> None:
    running = Answers(["while True: pass"] * 9, [], [], Limits(seconds=6, cell_seconds=2))
    with pytest.raises(Stopped, match="used up its 6 s"):
        running.run()
    running.close()


def test_the_scratch_folder_is_its_own_and_goes_away() -> None:
    running = Answers(["open('mine.txt', 'w').write('x')\nimport os\nhere = os.getcwd()"], ["here"], [], QUICK)
    running.run()
    here = Path(running.found["here"][1])
    assert (here / "mine.txt").exists() and not running.errors and not running.refused
    running.close()
    assert not here.exists()


@pytest.mark.skipif(not landlock_version(), reason="this system has no Landlock")
def test_compiled_code_does_not_get_past_the_fence(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the answer")
    target = tmp_path / "spoilt.wav"
    cells = [
        f"import soundfile\nsoundfile.write({str(target)!r}, [0.0], 8000)",
        f"import torch\ntorch.save(torch.ones(3), {str(target)!r})",
        f"text = open({str(tmp_path / 'secret.txt')!r}).read()",
    ]
    running = Answers(cells, ["text"], [], QUICK)
    running.run()
    running.close()
    assert set(running.errors) == {0, 1, 2} and not target.exists() and running.found["text"] == ["missing"]


# --- Releasing -----------------------------------------------------------------------------------------------------


def test_students_get_no_answers(released: Notebook) -> None:
    told = json.dumps(released)
    for secret in (
        "BEGIN",
        "HIDDEN",
        "MARK SCHEME",
        "gain * x",
        "1.5\\n",
        "It is so because",
        "18 * x",
        '"demo"',
        "sinusoid",
    ):
        assert secret not in told.replace("abs(best - 1.5)", ""), secret
    assert all(not cell.get("outputs") for cell in released["cells"])
    stubs = {grade_id(c): "".join(c["source"]) for c in released["cells"]}
    assert STUB in stubs["scale"] and "'''x times gain.'''" in stubs["scale"] and stubs["why"] == "YOUR ANSWER HERE"
    assert released["metadata"]["course"] == {"assignment": "small", "title": "Small"}


def test_release_overwrites_nothing(source: Path, tmp_path: Path) -> None:
    (path,) = release(tmp_path, source=source)
    assert path == tmp_path / "small" / "small.ipynb"
    release(tmp_path, source=source)  # the same again is no loss
    path.write_text("mine")
    with pytest.raises(ValueError, match="--force"):
        release(tmp_path, source=source)
    assert path.read_text() == "mine"
    release(tmp_path, source=source, force=True)
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda n: n["cells"][4]["metadata"]["nbgrader"].update(grade_id="tone-test-1"), "used twice"),
        (lambda n: n["cells"][4]["metadata"]["nbgrader"].update(points=0), "has no points"),
        (lambda n: n["cells"][3].update(source="def scale(x, gain):\n    return x"), "has no region"),
        (lambda n: n["cells"][4].update(source="assert True"), "use nothing that a solution cell defines"),
        (lambda n: n.update(cells=n["cells"][:3]), "has no tests"),
    ],
)
def test_a_source_that_breaks_the_format_is_named(change: Any, told: str, tmp_path: Path) -> None:
    notebook = small_assignment()
    change(notebook)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "small.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(ValueError, match=told):
        load_assignments(tmp_path)


# --- Finding submissions -------------------------------------------------------------------------------------------


def zipped(files: dict[str, str | bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return memory.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "Ann Bee/small/small.ipynb",
        "export/Ann Bee/small/small.ipynb",
        "Ann Bee_4711_assignsubmission_file_/small.ipynb",
        "Ann Bee_4711_assignsubmission_file_/Kopie von small.ipynb",
        "Ann Bee_4711_456_small-2.ipynb",
        "Ann Bee_LATE_4711_456_homework.ipynb",
        "Ann Bee/homework.ipynb",
        "Ann Bee.ipynb",
        "../Ann Bee/small/small.ipynb",
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_platforms_and_people_pack_in_their_ways(
    name: str, packed: bool, source: Path, released: Notebook, tmp_path: Path
) -> None:
    inbox = tmp_path / ("in.zip" if packed else "in")
    if packed:
        inbox.write_bytes(zipped({name: json.dumps(released), "__MACOSX/x": "", "Ann Bee/.DS_Store": ""}))
    else:
        path = inbox / name.removeprefix("../")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(released))
    (found,) = collect(inbox, load_assignments(source))
    assert (found.student, found.problem) == ("Ann Bee", "") and found.assignment and found.assignment.name == "small"
    assert len(found.cells) == len(released["cells"])


def test_a_zip_within_a_folder_and_a_choice_of_notebooks(source: Path, released: Notebook, tmp_path: Path) -> None:
    done = json.dumps(right(released))
    (tmp_path / "in" / "ann").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "work.zip").write_bytes(zipped({"my/small.ipynb": done, "my/notes.txt": "x"}))
    hand_in(tmp_path / "in", "bea", released)
    hand_in(tmp_path / "in", "bea", right(released), "small-finished.ipynb")
    (tmp_path / "in" / "cem" / "small").mkdir(parents=True)
    (tmp_path / "in" / "dan" / "small").mkdir(parents=True)
    (tmp_path / "in" / "dan" / "small" / "small.ipynb").symlink_to(tmp_path / "in" / "bea" / "small" / "small.ipynb")
    (tmp_path / "in" / "eve").mkdir()
    (tmp_path / "in" / "eve" / "zip.zip").write_bytes(b"no zip")
    found = {s.student: s for s in collect(tmp_path / "in", load_assignments(source))}
    assert found["ann"].problem == "" and found["ann"].cells
    assert "2 notebooks, graded small-finished.ipynb, not small.ipynb" in found["bea"].notes
    assert found["cem"].problem == "no notebook"
    assert "link to another file" in found["dan"].problem
    assert "is no ZIP" in found["eve"].problem


def test_nothing_to_grade_is_said(source: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    for inbox, told in (("empty", "is empty"), ("file.txt", "neither a folder nor a ZIP"), ("none", "there is no")):
        with pytest.raises(ValueError, match=told):
            collect(tmp_path / inbox, load_assignments(source))


def test_a_zip_bomb_is_not_unpacked(source: Path, tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(zipped({"ann/small/small.ipynb": bytes(40_000_000)}))
    (found,) = collect(tmp_path / "in.zip", load_assignments(source))
    assert "larger than 30 MB" in found.problem


# --- Marks ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graded(source: Path, released: Notebook, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pile with one of each, graded once."""
    folder = tmp_path_factory.mktemp("graded")
    hand_in(folder / "in", "untouched", released)
    prose = next(i for i, c in enumerate(released["cells"]) if grade_id(c) == "why")
    told = right(released)
    told["cells"][prose]["source"] = "=1+1, I <b>think</b>"
    hand_in(folder / "in", "=right", told)
    hand_in(folder / "in", "wrong", filled(released, SMALL_ANSWERS["wrong"]))
    partly = right(released, tone="def tone(f, n):\n    return torch.sin(f * torch.arange(n) / rate)")
    hand_in(folder / "in", "partly", partly)
    hand_in(folder / "in", "syntax", right(released, scale="def scale(x, gain) return x"))
    hand_in(folder / "in", "lambda", right(released, scale="scale = lambda x, gain: gain * x"))
    hand_in(folder / "in", "other-name", right(released, scale="def my_scale(x, gain):\n    return gain * x"))
    hand_in(folder / "in", "detached", right(released, scale="def scale(x, gain):\n    return gain * x.detach()"))
    hand_in(folder / "in", "number", right(released, scale="scale = 3"))
    hand_in(folder / "in", "object", right(released, best="best = object()"))
    hand_in(folder / "in", "hangs", right(released, tone="def tone(f, n):\n    while True: pass"))
    hand_in(folder / "in", "leaves", right(released, tone="def tone(f, n):\n    import os; os._exit(1)"))
    ready = with_cell(right(released), "from course_lib import sinusoid")
    hand_in(folder / "in", "ready-made", ready)
    grade(folder / "in", folder / "out", source=source, limits=QUICK)
    return folder / "in", folder / "out"


def row(out: Path, student: str) -> dict[str, str]:
    (found,) = [r for r in rows(out / "grades.csv") if r["student"] == student]
    return found


@pytest.mark.parametrize(
    ("student", "score", "told"),
    [
        ("untouched", 0, "not attempted: scale-test, tone-test-1, tone-test-2, best-test"),
        ("'=right", 10, "1 written answer for a person to mark"),
        ("wrong", 0, "graded"),
        ("partly", 6, "graded"),
        ("syntax", 7, "graded"),
        ("lambda", 10, "graded"),
        ("other-name", 7, "graded"),
        ("detached", 7, "graded"),
        ("number", 7, "graded"),
        ("object", 8, "graded"),
        ("hangs", 5, "tone ran longer than 3 s"),
        ("leaves", 5, "tone ended by itself"),
        ("ready-made", 10, "uses what it should write itself: sinusoid"),
    ],
)
def test_marks_are_exact(graded: tuple[Path, Path], student: str, score: float, told: str) -> None:
    found = row(graded[1], student)
    assert (float(found["score"]), float(found["max_score"]), found["assignment"]) == (score, 10, "small"), found
    assert told in found["status"]


@pytest.mark.parametrize(
    ("student", "test", "verdict", "message"),
    [
        ("untouched", "scale-test", "not attempted", "scale still holds its stub"),
        ("untouched", "best-test", "not attempted", "best still holds its stub"),
        ("wrong", "tone-test-1", "wrong", "tone(440, 100) has not 100 samples"),
        ("wrong", "tone-test-2", "wrong", "cannot be used here: ValueError"),
        ("partly", "tone-test-2", "wrong", "not a sine of 440 Hz"),
        ("syntax", "scale-test", "wrong", "the cell that should define scale stopped with SyntaxError"),
        ("other-name", "scale-test", "wrong", "no cell defines scale: was it renamed or deleted?"),
        ("detached", "scale-test", "wrong", "does not require grad"),
        ("number", "scale-test", "wrong", "'int' object is not callable"),
        ("object", "best-test", "wrong", "best is of type object and cannot be tested"),
        ("hangs", "tone-test-1", "wrong", "tone ran longer than 3 s"),
    ],
)
def test_each_verdict_says_why(graded: tuple[Path, Path], student: str, test: str, verdict: str, message: str) -> None:
    (found,) = [r for r in rows(graded[1] / "tasks.csv") if r["student"] == student and r["test"] == test]
    assert found["verdict"] == verdict and message in found["message"], found


def test_the_columns_are_the_promised_ones(graded: tuple[Path, Path]) -> None:
    with (graded[1] / "grades.csv").open(encoding="utf-8") as file:
        assert file.readline().strip() == "student,assignment,score,max_score,status"
    assert len(rows(graded[1] / "grades.csv")) == 13


def test_feedback_is_a_page_that_does_nothing(graded: tuple[Path, Path]) -> None:
    pages = sorted((graded[1] / "feedback").rglob("*.html"))
    assert len(pages) == 13
    page = (graded[1] / "feedback" / "right" / "small.html").read_text(encoding="utf-8")
    assert "10 of 10 points" in page and "I &lt;b&gt;think&lt;/b&gt;" in page
    for found in pages:
        told = found.read_text(encoding="utf-8")
        assert "<script" not in told and "http" not in told and "HIDDEN" not in told


def test_marks_by_a_person_are_kept(
    graded: tuple[Path, Path], source: Path, released: Notebook, tmp_path: Path
) -> None:
    inbox, out = graded
    mine = tmp_path / "in"
    for student in ("=right", "wrong"):
        hand_in(mine, student, json.loads((inbox / student / "small" / "small.ipynb").read_text()))
    marked = [r for r in rows(out / "manual.csv") if r["student"] in ("'=right", "wrong")]
    assert [(r["question"], r["max_points"], r["points"]) for r in marked] == [("why", "2", "")] * 2
    assert [r["answer"] for r in marked] == ["'=1+1, I <b>think</b>", "(not attempted)"]

    def enter(points: str) -> list[dict[str, str]]:
        target = tmp_path / "out"
        target.mkdir(exist_ok=True)
        (target / "grades.csv").touch()
        with (target / "manual.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(marked[0]), delimiter=";")  # as some spreadsheets write
            writer.writeheader()
            writer.writerows([marked[0] | {"points": points, "comment": "good"}, marked[1]])
        grade(mine, target, source=source, limits=QUICK)
        return rows(target / "grades.csv")

    first, second = enter("1,5")
    assert (first["score"], first["max_score"], first["status"]) == ("11.5", "12", "graded")
    assert (second["score"], second["max_score"]) == ("0", "10")
    kept = rows(tmp_path / "out" / "manual.csv")[0]
    assert (kept["points"], kept["comment"]) == ("1.5", "good")
    assert "good" in (tmp_path / "out" / "feedback" / "right" / "small.html").read_text(encoding="utf-8")
    first, _ = enter("3")
    assert first["score"] == "10" and "gives why '3' points, not 0 to 2" in first["status"]
    marked[0]["answer"] = "another answer"
    first, _ = enter("1")
    assert first["score"] == "10" and "answered anew since it was marked" in first["status"]


def test_prose_is_found_without_metadata(source: Path, released: Notebook, tmp_path: Path) -> None:
    notebook = right(released)
    for cell in notebook["cells"]:
        if grade_id(cell) == "why":
            cell["source"] = "Since it is."
        cell["metadata"] = {}
    hand_in(tmp_path / "in", "ann", notebook)
    hand_in(tmp_path / "in", "bea", {**notebook, "cells": notebook["cells"][:-2]})
    grade(tmp_path / "in", tmp_path / "out", source=source, limits=QUICK)
    assert [r["answer"] for r in rows(tmp_path / "out" / "manual.csv")] == ["Since it is.", "(its cell was not found)"]


# --- The command ---------------------------------------------------------------------------------------------------


def test_the_command_from_an_empty_folder(source: Path, tmp_path: Path) -> None:
    """In a process of its own, as a teacher runs it: release, hand the stub in beside rubbish, grade."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "course_lib", "assignments", *arguments, "--source", str(source)]
        inside = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=inside, capture_output=True, text=True)

    done = run("release", "out")
    assert done.returncode == 0, done.stderr
    notebook = json.loads((tmp_path / "out" / "small" / "small.ipynb").read_text())
    hand_in(tmp_path / "in", "ann", right(notebook))
    hand_in(tmp_path / "in", "bea", notebook).write_text("{")
    done = run("grade", "in", "grades", "--jobs", "1")
    assert done.returncode == 0 and "2 submissions in" in done.stdout and "1 graded, 1 not" in done.stdout, done.stderr
    found = rows(tmp_path / "grades" / "grades.csv")
    assert [(r["student"], r["score"]) for r in found] == [("ann", "10"), ("bea", "")]
    assert found[1]["status"].startswith("not graded: small.ipynb is not a notebook")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["grade", "nowhere", "out"], "there is no nowhere"),
        (["grade", ".", "out"], "lie in one another"),
        (["grade", "in", "full"], "holds something else than grades"),
        (["grade", "in", "out", "--assignment", "smal"], "no assignment 'smal'"),
        (["grade", "in", "out", "--source", "nowhere"], "there is no folder nowhere"),
        (["release", "out", "--assignment", "large"], "there are small"),
    ],
)
def test_a_wrong_command_ends_with_one_line(
    arguments: list[str], told: str, source: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    extra = [] if "--source" in arguments else ["--source", str(source)]
    assert main(["assignments", *arguments, *extra]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert told in error[-1] and len([line for line in error if "Landlock" not in line]) == 1
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("option", ["--seconds", "--cell-seconds", "--call-seconds", "--memory"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "much"])
def test_limits_are_positive_numbers(option: str, value: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["assignments", "grade", "in", "out", option, value])
    assert ended.value.code == 2


def test_an_error_of_the_grader_itself_has_a_row(
    source: Path, released: Notebook, tmp_path: Path, monkeypatch: Any
) -> None:
    def broken(*arguments: Any) -> Any:
        raise ZeroDivisionError("ours")

    hand_in(tmp_path / "in", "ann", released)
    monkeypatch.setattr("course_lib.grading.marking.grade_one", broken)
    (result,) = grade(tmp_path / "in", tmp_path / "out", source=source)
    assert "the grader failed with ZeroDivisionError: ours" in result.status and result.score == 0
    assert math.isclose(result.max_score, 0)
