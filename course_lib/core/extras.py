"""What the library can do only with packages of the notebooks, which a bare installation has not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class MissingExtra(ImportError):
    """A package of the extra `course` is missing; the message, one line, says for what and how to install it."""


@contextmanager
def needs_course(what: str) -> Iterator[None]:
    """Import inside what only `ddsp-course[course]` brings.

    Args:
        what: what cannot be done without it, as the caller knows it.

    Raises:
        MissingExtra: a package is missing.

    >>> with needs_course("plot_notes"):
    ...     import no_such_package
    Traceback (most recent call last):
    course_lib.core.extras.MissingExtra: plot_notes needs no_such_package: pip install "ddsp-course[course]"
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or str(error)).partition(".")[0]
        if package == __name__.partition(".")[0]:
            raise  # a fault of our own
        message = f'{what} needs {package}: pip install "ddsp-course[course]"'
        raise MissingExtra(message, name=error.name) from None
