"""`python -m course_lib.benchmark NAME`: run one of the book's long computations and store or print its result."""

from __future__ import annotations

import argparse
from pathlib import Path

from course_lib.benchmark import five_sounds


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and run the benchmark that it names."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.benchmark", description="Remake the stored figures of the book."
    )
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    fits = names.add_parser("five_sounds", help="fit the harmonic synthesizer to the clips of the book")
    fits.add_argument("--steps", type=int, default=five_sounds.STEPS, help="gradient steps for each sound")
    fits.add_argument("--out", type=Path, help="file to write; data/five_sounds.npz of the checkout by default")
    options = parser.parse_args(arguments)
    if options.steps < 1:
        parser.error(f"--steps must be at least 1; got {options.steps}")
    out = options.out or Path(__file__).resolve().parents[2] / "data" / "five_sounds.npz"
    if not out.parent.is_dir():
        parser.error(f"there is no folder {out.parent}; make it, or give another --out")
    five_sounds.run(out, options.steps)


if __name__ == "__main__":
    main()
