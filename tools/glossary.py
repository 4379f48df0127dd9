"""Link the first uses of the glossary's terms: in the whole book, and in the chapter that teaches each.

python3 tools/glossary.py            write the links that are missing
python3 tools/glossary.py --check    status 1, and the terms, if one is not linked

Only prose is looked at: no headings, boxes, code, formulas or links. A link is plain Markdown, as Colab shows it too.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "book" / "reference" / "glossary.md"


@dataclass(frozen=True)
class Term:
    """One entry: its name and other forms, the anchor of its heading, the chapter that teaches it."""

    name: str
    forms: tuple[str, ...]
    anchor: str
    chapter: Path
    text: str


def terms() -> list[Term]:
    found = []
    for entry in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        name, _, rest = entry.partition("\n")
        also = re.search(r"^% (also|only): (.+)$", rest, re.MULTILINE)  # only: where the word itself also means others
        chapter = (PAGE.parent / re.findall(r"\]\(([^)]+\.ipynb)\)", rest)[-1]).resolve()
        forms = tuple(also[2].split("; ")) if also else ()
        forms = forms if also and also[1] == "only" else (name.strip(), *forms)
        anchor = re.sub(r"[^\w\- ]", "", name.strip().lower()).replace(" ", "-")
        text = re.sub(r"^%.*$|\[[^\]]*\]\([^)]*\)", "", rest, flags=re.MULTILINE).strip()
        found.append(Term(name.strip(), forms, anchor, chapter, text))
    return found


def chapters(root: Path = ROOT) -> list[Path]:
    """Notebooks with prose to link from, in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [root / f"{name}.ipynb" for name in names if (root / f"{name}.ipynb").exists()]


# What is not prose: fences, code, formulas, links and roles, headings, table rows, HTML.
OTHER = re.compile(
    r"```[\s\S]*?```|`[^`]*`|\$\$[\s\S]*?\$\$|\$[^$\n]*\$|!?\[[^\]]*\]\([^)]*\)|\{[\w:]+\}`[^`]*`"
    r"|^#[^\n]*$|^\|[^\n]*$|</?\w[^>\n]*>",
    re.MULTILINE,
)


def place(source: str, term: Term) -> tuple[int, int] | None:
    """Where a term first stands in the prose of a cell."""
    hidden = OTHER.sub(lambda found: "\0" * len(found[0]), source)
    found = [
        match
        for form in term.forms
        if (match := re.search(_pattern(form), hidden, 0 if form != form.lower() else re.IGNORECASE))
    ]
    if not found:
        return None
    first = min(found, key=lambda match: (match.start(), -match.end()))
    return first.span()


def _pattern(form: str) -> str:
    """A whole word, its plural, also across the end of a line."""
    words = r"\s+".join(map(re.escape, form.split()))
    return rf"(?<![\w-]){words}s?(?![\w-])"


def address(chapter: Path, term: Term) -> str:
    return f"{os.path.relpath(PAGE, chapter.parent).replace(os.sep, '/')}#{term.anchor}"


def linked(chapter: Path) -> set[str]:
    """Anchors of the glossary that a chapter links to."""
    return set(re.findall(r"glossary\.md#([\w-]+)\)", chapter.read_text(encoding="utf-8")))


def link(chapter: Path, term: Term) -> bool:
    """Link a term's first use in a chapter; False if it does not occur in its prose."""
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    for cell in _prose(notebook):
        source = "".join(cell["source"])
        if span := place(source, term):
            word = source[slice(*span)]
            source = f"{source[: span[0]]}[{word}]({address(chapter, term)}){source[span[1] :]}"
            cell["source"] = source.splitlines(keepends=True)
            told = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
            chapter.write_text(told, encoding="utf-8", newline="\n")
            return True
    return False


def _prose(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of prose in the order in which they are tried: summaries last."""
    cells = [cell for cell in notebook["cells"][2:] if cell["cell_type"] == "markdown"]
    return sorted(cells, key=lambda cell: "".join(cell["source"]).startswith("## Summary"))


def occurs(chapter: Path, term: Term) -> bool:
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    return any(place("".join(cell["source"]), term) for cell in _prose(notebook))


def wanted() -> list[tuple[Path, Term]]:
    """Each term with the chapters it should be linked from: that of its first use, and that which teaches it."""
    found = []
    for term in terms():
        used = [c for c in chapters() if term.anchor in linked(c) or occurs(c, term)]
        places = used[:1] + [c for c in used if c == term.chapter]
        found += [(chapter, term) for chapter in dict.fromkeys(places)]
    return found


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    missing = [(chapter, term) for chapter, term in wanted() if term.anchor not in linked(chapter)]
    for chapter, term in missing:
        done = not arguments and link(chapter, term)
        print(f"{'linked' if done else 'not linked'}: {term.name} in {chapter.name}")
    return 1 if arguments and missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
