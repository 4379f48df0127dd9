"""The questions at the end of each chapter: three, each with one right choice, and every choice explained."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tools.chapter_ends import QUESTIONS, teaching

FILES = sorted(QUESTIONS.glob("*.json"))


def read(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_chapter_asks() -> None:
    assert {path.stem for path in FILES} == {path.stem for path in teaching()}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_set_is_three_questions_with_one_right_choice_each(path: Path) -> None:
    questions = read(path)
    assert len(questions) == 3
    for asked in questions:
        assert set(asked) == {"question", "choices"} and asked["question"].endswith(("?", "."))
        choices = asked["choices"]
        assert 3 <= len(choices) <= 4 and [c.get("right") for c in choices].count(True) == 1
        assert len({c["text"] for c in choices}) == len(choices)
        for choice in choices:
            assert set(choice) <= {"text", "why", "right"} and len(choice["text"]) < 160
            assert 20 <= len(choice["why"]) <= 320, choice
            assert not any(sign in choice["text"] + choice["why"] for sign in ("$", "\\", "{", "TODO")), choice


def test_no_place_gives_the_right_choice_away() -> None:
    places = Counter(
        next(i for i, c in enumerate(q["choices"]) if c.get("right")) for path in FILES for q in read(path)
    )
    assert all(places[i] > sum(places.values()) / 5 for i in range(3)), places
    longest = sum(max(q["choices"], key=lambda c: len(c["text"])).get("right", False) for p in FILES for q in read(p))
    assert longest < 0.75 * 3 * len(FILES), f"the longest choice is right in {longest} questions"


def test_nothing_is_asked_twice() -> None:
    asked = Counter(q["question"] for path in FILES for q in read(path))
    assert not [question for question, times in asked.items() if times > 1]
