"""The violin in the page: 8-bit weights lose little, and its script makes the sound that the library makes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from course_lib import fft_convolve, harmonic_synth, live_figure
from course_lib.display import live
from course_lib.display.figures.player import INSTRUMENT, curves, page_data, page_model, page_weights, quantise
from course_lib.effects.fir import shape_noise
from course_lib.tone_transfer import load_instrument
from tests.helpers.figures import READ, page_noise, run_node

SAMPLES = 25_600


def test_rounding_a_row_costs_half_a_step():
    matrix = torch.tensor(np.random.default_rng(0).normal(size=(7, 30)), dtype=torch.float32)
    matrix[3] *= 1000
    error = (quantise(matrix).value - matrix).abs().amax(-1)
    assert bool((error <= matrix.abs().amax(-1) / 254 * 1.01).all())
    assert bool((quantise(torch.zeros(2, 3)).value == 0).all())


def test_the_page_s_violin_is_the_violin():
    """Eight bits change what is heard by half a decibel, more only for moments: a note may set in a few frames off."""
    f0, loudness = curves(live_figure("player").state)
    model, _ = load_instrument(INSTRUMENT)
    with torch.no_grad():
        exact = model.controls(f0.float(), loudness.float())
        page = page_model().controls(f0, loudness)
    loud = (exact.amplitude.unsqueeze(-1) * exact.distribution) > 10 ** (-50 / 20)
    difference = 20 * torch.log10(
        (page.amplitude.unsqueeze(-1) * page.distribution)[loud]
        / (exact.amplitude.unsqueeze(-1) * exact.distribution)[loud]
    )
    assert difference.abs().median() < 0.6
    assert difference.abs().quantile(0.9) < 5
    assert abs(float(difference.mean())) < 1
    noise = 20 * torch.log10(page.noise_magnitudes / exact.noise_magnitudes)
    assert noise.abs().median() < 0.6


def test_its_script_is_small_and_has_every_weight():
    decoder, room = page_weights()
    assert len(json.dumps(page_data())) < 300_000
    assert room.value.numel() == load_instrument(INSTRUMENT)[0].config.reverb_taps
    assert decoder.keys() == load_instrument(INSTRUMENT)[0].decoder.state_dict().keys()


@pytest.fixture(scope="module")
def sounds():
    """Harmonics, noise and room of one state, from the page's script and from the library."""
    state = live_figure("player", vibrato_cents=50, transpose=-5).state
    page = run_node(
        f"{live.node_module('player')}{READ}const n = compute(data).heard;"
        "console.log(JSON.stringify([harmonics(n), hiss(n), convolve(add(harmonics(n), hiss(n)), room())]"
        ".map((x) => [...x])));",
        state,
    )
    model = page_model()
    with torch.no_grad():
        c = model.controls(*curves(state))
        harmonic = harmonic_synth(c.f0_hz, c.amplitude, c.distribution, n_samples=SAMPLES, sample_rate=16000)
        noise = shape_noise(page_noise(SAMPLES), c.noise_magnitudes)
        room = fft_convolve(harmonic + noise, model.reverb.impulse_response)
    return dict(
        zip(
            ("harmonic", "noise", "room"),
            zip(map(torch.tensor, page), (harmonic, noise, room), strict=True),
            strict=True,
        )
    )


@pytest.mark.parametrize("part", ["harmonic", "noise", "room"])
def test_the_page_makes_the_sound_that_the_library_makes(sounds, part):
    page, ours = sounds[part]
    assert page.shape == ours.shape == (SAMPLES,)
    assert ours.abs().max() > 1e-3
    assert (page - ours).abs().max() < 1e-4 * ours.abs().max() + 1e-7
