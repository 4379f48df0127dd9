"""The figure that asks: its state, its text without a script, its marks, and what a bad file says."""

import json
import re

import pytest

from course_lib import live_figure
from course_lib.display.figures import questions


def test_the_page_gets_the_questions_of_the_chapter():
    state = live_figure("questions", chapter="gain").state
    assert state["chapter"] == "gain" and state["chosen"] == [-1, -1, -1] and len(state["questions"]) == 3
    written = json.loads((questions.FOLDER / "gain.json").read_text(encoding="utf-8"))
    assert [q["question"] for q in state["questions"]] == [q["question"] for q in written]
    assert all(sum(c.get("right", False) for c in q["choices"]) == 1 for q in state["questions"])


def test_marks_are_counted():
    state = live_figure("questions").state
    right = [next(i for i, c in enumerate(q["choices"]) if c.get("right")) for q in state["questions"]]
    wrong = [(r + 1) % len(q["choices"]) for r, q in zip(right, state["questions"], strict=True)]
    for chosen, marks in (
        ([-1] * 3, [-1] * 3),
        (right, [1] * 3),
        ([right[0], wrong[1], -1], [1, 0, -1]),
        (wrong, [0] * 3),
    ):
        numbers = questions.twin(live_figure("questions", chosen=chosen).state)
        assert numbers == {"marks": marks, "answered": 3 - marks.count(-1), "right": marks.count(1)}


def test_without_a_script_all_can_be_read_and_answers_are_folded(monkeypatch):
    spoilt = [
        {
            "question": "Is 1 < 2 & 'so' \"on\"</script>?",
            "choices": [{"text": "<b>", "why": "no"}, {"text": "x", "why": "yes", "right": True}],
        }
    ] * 3
    monkeypatch.setattr(questions, "read_questions", lambda chapter: spoilt)
    text = live_figure("questions")._repr_html_()
    page = text.split("<script>")[0]
    assert page.count("<details><summary>Answers</summary>") == 3
    fallback = re.search(r'<div class="ddsp-fallback">(.*)</div></ddsp-questions', page)[1]
    assert "Is 1 &lt; 2 &amp; &#x27;so&#x27; &quot;on&quot;&lt;/script&gt;?" in fallback and "<b>" not in fallback
    assert "<strong>right</strong>. yes" in fallback and "<strong>not right</strong>. no" in fallback
    assert text.count("</script>") == 1
    assert fallback.index("<li>x</li>") < fallback.index("<details>"), "the choices stand before the answers"


def test_the_widget_takes_what_the_page_sends():
    widget = live_figure("questions").widget()
    widget.set_state({"state": {**widget.state, "chosen": [0, -1, 2]}})
    assert widget.state["chosen"] == [0, -1, 2] and "export default { render" in widget._esm


def test_unknown_chapters_and_bad_answers():
    with pytest.raises(ValueError, match=r"chapter must be one of .*'gain'"):
        live_figure("questions", chapter="gian")
    with pytest.raises(ValueError, match="chosen must be 3 numbers from -1 to 3"):
        live_figure("questions", chosen=[0, 4, 0])


@pytest.mark.parametrize(
    "content",
    ["{", "{}x", '[{"question": "?"}]', '["?"]', "5", '[{"question": "?", "choices": [{"text": "a", "why": "b"}]}]',
     '[{"question": "?", "choices": [{"text": "a", "why": "b", "right": true}, {"text": "a", "right": true}]}]',
     '[{"question": "?", "choices": [{"text": "a", "why": "b", "right": true}, {"text": "a"}]}]'],
)  # fmt: skip
def test_a_file_of_another_form_is_named(content, tmp_path, monkeypatch):
    monkeypatch.setattr(questions, "FOLDER", tmp_path)
    (tmp_path / "theremin.json").write_text(content, encoding="utf-8")
    assert questions.question_chapters() == ("theremin",)
    with pytest.raises(ValueError, match=r"theremin\.json keeps no questions"):
        questions.read_questions("theremin")
