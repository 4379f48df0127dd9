"""Where the benchmarks keep their tables, how they read and write them, and how a table is printed."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from course_lib.sounds.clips import data_path


def data_file(parser: argparse.ArgumentParser, out: Path | None, name: str) -> Path:
    """Return where a benchmark writes: `out`, or data/NAME of the checkout; ends the command if there is no folder."""
    path = out or Path(__file__).resolve().parents[2] / "data" / name
    if not path.parent.is_dir():
        parser.error(f"there is no folder {path.parent}; make it, or give another --out")
    return path


def stored_table(name: str) -> Any:
    """The table that comes with the course under this name, such as "speed.json"."""
    return json.loads(data_path(name).read_text(encoding="utf-8"))


def open_table(path: Path) -> dict[str, Any]:
    """The table of an earlier run, or an empty one, with this machine and this torch noted in it."""
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return table | {"device": platform.machine(), "torch": torch.__version__}


def write_table(path: Path, table: Any) -> None:
    """Write a table as JSON."""
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def print_columns(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under a head, each column as wide as its widest cell."""
    texts = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)
