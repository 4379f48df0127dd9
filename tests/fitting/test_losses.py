"""Losses against an independent computation, their gradients, and what they must and must not notice."""

import functools

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl


def numpy_stft(x, size):
    """Frame by frame, with nothing but slicing and np.fft: Hann, hop size / 4, zeros beyond the edges."""
    padded = np.concatenate([np.zeros(size // 2), x, np.zeros(size // 2)])
    window = scipy.signal.get_window("hann", size)
    starts = range(0, len(padded) - size + 1, size // 4)
    return np.abs(np.stack([np.fft.rfft(window * padded[s : s + size]) for s in starts], axis=-1))


def numpy_multiscale(p, t, sizes):
    total = 0.0
    for size in sizes:
        a, b = numpy_stft(p, size), numpy_stft(t, size)
        total += np.mean(np.abs(a - b)) + np.mean(np.abs(np.log(a + 1e-5) - np.log(b + 1e-5)))
    return total


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 100, 4001])
def test_multiscale_matches_an_independent_computation(dtype, n):
    rng = np.random.default_rng(n)
    p, t = rng.uniform(-1, 1, (2, n))
    ours = cl.multiscale_spectral_loss(torch.tensor(p, dtype=dtype), torch.tensor(t, dtype=dtype))
    expected = numpy_multiscale(p, t, (2048, 1024, 512, 256, 128, 64))
    assert float(ours) == pytest.approx(expected, rel=1e-5 if dtype == torch.float64 else 1e-4)


def test_spectral_l1_matches_an_independent_computation():
    p, t = np.random.default_rng(1).uniform(-1, 1, (2, 300))
    w = scipy.signal.get_window("hann", 300)
    a, b = (np.abs(np.fft.rfft(x * w * 2 / w.sum(), 512)) for x in (p, t))
    ours = cl.spectral_l1(torch.from_numpy(p), torch.from_numpy(t), fft_size=512)
    assert float(ours) == pytest.approx(np.mean(np.abs(a - b)), rel=1e-9)


LOSSES = [cl.waveform_l1, cl.spectral_l1, cl.multiscale_spectral_loss]


@pytest.mark.parametrize("loss", LOSSES)
@given(st.integers(1, 300), st.integers(0, 1000))
@settings(max_examples=15)
def test_zero_for_equal_sounds_symmetric_and_never_negative(loss, n, seed):
    p, t = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (2, n)))
    assert float(loss(p, p)) == 0.0
    assert float(loss(p, t)) == pytest.approx(float(loss(t, p))) and float(loss(p, t)) >= 0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_is_the_mean_of_its_sounds(loss):
    p, t = torch.rand(2, 3, 500, dtype=torch.float64)
    each = torch.stack([loss(p[i], t[i]) for i in range(3)])
    torch.testing.assert_close(loss(p, t), each.mean())
    torch.testing.assert_close(loss(p[None], t[None]), each.mean())


def test_spectral_losses_do_not_hear_the_sign_and_the_waveform_does():
    t = torch.rand(1000, dtype=torch.float64) - 0.5
    assert float(cl.spectral_l1(-t, t)) < 1e-12 and float(cl.multiscale_spectral_loss(-t, t)) < 1e-9
    assert float(cl.waveform_l1(-t, t)) > 0.1


@pytest.mark.parametrize(
    "loss", [cl.waveform_l1, cl.spectral_l1, lambda p, t: cl.multiscale_spectral_loss(p, t, (16, 8))]
)
def test_gradient(loss):
    p, t = torch.rand(2, 20, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: loss(x, t), (p.requires_grad_(),))


@pytest.mark.parametrize("loss", LOSSES)
def test_silence_has_a_finite_gradient(loss):
    p = torch.zeros(500, requires_grad=True)
    loss(p, torch.rand(500)).backward()
    assert torch.isfinite(p.grad).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("p", "t", "message"),
    [
        (torch.ones(4), torch.ones(5), "must have the same shape"),
        (torch.ones(1, 4), torch.ones(4), "must have the same shape"),
        (torch.ones(0), torch.ones(0), "at least 1 sample"),
        (torch.tensor([float("nan")]), torch.ones(1), "prediction must be finite"),
        (torch.ones(1), torch.tensor([float("inf")]), "target must be finite"),
    ],
)
def test_bad_sounds(loss, p, t, message):
    with pytest.raises(ValueError, match=message):
        loss(p, t)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: cl.multiscale_spectral_loss(x, x, ()), "at least one length"),
        (lambda x: cl.multiscale_spectral_loss(x, x, 512), "fft_sizes must be a sequence"),
        (lambda x: cl.multiscale_spectral_loss(x, x, (6,)), "multiple of 4"),
        (lambda x: cl.multiscale_spectral_loss(x, x, (0,)), "at least 4"),
        (lambda x: cl.spectral_l1(x, x, fft_size=2), "at least 10"),
    ],
)
def test_bad_sizes(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(10))


# --- a fixed target -------------------------------------------------------------------------------------------


@given(
    shape=st.sampled_from([(1,), (63,), (1000,), (4001,), (3, 500), (2, 2, 129)]),
    sizes=st.sampled_from([(2048, 1024, 512, 256, 128, 64), (512,), (4, 16, 1024), (64, 2048)]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40)
def test_a_fixed_target_gives_the_same_number_and_gradient(shape, sizes, dtype, seed):
    p, t = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (2, *shape))).to(dtype)
    p.requires_grad_()
    free, fixed = cl.multiscale_spectral_loss(p, t, sizes), cl.MultiscaleSpectralLoss(t, sizes)(p)
    assert fixed.dtype == free.dtype and float(fixed.detach()) == pytest.approx(float(free.detach()), rel=1e-6)
    (expected,), (got,) = (torch.autograd.grad(x, p) for x in (free, fixed))
    torch.testing.assert_close(
        got, expected, rtol=0, atol=(1e-12 if dtype == torch.float64 else 1e-5) * expected.abs().max()
    )


def test_a_fixed_target_is_kept_whatever_happens_to_the_tensor():
    t = torch.rand(500)
    p, loss = torch.rand(500), cl.MultiscaleSpectralLoss(t)
    before = loss(p)
    t.zero_()
    assert loss(p) == before
    assert not before.requires_grad


def test_a_fixed_target_hears_silence_without_nan():
    p = torch.zeros(500, requires_grad=True)
    cl.MultiscaleSpectralLoss(torch.rand(500))(p).backward()
    assert torch.isfinite(p.grad).all()
    p.grad = None
    loss = cl.MultiscaleSpectralLoss(torch.zeros(500))(p)
    loss.backward()
    assert float(loss.detach()) == 0 and (p.grad == 0).all()


def test_a_fixed_target_gradient_and_its_own_gradient():
    p, t = torch.rand(2, 20, dtype=torch.float64)
    loss = cl.MultiscaleSpectralLoss(t, (16, 8))
    assert torch.autograd.gradcheck(loss, (p.requires_grad_(),))
    assert torch.autograd.gradgradcheck(loss, (p,))
    half = cl.MultiscaleSpectralLoss(t.half(), (16, 8))(p.detach().half())
    assert half.dtype == torch.float16 and torch.isfinite(half)


def test_windows_made_without_gradients_serve_with_them():
    from course_lib.fitting.losses.stft import hann_window

    hann_window.cache_clear()
    with torch.inference_mode():
        cl.stft_magnitude(torch.ones(100), 64)
    x = torch.rand(100, requires_grad=True)
    cl.stft_magnitude(x, 64).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: cl.MultiscaleSpectralLoss(x)(x[:-1]), "must have the same shape"),
        (lambda x: cl.MultiscaleSpectralLoss(x)(x * float("nan")), "prediction must be finite"),
        (lambda x: cl.MultiscaleSpectralLoss(x * float("inf")), "target must be finite"),
        (lambda x: cl.MultiscaleSpectralLoss(x, ()), "at least one length"),
        (lambda x: cl.MultiscaleSpectralLoss(x, (6,)), "multiple of 4"),
    ],
)
def test_a_fixed_target_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(10))


def test_a_fit_takes_the_quick_form_by_itself():
    target = cl.sinusoid(440.0, 0.5, n_samples=2000, sample_rate=16_000)
    histories = [
        cl.fit(cl.Oscillator(430.0, 0.2, n_samples=2000, sample_rate=16_000), target, loss, steps=10, progress=False)
        for loss in (cl.multiscale_spectral_loss, lambda p, t: cl.multiscale_spectral_loss(p, t))
    ]
    assert histories[0].losses == pytest.approx(histories[1].losses, rel=1e-2)


# --- losses for finding a frequency ---

RATE = 16000
TRANSPORT = functools.partial(cl.spectral_transport_loss, sample_rate=RATE)
LAGS = functools.partial(cl.autocorrelation_loss, lag_width=8.0)


def tone(hz, n=4096, amplitude=1.0, dtype=torch.float64):
    return amplitude * torch.sin(2 * torch.pi * hz / RATE * torch.arange(n, dtype=torch.float64)).to(dtype)


@pytest.mark.parametrize("window", ["hann", "rectangular"])
@pytest.mark.parametrize(("power", "target_power"), [(2.0, None), (1.0, None), (2.0, 16.0), (4.5, 2.0)])
@pytest.mark.parametrize("n", [64, 301, 1024])
def test_transport_matches_scipy(window, power, target_power, n):
    p, t = np.random.default_rng(n).uniform(-1, 1, (2, n))
    shape = scipy.signal.get_window("hann", n) if window == "hann" else np.ones(n)
    exponents = (power, power if target_power is None else target_power)
    mine, theirs = (np.abs(np.fft.rfft(x * shape)) ** e for x, e in zip((p, t), exponents, strict=True))
    hz = np.fft.rfftfreq(n, 1 / RATE)
    expected = scipy.stats.wasserstein_distance(hz, hz, mine, theirs)
    ours = TRANSPORT(torch.from_numpy(p), torch.from_numpy(t), power=power, target_power=target_power, window=window)
    assert ours.dtype == torch.float64 and float(ours) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("low", "high"), [(500.0, 520.0), (500.0, 1000.3), (60.0, 7900.0), (3000.0, 3000.0)])
@pytest.mark.parametrize("power", [2.0, 16.0])
def test_transport_between_two_sines_is_their_distance(low, high, power):
    loss = TRANSPORT(tone(low), tone(high, amplitude=0.01), power=power)
    assert float(loss) == pytest.approx(high - low, abs=1.5)  # Hz; a bin is 3.9 Hz wide


@given(st.integers(16, 300), st.integers(0, 1000), st.floats(1e-6, 1e6), st.sampled_from([1.0, 2.0, 8.0]))
@settings(max_examples=25)
def test_transport_is_a_distance_of_shapes(n, seed, gain, power):
    p, t, q = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (3, n)))
    loss = functools.partial(TRANSPORT, power=power)
    assert float(loss(p, gain * p)) == pytest.approx(0, abs=1e-6)
    assert float(loss(p, t)) == pytest.approx(float(loss(t, p))) and 0 <= float(loss(p, t)) <= RATE / 2
    assert float(loss(gain * p, t)) == pytest.approx(float(loss(p, t)), rel=1e-6)
    assert float(loss(p, t)) <= float(loss(p, q) + loss(q, t)) + 1e-9


def test_the_hann_window_leaves_one_valley_and_the_rectangular_one_many():
    target, grid = tone(1000.37, n=1024), torch.linspace(100, 7900, 1951, dtype=torch.float64)
    valleys = {}
    for window in ("hann", "rectangular"):
        heights = cl.loss_over_frequency(functools.partial(TRANSPORT, window=window), target, grid, RATE)
        valleys[window] = len(cl.local_minima(heights))
        assert abs(float(grid[heights.argmin()]) - 1000.37) < 16
    assert valleys["hann"] == 1 and valleys["rectangular"] > 20


@pytest.mark.parametrize("hz", [100.0, 3000.0, 7900.0])
def test_transport_slopes_towards_the_target_from_anywhere(hz):
    target = tone(1000.37, n=1024) + 0.3 * torch.randn(1024, generator=torch.Generator().manual_seed(1)).double()
    loss = functools.partial(TRANSPORT, target_power=16.0)
    slope = cl.gradient_over_frequency(loss, target, [hz], RATE)
    assert float(slope) * (hz - 1000.37) > 0 and 0.5 < abs(float(slope)) < 1.5  # Hz a Hz


@pytest.mark.parametrize("lag_width", [0.5, 3.0, 40.0, 1000.0])
@pytest.mark.parametrize("n", [2, 9, 400])
def test_autocorrelation_matches_numpy(lag_width, n):
    p, t = np.random.default_rng(n).uniform(-1, 1, (2, n))
    ours = float(cl.autocorrelation_loss(torch.from_numpy(p), 7 * torch.from_numpy(t), lag_width))
    r, s = (np.correlate(x, x, "full")[n - 1 :] for x in (p, t))
    lags = np.arange(1, min(n - 1, int(np.ceil(4 * lag_width))) + 1)
    weight = np.exp(-0.5 * (lags / lag_width) ** 2)
    expected = np.sum(weight / weight.sum() * (r[lags] / r[0] - s[lags] / s[0]) ** 2)
    assert ours == pytest.approx(expected, rel=1e-9)


def test_short_lags_see_far_and_long_ones_sharply():
    """One valley under the widest blur; with long lags dents, and a steeper way out of a neighbouring frequency."""
    target, grid = tone(1000.0, n=1024), torch.linspace(300, 7600, 366, dtype=torch.float64)
    heights = {
        w: cl.loss_over_frequency(functools.partial(cl.autocorrelation_loss, lag_width=w), target, grid, RATE)
        for w in (1.0, 128.0)
    }
    assert len(cl.local_minima(heights[1.0])) == 1 < len(cl.local_minima(heights[128.0]))
    near = int((grid - 1040).abs().argmin())
    assert heights[128.0][near] > 10 * heights[1.0][near]


def test_the_white_noise_of_lag_0_is_not_heard():
    clean = tone(700.0, n=16384)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2)).double()
    quiet, loud = (float(LAGS(clean + g * noise, clean)) for g in (0.01, 0.3))
    assert quiet < 1e-6 and loud < 0.05


@pytest.mark.parametrize("loss", [TRANSPORT, LAGS])
@given(st.integers(16, 300), st.integers(0, 1000), st.floats(1e-3, 1e3))
@settings(max_examples=15)
def test_the_new_losses_are_zero_for_equal_sounds_symmetric_and_do_not_hear_the_level(loss, n, seed, gain):
    p, t = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (2, n)))
    assert float(loss(p, p)) == 0.0 and float(loss(-p, p)) < 1e-9
    assert float(loss(p, t)) == pytest.approx(float(loss(t, p))) and float(loss(p, t)) >= 0
    assert float(loss(gain * p, t)) == pytest.approx(float(loss(p, t)), rel=1e-6)


@pytest.mark.parametrize("loss", [TRANSPORT, LAGS])
def test_a_batch_of_the_new_losses_is_the_mean_of_its_sounds(loss):
    p, t = torch.rand(2, 3, 500, dtype=torch.float64)
    each = torch.stack([loss(p[i], t[i]) for i in range(3)])
    torch.testing.assert_close(loss(p, t), each.mean())
    torch.testing.assert_close(loss(p[None], t[None]), each.mean())
    assert loss(p.float(), t.float()).dtype == torch.float32
    torch.testing.assert_close(loss(p.float(), t.float()).double(), each.mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        TRANSPORT,
        functools.partial(TRANSPORT, power=3.0, target_power=16.0),
        functools.partial(TRANSPORT, window="rectangular"),
        LAGS,
        functools.partial(cl.autocorrelation_loss, lag_width=1.0),
    ],
)
def test_gradient_of_the_new_losses(loss):
    p, t = torch.rand(2, 2, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) - 0.5
    assert torch.autograd.gradcheck(lambda x: loss(x, t), (p.requires_grad_(),))
    assert torch.autograd.gradcheck(lambda x: loss(t, x), (p,))


def test_silence_in_the_new_losses():
    p = torch.zeros(500, requires_grad=True)
    LAGS(p, torch.rand(500)).backward()
    assert torch.isfinite(p.grad).all()
    for sounds, name in (((torch.zeros(9), torch.rand(9)), "prediction"), ((torch.rand(9), torch.zeros(9)), "target")):
        with pytest.raises(ValueError, match=f"{name} is silent"):
            TRANSPORT(*sounds)
    with pytest.raises(ValueError, match="target is silent"):
        TRANSPORT(torch.rand(2, 9), torch.stack([torch.rand(9), torch.zeros(9)]))


@pytest.mark.parametrize("loss", [TRANSPORT, LAGS])
@pytest.mark.parametrize(
    ("p", "t", "message"),
    [
        (torch.ones(4), torch.ones(5), "must have the same shape"),
        (torch.ones(1, 4), torch.ones(4), "must have the same shape"),
        (torch.ones(0), torch.ones(0), "at least 1 sample"),
        (torch.tensor([float("nan")]), torch.ones(1), "prediction must be finite"),
        (torch.ones(1), torch.tensor([float("inf")]), "target must be finite"),
    ],
)
def test_bad_sounds_in_the_new_losses(loss, p, t, message):
    with pytest.raises(ValueError, match=message):
        loss(p, t)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: TRANSPORT(x, x, window="hamming"), "choose hann or rectangular"),
        (lambda x: TRANSPORT(x, x, power=0), "power must be above 0"),
        (lambda x: TRANSPORT(x, x, power=float("inf")), "power must be above 0"),
        (lambda x: TRANSPORT(x, x, target_power=-2), "target_power must be above 0"),
        (lambda x: TRANSPORT(x, x, target_power=float("nan")), "target_power must be above 0"),
        (lambda x: cl.spectral_transport_loss(x, x, 0), "sample_rate must be positive"),
        (lambda x: cl.autocorrelation_loss(x, x, 0), "lag_width must be above 0"),
        (lambda x: cl.autocorrelation_loss(x, x, float("nan")), "lag_width must be above 0"),
        (lambda x: cl.autocorrelation_loss(x, x, float("inf")), "lag_width must be above 0"),
        (lambda x: cl.autocorrelation_loss(x[:1], x[:1], 3), "at least 2 samples"),
    ],
)
def test_bad_settings_of_the_new_losses(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.rand(10))
