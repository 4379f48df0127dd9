"""Five small jobs in eight libraries: what comes out, how long it takes, what becomes of the gradient.

Each library runs in an environment of its own, which `python3 tools/peers.py FOLDER` makes from the optional extras of
`pyproject.toml`; this one needs none of them. `jobs.py` has the jobs in the words of each library.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from course_lib.benchmark.tables import data_file, stored_table, write_table

SUMMARY = "run five small jobs in other libraries"
COMMAND = "python -m course_lib.benchmark libraries --environments FOLDER"
# Library → the optional extra of pyproject.toml that installs it; the course itself needs none.
ENVIRONMENTS = {
    "course_lib": "",
    "torchsynth": "peers-torchsynth",
    "synthax": "peers-synthax",
    "dasp": "peers",
    "diffsptk": "peers",
    "grafx": "peers",
    "flamo": "peers",
    "torchlpc": "peers",
}
JOBS = Path(__file__).with_name("jobs.py")
LIMIT_S = 1200


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--out", type=Path, help="file to write; data/libraries.json of the checkout by default")
    parser.add_argument("--environments", type=Path, help="the folder that tools/peers.py made")
    parser.add_argument("--only", choices=list(ENVIRONMENTS), help="one library; what is stored of the others stays")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    run(data_file(parser, options.out, "libraries.json"), options.environments, options.only)


def python_of(library: str, environments: Path | None) -> Path | None:
    """The Python that has this library, or None where there is none."""
    extra = ENVIRONMENTS[library]
    if not extra:
        return Path(sys.executable)
    python = (environments or Path("nowhere")) / extra / "bin" / "python"
    return python if python.is_file() else None


def run_jobs(python: Path, library: str) -> dict[str, Any]:
    """Let another Python do the jobs of one library, on one core; raises RuntimeError with its last words."""
    room = dict(os.environ) | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    room["PYTHONPATH"] = str(Path(__file__).resolve().parents[3]) if library == "course_lib" else ""
    done = subprocess.run([python, JOBS, library], capture_output=True, text=True, env=room, timeout=LIMIT_S)
    if done.returncode:
        raise RuntimeError(f"the jobs of {library} failed: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def run(path: Path, environments: Path | None, only: str | None = None) -> None:
    """Run the jobs of every library that has an environment, and store what came out."""
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    table |= {"command": COMMAND, "python": platform.python_version(), "device": platform.machine()}
    libraries = table.setdefault("libraries", {})
    for library in [only] if only else ENVIRONMENTS:
        python = python_of(library, environments)
        if python is None:
            print(f"{library}: no environment; python3 tools/peers.py FOLDER makes it", flush=True)
            continue
        libraries[library] = run_jobs(python, library)
        print(library, json.dumps(libraries[library]["jobs"]), flush=True)
        write_table(path, table)


def load_libraries() -> dict[str, Any]:
    """Return what is stored: command, python, device, and by library its versions and its jobs."""
    table: dict[str, Any] = stored_table("libraries.json")
    return table
