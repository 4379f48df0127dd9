"""The page of commands is as the commands are, on every Python; and what it and the README show can be typed."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from course_lib.__main__ import command_line
from course_lib.benchmark.__main__ import BENCHMARKS
from tests.helpers import ROOT
from tools import commands_page

SHOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", commands_page.PAGE]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Every command that a page shows: in a block, or between backticks with all that it needs."""
    lines = [(path.name, line) for path in SHOWN for block in blocks(path, "bash") for line in block.splitlines()]
    return [(name, shlex.split(line, comments=True)) for name, line in lines if line.strip()]


def test_the_tables_are_as_the_commands_are() -> None:
    page = commands_page.PAGE.read_text(encoding="utf-8")
    assert commands_page.renewed(page) == page, "run python3 tools/commands_page.py --write"


def test_every_command_has_its_place_and_no_other_has() -> None:
    page = commands_page.PAGE.read_text(encoding="utf-8")
    for wrong in (page.replace("<!-- options: render -->", ""), page.replace("options: render", "options: rendr")):
        with pytest.raises(ValueError, match=r"it has none for \['render'\]"):
            commands_page.renewed(wrong)


def test_a_row_says_all_that_a_parser_knows() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("song", help="a | b")
    parser.add_argument("more", nargs="?")
    parser.add_argument("--cell-seconds", type=float, default=20.0, help="one cell may take (20)")
    parser.add_argument("-n", "--number", type=int, default=3, help="how many; %(default)s is 100 %%")
    parser.add_argument("--without", action="append", default=[], choices=("a", "b"), help="leave out")
    parser.add_argument("--part", choices=("a", "b"), default="a")
    parser.add_argument("--files", nargs="+", metavar="F", required=True, help="all")
    parser.add_argument("--quiet", action="store_true", help="print less")
    assert commands_page.rows(parser) == [
        r"| `song` | a \| b |",
        "| `[more]` |  |",
        "| `--cell-seconds SECONDS` | one cell may take (20) |",
        "| `-n, --number NUMBER` | how many; 3 is 100 %; 3 if left out |",
        "| `--without WITHOUT` | leave out; one of `a`, `b`; may be repeated |",
        "| `--part PART` | one of `a`, `b`; `a` if left out |",
        "| `--files F …` | all; required |",
        "| `--quiet` | print less |",
    ]


def test_the_tool_says_what_is_stale_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "commands.md"
    written = commands_page.PAGE.read_text(encoding="utf-8")
    page.write_text(written.replace("| `--quiet` |", "| `--silent` |"), encoding="utf-8")
    monkeypatch.setattr(commands_page, "PAGE", page)
    assert commands_page.main([]) == 1 and "stale: assignments grade\n" == capsys.readouterr().out
    assert commands_page.main(["--write"]) == 0 and page.read_text(encoding="utf-8") == written
    assert commands_page.main([]) == 0 and commands_page.main(["--nonsense"]) == 2


@pytest.mark.parametrize(("page", "words"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_shown_can_be_typed(page: str, words: list[str]) -> None:
    if words[1:3] == ["-m", "course_lib"]:
        assert words[0] == ".venv/bin/python" and command_line().parse_args(words[3:]).command == words[3]
    elif words[1:3] == ["-m", "course_lib.benchmark"]:
        assert words[3] in BENCHMARKS
    elif words[0] == "python3" and words[1] == "course.py":
        assert re.search(rf"^python3 course\.py {words[2]}\b", (ROOT / "course.py").read_text(), re.MULTILINE)
    elif words[0] == "python3" or words[0].startswith(".venv"):
        assert (ROOT / words[1]).is_file() or words[1:3] == ["-m", "pytest"], words
    else:
        assert words[0] in ("git", "cd"), f"{page} shows {words}, which nothing here tries"


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_what_is_imported_is_there(path: Path) -> None:
    for block in blocks(path, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib"):
                module = importlib.import_module(node.module or "")
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_readmes_example_plays(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks(ROOT / "README.md", "python")
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["frames"] == 100 and capsys.readouterr().err == ""


def anchors(page: Path) -> set[str]:
    """Where a link into a page may lead: its headings, as GitHub and the book write them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_what_is_linked_is_there(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)", path.read_text(encoding="utf-8"))
    assert links and [name for name, _ in links if not (path.parent / name).exists()] == []
    pages = [((path.parent / name) if name else path, anchor) for name, anchor in links if anchor]
    assert [anchor for page, anchor in pages if anchor not in anchors(page)] == []


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_a_command_named_in_passing_is_one(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {"course.py": set(re.findall(r"^python3 course\.py (\w+)", (ROOT / "course.py").read_text(), re.MULTILINE))}
    known |= {"course_lib": set(leaf.split()[0] for leaf, _ in commands_page.leaves(command_line()))}
    known |= {"course_lib.benchmark": set(BENCHMARKS)}
    found = re.findall(r"(?:python3 |python -m )(course\.py|course_lib\.benchmark|course_lib) (\w+)", text)
    assert [(program, verb) for program, verb in found if verb not in known[program]] == []
    assert [name for name in re.findall(r"tools/\w+\.py", text) if not (ROOT / name).is_file()] == []


def test_the_readme_stays_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90, "manuals belong on the page of commands"
