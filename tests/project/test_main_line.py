"""The main line through the book says on every page what it says on the front page, and needs no other page."""

from __future__ import annotations

import json
import re

import pytest

from tools import chapter_ends, main_line

CHAPTERS = {path.stem: path for path in chapter_ends.teaching()}


def box(stem: str) -> str:
    cells = json.loads(CHAPTERS[stem].read_text(encoding="utf-8"))["cells"]
    return next("".join(c["source"]) for c in cells if ":class: objectives" in "".join(c["source"]))


def test_every_page_and_the_front_page_are_up_to_date() -> None:
    assert main_line.main(["--check"]) == 0, "run python3 tools/main_line.py"


def test_it_has_about_twelve_pages_in_reading_order() -> None:
    assert 10 <= len(main_line.MAIN_LINE) <= 14
    order = [stem for stem in CHAPTERS if stem in main_line.MAIN_LINE]
    assert order == list(main_line.MAIN_LINE)


@pytest.mark.parametrize("stem", main_line.MAIN_LINE)
def test_a_page_of_it_needs_no_deep_dive(stem: str) -> None:
    before = re.search(r"Before this:(.*?)\n\n", box(stem), re.DOTALL)
    needed = set(re.findall(r"/(\w+)\.ipynb", before[1] if before else ""))
    deep = {stem for stem, part in main_line.parts().items() if part == main_line.DEEP}
    assert needed & deep == set()
    order = list(CHAPTERS)
    assert all(order.index(other) < order.index(stem) for other in needed if other in CHAPTERS)


def test_a_place_is_put_in_once_and_renewed() -> None:
    plain = "```{admonition} Objectives\n:class: objectives\n- You can.\n\nReading 1 min · running 5 s\n```"
    once = main_line.with_place(plain, "*A deep dive, not needed for what follows*")
    assert once.endswith("running 5 s\n\n*A deep dive, not needed for what follows*\n```")
    assert main_line.with_place(once, "*Beside the main line*").count("\n*") == 1
    assert "deep dive" not in main_line.with_place(once, "*Beside the main line*")
