"""The main line through the book: which pages it has, how long they take, and the line that says so on every page.

python3 tools/main_line.py            write the places of all chapters, and the table of the front page
python3 tools/main_line.py --check    end with status 1 where something is out of date

A main line of about a dozen pages leads from the first idea to a performance of notes. It needs none of the other
pages: those beside it widen what it says, the deep dives go to the bottom of one question.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import functools
import json
import re
import sys
from pathlib import Path
from typing import Any

from tools import chapter_ends, times

ROOT = Path(__file__).resolve().parent.parent
MAIN_LINE = {
    "what_is_ddsp": "the idea: knobs that a gradient turns",
    "picture_of_sound": "what all pictures of this book show",
    "gain": "the smallest instrument there is",
    "oscillator": "from a frequency to a sound",
    "frequency_is_hard": "why a gradient loses its way",
    "harmonic": "the instrument that made it work",
    "fitting": "a voice and a saxophone, taken apart",
    "noise": "what is left: breath and consonants",
    "decoder": "a small network learns to play",
    "transfer": "a singer becomes a violin",
    "notes_to_sound": "what a score leaves out",
    "knobs": "six numbers say how a note was played",
    "playing": "and a network plays them",
}
DEEP = "Deep dives"
TABLE = "main-line"  # id of the front page's cell
PLACE = re.compile(r"\n+\*(?:On the main line|Beside the main line|A deep dive)[^\n]*\*(?=\s*\n```)")


def parts(root: Path = ROOT) -> dict[str, str]:
    """The part of each teaching chapter, in reading order."""
    taught = chapter_ends.teaching(root)
    return {path.stem: part for part, path in times.pages(root) if path in taught}


def place(stem: str, part: str) -> str:
    if stem in MAIN_LINE:
        return f"*On the main line, page {list(MAIN_LINE).index(stem) + 1} of {len(MAIN_LINE)}*"
    return "*A deep dive, not needed for what follows*" if part == DEEP else "*Beside the main line*"


def with_place(box: str, line: str) -> str:
    """The box of objectives, ending in the page's place."""
    return re.sub(r"\s*\n```\s*$", f"\n\n{line}\n```", PLACE.sub("", box))


def table(root: Path = ROOT) -> str:
    """What the front page says: the main line with its times, then the deep dives with theirs."""
    chapters = {path.stem: path for path in chapter_ends.teaching(root)}
    facts = {stem: times.read(path) for stem, path in chapters.items()}

    def link(stem: str) -> str:
        return f"[{facts[stem]['title']}]({chapters[stem].relative_to(root / 'book').as_posix()})"

    rows = [f"| {link(stem)} | {what} | {facts[stem]['study_min']} min |" for stem, what in MAIN_LINE.items()]
    hours = sum(facts[stem]["study_min"] for stem in MAIN_LINE) / 60
    deep = [f"{link(stem)} ({facts[stem]['study_min']} min)" for stem, part in parts(root).items() if part == DEEP]
    return "\n".join(
        [
            "## The main line",
            "",
            f"{len(MAIN_LINE)} pages lead from the first idea to a performance of notes, about {hours:.0f} hours with",
            "everything that is there to hear and to drag:",
            "",
            "| page | what it is about | time |",
            "|---|---|---|",
            *rows,
            "",
            "The pages beside it widen what it says. The deep dives go to the bottom of one question:",
            f"{', '.join(deep)}.",
        ]
    )


def written(notebook: dict[str, Any], line: str) -> dict[str, Any]:
    """The notebook with its place in the box of objectives."""
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and ":class: objectives" in text:
            cell["source"] = with_place(text, line).splitlines(keepends=True)
            return notebook
    raise ValueError("the notebook has no box of objectives")


def main(arguments: list[str]) -> int:
    stale = []
    chapters = {path.stem: path for path in chapter_ends.teaching()}
    for stem, part in parts().items():
        line = place(stem, part)
        stale += save(chapters[stem], functools.partial(written, line=line), arguments)

    def front(notebook: dict[str, Any]) -> dict[str, Any]:
        (cell,) = (c for c in notebook["cells"] if c["id"] == TABLE)
        cell["source"] = table().splitlines(keepends=True)
        return notebook

    stale += save(ROOT / "book" / "intro.ipynb", front, arguments)
    for path in stale:
        print(path.relative_to(ROOT))
    return 1 if stale and "--check" in arguments else 0


def save(path: Path, change: Any, arguments: list[str]) -> list[Path]:
    """Write a notebook if the change makes it another; which one it was, if so."""
    text = path.read_text(encoding="utf-8")
    new = json.dumps(change(json.loads(text)), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if new == text:
        return []
    if "--check" not in arguments:
        path.write_text(new, encoding="utf-8", newline="\n")
    return [path]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
