"""The glossary: every term is linked from its first use, links lead to headings, and nothing but prose was touched."""

from __future__ import annotations

import re

import pytest

from tools import glossary

TERMS = glossary.terms()


def test_there_are_terms_enough_and_in_order() -> None:
    names = [term.name for term in TERMS]
    assert 50 <= len(names) <= 90 and len(set(names)) == len(names) == len({term.anchor for term in TERMS})
    assert [n.lower() for n in names] == sorted(n.lower() for n in names)


@pytest.mark.parametrize("term", TERMS, ids=lambda t: t.anchor)
def test_a_term_is_explained_and_linked(term: glossary.Term) -> None:
    assert term.chapter.is_file() and 25 < len(term.text) < 400 and term.text.endswith(".")
    assert any(term.anchor in glossary.linked(chapter) for chapter in glossary.chapters())


def test_first_uses_are_linked() -> None:
    missing = [(c.stem, t.name) for c, t in glossary.wanted() if t.anchor not in glossary.linked(c)]
    assert missing == [], "run python3 tools/glossary.py"


def test_every_link_leads_to_a_term_and_stands_once_a_chapter() -> None:
    anchors = {term.anchor for term in TERMS}
    for chapter in glossary.chapters():
        assert glossary.linked(chapter) <= anchors
        found = re.findall(r"glossary\.md#([\w-]+)\)", chapter.read_text(encoding="utf-8"))
        assert len(found) == len(set(found)), chapter


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("The gain is 2.", "gain"),
        ("Gains of tracks", "Gains"),
        ("again and gainful", None),
        ("## Gain\n\ntext", None),
        ("`gain` and $gain$ and [gain](x.md)", None),
        ("| gain | 2 |\n\nthe\ngain", "gain"),
        ("```{admonition} A\ngain\n```", None),
        ("m < n, a gain, n > m", "gain"),
    ],
)
def test_only_prose_is_looked_at(source: str, found: str | None) -> None:
    term = next(t for t in TERMS if t.name == "gain")
    span = glossary.place(source, term)
    assert (source[slice(*span)] if span else None) == found
