"""One deck of slides for each part of the book, from the cells that are tagged for it.

python3 tools/slides.py [OUT]       write OUT/slides/PART.html and what they need beside them (default: _build/html)
python3 tools/slides.py --tag       propose tags for chapters that have none

A cell tagged `slide` begins a slide, headed by the heading above it; one tagged `slide-more` goes on with it. Markdown
is taken as it stands, but for citations and links to other chapters; of code the output is shown, and the code too if
the tag is `slide-code`. The decks are nbconvert's, with reveal.js and MathJax beside them: they work without a network.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import base64
import copy
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from tools.chapter_ends import NOT_TAUGHT

ROOT = Path(__file__).resolve().parent.parent
TAGS = ("slide", "slide-more", "slide-code")
MOST = 40


def parts(root: Path = ROOT) -> dict[str, list[Path]]:
    """The teaching parts and their chapters."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = {part["caption"]: [root / f"{entry['file']}.ipynb" for entry in part["chapters"]] for part in toc["parts"]}
    return {caption: paths for caption, paths in found.items() if caption not in NOT_TAUGHT}


def file_name(caption: str) -> str:
    return re.sub(r"[^a-z]+", "-", caption.lower()).strip("-") + ".html"


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def tags_of(cell: dict[str, Any]) -> set[str]:
    return set(cell["metadata"].get("tags", [])) & set(TAGS)


def plain(markdown: str, chapter: Path) -> str:
    """Markdown that a slide can show: no roles, no fences of MyST, links that lead from the decks into the book."""
    markdown = re.sub(r"```\{admonition\}[^\n]*\n(?::[^\n]*\n)*(.*?)```", r"\1", markdown, flags=re.DOTALL)
    markdown = re.sub(r"\s*\{cite:p\}`[^`]*`", "", markdown)
    markdown = re.sub(r"\{cite:?t?\}`([a-z]+)\d*[^`]*`", lambda found: found[1].capitalize(), markdown)
    markdown = re.sub(r"\{math\}`([^`]*)`", r"$\1$", markdown)
    markdown = re.sub(r"\\tag\{\d+\}", "", markdown)
    # What leads a reader on does not belong on a slide.
    start = r"(?:Before this|Reading \d|\*\*Read next|Read next|\*\*References)"
    markdown = re.sub(rf"^{start}.*?(?=\n\n|\Z)", "", markdown, flags=re.MULTILINE | re.DOTALL)

    def link(found: re.Match[str]) -> str:
        target = (chapter.parent / found[2]).resolve()
        inside = target.is_relative_to(ROOT)
        page = os.path.relpath(target, ROOT).replace(os.sep, "/") if inside else found[2]
        return f"[{found[1]}](../{page.removesuffix('.ipynb').removesuffix('.md')}.html{found[3] or ''})"

    return re.sub(r"\[([^\]]+)\]\((?!https?:)([^)#\s]+\.(?:ipynb|md))(#[^)]*)?\)", link, markdown)


def is_tall(cell: dict[str, Any]) -> bool:
    """Whether a cell's picture is so much higher than wide that it needs the height of a slide."""
    for output in cell.get("outputs", []):
        picture = output.get("data", {}).get("image/png")
        if picture:
            start = base64.b64decode("".join(picture)[:48])
            width, height = int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")
            return height > 1.5 * width
    return False


def slides_of(chapter: Path) -> list[dict[str, Any]]:
    """The cells of one chapter's slides, with nbconvert's own marks; a new slide gets the heading it stands under."""
    found: list[dict[str, Any]] = []
    heading = title = ""
    for cell in json.loads(chapter.read_text(encoding="utf-8"))["cells"]:
        source, tags = text(cell), tags_of(cell)
        own = ""
        if cell["cell_type"] == "markdown":
            headings = re.findall(r"^#{1,4} +(.+)$", source, re.MULTILINE)
            title = title or (headings[0] if headings else "")
            own, heading = (headings[0], headings[-1]) if headings else ("", heading)
        if not tags:
            continue
        cell = copy.deepcopy(cell)
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        cell["metadata"] = {"slideshow": {"slide_type": "slide" if "slide-more" not in tags else "-"}, "alt": alt}
        if is_tall(cell):
            cell["metadata"]["tags"] = ["tall"]  # a class; it stands at the left, what is said of it at the right
        if cell["cell_type"] == "markdown":
            cell["source"] = plain(source, chapter)
        elif "slide-code" not in tags:
            cell["source"] = ""
            cell["metadata"]["transient"] = {"remove_source": True}
        if "slide-more" not in tags and not own and heading:
            label = {"cell_type": "markdown", "metadata": {"slideshow": {"slide_type": "slide"}}}
            found.append(label | {"source": f"## {heading}"})
            cell["metadata"] = {**cell["metadata"], "slideshow": {"slide_type": "-"}}
        found.append(cell)
        if alt := cell["metadata"].pop("alt", ""):
            caption = {"cell_type": "markdown", "metadata": {"slideshow": {"slide_type": "-"}}}
            found.append(caption | {"source": f"<small>{alt}</small>"})
    return found


def deck(caption: str, chapters: list[Path]) -> dict[str, Any]:
    """The notebook of one deck: a title, then every chapter's slides."""
    titles = []
    cells: list[dict[str, Any]] = []
    for chapter in chapters:
        first = text(json.loads(chapter.read_text(encoding="utf-8"))["cells"][0])
        titles.append(first.splitlines()[0].removeprefix("# "))
        cells += slides_of(chapter)
    lines = "\n".join(f"{i}. {title}" for i, title in enumerate(titles, 1))
    front = {
        "cell_type": "markdown", "metadata": {"slideshow": {"slide_type": "slide"}},
        "source": f"# {caption}\n\n{lines}\n\n*DDSP for music, CC BY 4.0. The arrow keys turn the slides.*",
    }  # fmt: skip
    cells = [front, *cells]
    for number, cell in enumerate(cells):
        cell["id"] = f"s{number}"
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"title": caption}, "cells": cells}


def convert(notebook: dict[str, Any]) -> str:
    """A deck's HTML by nbconvert; reveal.js and MathJax are looked for beside the folder it will lie in."""
    import nbformat
    from nbconvert.exporters import SlidesExporter
    from traitlets.config import Config

    config = Config()
    config.SlidesExporter.reveal_url_prefix = "../reveal"
    config.SlidesExporter.reveal_theme = "course"
    config.SlidesExporter.exclude_input_prompt = config.SlidesExporter.exclude_output_prompt = True
    config.SlidesExporter.extra_template_basedirs = [str(ROOT / "tools")]
    config.SlidesExporter.template_name = "slides_template"
    exporter = SlidesExporter(config=config)
    exporter.mathjax_url = "../mathjax/tex-mml-chtml.js"
    html, _ = exporter.from_notebook_node(nbformat.reads(json.dumps(notebook), as_version=4))
    return html


def write(out: Path) -> list[Path]:
    """Write all decks into a folder `slides` of `out`, and what they need beside it."""
    (out / "slides").mkdir(parents=True, exist_ok=True)
    for vendor in ("reveal", "mathjax"):
        shutil.copytree(ROOT / "book" / "vendor" / vendor, out / vendor, dirs_exist_ok=True)
    written = []
    for caption, chapters in parts().items():
        path = out / "slides" / file_name(caption)
        path.write_text(convert(deck(caption, chapters)), encoding="utf-8", newline="\n")
        written.append(path)
    return written


def propose(chapter: Path) -> None:
    """Tag a chapter that has no slides: its title and aims, first sound, first picture, first live figure, summary."""
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    if any(tags_of(cell) for cell in cells):
        return

    def tag(cell: dict[str, Any], name: str) -> None:
        cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), name]

    seen: set[str] = set()
    for i, cell in enumerate(cells):
        source = text(cell)
        if i == 0:
            tag(cell, "slide")
        elif i == 1 and "admonition" in source:
            tag(cell, "slide-more")
        elif cell["cell_type"] == "markdown" and source.startswith("## Summary"):
            tag(cell, "slide")
        elif cell["cell_type"] == "code":
            kinds = {kind for output in cell["outputs"] for kind in output.get("data", {})}
            live = "live_figure(" in source and "questions" not in source
            kind = "live" if live else "picture" if "image/png" in kinds else "sound" if "listen(" in source else ""
            if kind and kind not in seen:
                seen.add(kind)
                tag(cell, "slide")
    chapter.write_text(
        json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
    )


def main(arguments: list[str]) -> int:
    if arguments == ["--tag"]:
        for chapters in parts().values():
            for chapter in chapters:
                propose(chapter)
        return 0
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(__doc__, file=sys.stderr)
        return 2
    for path in write(Path(arguments[0]) if arguments else ROOT / "_build" / "html"):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
