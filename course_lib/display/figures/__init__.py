"""Live figures, each two files side by side, `<kind>.py` and `<kind>.js`; what they share lies in `kit/`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from course_lib.display.figures.fields import Kind

FOLDER = Path(__file__).parent


def kinds() -> list[str]:
    """Return the kinds of figures, found by their files; nothing is imported."""
    return sorted(path.stem for path in FOLDER.glob("*.js") if path.with_suffix(".py").is_file())


def module_of(kind: str) -> ModuleType:
    """Import the Python file of one kind, and with it no other kind's."""
    return import_module(f"{__name__}.{kind}")


def find(kind: str) -> Kind:
    """Return what the Python file of a kind says of it."""
    found = module_of(kind).KIND
    assert isinstance(found, Kind), f"{kind}.py needs KIND = Kind(…)"
    return found
