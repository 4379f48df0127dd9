"""How loud live figures are: near −20 dB as they begin, never clipped, faded where they were cut, and they say so."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import numpy as np
import pytest
import torch

from course_lib import active_rms_db, live_figure
from course_lib.display import figures, live
from course_lib.display.figures.hear import figure_sounds
from course_lib.effects.levels import fade_cuts
from tests.helpers.figures import READ, edge_states, random_state, run_node

SOUNDING = [kind for kind in live.kinds() if kind != "questions"]


@pytest.mark.parametrize("kind", SOUNDING)
def test_a_figure_begins_near_minus_20_db_or_says_why_not(kind: str) -> None:
    about = figures.find(kind)
    sounds = figure_sounds(kind, live_figure(kind).state)[0]
    levels = [active_rms_db(torch.from_numpy(sound.audio), sound.sample_rate) for sound in sounds]
    if about.level_is_taught:
        assert len(about.level_is_taught) > 20 and -35 < min(levels) <= max(levels) < -10
    else:
        assert abs(levels[0] + 20) <= 3, levels
        assert -27 < min(levels) <= max(levels) < -15, levels  # parts of the first keep their place beside it
    for sound in sounds:
        assert sound.gain_db == pytest.approx(sound.wanted_db), f"{sound.label} would clip as it begins"
        extra = re.search(r"(\d+) dB louder", sound.label)
        told = float(extra[1]) if extra else 0.0
        assert kind == "history" or sound.wanted_db == about.play_db + told, "a level that nobody is told"


@pytest.mark.parametrize("kind", SOUNDING)
def test_no_state_clips_and_no_edge_clicks(kind: str) -> None:
    rng = random.Random(kind)
    states = [live_figure(kind).state, *edge_states(kind), *(random_state(kind, rng) for _ in range(3))]
    for sounds in figure_sounds(kind, *states):
        for sound in sounds:
            peak = float(np.abs(sound.audio).max())
            assert np.isfinite(sound.audio).all() and peak <= 1, sound.label
            if sound.seamless:
                # Where the loop closes it jumps no further than it does elsewhere.
                seam = np.abs(sound.audio[:, 0] - sound.audio[:, -1]).max()
                assert seam <= 1.01 * np.abs(np.diff(sound.audio)).max() + 1e-6, sound.label
            elif sound.audio.shape[-1] >= 0.04 * sound.sample_rate:  # four fades
                assert np.abs(sound.audio[:, [0, -1]]).max() <= 1e-3 * max(peak, 1e-9), sound.label


# A made figure, one of whose sounds is louder by a word.
MADE = """
const wave = (n, a) => Float32Array.from({ length: n }, (_, i) => a * Math.cos(i / 5));
const mine = [
  { label: "once", make: (s) => wave(8000, s) },
  { label: "12 dB louder", louder: () => 12, rate: () => 8000, make: (s) => wave(8000, s) },
  { label: "loop", loop: true, make: (s) => wave(8000, s) },
  { label: "phrase", loop: true, phrase: true, make: (s) => Object.assign(wave(8000, s), { right: wave(8000, 0.1) }) },
];
"""
SHOW = """console.log(JSON.stringify(mine.map((s) => {
  const r = rendered(s, data, {}, {});
  return { ...r, ears: r.ears.map((x) => [...x]), text: levelText(r) };
})));"""


def rendered(amplitude: float, play_db: float) -> list[dict[str, Any]]:
    """What the kit makes of these sounds in a figure of another gain."""
    script, count = re.subn(r"const PLAY_DB=[^;]*;", f"const PLAY_DB={play_db};", live.node_module("gain"))
    assert count == 1
    return run_node(f"{script}{MADE}{READ}{SHOW}", amplitude)


def test_the_gain_is_one_number_and_the_fades_are_those_of_listen() -> None:
    once, louder, loop, phrase = rendered(0.1, -6)
    gain = 10 ** (-6 / 20)
    wave = 0.1 * torch.cos(torch.arange(8000, dtype=torch.float64) / 5)
    np.testing.assert_allclose(once["ears"][0], gain * fade_cuts(wave, 16000), atol=1e-6)
    np.testing.assert_allclose(louder["ears"][0], gain * 10 ** (12 / 20) * fade_cuts(wave, 8000), atol=1e-6)
    np.testing.assert_allclose(loop["ears"][0], gain * wave, atol=1e-6)
    np.testing.assert_allclose(phrase["ears"][0], once["ears"][0], atol=1e-7)
    assert len(phrase["ears"]) == 2 and phrase["ears"][1][0] == 0
    assert once["text"] == "played at −6 dB" and louder["text"] == "played at +6 dB"
    assert rendered(0.1, 0)[0]["text"] == "played at its own level"


def test_what_would_clip_is_turned_down_and_says_so() -> None:
    once, louder, *_ = rendered(1.0, -6)
    assert once["db"] == -6 and max(map(abs, louder["ears"][0])) == pytest.approx(0.99)
    assert louder["db"] == pytest.approx(20 * math.log10(0.99))
    assert louder["text"] == "played at −0.1 dB (+6 dB would clip)"


def test_a_silent_sound_stays_silent() -> None:
    for sound in rendered(0.0, 12)[:3]:
        assert sound["db"] == sound["wanted_db"] and not any(sound["ears"][0])
