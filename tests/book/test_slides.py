"""The slide decks: one a part, from tagged cells; they load nothing from elsewhere, and nothing hangs over an edge."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tools import slides

PARTS = slides.parts()


def test_every_teaching_part_has_its_deck_beside_the_book(book_html: Path) -> None:
    assert len(PARTS) >= 5
    for caption in PARTS:
        assert (book_html / "slides" / slides.file_name(caption)).is_file()
    guide = (book_html / "book" / "teaching" / "guide.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="\.\./\.\./slides/([\w-]+\.html)"', guide)) == set(map(slides.file_name, PARTS))


@pytest.mark.parametrize("caption", PARTS)
def test_a_deck_shows_every_chapter_and_is_not_endless(caption: str) -> None:
    deck = slides.deck(caption, PARTS[caption])
    starts = [c for c in deck["cells"] if c["metadata"]["slideshow"]["slide_type"] == "slide"]
    assert len(PARTS[caption]) < len(starts) <= slides.MOST
    told = "\n".join(slides.text(cell) for cell in deck["cells"])
    for chapter in PARTS[caption]:
        assert slides.text(json.loads(chapter.read_text(encoding="utf-8"))["cells"][0]).splitlines()[0] in told
        kinds = {"code" if c["cell_type"] == "code" else "text" for c in slides.slides_of(chapter)}
        assert kinds == {"code", "text"}, f"{chapter.name} shows only {kinds}"
    assert "{cite" not in told and "```{" not in told and ".ipynb" not in told


@pytest.mark.parametrize("caption", PARTS)
def test_a_deck_works_alone(caption: str, book_url: str, new_page: Any) -> None:
    page, watch = new_page(1280, 800)
    page.goto(f"{book_url}/slides/{slides.file_name(caption)}")
    page.wait_for_function("window.Reveal && Reveal.isReady() && window.MathJax && MathJax.startup.promise")
    page.evaluate("MathJax.startup.promise")
    over = []
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate(f"Reveal.slide({number})")
        page.wait_for_timeout(40)
        height, room, width, wide, head = page.evaluate(
            "(() => { const s = Reveal.getCurrentSlide();"
            " return [s.scrollHeight, s.clientHeight, s.scrollWidth, s.clientWidth, s.innerText.slice(0, 60)]; })()"
        )
        if height > room + 1 or width > wide + 1 or not head.strip():
            over.append((number, height, width, head))
    assert over == []
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("Reveal.getIndices().h") == page.evaluate("Reveal.getTotalSlides()") - 2
    assert page.evaluate("document.querySelectorAll('audio, [data-state] canvas').length") > 0
    assert watch.outside == [] and watch.errors == []


def test_tags_are_words_that_mean_something(toc: list[Any]) -> None:
    for page in toc:
        if page.source.suffix == ".ipynb":
            for cell in json.loads(page.source.read_text(encoding="utf-8"))["cells"]:
                found = [t for t in cell["metadata"].get("tags", []) if t.startswith("slide")]
                assert set(found) <= set(slides.TAGS) and len(found) < 2


def test_what_a_slide_cannot_show_is_made_plain() -> None:
    told = slides.plain(
        "As {cite:t}`engel2020ddsp` say {cite:p}`x2021`, $a$ {math}`b`; [next](../sines/harmonic.ipynb#top).\n\n"
        "```{admonition} Objectives\n:class: objectives\n- You can\n\nBefore this: [a](b.ipynb)\n\nReading 5 min\n```",
        slides.ROOT / "book" / "first_steps" / "gain.ipynb",
    )
    assert told.split() == "As Engel say, $a$ $b$; [next](../book/sines/harmonic.html#top). - You can".split()


def test_a_tall_picture_stands_beside_what_is_said_of_it() -> None:
    decoder = slides.slides_of(slides.ROOT / "book" / "tone_transfer" / "decoder.ipynb")
    tall = [cell for cell in decoder if "tall" in cell["metadata"].get("tags", [])]
    assert len(tall) == 1 and "182,334" in slides.text(decoder[decoder.index(tall[0]) + 1])
