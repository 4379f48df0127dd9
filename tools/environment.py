"""The environment that `course.py` makes: a tool started with another Python starts again with that of `.venv`.

A tool that needs packages says so before it imports them:

    if __name__ == "__main__":
        import environment

        environment.enter()
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("torch", "yaml", "nbformat")  # the library's, the book's and the notebooks' packages stand for the rest


def python_of(root: Path = ROOT) -> Path:
    """Where the Python of `.venv` is, or would be."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def enter(root: Path = ROOT) -> None:
    """Go on if this Python is that of `.venv`; else run the same command with it and end as that does.

    Where there is no `.venv`, as in a runtime of somebody else's, this Python will do if it has the packages.
    """
    sys.path.insert(0, str(root))  # the library of this checkout, whatever is installed
    python = python_of(root)
    if python.exists():
        if Path(sys.prefix).resolve() != (root / ".venv").resolve():
            sys.exit(subprocess.call([str(python), *sys.argv]))
        return
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"This needs the course's environment, and {sys.executable} has no {', '.join(missing)}: "
            "`python3 course.py build` makes it; then run this again.",
            file=sys.stderr,
        )
        sys.exit(2)
