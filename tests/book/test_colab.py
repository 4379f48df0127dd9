"""The Colab stand-in: each chapter from its .ipynb alone, in an empty folder, with Colab's IPython and ipywidgets.

It is as near as a test comes to Colab without Colab: the versions of its published list, a stub of its module, and
`course_lib` absent until the set-up cell installs it, here from a wheel that COURSE_SOURCE names. That is proved once;
every chapter then runs where the library is. Released assignments run there too, and no cell may use a network.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from filelock import FileLock

import course
from tests.helpers.kernel import failures
from tests.helpers.submissions import filled
from tools import address

ASSIGNMENTS = sorted(path.parent.name for path in (course.ROOT / "assignments").glob("*/*.ipynb"))
RIGHT_ANSWERS = {
    name: importlib.import_module(f"tests.helpers.assignment_answers.{name}").ANSWERS["right"] for name in ASSIGNMENTS
}

VERSIONS = """
import importlib.metadata, json
print(json.dumps({d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}))
"""


def ask(code: str) -> str:
    """What Colab's Python prints."""
    if not Path(course.python_of(course.COLAB)).exists():
        pytest.fail("there is no .venv-colab yet; this makes it: python3 course.py test")
    done = subprocess.run(
        [course.python_of(course.COLAB), "-I", "-c", code], capture_output=True, text=True, env=course.environment()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# After the set-up nothing may need a network: what asks for an address outside this machine fails.
OFFLINE = """
import sys

def refuse(event, arguments):
    inside = ("127.", "::1", "localhost")
    if event == "socket.getaddrinfo" and not str(arguments[0] or "localhost").startswith(inside):
        raise OSError(f"no network here: {arguments[0]}")
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not str(arguments[1][0]).startswith(inside):
        raise OSError(f"no network here: {arguments[1][0]}")

sys.addaudithook(refuse)
"""


def failures_in_colab(notebook: Path, wheel: Path, tmp_path: Path, installed: Path | None = None) -> list[str]:
    """Copy one notebook into an empty folder, run its cells in a kernel of the stand-in, return what fails.

    installed: a folder that has course_lib already; without it the set-up cell installs the wheel into its own.
    """
    folder, site = tmp_path / "content", tmp_path / "site"
    folder.mkdir()
    site.mkdir()  # what the set-up cell installs lands here, so that two workers never share it
    (tmp_path / "offline").mkdir()
    (tmp_path / "offline" / "sitecustomize.py").write_text(OFFLINE)
    shutil.copy(notebook, folder / "chapter.ipynb")
    variables = {
        "COURSE_SOURCE": str(wheel),
        "COURSE_PROGRESS": "0",
        "OMP_NUM_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_TARGET": str(site),
        "PYTHONPATH": os.pathsep.join(map(str, [tmp_path / "offline", site, *([installed] if installed else [])])),
    }
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        variables[name] = str(tmp_path / name.lower())
    python, inside = course.python_of(course.COLAB), course.environment() | variables
    return failures(folder / "chapter.ipynb", python, inside, tmp_path)


@pytest.fixture(scope="session")
def installed(wheel: Path) -> Path:
    """A folder with course_lib, installed once for all that only use it."""
    site = wheel.parent / "installed"
    with FileLock(wheel.parent / "installed.lock"):
        if not site.exists():
            pip = [course.python_of(course.COLAB), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
            subprocess.run([*pip, "--target", str(site), str(wheel)], check=True, env=course.environment())
    return site


@pytest.fixture(scope="module")
def untouched() -> dict[str, str]:
    """What the stand-in has installed before any chapter ran."""
    return json.loads(ask(VERSIONS))


def test_the_stand_in_is_what_it_says(untouched: dict[str, str]) -> None:
    assert (untouched["ipython"], untouched["ipywidgets"]) == ("7.34.0", "7.7.1")
    assert "ddsp-course" not in untouched and "anywidget" not in untouched
    assert ask("import importlib.util as u, google.colab; print(u.find_spec('course_lib'))").strip() == "None"


def test_chapter(chapter: Any, tmp_path: Path, installed: Path, untouched: dict[str, str]) -> None:
    """Each chapter runs. The set-up cell finds course_lib and installs nothing: it could not even find the source."""
    assert failures_in_colab(chapter.source, tmp_path / "nowhere.whl", tmp_path, installed) == []
    assert list((tmp_path / "site").iterdir()) == []
    assert json.loads(ask(VERSIONS)) == untouched


def test_the_setup_cell_installs_the_library_and_nothing_else(
    toc: list[Any], wheel: Path, tmp_path: Path, untouched: dict[str, str]
) -> None:
    """A light chapter without course_lib stands for all: test_structure.py holds that they begin with the same cell."""
    light = next(page for page in toc if page.name.endswith("/gain"))
    assert failures_in_colab(light.source, wheel, tmp_path) == []
    assert {path.name.split("-")[0] for path in (tmp_path / "site").iterdir()} == {"course_lib", "ddsp_course"}
    assert json.loads(ask(VERSIONS)) == untouched


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_assignment(name: str, tmp_path: Path, installed: Path) -> None:
    """A released assignment with its answers filled in. It begins with the set-up cell too (tests/grading)."""
    release = [sys.executable, "-m", "course_lib", "assignments", "release", str(tmp_path), "--assignment", name]
    subprocess.run(release, cwd=course.ROOT, check=True, capture_output=True)
    path = tmp_path / name / f"{name}.ipynb"
    notebook = filled(json.loads(path.read_text(encoding="utf-8")), RIGHT_ANSWERS[name])
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert failures_in_colab(path, tmp_path / "nowhere.whl", tmp_path, installed) == []


def widgets_used() -> dict[str, set[str]]:
    """Classes and functions of ipywidgets that the library and the chapters use, and the keywords they are given."""
    sources = [path.read_text(encoding="utf-8") for path in (course.ROOT / "course_lib").rglob("*.py")]
    for path in (course.ROOT / "book").rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    used: dict[str, set[str]] = {}
    for tree in map(ast.parse, (source for source in sources if "ipywidgets" in source or "interact(" in source)):
        nodes = list(ast.walk(tree))
        modules = {
            a.asname or a.name for n in nodes if isinstance(n, ast.Import) for a in n.names if "ipywidgets" in a.name
        }
        names = {
            a.asname or a.name
            for n in nodes
            if isinstance(n, ast.ImportFrom) and n.module == "ipywidgets"
            for a in n.names
        }
        for name in names:
            used.setdefault(name, set())
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                used.setdefault(node.attr, set())
        for call in (n for n in nodes if isinstance(n, ast.Call)):
            function = call.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in used:
                used[name] |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return used


def test_widgets_are_what_both_generations_share() -> None:
    used = widgets_used()
    assert {"interact", "Dropdown", "FileUpload"} <= set(used), used
    code = f"""
import ipywidgets, json
known = {{}}
for name, keywords in json.loads({json.dumps(json.dumps({k: sorted(v) for k, v in used.items()}))}).items():
    found = getattr(ipywidgets, name, None)
    traits = found.class_trait_names() if hasattr(found, "class_trait_names") else keywords
    known[name] = found is not None and set(keywords) <= set(traits)
print(json.dumps(known))
"""
    here = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for told in (ask(code), here):
        assert [name for name, good in json.loads(told).items() if not good] == []


def test_a_gpu_is_used_where_there_is_one_and_never_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from course_lib.training.processes import join_processes

    assert join_processes(None)[2] == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert join_processes(None)[2] == torch.device("cuda") and join_processes("cpu")[2] == torch.device("cpu")


@pytest.mark.parametrize("source", ["import urllib.request as u\nu.urlopen('https://example.org')"])
def test_a_chapter_that_needs_the_network_fails(source: str, tmp_path: Path, installed: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in (address.setup_cell(), source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "bad.ipynb")
    (failed,) = failures_in_colab(tmp_path / "bad.ipynb", tmp_path / "nowhere.whl", tmp_path, installed)
    assert "no network here: example.org" in failed


@pytest.mark.parametrize(
    "source, told",
    [
        ("import a_package_that_colab_lacks", "ModuleNotFoundError"),
        ("import os\nos._exit(3)", "died"),
        ("import ipywidgets as w\nw.interact(lambda x: 1 / 0, x=(1, 2))", "ZeroDivisionError"),
    ],
)
def test_a_bad_chapter_fails(source: str, told: str, tmp_path: Path, installed: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in (address.setup_cell(), source)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "bad.ipynb")
    (failed,) = failures_in_colab(tmp_path / "bad.ipynb", tmp_path / "nowhere.whl", tmp_path, installed)
    assert told in failed


def test_without_a_source_the_setup_cell_fails(tmp_path: Path) -> None:
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(address.setup_cell())]), tmp_path / "bad.ipynb"
    )
    (failed,) = failures_in_colab(tmp_path / "bad.ipynb", tmp_path / "no-such-0.1.0-py3-none-any.whl", tmp_path)
    assert "CalledProcessError" in failed
