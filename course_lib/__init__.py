"""Differentiable digital signal processing for music: instruments, losses and systems, small enough to read.

The public names stand in `__init__.pyi`, each with the module that has it. One that is used for the first time is
imported then, with what it needs: importing the library costs milliseconds, and nobody waits for what is not used.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


def _homes() -> dict[str, str]:
    """Public name → its module, read from the imports of the stub, so that no name is written twice."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names if node.module}


_HOME = _homes()
_ROOMS = {home.split(".")[1] for home in _HOME.values()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """A public name, or a room of the library with its public modules, on first use."""
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _ROOMS:
        value = import_module(f"{__name__}.{name}")
        for home in {home for home in _HOME.values() if home.startswith(f"{__name__}.{name}.")}:
            import_module(home)  # so that course_lib.synths.harmonic is there after `import course_lib`
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next use finds it without asking here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
