"""What a result holds is read in any form, and two numbers are told with as many digits as tell them apart."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.exercises.base import Stopped, Wrong, call, close, expect_tensor, name_the_slip, pair, truth, whole
from course_lib.exercises.errors import in_words
from course_lib.exercises.reading import FLOAT32, apart, you_give

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(NUMBERS, NUMBERS)
def test_two_numbers_that_differ_never_read_alike(one, other):
    if one != other:
        a, b = apart(one, other)
        assert a != b and (float(a) < float(b)) == (one < other)


def test_two_numbers_are_told_with_no_more_digits_than_needed():
    assert apart(-31.690001, -31.694) == ("-31.690", "-31.694")
    assert apart(3.0, 2.0) == ("3.000", "2.000")
    assert apart(155.0, 156.0) == ("155.0", "156.0")
    assert apart(-0.0, 1e-12)[0] == "0"
    assert apart(1.5e9, 2e-9) == ("1.5e+09", "2e-09")
    assert you_give(0.175, 0.1750001, "dB") == "you give 0.1750000 dB, it is 0.1750001 dB"
    assert you_give([[1.0, 2.0], [3.0, 5.0]], np.array([[1.0, 2.0], [3.1, 4.0]])[:, ::-1][:, ::-1]) == (
        "at [1, 1] you give 5.000, it is 4.000"
    )


def test_a_tolerance_is_never_tighter_than_float32():
    value = torch.rand(50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert close(value.float().double(), value, 0.0)
    assert not close(value * (1 + 2 * FLOAT32), value, 0.0)


def test_numbers_truths_and_pairs():
    assert whole(np.float32(3.0000002)) == 3 and whole([7]) == 7
    with pytest.raises(Wrong, match=r"whole number is asked for, and you give 5\.5"):
        whole(5.5)
    assert truth(np.True_) is True and truth(torch.tensor(0)) is False
    with pytest.raises(Wrong, match="True or False"):
        truth(0.3)
    assert pair(torch.tensor([[1, 2], [3, 4]]), "two")[1].tolist() == [3, 4]
    with pytest.raises(Wrong, match="give two"):
        pair((1, 2, 3), "give two")


@pytest.mark.parametrize(
    ("value", "shape", "said"),
    [
        (torch.ones(1, 50), (50,), "one too many"),
        (torch.ones(50), (50, 1), "is missing"),
        (torch.ones(50), (), "is a sum, a mean or an index missing"),
        (torch.ones(2, 3), (3, 2), "transposed"),
        ((x for x in range(3)), (3,), "write list"),
        ([[1, 2], [3]], None, "differ in shape"),
        (torch.tensor([1 + 2j]), (), "complex"),
        (torch.empty(0), None, "is empty"),
        (torch.zeros(1).expand(10**9), (10**9,), "far more numbers"),
    ],
)
def test_what_cannot_be_read_is_said(value, shape, said):
    with pytest.raises(Wrong, match=said):
        expect_tensor(value, shape)


def test_a_slip_is_told_by_its_value_and_only_then():
    name_the_slip(2.0, {"half of it": 1.0, "not a number": float("nan")})
    with pytest.raises(Wrong, match="half of it"):
        name_the_slip(torch.tensor([1.0, 2.0]), {"half of it": np.array([2.0, 1.0])[::-1]})


def test_a_function_in_float32_or_numpy_is_called_with_what_it_expects():
    sound = torch.rand(8, dtype=torch.float64)
    assert call(lambda x: x @ torch.ones(8), sound).dtype == torch.float32
    assert isinstance(call(lambda x: np.sum(x * np.ones(8)), sound), np.floating)
    with pytest.raises(Stopped, match="must match the size"):
        call(lambda x: x + torch.ones(3), sound)
    with pytest.raises(Wrong, match="in place"):
        call(lambda x: x.add_(1) @ torch.ones(8), sound)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x + torch.ones(3), "unsqueeze"),
        (lambda x: x.numpy() + np.ones(3), "unsqueeze"),
        (lambda x: torch.sin(3.0), "math has the same functions"),
        (lambda x: x if x > 0 else 0, "torch.where"),
        (lambda x: float(x), "one number belongs"),
        (lambda x: x[:0].max(), "largest or smallest of nothing"),
        (lambda x: x.clone().requires_grad_().numpy(), "cannot follow gradients"),
        (lambda x: x[99], "beyond the end"),
        (lambda x: frequency, "does not know"),  # noqa: F821
        (lambda: 1, "arguments of the stub"),
    ],
)
def test_an_error_is_told_with_what_it_most_often_means(function, said):
    with pytest.raises(Stopped) as caught:
        call(function, torch.rand(8))
    assert said in in_words(caught.value.error)
