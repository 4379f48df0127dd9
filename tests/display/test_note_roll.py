"""The piano roll in the page: notes can be dragged and stretched."""

from __future__ import annotations

import pytest

from course_lib import live_figure
from course_lib.display import live
from tests.helpers.figures import READ, run_node

# One pixel is 10 ms and a tenth of a semitone.
DRAG = """
const state = { ...data.state }, view = { roll: { back: (x) => x / 100, backY: (y) => 80 - y / 10, has: () => true } };
const api = { state, view, set: (patch) => Object.assign(state, patch) };
figure.pointer(...data.down, "down", api);
for (const type of ["move", "up"]) figure.pointer(...data.to, type, api);
console.log(JSON.stringify(state));
"""


def dragged(down, to):
    state = live_figure("note_roll").state
    return state, run_node(f"{live.node_module('note_roll')}{READ}{DRAG}", {"state": state, "down": down, "to": to})


def test_a_note_moves_by_what_the_hand_moves():
    before, after = dragged([70, 83], [120, 63])  # grabbed at 0.7 s, 0.3 semitone below note 2 (0.4 s, 72)
    assert after["chosen"] == 2
    assert after["onsets"][1] == pytest.approx(before["onsets"][1] + 0.5)
    assert after["pitches"][1] == before["pitches"][1] + 2 and after["lengths"] == before["lengths"]


def test_its_right_end_stretches_it():
    before, after = dragged([98, 80], [118, 40])  # 2 note's end lies at 1.0 s
    assert after["lengths"][1] == pytest.approx(before["lengths"][1] + 0.2)
    assert after["onsets"] == before["onsets"] and after["pitches"] == before["pitches"]


def test_what_is_dragged_beyond_the_edge_stays_inside():
    _, after = dragged([70, 80], [-500, -500])
    assert after["onsets"][1] == 0 and after["pitches"][1] == 77
