"""The floors of ARCHITECTURE.md, held against every import of the library."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers import ROOT

LIBRARY = ROOT / "course_lib"
LOOSE = {"__init__.py", "__main__.py"}
STUB = "__init__.pyi"  # where the public names stand; __init__.py imports each when it is first used
SYSTEMS, PEOPLE = "5", "6"
ROOF = "course_lib"  # its __init__, which collects the public names


class Import(NamedTuple):
    """`file` (relative to the library) imports `target`, a module as ("midi_ddsp", "data"), at this line."""

    file: Path
    line: int
    target: tuple[str, ...]
    within: bool = False  # a module of the target, which one is computed

    def __str__(self) -> str:
        return f"course_lib/{self.file.as_posix()}:{self.line} imports {'.'.join(['course_lib', *self.target])}"


def floors() -> dict[str, str]:
    """Room → floor, "0" … "7", from the table of ARCHITECTURE.md; floors sort as text."""
    rows = re.findall(r"^\| (\d[a-z]?) \| ([^|]*) \|", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.M)
    return {room: floor for floor, rooms in rows for room in re.findall(r"`(\w+)/`", rooms)}


def module_of(file: Path) -> tuple[str, ...]:
    """("midi_ddsp", "data") of midi_ddsp/data.py; a package is its folder."""
    parts = file.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def exports(root: Path) -> dict[str, tuple[str, ...]]:
    """Public name → the module that course_lib/__init__.py takes it from."""
    path = root / STUB
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    taken = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {alias.name: tuple(node.module.split(".")[1:]) for node in taken for alias in node.names}


def imports(root: Path) -> Iterator[Import]:
    """Every import of the library by the library: absolute, relative, by name from the top, and `import_module`."""
    files = {path.relative_to(root) for path in root.rglob("*.py")}
    modules = {module_of(file) for file in files}
    public = exports(root)

    def resolve(base: tuple[str, ...], name: str) -> tuple[str, ...]:
        """`from base import name`: the module it is, or the module that holds it."""
        if (*base, name) in modules:
            return (*base, name)
        return public.get(name, ()) if not base else base

    texts = {file: root / (STUB if file == Path("__init__.py") and (root / STUB).exists() else file) for file in files}
    for file in sorted(files):
        inside = module_of(file) if file.name == "__init__.py" else module_of(file)[:-1]
        for node in ast.walk(ast.parse(texts[file].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "course_lib":
                        yield Import(file, node.lineno, tuple(alias.name.split(".")[1:]))
            elif isinstance(node, ast.ImportFrom):
                base = (node.module or "").split(".") if node.module else []
                if node.level:
                    whole = (*inside[: len(inside) - node.level + 1], *base)
                elif base[:1] == ["course_lib"]:
                    whole = tuple(base[1:])
                else:
                    continue
                for alias in node.names:
                    yield Import(file, node.lineno, resolve(whole, alias.name))
            elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "import_module":
                found = re.match(r"""f?['"](?:course_lib|\{__name__\})\.?([\w.]*)""", ast.unparse(node.args[0]))
                if found:
                    start = inside if "__name__" in found[0] else ()
                    names = (*start, *filter(None, found[1].split(".")))
                    yield Import(file, node.lineno, names, names in modules and "{" in ast.unparse(node.args[0]))


def circles(arrows: set[tuple[str, str]]) -> list[str]:
    """One circle of arrows, as names in order, the first of them again at the end; [] where there is none."""
    after: dict[str, list[str]] = {}
    for start, end in sorted(arrows):
        after.setdefault(start, []).append(end)
    done: set[str] = set()

    def search(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for end in after.get(node, []):
            if found := search(end, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for start in list(after) if (found := search(start, []))), [])


def faults(root: Path) -> list[str]:
    """What the library under `root` does against the plan, a sentence each."""
    floor = floors()
    loose = [path.name for path in root.glob("*.py") if path.name not in LOOSE]
    told = [f"course_lib/{name} is a loose module: it belongs into a room" for name in loose]
    rooms = {path.relative_to(root).parts[0] for path in root.glob("*/*.py")}
    told += [f"course_lib/{room}/ has no floor in ARCHITECTURE.md" for room in sorted(rooms - floor.keys())]
    between, files = set(), set()
    for found in imports(root):
        path = root.joinpath(*found.target)
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not found.within:
            files.add((found.file.as_posix(), file.relative_to(root).as_posix()))
        start, end = found.file.parts[0], found.target[0] if found.target else ROOF
        if start in LOOSE or start == end or start not in floor:
            continue
        between.add((start, end))
        if end == ROOF and floor[start] < PEOPLE:
            told.append(f"{found} itself: import from the room that has it")
        elif end != ROOF and floor.get(end, "") > floor[start]:
            told.append(f"{found}: upward, from floor {floor[start]} to floor {floor[end]}")
        elif floor[start] == floor.get(end) == SYSTEMS:
            told.append(f"{found}: a system imports no other system")
    for what, arrows in (("rooms", between), ("files", files)):
        if circle := circles(arrows):
            told.append(f"a circle of {what}: {' → '.join(circle)}")
    return told


def test_the_library_keeps_its_floors() -> None:
    assert faults(LIBRARY) == []


def test_every_room_of_the_plan_is_there() -> None:
    missing = {room for room in floors() if not (LIBRARY / room).is_dir()}
    assert not missing, missing


def test_tests_mirror_the_rooms() -> None:
    rooms = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= folders, rooms - folders
    assert folders - rooms == {"book", "helpers", "project"}
    assert {path.name for path in (ROOT / "tests").glob("*.py")} == {"conftest.py", "test_floors.py"}


@pytest.mark.parametrize(
    "file, line, told",
    [
        ("core/a.py", "from course_lib.synths.b import f", "a.py:1 imports course_lib.synths.b: upward, from floor 0"),
        ("core/a.py", "from ..synths import b", "core/a.py:1 imports course_lib.synths.b: upward"),
        ("core/a.py", "def g():\n    import course_lib.display", "core/a.py:2 imports course_lib.display: upward"),
        ("effects/a.py", "from course_lib.synths.b import f", "effects/a.py:1 imports course_lib.synths.b: upward"),
        ("fitting/a.py", "from course_lib import listen", "fitting/a.py:1 imports course_lib.display.audio: upward"),
        ("fitting/a.py", "from course_lib import unknown", "a.py:1 imports course_lib itself"),
        ("core/a.py", "import_module('course_lib.display.x')", "core/a.py:1 imports course_lib.display.x: upward"),
        ("midi_ddsp/a.py", "from course_lib.tone_transfer import model", "a system imports no other system"),
        ("sounds/a.py", "from course_lib.analysis.c import f", "a circle of rooms: analysis → sounds → analysis"),
        ("synths/b.py", "from course_lib.synths import d", "files: synths/b.py → synths/d.py → synths/b.py"),
        ("synths/b.py", "from . import __name__", "files: synths/__init__.py → synths/b.py → synths/__init__.py"),
        ("display/audio.py", "import course_lib", "files: __init__.py → display/audio.py → __init__.py"),
        ("cellar/a.py", "", "course_lib/cellar/ has no floor in ARCHITECTURE.md"),
        ("loose.py", "", "course_lib/loose.py is a loose module"),
    ],
)  # fmt: skip
def test_a_broken_floor_is_named(tmp_path: Path, file: str, line: str, told: str) -> None:
    house = {
        "__init__.py": "",
        "__init__.pyi": "from course_lib.display.audio import listen as listen",
        "synths/__init__.py": "from course_lib.synths.b import f",
        "synths/b.py": "",
        "synths/d.py": "from course_lib.synths.b import f",
        "display/audio.py": "",
        "tone_transfer/model.py": "",
        "analysis/c.py": "from course_lib.sounds import x",
        "sounds/x.py": "",
    }
    for name, text in house.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert faults(tmp_path) == []
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(line)
    assert any(told in fault for fault in faults(tmp_path)), faults(tmp_path)
