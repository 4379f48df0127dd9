"""ADSR and slow waves: against NumPy's straight lines, gradients at and off the hinges, lengths of zero, recovery."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import course_lib as cl

F64 = torch.float64
FRAMES = {"n_frames": 500, "frame_rate": 250}
TRUE = (0.08, 0.2, 0.6, 0.3)  # attack, decay, sustain, release


def points(onset: float, duration: float, a: float, d: float, s: float, r: float, time: np.ndarray) -> np.ndarray:
    """The envelope by its corners, drawn by `np.interp`: the held part up to its end, then a line to zero."""

    def held(x: np.ndarray) -> np.ndarray:
        return np.interp(x, [0, a, a + d, a + d + 1], [0, 1, s, s])

    since = time - onset
    falling = held(np.array(duration)) * np.interp(since - duration, [0, r], [1, 0])
    return np.where(since < 0, 0, np.where(since < duration, held(since), falling))


def f64(*values: float) -> list[torch.Tensor]:
    return [torch.tensor(x, dtype=F64, requires_grad=True) for x in values]


@pytest.mark.parametrize("duration", [1.0, 0.2, 0.03, 3.0])
def test_adsr_is_four_straight_lines(duration: float) -> None:
    ours = cl.adsr(*f64(0.1, duration, *TRUE), **FRAMES).detach()
    np.testing.assert_allclose(ours, points(0.1, duration, *TRUE, np.arange(500) / 250), atol=1e-12)


def test_a_note_shorter_than_its_attack_releases_from_where_it_is() -> None:
    ours = cl.adsr(0.0, 0.05, 0.1, 0.1, 0.5, 0.2, n_frames=51, frame_rate=200)
    assert float(ours.max()) == pytest.approx(0.5)
    assert ours[10:51].diff().lt(1e-6).all() and float(ours[-1]) == pytest.approx(0.0, abs=1e-6)


def test_what_is_not_heard_has_no_gradient() -> None:
    values = f64(0.0, 0.05, 0.1, 0.1, 0.5, 0.2)  # released while it rises
    cl.adsr(*values, n_frames=51, frame_rate=200).sum().backward()
    by = dict(
        zip(("onset", "duration", "attack", "decay", "sustain", "release"), (x.grad for x in values), strict=True)
    )
    assert float(by["decay"]) == 0 == float(by["sustain"])
    assert float(by["attack"]) != 0 and float(by["release"]) != 0 and float(by["duration"]) != 0


def test_the_gradient_of_adsr_is_right() -> None:
    def draw(*x: torch.Tensor) -> torch.Tensor:
        return cl.adsr(*x, n_frames=41, frame_rate=37)

    assert torch.autograd.gradcheck(draw, f64(0.0131, 0.5, 0.1, 0.2, 0.6, 0.3))
    assert torch.autograd.gradcheck(draw, f64(-0.0131, 0.0611, 0.1, 0.2, 0.6, 0.3))  # cut in its attack
    assert torch.autograd.gradgradcheck(draw, f64(0.0131, 0.5, 0.1, 0.2, 0.6, 0.3))


def test_every_argument_has_a_gradient_also_where_a_hinge_meets_a_frame() -> None:
    """Corners of this envelope lie on frames: at 0, 0.25, 0.5, 1 and 1.5 s, four frames a second."""
    values = f64(0.0, 1.0, 0.25, 0.25, 0.5, 0.5)
    jacobian = torch.autograd.functional.jacobian(lambda *x: cl.adsr(*x, n_frames=8, frame_rate=4), tuple(values))
    for by_frame in jacobian:
        assert bool(by_frame.isfinite().all()) and float(by_frame.abs().sum()) > 0


@given(st.lists(st.sampled_from([0.0, 1e-40, 1e-12, 1e-6, 0.004, 0.3]), min_size=4, max_size=4), st.booleans())
def test_segments_of_any_length_have_no_nan(lengths: list[float], double: bool) -> None:
    duration, attack, decay, release = lengths
    dtype = F64 if double else torch.float32
    values = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in (0.1, duration, attack, decay, 0.5, release)]
    ours = cl.adsr(*values, **FRAMES)
    assert float(ours.detach().min()) >= 0 and float(ours.detach().max()) <= 1
    ours.sum().backward()
    assert all(bool(x.grad.isfinite()) for x in values)


def test_segments_of_length_zero_are_jumps() -> None:
    ours = cl.adsr(0.5, 1.0, 0.0, 0.0, 0.5, 0.0, n_frames=8, frame_rate=4)
    assert ours.tolist() == [0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0]
    assert cl.adsr(0.5, 1.0, 0.0, 0.25, 0.5, 0.0, n_frames=4, frame_rate=4).tolist() == [0, 0, 1, 0.5]


@given(st.lists(st.floats(0.01, 2.0), min_size=4, max_size=4), st.floats(0.0, 1.0))
def test_adsr_lies_between_0_and_1_and_is_a_copy_of_itself_later(lengths: list[float], sustain: float) -> None:
    duration, a, d, r = lengths
    rest = (duration, a, d, sustain, r)
    now, later = (cl.adsr(torch.tensor(x, dtype=F64), *rest, **FRAMES) for x in (0.0, 0.4))
    assert float(now.min()) >= 0 and float(now.max()) <= 1
    torch.testing.assert_close(later[101:], now[1:-100], rtol=0, atol=1e-9)


def test_leading_axes_broadcast() -> None:
    ours = cl.adsr(torch.zeros(3, 1), 0.5, torch.full((2,), 0.1), 0.1, 0.5, 0.1, **FRAMES)
    assert ours.shape == (3, 2, 500)
    torch.testing.assert_close(ours[2, 1], cl.adsr(0.0, 0.5, 0.1, 0.1, 0.5, 0.1, **FRAMES))


def found(longest_s: float, starts: int = 20) -> int:
    """How many of these starts find all four segments within 0.01 (s, or level) from the curve alone."""
    curve = cl.adsr(0.0, 1.0, *TRUE, **FRAMES)
    raw = torch.from_numpy(np.random.default_rng(0).normal(size=(starts, 4))).float()
    model = cl.AdsrEnvelope(torch.zeros(starts), 1.0, raw=raw, longest_s=longest_s, **FRAMES)
    optimiser = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(400):
        loss = (model() - curve).abs().mean(-1).sum()  # each start on its own
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ours = torch.stack(model.controls()[2:], -1).detach()
    return int(((ours - torch.tensor(TRUE)).abs().max(-1).values < 0.01).sum())


def test_adsr_is_found_from_20_of_20_starts_while_segments_are_shorter_than_the_note() -> None:
    assert found(0.5) == 20
    assert found(2.0) < 20


def test_raw_numbers_become_lengths_between_the_limits() -> None:
    low, high = (cl.adsr_controls(torch.full((3, 4), x), 0.0, 1.0) for x in (-40.0, 40.0))
    for shortest, longest in zip(low[2:], high[2:], strict=True):
        assert shortest.shape == (3,) and bool((shortest < longest).all())
    assert float(low.attack_s[0]) == pytest.approx(0.005) and float(high.attack_s[0]) == pytest.approx(0.5)
    assert float(low.sustain[0]) == pytest.approx(0.0) and float(high.sustain[0]) == pytest.approx(1.0)
    raw = torch.zeros(4, dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tuple(cl.adsr_controls(x, 0.0, 1.0)[2:]), (raw,))


def slow(shape: str, phase: np.ndarray) -> np.ndarray:
    if shape == "sine":
        return np.sin(phase)
    if shape == "square":
        return np.tanh(8 * np.sin(phase)) / np.tanh(8)
    rises = {"triangle": 0.5, "saw": 0.95}[shape]
    corners = np.array([-1 + rises / 2, -rises / 2, rises / 2, 1 - rises / 2, 1 + rises / 2])
    turns = (phase / (2 * np.pi) + 0.5) % 1 - 0.5
    return np.interp(turns, corners, [1, -1, 1, -1, 1])


@pytest.mark.parametrize("shape", ["sine", "triangle", "saw", "square"])
def test_lfo_follows_its_accumulated_rate(shape: str) -> None:
    rate = torch.linspace(2.0, 9.0, 300, dtype=F64)
    ours = cl.lfo(rate, 0.5, n_frames=300, frame_rate=250, shape=shape, initial_phase=0.3)
    phase = 2 * np.pi / 250 * np.concatenate([[0], np.cumsum(rate.numpy())[:-1]]) + 0.3
    np.testing.assert_allclose(ours, 0.5 * slow(shape, phase), atol=1e-9)


@pytest.mark.parametrize("shape", ["sine", "triangle", "saw", "square"])
def test_the_gradient_of_lfo_is_right(shape: str) -> None:
    def draw(rate: torch.Tensor, depth: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
        return cl.lfo(rate, depth, n_frames=23, frame_rate=41, shape=shape, initial_phase=phase)

    values = [torch.tensor(x, dtype=F64, requires_grad=True) for x in ([3.1, 4.2, 5.3], [0.3, 0.5], 0.7)]
    assert torch.autograd.gradcheck(draw, values)


def test_lfo_after_an_hour_is_as_exact_as_after_a_second() -> None:
    hour = cl.lfo(5.0, 1.0, n_frames=3600 * 250, frame_rate=250)
    torch.testing.assert_close(hour[-250:], hour[:250], rtol=0, atol=1e-6)


def test_a_rate_of_zero_stands_still_and_has_a_gradient() -> None:
    rate = torch.zeros(1, requires_grad=True)
    ours = cl.lfo(rate, 1.0, n_frames=10, frame_rate=100, initial_phase=math.pi / 6)
    torch.testing.assert_close(ours, torch.full((10,), 0.5))
    ours.sum().backward()
    assert float(rate.grad) > 0


def test_bad_input_says_the_rule() -> None:
    good = dict(
        zip(("onset_s", "duration_s", "attack_s", "decay_s", "sustain", "release_s"), (0, 1, *TRUE), strict=True)
    )
    for change, message in [
        ({"attack_s": -0.1}, "attack_s must not be negative; got -0.1 s"),
        ({"duration_s": -1}, "duration_s must not be negative"),
        ({"sustain": 1.5}, "sustain is a level from 0 to 1, of the peak; got 1.5"),
        ({"release_s": math.nan}, "release_s must be finite"),
        ({"onset_s": torch.zeros(2), "decay_s": torch.ones(3)}, "leading axes do not agree"),
    ]:
        with pytest.raises(ValueError, match=message):
            cl.adsr(**(good | change), **FRAMES)
    with pytest.raises(ValueError, match="frame_rate must be positive"):
        cl.adsr(**good, n_frames=5, frame_rate=0)
    with pytest.raises(ValueError, match="n_frames must be at least 1"):
        cl.adsr(**good, n_frames=0, frame_rate=100)
    with pytest.raises(ValueError, match=r"raw must be \(…, 4\)"):
        cl.adsr_controls([0.0, 0.0], 0.0, 1.0)
    with pytest.raises(ValueError, match="0 < shortest_s < longest_s"):
        cl.adsr_controls([0.0] * 4, 0.0, 1.0, shortest_s=1.0, longest_s=0.5)
    with pytest.raises(ValueError, match="rate_hz must stay below Nyquist"):
        cl.lfo(60.0, 1.0, n_frames=9, frame_rate=100)
    with pytest.raises(ValueError, match="unknown shape 'ramp'"):
        cl.lfo(6.0, 1.0, n_frames=9, frame_rate=100, shape="ramp")  # type: ignore[arg-type]
