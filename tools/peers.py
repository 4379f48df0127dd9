"""Make an environment for each optional extra "peers…" of pyproject.toml and run the benchmark of libraries in them.

    python3 tools/peers.py FOLDER [--only EXTRA] [--no-run]

The extras share no environment because they cannot: torchsynth wants an old pytorch-lightning and an old setuptools,
SynthAX wants JAX, the other five agree. torch is the version of requirements.txt in all of them.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import argparse
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def extras() -> dict[str, list[str]]:
    """Extra → what it installs."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {name: lines for name, lines in known.items() if name.startswith("peers")}


def torch_pin() -> str:
    """The torch of the book, such as "torch==2.13.0"."""
    found = re.search(r"^torch==[\d.]+", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M)
    if found is None:
        sys.exit("requirements.txt names no torch==VERSION")
    return found[0]


def make(folder: Path, extra: str, lines: list[str]) -> None:
    """An environment with this extra, unless it is there."""
    python = folder / "bin" / "python"
    if not python.is_file():
        venv.create(folder, with_pip=True)
    pins = lines if any(line.startswith("jax") for line in lines) else [torch_pin(), *lines]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
    # torchaudio's wheels are compiled for CUDA, and its import fails beside a torch without; nothing of the compiled
    # part is used here.
    for compiled in folder.glob("lib/python*/site-packages/torchaudio/lib"):
        if subprocess.run([python, "-c", "import torchaudio"], capture_output=True).returncode:
            compiled.rename(compiled.with_name("lib-put-aside"))
    print(f"{extra}: ready in {folder}", flush=True)


def main() -> None:
    """Read the command line, make the environments, run the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the environments are made, 1 to 2 GB each")
    parser.add_argument("--only", choices=list(extras()), help="one extra")
    parser.add_argument("--no-run", action="store_true", help="make them, run nothing")
    options = parser.parse_args()
    for extra, lines in extras().items():
        if options.only in (None, extra):
            make(options.folder / extra, extra, lines)
    if not options.no_run:
        command = [
            sys.executable,
            "-m",
            "course_lib.benchmark",
            "libraries",
            "--environments",
            options.folder.resolve(),
        ]
        subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
