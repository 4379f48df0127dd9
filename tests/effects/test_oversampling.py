"""Raising and lowering the rate: against NumPy's convolution, exact where nothing is near Nyquist, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.effects.oversampling import REACH, early_taps, keep_each, lowpass_taps

D = torch.float64


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(2, 5), st.sampled_from([(), (1,), (2, 3)]))
def test_both_are_convolutions(n: int, factor: int, lead: tuple[int, ...]) -> None:
    x, taps, middle = noise(*lead, n), lowpass_taps(factor).numpy(), REACH * factor
    rows = x.reshape(-1, n)
    spread = np.zeros((len(rows), n * factor))
    spread[:, ::factor] = rows
    raised = [factor * np.convolve(row, taps)[middle : middle + n * factor] for row in spread]
    np.testing.assert_allclose(
        cl.raise_rate(torch.from_numpy(x), factor), np.reshape(raised, (*lead, n * factor)), atol=1e-12
    )
    lowered = [np.convolve(row, taps)[middle : middle + n : factor] for row in rows]
    np.testing.assert_allclose(
        cl.lower_rate(torch.from_numpy(x), factor), np.reshape(lowered, (*lead, -(-n // factor))), atol=1e-12
    )


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_sine_comes_through_without_delay(factor: int) -> None:
    def sine(rate: int, n: int) -> torch.Tensor:
        return torch.sin(2 * torch.pi * 3000 * torch.arange(n, dtype=D) / rate)

    raised = cl.raise_rate(sine(16_000, 2000), factor)
    inner = slice(200 * factor, 1800 * factor)
    assert float((raised - sine(16_000 * factor, 2000 * factor))[inner].abs().max()) < 2e-4
    lowered = cl.lower_rate(sine(16_000 * factor, 2000 * factor), factor)
    assert float((lowered - sine(16_000, 2000))[200:1800].abs().max()) < 1e-4
    there_and_back = cl.lower_rate(cl.raise_rate(sine(16_000, 2000), factor), factor)
    assert float((there_and_back - sine(16_000, 2000))[200:1800].abs().max()) < 3e-4


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_both_filters_pass_what_is_low_and_stop_what_is_high(factor: int) -> None:
    for taps in (lowpass_taps(factor), early_taps(factor)):
        hertz, response = scipy.signal.freqz(taps.numpy(), worN=8192, fs=2 * factor)
        gain_db = 20 * np.log10(np.abs(response) + 1e-12)
        assert np.abs(gain_db[hertz < 0.9]).max() < 0.001 and gain_db[hertz > 1].max() < -70
    delay = scipy.signal.group_delay((early_taps(factor).numpy(), [1.0]), w=[0.01])[1][0]
    assert delay < 2.6 * factor  # half of a linear-phase filter's length would be 64 times the factor


def test_the_early_filter_hears_the_past_alone() -> None:
    x = torch.zeros(600, dtype=D)
    x[300] = 1.0
    heard = keep_each(x, early_taps(2), 2, ahead=0)
    assert not heard[:150].any() and heard[150] != 0 and not heard[150 + 2 * REACH + 1 :].any()


def test_the_gradients_are_right() -> None:
    x = torch.from_numpy(noise(2, 9)).requires_grad_()
    for change in (cl.raise_rate, cl.lower_rate):
        assert torch.autograd.gradcheck(lambda x, change=change: change(x, 2), (x,))
        assert torch.autograd.gradgradcheck(lambda x, change=change: change(x, 2).square(), (x,))


def test_a_factor_of_one_changes_nothing() -> None:
    x = torch.rand(5)
    assert torch.equal(cl.raise_rate(x, 1), x) and torch.equal(cl.lower_rate(x, 1), x)


@pytest.mark.parametrize("change", [cl.raise_rate, cl.lower_rate])
def test_bad_input_says_the_rule(change: object) -> None:
    assert callable(change)
    with pytest.raises(ValueError, match="factor must be at least 1; got 0"):
        change(torch.zeros(4), 0)
    with pytest.raises(ValueError, match="factor must be a whole number"):
        change(torch.zeros(4), 1.5)
    with pytest.raises(ValueError, match="audio must be finite"):
        change([0.0, float("nan")], 2)
    with pytest.raises(ValueError, match="at least 1 sample"):
        change(torch.zeros(0), 2)
