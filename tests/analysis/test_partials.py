"""Partials against known sounds and a plain NumPy measurement; their contracts, gradients and bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.analysis.partials import project_harmonics

SR = 16_000
D = torch.float64


def tone(f0, amplitudes, n):
    """A known sound: its partials' frequencies and amplitudes, both frame by frame."""
    return cl.additive_synth(cl.harmonic_frequencies(f0, amplitudes.shape[-1]), amplitudes, n_samples=n, sample_rate=SR)


def numpy_projection(x, hz, centre, k, periods):
    """One frame of a steady pitch, written from the definition."""
    half = periods * SR / (2 * hz)
    n = np.arange(len(x))
    w = np.where(abs(n - centre) < half, 0.5 + 0.5 * np.cos(np.pi * (n - centre) / half), 0)
    return 2j * (w * x * np.exp(-2j * np.pi * k * hz / SR * n)).sum() / w.sum()


@given(st.integers(0, 1000), st.floats(2, 6), st.integers(1, 9), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_it_is_the_windowed_projection(seed, periods, n_frames, n_harmonics):
    rng = np.random.default_rng(seed)
    hz, n = rng.uniform(150, 600), 1501
    x = rng.uniform(-1, 1, n)
    ours = project_harmonics(
        torch.from_numpy(x), torch.full((n_frames,), hz, dtype=D), n_harmonics, sample_rate=SR, periods=periods
    )
    assert ours.shape == (n_frames, n_harmonics)
    reach = periods * SR / (2 * hz)
    for i in range(n_frames):
        centre = min(max(i * n / n_frames, reach), n - reach)
        expected = [numpy_projection(x, hz, centre, k, periods) for k in range(1, n_harmonics + 1)]
        np.testing.assert_allclose(ours[i].numpy(), expected, atol=1e-6)


@given(st.integers(0, 1000), st.sampled_from([2.0, 3.0, 4.0]))
@settings(max_examples=30, deadline=None)
def test_steady_harmonics_are_found_with_their_phases(seed, periods):
    rng = np.random.default_rng(seed)
    hz, n = rng.uniform(100, 700), 3200
    amplitude, theta = rng.uniform(0.1, 1, 8), rng.uniform(-np.pi, np.pi, 8)
    k = np.arange(1, 9)
    x = (amplitude * np.sin(2 * np.pi * hz / SR * k * np.arange(n)[:, None] + theta)).sum(-1)
    c = project_harmonics(
        torch.from_numpy(x), torch.full((7,), hz, dtype=D), 8, sample_rate=SR, periods=periods
    ).numpy()
    np.testing.assert_allclose(c, np.broadcast_to(amplitude * np.exp(1j * theta), (7, 8)), atol=5e-3)


def test_a_glide_with_moving_amplitudes():
    n, n_frames = 2 * SR, 200
    i = torch.arange(n_frames, dtype=D)
    f0 = 220 * 2 ** (i / n_frames)  # an octave in two seconds
    amplitudes = torch.stack([0.5 - i / 500, 0.1 + i / 1000, 0.2 + 0.1 * torch.sin(i / 20), 0.1 + 0 * i], dim=-1)
    measured = cl.measure_harmonics(tone(f0, amplitudes, n), f0, 5, sample_rate=SR)
    inside = slice(3, -3)  # the ends are measured a window's half away from where they sit
    torch.testing.assert_close(measured[inside, :4], amplitudes[inside], atol=4e-3, rtol=0)
    assert float(measured[inside, 4].max()) < 4e-3


def test_resynthesis_is_the_sound():
    n, f0 = SR, torch.linspace(200, 300, 100, dtype=D)
    amplitudes = torch.rand(1, 10, generator=torch.Generator().manual_seed(0), dtype=D).expand(100, 10) / 10
    x = tone(f0, amplitudes, n)
    again = tone(f0, cl.measure_harmonics(x, f0, 10, sample_rate=SR), n)
    assert float((x - again).norm() / x.norm()) < 0.02


def test_nothing_above_nyquist_and_nothing_in_a_rest():
    x = torch.randn(3200, generator=torch.Generator().manual_seed(1), dtype=D)
    f0 = torch.tensor([1500.0, 0.0, 3000.0, 4000.0, 9000.0], dtype=D)
    heard = cl.measure_harmonics(x, f0, 6, sample_rate=SR) > 0
    count = [5, 0, 2, 1, 0]  # 5 · 1500 = 7500 Hz; 2 · 4000 Hz is Nyquist itself, and too high
    assert torch.equal(heard, torch.arange(6) < torch.tensor(count)[:, None])
    assert not cl.measure_harmonics(x, torch.zeros(4, dtype=D), 3, sample_rate=SR).any()


def test_a_tone_between_rests():
    n, f0 = 8000, torch.tensor([0.0] * 10 + [400.0] * 30 + [0.0] * 10, dtype=D)
    x = tone(f0, torch.full((50, 1), 0.5, dtype=D), n)
    measured = cl.measure_harmonics(x, f0, 2, sample_rate=SR)
    torch.testing.assert_close(measured[14:36, 0], torch.full((22,), 0.5, dtype=D), atol=2e-3, rtol=0)
    assert not measured[:10].any()
    assert not measured[40:].any()


@given(st.integers(0, 500), st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_twice_the_sound_is_twice_the_amplitude_and_sums_add(seed, factor):
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, 1000, generator=g, dtype=D)
    f0 = 200 + 300 * torch.rand(5, generator=g, dtype=D)
    a, b = project_harmonics(x, f0, 7, sample_rate=SR), project_harmonics(y, f0, 7, sample_rate=SR)
    torch.testing.assert_close(project_harmonics(factor * x + y, f0, 7, sample_rate=SR), factor * a + b)
    torch.testing.assert_close(cl.measure_harmonics(-factor * x, f0, 7, sample_rate=SR), factor * a.abs())


def test_batches_are_sound_by_sound_and_dtypes_are_kept():
    g = torch.Generator().manual_seed(2)
    x, f0 = torch.randn(2, 3, 1200, generator=g), 200 + 200 * torch.rand(2, 3, 40, generator=g)
    together = cl.measure_harmonics(x, f0, 4, sample_rate=SR)
    assert together.shape == (2, 3, 40, 4)
    assert together.dtype == torch.float32
    torch.testing.assert_close(together[1, 2], cl.measure_harmonics(x[1, 2], f0[1, 2], 4, sample_rate=SR))
    assert cl.measure_harmonics(x.double(), f0.double(), 4, sample_rate=SR).dtype == D
    assert cl.measure_harmonics([0.0] * 400, [500.0], 2, sample_rate=SR).shape == (1, 2)


def test_the_gradient_reaches_sound_and_pitch():
    g = torch.Generator().manual_seed(3)
    x = torch.randn(200, generator=g, dtype=D, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda s: cl.measure_harmonics(s, torch.full((3,), 500.0, dtype=D), 3, sample_rate=SR), x
    )
    f0 = torch.tensor([510.0, 535.0, 560.0], dtype=D, requires_grad=True)
    cl.measure_harmonics(x.detach(), f0, 3, sample_rate=SR).sum().backward()
    assert bool(torch.isfinite(f0.grad).all())
    assert bool((f0.grad != 0).any())
    silence = torch.zeros(200, dtype=D, requires_grad=True)
    cl.measure_harmonics(silence, torch.full((2,), 500.0, dtype=D), 3, sample_rate=SR).sum().backward()
    assert bool(torch.isfinite(silence.grad).all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": []}, "audio"),
        ({"audio": [float("nan")] * 500}, "audio must be finite"),
        ({"f0_hz": [-100.0]}, "must not be negative"),
        ({"f0_hz": 300.0}, "same leading axes"),
        ({"f0_hz": [[300.0]]}, "same leading axes"),
        ({"f0_hz": [300.0] * 501}, "more frames"),
        ({"f0_hz": [100.0]}, "too short: 500 samples.*take 640"),
        ({"n_harmonics": 0}, "n_harmonics must be at least 1"),
        ({"sample_rate": 0}, "sample_rate must be positive"),
        ({"periods": 1.5}, "periods must be at least 2"),
        ({"periods": float("nan")}, "periods must be at least 2"),
    ],
)
def test_bad_input(change, message):
    good = {"audio": torch.zeros(500), "f0_hz": [300.0], "n_harmonics": 3, "sample_rate": SR}
    with pytest.raises(ValueError, match=message):
        cl.measure_harmonics(**{**good, **change})
