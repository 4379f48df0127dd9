"""FIR filters by frequency sampling."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.signal
import torch

import course_lib as cl


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).uniform(-0.5, 0.5, shape))


def test_ones_change_nothing():
    x = noise(2, 777)
    torch.testing.assert_close(cl.fir_filter(x, torch.ones(33, dtype=torch.float64)), x, atol=1e-9, rtol=0)


@pytest.mark.parametrize(("n", "bands"), [(1000, 65), (50, 65), (999, 2), (4096, 17)])
def test_is_a_convolution_with_the_windowed_response(n, bands):
    x, m = noise(n), noise(bands, seed=1) + 0.6
    half = bands - 1
    taps = np.roll(np.fft.irfft(m.numpy(), 2 * half), -(half)) * scipy.signal.get_window("hann", 2 * half)
    want = np.convolve(x.numpy(), taps)[half : half + n]
    np.testing.assert_allclose(cl.fir_filter(x, m), want, atol=1e-9)
    # A filter that stands still is the same filter in every frame.
    if n >= 10:
        np.testing.assert_allclose(cl.fir_filter(x, m.expand(10, -1), time_varying=True), want, atol=1e-9)


def test_has_no_delay():
    click = torch.zeros(401, dtype=torch.float64)
    click[200] = 1.0
    y = cl.fir_filter(click, noise(33) + 0.6)
    torch.testing.assert_close(y, y.flip(0), atol=1e-12, rtol=0)


def test_a_moving_filter_lets_through_first_low_and_then_high():
    n = 16000
    t = torch.arange(n) / 16000
    x = 0.3 * torch.sin(2 * torch.pi * 500 * t) + 0.3 * torch.sin(2 * torch.pi * 6000 * t)
    bands = torch.zeros(50, 65)
    bands[:25, :20], bands[25:, 40:] = 1.0, 1.0
    y = cl.fir_filter(x, bands, time_varying=True)
    early, late = cl.stft_magnitude(y[:6000], 1024).mean(-1), cl.stft_magnitude(y[10000:], 1024).mean(-1)
    assert early[32] > 100 * early[384] and late[384] > 100 * late[32]


def test_its_spectrum_runs_through_the_magnitudes():
    """A curve that is smooth over the bands is met within 0.25 dB, at the bands, without phase."""
    bands = torch.linspace(0, 1, 65, dtype=torch.float64)
    m = 1.2 + torch.cos(3 * torch.pi * bands)
    click = torch.zeros(4096, dtype=torch.float64)
    click[2048] = 1.0
    spectrum = torch.fft.rfft(cl.fir_filter(click, m).roll(-2048))[:: 2048 // 64]
    assert float(spectrum.imag.abs().max()) < 1e-9
    off_db = 20 * torch.log10(spectrum.real / m)
    assert float(off_db.abs().max()) < 0.25
    smoothed = torch.nn.functional.pad(m[None, None], (1, 1), mode="reflect")[0, 0].unfold(0, 3, 1) @ torch.tensor(
        [0.25, 0.5, 0.25], dtype=torch.float64
    )
    torch.testing.assert_close(spectrum.real, smoothed, atol=1e-9, rtol=0)


def test_a_moving_filter_fades_from_frame_to_frame():
    """Flat filters that differ in level only: the level follows the frames, linearly between them."""
    x = torch.ones(400, dtype=torch.float64)
    gains = torch.tensor([0.0, 1.0, 0.5, 2.0], dtype=torch.float64)
    y = cl.fir_filter(x, gains[:, None].expand(4, 9), time_varying=True)
    expected = np.interp(np.arange(400), [0, 100, 200, 300], gains)
    np.testing.assert_allclose(y, expected, atol=1e-9)
    np.testing.assert_allclose(y, cl.upsample(gains, 400), atol=1e-9)


def test_gradcheck_and_axes():
    x, m = noise(2, 60).requires_grad_(), (noise(2, 4, 9, seed=2) + 0.6).requires_grad_()
    assert torch.autograd.gradcheck(functools.partial(cl.fir_filter, time_varying=True), (x, m))
    assert torch.autograd.gradcheck(cl.fir_filter, (x, m[:, 0]))
    assert cl.fir_filter(noise(3, 100), torch.ones(5)).shape == (3, 100)
    assert cl.fir_filter(noise(1, 100), torch.ones(3, 2, 5), time_varying=True).shape == (3, 100)
    assert cl.fir_filter(noise(100).float(), torch.ones(5)).dtype == torch.float32
    assert cl.fir_filter(noise(100), torch.ones(5)).dtype == torch.float64


def test_a_batch_of_filters_is_no_filter_that_moves():
    """(batch, n_bands) is one filter a sound; (n_frames, n_bands) has to be said."""
    x, filters = noise(4, 200), noise(4, 9, seed=3) + 0.6
    each = torch.stack([cl.fir_filter(sound, m) for sound, m in zip(x, filters, strict=True)])
    torch.testing.assert_close(cl.fir_filter(x, filters), each)
    bank = torch.stack([cl.fir_filter(x[0], m) for m in filters])
    torch.testing.assert_close(cl.fir_filter(x[:1], filters), bank)
    moving = cl.fir_filter(x[0], filters, time_varying=True)
    assert moving.shape == (200,) and not torch.allclose(moving, bank, atol=1e-3)
    with pytest.raises(ValueError, match=r"an axis that audio \(200,\) lacks: if it is time, say time_varying=True"):
        cl.fir_filter(x[0], filters)
    with pytest.raises(TypeError):
        cl.fir_filter(x, filters, True)  # by name only


@pytest.mark.parametrize(
    ("magnitudes", "message"),
    [
        ([1.0], "at least two bands"),
        ([1.0, -1.0], "must not be negative"),
        ([1.0, float("nan")], "magnitudes must be finite"),
        (torch.ones(3, 5), "leading axes do not agree"),
        (torch.ones(2, 1, 5), "has an axis that audio"),
    ],
)
def test_bad_input_is_named(magnitudes, message):
    with pytest.raises(ValueError, match=message):
        cl.fir_filter(torch.ones(2, 10), magnitudes)


@pytest.mark.parametrize(
    ("magnitudes", "message"),
    [
        (torch.ones(20, 5), "more frames"),
        (torch.ones(0, 5), "at least one frame"),
        (torch.ones(5), r"must be \(…, n_frames, n_bands\)"),
        (torch.ones(3, 1, 5), "leading axes do not agree"),
        (torch.ones(3, 2, 1, 5), "has an axis that audio"),
    ],
)
def test_bad_frames_are_named(magnitudes, message):
    with pytest.raises(ValueError, match=message):
        cl.fir_filter(torch.ones(2, 10), magnitudes, time_varying=True)
