"""Filters as they run: of any order, in a row, moving, in pieces; against SciPy, the loop in PyTorch and themselves."""

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl

D = torch.float64
METHODS = ("kernel", "reference")


def stable(shape, order, seed):
    """Denominators with poles well inside: |a_1| + … + |a_order| < 1."""
    a = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (*shape, order)) * 0.9 / max(order, 1))
    return torch.cat([torch.ones(*shape, 1, dtype=D), a], -1)


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, shape))


@pytest.mark.parametrize("order", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("method", METHODS)
def test_is_scipys_filter_of_any_order(order, method):
    x, b, a = noise(300), noise(order + 1, seed=1), 2 * stable((), order, 2)
    want = scipy.signal.lfilter(b.numpy(), a.numpy(), x.numpy())
    np.testing.assert_allclose(cl.filter_recursively(x, b, a, method=method).numpy(), want, atol=1e-12)


def test_a_shorter_numerator_or_denominator_is_filled_up():
    x = noise(200)
    want = scipy.signal.lfilter([0.2], [1.0, -0.5, 0.3], x.numpy())
    np.testing.assert_allclose(
        cl.filter_recursively(x, [0.2], torch.tensor([1.0, -0.5, 0.3], dtype=D)), want, atol=1e-8
    )
    fir = cl.filter_recursively(x, torch.tensor([0.5, 0.25, 0.125], dtype=D), [1.0])
    np.testing.assert_allclose(fir, scipy.signal.lfilter([0.5, 0.25, 0.125], [1.0], x.numpy()), atol=1e-12)


@given(
    st.integers(1, 60), st.integers(1, 5), st.integers(1, 3), st.integers(0, 4), st.sampled_from([(), (2,), (2, 3)]),
    st.integers(0, 999),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_loop_and_the_steps_in_pytorch_agree(n, n_frames, n_sections, order, lead, seed):
    n_frames = min(n_frames, n)
    shape = (*lead, n_frames, n_sections)
    values = [
        noise(*lead, n, seed=seed),
        noise(*shape, order + 1, seed=seed + 1),
        stable(shape, order, seed + 2) * 1.5,
        noise(*lead, n_sections + 1, order, seed=seed + 3),
    ]
    values = [v.requires_grad_() for v in values]
    found = []
    for method in METHODS:
        x, b, a, state = values
        y, left = cl.filter_recursively(x, b, a, time_varying=True, state=state, return_state=True, method=method)
        loss = (y * torch.linspace(-1, 1, n, dtype=D)).sum() + left.square().sum()
        gradients = torch.autograd.grad(loss, values, allow_unused=order == 0)
        found.append([y, left, *(torch.zeros(0) if g is None else g for g in gradients)])
    for got, want in zip(*found, strict=True):
        torch.testing.assert_close(got, want, atol=1e-9, rtol=1e-9)


def test_a_filter_that_does_not_move_is_the_same_with_and_without_frames():
    x, b, a = noise(2, 500), noise(3, 3, seed=1), stable((3,), 2, 2)
    still = cl.filter_recursively(x, b, a)
    moving = cl.filter_recursively(x, b.expand(7, 3, 3), a.expand(7, 3, 3), time_varying=True)
    torch.testing.assert_close(moving, still, atol=1e-12, rtol=0)


def test_coefficients_lie_on_lines_between_frames_and_the_last_is_held():
    """No feedback: the output is the numerator itself, times a sound of ones."""
    b = torch.tensor([[[0.0]], [[1.0]], [[0.5]]], dtype=D)
    y = cl.filter_recursively(torch.ones(9, dtype=D), b, torch.ones(3, 1, 1, dtype=D), time_varying=True)
    torch.testing.assert_close(y, cl.upsample(b[:, 0, 0], 9), atol=1e-12, rtol=0)


@pytest.mark.parametrize("cuts", [(1,), (3, 4, 100), (250,)])
@pytest.mark.parametrize("dtype", [torch.float32, D])
def test_in_pieces_as_at_once(cuts, dtype):
    x, b, a = noise(2, 400).to(dtype), noise(2, 4, seed=1), stable((2,), 3, 2)
    whole, pieces, state = cl.filter_recursively(x, b, a), [], None
    for piece in torch.tensor_split(x, cuts, dim=-1):
        y, state = cl.filter_recursively(piece, b, a, state=state, return_state=True)
        pieces.append(y)
        assert y.dtype == dtype and state.dtype == D and state.shape == (2, 3, 3)
    torch.testing.assert_close(torch.cat(pieces, -1), whole, atol=1e-12 if dtype == D else 1e-6, rtol=0)
    torch.testing.assert_close(state[:, 0], x[:, -3:].double(), atol=0, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_and_their_gradients(method):
    x, b, a = noise(2, 9), noise(2, 3, seed=1), stable((2,), 2, 2)
    inputs = [v.requires_grad_() for v in (x, b, a)]
    run = lambda *v: cl.filter_recursively(*v, method=method)  # noqa: E731
    assert torch.autograd.gradcheck(run, inputs) and torch.autograd.gradgradcheck(run, inputs)


def test_only_the_gradients_that_are_asked_for():
    x, b, a = noise(50), noise(3, seed=1), stable((), 2, 2)
    whole = [v.clone().requires_grad_() for v in (x, b, a)]
    want = torch.autograd.grad(cl.filter_recursively(*whole).square().sum(), whole)
    for i in range(3):
        leaves = [v.clone().requires_grad_(i == j) for j, v in enumerate((x, b, a))]
        (got,) = torch.autograd.grad(cl.filter_recursively(*leaves).square().sum(), leaves[i])
        torch.testing.assert_close(got, want[i])
    assert not cl.filter_recursively(x, b, a).requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_other_precisions_are_computed_in_double_and_rounded(dtype):
    x, b, a = noise(2, 300).to(dtype), noise(3, seed=1).to(dtype), stable((), 2, 2).to(dtype)
    y = cl.filter_recursively(x, b, a)
    assert y.dtype == dtype
    exact = cl.filter_recursively(x.double(), b.double(), a.double())
    torch.testing.assert_close(y, exact.to(dtype))


def test_a_stable_biquad_stays_stable_on_its_way_to_another():
    """The stable (a_1, a_2) fill a triangle: the line between two of its points lies in it."""
    raw = noise(500, 2, 2, seed=4) * 6
    ends = cl.stable_denominator(raw)
    for share in (0.25, 0.5, 0.75):
        between = torch.lerp(ends[:, 0], ends[:, 1], share)
        assert float(cl.pole_radius(between).max()) < 1


def test_every_sound_of_a_batch_by_itself():
    x, b, a = noise(3, 200), noise(3, 1, 3, seed=1), stable((3, 1), 2, 2)
    together = cl.filter_recursively(x, b, a)
    for i in range(3):
        torch.testing.assert_close(together[i], cl.filter_recursively(x[i], b[i], a[i]), atol=1e-12, rtol=0)


ONE, FLAT = torch.ones(9), torch.ones(3, 1, 2)
BAD = {
    "must not be 0": lambda f: f([1.0], [1.0, 0.0], [0.0, 1.0]),
    "b has 2 sections and a has 3": lambda f: f(ONE, torch.ones(2, 3), torch.ones(3, 3)),
    r"n_frames, n_sections, order \+ 1": lambda f: f(ONE, torch.ones(3), torch.ones(3), time_varying=True),
    r"state must be .*\(…, 2, 0\)": lambda f: f(ONE, [1.0], [1.0], state=torch.ones(1, 1)),
    "state must be finite": lambda f: f(ONE, [1.0, 2.0], [1.0], state=[[float("nan")], [0.0]]),
    "choose one of auto, kernel, reference": lambda f: f(ONE, [1.0], [1.0], method="fast"),
    r"more frames \(3\) than samples \(2\)": lambda f: f(torch.ones(2), FLAT, FLAT, time_varying=True),
    "leading axes": lambda f: f(torch.ones(2, 9), FLAT, FLAT),
    "plain tensors": lambda f: torch.func.vmap(lambda x: f(x, [1.0], [1.0], method="kernel"))(torch.ones(2, 3)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message):
    with pytest.raises(ValueError, match=message):
        BAD[message](cl.filter_recursively)
