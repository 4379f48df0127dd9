"""A fit that can be heard happening: which steps are kept, whose sounds they are, and what stands in the page."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
import pytest
import soundfile
import torch

import course_lib as cl
from course_lib.display import live
from course_lib.display.figures.hear import figure_sounds
from course_lib.display.figures.history import EXCERPT_S, GAP_S, RECORDS
from course_lib.display.plots.fits import _loudest_stretch, _spread
from course_lib.effects.levels import active_rms_db, fade_cuts
from tests.helpers.figures import run_node

RATE = 8000
TARGET = 0.01 * torch.sin(torch.arange(2 * RATE) / 7) * torch.linspace(0.2, 1, 2 * RATE)
STEPS = list(range(0, 301, 6))


def history(steps: list[int] = STEPS) -> cl.History:
    """A fit whose sound grows from a tenth to all of the target."""
    sounds = [TARGET * (0.1 + 0.9 * step / steps[-1]) for step in steps]
    return cl.History(losses=[1 / (1 + i) for i in range(steps[-1] + 1)], steps=steps, sounds=sounds)


def decoded(text: str) -> np.ndarray:
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(text)))
    assert rate == RATE
    return sound


def test_the_steps_lie_close_together_where_most_happens() -> None:
    assert [STEPS[i] for i in _spread(STEPS, 7)] == [0, 6, 18, 54, 108, 192, 300]
    assert _spread(list(range(12)), 7) == [0, 1, 2, 3, 4, 7, 11]
    assert _spread([0, 1], 7) == [0, 0, 0, 0, 0, 0, 1] or _spread([0, 1], 7)[-1] == 1
    for count in range(7, 60):
        chosen = _spread(list(range(count)), 7)
        assert chosen[0] == 0 and chosen[-1] == count - 1 and len(set(chosen)) == 7


def test_the_loudest_stretch_is_taken() -> None:
    sound = torch.zeros(100)
    sound[40:50] = 1
    begin, end = _loudest_stretch(sound, 20)
    assert end - begin == 20 and begin <= 40 and end >= 50
    assert _loudest_stretch(sound, 300) == (0, 100)


def test_every_sound_is_the_fit_s_at_one_gain() -> None:
    recorded = history()
    state = cl.animate_history(recorded, TARGET, RATE).state
    begin = round(state["begin_s"] * RATE)
    part = slice(begin, begin + round(EXCERPT_S * RATE))
    gain = 10 ** (state["gain_db"] / 20)
    assert begin == pytest.approx(1.2 * RATE, abs=60)  # it grows
    assert len(state["sounds"]) == RECORDS + 1
    for step, sound in zip(state["steps"], state["sounds"], strict=False):
        want = gain * fade_cuts(recorded.sounds[recorded.steps.index(step)][part].double(), RATE).numpy()
        np.testing.assert_allclose(decoded(sound), want, atol=2**-15)
        assert state["losses"][state["steps"].index(step)] == pytest.approx(recorded.losses[step], abs=1e-6)
    target = gain * fade_cuts(TARGET[part].double(), RATE).numpy()
    np.testing.assert_allclose(decoded(state["sounds"][-1]), target, atol=2**-15)
    assert active_rms_db(torch.from_numpy(decoded(state["sounds"][-1])), RATE) == pytest.approx(-20, abs=0.2)


def test_the_page_plays_each_step_s_own_sound_and_then_all_in_turn() -> None:
    state = cl.animate_history(history(), TARGET, RATE).state
    for record in (0, 4):
        target, step, every = figure_sounds("history", {**state, "record": record})[0]
        assert target.gain_db == step.gain_db == every.gain_db == state["gain_db"]
        inner = slice(100, -100)
        np.testing.assert_allclose(step.audio[0][inner], decoded(state["sounds"][record])[inner], atol=1e-6)
        np.testing.assert_allclose(target.audio[0][inner], decoded(state["sounds"][-1])[inner], atol=1e-6)
        stride = step.audio.shape[-1] + round(GAP_S * RATE)
        parts = every.audio[0].reshape(RECORDS + 1, stride)
        np.testing.assert_allclose(parts[record][inner][:6000], step.audio[0][inner][:6000], atol=1e-6)
        assert not parts[:, step.audio.shape[-1] :].any()
        levels = [active_rms_db(torch.from_numpy(part), RATE) for part in parts]
        assert levels == sorted(levels) and levels[0] < levels[-1] - 15  # one gain: the fit is heard to grow


def test_what_sounds_is_what_is_shown() -> None:
    """While all are played in turn, the step shown is the one heard, and nothing is marked in the pauses."""
    script = f"""{live.node_module("history")}
    const state = {{ record: 5, rate: {RATE} }}, view = {{ sounds: [new Float32Array({round(EXCERPT_S * RATE)})] }};
    const seen = [];
    const api = {{ view, state, set: (v) => Object.assign(state, v), redraw() {{}} }};
    for (const t of [0.1, 0.9, 1.1, 6.5, 7.4, null]) {{
      figure.sounds[2].during(t, api);
      seen.push([state.record, view.heard && [view.heard.at, +view.heard.seconds.toFixed(6)]]);
    }}
    console.log(JSON.stringify(seen));"""
    assert run_node(script, None) == [
        [0, [0, 0.1]], [0, None], [1, [1, 0.1]], [6, [6, 0.5]], [6, [7, 0.4]], [6, None]
    ]  # fmt: skip


def test_without_a_script_there_is_a_player_for_each_step() -> None:
    figure = cl.animate_history(history(), TARGET, RATE)
    text = figure._repr_html_()
    names = re.findall(r"<audio controls preload='none' data-field='sounds' aria-label='([^']+)'", text)
    assert names == [f"step {step}" for step in figure.state["steps"]] + ["target"]
    assert "<td>step 0</td><td>1</td>" in text and len(text) < 200_000


@pytest.mark.parametrize("sounds", [["no"] * 8, ["ZkxhQ"], 3, None])
def test_what_is_no_recording_is_refused(sounds: object) -> None:
    with pytest.raises(ValueError, match="sounds must be 8 FLAC sounds"):
        cl.live_figure("history", sounds=sounds)


def test_a_loud_fit_is_turned_down() -> None:
    loud = cl.History(losses=[1.0, 0.5], steps=[0, 1], sounds=[900 * TARGET, TARGET])
    state = cl.animate_history(loud, TARGET, RATE).state
    assert active_rms_db(torch.from_numpy(decoded(state["sounds"][0])), RATE) == pytest.approx(-20, abs=0.1)
    assert math.isclose(max(abs(decoded(state["sounds"][0]))), 0.16, abs_tol=0.1)
