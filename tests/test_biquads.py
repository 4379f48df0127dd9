"""Biquads against SciPy, sampled against recursive, gradients, poles that no raw number drives outside, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import course_lib as cl
from course_lib.effects.biquads import BIQUADS, LONGEST_FFT

SR = 16_000
F64 = torch.float64
PLAIN = (torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 0.0]))


def cookbook(kind: str, hz: float, q: float, gain_db: float = 0.0, sample_rate: float = SR):
    """The cookbook's analogue prototypes, made digital by SciPy's bilinear transform."""
    g = 10 ** (gain_db / 40)
    top, bottom = {
        "lowpass": ([1], [1, 1 / q, 1]),
        "highpass": ([1, 0, 0], [1, 1 / q, 1]),
        "bandpass": ([1 / q, 0], [1, 1 / q, 1]),
        "notch": ([1, 0, 1], [1, 1 / q, 1]),
        "peaking": ([1, g / q, 1], [1, 1 / (g * q), 1]),
        "lowshelf": ([g, g * g**0.5 / q, g * g], [g, g**0.5 / q, 1]),
        "highshelf": ([g * g, g * g**0.5 / q, g], [1, g**0.5 / q, g]),
    }[kind]
    b, a = scipy.signal.bilinear(top, bottom, fs=1 / (2 * math.tan(math.pi * hz / sample_rate)))
    return np.pad(b, (3 - len(b), 0)), a


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


def exact(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=F64)


@pytest.mark.parametrize("kind", BIQUADS)
@pytest.mark.parametrize(("hz", "q", "gain_db"), [(40.0, 0.5, 12.0), (1000.0, 0.7071, -9.0), (7500.0, 6.0, 24.0)])
def test_coefficients_are_the_bilinear_transform_of_the_prototypes(kind, hz, q, gain_db):
    b, a = cl.biquad_coefficients(kind, exact(hz), SR, q, gain_db)
    true_b, true_a = cookbook(kind, hz, q, gain_db)
    np.testing.assert_allclose(b, true_b / true_a[0], atol=1e-9)
    np.testing.assert_allclose(a, true_a / true_a[0], atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "at_zero", "at_middle", "at_nyquist"),
    [
        ("lowpass", 1.0, 2.0, 0.0),
        ("highpass", 0.0, 2.0, 1.0),
        ("bandpass", 0.0, 1.0, 0.0),
        ("notch", 1.0, 0.0, 1.0),
        ("peaking", 1.0, 4.0, 1.0),
        ("lowshelf", 4.0, 2.0, 1.0),
        ("highshelf", 1.0, 2.0, 4.0),
    ],
)
def test_levels_are_what_the_knobs_say(kind, at_zero, at_middle, at_nyquist):
    """Q is the level at a cutoff, gain_db the level of a peak or shelf, and half of it the middle of the slope."""
    q = 2.0 if "pass" in kind else 1.0
    b, a = cl.biquad_coefficients(kind, exact(1500.0), SR, q, 20 * math.log10(4))
    level = cl.biquad_response(b, a, [0.0, 1500.0, SR / 2], SR).abs()
    torch.testing.assert_close(level, torch.tensor([at_zero, at_middle, at_nyquist], dtype=F64), atol=1e-7, rtol=0)


def test_an_equal_cut_undoes_a_boost():
    for kind in ("peaking", "lowshelf", "highshelf"):
        pairs = [cl.biquad_coefficients(kind, exact(900.0), SR, 1.3, gain) for gain in (11.0, -11.0)]
        b, a = (torch.stack(rows) for rows in zip(*pairs, strict=True))
        response = cl.biquad_response(b, a, torch.linspace(0, 8000, 50), SR)
        torch.testing.assert_close(response, torch.ones_like(response), atol=1e-9, rtol=0)


def test_response_is_scipys_and_cascades_multiply():
    f = np.linspace(0, SR / 2, 300)
    rows = [cookbook("lowpass", 700.0, 3.0), cookbook("peaking", 3000.0, 2.0, -15.0), cookbook("highpass", 90.0, 0.7)]
    b, a = (np.stack(side) for side in zip(*rows, strict=True))
    _, h = scipy.signal.sosfreqz(np.concatenate([b / a[:, :1], a / a[:, :1]], -1), f, fs=SR)
    np.testing.assert_allclose(cl.biquad_response(b, a, f, SR), h, atol=1e-10)
    one = cl.biquad_response(b[0], a[0], f, SR)
    np.testing.assert_allclose(one, scipy.signal.freqz(b[0], a[0], f, fs=SR)[1], atol=1e-10)
    many = cl.biquad_response(np.stack([b, b[::-1]]), np.stack([a, a]), f, SR)
    assert many.shape == (2, 300)
    np.testing.assert_allclose(many[1], many[0], atol=1e-12)


@pytest.mark.parametrize("kind", BIQUADS)
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-5), (F64, 1e-9)])
def test_sampled_and_recursive_are_scipys_filter(kind, dtype, atol):
    """The course promises 1e-3. The sound is noise of RMS 1, the filters ring and boost by up to 18 dB."""
    x = noise(4000, dtype=dtype)
    for hz, q in ((200.0, 0.7), (1000.0, 5.0), (6000.0, 2.0)):
        b, a = cl.biquad_coefficients(kind, torch.tensor(hz, dtype=dtype), SR, q, 18.0)
        true = scipy.signal.lfilter(b.double().numpy(), a.double().numpy(), x.double().numpy())
        scale = np.abs(true).max()
        for y in (cl.filter_by_sampling(x, b, a), cl.filter_recursively(x, b, a)):
            assert y.dtype == dtype
            # The transform is made long enough for 100 dB of decay: what still wraps around is below 1e-5 of the ring.
            np.testing.assert_allclose(y.double(), true, atol=max(atol, 3e-6 * q) * scale)


def test_the_two_agree_on_cascades_in_batches():
    x = noise(3, 1, 3000, dtype=F64)
    hz = torch.tensor([[150.0, 900.0, 3000.0], [400.0, 1200.0, 7000.0]], dtype=F64)
    b, a = cl.biquad_coefficients("peaking", hz, SR, torch.tensor([1.0, 4.0, 2.0]), torch.tensor([6.0, -12.0, 9.0]))
    sampled, run = cl.filter_by_sampling(x, b, a), cl.filter_recursively(x, b, a)
    assert sampled.shape == run.shape == (3, 2, 3000)
    torch.testing.assert_close(sampled, run, atol=1e-4, rtol=0)
    sections = np.concatenate([b.numpy(), a.numpy()], -1)
    for i in range(3):
        for j in range(2):
            np.testing.assert_allclose(run[i, j], scipy.signal.sosfilt(sections[j], x[i, 0].numpy()), atol=1e-9)


def test_the_loop_with_gradient_is_the_compiled_one():
    x = noise(2, 300, dtype=F64)
    b, a = cl.biquad_coefficients("lowpass", torch.tensor([[500.0, 900.0]], dtype=F64), SR, 3.0)
    compiled = cl.filter_recursively(x, 2 * b, 2 * a)
    looped = cl.filter_recursively(x, (2 * b).requires_grad_(), 2 * a)
    assert looped.requires_grad and not compiled.requires_grad
    torch.testing.assert_close(looped.detach(), compiled, atol=1e-12, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(cl.filter_recursively(x, (2 * b).requires_grad_(), 2 * a), compiled)


@given(
    raw=st.lists(st.tuples(st.floats(-2.5, 2.5), st.floats(-2.5, 2.5)), min_size=1, max_size=3),
    top=st.lists(st.floats(-2, 2), min_size=3, max_size=3),
)
def test_any_stable_cascade_sampled_is_the_recursion(raw, top):
    a = cl.stable_denominator(torch.tensor(raw, dtype=F64))
    b = torch.tensor(top, dtype=F64).expand(len(a), 3)
    x = noise(256, dtype=F64)
    run = cl.filter_recursively(x, b, a)
    ring = cl.filter_recursively(torch.nn.functional.pad(x, (0, 1 << 15)), b, a)
    torch.testing.assert_close(cl.filter_by_sampling(x, b, a), run, atol=1e-3 * float(ring.abs().max()) + 1e-9, rtol=0)


def test_time_aliasing_where_the_transform_is_too_short_and_none_by_default():
    click = torch.zeros(2000)
    click[1000] = 1.0
    b, a = cl.biquad_coefficients("lowpass", 500.0, SR, q=200.0)
    wrapped, right = cl.filter_by_sampling(click, b, a, fft_size=2000), cl.filter_by_sampling(click, b, a)
    assert wrapped[:900].abs().max() > 0.05
    assert right[:900].abs().max() < 1e-5
    torch.testing.assert_close(right, cl.filter_recursively(click, b, a), atol=1e-5, rtol=0)
    long_enough = cl.filter_by_sampling(click, b, a, fft_size=1 << 17)
    torch.testing.assert_close(long_enough, right, atol=1e-5, rtol=0)


def test_a_ring_longer_than_the_longest_transform_wraps_as_little_as_it_can():
    """A pole 1e-6 from the circle needs 11 million samples to fall by 100 dB; the transform stops at 4 million."""
    a = torch.tensor([1.0, 0.0, (1 - 1e-6) ** 2], dtype=F64)
    click = torch.eye(1, 64, dtype=F64)[0]
    off = (cl.filter_by_sampling(click, PLAIN[0], a) - cl.filter_recursively(click, PLAIN[0], a)).abs().max()
    assert float(off) == pytest.approx(math.exp(-LONGEST_FFT * 1e-6), rel=0.05)


def test_a_filter_that_does_nothing_and_a_sound_of_one_sample():
    x = noise(2, 50)
    torch.testing.assert_close(cl.filter_by_sampling(x, *PLAIN), x, atol=1e-6, rtol=0)
    assert torch.equal(cl.filter_recursively(x, *PLAIN), x)
    assert float(cl.filter_by_sampling([0.5], [2.0, 0.0, 0.0], [4.0, 0.0, 0.0])) == pytest.approx(0.25)
    assert float(cl.filter_recursively([0.5], [2.0, 0.0, 0.0], [4.0, 0.0, 0.0])) == pytest.approx(0.25)
    silent = cl.filter_by_sampling(torch.zeros(64), *cl.biquad_coefficients("notch", 800.0, SR))
    assert not silent.any()


@pytest.mark.parametrize("kind", BIQUADS)
def test_gradients_of_the_knobs(kind):
    values = (torch.tensor([300.0, 4000.0], dtype=F64), torch.tensor([0.6, 4.0], dtype=F64), exact(5.0))
    knobs = [value.requires_grad_() for value in values]
    assert torch.autograd.gradcheck(lambda f, q, g: cl.biquad_coefficients(kind, f, SR, q, g), knobs)


def test_gradients_through_both_ways_of_filtering():
    x = noise(2, 12, dtype=F64).requires_grad_()
    b, a = cl.biquad_coefficients("peaking", torch.tensor([800.0, 3000.0], dtype=F64), SR, 1.0, 6.0)
    inputs = (x, b.detach().requires_grad_(), a.detach().requires_grad_())
    assert torch.autograd.gradcheck(lambda *v: cl.filter_by_sampling(*v, fft_size=256), inputs)
    assert torch.autograd.gradcheck(cl.filter_recursively, inputs)
    assert torch.autograd.gradcheck(lambda b, a: cl.biquad_response(b, a, [0.0, 100.0, 8000.0], SR).abs(), inputs[1:])


def test_both_ways_have_the_same_gradient():
    x, found = noise(200, dtype=F64), []
    for filter_ in (cl.filter_by_sampling, cl.filter_recursively):
        cutoff, q = exact(900.0).requires_grad_(), exact(2.0).requires_grad_()
        y = filter_(x, *cl.biquad_coefficients("lowpass", cutoff, SR, q))
        found.append(torch.stack(torch.autograd.grad(y.square().sum(), (cutoff, q))))
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=0)


FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
LARGEST = float(torch.finfo(torch.float32).max)


@given(raw=st.lists(st.tuples(FLOAT32, FLOAT32), min_size=1, max_size=8))
@example(raw=[(s * LARGEST, t * LARGEST) for s in (-1, 0, 1) for t in (-1, 0, 1)])
@example(raw=[(s * 3.8, t * v) for s in (-1, 1) for t in (-1, 1) for v in (3.8, 9.0, 1e30)])
def test_poles_stay_inside_for_any_float32(raw):
    numbers = torch.tensor(raw, dtype=torch.float32, requires_grad=True)
    a = cl.stable_denominator(numbers)
    assert a.dtype == torch.float32 and a.shape == (len(raw), 3) and bool((a[:, 0] == 1).all())
    assert bool((cl.pole_radius(a) < 1).all())
    for row in a.detach().double().numpy():
        assert np.abs(np.roots(row)).max() < 1
    a.sum().backward()
    assert bool(torch.isfinite(numbers.grad).all())


def test_every_stable_filter_can_be_said():
    """Any pair of poles inside the circle has raw numbers, a hair from the edge apart."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        r, s = rng.uniform(0, 0.95, 2)
        w = rng.uniform(0, math.pi)
        poles = [r * np.exp(1j * w), r * np.exp(-1j * w)] if rng.random() < 0.5 else [r, -s]
        _, a1, a2 = np.poly(poles).real
        first = a1 / 2
        second = (a2 - abs(first)) / (1 - abs(first))
        raw = np.arctanh(np.array([first, second]) / 0.999)
        np.testing.assert_allclose(cl.stable_denominator(torch.from_numpy(raw))[1:], [a1, a2], atol=1e-9)


def test_gradient_of_the_stable_denominator():
    raw = torch.tensor([[0.3, -1.0], [-2.0, 0.4], [1.0, 2.0]], dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(cl.stable_denominator, (raw,))


@given(a1=st.floats(-3, 3), a2=st.floats(-2, 2), a0=st.sampled_from([1.0, -2.0, 0.25]))
@example(a1=2.0, a2=1.0, a0=1.0)
@example(a1=0.0, a2=0.0, a0=1.0)
def test_pole_radius_is_the_largest_root(a1, a2, a0):
    row = [a0, a0 * a1, a0 * a2]
    true = np.abs(np.roots(row)).max(initial=0.0)
    np.testing.assert_allclose(cl.pole_radius(torch.tensor(row, dtype=F64)), true, atol=1e-6)


@given(raw=st.lists(FLOAT32, min_size=12, max_size=12), sample_rate=st.sampled_from([8000, 16_000, 48_000]))
@example(raw=[LARGEST] * 12, sample_rate=48_000)
@example(raw=[-LARGEST] * 12, sample_rate=48_000)
@example(raw=[-LARGEST] * 4 + [LARGEST] * 8, sample_rate=48_000)
@example(raw=[LARGEST] * 4 + [-LARGEST] * 4 + [LARGEST] * 4, sample_rate=48_000)
def test_the_equaliser_is_stable_whatever_its_knobs(raw, sample_rate):
    eq = cl.ParametricEQ(sample_rate, n_peaks=2)
    with torch.no_grad():
        for parameter, values in zip(eq.parameters(), np.array(raw, dtype=np.float32).reshape(3, 4), strict=True):
            parameter.copy_(torch.from_numpy(values))
    settings = eq.settings()
    assert bool(((settings["frequency_hz"] > 0) & (settings["frequency_hz"] < sample_rate / 2)).all())
    assert bool((settings["gain_db"].abs() <= 24).all())
    assert bool((cl.pole_radius(eq.coefficients()[1]) < 1).all())
    x = noise(256)
    y = eq(x)
    assert bool(torch.isfinite(y).all())
    run = cl.filter_recursively(x, *eq.coefficients()).detach()
    assert float((y.detach() - run).abs().max()) < 1e-3 * max(1.0, float(run.abs().max()))


def test_a_new_equaliser_does_nothing_and_its_curve_is_its_sound():
    eq = cl.ParametricEQ(SR)
    x = noise(2, 500)
    torch.testing.assert_close(eq(x).detach(), x, atol=1e-5, rtol=0)
    assert len(eq.kinds) == 5 and eq.kinds[0] == "lowshelf" and eq.kinds[-1] == "highshelf"
    with torch.no_grad():
        eq.raw_gain.copy_(torch.tensor([0.4, -0.3, 0.5, 0.2, -0.6]))
        click = torch.zeros(1 << 14)
        click[0] = 1.0
        spectrum = torch.fft.rfft(eq(click))
        f = torch.linspace(0, SR / 2, len(spectrum))
        torch.testing.assert_close(spectrum.abs(), eq.response(f).abs(), atol=2e-3, rtol=0)


def test_the_equaliser_learns_a_secret_one_by_ear():
    x = noise(8000)
    secret, eq = cl.ParametricEQ(SR, n_peaks=1), cl.ParametricEQ(SR, n_peaks=1)
    with torch.no_grad():
        secret.raw_frequency.copy_(torch.tensor([-1.2, 0.5, 1.6]))
        secret.raw_gain.copy_(torch.tensor([-0.5, 0.6, -0.4]))
        target = secret(x)
    cl.fit(eq, target, cl.spectral_l1, steps=150, lr=0.05, inputs=(x,))
    f = torch.logspace(2, 3.8, 100)
    with torch.no_grad():
        off_db = 20 * torch.log10(eq.response(f).abs() / secret.response(f).abs())
    assert float(off_db.abs().max()) < 1.0


def test_low_frequencies_want_float64():
    """Near 0 Hz the sums of coefficients are small differences: float32 holds from about 20 Hz, float64 below."""
    for hz, dtype, within in ((20.0, torch.float32, 5e-2), (0.5, F64, 1e-6)):
        b, a = cl.biquad_coefficients("lowpass", torch.tensor(hz, dtype=dtype), SR)
        level = cl.biquad_response(b.double(), a.double(), [0.0, hz], SR).abs()
        torch.testing.assert_close(level, torch.tensor([1.0, 0.5**0.5], dtype=F64), atol=within, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.biquad_coefficients("comb", 100.0, SR), "unknown filter 'comb'; choose one of lowpass"),
        (lambda: cl.biquad_coefficients("lowpass", 0.0, SR), "between 0 and Nyquist, 8000 Hz; got 0 Hz"),
        (lambda: cl.biquad_coefficients("lowpass", [100.0, 8000.0], SR), "between 0 and Nyquist, 8000 Hz; got 8000"),
        (lambda: cl.biquad_coefficients("lowpass", float("nan"), SR), "frequency_hz must be finite"),
        (lambda: cl.biquad_coefficients("lowpass", 100.0, SR, q=0.0), "q must be above 0"),
        (lambda: cl.biquad_coefficients("lowpass", 100.0, SR, q=float("inf")), "q must be finite"),
        (lambda: cl.biquad_coefficients("peaking", 100.0, SR, gain_db=float("nan")), "gain_db must be finite"),
        (lambda: cl.biquad_coefficients("peaking", [1.0, 2.0], SR, q=[1.0, 2.0, 3.0]), "leading axes do not agree"),
        (lambda: cl.biquad_coefficients("lowpass", 100.0, 0), "sample_rate must be positive"),
        (lambda: cl.biquad_response([1.0, 0.0], PLAIN[1], [0.0], SR), r"b must be \(3,\)"),
        (lambda: cl.biquad_response(*PLAIN, 100.0, SR), r"frequencies_hz must be \(n_bins,\)"),
        (lambda: cl.biquad_response(*PLAIN, [float("inf")], SR), "frequencies_hz must be finite"),
        (lambda: cl.biquad_response(torch.ones(2, 3), torch.ones(1, 3), [0.0], SR), "b has 2 sections and a has 1"),
        (lambda: cl.filter_by_sampling(torch.ones(8), PLAIN[0], [0.0, 1.0, 0.0]), "must not be 0"),
        (lambda: cl.filter_by_sampling(torch.ones(8), PLAIN[0], [1.0, -2.0, 1.0]), "unstable: a pole at radius 1"),
        (lambda: cl.filter_by_sampling(torch.ones(8), PLAIN[0], [1.0, -1.9, 1.02]), "see stable_denominator"),
        (lambda: cl.filter_by_sampling(torch.ones(8), *PLAIN, fft_size=4), "fft_size must be at least 8"),
        (lambda: cl.filter_by_sampling(torch.ones(0), *PLAIN), "at least 1 sample"),
        (lambda: cl.filter_by_sampling([float("nan")], *PLAIN), "audio must be finite"),
        (lambda: cl.filter_by_sampling(torch.ones(2, 8), torch.ones(3, 1, 3), PLAIN[1]), "leading axes do not agree"),
        (lambda: cl.filter_recursively(torch.ones(8), [float("nan"), 0.0, 0.0], PLAIN[1]), "b must be finite"),
        (lambda: cl.filter_recursively(torch.tensor(1.0), *PLAIN), "got a single number"),
        (lambda: cl.filter_recursively(torch.ones(2, 8), torch.ones(3, 1, 3), PLAIN[1]), "leading axes do not agree"),
        (lambda: cl.stable_denominator([1.0, 2.0, 3.0]), r"raw must be \(…, 2\)"),
        (lambda: cl.stable_denominator([1.0, float("inf")]), "raw must be finite"),
        (lambda: cl.ParametricEQ(SR, n_peaks=-1), "n_peaks must be at least 0"),
        (lambda: cl.ParametricEQ(SR, max_gain_db=0.0), "max_gain_db must be positive"),
        (lambda: cl.ParametricEQ(float("nan")), "sample_rate must be positive"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_unstable_filter_can_be_run_and_grows():
    click = torch.zeros(1000)
    click[0] = 1.0
    y = cl.filter_recursively(click, PLAIN[0], [1.0, -1.9, 1.02])
    assert float(y[-50:].abs().max()) > 1e3
