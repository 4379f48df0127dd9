"""Phase: exact over an hour, wrapped, differentiable."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl


def distance(a, b):
    """Angle between two phases, in radians, wherever they were wrapped."""
    return np.abs((a - b + np.pi) % (2 * np.pi) - np.pi).max()


@given(st.integers(0, 10_000), st.integers(2, 500))
@settings(max_examples=40)
def test_matches_the_running_sum(seed, n):
    f = np.random.default_rng(seed).uniform(0, 24_000, n)
    expected = 2 * np.pi / 48_000 * np.concatenate([[0.0], np.cumsum(f)[:-1]])
    assert distance(cl.instantaneous_phase(torch.from_numpy(f), 48_000).numpy(), expected) < 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_hour_is_as_exact_as_a_second(dtype):
    rate, seconds, hz = 8000, 3600, 440.1
    f = torch.full((rate * seconds + 1,), hz, dtype=dtype)
    phase = cl.instantaneous_phase(f, rate)
    # The exact answer in rational arithmetic for the frequency as this dtype stores it.
    for n in (rate, rate * seconds):
        turns = Fraction(float(f[0])) * n / rate
        exact = 2 * math.pi * float(turns - math.floor(turns))
        assert distance(phase[n].double().numpy(), exact) < (4e-7 if dtype == torch.float32 else 1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_under_a_transform_it_is_the_same_to_the_last_bit(dtype):
    f = torch.rand(50_000, dtype=dtype, generator=torch.Generator().manual_seed(0)) * 7900 + 50
    f[7] = 1e30  # folds, as anything above Nyquist
    plain = f.clone().requires_grad_()
    phase = cl.instantaneous_phase(plain, 16_000)
    weights = torch.linspace(-1, 1, len(f), dtype=dtype)
    grad, value = torch.func.grad_and_value(lambda x: (weights * cl.instantaneous_phase(x, 16_000)).sum())(f)
    assert value == (weights * phase).sum()
    torch.testing.assert_close(grad, torch.autograd.grad((weights * phase).sum(), plain)[0], rtol=1e-6, atol=0)
    assert torch.equal(torch.vmap(lambda x: cl.instantaneous_phase(x, 16_000))(f[None])[0], phase.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("hz", [4000.0, 8000.0, 15999.99999, 1000.000001])
def test_wrapped_into_minus_pi_to_pi(dtype, hz):
    phase = cl.instantaneous_phase(torch.full((4096,), hz, dtype=dtype), 16000)
    assert phase.dtype == dtype
    assert float(phase.min()) >= -math.pi and float(phase.max()) < math.pi
    assert phase[0] == 0


def test_the_frequency_of_sample_n_moves_the_phase_of_sample_n_plus_1():
    phase = cl.instantaneous_phase(torch.tensor([0.0, 1000.0, 0.0, 0.0], dtype=torch.float64), 16000)
    np.testing.assert_allclose(phase.numpy(), [0, 0, math.pi / 8, math.pi / 8], atol=1e-12)


def test_gradient():
    f = (torch.rand(2, 6, dtype=torch.float64) * 1000 + 100).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: torch.sin(cl.instantaneous_phase(x, 16000)), (f,))
    assert torch.autograd.gradgradcheck(lambda x: torch.sin(cl.instantaneous_phase(x, 16000)), (f,))


@pytest.mark.parametrize(
    ("f", "rate", "message"),
    [
        (torch.tensor([-1.0]), 16000, "must not be negative"),
        (torch.tensor([float("nan")]), 16000, "must be finite"),
        (torch.tensor([float("inf")]), 16000, "must be finite"),
        (torch.ones(0), 16000, "empty"),
        (torch.tensor(440.0), 16000, "must have shape"),
        (torch.ones(3), 0, "sample_rate must be positive"),
        (torch.ones(3), -1, "sample_rate must be positive"),
        (torch.ones(3), float("nan"), "sample_rate must be positive"),
        (torch.ones(3), "fast", "sample_rate must be a number"),
    ],
)
def test_bad_input(f, rate, message):
    with pytest.raises(ValueError, match=message):
        cl.instantaneous_phase(f, rate)
