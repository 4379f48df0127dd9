"""The phrase in the page: rounding loses little, and its script makes the sound that the library makes."""

from __future__ import annotations

import json

import pytest
import torch

from course_lib import live_figure
from course_lib.display.figures.taken_apart import PIECE, changed, page_data, phrase
from course_lib.midi_ddsp import hear
from course_lib.sounds.clips import data_path, load_audio
from tests.helpers.figures import assert_page_sounds_as_the_library

SAMPLES = 32_000


def test_the_page_s_phrase_is_what_is_heard():
    audio, rate = load_audio(data_path(f"midi_ddsp/performances/{PIECE}.flac"), 16_000, mono=True)
    controls = hear(audio, rate, [], instrument="trumpet").controls
    page = changed(live_figure("taken_apart", kept=60).state)
    exact = (controls.amplitude.unsqueeze(-1) * controls.distribution)[:500:2]
    ours = page.amplitude.unsqueeze(-1) * page.distribution
    there = exact > 1e-5
    assert (20 * torch.log10(ours[there] / exact[there])).abs().max() < 0.3
    assert torch.allclose(page.f0_hz.float(), controls.f0_hz[:500:2], rtol=1e-4)
    assert len(json.dumps(page_data())) < 60_000 and phrase().noise_db.shape == (250, 65)


@pytest.mark.parametrize("part", [0, 1])
def test_the_page_makes_the_sound_that_the_library_makes(part):
    state = live_figure("taken_apart", transpose=-5, kept=20, bright_db=1, noise_db=20, swell=0.5).state
    assert_page_sounds_as_the_library("taken_apart", state, changed(state), part, SAMPLES)


def test_the_sliders_do_what_they_say():
    plain, state = changed(live_figure("taken_apart").state), live_figure("taken_apart").state
    up = changed({**state, "transpose": 12})
    assert torch.allclose(up.f0_hz, 2 * plain.f0_hz)
    few = changed({**state, "kept": 3})
    assert (few.distribution[:, 3:] == 0).all() and few.amplitude.sum() < plain.amplitude.sum()
    flat = changed({**state, "swell": 0})
    loud = plain.amplitude > 10 ** (-69 / 20)
    assert (20 * torch.log10(flat.amplitude[loud])).std() < 0.01
    noisy = changed({**state, "noise_db": 20})
    assert torch.allclose(noisy.noise_magnitudes, 10 * plain.noise_magnitudes)
