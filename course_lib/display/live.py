"""Live figures: a picture with sliders and sound that computes in the reader's page, no kernel, no network.

One `text/html` output holds it all: a custom element whose tag carries a hash of its script, its state as JSON, a
fallback text, and one inline script that defines the element once. The same script drives an `anywidget`, where Python
wants the value back. What a kind of figure shows and computes stands in `figures/<kind>.py` and `figures/<kind>.js`.
"""

from __future__ import annotations

import difflib
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.display import figures
from course_lib.display.figures.bundle import bundle
from course_lib.display.figures.fields import Recordings


@dataclass(frozen=True)
class LiveFigure:
    """A live figure: displays itself in a notebook; `state` is the full state, `widget()` the two-way version."""

    kind: str
    state: dict[str, Any]

    def _repr_html_(self) -> str:
        return _html(self.kind, _full_state(self.kind, self.state))

    def __repr__(self) -> str:
        return f"LiveFigure({self.kind!r})"

    def widget(self) -> Any:
        """Return the figure as an anywidget, whose `state` follows the sliders and can be set from Python.

        Returns:
            An `anywidget.AnyWidget`; it needs a running kernel.

        Raises:
            ImportError: anywidget is not installed.
        """
        try:
            import anywidget
            import traitlets
        except ImportError as error:
            raise ImportError(
                "widget() needs the package anywidget: pip install anywidget. "
                "Without it, live_figure(…) alone shows the same figure, only Python does not get its values back"
            ) from error
        kind = self.kind

        class LiveWidget(anywidget.AnyWidget):
            _esm = widget_module(kind)
            state = traitlets.Dict().tag(sync=True)

            @traitlets.validate("state")
            def _valid(self, proposal: Any) -> dict[str, Any]:
                return _full_state(kind, proposal["value"])

        return LiveWidget(state=dict(self.state))


def kinds() -> list[str]:
    """Return the kinds of live figures that `live_figure` knows."""
    return figures.kinds()


def live_figure(kind: str, **state: object) -> LiveFigure:
    """Return a live figure: sliders, picture and sound that compute in the page.

    Args:
        kind: one of `kinds()`.
        state: where it starts; what is left out takes its default. `live_figure(kind).state` shows the names.

    Returns:
        An object that notebooks display; `.state` is the full state, `.widget()` a two-way anywidget.

    Raises:
        ValueError: an unknown kind or name, a value out of range, NaN or of the wrong type.

    Chapter: book/first_steps/gain.ipynb

    >>> live_figure("gain", phase_deg=90).state["phase_deg"]
    90.0
    """
    if kind not in kinds():
        raise ValueError(f"there is no live figure {kind!r}{_near(kind, kinds())}; there are {', '.join(kinds())}")
    return LiveFigure(kind, _full_state(kind, state))


def _full_state(kind: str, state: Mapping[str, object]) -> dict[str, Any]:
    """Defaults filled in, every value checked and rounded, sorted by name."""
    about = figures.find(kind)
    fields, derived = about.fields, about.derived
    for name in state:
        if name not in fields and name not in derived:
            raise ValueError(
                f"the live figure {kind!r} has no {name!r}{_near(name, fields)}; it has {', '.join(sorted(fields))}"
            )
    full = {name: fields[name].check(state.get(name, fields[name].default), name) for name in sorted(fields)}
    return full | {name: follow(full) for name, follow in derived.items()}


def _near(word: Any, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word).lower(), list(words), n=2, cutoff=0.5)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def _html(kind: str, state: Mapping[str, Any]) -> str:
    """One self-contained output; the same text for the same kind and state."""
    source, about = _whole(kind, "kit/element.js"), figures.find(kind)
    tag = f"ddsp-{kind.replace('_', '-')}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    plain = {name: value for name, value in state.items() if not isinstance(about.fields.get(name), Recordings)}
    values = html.escape(json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False), quote=False)
    values = values.replace("'", "&#x27;")  # the attribute stands in single quotes
    more = f'<div class="ddsp-fallback">{about.fallback(state)}</div>' if about.fallback else ""
    return (
        f"<{tag} data-state='{values}' style=\"display:block\">"
        f'<p class="ddsp-fallback"><strong>Live figure: {about.title}.</strong> {about.about} '
        "It computes in the page: read it in the built book, or run this cell (or trust the notebook) to wake it.</p>"
        f"{more}</{tag}>\n"
        f'<script>(() => {{\nconst tag = "{tag}";\nif (customElements.get(tag)) return;\n{source}\n'
        "const it = whole();\nit.define(tag, it.render, whole);\n})();</script>"
    )


def _whole(kind: str, *entries: str) -> str:
    """All of a figure's script as one function, whose text a worker can be made of."""
    source = bundle(kind, *entries)
    names = re.findall(r"^(?:const|function) (define|figure|render|serve)\b", source, re.MULTILINE)
    return f"function whole() {{\n{source}\nreturn {{ {', '.join(names)} }};\n}}"


def widget_module(kind: str) -> str:
    """Return the script of a figure as a JavaScript module for `anywidget`."""
    return f"{_whole(kind)}\nexport default {{ render: (context) => whole().render({{ ...context, whole }}) }};\n"


def node_module(kind: str) -> str:
    """Return the script of a figure as a CommonJS module that exports `compute` and `figure`: for tests in Node."""
    return f"{bundle(kind)}\nmodule.exports = {{ compute, figure }};\n"
