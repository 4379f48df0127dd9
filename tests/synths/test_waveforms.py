"""Classic waveforms: against sums in NumPy and the shapes themselves, gradients, aliases, rests, speed, bad input."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.analysis.aliases import alias_db

SR = 16_000
F64 = torch.float64
WAVES: dict[str, Callable[..., torch.Tensor]] = {
    "saw": cl.sawtooth_wave,
    "triangle": cl.triangle_wave,
    "square": cl.square_wave,
    "pulse": lambda *x, **size: cl.square_wave(*x, width=0.23, **size),
}
SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of the phase in turns, 0 … 1, the mean left out
    "saw": lambda t: 2 * ((t + 0.5) % 1) - 1,
    "triangle": lambda t: np.interp(t, [0, 0.25, 0.75, 1], [0, 1, -1, 0]),
    "square": lambda t: np.where(t < 0.5, 1.0, -1.0),
    "pulse": lambda t: np.where(t < 0.23, 1.0, -1.0) - (2 * 0.23 - 1),
}
EVERY = pytest.mark.parametrize("name", list(WAVES))


def fourier(name: str, k: np.ndarray, n: int = 200_000) -> np.ndarray:
    """Complex coefficients of the shape itself, by adding it up at n places of its period."""
    turns = (np.arange(n) + 0.5) / n
    return np.array([2 * np.mean(SHAPES[name](turns) * np.exp(-2j * np.pi * h * turns)) for h in k])


@EVERY
def test_it_is_the_sum_of_its_harmonics_below_nyquist(name: str) -> None:
    """The coefficients come from the shape; phase and sum are NumPy's, in float64."""
    f0 = np.linspace(310.0, 325.0, 400)  # a frame a sample, and 24 or 25 harmonics below Nyquist
    ours = WAVES[name](torch.from_numpy(f0), 0.5, n_samples=400, sample_rate=SR)
    k = np.arange(1, 26)
    phase = np.outer(np.concatenate([[0], np.cumsum(f0)[:-1]]) / SR, k)
    terms = np.real(fourier(name, k) * np.exp(2j * np.pi * phase)) * (np.outer(f0, k) < SR / 2)
    np.testing.assert_allclose(ours, 0.5 * terms.sum(-1), atol=2e-5)


@EVERY
def test_away_from_its_jumps_it_is_the_shape(name: str) -> None:
    ours = WAVES[name](torch.tensor([100.0], dtype=F64), n_samples=16_000, sample_rate=1_600_000).numpy()
    turns = np.arange(16_000) / 16_000
    jumps = {"saw": [0.5], "triangle": [], "square": [0, 0.5, 1], "pulse": [0, 0.23, 1]}[name]
    far = np.all([np.abs(turns - x) > 0.02 for x in jumps], axis=0) if jumps else turns >= 0
    assert np.abs(ours - SHAPES[name](turns))[far].max() < 2e-3
    assert np.abs(ours).max() < {"triangle": 1.0, "saw": 1.2, "square": 1.2, "pulse": 1.74}[name]


@pytest.mark.parametrize("method", ["kernel", "fast", "reference"])
@EVERY
def test_all_methods_agree(name: str, method: Any) -> None:
    f0 = torch.linspace(200.0, 900.0, 20, dtype=F64)
    try:
        ours = WAVES[name](f0, n_samples=2000, sample_rate=SR, method=method)
    except ValueError as error:  # without Numba
        pytest.skip(str(error))
    torch.testing.assert_close(ours, WAVES[name](f0, n_samples=2000, sample_rate=SR), rtol=0, atol=1e-8)


@EVERY
def test_the_gradient_is_right(name: str) -> None:
    f0 = torch.tensor([[905.0, 985.0, 1105.0]], dtype=F64, requires_grad=True)
    level = torch.tensor([[0.3, 0.5, 0.4]], dtype=F64, requires_grad=True)

    def play(f0: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return WAVES[name](f0, level, n_samples=30, sample_rate=SR)

    assert torch.autograd.gradcheck(play, (f0, level))


def test_the_pulse_width_has_a_gradient() -> None:
    width = torch.tensor([0.3, 0.35, 0.42], dtype=F64, requires_grad=True)
    f0 = torch.tensor([500.0, 510.0, 520.0], dtype=F64)
    assert torch.autograd.gradcheck(lambda w: cl.square_wave(f0, width=w, n_samples=40, sample_rate=SR), (width,))
    compared = (torch.linspace(0, 1, 9) < width[0]).float()  # the classic comparison has none
    assert not compared.requires_grad


def test_a_pulse_width_is_found_from_its_waveform() -> None:
    def play(width: torch.Tensor) -> torch.Tensor:
        return cl.square_wave([220.0], width=width.reshape(1), n_samples=2000, sample_rate=SR)

    asked = play(torch.tensor(0.2))
    raw = torch.tensor(0.5, requires_grad=True)  # a width of 0.62
    optimiser = torch.optim.Adam([raw], 0.05)
    for step in range(200):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / 200)
        loss = (play(raw.sigmoid()) - asked).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(raw.detach().sigmoid()) == pytest.approx(0.2, abs=0.002)


@EVERY
def test_aliases_lie_below_80_db(name: str) -> None:
    for f0_hz in (110.0, 439.7, 1245.0, 3130.0):
        sound = WAVES[name]([f0_hz], 0.5, n_samples=SR, sample_rate=SR)
        assert alias_db(sound, f0_hz, sample_rate=SR) < -80
    t = np.arange(SR) * 1245.0 / SR % 1
    if name != "triangle":
        assert alias_db(SHAPES[name](t), 1245.0, sample_rate=SR) > -30  # what the formula alone gives


@EVERY
@settings(max_examples=15, deadline=None)
@given(f0_hz=st.floats(20.0, 7900.0))
def test_it_stays_near_its_height(name: str, f0_hz: float) -> None:
    sound = WAVES[name](torch.tensor([f0_hz]), n_samples=500, sample_rate=SR)
    assert float(sound.abs().max()) <= {"triangle": 1.001, "saw": 1.19, "square": 1.28, "pulse": 1.95}[name]


@EVERY
def test_a_rest_is_silent_and_holds_the_phase(name: str) -> None:
    f0 = torch.tensor([500.0, 500.0, 0.0, 0.0, 0.0, 500.0, 500.0, 500.0], dtype=F64)
    sound = WAVES[name](f0, n_samples=800, sample_rate=SR)
    assert float(sound[200:401].abs().max()) < 1e-12
    whole = WAVES[name](torch.full((8,), 500.0, dtype=F64), n_samples=800, sample_rate=SR)
    torch.testing.assert_close(sound[:100], whole[:100], rtol=0, atol=1e-9)
    assert float(WAVES[name](torch.zeros(4), n_samples=40, sample_rate=SR).abs().max()) == 0


def test_it_is_nearly_as_quick_as_the_harmonic_synth() -> None:
    f0 = torch.full((4, 250), 100.0)
    shares = torch.ones(4, 250, 79)

    def seconds(play: Callable[[], torch.Tensor]) -> float:
        play()
        times = []
        for _ in range(3):
            begin = time.process_time()
            play()
            times.append(time.process_time() - begin)
        return min(times)

    size = {"n_samples": SR, "sample_rate": SR}
    plain = seconds(lambda: cl.harmonic_synth(f0, torch.ones(4, 250), shares, **size))
    assert seconds(lambda: cl.sawtooth_wave(f0, **size)) < 3 * plain + 0.01
    assert seconds(lambda: cl.square_wave(f0, **size)) < 6 * plain + 0.01


def test_leading_axes_and_numbers() -> None:
    sound = cl.square_wave(torch.full((3, 2, 4), 440.0), torch.ones(2, 4), width=0.3, n_samples=50, sample_rate=SR)
    assert sound.shape == (3, 2, 50)
    assert cl.sawtooth_wave(440, n_samples=50, sample_rate=SR).shape == (50,)
    assert (
        cl.triangle_wave(torch.full((4,), 440.0, dtype=torch.float16), n_samples=50, sample_rate=SR).dtype
        == torch.float16
    )


def test_bad_input_says_the_rule() -> None:
    size = {"n_samples": 100, "sample_rate": SR}
    for call, message in [
        (lambda: cl.sawtooth_wave([-1.0], **size), "f0_hz must not be negative"),
        (lambda: cl.triangle_wave([float("nan")], **size), "f0_hz must be finite"),
        (lambda: cl.sawtooth_wave([440.0], [float("inf")], **size), "amplitude must be finite"),
        (lambda: cl.square_wave([440.0], width=1.0, **size), "width must lie between 0 and 1"),
        (lambda: cl.square_wave([440.0], width=[-0.1], **size), "width must lie between 0 and 1"),
        (lambda: cl.sawtooth_wave([440.0], n_harmonics=0, **size), "n_harmonics must be at least 1"),
        (lambda: torch.vmap(lambda f: cl.sawtooth_wave(f, **size))(torch.ones(2, 3)), "n_harmonics must be given"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
