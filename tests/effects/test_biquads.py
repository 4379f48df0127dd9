"""Biquads: the cookbook against SciPy and closed forms, sampling against the recursion, poles that stay inside."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.effects.biquads import BIQUADS
from course_lib.effects.cascade import LONGEST_FFT

SR = 16000
SHAPED = ("peaking", "lowshelf", "highshelf")


F64 = torch.float64
PLAIN = (torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 0.0]))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).uniform(-0.5, 0.5, shape))


def design(kind: str, frequency: float = 900.0, q: float = 2.0, gain: float = 6.0) -> tuple[torch.Tensor, torch.Tensor]:
    return cl.biquad_coefficients(kind, torch.tensor(frequency, dtype=torch.float64), SR, q=q, gain_db=gain)


# --- The cookbook ---------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", BIQUADS)
@pytest.mark.parametrize(("hz", "q", "gain_db"), [(40.0, 0.5, 12.0), (1000.0, 0.7071, -9.0), (7500.0, 6.0, 24.0)])
def test_coefficients_are_the_bilinear_transform_of_the_prototypes(kind, hz, q, gain_db):
    b, a = cl.biquad_coefficients(kind, torch.tensor(hz, dtype=F64), SR, q=q, gain_db=gain_db)
    true_b, true_a = cookbook(kind, hz, q, gain_db)
    np.testing.assert_allclose(b, true_b / true_a[0], atol=1e-9)
    np.testing.assert_allclose(a, true_a / true_a[0], atol=1e-9)


@pytest.mark.parametrize("frequency", [50.0, 900.0, 7000.0])
@pytest.mark.parametrize("q", [0.5, 4.0])
def test_levels_that_the_cookbook_promises(frequency, q):
    """Gain (dB) at 0 Hz, at the frequency, and at Nyquist, from SciPy's freqz."""
    inf = -math.inf
    level_q = 20 * math.log10(q)
    promised = {
        "lowpass": (0, level_q, inf),
        "highpass": (inf, level_q, 0),
        "bandpass": (inf, 0, inf),
        "notch": (0, inf, 0),
        "peaking": (0, 6, 0),
        "lowshelf": (6, 3, 0),
        "highshelf": (0, 3, 6),
    }
    assert set(promised) == set(BIQUADS)
    for kind, levels in promised.items():
        b, a = design(kind, frequency, q)
        assert a[0] == 1
        _, h = scipy.signal.freqz(b.numpy(), a.numpy(), worN=np.array([0.0, frequency, SR / 2]), fs=SR)
        for got, want in zip(np.abs(h), levels, strict=True):
            assert got < 1e-6 if want == inf else 20 * np.log10(got) == pytest.approx(want, abs=1e-6), kind


def test_a_flat_low_pass_is_scipys_butterworth():
    for cutoff in (100.0, 2000.0, 6000.0):
        b, a = cl.biquad_coefficients("lowpass", torch.tensor(cutoff, dtype=torch.float64), SR)
        np.testing.assert_allclose(np.stack([b, a]), scipy.signal.butter(2, cutoff, fs=SR), atol=1e-12)


def test_no_gain_is_no_filter():
    for kind in SHAPED:
        b, a = design(kind, gain=0.0)
        torch.testing.assert_close(b, a)


@pytest.mark.parametrize("kind", BIQUADS)
def test_response_is_scipys(kind):
    frequencies = np.linspace(10, 7990, 200)
    b, a = design(kind)
    _, want = scipy.signal.freqz(b.numpy(), a.numpy(), worN=frequencies, fs=SR)
    np.testing.assert_allclose(cl.biquad_response(b, a, torch.tensor(frequencies), SR), want, atol=1e-12)


@pytest.mark.parametrize("kind", BIQUADS)
def test_gradients_of_frequency_q_and_gain(kind):
    def curve(frequency, q, gain):
        b, a = cl.biquad_coefficients(kind, frequency, SR, q=q, gain_db=gain)
        return cl.biquad_response(b, a, torch.tensor([100.0, 900.0, 5000.0], dtype=torch.float64), SR).abs()

    inputs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1000.0, 1.5, 5.0)]
    assert torch.autograd.gradcheck(curve, inputs, eps=1e-4, atol=1e-6)


def test_many_filters_at_once():
    b, a = cl.biquad_coefficients("peaking", torch.tensor([100.0, 1000.0]), SR, q=torch.tensor([[1.0], [2.0], [3.0]]))
    assert b.shape == a.shape == (3, 2, 3)
    one, _ = cl.biquad_coefficients("peaking", 1000.0, SR, q=2.0)
    torch.testing.assert_close(b[1, 1], one)


def test_an_equal_cut_undoes_a_boost():
    for kind in ("peaking", "lowshelf", "highshelf"):
        pairs = [
            cl.biquad_coefficients(kind, torch.tensor(900.0, dtype=F64), SR, q=1.3, gain_db=gain)
            for gain in (11.0, -11.0)
        ]
        b, a = (torch.stack(rows) for rows in zip(*pairs, strict=True))
        response = cl.biquad_response(b, a, torch.linspace(0, 8000, 50), SR)
        torch.testing.assert_close(response, torch.ones_like(response), atol=1e-9, rtol=0)


def test_low_frequencies_want_float64():
    """Near 0 Hz the sums of coefficients are small differences: float32 holds from about 20 Hz, float64 below."""
    for hz, dtype, within in ((20.0, torch.float32, 5e-2), (0.5, F64, 1e-6)):
        b, a = cl.biquad_coefficients("lowpass", torch.tensor(hz, dtype=dtype), SR)
        level = cl.biquad_response(b.double(), a.double(), [0.0, hz], SR).abs()
        torch.testing.assert_close(level, torch.tensor([1.0, 0.5**0.5], dtype=F64), atol=within, rtol=0)


# --- Sampled and run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BIQUADS)
@pytest.mark.parametrize(("frequency", "q"), [(40.0, 0.7), (900.0, 30.0), (7500.0, 2.0)])
def test_sampled_run_and_scipy_agree(kind, frequency, q):
    x = noise(3, 6000)
    b, a = design(kind, frequency, q)
    want = torch.from_numpy(scipy.signal.lfilter(b.numpy(), a.numpy(), x.numpy()))
    torch.testing.assert_close(cl.filter_recursively(x, b, a), want, atol=1e-12, rtol=0)
    # 100 dB down is where the tail is allowed to wrap.
    assert (cl.filter_by_sampling(x, b, a) - want).abs().max() < 1e-4 * max(1.0, float(want.abs().max()))
    single = cl.filter_by_sampling(x.float(), b.float(), a.float())
    assert single.dtype == torch.float32
    assert (single - want).abs().max() < 1e-3 * max(1.0, float(want.abs().max()))


def test_a_cascade_is_one_filter_after_another():
    x = noise(2, 3000)
    pairs = [design("lowpass"), design("peaking", 3000.0), design("highshelf", 2000.0)]
    b, a = (torch.stack(c) for c in zip(*pairs, strict=True))
    want = x
    for top, bottom in pairs:
        want = torch.from_numpy(scipy.signal.lfilter(top.numpy(), bottom.numpy(), want.numpy()))
    torch.testing.assert_close(cl.filter_by_sampling(x, b, a), want, atol=1e-6, rtol=0)
    torch.testing.assert_close(cl.filter_recursively(x, b, a), want, atol=1e-12, rtol=0)
    sos = np.concatenate([b.numpy(), a.numpy()], -1)
    torch.testing.assert_close(cl.filter_recursively(x, b, a), torch.from_numpy(scipy.signal.sosfilt(sos, x.numpy())))


def test_each_sound_of_a_batch_may_have_its_own_filter():
    x = noise(2, 1000)
    b, a = cl.biquad_coefficients("lowpass", torch.tensor([[300.0], [3000.0]], dtype=torch.float64), SR)
    for run in (cl.filter_by_sampling, cl.filter_recursively):
        y = run(x, b, a)
        for i in range(2):
            torch.testing.assert_close(y[i], run(x[i], b[i], a[i]), atol=1e-5, rtol=0)


def test_the_loop_with_gradients_is_the_recursion_without():
    x = noise(2, 300)
    b, a = design("lowpass")
    looped = cl.filter_recursively(x, b.clone().requires_grad_(), a)
    assert looped.requires_grad
    torch.testing.assert_close(looped.detach(), cl.filter_recursively(x, b, a), atol=1e-12, rtol=0)


def test_gradients_through_both_ways_agree():
    x = noise(64)
    for kind in ("lowpass", "peaking"):
        slopes = []
        for run in (cl.filter_by_sampling, cl.filter_recursively):
            cutoff = torch.tensor(1200.0, dtype=torch.float64, requires_grad=True)
            b, a = cl.biquad_coefficients(kind, cutoff, SR, q=1.0, gain_db=4.0)
            (run(x, b, a) * noise(64, seed=1)).sum().backward()
            slopes.append(float(cutoff.grad))
        assert slopes[0] == pytest.approx(slopes[1], rel=1e-4)  # 100 dB down is where a tail may wrap


def test_gradcheck_of_sampling():
    inputs = [v.clone().requires_grad_() for v in (noise(2, 40), *design("lowpass", q=0.7))]
    assert torch.autograd.gradcheck(lambda x, b, a: cl.filter_by_sampling(x, b, a, fft_size=256), inputs, atol=1e-6)


def test_a_short_transform_wraps_around_and_the_default_does_not():
    x = torch.zeros(4000, dtype=torch.float64)
    x[2000] = 1.0
    b, a = design("lowpass", 500.0, 300.0)
    assert cl.filter_by_sampling(x, b, a, fft_size=4000)[:1900].abs().max() > 0.01
    assert cl.filter_by_sampling(x, b, a)[:1900].abs().max() < 1e-5


@given(
    raw=st.lists(st.tuples(st.floats(-2.5, 2.5), st.floats(-2.5, 2.5)), min_size=1, max_size=2),
    top=st.lists(st.floats(-2, 2), min_size=3, max_size=3),
)
def test_any_stable_pair_of_sections_sampled_is_the_recursion(raw, top):
    a = cl.stable_denominator(torch.tensor(raw, dtype=F64))
    b = torch.tensor(top, dtype=F64).expand(len(a), 3)
    x = noise(256)
    run = cl.filter_recursively(x, b, a)
    ring = cl.filter_recursively(torch.nn.functional.pad(x, (0, 1 << 15)), b, a)
    torch.testing.assert_close(cl.filter_by_sampling(x, b, a), run, atol=1e-3 * float(ring.abs().max()) + 1e-9, rtol=0)


def test_a_ring_longer_than_the_longest_transform_wraps_as_little_as_it_can():
    """A pole 1e-6 from the circle needs 11 million samples to fall by 100 dB; the transform stops at 4 million."""
    a = torch.tensor([1.0, 0.0, (1 - 1e-6) ** 2], dtype=F64)
    click = torch.eye(1, 64, dtype=F64)[0]
    off = (cl.filter_by_sampling(click, PLAIN[0], a) - cl.filter_recursively(click, PLAIN[0], a)).abs().max()
    assert float(off) == pytest.approx(math.exp(-LONGEST_FFT * 1e-6), rel=0.05)


def test_a_filter_that_does_nothing_and_a_sound_of_one_sample():
    x = noise(2, 50).float()
    torch.testing.assert_close(cl.filter_by_sampling(x, *PLAIN), x, atol=1e-6, rtol=0)
    assert torch.equal(cl.filter_recursively(x, *PLAIN), x)
    assert float(cl.filter_by_sampling([0.5], [2.0, 0.0, 0.0], [4.0, 0.0, 0.0])) == pytest.approx(0.25)
    assert float(cl.filter_recursively([0.5], [2.0, 0.0, 0.0], [4.0, 0.0, 0.0])) == pytest.approx(0.25)
    silent = cl.filter_by_sampling(torch.zeros(64), *cl.biquad_coefficients("notch", 800.0, SR))
    assert not silent.any()


def test_gradients_through_both_ways_of_filtering():
    x = noise(2, 12).requires_grad_()
    b, a = cl.biquad_coefficients("peaking", torch.tensor([800.0, 3000.0], dtype=F64), SR, q=1.0, gain_db=6.0)
    inputs = (x, b.detach().requires_grad_(), a.detach().requires_grad_())
    assert torch.autograd.gradcheck(lambda *v: cl.filter_by_sampling(*v, fft_size=256), inputs)
    assert torch.autograd.gradcheck(cl.filter_recursively, inputs)
    assert torch.autograd.gradcheck(lambda b, a: cl.biquad_response(b, a, [0.0, 100.0, 8000.0], SR).abs(), inputs[1:])


# --- Stability ------------------------------------------------------------------------------------------------------

ANY = st.floats(width=32, allow_nan=False, allow_infinity=False)
LARGEST = float(torch.finfo(torch.float32).max)


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=8))
@example([(s * LARGEST, t * LARGEST) for s in (-1, 0, 1) for t in (-1, 0, 1)])
@example([(s * 3.8, t * v) for s in (-1, 1) for t in (-1, 1) for v in (3.8, 9.0, 1e30)])
@settings(max_examples=300, deadline=None)
def test_poles_stay_inside_for_any_numbers(pairs):
    a = cl.stable_denominator(torch.tensor(pairs, dtype=torch.float32))
    assert bool((cl.pole_radius(a) < 1).all())
    for row in a.double().numpy():
        assert np.abs(np.roots(row)).max() < 1


@given(st.floats(-1.99, 1.99), st.floats(-0.99, 0.99))
@settings(max_examples=200, deadline=None)
def test_pole_radius_is_the_largest_root(a1, a2):
    want = np.abs(np.roots([1.0, a1, a2])).max()
    assert float(cl.pole_radius([1.0, a1, a2])) == pytest.approx(want, abs=1e-6)


def test_stable_denominators_reach_the_whole_triangle():
    raw = torch.tensor(np.random.default_rng(0).uniform(-5, 5, (20000, 2)))
    _, a1, a2 = cl.stable_denominator(raw).unbind(-1)
    assert a1.min() < -1.9 and a1.max() > 1.9 and a2.min() < -0.9 and a2.max() > 0.99
    assert bool((cl.pole_radius(cl.stable_denominator(raw)) < 1).all())


def test_gradcheck_of_stable_denominator():
    raw = torch.tensor([[0.3, -0.4], [-1.0, 0.8]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cl.stable_denominator, (raw,))


def test_an_unstable_filter_is_refused_by_sampling_and_grows_when_run():
    b, a = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, -1.9, 1.02])
    with pytest.raises(ValueError, match="unstable: a pole at radius"):
        cl.filter_by_sampling(torch.ones(100), b, a)
    click = torch.zeros(2000)
    click[0] = 1.0
    assert cl.filter_recursively(click, b, a).abs().max() > 1e6


# --- The equaliser --------------------------------------------------------------------------------------------------


@given(st.lists(ANY, min_size=9, max_size=9))
@settings(max_examples=100, deadline=None)
def test_an_equaliser_is_stable_whatever_its_parameters(values):
    eq = cl.ParametricEQ(SR, n_peaks=1)
    with torch.no_grad():
        for parameter, row in zip(eq.parameters(), torch.tensor(values).reshape(3, 3), strict=True):
            parameter.copy_(row)
    b, a = eq.coefficients()
    assert bool(torch.isfinite(b).all()) and bool((cl.pole_radius(a) < 1).all())
    s = eq.settings()
    assert bool((s["frequency_hz"] >= 29).all()) and bool((s["frequency_hz"] < SR / 2).all())
    assert bool((s["gain_db"].abs() <= 24.001).all()) and bool((s["q"] > 0.29).all())


def test_a_new_equaliser_does_nothing_and_every_knob_learns():
    eq = cl.ParametricEQ(SR)
    x = noise(2, 4000).float()
    torch.testing.assert_close(eq(x), x, atol=1e-5, rtol=0)
    with torch.no_grad():
        eq.raw_gain.fill_(0.3)
    eq(x).square().sum().backward()
    assert all(bool((p.grad != 0).all()) for p in eq.parameters())


def test_an_equaliser_finds_another_ones_response():
    torch.manual_seed(0)
    secret, eq = cl.ParametricEQ(SR, n_peaks=1), cl.ParametricEQ(SR, n_peaks=1)
    with torch.no_grad():
        secret.raw_gain.copy_(torch.tensor([-0.4, 0.5, 0.3]))
        x = noise(8000).float()
        target = secret(x)
    cl.fit(eq, target, cl.spectral_l1, steps=200, lr=0.05, inputs=(x,), progress=False)
    f = torch.logspace(2, math.log10(7000), 100)
    with torch.no_grad():
        off = 20 * torch.log10(eq.response(f).abs() / secret.response(f).abs())
    assert off.abs().max() < 0.5


@settings(max_examples=30)
@given(raw=st.lists(ANY, min_size=12, max_size=12), sample_rate=st.sampled_from([8000, 16_000, 48_000]))
@example(raw=[LARGEST] * 12, sample_rate=48_000)
@example(raw=[-LARGEST] * 12, sample_rate=48_000)
@example(raw=[-LARGEST] * 4 + [LARGEST] * 8, sample_rate=48_000)
@example(raw=[LARGEST] * 4 + [-LARGEST] * 4 + [LARGEST] * 4, sample_rate=48_000)
def test_an_equaliser_at_its_ends_is_stable_and_runs_as_it_was_trained(raw, sample_rate):
    eq = cl.ParametricEQ(sample_rate, n_peaks=2)
    with torch.no_grad():
        for parameter, values in zip(eq.parameters(), np.array(raw, dtype=np.float32).reshape(3, 4), strict=True):
            parameter.copy_(torch.from_numpy(values))
    settings = eq.settings()
    assert bool(((settings["frequency_hz"] > 0) & (settings["frequency_hz"] < sample_rate / 2)).all())
    assert bool((settings["gain_db"].abs() <= 24).all())
    assert bool((cl.pole_radius(eq.coefficients()[1]) < 1).all())
    x = noise(256).float()
    y = eq(x)
    assert bool(torch.isfinite(y).all())
    run = cl.filter_recursively(x, *eq.coefficients()).detach()
    assert float((y.detach() - run).abs().max()) < 1e-3 * max(1.0, float(run.abs().max()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.biquad_coefficients("low", 100.0, SR), "unknown filter 'low'; choose one of lowpass"),
        (lambda: cl.biquad_coefficients("lowpass", 8000.0, SR), "between 0 and Nyquist, 8000 Hz; got 8000"),
        (lambda: cl.biquad_coefficients("lowpass", [100.0, 0.0], SR), "got 0 Hz"),
        (lambda: cl.biquad_coefficients("lowpass", float("nan"), SR), "frequency_hz must be finite"),
        (lambda: cl.biquad_coefficients("lowpass", 100.0, SR, q=0.0), "q must be above 0"),
        (lambda: cl.biquad_coefficients("lowpass", [1.0, 2.0], SR, q=[1.0, 2.0, 3.0]), "leading axes do not agree"),
        (lambda: cl.biquad_response([1.0, 2.0], [1.0, 0.0, 0.0], [1.0], SR), "b must be"),
        (lambda: cl.biquad_response([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0], SR), "must not be 0"),
        (lambda: cl.biquad_response(torch.ones(2, 3), torch.ones(3, 3), [1.0], SR), "they must agree"),
        (lambda: cl.biquad_response([1.0, 0, 0], [1.0, 0, 0], [[1.0]], SR), "frequencies_hz must be"),
        (lambda: cl.filter_by_sampling(torch.ones(8), [1.0, 0, 0], [1.0, 0, 0], 4), "fft_size must be at least 8"),
        (lambda: cl.filter_recursively(torch.ones(0), [1.0, 0, 0], [1.0, 0, 0]), "at least 1 sample"),
        (lambda: cl.stable_denominator([1.0, 2.0, 3.0]), "two numbers a section"),
        (lambda: cl.stable_denominator([float("inf"), 0.0]), "raw must be finite"),
        (lambda: cl.ParametricEQ(SR, max_gain_db=0.0), "max_gain_db must be positive"),
        (lambda: cl.ParametricEQ(SR, n_peaks=-1), "n_peaks must be at least 0"),
        (lambda: cl.biquad_coefficients("peaking", 100.0, SR, gain_db=float("nan")), "gain_db must be finite"),
        (lambda: cl.biquad_coefficients("lowpass", 100.0, 0), "sample_rate must be positive"),
        (lambda: cl.filter_by_sampling(torch.ones(8), PLAIN[0], [1.0, -2.0, 1.0]), "unstable: a pole at radius 1"),
        (lambda: cl.filter_by_sampling([float("nan")], *PLAIN), "audio must be finite"),
        (lambda: cl.filter_by_sampling(torch.ones(2, 8), torch.ones(3, 1, 3), PLAIN[1]), "leading axes do not agree"),
        (lambda: cl.filter_recursively(torch.ones(8), [float("nan"), 0.0, 0.0], PLAIN[1]), "b must be finite"),
        (lambda: cl.ParametricEQ(float("nan")), "sample_rate must be positive"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
