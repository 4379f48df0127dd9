"""Check yourself: questions with a few choices, read from a chapter's file, and told without a script too."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from course_lib.display.figures.fields import Choice, Kind, Numbers, State

FOLDER = Path(__file__).resolve().parents[2] / "exercises" / "questions"


def question_chapters() -> tuple[str, ...]:
    """The chapters that have questions, by their short names."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def read_questions(chapter: str) -> list[dict[str, Any]]:
    """The questions of a chapter: [{"question", "choices": [{"text", "why", "right" where it is}, …]}, …].

    Raises:
        ValueError: its file does not keep that form.
    """
    path = FOLDER / f"{chapter}.json"
    try:
        return [
            {"question": str(asked["question"]), "choices": _choices(asked["choices"])}
            for asked in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} keeps no questions in the form of course_lib/exercises: {error!r}") from error


def _choices(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(choices) < 2 or sum(choice.get("right") is True for choice in choices) != 1:
        raise ValueError("a question needs two choices or more, of which exactly one is right")
    kept = ("text", "why")
    return [{name: str(c[name]) for name in kept} | ({"right": True} if c.get("right") else {}) for c in choices]


def twin(state: State) -> dict[str, Any]:
    """What the page computes: each question's mark, 1 right, 0 wrong, −1 open; how many are answered, and right."""
    marks = []
    for asked, chosen in zip(state["questions"], state["chosen"], strict=False):
        answered = 0 <= chosen < len(asked["choices"])
        marks.append(int(asked["choices"][chosen].get("right", False)) if answered else -1)
    return {"marks": marks, "answered": sum(m >= 0 for m in marks), "right": sum(m > 0 for m in marks)}


def questions_as_text(state: State) -> str:
    """HTML for where no script runs: the questions and choices, the answers folded."""
    asked = []
    for question in state["questions"]:
        choices = "".join(f"<li>{html.escape(c['text'])}</li>" for c in question["choices"])
        answers = "".join(
            f"<li>{html.escape(c['text'])}: <strong>{'right' if c.get('right') else 'not right'}</strong>. "
            f"{html.escape(c['why'])}</li>"
            for c in question["choices"]
        )
        asked.append(
            f"<li>{html.escape(question['question'])}<ul>{choices}</ul>"
            f"<details><summary>Answers</summary><ul>{answers}</ul></details></li>"
        )
    return f"<ol>{''.join(asked)}</ol>"


KIND = Kind(
    title="Check yourself",
    about="Three questions on the chapter; each choice says why it is right or wrong.",
    fields={
        "chapter": Choice("gain", question_chapters()),
        "chosen": Numbers((-1.0,) * 3, -1, 3, whole=True),  # -1: not answered yet
    },
    twin=twin,
    derived={"questions": lambda state: read_questions(state["chapter"])},
    fallback=questions_as_text,
)
