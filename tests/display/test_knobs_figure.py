"""The six knobs in the page: its script reads off a note what the library reads, and plays what the library plays."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch

from course_lib import live_figure
from course_lib.display import live
from course_lib.display.figures.note_knobs import note_controls, note_sounds, twin
from course_lib.midi_ddsp import CONTROLS
from tests.helpers.figures import READ, page_noise, random_state, run_node

SAMPLES = 19_200
PLAIN = {"vibrato": 0.0, "swell_db": 0.0}


def six(variant: str, **state: float) -> dict[str, float]:
    return dict(zip(CONTROLS, twin(live_figure("note_knobs", **state).state)[variant], strict=True))


def test_page_and_library_read_the_same_six_numbers():
    """To 1e-6 absolutely, in both variants, over states drawn at random: gentle ones too, where nothing is cut off."""
    rng = random.Random(6)
    states = [random_state("note_knobs", rng) for _ in range(24)]
    for i, state in enumerate(states):
        if i % 2:
            state["bend"] = [v / 10 for v in state["bend"]]
            state["glide"] /= 3
    pages = run_node(
        f"{live.node_module('note_knobs')}{READ}"
        "console.log(JSON.stringify(data.map(compute).map((n) => [n.mended, n.original])));",
        states,
    )
    for state, page in zip(states, pages, strict=True):
        ours = twin(state)
        np.testing.assert_allclose(page, [ours["mended"], ours["original"]], atol=1e-6, rtol=0, err_msg=str(state))


@pytest.mark.parametrize("depth", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("rate", [4.0, 5.5, 8.0])
def test_a_sine_of_depth_a_reads_as_3_75_a(depth, rate):
    for variant in ("mended", "original"):
        got = six(variant, **{**PLAIN, "vibrato": depth, "rate_hz": rate})["vibrato"]
        assert got == pytest.approx(3.75 * depth, rel=0.03)


def test_a_glide_hides_the_vibrato_from_the_published_formula_only():
    state = {**PLAIN, "vibrato": 0.1, "rate_hz": 5.5, "glide": 1.0}
    assert six("original", **state)["vibrato"] == 0
    assert six("mended", **state)["vibrato"] == pytest.approx(0.375, rel=0.03)
    assert six("mended", **{**state, "vibrato": 0.0})["vibrato"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("rate", "heard"), [(2.0, False), (3.5, True), (8.5, True), (11.0, False)])
def test_a_vibrato_lies_between_3_and_9_hz(rate, heard):
    assert (six("original", **{**PLAIN, "vibrato": 0.3, "rate_hz": rate})["vibrato"] > 1) == heard


def test_the_floor_hides_soft_attacks_and_quiet_notes():
    soft = [six("original", attack_db=v)["attack_noise"] for v in (-115, -105)]
    assert min(soft) >= 0.625 and soft[1] - soft[0] < 0.06
    true = [six("mended", attack_db=v)["attack_noise"] for v in (-115, -105)]
    np.testing.assert_allclose(true, [-0.25, 0], atol=1e-9)
    assert six("original", **{**PLAIN, "level_db": -95})["volume"] == pytest.approx(-80 / 60 + 1.5)
    assert six("mended", **{**PLAIN, "level_db": -95})["volume"] == pytest.approx(-95 / 60 + 1.5)


def test_the_peak_is_where_the_slider_says():
    for peak in (0.0, 0.3, 0.5, 0.8):
        assert six("mended", peak=peak)["volume_peak_position"] == pytest.approx(peak, abs=1 / 300)


def test_brightness_counts_harmonics_and_not_hertz():
    low, high = (twin(live_figure("note_knobs", **PLAIN, pitch=p, tilt=-18).state) for p in (45, 57))
    assert low["mended"][4] == pytest.approx(high["mended"][4], rel=0.02)
    assert high["centroid_hz"] == pytest.approx(2 * low["centroid_hz"], rel=0.02)


def test_distribution_is_a_valid_one():
    c = note_controls(live_figure("note_knobs", pitch=76, tilt=0, glide=3).state)
    torch.testing.assert_close(c.distribution.sum(-1), torch.ones(300, dtype=torch.float64))
    k = torch.arange(1, 61)
    assert bool((c.distribution[c.f0_hz.unsqueeze(-1) * k >= 8000] == 0).all())


def test_the_page_makes_the_sound_that_the_library_makes():
    state = live_figure("note_knobs", glide=2, vibrato=0.5, tilt=-3, pitch=70, attack_db=-62).state
    page = run_node(
        f"{live.node_module('note_knobs')}{READ}const n = compute(data);"
        "console.log(JSON.stringify([played(data, n), hiss(n)].map((x) => [...x])));",
        state,
    )
    for got, want in zip(page, note_sounds(state, page_noise(SAMPLES)), strict=True):
        assert want.shape == (SAMPLES,) and want.abs().max() > 1e-4
        # Half a hop of noise at either end lies beyond the sound, where filtering and fading change places.
        assert (torch.tensor(got) - want).abs().max() < 1e-3 * want.abs().max()


def test_dragging_changes_what_lies_under_the_pointer():
    script = f"""{live.node_module("note_knobs")}
    const state = {{...{json.dumps(live_figure("note_knobs").state)}}};
    const area = (on, x, y) => ({{ has: () => on, back: () => x, backY: () => y }});
    const out = ["bend", "drawn_db", "tilt"].map((key, j) => {{
      const view = {{}}, got = [], [x, y] = [[0.6, 1], [0.6, -50], [8, -30]][j];
      ["bend", "drawn_db", "tilt"].forEach((k) => {{ view[k] = area(k === key, x, y); }});
      const api = {{ view, state, set: (patch) => got.push(patch) }};
      for (const type of ["down", "move", "up", "move"]) figure.pointer(0, 0, type, api);
      return got;
    }});
    console.log(JSON.stringify(out));"""
    bend, drawn, tilt = run_node(script, None)
    assert len(bend) == len(drawn) == len(tilt) == 2  # down and move; nothing once let go
    assert bend[0]["bend"][4] == pytest.approx(1, abs=1e-9) and bend[0]["bend"].count(0) == 8
    roofed = live_figure("note_knobs", **{"drawn_db": drawn[0]["drawn_db"]}).state
    assert twin(roofed)["level_db"][150] == pytest.approx(-50, abs=0.2)
    assert tilt[0]["tilt"] == pytest.approx(-10)
