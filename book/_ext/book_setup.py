"""Lets the build import the library beside the book, installed or not."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]


def setup(app: Sphinx) -> dict[str, bool]:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
