"""Run notebooks where Colab's own Python is, each alone in an empty folder, as the weekly run does in Colab's image.

python3 tools/in_colab_image.py WHEEL [NOTEBOOK ...]     default: every chapter of _toc.yml

The set-up cell installs course_lib from the wheel. Needs pytest and nbval. Prints a line a notebook; status 1 if one
fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(notebook: Path, wheel: Path) -> str:
    """What pytest printed if a cell of the notebook failed, else nothing."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(notebook, folder)
        command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
        command += ["-c", os.devnull, "--rootdir", folder, notebook.name]
        inside = {**os.environ, "COURSE_SOURCE": str(wheel), "COURSE_PROGRESS": "0"}
        done = subprocess.run(command, cwd=folder, env=inside, capture_output=True, text=True, errors="replace")
    return "" if done.returncode == 0 else done.stdout[-5000:] + done.stderr[-2000:]


def chapters(root: Path = ROOT) -> list[Path]:
    """The notebooks of the table of contents, in order."""
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"]] + [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [root / f"{name}.ipynb" for name in names if (root / f"{name}.ipynb").exists()]


def main(arguments: list[str]) -> int:
    if not arguments or not Path(arguments[0]).is_file():
        print(__doc__, file=sys.stderr)
        return 2
    wheel, failed = Path(arguments[0]).resolve(), 0
    for notebook in [Path(name).resolve() for name in arguments[1:]] or chapters():
        began = time.monotonic()
        told = run(notebook, wheel)
        failed += bool(told)
        print(f"{'FAILED' if told else 'ok':7}{time.monotonic() - began:5.0f} s  {notebook.name}", told, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
