"""Settings for all tests: no time limit per drawn example (a first import is slow), and the same draws every run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import setuptools  # noqa: F401  (nbgrader wants it, and it refuses once the standard distutils was imported)
from filelock import FileLock
from hypothesis import settings

settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")

ROOT = Path(__file__).resolve().parent.parent

# No test writes into the home folder of whoever runs it; those of the file itself have a home of their own.
os.environ.setdefault("COURSE_PROGRESS", "0")

# Two processes that write numba's cache at the same time can leave one that crashes every later process. So each worker
# has its own, and so have the kernels and programs that it starts.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".pytest_cache" / "numba" / _WORKER)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository, built once in a run and without a network, whichever worker comes first."""
    base = tmp_path_factory.getbasetemp()
    base = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "wheel"
    base.mkdir(exist_ok=True)
    with FileLock(base / "lock"):
        if not list(base.glob("*.whl")):
            pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
            subprocess.run([*pip, "--wheel-dir", str(base), str(ROOT)], check=True)
    return next(base.glob("*.whl"))


# Long files first, so that at the end no worker waits for another's last one. While one builds the book, and the other
# a wheel, no worker needs what the other has begun.
LONG = (
    "tests/book/test_build.py",
    "tests/grading/",
    "tests/book/test_colab.py",
    "tests/book/test_browser.py",
    "tests/book/",
    "tests/benchmark/",
    "tests/project/",
    "book/",
    "tests/fitting/",
    "tests/display/",
    "tests/midi_ddsp/",
    "tests/tone_transfer/",
    "tests/exercises/",
    "tests/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which workers get what is to be done; within a file it stays as it is written."""

    def place(item: pytest.Item) -> int:
        return next((number for number, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A file stays on one worker, as with --dist loadfile, but for two long ones.

    Of the Colab stand-in each chapter is shared out by itself, of the browser each page with all that is seen on it.
    """
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # xdist would begin with the file of the most tests, which are the shortest

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, name, what = super()._split_scope(nodeid), nodeid.partition("::")[2], nodeid.partition("[")[2]
            if file == "tests/book/test_colab.py" and name.startswith("test_chapter["):
                return nodeid
            return f"{file}[{what}" if file == "tests/book/test_browser.py" and what else file

    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests noted with `record_property("book", line)`, such as the weight of each page."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, [])]
    lines = [v for r in reports if r.when == "call" for k, v in getattr(r, "user_properties", []) if k == "book"]
    if lines:
        terminalreporter.section("the book")
        for line in lines:
            terminalreporter.write_line(line)
