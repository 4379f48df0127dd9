"""The phrase in the page: what its knobs add up is what the library adds up, and near what the network would play."""

from __future__ import annotations

import json
import random

import pytest
import torch

from course_lib import live_figure
from course_lib.display.figures.phrase_knobs import (
    EVERY,
    FRAMES,
    HARMONICS,
    INSTRUMENT,
    edited,
    knobs,
    notes,
    page_data,
    play_phrase,
    reduced,
    renditions,
    twin,
)
from course_lib.midi_ddsp import CONTROLS, play
from tests.helpers.figures import assert_page_sounds_as_the_library

SAMPLES = 256 * FRAMES


def state(**changes) -> dict:
    return {**live_figure("phrase_knobs").state, **changes}


@pytest.mark.parametrize("part", [0, 1])
def test_the_page_makes_the_sound_that_the_library_makes(part):
    rng = random.Random(part)
    here = state(player=2, **{name: [rng.choice((-1.0, rng.uniform(0, 1.2))) for _ in range(8)] for name in CONTROLS})
    assert_page_sounds_as_the_library("phrase_knobs", here, edited(here), part, SAMPLES)


def test_at_rest_it_is_the_phrase_as_stored():
    r, c = renditions(), edited(state())
    level = 20 * torch.log10((c.amplitude.unsqueeze(-1) * c.distribution).clamp(min=1e-9))
    there = (r.base[:, :HARMONICS] > -100) & (level > -170)
    assert there.float().mean() > 0.6
    assert (level - r.base[:, :HARMONICS])[there].abs().max() < 0.2  # harmonics above Nyquist are gone
    assert len(json.dumps(page_data())) < 300_000


def test_what_is_stored_is_what_the_players_play():
    """Another processor rounds, and draws, a little differently: most levels agree to a decibel."""
    fresh = play_phrase()
    r = renditions()
    assert (torch.tensor(fresh["expression"]).double() - r.expression).abs()[0].max() < 0.02
    levels = (torch.tensor(fresh["levels"]).double() - 255) / 2
    assert ((levels[0] - r.base).abs() < 1.5).float().mean() > 0.95


def test_a_knob_turns_its_own_note_and_its_own_number():
    before = twin(state(note=3))
    values = [-1.0] * 8
    values[2] = 0.5
    after = twin(state(note=3, volume=values))
    had = float(knobs(state())[2, 0])
    assert after["mean_db"] - before["mean_db"] == pytest.approx(60 * (0.5 - had), abs=4)
    others = [i for i in range(FRAMES) if not 1.26 <= i / 62.5 <= 1.70]
    assert max(abs(after["level_db"][i] - before["level_db"][i]) for i in others) < 1e-9
    assert after["cents"] == before["cents"]
    bright = twin(state(note=3, brightness=[0.8] * 8))
    assert bright["centroid"] > before["centroid"] + 2
    waving = twin(state(note=3, vibrato=[1.0] * 8))
    assert 15 < waving["cents"] < 60 and twin(state(note=3, vibrato=[0.0] * 8))["cents"] == 0


@pytest.mark.parametrize(("pair", "most"), [((0, 4), 4.0), ((4, 5), 4.0), ((0, 1), 4.0), ((1, 2), 12.0)])
def test_two_knobs_at_once_are_near_what_the_network_would_play(pair, most):
    """The page adds differences up; the network itself is asked for the same two. Swell and peak bend one curve."""
    line, r = notes(), renditions()
    asked = r.expression[0].float().clone()
    asked[:, list(pair)] = 0.75
    network = reduced(play(line, asked, INSTRUMENT, n_frames=FRAMES * EVERY))[:, :HARMONICS].double()
    c = edited(state(**{CONTROLS[i]: [0.75] * 8 for i in pair}))
    page = 20 * torch.log10((c.amplitude.unsqueeze(-1) * c.distribution).clamp(min=1e-7))
    heard = (network > -80) & (page > -130)
    assert float((network - page)[heard].abs().median()) < most


def test_choosing_a_player_forgets_what_was_set():
    own = knobs(state(player=3))
    assert torch.equal(own, renditions().expression[3])
    some = state(player=3, vibrato=[0.25] * 8)
    assert (knobs(some)[:, 3] == 0.25).all() and torch.equal(knobs(some)[:, :3], own[:, :3])
