"""The wheel carries the library, its scripts and its sounds, and works from an empty folder."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.helpers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def tracked(folder: str) -> set[str]:
    """The files of a folder that belong to the repository, caches left out."""
    paths = (ROOT / folder).rglob("*")
    return {p.relative_to(ROOT).as_posix() for p in paths if p.is_file() and "__pycache__" not in p.parts}


def test_carries_all_of_the_library(names: set[str]) -> None:
    kinds = (".py", ".pyi", ".typed", ".js", ".css", ".json")
    wanted = {name for name in tracked("course_lib") if name.endswith(kinds)}
    assert any(name.endswith(".js") for name in wanted)
    assert {"course_lib/py.typed", "course_lib/__init__.pyi"} <= wanted
    assert wanted <= names


def test_carries_the_sounds(names: set[str]) -> None:
    wanted = {f"course_lib/{name}" for name in tracked("data")}
    assert "course_lib/data/clips.json" in wanted
    assert wanted <= names


def test_carries_the_assignments(names: set[str]) -> None:
    wanted = {f"course_lib/{name}" for name in tracked("assignments")}
    assert sum(name.endswith(".ipynb") for name in wanted) >= 4
    assert wanted <= names


def test_carries_nothing_else(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {"course_lib", f"ddsp_course-{PROJECT['version']}.dist-info"}
    notebooks = [name for name in names if name.endswith(".ipynb") and not name.startswith("course_lib/assignments/")]
    assert not notebooks and not [name for name in names if "__pycache__" in name]


def test_works_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(pip, check=True)
    code = f"""
import sys; sys.path.insert(0, {str(site)!r})
import json, course_lib
sounds = [course_lib.load_clip(name)[0].shape[-1] for name in course_lib.clip_names()]
from course_lib.tone_transfer import load_instrument
from course_lib.tone_transfer.checkpoint import instrument_names
assert instrument_names() and all(load_instrument(name)[1]["kind"] for name in instrument_names())
print(json.dumps([course_lib.__file__, sounds, course_lib.live_figure("gain")._repr_html_()]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=empty, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    file, sounds, html = json.loads(done.stdout.splitlines()[-1])
    assert Path(file).is_relative_to(site)
    assert sounds and all(length > 1000 for length in sounds)
    assert "<script" in html


def test_has_one_version() -> None:
    import course_lib

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)", citation, re.MULTILINE)[1] == PROJECT["version"] == course_lib.__version__
    guide = (ROOT / "book" / "teaching" / "guide.md").read_text(encoding="utf-8")
    assert re.findall(r"Version ([\d.]+), \d{4}\.", guide) == [PROJECT["version"]]


def requirements(wheel: Path) -> dict[str, set[str]]:
    """Extra ("" for none) → the names of the packages it brings, extras that take in others followed."""
    from importlib.metadata import PathDistribution

    from packaging.requirements import Requirement

    (metadata,) = (path for path in zipfile.Path(wheel).iterdir() if path.name.endswith(".dist-info"))
    lines = list(map(Requirement, PathDistribution(metadata).requires or []))

    def names(extra: str) -> set[str]:
        own = [line for line in lines if not extra and not line.marker]
        own += [line for line in lines if extra and line.marker and line.marker.evaluate({"extra": extra})]
        taken_in = set().union(*(names(other) for line in own for other in line.extras))
        return taken_in | {line.name for line in own} - {PROJECT["name"]}

    return {extra: names(extra) for extra in ("", *PROJECT["optional-dependencies"])}


def test_a_bare_installation_brings_the_library_and_the_extras_the_rest(wheel: Path) -> None:
    brought = requirements(wheel)
    assert brought[""] == {"numba", "numpy", "safetensors", "soundfile", "soxr", "torch", "tqdm"}
    chapters = {"ipython", "ipywidgets", "librosa", "matplotlib", "scipy"}
    assert brought["course"] == chapters and brought["instructor"] == chapters | {"nbgrader"}
    assert chapters | {"nbgrader", "pytest", "hypothesis"} < brought["test"] and chapters < brought["book"]
    assert {"auraloss", "torchlpc"} < brought["peers"] and brought["live"] == {"anywidget"}


def test_below_what_a_person_sees_only_base_packages_are_imported(wheel: Path) -> None:
    base, beyond = requirements(wheel)[""], {}
    for path in sorted((ROOT / "course_lib").rglob("*.py")):
        file = path.relative_to(ROOT / "course_lib")
        if file.parts[0] not in ("benchmark", "display", "exercises", "grading"):
            found = imported(ast.parse(path.read_text(encoding="utf-8")))
            beyond[file.as_posix()] = found - base - set(sys.stdlib_module_names) - {"course_lib"}
    beyond["kernels/compiled.py"] -= {"filelock"}  # which every torch brings
    for name, found in beyond.items():
        if name.startswith("tone_transfer/exporting/"):
            found -= requirements(wheel)["export"]
    assert {name: found for name, found in beyond.items() if found} == {}, "declare it, or see core/extras.py"


def imported(tree: ast.Module) -> set[str]:
    """The packages that a file imports, other than in a block that says which extra brings them."""
    excused = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and "needs_course" in ast.unparse(node.items[0])
        for inner in ast.walk(node)
    }
    nodes = [node for node in ast.walk(tree) if node not in excused]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def pins(name: str) -> dict[str, str]:
    """Name → version of a requirements file, for this platform or any other."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split(";")[0].strip().split("==") for line in lines if line.strip() and not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", key.lower()): version for key, version in pairs}


@pytest.mark.parametrize("name", ["requirements.txt", "tests/book/colab_requirements.txt"])
def test_pins_satisfy_the_ranges(name: str) -> None:
    from packaging.requirements import Requirement

    pinned = pins(name)
    wanted = list(PROJECT["dependencies"])
    if name == "requirements.txt":
        extras = PROJECT["optional-dependencies"]
        # The book needs no peers: its benchmark compares with those that happen to be installed.
        wanted += [line for extra, lines in extras.items() if not extra.startswith("peers") for line in lines]
    else:
        wanted = [line for line in wanted if not line.startswith("torch")]  # it follows the book's own environment
        wanted += PROJECT["optional-dependencies"]["course"]
    for requirement in map(Requirement, wanted):
        if requirement.name == PROJECT["name"]:
            continue  # an extra that takes in another
        key = re.sub(r"[-_.]+", "-", requirement.name.lower())
        assert key in pinned, f"{name} does not pin {key}"
        assert pinned[key] in requirement.specifier, f"{name}: {key} {pinned[key]} is not {requirement.specifier}"


def test_the_stand_in_has_the_versions_of_colab() -> None:
    colab = pins("tests/book/colab_requirements.txt")
    assert (colab["ipython"], colab["ipywidgets"], colab["ipykernel"]) == ("7.34.0", "7.7.1", "6.17.1")
    assert "torch" not in colab and "anywidget" not in colab and "course-lib" not in colab


def test_assignments_are_released_and_graded_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    from tests.helpers.assignment_answers.gain_and_losses import ANSWERS, MARKS
    from tests.helpers.submissions import filled

    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(pip, check=True)

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "course_lib", "assignments", *arguments]
        inside = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(command, cwd=tmp_path, env=inside, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert len(run("release", "handout").splitlines()) >= 4
    released = json.loads(
        (tmp_path / "handout" / "gain_and_losses" / "gain_and_losses.ipynb").read_text(encoding="utf-8")
    )
    peek = (
        "import course_lib, pathlib\nfor p in pathlib.Path(course_lib.__file__).parent.rglob('*.ipynb'): p.read_text()"
    )
    for student, first in (("ann", "1 + 1"), ("bea", peek)):
        notebook = filled(released, ANSWERS["right"])
        notebook["cells"].insert(2, {"cell_type": "code", "metadata": {}, "source": first, "outputs": []})
        path = tmp_path / "in" / student / "gain_and_losses" / "gain_and_losses.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")
    run("grade", "in", "out")
    lines = (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "student,assignment,score,max_score,status" and len(lines) == 3
    assert all(f"gain_and_losses,{MARKS['right']},{MARKS['right']},graded" in line for line in lines[1:])
    assert "tried to" not in lines[1] and ("tried to look into" in lines[2] or "tried to read" in lines[2])
