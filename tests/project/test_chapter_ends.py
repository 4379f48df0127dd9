"""The tool that puts questions before and progress after the exercises, once and again."""

import copy
from pathlib import Path

import pytest

from tools import chapter_ends


def notebook(*texts: str) -> dict:
    cells = [chapter_ends.prose(f"m{i}", text) for i, text in enumerate(texts)]
    code = chapter_ends.code("c", "from course_lib import (\n    exercise,\n    live_figure,\n)", {})
    return {"cells": [cells[0], code, *cells[1:]], "metadata": {}}


def headings(cells: list[dict]) -> list[str]:
    return [chapter_ends.text_of(cell).splitlines()[0] for cell in cells]


def test_cells_are_put_in_once() -> None:
    plain = notebook("# Title", "## Where it fails\n\nHere.\n\n## Exercises\n\n**1.** Do.", "## Summary\n\nDone.")
    before = copy.deepcopy(plain)
    done = chapter_ends.with_ends(plain, "gain")
    assert plain == before
    assert [heading[:20] for heading in headings(done["cells"])] == [
        "# Title", "from course_lib impo", "## Where it fails", "## Check yourself", 'live_figure("questio',
        "## Exercises", "How far are you? It ", "from course_lib impo", "## Summary",
    ]  # fmt: skip
    assert [cell["execution_count"] for cell in done["cells"] if "outputs" in cell] == [1, 2, 3]
    assert "<ddsp-questions" in done["cells"][4]["outputs"][0]["data"]["text/html"][0]
    assert done["cells"][7]["outputs"][0]["text"][0] == "gain: 0 of 2 right\n"
    again = copy.deepcopy(done)
    again["cells"][4].update(outputs=["stale"])
    assert chapter_ends.with_ends(again, "gain") == done
    assert len({cell["id"] for cell in done["cells"]}) == len(done["cells"])


def test_what_is_missing_is_brought_along_or_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = notebook("# Title", "## Exercises", "## Summary")
    plain["cells"].pop(1)
    cells = chapter_ends.with_ends(plain, "gain")["cells"]
    assert chapter_ends.text_of(cells[2]).startswith("from course_lib import live_figure\n\nlive_figure(")
    monkeypatch.setattr(chapter_ends, "QUESTIONS", tmp_path)
    assert "## Check yourself" not in headings(chapter_ends.with_ends(plain, "gain")["cells"])
    with pytest.raises(ValueError, match=r"needs the headings ## Exercises and ## Summary; found \['Summary'\]"):
        chapter_ends.with_ends(notebook("# Title", "## Summary"), "gain")


def test_all_teaching_chapters_are_known() -> None:
    stems = [path.stem for path in chapter_ends.teaching()]
    assert "gain" in stems and "harmonic" in stems and not {"intro", "notation", "api", "guide"} & set(stems)
    assert all(path.exists() for path in chapter_ends.teaching())
