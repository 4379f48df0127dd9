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


# What goes wrong most often in this field, and exercises that call it by its name.
NAMED = {
    "Hz for rad/sample": [("filters-1", "rad/sample"), ("oscillator-3", "Hz went in where rad/sample belong")],
    "missing 2π": [
        ("oscillator-1", "in turns"),
        ("oscillator-3", "2π is missing"),
        ("many_sines-1", "taken for radians"),
    ],
    "transposed axes": [("chorale-1", "transposed"), ("noise-3", "transposed"), ("playing-2", "transposed")],
    "decibels of amplitude against power": [
        ("fitting-2", "20·log10 is for amplitudes"),
        ("five_sounds-1", "10·log10 is for powers"),
    ],
    "phase reset at frame edges": [("oscillator-3", "the phase is reset at the edge")],
    "mean of decibels": [("fitting-2", "a mean of decibels"), ("pitch_and_loudness-1", "decibels are averaged")],
    "degrees for radians": [("oscillator-1", "in degrees"), ("oscillator-3", "degrees")],
    "frames off by one": [("notes_to_sound-1", "frame too long"), ("end_to_end-1", "one frame too long")],
    "sum for mean": [("gain-2", "a sum where"), ("pytorch_for_sound-2", "a sum where the loss takes a mean")],
}


@pytest.mark.parametrize(("name", "message"), [case for cases in NAMED.values() for case in cases])
def test_the_usual_mistakes_are_called_by_their_names(name, message):
    """That each of them is, `test_a_mistake_is_called_by_its_name` shows; here, that none is forgotten."""
    assert message in [said for _, said in MISTAKES[name]]


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
    assert len(item.hints) >= 2 and item.why and item.id == name
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
