"""Numbers and tables for a reader: a rounded value with the bound that it keeps, and rows as a real table."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import SupportsFloat

from torch import Tensor

from course_lib.core.extras import needs_course


def show_number(
    label: str,
    value: Tensor | SupportsFloat,
    unit: str = "",
    *,
    below: float | None = None,
    above: float | None = None,
    digits: int = 2,
) -> None:
    """Print a number, rounded, and the bound that it must keep; the cell fails where it does not.

    A bound says what matters about a number that differs a little between computers. `tests/nbval_sanitize.cfg` masks
    the number before a bound, and only there: without one, every printed digit is compared.

    Args:
        label: what the number is.
        value: a number, or a tensor or array of one element.
        unit: printed after the number.
        below: the value must be less than this.
        above: the value must be more than this.
        digits: significant digits to print.

    Raises:
        AssertionError: the value breaks a bound, or is NaN.

    Chapter: book/first_steps/what_is_ddsp.ipynb

    >>> show_number("the loss, of its start", 0.0312, below=0.05)
    the loss, of its start: 0.031 (below 0.05)
    """
    number = float(value.detach() if isinstance(value, Tensor) else value)
    text = f"{label}: {_rounded(number, digits)}{unit and ' ' + unit}"
    bounds = [f"{word} {limit:g}" for word, limit in (("above", above), ("below", below)) if limit is not None]
    if bounds:
        text += f" ({' and '.join(bounds)})"
    kept = (below is None or number < below) and (above is None or number > above) and not math.isnan(number)
    if not kept:
        raise AssertionError(f"{text}: the bound is broken")
    print(text)


def _rounded(number: float, digits: int) -> str:
    """At least `digits` significant digits, whole numbers whole, a true minus sign for reading."""
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    size = math.floor(math.log10(abs(number)))
    text = f"{number:.{digits - 1}e}" if not -4 <= size <= 6 else f"{number:,.{max(0, digits - 1 - size)}f}"
    return text.replace("-", "−", 1) if number < 0 else text


def table_html(rows: Sequence[Mapping[str, object]], caption: str = "") -> str:
    """Return rows as an HTML table; the first column names its row.

    Args:
        rows: each {column: value}; all with the same columns, in the same order.
        caption: shown above.

    Raises:
        ValueError: no rows, or rows with different columns.
    """
    if not rows:
        raise ValueError("a table needs at least one row; got none")
    columns = list(rows[0])
    for row in rows:
        if list(row) != columns:
            raise ValueError(f"every row must have the columns {columns}; got {list(row)}")
    cell = "<{0}{1} style='text-align:{2}'>{3}</{0}>"

    def line(row: Mapping[str, object]) -> str:
        first, *rest = (html.escape(str(row[c])) for c in columns)
        words = (isinstance(x := row[c], str) and not x[:1].isdigit() for c in columns[1:])
        side = ["left" if word else "right" for word in words]
        body = "".join(cell.format("td", "", a, x) for a, x in zip(side, rest, strict=True))
        return "<tr>" + cell.format("th", " scope='row'", "left", first) + body + "</tr>"

    head = "".join(cell.format("th", " scope='col'", "left", html.escape(c)) for c in columns)
    title = f"<caption style='caption-side:top'>{html.escape(caption)}</caption>" if caption else ""
    body = "".join(line(row) for row in rows)
    return f"<table class='dataframe'>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def show_table(rows: Sequence[Mapping[str, object]], caption: str = "") -> None:
    """Show rows as a real table, which wraps and scrolls as a page's tables do.

    Args:
        rows: each {column: value}, values already rounded; the first column names its row.
        caption: shown above.

    Raises:
        ValueError: no rows, or rows with different columns.

    Chapter: book/midi_ddsp/inference.ipynb

    >>> show_table([{"loss": "waveform", "finds 440 Hz": "no"}], "which loss finds it")
    <IPython.core.display.HTML object>
    """
    with needs_course("show_table"):
        from IPython.display import HTML, display

    display(HTML(table_html(rows, caption)))
