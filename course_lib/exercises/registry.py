"""All exercises of the course, found by their modules, and one of them by its id."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from pathlib import Path

from course_lib.core.extras import needs_course
from course_lib.exercises.base import Exercise

_REGISTRY: dict[str, Exercise] = {}


def all_exercises() -> dict[str, Exercise]:
    """Return every exercise of the course by its id; each module of this package offers a list EXERCISES."""
    if not _REGISTRY:
        for name in [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]:
            with needs_course("exercise"):
                module = importlib.import_module(f"{__package__}.{name}")
            for item in getattr(module, "EXERCISES", []):
                if item.id in _REGISTRY:
                    raise ValueError(f"two exercises are called {item.id!r}")
                _REGISTRY[item.id] = item
    return _REGISTRY


def exercise(exercise_id: str) -> Exercise:
    """Return one exercise of the book.

    Args:
        exercise_id: as the chapter writes it, such as "gain-1".

    Returns:
        The exercise, with `check(answer)`, `hint()` and `solution()`.

    Raises:
        ValueError: an unknown id (names the near ones).

    Chapter: book/intro.ipynb

    >>> exercise("gain-1").chapter
    'gain'
    """
    known = all_exercises()
    if exercise_id not in known:
        near = difflib.get_close_matches(str(exercise_id), known, n=3)
        raise ValueError(
            f"unknown exercise {exercise_id!r}; "
            + (f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(known))}")
        )
    return known[exercise_id]
