"""The pages of the library list every public module on the page of its room, and what they say of floors is true."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import inspect
import re
import types
from pathlib import Path

import pytest
import yaml

import course_lib
from course_lib import midi_ddsp, tone_transfer
from tests.helpers import ROOT

LIBRARY = ROOT / "book" / "reference" / "library"
ROOMS = (
    "core", "kernels", "effects", "synths", "sounds", "analysis", "scores", "fitting", "training", "tone_transfer",
    "midi_ddsp",
)  # fmt: skip
# How what is listed is computed or read, and nothing that anybody else should call.
INTERNAL = (
    "course_lib.analysis.decimate",
    "course_lib.core.eager", "course_lib.core.extras", "course_lib.core.frame_phase", "course_lib.core.noise",
    "course_lib.core.second_derivative", "course_lib.kernels", "course_lib.scores.chunks",
)  # fmt: skip


def pages() -> list[Path]:
    """The pages of the library, in the order of the table of contents."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    (library,) = (c for part in parts for c in part["chapters"] if c["file"] == "book/reference/api")
    return [ROOT / f"{section['file']}.md" for section in library["sections"]]


def sections() -> dict[str, int]:
    """The modules of the pages, with the number of the page on which each stands."""
    found = {}
    for number, page in enumerate(pages()):
        found |= {name: number for name in re.findall(r"automodule:: (\S+)", page.read_text(encoding="utf-8"))}
    return found


SECTIONS = sections()


def modules(*rooms: str) -> list[str]:
    paths = [path for room in rooms for path in sorted((ROOT / "course_lib" / room).rglob("*.py"))]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def is_within(name: str, places: tuple[str, ...] | dict[str, int]) -> bool:
    """Whether a module, or a package that it is in, is among the places."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("name", SECTIONS)
def test_what_the_pages_name_can_be_imported(name: str) -> None:
    assert importlib.import_module(name).__doc__


def test_every_page_is_in_the_table_of_contents_and_in_the_list() -> None:
    assert sorted(pages()) == sorted(LIBRARY.glob("*.md"))
    listed = re.findall(r"\(library/(\w+)\.md\)", (LIBRARY.parent / "api.md").read_text(encoding="utf-8"))
    assert listed == [page.stem for page in pages()]


def test_every_public_module_is_on_a_page() -> None:
    missing = []
    for name in modules(*ROOMS):
        module = importlib.import_module(name)
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == name]
        public = [key for key in own if not key.startswith("_")]
        if public and not is_within(name, SECTIONS) and not is_within(name, INTERNAL):
            missing.append(name)
    assert missing == [], "add them to a page of book/reference/library/, or to INTERNAL here"


def imported(name: str) -> set[str]:
    """The modules of the library that a module imports, wherever in its text."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    nodes = list(ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module for module in named if module.startswith("course_lib.")}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_module_imports_only_from_its_room_and_those_above(name: str) -> None:
    room_of = {module.split(".")[1]: number for module, number in SECTIONS.items()}
    wrong = [m for m in imported(name) if (room := m.split(".")[1]) in room_of and room_of[room] > SECTIONS[name]]
    assert wrong == []


def test_a_room_stands_on_one_page() -> None:
    rooms: dict[str, set[int]] = {}
    for name, number in SECTIONS.items():
        rooms.setdefault(name.split(".")[1], set()).add(number)
    assert {room for room, numbers in rooms.items() if len(numbers) > 1} == set()
    assert set(rooms) >= {room for room in ROOMS if (ROOT / "course_lib" / room).is_dir() and room != "kernels"}


# Of the two systems: what learns from folders of recordings, or stores what was learned.
LEARN = {
    "annotate", "instrument_statistics", "load_performances", "load_recordings", "load_urmp", "save_inference", "train",
    "train_expression", "train_inference", "train_pitch", "train_synthesis",
}  # fmt: skip


def public() -> dict[str, object]:
    """What is called from outside, by its full name: exports of the library and its systems, functions of the pages."""
    found: dict[str, object] = {}
    for package, without in ((course_lib, set()), (tone_transfer, LEARN), (midi_ddsp, LEARN)):
        exported = {name: getattr(package, name) for name in package.__all__ if name not in without}
        kept = (type, types.FunctionType) if package is course_lib else types.FunctionType
        found |= {f"{v.__module__}.{name}": v for name, v in exported.items() if isinstance(v, kept)}
    basics = ROOMS[: ROOMS.index("training")]
    for name in SECTIONS:
        if name.split(".")[1] in basics:
            own = vars(importlib.import_module(name)).items()
            functions = {k: v for k, v in own if isinstance(v, types.FunctionType) and not k.startswith("_")}
            found |= {f"{v.__module__}.{k}": v for k, v in functions.items() if is_within(v.__module__, (name,))}
    return {name: v for name, v in found.items() if not (isinstance(v, type) and issubclass(v, Exception))}


@pytest.mark.parametrize("name", PUBLIC := public())
def test_what_is_public_has_an_example_that_runs(name: str) -> None:
    """With --doctest-modules each is run, and what it shows is compared."""
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(PUBLIC[name]) or "")
    assert examples, f"{name}: a line or two, `>>> …`, at the end of its docstring"
    assert len(examples) <= 5 and not any(doctest.SKIP in example.options for example in examples)
    called = {node.id for e in examples for node in ast.walk(ast.parse(e.source)) if isinstance(node, ast.Name)}
    called |= {node.attr for e in examples for node in ast.walk(ast.parse(e.source)) if isinstance(node, ast.Attribute)}
    assert name.rpartition(".")[2] in called or inspect.isclass(PUBLIC[name])
