"""A filter given by its magnitudes: against SciPy's convolution, its spectrum, moving filters, gradient, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

import course_lib as cl

SR = 16_000
F64 = torch.float64


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def taps(magnitudes: torch.Tensor) -> np.ndarray:
    """Frequency sampling in NumPy: inverse transform, middle in the middle, Hann window."""
    half = len(magnitudes) - 1
    response = np.fft.fftshift(np.fft.irfft(magnitudes.numpy(), 2 * half))
    return response * scipy.signal.get_window("hann", 2 * half)


@pytest.mark.parametrize("n_bands", [2, 3, 9, 65, 200])
@pytest.mark.parametrize("n", [1, 37, 1000])
def test_one_filter_is_scipys_convolution(n_bands, n):
    x, m = noise(n), noise(n_bands, seed=1).abs()
    true = np.convolve(x.numpy(), taps(m))[n_bands - 1 : n_bands - 1 + n]  # sample n_bands - 1 of the taps is time 0
    np.testing.assert_allclose(cl.fir_filter(x, m), true, atol=1e-10)


@given(n=st.integers(4, 300), n_frames=st.integers(1, 4), n_bands=st.integers(2, 40))
def test_frames_that_agree_leave_no_trace(n, n_frames, n_bands):
    x, m = noise(n), noise(n_bands, seed=2).abs()
    still = cl.fir_filter(x, m)
    torch.testing.assert_close(cl.fir_filter(x, m.expand(n_frames, n_bands)), still, atol=1e-9, rtol=0)


def test_its_spectrum_runs_through_the_magnitudes():
    """A curve that is smooth over the bands is met within 0.25 dB, at the bands, without phase."""
    bands = torch.linspace(0, 1, 65, dtype=F64)
    m = 1.2 + torch.cos(3 * torch.pi * bands)
    click = torch.zeros(4096, dtype=F64)
    click[2048] = 1.0
    spectrum = torch.fft.rfft(cl.fir_filter(click, m).roll(-2048))[:: 2048 // 64]
    assert float(spectrum.imag.abs().max()) < 1e-9
    off_db = 20 * torch.log10(spectrum.real / m)
    assert float(off_db.abs().max()) < 0.25
    smoothed = torch.nn.functional.pad(m[None, None], (1, 1), mode="reflect")[0, 0].unfold(0, 3, 1) @ torch.tensor(
        [0.25, 0.5, 0.25], dtype=F64
    )
    torch.testing.assert_close(spectrum.real, smoothed, atol=1e-9, rtol=0)


def test_magnitudes_of_one_are_the_sound_itself_and_of_zero_silence():
    x = noise(2, 500)
    torch.testing.assert_close(cl.fir_filter(x, torch.ones(33, dtype=F64)), x, atol=1e-12, rtol=0)
    assert not cl.fir_filter(x, torch.zeros(33)).any()


def test_a_moving_filter_fades_from_frame_to_frame():
    """Flat filters that differ in level only: the level follows the frames, linearly between them."""
    x = torch.ones(400, dtype=F64)
    gains = torch.tensor([0.0, 1.0, 0.5, 2.0], dtype=F64)
    y = cl.fir_filter(x, gains[:, None].expand(4, 9))
    expected = np.interp(np.arange(400), [0, 100, 200, 300], gains)
    np.testing.assert_allclose(y, expected, atol=1e-9)
    np.testing.assert_allclose(y, cl.upsample(gains, 400), atol=1e-9)


def test_a_moving_low_pass_lets_a_high_partial_go():
    x = cl.sinusoid(5000.0, 1.0, SR, SR)
    open_, shut = torch.ones(65), (torch.arange(65) < 24).float()
    y = cl.fir_filter(x, torch.stack([open_, open_, shut, shut]))
    assert float(y[1000:3500].abs().max()) > 0.99
    assert float(y[9000:15000].abs().max()) < 1e-3


def test_batches_and_dtypes():
    x, m = noise(3, 1, 200), noise(2, 4, 17, seed=3).abs()
    y = cl.fir_filter(x, m)
    assert y.shape == (3, 2, 200)
    torch.testing.assert_close(y[2, 1], cl.fir_filter(x[2, 0], m[1]))
    single = cl.fir_filter(x.float(), m.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, y.float(), atol=1e-5, rtol=1e-5)
    assert cl.fir_filter([0.5, 0.25], [1, 1]).dtype == torch.float32


def test_gradients_reach_sound_and_magnitudes():
    x, m = noise(2, 12).requires_grad_(), (noise(3, 5, seed=4).abs() + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(cl.fir_filter, (x, m))
    assert torch.autograd.gradcheck(cl.fir_filter, (x, m[0].detach().requires_grad_()))


def test_a_curve_is_learned_by_ear():
    x = noise(8000).float()
    true = 0.3 + torch.exp(-((torch.arange(33) - 10.0) ** 2) / 30)
    learned = torch.nn.Parameter(torch.zeros(33))

    class Learned(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_gain = learned

        def forward(self) -> torch.Tensor:
            return cl.fir_filter(x, self.log_gain.exp())

    cl.fit(Learned(), cl.fir_filter(x, true), cl.multiscale_spectral_loss, steps=120, lr=0.05)
    off_db = 20 * torch.log10(learned.detach().exp() / true)
    assert float(off_db[1:-1].abs().max()) < 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.fir_filter(torch.ones(8), [1.0, -0.5]), "magnitudes must not be negative; got -0.5"),
        (lambda: cl.fir_filter(torch.ones(8), [1.0]), "at least two bands"),
        (lambda: cl.fir_filter(torch.ones(8), 1.0), "at least two bands"),
        (lambda: cl.fir_filter(torch.ones(8), [1.0, float("nan")]), "magnitudes must be finite"),
        (lambda: cl.fir_filter([float("inf"), 0.0], [1.0, 1.0]), "audio must be finite"),
        (lambda: cl.fir_filter(torch.ones(0), [1.0, 1.0]), "at least 1 sample"),
        (lambda: cl.fir_filter(torch.ones(3), torch.ones(4, 5)), r"more frames \(4\) than samples \(3\)"),
        (lambda: cl.fir_filter(torch.ones(8), torch.ones(0, 5)), "needs at least one frame"),
        (lambda: cl.fir_filter(torch.ones(2, 8), torch.ones(3, 2, 5)), "leading axes do not agree"),
        (lambda: cl.fir_filter(torch.tensor([12000, -3]), [1.0, 1.0]), "divide PCM by 32768"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
