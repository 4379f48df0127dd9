"""Rooms: convolution against SciPy and a slow sum, the first tap, gradients, what can be learned, decay times."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.effects.rooms import SPEED_OF_SOUND

SR = 16_000
F64 = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def white(*shape: int, seed: int = 0, dtype: torch.dtype = F64) -> torch.Tensor:
    return 2 * torch.rand(*shape, generator=seeded(seed), dtype=dtype) - 1


def sum_of_echoes(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """One delayed, scaled copy of the sound for each tap."""
    y = np.zeros(len(x))
    for d, tap in enumerate(h[: len(x)]):
        y[d:] += tap * x[: len(x) - d]
    return y


def error_db(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    return 10 * math.log10(float((estimate - truth).square().sum() / truth.square().sum()))


# --- Convolution ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(F64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("n", [1, 2, 3, 17, 1000, 4097, 16_000])
@pytest.mark.parametrize("n_taps", [1, 2, 16, 999, 8192, 20_000])
def test_it_is_scipys_convolution_cut_to_the_sound(n, n_taps, dtype, tolerance):
    x, h = white(n, seed=n, dtype=dtype), white(n_taps, seed=n_taps + 1, dtype=dtype)
    got = cl.fft_convolve(x, h)
    want = scipy.signal.fftconvolve(x.double().numpy(), h.double().numpy())[:n]
    assert got.dtype == dtype and got.shape == (n,)
    assert np.abs(got.double().numpy() - want).max() <= tolerance * max(1.0, np.abs(want).max())


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 10**6))
def test_it_is_a_sum_of_echoes(n, n_taps, seed):
    x, h = white(n, seed=seed), white(n_taps, seed=seed + 1)
    np.testing.assert_allclose(cl.fft_convolve(x, h).numpy(), sum_of_echoes(x.numpy(), h.numpy()), atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 80), st.integers(1, 80), st.integers(0, 10**6), st.floats(-3, 3), st.floats(-3, 3))
def test_it_is_linear_in_both(n, n_taps, seed, a, b):
    (x, z), (h, k) = white(2, n, seed=seed), white(2, n_taps, seed=seed + 1)
    sound = cl.fft_convolve(a * x + b * z, h) - a * cl.fft_convolve(x, h) - b * cl.fft_convolve(z, h)
    room = cl.fft_convolve(x, a * h + b * k) - a * cl.fft_convolve(x, h) - b * cl.fft_convolve(x, k)
    wet = cl.reverb(a * x + b * z, h) - a * cl.reverb(x, h) - b * cl.reverb(z, h)
    for difference in (sound, room, wet):
        assert difference.abs().max() < 1e-11


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 80), st.integers(1, 80), st.integers(0, 90), st.integers(0, 10**6))
def test_a_later_sound_gives_the_same_room_later(n, n_taps, delay, seed):
    x, h = white(n, seed=seed), white(n_taps, seed=seed + 1)

    def late(sound):
        return torch.nn.functional.pad(sound, (delay, 0))[..., :n]

    for process in (cl.fft_convolve, cl.reverb):
        assert (process(late(x), h) - late(process(x, h))).abs().max() < 1e-12
    assert (cl.fft_convolve(x, late(h[..., :n])) - late(cl.fft_convolve(x, h))).abs().max() < 1e-12


def test_no_tail_wraps_around_to_the_front():
    x = torch.zeros(1000, dtype=F64)
    x[-1] = 1.0  # a click at the very end, under a response of any length
    for n_taps in (1, 500, 1000, 1024, 5000):
        for process in (cl.fft_convolve, cl.reverb):
            assert process(x, torch.ones(n_taps, dtype=F64))[:-1].abs().max() < 1e-13


def test_the_first_samples_do_not_know_the_rest():
    x, h = white(600), white(200, seed=1)
    assert (cl.reverb(x, h)[:150] - cl.reverb(x[:150], h)).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("sound", "room"),
    [((3, 50), (20,)), ((50,), (3, 20)), ((3, 50), (3, 20)), ((2, 1, 50), (3, 80)), ((4, 1, 50), (1, 3, 20))],
)
def test_leading_axes_broadcast(sound, room):
    x, h = white(*sound), white(*room, seed=1)
    for process in (cl.fft_convolve, cl.reverb):
        got = process(x, h)
        lead = torch.broadcast_shapes(sound[:-1], room[:-1])
        assert got.shape == (*lead, 50)
        rows = zip(x.expand(*lead, -1).reshape(-1, 50), h.expand(*lead, -1).reshape(-1, room[-1]), strict=True)
        want = torch.stack([process(a, b) for a, b in rows]).reshape(got.shape)
        assert (got - want).abs().max() < 1e-12


def test_lists_and_half_precision_are_welcome():
    assert cl.fft_convolve([1, 0, 0], [0.5, 0.25]).tolist() == pytest.approx([0.5, 0.25, 0.0])
    half = cl.fft_convolve(white(100).half(), white(30, seed=1).half())
    assert half.dtype == torch.float16 and bool(torch.isfinite(half).all())
    assert cl.fft_convolve(white(9), white(3).float()).dtype == F64


# --- Dry and wet ----------------------------------------------------------------------------------------------------


def test_the_first_tap_has_no_effect_and_the_dry_sound_comes_once():
    x, h = white(500), white(100, seed=1)
    wet, other = cl.reverb(x, h), h.clone()
    other[0] = 1e6
    assert torch.equal(cl.reverb(x, other), wet)
    click = torch.zeros(200, dtype=F64)
    click[0] = 1.0
    answer = cl.reverb(click, other)
    assert answer[0] == pytest.approx(1.0, abs=1e-12)
    assert (answer[1:100] - h[1:]).abs().max() < 1e-12 and answer[100:].abs().max() < 1e-12
    assert (cl.reverb(x, h[:1]) - x).abs().max() == 0  # a single tap is no room
    assert (cl.reverb(torch.zeros(10), h.float()) == 0).all()


def test_no_gradient_reaches_the_first_tap():
    model = cl.Reverb(50)
    model(white(200, dtype=torch.float32)).square().sum().backward()
    gradient = model.impulse_response.grad
    assert gradient[0] == 0 and (gradient[1:] != 0).all()


def test_gradients_are_exact():
    x, h = white(2, 12).requires_grad_(), white(2, 7, seed=1).requires_grad_()
    long = white(20, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(cl.fft_convolve, (x, h))
    assert torch.autograd.gradcheck(cl.reverb, (x, h))
    assert torch.autograd.gradcheck(cl.reverb, (x, long))
    times, levels = torch.tensor([0.002, 0.01], dtype=F64), torch.tensor([-3.0, -20.0], dtype=F64)
    assert torch.autograd.gradcheck(
        lambda t, g: cl.decaying_impulse_response(t, g, n_taps=40, sample_rate=SR),
        (times.requires_grad_(), levels.requires_grad_()),
    )
    assert torch.autograd.gradcheck(lambda v: cl.energy_decay_db(v), (white(9, seed=3).requires_grad_(),))


def test_a_learned_room_starts_faint_decaying_and_the_same_each_time():
    response = cl.Reverb(8000).impulse_response.detach()
    assert torch.equal(response, cl.Reverb(8000).impulse_response.detach())
    assert not torch.equal(response, cl.Reverb(8000, generator=seeded(1)).impulse_response.detach())
    assert response.square().mean().sqrt().item() == pytest.approx(1e-3, rel=1e-3)
    assert 0 < response[-800:].square().mean() < 1e-3 * response[:800].square().mean()


# --- A known room is recovered --------------------------------------------------------------------------------------


def known_room(n_taps: int = 1000) -> torch.Tensor:
    return cl.shoebox_impulse_response(
        [3.1, 2.4, 2.2], [1.0, 0.8, 1.1], [2.2, 1.7, 1.3], 0.55, n_taps=n_taps, sample_rate=SR
    ).float()


def learn(dry: torch.Tensor, wet: torch.Tensor, loss, steps: int, lr: float) -> torch.Tensor:
    model = cl.Reverb(1000)
    cl.fit(model, wet, loss, steps=steps, lr=lr, lr_end=lr / 100, inputs=(dry,), progress=False)
    return torch.cat([torch.zeros(1), model.impulse_response.detach()[1:]])


def mse(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (prediction - target).square().mean()


def test_a_dry_and_wet_pair_gives_the_room_back_tap_by_tap():
    dry, truth = 0.3 * white(8000, dtype=torch.float32), known_room()
    truth[0] = 0.0
    found = learn(dry, cl.reverb(dry, truth), mse, 300, 0.03)
    assert error_db(found, truth) < -60


def test_a_room_is_learned_only_where_the_sound_has_energy():
    truth = known_room()
    truth[0] = 0.0
    low = cl.lowpass(0.3 * white(8000, dtype=torch.float32), 500.0, sample_rate=SR, order=8)
    found = learn(low, cl.reverb(low, truth), mse, 300, 0.03)
    heard, given = (torch.fft.rfft(h).abs() for h in (found, truth))
    band = torch.arange(501) * SR / 1000 < 400
    assert error_db(heard[band], given[band]) < -15
    assert error_db(heard[~band], given[~band]) > -5


def test_from_another_noise_of_the_same_spectrum_the_taps_do_not_come_back():
    truth = known_room()
    truth[0] = 0.0
    dry, other = 0.3 * white(2, 8000, dtype=torch.float32)
    for loss, lr in ((mse, 0.02), (cl.multiscale_spectral_loss, 0.003)):
        found = learn(other, cl.reverb(dry, truth), loss, 60, lr)
        assert error_db(found, truth) > -1


@pytest.mark.parametrize("start", [(0.6, -12.0), (0.05, 6.0)])
def test_two_numbers_come_back_where_taps_do_not_but_too_quiet_if_the_noise_is_another(start):
    dry, other = 0.3 * white(2, 16_000, dtype=torch.float32)
    for sound in (dry, other):
        sound.view(2, 8000)[:, 2000:] = 0.0  # two bursts, each followed by the room alone

    def found(sound: torch.Tensor, room_seed: int) -> cl.DecayReverb:
        model = cl.DecayReverb(n_taps=4000, sample_rate=SR, rt60_s=start[0], gain_db=start[1])
        wet = cl.reverb(
            dry, cl.decaying_impulse_response(0.2, 3.0, n_taps=4000, sample_rate=SR, generator=seeded(room_seed))
        )
        loss = cl.multiscale_spectral_loss
        cl.fit(model, wet, loss, 80, 0.1, lr_end=0.01, inputs=(sound,), progress=False)
        return model

    same, unlike = found(dry, 0), found(other, 5)
    assert same.rt60_s.item() == pytest.approx(0.2, rel=0.02)
    assert same.gain_db.item() == pytest.approx(3.0, abs=0.2)
    assert unlike.rt60_s.item() == pytest.approx(0.2, rel=0.2)
    # Bin by bin, two independent noises agree best where one of them is faint: the bias is the loss's.
    assert -8.0 < unlike.gain_db.item() < 0.0


# --- Decay ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rt60_s", [0.1, 0.3, 1.0, 2.5])
def test_a_decay_takes_as_long_as_was_asked(rt60_s, seed):
    response = cl.decaying_impulse_response(
        rt60_s, -6.0, n_taps=int(rt60_s * SR), sample_rate=SR, generator=seeded(seed)
    )
    assert cl.measure_rt60(response, SR).item() == pytest.approx(rt60_s, rel=0.05)
    assert response.square().sum().item() == pytest.approx(10**-0.6, rel=0.15)
    assert response[0] == 0 and response.shape == (int(rt60_s * SR),)


def test_the_same_noise_for_every_number_and_a_batch_of_rooms():
    times, levels = torch.tensor([[0.2], [0.6]]), torch.tensor([-20.0, -6.0, 0.0])
    rooms = cl.decaying_impulse_response(times, levels, n_taps=3000, sample_rate=SR)
    assert rooms.shape == (2, 3, 3000)
    torch.testing.assert_close(rooms[1, 2], cl.decaying_impulse_response(0.6, 0.0, n_taps=3000, sample_rate=SR))
    torch.testing.assert_close(rooms[:, 2], 10 * rooms[:, 0])
    assert cl.measure_rt60(rooms, SR).shape == (2, 3)
    assert cl.decaying_impulse_response(torch.tensor(0.3, dtype=F64), 0, n_taps=9, sample_rate=SR).dtype == F64


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 3), st.floats(0.1, 10))
def test_a_bare_exponential_is_measured_exactly_at_any_level(rt60_s, level):
    time = torch.arange(int(2 * rt60_s * SR), dtype=F64) / SR
    assert cl.measure_rt60(level * 10 ** (-3 * time / rt60_s), SR).item() == pytest.approx(rt60_s, rel=2e-3)


def test_energy_decay_is_what_is_still_to_come():
    response = white(300)
    want = [10 * math.log10(response[i:].square().sum() / response.square().sum()) for i in range(300)]
    np.testing.assert_allclose(cl.energy_decay_db(response).numpy(), want, atol=1e-9)
    assert cl.energy_decay_db([1.0, 0.0])[1] == pytest.approx(-150.0)
    assert (cl.energy_decay_db(white(2, 3, 50)).diff(dim=-1) <= 0).all()


# --- A shoebox ------------------------------------------------------------------------------------------------------


def test_the_first_echo_comes_from_the_nearest_wall():
    size, source, listener = np.array([5.0, 4.0, 3.0]), np.array([1.0, 2.0, 1.5]), np.array([3.0, 1.8, 1.2])
    h = cl.shoebox_impulse_response(size, source, listener, 0.7, n_taps=2000, sample_rate=SR)
    assert h[0] == 1 and h.dtype == F64
    images = []
    for axis in range(3):
        for wall in (0.0, size[axis]):
            image = source.copy()
            image[axis] = 2 * wall - source[axis]
            images.append(np.linalg.norm(image - listener))
    direct = np.linalg.norm(source - listener)
    for distance in images:
        tap = round((distance - direct) / SPEED_OF_SOUND * SR)
        assert h[tap] > 0.6 * 0.7 * direct / distance  # a little below for the high-pass
    first = min(round((d - direct) / SPEED_OF_SOUND * SR) for d in images)
    assert h[1:first].abs().max() < 1e-12 and h[first] > 0.1


def test_a_shoebox_obeys_its_symmetries_and_its_walls():
    at = ([5.0, 4.0, 3.0], [1.0, 2.0, 1.5], [3.0, 1.8, 1.2])
    h = cl.shoebox_impulse_response(*at, 0.8, n_taps=6000, sample_rate=SR)
    torch.testing.assert_close(
        h, cl.shoebox_impulse_response(at[0], at[2], at[1], 0.8, n_taps=6000, sample_rate=SR)
    )  # who hears whom
    mirrored = [[a - b for a, b in zip(at[0], place, strict=True)] for place in at[1:]]
    torch.testing.assert_close(h, cl.shoebox_impulse_response(at[0], *mirrored, 0.8, n_taps=6000, sample_rate=SR))
    torch.testing.assert_close(h[:2000], cl.shoebox_impulse_response(*at, 0.8, n_taps=2000, sample_rate=SR))
    times = [
        cl.measure_rt60(cl.shoebox_impulse_response(*at, r, n_taps=8000, sample_rate=SR), SR).item()
        for r in (0.6, 0.7, 0.8)
    ]
    assert times == sorted(times)
    bare = cl.shoebox_impulse_response(*at, 0.0, n_taps=500, sample_rate=SR)
    assert bare[0] == 1 and bare[1:].abs().max() < 1e-12  # no walls, no room


def test_a_shoebox_decays_about_as_sabine_and_eyring_say():
    size, reflection = np.array([6.0, 4.5, 3.0]), 0.85
    h = cl.shoebox_impulse_response(size, [2, 3, 1.5], [4.1, 1.2, 1.7], reflection, n_taps=16_000, sample_rate=SR)
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    eyring = 24 * math.log(10) / SPEED_OF_SOUND * size.prod() / (-surface * math.log(reflection**2))
    assert cl.measure_rt60(h, SR).item() == pytest.approx(eyring, rel=0.3)


# --- Bad input ------------------------------------------------------------------------------------------------------

GOOD = [0.5, 0.25]
BOX = ([5.0, 4.0, 3.0], [1.0, 2.0, 1.5], [3.0, 1.8, 1.2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.fft_convolve([], GOOD), "audio needs at least 1 sample"),
        (lambda: cl.fft_convolve(GOOD, []), "impulse_response needs at least 1 sample"),
        (lambda: cl.fft_convolve(1.0, GOOD), "single number"),
        (lambda: cl.fft_convolve([math.nan, 0.0], GOOD), "audio must be finite"),
        (lambda: cl.fft_convolve(GOOD, [0.0, math.inf]), "impulse_response must be finite; it is inf at index"),
        (lambda: cl.fft_convolve(torch.zeros(2, 5), torch.zeros(3, 5)), "leading axes do not agree"),
        (lambda: cl.reverb([], GOOD), "audio needs at least 1 sample"),
        (lambda: cl.reverb(GOOD, torch.zeros(2, 0)), "impulse_response needs"),
        (lambda: cl.reverb(torch.ones(4), [math.nan] * 2), "impulse_response must be finite"),
        (lambda: cl.decaying_impulse_response(0.0, 0, n_taps=10, sample_rate=SR), "rt60_s must be above 0 seconds"),
        (
            lambda: cl.decaying_impulse_response(-1.0, 0, n_taps=10, sample_rate=SR),
            "rt60_s must be above 0 seconds, such as 0.8; got -1",
        ),
        (lambda: cl.decaying_impulse_response(math.nan, 0, n_taps=10, sample_rate=SR), "rt60_s must be finite"),
        (lambda: cl.decaying_impulse_response(1.0, math.inf, n_taps=10, sample_rate=SR), "gain_db must be finite"),
        (lambda: cl.decaying_impulse_response(1.0, 0, n_taps=1, sample_rate=SR), "n_taps must be at least 2"),
        (lambda: cl.decaying_impulse_response(1.0, 0, n_taps=10.5, sample_rate=SR), "n_taps must be a whole number"),
        (lambda: cl.decaying_impulse_response(1.0, 0, n_taps=10, sample_rate=0), "sample_rate must be positive"),
        (lambda: cl.decaying_impulse_response(torch.ones(2), torch.ones(3), n_taps=10, sample_rate=SR), "leading axes"),
        (lambda: cl.Reverb(1), "n_taps must be at least 2"),
        (lambda: cl.Reverb(0), "n_taps must be at least 2"),
        (lambda: cl.DecayReverb(n_taps=100, sample_rate=SR, rt60_s=0.0), "rt60_s must be above 0"),
        (lambda: cl.DecayReverb(n_taps=1, sample_rate=SR), "n_taps must be at least 2"),
        (lambda: cl.energy_decay_db([0.0, 0.0]), "impulse_response is silent"),
        (lambda: cl.energy_decay_db(torch.tensor([[1.0, 0.5], [0.0, 0.0]])), "silent row"),
        (lambda: cl.measure_rt60([1.0, 0.0, 0.0, 0.0], SR), "too few for a line"),
        (lambda: cl.measure_rt60(torch.ones(100), SR, start_db=-35, end_db=-5), "end_db must lie below start_db"),
        (lambda: cl.measure_rt60(torch.ones(100), SR, start_db=5, end_db=-5), "both at most 0 dB"),
        (
            lambda: cl.shoebox_impulse_response(BOX[0], [6, 1, 1], BOX[2], 0.5, n_taps=10, sample_rate=SR),
            "source_m must be three lengths",
        ),
        (
            lambda: cl.shoebox_impulse_response([5, 4], BOX[1], BOX[2], 0.5, n_taps=10, sample_rate=SR),
            "size_m must be three lengths",
        ),
        (
            lambda: cl.shoebox_impulse_response(BOX[0], BOX[1], BOX[1], 0.5, n_taps=10, sample_rate=SR),
            "at least 1 cm apart",
        ),
        (lambda: cl.shoebox_impulse_response(*BOX, 1.0, n_taps=10, sample_rate=SR), "reflection must be from 0"),
        (lambda: cl.shoebox_impulse_response(*BOX, math.nan, n_taps=10, sample_rate=SR), "reflection must be from 0"),
    ],
)
def test_bad_input_says_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
