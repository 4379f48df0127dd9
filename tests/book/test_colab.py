"""The Colab stand-in: each chapter from its .ipynb alone, in an empty folder, with Colab's IPython and ipywidgets.

It is as near as a test comes to Colab without Colab: the versions of its published list, a stub of its module, and
`course_lib` absent until the set-up cell installs it, here from a wheel that COURSE_SOURCE names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest

import course
from tools import address

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


def run_as_in_colab(notebook: Path, wheel: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Copy one notebook into an empty folder and run its cells under nbval, which also sees errors of widgets."""
    folder, site = tmp_path / "content", tmp_path / "site"
    folder.mkdir()
    site.mkdir()  # what the set-up cell installs lands here, so that two workers never share it
    shutil.copy(notebook, folder / "chapter.ipynb")
    variables = {
        "COURSE_SOURCE": str(wheel),
        "COURSE_PROGRESS": "0",
        "OMP_NUM_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_TARGET": str(site),
        "PYTHONPATH": str(site),
    }
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        variables[name] = str(tmp_path / name.lower())
    inside = {k: v for k, v in course.environment().items() if not k.startswith("PYTEST")} | variables
    command = [course.python_of(course.COLAB), "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder), "chapter.ipynb"]
    return subprocess.run(command, cwd=folder, env=inside, capture_output=True, text=True, errors="replace")


@pytest.fixture(scope="module")
def untouched() -> dict[str, str]:
    """What the stand-in has installed before any chapter ran."""
    return json.loads(ask(VERSIONS))


def test_the_stand_in_is_what_it_says(untouched: dict[str, str]) -> None:
    assert (untouched["ipython"], untouched["ipywidgets"]) == ("7.34.0", "7.7.1")
    assert "ddsp-course" not in untouched and "anywidget" not in untouched
    assert ask("import importlib.util as u, google.colab; print(u.find_spec('course_lib'))").strip() == "None"


def test_chapter(chapter: Any, wheel: Path, tmp_path: Path, untouched: dict[str, str]) -> None:
    done = run_as_in_colab(chapter.source, wheel, tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert {path.name.split("-")[0] for path in (tmp_path / "site").iterdir()} == {"course_lib", "ddsp_course"}
    assert json.loads(ask(VERSIONS)) == untouched


@pytest.mark.parametrize(
    "source, told",
    [
        ("import a_package_that_colab_lacks", "ModuleNotFoundError"),
        ("import ipywidgets as w\nw.interact(lambda x: 1 / 0, x=(1, 2))", "ZeroDivisionError"),
    ],
)
def test_a_bad_chapter_fails(source: str, told: str, wheel: Path, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in (address.setup_cell(), source)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "bad.ipynb")
    done = run_as_in_colab(tmp_path / "bad.ipynb", wheel, tmp_path)
    assert done.returncode == 1 and told in done.stdout and "1 failed, 1 passed" in done.stdout, done.stdout[-3000:]


def test_without_a_source_the_setup_cell_fails(tmp_path: Path) -> None:
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(address.setup_cell())]), tmp_path / "bad.ipynb"
    )
    done = run_as_in_colab(tmp_path / "bad.ipynb", tmp_path / "no-such-0.1.0-py3-none-any.whl", tmp_path)
    assert done.returncode == 1 and "CalledProcessError" in done.stdout
