"""What counts as numbers: arrays of any layout, precisions, and values that cannot be looked at."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import course_lib as cl
from course_lib.core.checks import as_tensor, check_eager, in_single
from course_lib.core.eager import is_eager
from course_lib.core.noise import white_noise


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0)[::-1],
        np.arange(6, dtype=">i4"),
        np.arange(6, dtype=">f4")[::2],
        np.broadcast_to(np.float32(3), (2, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6, dtype=np.longdouble),
        np.zeros(3, dtype=[("x", "f4"), ("pad", "i1")])["x"],  # steps that are no whole number of values
        np.frombuffer(b"\x00\x01" * 4, dtype=np.int16),  # read-only
        np.array(2.5),
        np.float64(2.5),
    ],
    ids=lambda x: f"{x.dtype}-{x.shape}-{x.strides}",
)
def test_arrays_of_any_layout_are_their_numbers(array):
    tensor = as_tensor(array, "x")
    assert tensor.dtype == (torch.float64 if array.dtype.kind == "f" and array.itemsize >= 8 else torch.float32)
    np.testing.assert_array_equal(tensor.numpy(), np.asarray(array, dtype=float))


def test_an_array_that_torch_takes_is_not_copied():
    array = np.zeros(3)
    array[1] = 7
    assert as_tensor(array, "x").data_ptr() == array.ctypes.data


def test_precisions():
    single, double = in_single(torch.ones(1, dtype=torch.bfloat16), torch.ones(1, dtype=torch.float64))
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    with pytest.raises(TypeError, match=r"x must be of 16 bits or more, got torch\.float8_e5m2"):
        as_tensor(torch.ones(2).to(torch.float8_e5m2), "x")


def test_values_are_there_or_they_are_not():
    seen = []
    x = torch.ones(2, requires_grad=True)
    for transform in (torch.func.grad(lambda y: (seen.append(is_eager(y)), y.sum())[1]), torch.vmap(is_eager_of(seen))):
        transform(torch.ones(2))
    with torch.autograd.forward_ad.dual_level():
        seen.append(is_eager(x))
    with FakeTensorMode() as mode:
        seen += [is_eager(mode.from_tensor(x)), is_eager(x)]
    assert seen == [False] * 5
    assert is_eager(x, torch.nn.Parameter(x)) and is_eager()


def is_eager_of(seen):
    def call(y):
        seen.append(is_eager(y))
        return y

    return call


def test_what_cannot_do_without_values_says_so_in_a_line():
    with pytest.raises(NotImplementedError, match=r"^It looks: it reads values, .* on plain tensors$") as error:
        check_eager("It looks", torch.ones(1, device="meta"), 3.0)
    assert "\n" not in str(error.value)
    check_eager("It looks", torch.ones(1), None)


def test_a_generator_cannot_be_recorded_and_is_told_so():
    def noisy(magnitudes):
        return white_noise((3,), torch.Generator().manual_seed(1), magnitudes)

    with pytest.raises(NotImplementedError, match="leave the generator out"):
        torch.jit.trace(noisy, torch.ones(2), check_trace=False)
    assert torch.equal(torch.vmap(noisy, randomness="same")(torch.ones(2, 1))[0], noisy(torch.ones(1)))


def test_one_bad_value_is_still_named():
    with pytest.raises(ValueError, match=r"frames must be finite; it is nan at index \[1\]"):
        cl.upsample(torch.tensor([1.0, float("nan")]), 4)
