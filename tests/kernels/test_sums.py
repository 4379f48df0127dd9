"""Every way to add up sines against the formula: the same sound and the same gradients, for any controls."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.core.frame_phase import LONGEST_HOP, frames_of
from course_lib.kernels import blocks, giant_steps

SR = 16_000
D = torch.float64
QUICK = ("kernel", "fast")
ALL = (*QUICK, "reference")


def controls(n_frames, k, lead=(), seed=0, low=30.0, high=3000.0, rests=0.0, dtype=D):
    rng = np.random.default_rng(seed)
    f0 = rng.uniform(low, high, (*lead, n_frames))
    f0[rng.uniform(0, 1, f0.shape) < rests] = 0
    a, d = rng.uniform(-1, 1, (*lead, n_frames)), rng.uniform(-1, 1, (*lead, n_frames, k))
    return [torch.from_numpy(x).to(dtype).requires_grad_() for x in (f0, a, d)]


def sound_and_gradients(values, n, method, mask=True, seed=0):
    sound = cl.harmonic_synth(*values, n_samples=n, sample_rate=SR, mask=mask, method=method)
    weight = torch.from_numpy(np.random.default_rng(seed + 1).uniform(-1, 1, tuple(sound.shape))).to(sound)
    return [sound.detach(), *torch.autograd.grad((sound * weight).sum(), values)]


def snr_db(got, exact):
    return 10 * math.log10(float(exact.square().sum() / (got.double() - exact).square().sum()))


@given(
    n_frames=st.integers(1, 12),
    k=st.integers(1, 70),
    extra=st.integers(0, 900),
    lead=st.sampled_from([(), (1,), (2,), (2, 3)]),
    rests=st.sampled_from([0.0, 0.3, 1.0]),
    mask=st.booleans(),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=150)
def test_same_sound_and_gradients_in_float64(n_frames, k, extra, lead, rests, mask, seed):
    values = controls(n_frames, k, lead, seed, rests=rests)
    n = n_frames + extra
    reference = sound_and_gradients(values, n, "reference", mask, seed)
    for method in QUICK:
        found = sound_and_gradients(values, n, method, mask, seed)
        for name, got, want in zip(("sound", "f0", "amplitude", "distribution"), found, reference, strict=True):
            assert got.dtype == want.dtype == D and got.shape == want.shape
            scale = max(1.0, float(want.abs().max()))
            assert float((got - want).abs().max()) <= 1e-9 * scale, (method, name)


@given(st.integers(1, 40), st.integers(1, 120), st.sampled_from([1, 2, 64, 250]), st.integers(0, 1000))
@settings(max_examples=30)
def test_float32_errs_no_more_than_the_reference(n_frames, k, hop, seed):
    exact = controls(n_frames, k, seed=seed, high=600.0)
    single = [x.detach().float().requires_grad_() for x in exact]
    exact = [x.detach().double().requires_grad_() for x in single]
    n = n_frames * hop
    want = sound_and_gradients(exact, n, "reference", seed=seed)
    reference = sound_and_gradients(single, n, "reference", seed=seed)
    for method in QUICK:
        found = sound_and_gradients(single, n, method, seed=seed)
        for name, got, usual, true in zip(("sound", "f0", "a", "d"), found, reference, want, strict=True):
            assert got.dtype == torch.float32
            errors = [float((x.double() - true).abs().max()) for x in (got, usual)]
            assert errors[0] <= 3 * errors[1] + 1e-6 * max(1.0, float(true.abs().max())), (method, name)


@pytest.mark.parametrize("hop", [1, 3, 64, LONGEST_HOP, LONGEST_HOP + 1, 1000])
@pytest.mark.parametrize("extra", [0, 1])
def test_any_hop_whole_or_not(hop, extra):
    values = controls(4, 9, (2,), seed=hop)
    for several in zip(*(sound_and_gradients(values, 4 * hop + extra, m) for m in ALL), strict=True):
        for got in several[:-1]:
            torch.testing.assert_close(got, several[-1], atol=1e-9, rtol=1e-9)


def test_blocks_do_not_show(monkeypatch):
    values = controls(50, 20, (3,), seed=5, rests=0.2)
    whole = sound_and_gradients(values, 50 * 32, "fast")
    for size in (1, 100, 32 * 7):
        monkeypatch.setitem(giant_steps.BLOCK, "cpu", size)
        for got, want in zip(sound_and_gradients(values, 50 * 32, "fast"), whole, strict=True):
            torch.testing.assert_close(got, want, atol=1e-10, rtol=1e-10)


def test_leading_axes_broadcast_like_the_reference():
    f0, a, d = controls(5, 6, (2, 3), seed=2)
    cases = [(f0[0, 0], a, d), (f0, a[0, 0], d[0, 0]), (f0[:, :1], a[:1], d[0]), (f0[0], a[:, 0, None], d)]
    for case in cases:
        leaves = [x.detach().clone().requires_grad_() for x in case]
        for several in zip(*(sound_and_gradients(leaves, 100, m) for m in ALL), strict=True):
            for got in several[:-1]:
                torch.testing.assert_close(got, several[-1], atol=1e-9, rtol=1e-9)


def test_every_number_of_harmonics_has_enough_steps():
    for k in (*range(1, 130), 999, 1000, 5000):
        h, p = giant_steps.step_counts(k)
        assert (2 * h + 1) * p + h >= k and h >= 1 and h + p <= max(2, 1.2 * math.sqrt(2 * k) + 1)


@given(st.integers(1, 300), st.integers(0, 2000))
@settings(max_examples=100)
def test_frames_own_every_sample_once(n_frames, extra):
    n = n_frames + extra
    frames = frames_of(n_frames=n_frames, n_samples=n, device=torch.device("cpu"))
    owner = np.arange(n) * n_frames // n
    assert frames.length.tolist() == np.bincount(owner, minlength=n_frames).tolist()
    assert frames.hop == max(frames.length.tolist()) and frames.even == (n % n_frames == 0)
    sound = torch.arange(float(n)).unsqueeze(0)
    assert torch.equal(frames.join(frames.cut(sound)), sound)


def test_gradcheck():
    f0, a, d = controls(3, 4, (2,), seed=3)
    assert torch.autograd.gradcheck(lambda *x: cl.harmonic_synth(*x, n_samples=11, sample_rate=SR), (f0, a, d))
    assert torch.autograd.gradcheck(lambda *x: cl.harmonic_synth(*x, n_samples=12, sample_rate=SR), (f0, a, d))


def test_only_the_gradients_that_are_asked_for():
    f0, a, d = controls(3, 4)
    for wanted in ((f0,), (a,), (d,)):
        kept = [x if x is wanted[0] else x.detach() for x in (f0, a, d)]
        kernel, fast, reference = (
            torch.autograd.grad(cl.harmonic_synth(*kept, n_samples=90, sample_rate=SR, method=m).sum(), wanted)
            for m in ALL
        )
        torch.testing.assert_close(kernel, reference, atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(fast, reference, atol=1e-9, rtol=1e-9)
    assert not cl.harmonic_synth(f0.detach(), a.detach(), d.detach(), n_samples=90, sample_rate=SR).requires_grad


def test_a_rest_has_no_pitch_to_learn():
    f0 = torch.tensor([200.0, 0.0, 0.0, 300.0], dtype=D, requires_grad=True)
    for method in ALL:
        sound = cl.harmonic_synth(
            f0, torch.ones(4, dtype=D), torch.ones(4, 3, dtype=D), n_samples=400, sample_rate=SR, method=method
        )
        (grad,) = torch.autograd.grad(sound.square().sum() + sound.sum(), f0)
        assert grad[1] == grad[2] == 0 and grad[0] != 0 and torch.isfinite(grad).all()
        assert (sound[100:201] == 0).all() and (sound[1:100] != 0).any() and (sound[201:300] != 0).any()


@pytest.mark.parametrize("seconds", [4, 60])
@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("method", QUICK)
def test_signal_to_noise_above_125_db(seconds, rate, method):
    n, n_frames = seconds * rate, seconds * 25
    f0, a, d = (x.detach().float() for x in controls(n_frames, 60, seed=1, low=100.0, high=350.0))
    exact = cl.harmonic_synth(f0.double(), a.double(), d.double(), n_samples=n, sample_rate=rate)
    assert snr_db(cl.harmonic_synth(f0, a, d, n_samples=n, sample_rate=rate, method=method), exact) > 125


@pytest.mark.parametrize("f0_hz", [0.001, 1.0, 20.0, 7999.9])
def test_the_recurrence_holds_where_neighbours_hardly_differ(f0_hz):
    """Near φ = 0 and φ = π the steps of the recurrence are smallest, and what it rounds grows most."""
    f0, one = torch.full((40,), f0_hz, dtype=D), torch.ones(40, dtype=D)
    shares = torch.ones(40, 1000, dtype=D)
    sounds = [
        cl.harmonic_synth(f0, one, shares, n_samples=4000, sample_rate=SR, method=m, mask=False)
        for m in ("kernel", "reference")
    ]
    assert float((sounds[0] - sounds[1]).abs().max()) < 1e-8 * 1000


@pytest.mark.parametrize("method", QUICK)
def test_an_hour_is_as_exact_as_a_second(method):
    """The last samples of an hour of 440.1 Hz, against whole numbers: 4401 tenths of a hertz."""
    n = 3600 * SR
    f0, one = torch.tensor([440.1], dtype=D), torch.ones(1, dtype=D)
    sound = cl.harmonic_synth(f0, one, torch.ones(1, 1, dtype=D), n_samples=n, sample_rate=SR, method=method)
    m = np.arange(n - 1000, n)
    exact = np.sin(2 * np.pi * (m * 4401 % (10 * SR)) / (10 * SR))
    assert np.abs(sound[-1000:].numpy() - exact).max() < 1e-7


def test_an_hour_of_many_frames_in_single_precision():
    n_frames = 3600 * 10
    shares = torch.zeros(n_frames, 1)
    shares[-3:] = 1  # all is silent but the end
    sound = cl.harmonic_synth(
        torch.full((n_frames,), 440.0), torch.ones(n_frames), shares, n_samples=3600 * 1600, sample_rate=1600
    )
    m = np.arange(3600 * 1600 - 300, 3600 * 1600)
    assert np.abs(sound[-300:].numpy() - np.sin(2 * np.pi * (m * 440 % 1600) / 1600)).max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    f0, a, d = controls(6, 5, seed=4, low=100.0, high=1000.0, dtype=dtype)
    sound = cl.harmonic_synth(f0, a, d, n_samples=600, sample_rate=SR)
    assert sound.dtype == dtype
    sound.float().sum().backward()
    assert all(x.grad.dtype == dtype and torch.isfinite(x.grad).all() for x in (f0, a, d))
    shares = (a.unsqueeze(-1) * d).detach().float()
    full = cl.harmonic_synth(f0.detach().float(), torch.ones(6), shares, n_samples=600, sample_rate=SR)
    torch.testing.assert_close(sound.detach().float(), full, atol=0.03, rtol=0.01)


def test_autocast_does_not_reach_inside():
    f0, a, d = (x.detach().float() for x in controls(6, 5, seed=4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = cl.harmonic_synth(f0, a, d, n_samples=600, sample_rate=SR)
    torch.testing.assert_close(inside, cl.harmonic_synth(f0, a, d, n_samples=600, sample_rate=SR), atol=0, rtol=0)


@pytest.mark.parametrize("method", QUICK)
def test_second_derivatives_are_those_of_the_formula(method):
    f0, a, d = controls(3, 4)
    assert torch.autograd.gradgradcheck(
        lambda *x: cl.harmonic_synth(*x, n_samples=13, sample_rate=SR, method=method), (f0, a, d)
    )
    f = (f0.detach().unsqueeze(-1) * torch.tensor([1.0, 1.5, 2.2, 3.1], dtype=D)).requires_grad_()
    assert torch.autograd.gradgradcheck(
        lambda *x: cl.additive_synth(*x, n_samples=13, sample_rate=SR, method=method), (f, d)
    )


@pytest.mark.parametrize("method", QUICK)
def test_levels_made_of_the_pitch_are_not_counted_twice(method):
    """A gradient that is part of a graph takes each of two inputs that depend on each other by itself."""

    def slope(method, create_graph):
        f0, a, d = (x.detach() for x in controls(3, 4))
        f0.requires_grad_()
        sound = cl.harmonic_synth(f0, a * f0 / 200, d, n_samples=13, sample_rate=SR, method=method)
        return torch.autograd.grad(sound.square().sum(), f0, create_graph=create_graph)[0].detach()

    for create_graph in (False, True):
        torch.testing.assert_close(slope(method, create_graph), slope("reference", False), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", QUICK)
def test_gradients_of_a_batch_at_once(method):
    f0, a, d = controls(3, 4)
    sound = cl.harmonic_synth(f0, a, d, n_samples=20, sample_rate=SR, method=method)
    (rows,) = torch.autograd.grad(sound, d, torch.eye(20, dtype=D), is_grads_batched=True)
    jacobian = torch.autograd.functional.jacobian(
        lambda d: cl.harmonic_synth(f0, a, d, n_samples=20, sample_rate=SR, method="reference"), d
    )
    torch.testing.assert_close(rows, jacobian, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("method", QUICK)
def test_backward_twice_through_one_graph(method):
    f0, a, d = controls(3, 4)
    sound = cl.harmonic_synth(f0, a, d, n_samples=90, sample_rate=SR, method=method)
    first = torch.autograd.grad(sound.sum(), d, retain_graph=True)[0]
    torch.testing.assert_close(torch.autograd.grad(sound.sum(), d)[0], first)


@pytest.mark.parametrize("method", ["quick", "", None, 3])
def test_unknown_method_lists_the_names(method):
    with pytest.raises(ValueError, match="choose one of auto, kernel, fast, reference"):
        cl.harmonic_synth([200.0], [1.0], [[1.0]], n_samples=10, sample_rate=SR, method=method)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(
    ("f0", "a", "d", "message"),
    [
        ([-1.0], [1.0], [[1.0]], "f0_hz must not be negative"),
        ([float("nan")], [1.0], [[1.0]], "f0_hz must be finite"),
        ([440.0], [float("nan")], [[1.0]], "amplitude must be finite"),
        ([440.0], [1.0], [[float("inf")]], "distribution must be finite"),
        ([440.0] * 200, [1.0] * 200, [[1.0]] * 200, "more frames"),
        ([440.0], [1.0], [[]], "n_frames, n_harmonics"),
    ],
)
def test_bad_input_whatever_the_method(method, f0, a, d, message):
    with pytest.raises(ValueError, match=message):
        cl.harmonic_synth(
            torch.tensor(f0), torch.tensor(a), torch.tensor(d), n_samples=100, sample_rate=SR, method=method
        )


# --- free partials --------------------------------------------------------------------------------------------


@given(
    st.integers(1, 9), st.integers(1, 8), st.integers(0, 700), st.sampled_from([(), (2,), (2, 3)]), st.integers(0, 999)
)
@settings(max_examples=60)
def test_free_partials_same_sound_and_gradients(n_frames, k, extra, lead, seed):
    f0, _, d = controls(n_frames, k, lead, seed)
    f = (f0.detach().unsqueeze(-1) * (1 + 3 * d.detach().abs())).where(d.detach() > -0.8, 0.0).requires_grad_()
    found = []
    for method in ALL:
        sound = cl.additive_synth(f, d, n_samples=n_frames + extra, sample_rate=SR, method=method)
        weight = torch.linspace(-1, 1, sound.numel(), dtype=D).view_as(sound)
        found.append([sound.detach(), *torch.autograd.grad((sound * weight).sum(), (f, d))])
    for *several, want in zip(*found, strict=True):
        for got in several:
            assert float((got - want).abs().max()) <= 1e-9 * max(1.0, float(want.abs().max()))


def test_free_partials_in_any_block_and_broadcast(monkeypatch):
    f, a = torch.rand(2, 30, 5, dtype=D) * 4000, torch.rand(30, 5, dtype=D, requires_grad=True)
    kernel, whole, reference = (cl.additive_synth(f, a, n_samples=900, sample_rate=SR, method=m) for m in ALL)
    torch.testing.assert_close(whole, reference, atol=1e-9, rtol=0)
    torch.testing.assert_close(kernel, reference, atol=1e-9, rtol=0)
    monkeypatch.setitem(blocks.BLOCK, "cpu", 1000)
    in_blocks = cl.additive_synth(f, a, n_samples=900, sample_rate=SR, method="fast")
    torch.testing.assert_close(in_blocks, whole, atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match="choose one of auto, kernel, fast, reference"):
        cl.additive_synth(f, a, n_samples=900, sample_rate=SR, method="slow")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same():
    values = controls(50, 60, (2,), seed=7, rests=0.1)
    there = [x.detach().cuda().requires_grad_() for x in values]
    for n in (50 * 64, 3301):
        for got, want in zip(
            sound_and_gradients(there, n, "auto"), sound_and_gradients(values, n, "fast"), strict=True
        ):
            torch.testing.assert_close(got.cpu(), want, atol=1e-9, rtol=1e-9)
