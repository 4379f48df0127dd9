"""The part on MIDI-DDSP: its map stands at the head of every chapter, says where one is, and is on the slides."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from course_lib.display.plots.notes import DOWN, LEVELS, UP
from tools import slides

PART = "From notes to sound"
CHAPTERS = slides.parts()[PART]
PLACES = {name for name, *_ in (*LEVELS, *DOWN, *UP)}


def cells(page: Path) -> list[dict[str, Any]]:
    return json.loads(page.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda c: c.stem)
def test_the_map_is_at_the_head_and_says_where_one_is(page: Path) -> None:
    head = [cell for cell in cells(page)[:4] if "plot_hierarchy(" in slides.text(cell)]
    assert len(head) == 1, "the cell of imports draws the map"
    here = re.findall(r'"(\w+)"', slides.text(head[0]).rpartition("plot_hierarchy(")[2])
    alt = head[0]["metadata"]["mystnb"]["image"]["alt"]
    assert here and set(here) <= PLACES and "You are here: at " in alt


def test_the_slides_show_the_lectures_own_pictures() -> None:
    deck = slides.deck(PART, CHAPTERS)
    told = "\n".join(slides.text(cell) for cell in deck["cells"])
    assert told.count("You are here") == len(CHAPTERS) - 1  # the first chapter has the whole map on a slide of its own
    for picture in (
        "no place marked",
        "65 rows of noise",
        "pitch classes over",
        "six by six matrix",
        "Deep Performer: notes",
    ):
        assert told.count(picture) == 1, picture
