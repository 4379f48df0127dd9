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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A file stays on one worker, as with --dist loadfile; only the long one of the Colab stand-in is shared out."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if "test_colab.py::test_chapter" in nodeid else super()._split_scope(nodeid)

    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests noted with `record_property("book", line)`, such as the weight of each page."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, [])]
    lines = [v for r in reports if r.when == "call" for k, v in getattr(r, "user_properties", []) if k == "book"]
    if lines:
        terminalreporter.section("the book")
        for line in lines:
            terminalreporter.write_line(line)
