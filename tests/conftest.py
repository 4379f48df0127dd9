"""Settings for all tests: no time limit per drawn example (a first import is slow), and the same draws every run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")

ROOT = Path(__file__).resolve().parent.parent


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
