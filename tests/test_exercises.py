"""Every exercise: the solution passes, the stub is not attempted, plausible mistakes fail with their own message."""

import importlib
import pkgutil

import pytest
import torch

import course_lib.exercises as exercises
from course_lib.exercises import all_exercises, exercise
from course_lib.exercises.base import Wrong, call, expect_tensor

MODULES = [importlib.import_module(f"course_lib.exercises.{m.name}") for m in pkgutil.iter_modules(exercises.__path__)]
MISTAKES = {key: value for module in MODULES for key, value in getattr(module, "MISTAKES", {}).items()}
IDS = sorted(all_exercises())


@pytest.mark.parametrize("name", IDS)
def test_the_solution_is_right(name):
    verdict = exercise(name).judge(exercise(name).reference)
    assert verdict.status == "right", verdict.message


def stub(*args, **kwargs):
    return ...


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("answer", [..., None, stub, lambda *args: None])
def test_the_untouched_stub_is_not_attempted(name, answer):
    assert exercise(name).judge(answer).status == "not attempted"


def test_every_exercise_knows_two_mistakes():
    assert {name: len(MISTAKES.get(name, [])) for name in IDS if len(MISTAKES.get(name, [])) < 2} == {}
    assert set(MISTAKES) <= set(IDS)


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [(n, answer, message) for n, cases in sorted(MISTAKES.items()) for answer, message in cases],
    ids=[f"{n}-{i}" for n, cases in sorted(MISTAKES.items()) for i in range(len(cases))],
)
def test_a_mistake_is_called_by_its_name(name, answer, message):
    verdict = exercise(name).judge(answer)
    assert verdict.status == "wrong" and message in verdict.message, verdict


@pytest.mark.parametrize("name", IDS)
def test_a_crashing_or_absurd_answer_is_reported_not_propagated(name):
    def crash(*args):
        raise ZeroDivisionError("oops")

    verdict = exercise(name).judge(crash)
    assert verdict.status == "wrong" and "ZeroDivisionError: oops" in verdict.message
    for absurd in (lambda *args: "text", 17, lambda: 1):
        assert exercise(name).judge(absurd).status == "wrong"


@pytest.mark.parametrize("name", IDS)
def test_it_can_be_shown(name, capsys):
    item = exercise(name)
    assert item.hints and item.why and item.id == name
    item.check(...)
    assert capsys.readouterr().out.startswith("○ Not attempted yet")
    item.check(item.reference)
    assert capsys.readouterr().out.startswith("✓ Right")
    item.hint()
    item.solution()


def test_unknown_ids_name_the_near_ones():
    with pytest.raises(ValueError, match="unknown exercise 'gian-1'; did you mean gain-1"):
        exercise("gian-1")
    with pytest.raises(ValueError, match=r"there are .*gain-1"):
        exercise("zzz")


def test_helpers_say_what_is_wrong():
    with pytest.raises(Wrong, match="should be a function, but it is int"):
        call(3)
    with pytest.raises(Wrong, match="axes are transposed"):
        expect_tensor(torch.ones(2, 3), (3, 2))
    with pytest.raises(Wrong, match="NaN"):
        expect_tensor(float("nan"))
