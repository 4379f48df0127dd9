"""The book's long computations, each with its command; what they give is stored in data/."""

from __future__ import annotations

import argparse
from pathlib import Path


def data_file(parser: argparse.ArgumentParser, out: Path | None, name: str) -> Path:
    """Return where a benchmark writes: `out`, or data/NAME of the checkout; ends the command if there is no folder."""
    path = out or Path(__file__).resolve().parents[2] / "data" / name
    if not path.parent.is_dir():
        parser.error(f"there is no folder {path.parent}; make it, or give another --out")
    return path
