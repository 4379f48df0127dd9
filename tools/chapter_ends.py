"""Put the questions before and the progress after the exercises of every teaching chapter; what is there is renewed.

python3 tools/chapter_ends.py [CHAPTER.ipynb …]     then run the chapters that it names with tools/execute.py
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "course_lib" / "exercises" / "questions"
NOT_TAUGHT = ("Start", "Teaching", "Reference")
ASK = ("check-yourself", "questions")  # ids of the cells, which also tell them apart
END = ("your-progress", "progress")


def teaching(root: Path = ROOT) -> list[Path]:
    """The chapters that teach, in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    taught = [entry["file"] for part in toc["parts"] if part["caption"] not in NOT_TAUGHT for entry in part["chapters"]]
    return [root / f"{name}.ipynb" for name in taught]


def prose(identifier: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": identifier, "metadata": {}, "source": text.splitlines(keepends=True)}


def code(identifier: str, text: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": identifier, "metadata": {}, "source": text.splitlines(keepends=True), **empty}


def text_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def with_ends(notebook: dict[str, Any], stem: str) -> dict[str, Any]:
    """The notebook with its four cells; a heading inside a longer cell gets a cell of its own."""
    old = {cell["id"]: cell for cell in notebook["cells"]}
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
    ask = [
        prose(ASK[0], "## Check yourself\n\nThree questions, three answers that explain themselves."),
        code(ASK[1], f'{needs}live_figure("questions", chapter="{stem}")'),
    ]
    end = [
        prose(
            END[0],
            f'How far are you? `save_progress("{stem}-progress.json")` writes this to a small file, and '
            "`load_progress` reads it again.",
        ),
        code(END[1], f'from course_lib import progress\n\nprogress("{stem}")'),
    ]
    for cell in (*ask, *end):  # outputs that are right already stay
        if cell["id"] in old and text_of(old[cell["id"]]) == text_of(cell):
            cell.update(old[cell["id"]])
    if not (QUESTIONS / f"{stem}.json").exists():
        ask = []
    e, s = heads["Exercises"], heads["Summary"]
    return {**notebook, "cells": cells[:e] + ask + cells[e:s] + end + cells[s:]}


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
