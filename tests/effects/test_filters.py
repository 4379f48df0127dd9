"""The low-pass against SciPy's Butterworth, its gradient, its edges."""

import numpy as np
import pytest
import scipy.signal
import torch

import course_lib as cl

SR = 16_000


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("cutoff", [50.0, 1000.0, 7000.0])
def test_response_is_scipys_butterworth(order, cutoff):
    f = np.linspace(0, 8000, 200)
    b, a = scipy.signal.butter(order, 2 * np.pi * cutoff, analog=True)
    _, h = scipy.signal.freqs(b, a, 2 * np.pi * f)
    ours = cl.lowpass_response(cutoff, frequencies_hz=torch.from_numpy(f), order=order)
    np.testing.assert_allclose(ours.numpy(), np.abs(h), atol=1e-9)


def test_filtering_scales_sines_by_the_response_and_adds_no_delay():
    n = 8000
    for hz in (200.0, 1000.0, 4000.0):
        x = cl.sinusoid(torch.tensor(hz, dtype=torch.float64), 1.0, n_samples=n, sample_rate=SR)
        y = cl.lowpass(x, 1000.0, sample_rate=SR)
        gain = cl.lowpass_response(1000.0, frequencies_hz=[hz])
        torch.testing.assert_close(y[2000:6000], gain * x[2000:6000], atol=2e-3, rtol=0)


def test_nothing_wraps_around():
    x = torch.zeros(1000)
    x[-1] = 1.0
    assert cl.lowpass(x, 2000.0, sample_rate=SR)[:500].abs().max() < 1e-3


def test_gradients_reach_cutoff_and_sound():
    x = torch.rand(2, 8, dtype=torch.float64, requires_grad=True)
    cutoff = torch.tensor([500.0, 2000.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, c: cl.lowpass(s, c, sample_rate=SR), (x, cutoff))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.lowpass(torch.ones(8), 0.0, sample_rate=SR), "cutoff_hz must be above 0"),
        (lambda: cl.lowpass(torch.ones(8), float("nan"), sample_rate=SR), "cutoff_hz must be finite"),
        (lambda: cl.lowpass(torch.ones(8), 100.0, sample_rate=0), "sample_rate must be positive"),
        (lambda: cl.lowpass(torch.ones(0), 100.0, sample_rate=SR), "at least 1 sample"),
        (lambda: cl.lowpass_response(100.0, frequencies_hz=[-1.0]), "must not be negative"),
        (lambda: cl.lowpass_response(100.0, frequencies_hz=[1.0], order=0), "order must be at least 1"),
        (lambda: cl.apply_response(torch.ones(8), torch.ones(8)), "n_samples \\+ 1 = 9 bins"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
