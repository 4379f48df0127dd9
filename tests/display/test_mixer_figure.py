"""The mixer in the page: its phrase is that of the score, its sound in both ears is the library's."""

from __future__ import annotations

import json

import pytest
import torch

from course_lib import live_figure, read_midi
from course_lib.display import live
from course_lib.display.figures.mixer import EVERY, FRAMES, controls_of, mixer_sound, page_data, stems, twin
from course_lib.sounds.clips import data_path
from tests.helpers.figures import READ, page_noise, run_node


def test_the_phrase_is_the_score_s_and_small():
    score = read_midi(data_path("scores/chorale.mid"))
    assert len(json.dumps(page_data())) < 200_000
    for voice, stem in zip(score.voices, stems(), strict=True):
        inside = [note for note in voice.notes if note.end_s < FRAMES * EVERY / 250]
        assert len(inside) > 8
        for note in inside:
            middle = round((note.onset_s + note.duration_s / 2) * 250 / EVERY)
            assert float(stem.straight[middle]) == note.pitch
            assert abs(float(stem.pitch[middle]) - note.pitch) < 0.6
            assert float(stem.harmonics_db[middle].max()) > -70
    assert bool((stems()[-1].pure == stems()[-1].straight).all())  # the bass is what the others tune to
    assert all((stem.pure - stem.straight).abs().max() < 0.2 for stem in stems())


@pytest.mark.parametrize("pitch", ["played", "just"])
def test_the_page_makes_the_sound_that_the_library_makes(pitch):
    state = live_figure("mixer", pitch=pitch, gains_db=[-3, 2, -30, 0], pans=[-1, 0.3, 0.5, 0.9], apart_ms=20).state
    page = run_node(
        f"{live.node_module('mixer')}{READ}const left = figure.sounds[0].make(data, compute(data));"
        "console.log(JSON.stringify([[...left], [...left.right]]));",
        state,
    )
    sound = torch.tensor(page)
    ours = mixer_sound(state, page_noise((FRAMES + 24) * 256))
    assert sound.shape == ours.shape and ours.abs().max() > 0.01
    assert (sound - ours).abs().max() < 2e-4 * ours.abs().max()


def test_the_levels_drawn_are_those_heard():
    state = live_figure("mixer", apart_ms=1, gains_db=[-30, -30, -30, 0], pans=[0, 0, 0, -0.5]).state
    c = controls_of(stems()[3], "played")
    power = (c.amplitude.unsqueeze(-1) * c.distribution).square().sum(-1) / 2
    want = 10 * torch.log10(power[::5] * float(torch.tensor(torch.pi / 4 * 1.5).sin()) ** 2)
    assert torch.tensor(twin(state)["left_db"])[20:60] == pytest.approx(want[20:60].float(), abs=0.1)
    assert twin(state)["balance_db"] < -6


def test_a_slider_changes_one_voice_and_leaves_the_lists_whole():
    state = live_figure("mixer").state
    changed = run_node(
        f"{live.node_module('mixer')}{READ}console.log(JSON.stringify(completed(figure.controls).filter((c) => c.put)"
        ".map((c) => [c.key, c.put(c.min, data), c.get({ ...data, ...c.put(c.max, data) }) === c.max])));",
        state,
    )
    assert len(changed) == 8 and all(there for *_, there in changed)
    for key, patch, _ in changed:
        assert key not in state  # else the page would take it for a number
        ((name, values),) = patch.items()
        assert sum(new != old for new, old in zip(values, state[name], strict=True)) == 1
