"""Levels for listening: a level while it sounds, one gain for a group, fades that touch the edges alone."""

import math

import numpy as np
import pytest
import torch

import course_lib as cl

SR = 16000


def sine(amplitude=0.5, n=SR, hz=440.0):
    return amplitude * torch.sin(2 * math.pi * hz * torch.arange(n, dtype=torch.float64) / SR + 1.0)


def test_the_level_of_a_steady_sine_is_its_rms():
    assert cl.active_rms_db(sine(0.5), SR) == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.02)


def test_rests_do_not_lower_the_level_and_half_a_second_of_each_is_their_mean_power():
    x = sine(0.5)
    with_rests = torch.cat([torch.zeros(SR, dtype=x.dtype), x, 1e-4 * x])
    assert cl.active_rms_db(with_rests, SR) == pytest.approx(cl.active_rms_db(x, SR), abs=1e-6)
    two = torch.cat([x, 0.5 * x])
    blocks = two.numpy().reshape(-1, 800)
    assert cl.active_rms_db(two, SR) == pytest.approx(10 * np.log10((blocks**2).mean()), abs=1e-6)


def test_silence_has_the_floor_and_stays_silent():
    assert cl.active_rms_db(torch.zeros(100), SR) == -120.0
    assert cl.gain_to_level([torch.zeros(100)], SR, level_db=-20.0) == 1.0


@pytest.mark.parametrize("amplitude", [0.001, 0.1, 1.0])
def test_one_gain_brings_the_loudest_to_the_level(amplitude):
    loud, quiet = sine(amplitude), sine(amplitude / 10)
    gain = cl.gain_to_level([quiet, loud], SR, level_db=-20.0)
    assert cl.active_rms_db(gain * loud, SR) == pytest.approx(-20.0, abs=1e-6)
    assert cl.active_rms_db(gain * quiet, SR) == pytest.approx(-40.0, abs=1e-6)


def test_a_peak_is_not_driven_over_full_scale():
    click = torch.zeros(SR)
    click[100] = 0.01
    assert (cl.gain_to_level([click], SR, level_db=0.0) * click).max().item() == pytest.approx(0.99)


@pytest.mark.parametrize("shape", [(SR,), (2, SR)])
def test_a_cut_fades_within_ten_milliseconds_and_the_rest_is_untouched(shape):
    x = sine().expand(shape)
    faded = cl.fade_cuts(x, SR)
    n = SR // 100
    assert faded.shape == x.shape
    assert faded[..., 0].abs().max() == 0 and faded[..., -1].abs().max() == 0
    assert torch.equal(faded[..., n:-n], x[..., n:-n])
    assert (faded.abs() <= x.abs()).all()


def test_an_edge_that_is_silent_is_left_alone_and_so_is_a_fade_of_no_length():
    x = sine()
    x[0] = 0.0
    assert torch.equal(cl.fade_cuts(x, SR)[: SR // 2], x[: SR // 2])
    assert torch.equal(cl.fade_cuts(sine(), SR, fade_s=0.0), sine())
    assert torch.equal(cl.fade_cuts(torch.ones(639), SR), torch.ones(639))
    assert not torch.equal(cl.fade_cuts(torch.ones(640), SR), torch.ones(640))


def test_gradients_pass_a_fade():
    x = sine(n=700).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: cl.fade_cuts(s, SR), (x,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.active_rms_db(torch.ones(0), SR), "at least 1 sample"),
        (lambda: cl.active_rms_db(torch.ones(9), 0), "sample_rate must be positive"),
        (lambda: cl.gain_to_level([], SR, level_db=-20.0), "at least one sound"),
        (lambda: cl.fade_cuts(torch.ones(9), SR, fade_s=-1.0), "fade_s must be"),
        (lambda: cl.fade_cuts(torch.tensor([math.nan]), SR), "must be finite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
