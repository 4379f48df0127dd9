"""A tool started with any Python ends up in the environment that course.py makes, or says how to make it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tools import environment

# Those that look after themselves: the standard library will do, or they run where there is no `.venv` at all.
WITHOUT = {"address", "environment", "in_colab_image", "newest"}
TOOLS = sorted(path for path in (ROOT / "tools").glob("*.py") if path.stem not in WITHOUT)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one tool, which prints the Python and the arguments that it got."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "environment.py").write_bytes(Path(environment.__file__).read_bytes())
    enter = "import environment\n\nenvironment.enter()\n"
    (tmp_path / "tools" / "tool.py").write_text(f"{enter}import sys\nprint(sys.prefix, sys.argv[1:])\nsys.exit(3)\n")
    return tmp_path


def run(checkout: Path, python: str, *options: str) -> subprocess.CompletedProcess[str]:
    inside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [python, *options, str(checkout / "tools" / "tool.py"), "a b", "--c"]
    return subprocess.run(command, env=inside, capture_output=True, text=True)


def test_another_python_gives_way_to_that_of_the_environment(checkout: Path) -> None:
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", str(checkout / ".venv")], check=True)
    expected = f"{checkout / '.venv'} ['a b', '--c']\n"
    for python in (sys.executable, sys._base_executable, str(environment.python_of(checkout))):
        done = run(checkout, python)
        assert (done.returncode, done.stdout) == (3, expected), done.stderr


def test_where_there_is_none_this_python_will_do_if_it_has_the_packages(checkout: Path) -> None:
    done = run(checkout, sys.executable)
    assert (done.returncode, done.stdout) == (3, f"{sys.prefix} ['a b', '--c']\n"), done.stderr
    done = run(checkout, sys.executable, "-S")  # no site-packages
    assert done.returncode == 2 and "has no torch, yaml, nbformat" in done.stderr
    assert "python3 course.py build" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("path", TOOLS, ids=lambda path: path.stem)
def test_every_tool_that_needs_packages_enters_it_before_it_imports_them(path: Path) -> None:
    enter = r'if __name__ == "__main__":\n    import environment\n\n    environment\.enter\(\)\n'
    assert re.search(r'"""\n\nfrom __future__ import annotations\n\n' + enter, path.read_text(encoding="utf-8"))
