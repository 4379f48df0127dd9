"""The tool that puts questions before and progress after the exercises, once and again."""

import copy

import pytest

from tools import chapter_ends


def notebook(*texts: str) -> dict:
    cells = [chapter_ends.prose(f"m{i}", text) for i, text in enumerate(texts)]
    cells.insert(1, chapter_ends.code("c", "from course_lib import (\n    exercise,\n    live_figure,\n)"))
    return {"cells": cells, "metadata": {}}


def headings(cells: list[dict]) -> list[str]:
    return [chapter_ends.text_of(cell).splitlines()[0] for cell in cells]


def test_cells_are_put_in_once() -> None:
    plain = notebook("# Title", "## Where it fails\n\nHere.\n\n## Exercises\n\n**1.** Do.", "## Summary\n\nDone.")
    before = copy.deepcopy(plain)
    done = chapter_ends.with_ends(plain, "gain")
    assert plain == before
    assert [heading[:24] for heading in headings(done["cells"])] == [
        "# Title", "from course_lib import (", "## Where it fails", "## Check yourself", 'live_figure("questions", ',
        "## Exercises", "How far are you? `save_p", "from course_lib import p", "## Summary",
    ]  # fmt: skip
    done["cells"][4]["outputs"] = ["kept"]
    assert chapter_ends.with_ends(done, "gain") == done
    assert len({cell["id"] for cell in done["cells"]}) == len(done["cells"])


def test_what_is_missing_is_brought_along_or_left_out() -> None:
    plain = notebook("# Title", "## Exercises", "## Summary")
    plain["cells"].pop(1)
    cells = chapter_ends.with_ends(plain, "gain")["cells"]
    assert chapter_ends.text_of(cells[2]).startswith("from course_lib import live_figure\n\nlive_figure(")
    assert "## Check yourself" not in headings(chapter_ends.with_ends(plain, "a chapter without questions")["cells"])
    with pytest.raises(ValueError, match=r"needs the headings ## Exercises and ## Summary; found \['Summary'\]"):
        chapter_ends.with_ends(notebook("# Title", "## Summary"), "gain")


def test_all_teaching_chapters_are_known() -> None:
    stems = [path.stem for path in chapter_ends.teaching()]
    assert "gain" in stems and "harmonic" in stems and not {"intro", "notation", "api", "guide"} & set(stems)
    assert all(path.exists() for path in chapter_ends.teaching())
