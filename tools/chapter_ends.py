"""Put the questions before and the progress after the exercises of every teaching chapter; what is there is renewed.

python3 tools/chapter_ends.py [CHAPTER.ipynb …]

Both cells' outputs follow from the library alone, so they are written here, and the chapter need not be run again:
after a change of the questions' texts or of their figure, this is all that is to be done.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from course_lib import live_figure
from course_lib.exercises.report import progress_lines

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "course_lib" / "exercises" / "questions"
NOT_TAUGHT = ("Beyond this book", "Teaching", "Reference")
ASK = ("check-yourself", "questions")  # ids of the cells, which also tell them apart
END = ("your-progress", "progress")


def teaching(root: Path = ROOT) -> list[Path]:
    """The chapters that teach, in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    taught = [entry["file"] for part in toc["parts"] if part["caption"] not in NOT_TAUGHT for entry in part["chapters"]]
    return [root / f"{name}.ipynb" for name in taught]


def prose(identifier: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": identifier, "metadata": {}, "source": text.splitlines(keepends=True)}


def code(identifier: str, text: str, output: dict[str, Any]) -> dict[str, Any]:
    return {**prose(identifier, text), "cell_type": "code", "execution_count": None, "outputs": [output]}


def shown(stem: str) -> dict[str, Any]:
    """What the cell with the questions displays."""
    figure = live_figure("questions", chapter=stem)
    data = {"text/html": figure._repr_html_().splitlines(keepends=True), "text/plain": [repr(figure)]}
    return {"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"}


def printed(stem: str) -> dict[str, Any]:
    """What `progress` prints where nothing has been tried."""
    text = "\n".join(progress_lines(stem, {})) + "\n"
    return {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}


def text_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def with_ends(notebook: dict[str, Any], stem: str) -> dict[str, Any]:
    """The notebook with its four cells; a heading inside a longer cell gets a cell of its own."""
    cells = [cell for cell in notebook["cells"] if cell["id"] not in (*ASK, *END)]
    named = re.compile(r"^## (Exercises|Summary)\b", re.MULTILINE)
    for i in range(len(cells) - 1, -1, -1):
        found = named.search(text_of(cells[i])) if cells[i]["cell_type"] == "markdown" else None
        if found and found.start():
            text = text_of(cells[i])
            before, after = text[: found.start()].rstrip("\n"), text[found.start() :]
            parts = [prose(cells[i]["id"], before), prose(f"{cells[i]['id'][:50]}-{found[1].lower()}", after)]
            cells[i : i + 1] = parts
    heads = {m[1]: i for i, c in enumerate(cells) if c["cell_type"] == "markdown" and (m := named.match(text_of(c)))}
    if set(heads) != {"Exercises", "Summary"}:
        raise ValueError(f"{stem}: needs the headings ## Exercises and ## Summary; found {sorted(heads)}")
    known = any(re.search(r"import[^\n]*(?:\([^)]*)?\blive_figure\b", text_of(c)) for c in cells if "outputs" in c)
    needs = "" if known else "from course_lib import live_figure\n\n"
    ask: list[dict[str, Any]] = []
    if (QUESTIONS / f"{stem}.json").exists():
        ask = [
            prose(ASK[0], "## Check yourself\n\nThree questions, and answers that explain themselves."),
            code(ASK[1], f'{needs}live_figure("questions", chapter="{stem}")', shown(stem)),
        ]
    kept = "It is kept when the kernel restarts, wherever a file can be written;"
    copy = '`save_progress("progress.json")` and `load_progress` carry it to another machine.'
    end = [
        prose(END[0], f"How far are you? {kept} {copy}"),
        code(END[1], f'from course_lib import progress\n\nprogress("{stem}")', printed(stem)),
    ]
    e, s = heads["Exercises"], heads["Summary"]
    return {**notebook, "cells": numbered(cells[:e] + ask + cells[e:s] + end + cells[s:])}


def numbered(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Code cells counted as in a run from top to bottom."""
    cells, count = json.loads(json.dumps(cells)), 0
    for cell in cells:
        if cell["cell_type"] == "code" and text_of(cell).strip():
            count += 1
            for counted in (cell, *cell["outputs"]):
                if "execution_count" in counted:
                    counted["execution_count"] = count
    return cells


def main(arguments: list[str]) -> int:
    for path in [Path(a).resolve() for a in arguments] or teaching():
        if not (QUESTIONS / f"{path.stem}.json").exists():
            print(f"{path.stem}: no questions yet; they belong into {QUESTIONS.relative_to(ROOT)}/{path.stem}.json")
        text = path.read_text(encoding="utf-8")
        notebook = with_ends(json.loads(text), path.stem)
        new = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        if new != text:
            path.write_text(new, encoding="utf-8", newline="\n")
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
