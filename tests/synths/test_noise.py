"""Filtered noise: against a slow sum in NumPy, its spectrum, no trace of the frames, its seed, gradient and edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl

SR = 16_000
F64 = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def zero_phase(magnitudes: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Taps at the delays d: a sum of cosines, one a band, under a raised cosine that ends at ± (n_bands − 1)."""
    half = len(magnitudes) - 1
    weight = np.full(half + 1, 2.0)
    weight[[0, -1]] = 1.0
    taps = (weight * magnitudes * np.cos(np.pi * np.outer(d, np.arange(half + 1)) / half)).sum(-1) / (2 * half)
    return np.where(np.abs(d) < half, taps * (0.5 + 0.5 * np.cos(np.pi * d / half)), 0.0)


def slow_noise(magnitudes: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Every sample of the noise rings as the two frames beside it say, weighted by how near each is."""
    n, n_frames = len(noise), len(magnitudes)
    where = np.arange(n)
    share = np.stack([np.interp(where, np.arange(n_frames) * n // n_frames, row) for row in np.eye(n_frames)])
    y = np.zeros(n)
    for m in range(n):
        for i in np.flatnonzero(share[:, m]):
            y += noise[m] * share[i, m] * zero_phase(magnitudes[i], where - m)
    return y


def cut_blocks(magnitudes: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """What not to do: every block of noise through its own filter, and the tails cut off at its edges."""
    n_frames = magnitudes.shape[-2]
    blocks = noise.reshape(*noise.shape[:-1], n_frames, -1)
    hop, half = blocks.shape[-1], magnitudes.shape[-1] - 1
    size = 2 * (hop + 2 * half)
    spectrum = torch.fft.rfft(blocks, n=size) * torch.fft.rfft(cl.zero_phase_response(magnitudes), n=size)
    return torch.fft.irfft(spectrum, n=size)[..., half : half + hop].flatten(-2)


def white(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return cl.filtered_noise(torch.ones(*shape[:-1], 1, 2, dtype=F64) * 2, shape[-1], seeded(seed))


def power_db(sounds: torch.Tensor, size: int = 1024) -> torch.Tensor:
    """Mean power spectrum of all sounds, 0 dB for white noise of RMS 1."""
    window = torch.hann_window(size, dtype=sounds.dtype)
    power = (sounds.unfold(-1, size, size // 2) * window).reshape(-1, size)
    return 10 * torch.log10(torch.fft.rfft(power).abs().square().mean(0) / window.square().sum())


# --- It is what it says it is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_bands", [2, 3, 9, 65])
def test_the_response_is_a_windowed_sum_of_cosines(n_bands):
    magnitudes = np.random.default_rng(n_bands).uniform(0, 2, n_bands)
    taps = cl.zero_phase_response(torch.from_numpy(magnitudes)).numpy()
    d = np.arange(2 * (n_bands - 1)) - (n_bands - 1)
    np.testing.assert_allclose(taps, zero_phase(magnitudes, d), atol=1e-14)
    np.testing.assert_allclose(taps[1:], taps[1:][::-1], atol=1e-14)  # symmetric about time 0: no phase


def test_the_response_runs_through_the_magnitudes_smoothed_by_a_quarter_a_half_a_quarter():
    magnitudes = torch.rand(33, dtype=F64, generator=seeded(1))
    response = torch.fft.rfft(cl.zero_phase_response(magnitudes).roll(-32))  # time 0 first
    mirrored = torch.cat([magnitudes[1:2], magnitudes, magnitudes[-2:-1]])
    smooth = mirrored[:-2] / 4 + mirrored[1:-1] / 2 + mirrored[2:] / 4
    torch.testing.assert_close(response.real, smooth, atol=1e-12, rtol=0)
    assert response.imag.abs().max() < 1e-12


@pytest.mark.parametrize(
    ("n_frames", "n_bands", "n"), [(1, 9, 50), (5, 9, 200), (7, 5, 93), (3, 65, 120), (40, 3, 40), (6, 2, 31)]
)
def test_it_is_the_slow_sum(n_frames, n_bands, n):
    magnitudes = torch.rand(n_frames, n_bands, dtype=F64, generator=seeded(n))
    noise = cl.filtered_noise(torch.ones(n_frames, n_bands, dtype=F64), n, seeded(7))  # 1 everywhere: the noise itself
    got = cl.filtered_noise(magnitudes, n, seeded(7))
    np.testing.assert_allclose(got.numpy(), slow_noise(magnitudes.numpy(), noise.numpy()), atol=1e-12)


def test_one_in_every_band_is_the_white_noise_itself():
    noise = cl.filtered_noise(torch.ones(4, 25, 17, dtype=F64), SR, seeded(2))
    assert noise.abs().max() <= math.sqrt(3) + 1e-9
    assert noise.square().mean().sqrt() == pytest.approx(1, abs=0.01)
    assert power_db(noise).abs().max() < 1.5
    flat = cl.filtered_noise(torch.ones(4, 1, 2, dtype=F64), SR, seeded(2))  # however many frames and bands
    torch.testing.assert_close(noise, flat)


SHAPES = {
    "flat": torch.full((65,), 0.3, dtype=F64),
    "falling 20 dB": 10 ** (-torch.linspace(0, 1, 65, dtype=F64)),
    "falling 80 dB": 10 ** (-torch.linspace(0, 4, 65, dtype=F64)),
    "rising 60 dB": 10 ** torch.linspace(-3, 0, 65, dtype=F64),
    "a hill": 0.02 + torch.exp(-(((torch.arange(65, dtype=F64) - 20) / 6) ** 2)),
    "a comb of waves": 1.0 + 0.7 * torch.cos(torch.arange(65, dtype=F64) / 3),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_spectrum_follows_the_magnitudes_within_1_db(shape):
    """16 × 10 s; at the middle of every band, and between them against the response in closed form."""
    magnitudes = SHAPES[shape]
    sounds = cl.filtered_noise(magnitudes.expand(16, 2500, 65), 10 * SR, seeded(3))
    measured = power_db(sounds)
    at_bands = measured[::8]  # 513 bins, 65 bands
    inner = slice(1, -1)  # the mirrored ends, DC and Nyquist, are the next line's
    assert (at_bands - cl.amplitude_to_db(magnitudes, floor_db=-200.0))[inner].abs().max() < 1.0
    response = torch.fft.rfft(cl.zero_phase_response(magnitudes), n=1024).abs()
    assert (measured - cl.amplitude_to_db(response, floor_db=-200.0)).abs().max() < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_steps_from_band_to_band_are_smoothed_as_the_window_says(seed):
    """Random magnitudes, 40 dB up and down between neighbours: no filter of 128 taps can do that, and it is known how
    near it comes."""
    magnitudes = 10 ** (-2 * torch.rand(65, dtype=F64, generator=seeded(seed)))
    sounds = cl.filtered_noise(magnitudes.expand(16, 2500, 65), 10 * SR, seeded(seed))
    mirrored = torch.cat([magnitudes[1:2], magnitudes, magnitudes[-2:-1]])
    smooth = mirrored[:-2] / 4 + mirrored[1:-1] / 2 + mirrored[2:] / 4
    assert (power_db(sounds, 4096)[::32] - cl.amplitude_to_db(smooth))[1:-1].abs().max() < 1.0


def test_frames_are_where_they_should_be():
    """A swell over four frames: the level at each centre is that frame's, half-way it is the mean of both."""
    level = torch.tensor([0.1, 1.0, 0.4, 0.2], dtype=F64)
    sounds = cl.filtered_noise(level[:, None].expand(3000, 4, 5), 400, seeded(4))
    rms = sounds.square().mean(0).sqrt()
    want = torch.from_numpy(np.interp(np.arange(400), [0, 100, 200, 300], level.numpy()))
    assert cl.amplitude_to_db(rms / want).abs().max() < 0.6
    assert cl.amplitude_to_db(rms[320:].square().mean().sqrt() / 0.2).abs() < 0.1  # the last one is held


# --- Nothing is heard of the frames ---------------------------------------------------------------------------------

HOP = 64  # 250 frames a second at 16 kHz


def buzz(sounds: torch.Tensor) -> float:
    """How far the power swings within a frame: the largest of the first eight multiples of the frame rate in y²,
    against its mean. 1 would be full modulation."""
    power = sounds.square().reshape(-1, HOP).mean(0)
    return float(2 * (torch.fft.rfft(power).abs()[1:9] / power.sum()).max())


def lines_db(sounds: torch.Tensor) -> float:
    """The loudest of the first eight multiples of the frame rate in y itself, against the bins beside it."""
    size = HOP * 64
    power = (sounds.unfold(-1, size, size) * torch.hann_window(size, dtype=sounds.dtype)).reshape(-1, size)
    power = torch.fft.rfft(power).abs().square().mean(0)
    at = 64 * torch.arange(1, 9)
    beside = torch.stack([power[at + d] for d in (-12, -8, -5, 5, 8, 12)]).mean(0)
    return float(10 * torch.log10((power[at] / beside).max()))


def hill(centre: torch.Tensor) -> torch.Tensor:
    """Three bands or so at (n_frames, 1) centres, the rest at −60 dB: a filter that rings for longer than a frame."""
    return (1e-3 + torch.exp(-(((torch.arange(65) - centre) / 1.5) ** 2))).expand(8, 2500, 65)


STEADY = hill(torch.tensor([[12.0]], dtype=F64))
WANDERING = hill(25 + 18 * torch.sin(2 * math.pi * torch.arange(2500, dtype=F64) / 97.3)[:, None])


@pytest.mark.parametrize("magnitudes", [STEADY, WANDERING], ids=["constant", "changing"])
def test_no_energy_bump_at_the_frame_rate(magnitudes):
    n = 2500 * HOP
    ours = cl.filtered_noise(magnitudes, n, seeded(5))
    cut = cut_blocks(magnitudes, white((8, n), 5))
    assert buzz(ours) < 0.01
    assert buzz(cut) > 0.1, "the measure must see what cutting does"
    assert lines_db(ours) < 1.5
    # Noise from 0 to 1 has a mean, which every cut block repeats: a buzz with a pitch.
    assert lines_db(cut_blocks(magnitudes, 0.5 + white((8, n), 5) / math.sqrt(12))) > 10


def test_what_changes_at_every_frame_leaves_no_click():
    """Magnitudes that jump up and down in every frame: the power follows a smooth course between the centres, and
    the treble of a dull noise gains nothing from the switching."""
    dull = torch.where(torch.arange(65) < 8, 1.0, 0.0).to(F64)
    jumping = dull * torch.where(torch.arange(2500) % 2 == 0, 1.0, 0.2)[:, None]
    n = 2500 * HOP
    ours = cl.filtered_noise(jumping.expand(4, 2500, 65), n, seeded(6))
    switched = cut_blocks(jumping.expand(4, 2500, 65), white((4, n), 6))
    treble = [10 ** (power_db(y)[200:] / 10).mean() / 10 ** (power_db(y)[:40] / 10).mean() for y in (ours, switched)]
    assert 10 * torch.log10(treble[0]) < -60
    assert 10 * torch.log10(treble[1]) > -35


def test_block_edges_are_no_bigger_steps_than_the_rest():
    n = 1000 * HOP
    dull = torch.where(torch.arange(65) < 6, 1.0, 0.0).to(F64).expand(8, 1000, 65)
    for y, even in ((cl.filtered_noise(dull, n, seeded(8)), True), (cut_blocks(dull, white((8, n), 8)), False)):
        steps = y.diff().square().mean(0)
        edges = steps[HOP - 1 :: HOP].mean() / steps.mean()
        assert (0.9 < edges < 1.1) == even


# --- Mean and DC ----------------------------------------------------------------------------------------------------


def test_the_mean_is_zero():
    """As near as chance allows: four standard errors; noise from 0 to 1 would have a mean of 0.5."""
    noise = cl.filtered_noise(torch.ones(100, 1, 2), SR, seeded(9))
    assert noise.mean().abs() < 4 / math.sqrt(noise.numel())
    assert noise.mean(-1).abs().max() < 4.5 / math.sqrt(SR)


def test_band_0_is_what_is_slow_and_nothing_else():
    only_dc = torch.zeros(65, dtype=F64)
    only_dc[0] = 1.0
    rumble = cl.filtered_noise(only_dc.expand(8, 250, 65), SR, seeded(10))
    spectrum = power_db(rumble)
    assert abs(spectrum[0] + 6) < 1  # a half, as the window says
    assert spectrum[0] - spectrum[16:].max() > 30  # from band 2 on there are only the window's side lobes
    without = cl.filtered_noise((1 - only_dc).expand(8, 250, 65), SR, seeded(10))
    both = cl.filtered_noise(torch.ones(8, 250, 65, dtype=F64), SR, seeded(10))
    torch.testing.assert_close(without + rumble, both)
    # Its neighbours reach into DC by a quarter each: bands 0 and 1 at zero are needed for a mean of nothing.
    none = torch.ones(65, dtype=F64)
    none[:2] = 0.0
    y = cl.filtered_noise(none.expand(8, 250, 65), SR, seeded(10))
    assert y.mean(-1).abs().max() < 0.05 * both.mean(-1).abs().max()  # what is left happens at the two ends


# --- Randomness -----------------------------------------------------------------------------------------------------


def test_the_seed_is_the_sound():
    m = torch.rand(10, 9, generator=seeded(1))
    a, b, c = (cl.filtered_noise(m, 999, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert abs(float(torch.corrcoef(torch.stack([a, c]))[0, 1])) < 0.2
    assert torch.equal(cl.filtered_noise(m, 999), cl.filtered_noise(m, 999))
    generator = seeded(1)
    first, second = cl.filtered_noise(m, 999, generator), cl.filtered_noise(m, 999, generator)
    assert torch.equal(first, a) and not torch.equal(second, a)  # a generator goes on where it was


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    cl.filtered_noise(torch.ones(4, 5), 100)
    cl.filtered_noise(torch.ones(4, 5), 100, seeded(1))
    assert torch.equal(before, torch.get_rng_state())


def test_every_batch_entry_is_another_noise():
    y = cl.filtered_noise(torch.ones(3, 4, 5), 4000)
    assert torch.corrcoef(y).fill_diagonal_(0).abs().max() < 0.1


# --- Shapes, types, gradients ---------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    n_frames=st.integers(1, 20),
    n_bands=st.integers(2, 40),
    extra=st.integers(0, 300),
    leading=st.sampled_from([(), (1,), (2, 3)]),
)
def test_any_length_any_frames_any_leading_axes(n_frames, n_bands, extra, leading):
    n = n_frames + extra
    m = torch.rand(*leading, n_frames, n_bands, generator=seeded(n))
    y = cl.filtered_noise(m, n, seeded(1))
    assert y.shape == (*leading, n) and y.dtype == torch.float32 and bool(torch.isfinite(y).all())
    one = torch.ones_like(m)
    assert torch.allclose(
        cl.filtered_noise(one, n, seeded(1)), cl.filtered_noise(one[..., :1, :], n, seeded(1)), atol=1e-5
    )


def test_levels_scale_the_sound_and_zero_is_silence():
    m = torch.rand(2, 10, 9, generator=seeded(1))
    torch.testing.assert_close(cl.filtered_noise(0.5 * m, 800), 0.5 * cl.filtered_noise(m, 800))
    assert cl.filtered_noise(torch.zeros(2, 10, 9), 800).abs().max() == 0
    m[:, 4:7] = 0  # silent frames: silent from centre to centre, but for the ring of the neighbours' filters
    y = cl.filtered_noise(m, 800)
    assert y[:, 4 * 80 + 8 : 6 * 80 - 8].abs().max() < 1e-6


def test_types_follow_the_magnitudes():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert cl.filtered_noise(torch.ones(3, 5, dtype=dtype), 64).dtype == dtype
    assert cl.filtered_noise([[1, 0, 1]], 16).dtype == torch.float32
    assert cl.filtered_noise(np.ones((2, 5)), 16).dtype == torch.float64


@pytest.mark.parametrize(("n_frames", "n_bands", "n"), [(3, 5, 24), (4, 3, 19), (1, 2, 7)])
def test_gradient(n_frames, n_bands, n):
    m = (0.1 + torch.rand(2, n_frames, n_bands, dtype=F64, generator=seeded(1))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cl.filtered_noise(x, n, seeded(2)), (m,))
    raw = torch.zeros(n_frames, n_bands, dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cl.filtered_noise(cl.noise_controls(x), n, seeded(2)), (raw,), atol=1e-9)
    zero = torch.zeros(n_frames, n_bands, dtype=F64, requires_grad=True)
    cl.filtered_noise(zero, n).square().sum().backward()
    assert bool(torch.isfinite(zero.grad).all())


def test_controls_start_almost_silent_and_stay_in_range():
    raw = torch.linspace(-30, 30, 61, dtype=F64)
    m = cl.noise_controls(raw)
    np.testing.assert_allclose(m.numpy(), 2 / (1 + np.exp(-(raw.numpy() - 5))) ** math.log(10) + 1e-7, rtol=1e-9)
    assert cl.amplitude_to_db(cl.noise_controls(torch.tensor(0.0))) < -90
    assert m.min() > 0 and m.max() <= 2 + 1e-6 and bool((m.diff() >= 0).all())
    assert cl.noise_controls(5.0, bias=-5.0) == cl.exp_sigmoid(0.0)


def test_a_filter_that_only_fades_is_a_faded_noise_through_one_filter():
    """The loudness may come first or last: what the live figure `noise_bands` computes."""
    m, level = torch.rand(9, dtype=F64, generator=seeded(1)), torch.rand(20, dtype=F64, generator=seeded(2))
    got = cl.filtered_noise(level[:, None] * m, 1000, seeded(3))
    faded = cl.upsample(level, 1000) * cl.filtered_noise(torch.ones(20, 9, dtype=F64), 1000, seeded(3))
    ringing = cl.fft_convolve(torch.nn.functional.pad(faded, (0, 8)), cl.zero_phase_response(m))
    torch.testing.assert_close(got, ringing[8:], atol=1e-12, rtol=0)


# --- Learning -------------------------------------------------------------------------------------------------------


def test_descent_finds_the_filter_of_a_noise():
    """A hill over 65 bands, heard through another noise: its level over time within 1.5 dB, on average over bands."""
    truth = 0.01 + 0.2 * torch.exp(-(((torch.arange(65) - 25) / 12) ** 2))
    target = cl.filtered_noise(truth.expand(25, 65), SR, seeded(9))

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.raw, self.generator = torch.nn.Parameter(torch.full((25, 65), 2.0)), seeded(1)

        def forward(self):
            return cl.filtered_noise(cl.noise_controls(self.raw), SR, self.generator)

    model = Model()
    history = cl.fit(model, target, cl.multiscale_spectral_loss, steps=150, lr=0.1)
    found = cl.noise_controls(model.raw.detach()).square().mean(0).sqrt()
    assert cl.amplitude_to_db(found / truth).abs().mean() < 1.5
    assert history.final_loss < 0.5 * history.losses[0]


def test_the_loss_would_rather_have_too_little_noise():
    """What the chapter says: between two white noises, the multi-scale loss is lowest some 2 dB below the truth."""
    noise = cl.filtered_noise(torch.ones(8, 1, 2), SR, seeded(3))
    losses = [cl.multiscale_spectral_loss(10 ** (g / 20) * noise, noise.roll(1, 0)) for g in (-4, -2, 0)]
    assert losses[1] < losses[0] and losses[1] < losses[2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.filtered_noise([[0.5, -0.1, 0.2]], 100), "must not be negative; got -0.1. Scale them first"),
        (lambda: cl.filtered_noise([[0.5, float("nan")]], 100), "magnitudes must be finite; it is nan at index"),
        (lambda: cl.filtered_noise([[0.5, float("inf")]], 100), "magnitudes must be finite"),
        (lambda: cl.filtered_noise(torch.ones(4, 1), 100), "two bands; got shape \\(4, 1\\)"),
        (lambda: cl.filtered_noise(torch.ones(4), 100), "n_frames, n_bands\\).*got shape \\(4,\\)"),
        (lambda: cl.filtered_noise(torch.ones(0, 4), 100), "got shape \\(0, 4\\)"),
        (lambda: cl.filtered_noise(torch.tensor(1.0), 100), "got shape \\(\\)"),
        (lambda: cl.filtered_noise(torch.ones(8, 4), 7), "n_samples must be at least 8; got 7"),
        (lambda: cl.filtered_noise(torch.ones(8, 4), 10.5), "n_samples must be a whole number"),
        (lambda: cl.zero_phase_response([1.0]), "at least two bands"),
        (lambda: cl.zero_phase_response([1.0, -1.0]), "must not be negative"),
        (lambda: cl.noise_controls([float("nan")]), "raw_magnitudes must be finite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_words_and_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="magnitudes must be numbers"):
        cl.filtered_noise("loud", 100)
    with pytest.raises(TypeError, match="must be real"):
        cl.filtered_noise(torch.ones(2, 3, dtype=torch.complex64), 100)
