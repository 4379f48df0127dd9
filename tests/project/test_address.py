"""The public address is written in one place, and everything else follows it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from tests.helpers import ROOT
from tools import address

NAMES = ("pyproject.toml", "_config.yml", "CITATION.cff", "README.md", "book/teaching/guide.md")


def test_this_repository_agrees_with_its_address() -> None:
    assert address.disagreements() == []


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """A copy of the places that name the address, and three chapters: right, without a set-up cell, with an old one."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "book").mkdir(exist_ok=True)
    cells = {
        "right": [nbformat.v4.new_markdown_cell("# Title"), setup(address.setup_cell())],
        "without": [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("1 + 1")],
        "old": [setup("!pip install something"), nbformat.v4.new_code_cell("1 + 1")],
    }
    for name, content in cells.items():
        nbformat.write(nbformat.v4.new_notebook(cells=content), tmp_path / "book" / f"{name}.ipynb")
    return tmp_path


def setup(source: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["setup"]})


def test_chapters_that_differ_are_named_and_mended(fork: Path) -> None:
    assert [line.split(":")[0] for line in address.disagreements(fork)] == ["book/old.ipynb", "book/without.ipynb"]
    assert address.write(address.repository(fork), fork) == ["book/old.ipynb", "book/without.ipynb"]
    assert address.disagreements(fork) == []
    assert address.write(address.repository(fork), fork) == []
    cells = json.loads((fork / "book" / "without.ipynb").read_text())["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "code"] and address.is_setup(cells[1])


@pytest.mark.parametrize(
    "url, site",
    [
        ("https://github.com/Someone/my-course", "https://someone.github.io/my-course/"),
        ("https://git.example.org/group/sub/course", "https://git.example.org/group/sub/course"),
    ],
)
def test_a_fork_sets_its_own(fork: Path, url: str, site: str) -> None:
    old = address.repository(fork)
    changed = address.write(url, fork)
    assert set(changed) >= {*NAMES, "book/right.ipynb"}
    assert address.repository(fork) == url
    assert address.disagreements(fork) == []
    assert address.site(url) == site
    left = [name for name in NAMES if old in (fork / name).read_text(encoding="utf-8")]
    assert not left, f"the old address is still in {left}"
    address.write(old, fork)
    for name in NAMES:
        assert (fork / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pyproject.toml"])
def test_a_place_that_disagrees_is_named(fork: Path, name: str) -> None:
    text = (fork / name).read_text(encoding="utf-8")
    (fork / name).write_text(text.replace("ddsp-for-music/course", "a-stranger/course"), encoding="utf-8")
    assert any(line.startswith(f"{name}:") for line in address.disagreements(fork))


@pytest.mark.parametrize("bad", ["course", "github.com/me/course", "https://github.com/me", "https://x.org/a b/c", ""])
def test_what_is_no_address_is_refused(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = (ROOT / "pyproject.toml").read_bytes()
    assert address.main([bad]) == 2
    assert "Not an address" in capsys.readouterr().err
    assert (ROOT / "pyproject.toml").read_bytes() == before


def test_the_setup_cell_is_short_and_takes_no_package_name() -> None:
    source = address.setup_cell()
    compile(source, "set-up cell", "exec")
    lines = source.splitlines()
    assert len(lines) <= 18 and max(map(len, lines)) <= 110
    assert "--no-deps" in source and f'"git+{address.repository()}"' in source and "COURSE_SOURCE" in source
