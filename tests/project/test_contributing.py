"""What CONTRIBUTING names is there, and its example of a synth passes the tests that it comes with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`((?:assignments|book|course_lib|data|tests|tools)/[\w./]*)`", TEXT)))
# The example as if it were in the library, and exported; drawn examples as in tests/conftest.py.
CONFTEST = """
import importlib.util, sys
import course_lib
from hypothesis import settings
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")
spec = importlib.util.spec_from_file_location("course_lib.synths.unison", "unison.py")
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for name in ("UnisonSynth", "unison_controls", "unison_synth"):
    setattr(course_lib, name, getattr(module, name))
"""


def example(path: str) -> str:
    """A file that the text shows whole, its name in the first line."""
    (found,) = re.findall(rf"^```\w+\n(?:#|//) {re.escape(path)}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_it_names_is_there(place: str) -> None:
    assert "NAME" in place or (ROOT / place).exists()


def test_the_example_of_a_synth_passes_its_tests(tmp_path: Path) -> None:
    paths = ("course_lib/synths/unison.py", "tests/synths/test_unison.py")
    for path in paths:
        (tmp_path / Path(path).name).write_text(example(path), encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "test_unison.py"]
    inside = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(command, cwd=tmp_path, env=inside, capture_output=True, text=True)
    assert done.returncode == 0 and "5 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
@pytest.mark.parametrize("path", re.findall(r"^# (\S+\.py)$", TEXT, re.MULTILINE))
def test_the_examples_keep_the_house_style(path: str, command: list[str]) -> None:
    command = [sys.executable, "-m", "ruff", *command, "--no-cache", "--stdin-filename", str(ROOT / path), "-"]
    done = subprocess.run(command, cwd=ROOT, input=example(path), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
