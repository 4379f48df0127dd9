"""Pitch on sounds whose pitch is known; loudness against librosa and closed forms; bad input."""

import librosa
import numpy as np
import pytest
import torch

import course_lib as cl
from course_lib.analysis.frames import frame_count
from course_lib.analysis.loudness import a_weighting_db

SR = 16_000


def harmonic(f0):
    n_frames = len(f0)
    return cl.harmonic_synth(
        f0, torch.full((n_frames,), 0.5), torch.full((n_frames, 6), 1 / 6), n_samples=n_frames * 64, sample_rate=SR
    )


def error_cents(estimate, truth):
    return cl.cents(estimate, truth)[10:-10].abs().median()


def test_a_glide_is_followed_without_lag():
    truth = 440.0 * 2.0 ** (-torch.arange(375) / 375)
    f0, voiced = cl.estimate_f0(harmonic(truth), SR)
    assert f0.shape == truth.shape == voiced.shape and voiced.float().mean() > 0.95
    assert error_cents(f0, truth) < 5
    assert cl.cents(f0, truth)[10:-10].mean().abs() < 4  # a lag of one frame would show as 3.2 cents on this glide


def test_vibrato_keeps_its_depth():
    truth = 440.0 * 2.0 ** (torch.sin(2 * torch.pi * 5.5 * torch.arange(375) * 0.004) * 0.5 / 12)
    f0, _ = cl.estimate_f0(harmonic(truth), SR)
    assert error_cents(f0, truth) < 10


@pytest.mark.parametrize("n", [8000, 8001, 8047])
def test_frames_divide_the_sound_evenly_whatever_its_length(n):
    f0, voiced = cl.estimate_f0(cl.sinusoid(300.0, 0.5, n_samples=n, sample_rate=SR), SR, hop_s=0.01)
    assert f0.shape == voiced.shape == (frame_count(n_samples=n, sample_rate=SR, hop_s=0.01),) == (-(-n // 160),)
    assert cl.cents(f0, 300.0).abs().max() < 15


def test_gaps_are_filled_and_never_nan():
    tone, noise = (
        cl.sinusoid(200.0, 0.5, n_samples=6400, sample_rate=SR),
        torch.from_numpy(np.random.default_rng(0).uniform(-0.3, 0.3, 6400)),
    )
    sound = torch.cat([tone, noise.float(), cl.sinusoid(400.0, 0.5, n_samples=6400, sample_rate=SR)])
    f0, voiced = cl.estimate_f0(sound, SR, hop_s=0.01)
    assert torch.isfinite(f0).all() and (f0 > 0).all() and not voiced[45:75].all()
    assert cl.cents(f0[10], 200.0).abs() < 10 and cl.cents(f0[-10], 400.0).abs() < 10


def test_noise_alone_has_no_pitch_and_no_nan():
    noise = torch.from_numpy(np.random.default_rng(1).uniform(-0.3, 0.3, 8000))
    f0, voiced = cl.estimate_f0(noise, SR, hop_s=0.02)
    assert torch.isfinite(f0).all() and f0.dtype == torch.float64
    assert not voiced.any() or voiced.float().mean() < 0.5
    assert (f0 == 0).all() or voiced.any()


@pytest.mark.parametrize(
    ("hop_s", "f_min_hz", "f_max_hz"), [(0.2, 65, 1100), (100.0, 65, 1100), (0.01, 280, 330), (0.004, 290, 326)]
)
def test_wide_frames_and_narrow_ranges_work(hop_s, f_min_hz, f_max_hz):
    f0, voiced = cl.estimate_f0(
        cl.sinusoid(300.0, 0.5, n_samples=8000, sample_rate=SR), SR, hop_s=hop_s, f_min_hz=f_min_hz, f_max_hz=f_max_hz
    )
    assert f0.shape == (frame_count(n_samples=8000, sample_rate=SR, hop_s=hop_s),) and voiced.any()
    assert cl.cents(f0, 300.0).abs().median() < 20


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_precision_follows_the_input(dtype):
    sound = cl.sinusoid(300.0, 0.5, n_samples=4000, sample_rate=SR)
    f0, level = cl.estimate_f0(sound.to(dtype), SR, hop_s=0.02)[0], cl.loudness_db(sound.to(dtype), SR)
    assert f0.dtype == level.dtype == dtype
    torch.testing.assert_close(level.float(), cl.loudness_db(sound, SR), atol=0.2, rtol=0)


def test_f0_of_a_batch_is_that_of_each():
    batch = torch.stack([cl.sinusoid(f, 0.5, n_samples=4800, sample_rate=SR) for f in (200.0, 300.0)])
    f0, voiced = cl.estimate_f0(batch[None], SR, hop_s=0.01)
    assert f0.shape == voiced.shape == (1, 2, 30)
    torch.testing.assert_close(f0[0, 1], cl.estimate_f0(batch[1], SR, hop_s=0.01)[0])


def test_a_weighting_is_librosas():
    f = np.array([20.0, 100.0, 1000.0, 4000.0, 16_000.0])
    np.testing.assert_allclose(a_weighting_db(f).numpy(), librosa.A_weighting(f, min_db=None), atol=0.01)


@pytest.mark.parametrize("hz", [100.0, 440.0, 1000.0, 4000.0])
@pytest.mark.parametrize("amplitude", [1.0, 0.1])
def test_loudness_of_a_tone_is_its_level_plus_the_weighting(hz, amplitude):
    expected = 20 * np.log10(amplitude) + librosa.A_weighting(np.array([hz]))[0]
    level = cl.loudness_db(cl.sinusoid(hz, amplitude, n_samples=SR, sample_rate=SR), SR, floor_db=-120.0)
    # 0.4 dB: a 32 ms window spreads a tone over bins 31 Hz apart, and at 100 Hz the curve is steep.
    np.testing.assert_allclose(level[20:-20].numpy(), expected, atol=0.4)


def test_power_is_averaged_before_the_logarithm():
    # Two tones of equal weighted power are 3 dB louder than one. A mean of decibels would hardly move at all.
    one, two = (
        cl.sinusoid(1000.0, 0.3, n_samples=SR, sample_rate=SR),
        cl.sinusoid(1000.0, 0.3, n_samples=SR, sample_rate=SR)
        + cl.sinusoid(3000.0, 0.26, n_samples=SR, sample_rate=SR),
    )
    assert float((cl.loudness_db(two, SR) - cl.loudness_db(one, SR))[50:-50].mean()) == pytest.approx(3.0, abs=0.2)


def test_silence_is_the_floor_and_shapes_follow():
    assert (cl.loudness_db(torch.zeros(2, 1600), SR) == -80.0).all()
    assert cl.loudness_db(torch.zeros(3, 2, 1601), SR, floor_db=-60.0).shape == (3, 2, 26)
    assert cl.loudness_db(torch.ones(1), SR).shape == (1,)


def test_loudness_gradient():
    x = torch.rand(2, 40, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: cl.loudness_db(s, 1000, hop_s=0.01, window_s=0.016, floor_db=-200), (x,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.estimate_f0(torch.zeros(0), SR), "at least 1 sample"),
        (lambda: cl.estimate_f0(torch.ones(1), SR), "too short to hear a pitch of 65 Hz"),
        (lambda: cl.estimate_f0(torch.full((8000,), float("nan")), SR), "must be finite"),
        (lambda: cl.estimate_f0(torch.ones(8000), 0), "sample_rate must be positive"),
        (lambda: cl.estimate_f0(torch.ones(8000), SR, hop_s=0.0), "hop_s must be positive"),
        (lambda: cl.estimate_f0(torch.ones(8000), SR, f_min_hz=500, f_max_hz=400), "needs 0 < f_min_hz"),
        (lambda: cl.estimate_f0(torch.ones(8000), SR, f_max_hz=9000), "needs 0 < f_min_hz"),
        (lambda: cl.estimate_f0(torch.ones(8000), SR, f_min_hz=400, f_max_hz=410), "two semitones"),
        (lambda: cl.estimate_f0(torch.ones(8000), SR, hop_s=float("nan")), "hop_s must be positive"),
        (lambda: cl.estimate_f0(torch.tensor(1.0), SR), "got a single number"),
        (lambda: cl.loudness_db(torch.ones(800), SR, floor_db=float("-inf")), "floor_db must be"),
        (lambda: cl.loudness_db(torch.zeros(0), SR), "at least 1 sample"),
        (lambda: cl.loudness_db(torch.full((8,), float("inf")), SR), "must be finite"),
        (lambda: cl.loudness_db(torch.ones(8), -1), "sample_rate must be positive"),
        (lambda: cl.loudness_db(torch.ones(8), SR, hop_s=1e-9), "at least one sample"),
        (lambda: cl.loudness_db(torch.ones(8), SR, window_s=0), "window_s"),
        (lambda: a_weighting_db([-1.0]), "must not be negative"),
        (lambda: a_weighting_db([float("inf")]), "must be finite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
