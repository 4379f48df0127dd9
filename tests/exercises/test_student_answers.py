"""Every exercise against what students hand in: right in any form, wrong in likely ways, and absurd."""

import dataclasses
import decimal
import fractions
import importlib
import pkgutil
import re
import time

import numpy as np
import pytest
import torch
from torch import Tensor

import course_lib.exercises as exercises
from course_lib.exercises import all_exercises, exercise
from tests.helpers.student_answers import RIGHT, SLIPS

IDS = sorted(all_exercises())
MODULES = [importlib.import_module(f"course_lib.exercises.{m.name}") for m in pkgutil.iter_modules(exercises.__path__)]
MISTAKES = {key: value for module in MODULES for key, value in getattr(module, "MISTAKES", {}).items()}

# Its answer must carry a gradient, as its text says: nothing but a torch tensor does.
WITH_GRADIENT = {"what_is_ddsp-2"}


def in_form(form, value):
    """A value, or a tuple of several, as NumPy, torch, plain Python."""
    if isinstance(value, tuple):
        return tuple(in_form(form, part) for part in value)
    if isinstance(value, Tensor) and form in ("torch32", "torch64"):
        return value.to(torch.float32 if form == "torch32" else torch.float64)  # keeps a gradient
    array = np.asarray(value.detach() if isinstance(value, Tensor) else value)
    return {
        "numpy64": lambda: array.astype(np.float64)[()],
        "numpy32": lambda: array.astype(np.float32)[()],
        "torch32": lambda: torch.tensor(array, dtype=torch.float32),
        "torch64": lambda: torch.tensor(array, dtype=torch.float64),
        "list": lambda: array.astype(float).tolist(),  # of one number: a Python scalar
        "nested": lambda: array.astype(np.float32)[None].tolist() if array.ndim == 0 else array.tolist(),
        "backwards": lambda: array[::-1].copy()[::-1] if array.ndim else array,  # negative strides
        "big_endian": lambda: array.astype(">f8"),
    }[form]()


FORMS = ["numpy64", "numpy32", "torch32", "torch64", "list", "nested", "backwards", "big_endian"]


def returning(function, change):
    return lambda *args: change(function(*args))


def in_float32(function):
    """The function computed in float32 from its first step on."""

    def converted(*args):
        return function(*(a.float() if isinstance(a, Tensor) and a.is_floating_point() else a for a in args))

    return converted


def says_two_equal_numbers(message):
    """Whether a verdict says that something is 0.175 and should be 0.175."""
    told = re.findall(r"you (?:give|count) (\S+?)(?: [^,;:]*?)?, (?:it is|PyTorch) (\S+?)[ .,;:)]", message + " ")
    return any(one.rstrip(".,") == other.rstrip(".,") for one, other in told)


def assert_right(name, answer):
    verdict = exercise(name).judge(answer)
    assert verdict.status == "right", verdict.message


def assert_wrong(name, answer, phrase=""):
    verdict = exercise(name).judge(answer)
    assert verdict.status == "wrong" and phrase in verdict.message, verdict
    assert "stopped with" not in verdict.message and "cannot read" not in verdict.message, verdict
    assert not says_two_equal_numbers(verdict.message), verdict.message


# --- Right answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IDS)
def test_the_right_answer_is_right_in_every_form(name):
    for form in FORMS:
        answer = returning(exercise(name).reference, lambda value, form=form: in_form(form, value))
        if name in WITH_GRADIENT and not form.startswith("torch"):
            assert_wrong(name, answer, "gradient")
        else:
            assert_right(name, answer)


@pytest.mark.parametrize("name", IDS)
def test_the_right_answer_is_right_in_float32(name):
    assert_right(name, in_float32(exercise(name).reference))


def shaken(value, amount, generator):
    """A value off by a relative amount, up or down at random, number by number; truths and indices stay."""
    if isinstance(value, (tuple, list)) and not all(isinstance(x, int) for x in value):
        return type(value)(shaken(part, amount, generator) for part in value)
    if isinstance(value, (bool, list, tuple)):
        return value
    if isinstance(value, Tensor):
        sign = torch.rand(value.shape, generator=generator).to(value.dtype).round() * 2 - 1
        return value * (1 + amount * sign) if value.is_floating_point() else value
    return value * (1 + amount)


@pytest.mark.parametrize("name", IDS)
def test_what_float32_rounds_is_no_error(name):
    draws = torch.Generator().manual_seed(1)
    for sign in (1, -1):
        if name == "noise-1":  # asks for the same noise twice
            assert_right(name, returning(exercise(name).reference, lambda x, s=sign: x * (1 + s * 1e-6)))
        else:
            assert_right(name, returning(exercise(name).reference, lambda x, s=sign: shaken(x, s * 1e-6, draws)))


@pytest.mark.parametrize(("name", "i"), [(name, i) for name in IDS for i in range(len(RIGHT.get(name, [])))])
def test_right_answers_of_students_are_accepted(name, i):
    assert_right(name, RIGHT[name][i])


# --- Wrong answers ----------------------------------------------------------------------------------------------------

# What is off by this factor can be heard or counted: 1.003 are five cents, a fortieth of a decibel in a thousand.
FACTORS = {
    "frequency_is_hard-2": 1.02,  # the loudest bin is wanted, and any of it will do
    "knobs-1": 1.01,
    "knobs-2": 1.2,
    "many_sines-3": 1.02,
    "noise-1": 1.05,
}
ONE_MORE = {"decoder-3", "harmonic-1", "making_it_fast-3", "playing-1", "sinusoidal_modelling-2", "transfer-1"}


def off(name, value):
    if name == "filters-2":
        return not value
    if name == "decoder-2":
        return value[0][1:], value[1]
    if name in ONE_MORE:
        return (value[0] + 1, value[1]) if isinstance(value, tuple) else value + 1
    if isinstance(value, tuple):
        return tuple(off(name, part) for part in value)
    return value * FACTORS.get(name, 1.003)


@pytest.mark.parametrize("name", IDS)
def test_what_matters_is_refused(name):
    assert_wrong(name, returning(exercise(name).reference, lambda value: off(name, value)))


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("form", ["numpy32", "torch32", "list"])
def test_mistakes_are_called_by_their_names_in_every_form(name, form):
    for answer, phrase in MISTAKES[name]:
        if name in WITH_GRADIENT and form != "torch32":
            continue
        assert_wrong(name, returning(answer, lambda value: in_form(form, value)), phrase)


@pytest.mark.parametrize(("name", "i"), [(name, i) for name in IDS for i in range(len(SLIPS.get(name, [])))])
def test_likely_slips_are_called_by_their_names(name, i):
    answer, phrase = SLIPS[name][i]
    assert_wrong(name, answer, phrase)


def test_every_exercise_has_answers_of_students():
    few = {name: (len(RIGHT.get(name, [])), len(SLIPS.get(name, []))) for name in IDS}
    assert {name: n for name, n in few.items() if n[0] < 2 or n[1] < 3} == {}
    chapters = {exercise(name).chapter for name in IDS}
    assert {name for name in RIGHT | SLIPS if name.rpartition("-")[0] in chapters} <= set(IDS)


# --- Absurd answers ---------------------------------------------------------------------------------------------------


def itself():
    endless = []
    endless.append(endless)
    return endless


ABSURD = {
    "nan": lambda: float("nan"),
    "nan tensor": lambda: torch.full((50,), torch.nan),
    "infinity": lambda: np.array([np.inf, 1.0]),
    "another shape": lambda: torch.rand(3, 4, 5),
    "a row": lambda: torch.rand(1, 7),
    "empty": lambda: torch.empty(0),
    "empty list": lambda: [],
    "empty tuple": lambda: (),
    "three": lambda: (1.0, 2.0, 3.0),
    "two": lambda: (torch.rand(3), "b"),
    "two empties": lambda: (torch.empty(0), torch.empty(0)),
    "text": lambda: "440 Hz",
    "bytes": lambda: b"440",
    "list of text": lambda: ["a", "b"],
    "dictionary": lambda: {"a": 1},
    "set": lambda: {1.0, 2.0},
    "module": lambda: torch,
    "network": lambda: torch.nn.Linear(2, 2),
    "class": lambda: torch.nn.Linear,
    "function": lambda: abs,
    "generator": lambda: (x for x in range(3)),
    "range": lambda: range(3),
    "complex": lambda: 1 + 2j,
    "complex tensor": lambda: torch.ones(50, dtype=torch.complex64),
    "complex array": lambda: np.ones(50, dtype=complex),
    "huge number": lambda: 10**400,
    "huge numbers": lambda: [10**400, 1],
    "fraction": lambda: fractions.Fraction(1, 3),
    "decimal": lambda: decimal.Decimal("NaN"),
    "objects": lambda: np.array([object(), object()], dtype=object),
    "ragged": lambda: [[1.0, 2.0], [3.0]],
    "dates": lambda: np.array(["2026-01-01"], dtype="datetime64[D]"),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "meta": lambda: torch.ones(50, device="meta"),
    "half": lambda: torch.full((50,), 0.123, dtype=torch.float16),
    "bools": lambda: torch.ones(50, dtype=torch.bool),
    "far too many": lambda: torch.zeros(1).expand(10**9),
    "list of itself": itself,
    "an error": lambda: ValueError("x"),
}


@pytest.mark.parametrize("name", IDS)
def test_absurd_results_get_a_verdict_in_words(name):
    for make in ABSURD.values():
        assert_wrong(name, lambda *args, make=make: make())


@pytest.mark.parametrize("name", IDS)
def test_nothing_within_something_is_not_attempted_or_wrong(name):
    for value in ([...], [None], (..., ...), (None, None), [1.0, ...]):
        verdict = exercise(name).judge(lambda *args, value=value: value)
        assert verdict.status in ("not attempted", "wrong") and verdict.message
        assert "cannot read" not in verdict.message, verdict


@pytest.mark.parametrize("name", IDS)
def test_absurd_answers_get_a_verdict_in_words(name):
    class Raises:
        def __call__(self, *args):
            raise self

    for answer in (3.0, "text", torch, torch.nn.Linear, torch.nn.Linear(2, 2), {}, lambda: 1, Raises(), np.sin):
        verdict = exercise(name).judge(answer)
        assert verdict.status == "wrong" and len(verdict.message) < 700, verdict
        assert "Traceback" not in verdict.message and "cannot read" not in verdict.message, verdict


@pytest.mark.parametrize("name", IDS[::12])
def test_slow_answers_are_left_behind(name):
    began = time.monotonic()
    item = dataclasses.replace(exercise(name), limit_s=0.2)
    assert "did not return within 0.2 s" in item.judge(lambda *args: time.sleep(0.6)).message
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", IDS)
def test_an_answer_of_another_number_of_arguments_is_told_of_the_stub(name):
    assert "arguments of the stub" in exercise(name).judge(lambda: 1.0).message
