"""Waveshaping: curves by values and by rule, Chebyshev's harmonics, aliases in numbers, gradients, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.analysis.aliases import alias_db
from course_lib.kernels.curves import read, read_reference

D = torch.float64
RATE = 16_000
CURVES = {"tanh": cl.tanh_curve(5.0), "clip": cl.clip_curve(3.0), "fold": cl.fold_curve(8.0)}


def sine(hertz: float, n: int = 18_384) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(n, dtype=D) / RATE)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 20), st.integers(1, 50), st.sampled_from([(), (2,), (2, 3)]), st.integers(0, 99))
def test_values_are_read_as_numpy_reads_them(n: int, size: int, lead: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, values = rng.uniform(-1.5, 1.5, (*lead, size)), rng.uniform(-1, 1, (*lead, n))
    x[..., 0] = 1.0  # the last value belongs to 1 exactly
    rows = zip(x.reshape(-1, size), values.reshape(-1, n), strict=True)
    expected = np.reshape([np.interp(a, np.linspace(-1, 1, n), v) for a, v in rows], x.shape)
    np.testing.assert_allclose(cl.waveshape(torch.from_numpy(x), values), expected, atol=1e-12)
    shared = cl.waveshape(torch.from_numpy(x), values.reshape(-1, n)[0])
    np.testing.assert_allclose(shared, np.interp(x, np.linspace(-1, 1, n), values.reshape(-1, n)[0]), atol=1e-12)


def test_the_loop_and_the_formula_agree_with_gradients() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.uniform(-1.3, 1.3, (3, 40))).requires_grad_()
    values = torch.from_numpy(rng.uniform(-1, 1, (3, 9))).requires_grad_()
    assert torch.autograd.gradcheck(cl.waveshape, (x, values))
    assert torch.autograd.gradgradcheck(cl.waveshape, (x, values))
    one, other = (torch.autograd.grad(way(x, values).square().sum(), (x, values)) for way in (read, read_reference))
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("curve", list(CURVES.values()), ids=list(CURVES))
def test_an_antiderivative_is_one(curve: cl.Curve) -> None:
    x = torch.linspace(-1.2, 1.2, 41, dtype=D).requires_grad_()
    (slope,) = torch.autograd.grad(curve.antiderivative(x).sum(), x)
    torch.testing.assert_close(slope, curve(x.detach()))


@pytest.mark.parametrize("factor", [1, 2])
def test_a_mean_between_samples_has_right_gradients_where_they_lie_close(factor: int) -> None:
    """Steps of all sizes, from 0 over the border of what is near to large ones."""
    steps = torch.cat([10.0 ** torch.linspace(-8, -1, 30, dtype=D), torch.zeros(4, dtype=D)])
    x = (steps.cumsum(0) - 0.3).requires_grad_()
    for curve in (CURVES["tanh"], CURVES["fold"]):
        assert torch.autograd.gradcheck(
            lambda x, c=curve: cl.waveshape(x, c, antiderivative=c.antiderivative, oversampling=factor), (x,)
        )


def test_the_mean_is_the_mean() -> None:
    rng = np.random.default_rng(1)
    x, curve = rng.uniform(-1, 1, 50), CURVES["tanh"]
    fine = np.linspace(0, 1, 20_001)
    steps = x[:-1, None] + np.diff(x)[:, None] * fine
    expected = np.tanh(5 * steps).mean(1)
    shaped = cl.waveshape(x, curve, antiderivative=curve.antiderivative)
    np.testing.assert_allclose(shaped[1:], expected, atol=1e-4)
    single = cl.waveshape(torch.from_numpy(x).float(), curve, antiderivative=curve.antiderivative)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single[1:], expected, atol=1e-4)
    still = cl.waveshape(torch.full((9,), 0.3), curve, antiderivative=curve.antiderivative)
    torch.testing.assert_close(still, torch.full((9,), math.tanh(1.5)))


@pytest.mark.parametrize(
    ("name", "factor", "mean", "at_most_db"),
    [
        ("tanh", 1, False, -21), ("tanh", 1, True, -27), ("tanh", 2, False, -59), ("tanh", 2, True, -74),
        ("tanh", 4, False, -84), ("fold", 1, False, -3), ("fold", 1, True, -7), ("fold", 2, False, -63),
    ],
)  # fmt: skip
def test_aliases_are_as_low_as_the_cure_makes_them(name: str, factor: int, mean: bool, at_most_db: float) -> None:
    curve = CURVES[name]
    shaped = cl.waveshape(
        sine(1245.3), curve, oversampling=factor, antiderivative=curve.antiderivative if mean else None
    )
    measured = alias_db(shaped[1000:-1000], 1245.3, sample_rate=RATE)
    assert measured < at_most_db
    if factor == 1:
        assert measured > at_most_db - 2  # no cure: they are there


def test_antiderivatives_help_clippers_and_hardly_folders() -> None:
    gains = {}
    for name in ("tanh", "fold"):
        curve = CURVES[name]
        plain, mean = (
            cl.waveshape(sine(1245.3), curve, antiderivative=f)[1000:-1000] for f in (None, curve.antiderivative)
        )
        gains[name] = alias_db(plain, 1245.3, sample_rate=RATE) - alias_db(mean, 1245.3, sample_rate=RATE)
    assert gains["tanh"] > 5 and 0 < gains["fold"] < 4


@pytest.mark.parametrize("k", range(1, 13))
def test_chebyshev_makes_harmonic_k_alone(k: int) -> None:
    weights = torch.zeros(12, dtype=D)
    weights[k - 1] = 1.0
    angle = 2 * math.pi * 5 * torch.arange(1600, dtype=D) / 1600
    curve = cl.chebyshev_curve(weights)
    torch.testing.assert_close(cl.waveshape(torch.cos(angle), curve), torch.cos(k * angle), atol=1e-9, rtol=0)
    lines = torch.fft.rfft(cl.waveshape(torch.sin(angle), curve)).abs() / 800
    assert float(lines[5 * k]) == pytest.approx(1.0)
    others = torch.cat([lines[: 5 * k], lines[5 * k + 1 :]])
    assert float(20 * torch.log10(others.max() + 1e-20)) < -200
    table = curve(torch.linspace(-1, 1, 2048, dtype=D))  # as values: what lies between two is a straight line
    lines = torch.fft.rfft(cl.waveshape(torch.sin(angle), table)).abs() / 800
    others = torch.cat([lines[: 5 * k], lines[5 * k + 1 :]])
    assert float(20 * torch.log10(others.max())) < -60


def test_chebyshev_weights_learn() -> None:
    weights = torch.rand(2, 5, dtype=D, generator=torch.Generator().manual_seed(0)).requires_grad_()
    x = torch.linspace(-0.95, 0.95, 14, dtype=D).view(2, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda w, x: cl.waveshape(x, cl.chebyshev_curve(w)), (weights, x))


def test_more_drive_is_brighter() -> None:
    lines = torch.fft.rfftfreq(16_000, 1 / RATE)
    centroids = []
    for drive in (0.5, 1.0, 2.0, 4.0, 8.0):
        power = torch.fft.rfft(cl.waveshape(sine(200.0, 16_000), cl.tanh_curve(drive))).abs().square()
        centroids.append(float((lines * power).sum() / power.sum()))
    assert centroids == sorted(centroids) and centroids[-1] > 1.3 * centroids[0]


@pytest.mark.parametrize("n", [1, 2, 63, 1001])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_the_length_and_the_precision_stay(n: int, factor: int) -> None:
    for dtype in (torch.float32, torch.float64, torch.float16):
        shaped = cl.waveshape(torch.rand(2, n).to(dtype), torch.tanh, oversampling=factor)
        assert shaped.shape == (2, n) and shaped.dtype == dtype


def test_bad_input_says_the_rule() -> None:
    x = torch.rand(2, 8)
    with pytest.raises(ValueError, match="n of at least 2"):
        cl.waveshape(x, [0.5])
    with pytest.raises(ValueError, match="n of at least 2"):
        cl.waveshape(x, 0.5)
    with pytest.raises(ValueError, match="oversampling must be at least 1; got 0"):
        cl.waveshape(x, torch.tanh, oversampling=0)
    with pytest.raises(ValueError, match="curve must be finite"):
        cl.waveshape(x, [0.0, float("nan")])
    with pytest.raises(ValueError, match="audio must be finite"):
        cl.waveshape([float("inf")], torch.tanh)
    with pytest.raises(ValueError, match="leading axes do not agree"):
        cl.waveshape(x, torch.rand(3, 5))
    with pytest.raises(ValueError, match="goes with a curve that is a function"):
        cl.waveshape(x, [-1.0, 1.0], antiderivative=torch.cosh)
    with pytest.raises(ValueError, match="one value a sample"):
        cl.waveshape(x, lambda x: x.sum(-1))
    for curve in (cl.tanh_curve, cl.clip_curve, cl.fold_curve):
        with pytest.raises(ValueError, match="drive must be a positive number"):
            curve(0.0)
    with pytest.raises(ValueError, match=r"weights must be \(…, K\)"):
        cl.chebyshev_curve(torch.zeros(0))
    with pytest.raises(ValueError, match="weights must be finite"):
        cl.chebyshev_curve([float("nan")])
