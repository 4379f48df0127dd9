"""The one script of a figure's output, put together from ES modules, numbers of Python and a style sheet.

The modules keep to one form, which the formatter keeps too: `import { … } from "./file";` in front, `export` before a
declaration, one name a declaration. So imports and exports can be taken away, and what is left shares one scope.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from course_lib.display.figures import FOLDER, find, kit, module_of
from course_lib.display.figures.minify import minified, minified_css

IMPORT = re.compile(r'^import (?:\{([^}]*)\}|(\w+)) from "([^"]+)";\n', re.MULTILINE)
DECLARED = re.compile(r"^(export )?(?:async )?(?:const|let|class|function\*?) (\w+)", re.MULTILINE)
WORD = re.compile(r"[\w$]+")
ANY_FIGURE = "../<kind>.py"  # what a module of the kit imports of the figure that it becomes a part of


@cache
def bundle(kind: str, *entries: str) -> str:
    """Put the script of a figure together.

    Args:
        kind: one of `kinds()`.
        entries: further modules, such as "kit/element.js".

    Returns:
        Plain statements without import or export, minified; `compute`, `figure` and `render` are among their names.

    Raises:
        ValueError: a name that two modules declare, one that is imported but not there, a form that is not known here.
    """
    parts = _Parts(kind)
    for entry in (*entries, f"{kind}.js"):
        parts.add(FOLDER / entry)
    return "\n".join(parts.texts)


@cache
def bundle_file(file: Path, *wanted: str) -> str:
    """Put a script together that is no figure's.

    Args:
        file: its module.
        wanted: the names that are used of it; what none of them needs is left out.

    Returns:
        Plain statements without import or export, minified.

    Raises:
        ValueError: as `bundle` does, or a wanted name that is not there.
    """
    parts = _Parts("")
    parts.add(file)
    return needed("\n".join(parts.texts), *wanted)


def needed(script: str, *wanted: str) -> str:
    r"""Keep the declarations of a minified script that some of its names need, in their order.

    >>> needed("const a=1;\nconst b=a+1;\nconst c=2;", "b")
    'const a=1;\nconst b=a+1;'
    """
    starts = [match.start() for match in DECLARED.finditer(script)]
    pieces = [script[start:end] for start, end in pairwise([*starts, len(script)])]
    names = [match[2] for match in DECLARED.finditer(script)]
    if missing := set(wanted) - set(names):
        raise ValueError(f"the script does not declare {', '.join(sorted(missing))}")
    kept: set[str] = set()
    open_names = set(wanted)
    while open_names:
        kept |= open_names
        words = {
            w for name, piece in zip(names, pieces, strict=True) if name in open_names for w in WORD.findall(piece)
        }
        open_names = words & set(names) - kept
    return "".join(piece for name, piece in zip(names, pieces, strict=True) if name in kept).strip()


class _Parts:
    """Modules in the order in which they need each other."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.texts: list[str] = []
        self.declared: dict[str, Path] = {}
        self.exported: dict[Path, set[str]] = {}

    def add(self, path: Path) -> None:
        """Add a module after those that it imports, once."""
        if path in self.exported:
            return
        text = path.read_text(encoding="utf-8")
        found = DECLARED.findall(text)
        self.exported[path] = {name for export, name in found if export}
        for names, sheet, source in IMPORT.findall(text):
            own = source == ANY_FIGURE
            target = FOLDER / f"{self.kind}.py" if own else (path.parent / source).resolve()
            for name in names.replace(",", " ").split() if names else [sheet]:
                self.resolve(path, target, name)
        for _, name in found:
            self.declare(name, path)
        script = DECLARED.sub(lambda match: match[0].removeprefix("export "), IMPORT.sub("", text))
        if left := re.search(r"^(import|export)\b.*", script, re.MULTILINE):
            raise ValueError(f"{path.name}: only import {{ … }} and export before a declaration work; got {left[0]!r}")
        self.texts.append(minified(script))

    def resolve(self, path: Path, target: Path, name: str) -> None:
        """Add what a module imports under a name."""
        if target.suffix == ".js":
            self.add(target)
            if name not in self.exported[target]:
                raise ValueError(f"{path.name} imports {name}, which {target.name} does not export")
        elif self.declared.get(name) != target:  # a value: once is enough
            self.declare(name, target)
            values = self.values(target, name)
            if name not in values:
                raise ValueError(f"{path.name} imports {name}, which {target.name} does not hold")
            value = json.dumps(values[name], separators=(",", ":"), allow_nan=False)
            self.texts.append(f"const {name}={value};")

    def values(self, target: Path, name: str) -> Mapping[str, Any]:
        """A style sheet's text under any name, or what a Python file holds."""
        if target.suffix == ".css":
            return {name: minified_css(target.read_text(encoding="utf-8"))}
        if target.stem != self.kind:
            return vars(import_module(f"{kit.__name__}.{target.stem}"))
        kind = find(self.kind)
        fields = {name: field.for_page() for name, field in kind.fields.items()}
        data = kind.data() if kind.data else {}
        return {**vars(module_of(self.kind)), **data, "TITLE": kind.title, "PLAY_DB": kind.play_db, "FIELDS": fields}

    def declare(self, name: str, file: Path) -> None:
        """Note who declares a name."""
        other = self.declared.setdefault(name, file)
        if other != file:
            raise ValueError(f"{file.name} and {other.name} both declare {name}; a figure is one scope: rename one")
