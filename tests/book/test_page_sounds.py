"""All sounds of all pages keep to the level policy; each rule is shown a page that breaks it."""

from __future__ import annotations

import base64
import html
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from course_lib import live_figure
from tests.helpers import ROOT
from tools import execute, page_sounds
from tools.page_sounds import TAUGHT, Group, complaints, groups_of

RATE = 16000


@pytest.mark.parametrize("path", execute.chapters(), ids=lambda path: path.stem)
def test_every_sound_of_a_page_keeps_to_the_policy(path: Path) -> None:
    assert [text for group in groups_of(path) for text in complaints(group)] == []


def tone(level_db: float = -20, seconds: float = 1.0, bits: int = 16, fade: bool = True) -> np.ndarray:
    """A sine of some RMS, rounded."""
    n = round(seconds * RATE)
    x = 2**0.5 * 10 ** (level_db / 20) * np.cos(2 * np.pi * 440 * np.arange(n) / RATE)
    if fade:
        ends = np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.01 * RATE)
        x = x * np.minimum(1, ends)
    return np.round(np.clip(x, -1, 1) * 2 ** (bits - 1)) / 2 ** (bits - 1)


def player(**sounds: np.ndarray) -> str:
    """Players as `listen` writes them."""
    texts = []
    for label, sound in sounds.items():
        file = io.BytesIO()
        soundfile.write(file, np.clip(sound, -1, 1 - 2**-15).T, RATE, format="FLAC", subtype="PCM_16")
        data = base64.b64encode(file.getvalue()).decode()
        texts.append(f"<audio controls aria-label='{html.escape(label)}' src='data:audio/flac;base64,{data}'></audio>")
    return "".join(texts)


@pytest.fixture
def measured(tmp_path: Path) -> Any:
    """Groups of a page that is made of one output."""

    def measure(shown: str, *tags: str) -> list[Group]:
        output = {"output_type": "display_data", "data": {"text/html": shown.splitlines(keepends=True)}, "metadata": {}}
        cell = {"cell_type": "code", "id": "made", "metadata": {"tags": list(tags)}, "source": [], "outputs": [output]}
        path = tmp_path / "page.ipynb"
        path.write_text(json.dumps({"cells": [cell], "metadata": {}}), encoding="utf-8")
        return groups_of(path)

    return measure


def test_a_page_that_keeps_to_it(measured: Any) -> None:
    (group,) = measured(player(loud=tone(), quiet=tone(-45), stereo=np.stack([tone(), tone()])) + player(loud=tone()))
    assert complaints(group) == []
    assert [s.label for s in group.sounds] == ["loud", "quiet", "stereo"]  # what stands there twice is one sound
    assert [round(page_sounds.level_db(s)) for s in group.sounds] == [-20, -45, -20]
    assert group.sounds[2].audio.shape == (2, RATE) and {s.bits for s in group.sounds} == {16}
    assert page_sounds.centroid_hz(group.sounds[0]) == pytest.approx(440, abs=5)


@pytest.mark.parametrize(
    ("sounds", "message"),
    [
        ({"a": tone(-30)}, "loudest sound is at -30"),
        ({"a": tone(-12), "b": tone(-20)}, "loudest sound is at -12"),
        ({"a": tone() * 0}, "loudest sound is at -120"),
        ({"a": tone(fade=False)}, "begins with a click: a"),
        ({"a": tone() * np.linspace(0, 1, RATE) ** 0.1, "b": tone(fade=False) * np.linspace(0, 1, RATE)}, "ends with"),
        ({"a": tone(), "b": np.clip(40 * tone(), -1, 1)}, "clips: b"),
        ({"a": tone(), "b": tone(-35, bits=11)}, "11 bits are too few for a sound at -35 dB: b"),
        ({"a": tone(seconds=11), "b": tone(-21, seconds=11)}, "22 s of sound in one player"),
    ],
)
def test_each_rule_sees_its_fault(measured: Any, sounds: dict[str, np.ndarray], message: str) -> None:
    found = [text for group in measured(player(**sounds)) for text in complaints(group)]
    assert any(message in text and text.startswith("page made: ") for text in found), found


def test_a_cell_may_teach_level_but_not_click(measured: Any) -> None:
    assert [complaints(g) for g in measured(player(a=tone(-40), b=np.clip(40 * tone(), -1, 1)), TAUGHT)] == [[]]
    (group,) = measured(player(a=tone(-40, fade=False)), TAUGHT)
    assert [text.split(": ")[1] for text in complaints(group)] == ["begins with a click", "ends with a click"]


def test_a_peak_may_keep_a_sound_quiet(measured: Any) -> None:
    clap = np.zeros(RATE)
    clap[4000:4010] = 0.98
    assert complaints(measured(player(clap=clap))[0]) == []


def test_live_figures_are_heard_in_the_state_of_their_cell(measured: Any) -> None:
    (group,) = measured(live_figure("drawbars")._repr_html_())
    assert group.live and complaints(group) == [] and [s.label for s in group.sounds] == ["Play"]
    (quiet,) = measured(live_figure("drawbars", amplitude=0.02)._repr_html_())
    assert "not within 8 dB" in complaints(quiet)[0]
    (taught,) = measured(live_figure("gain", gain=0.01)._repr_html_())
    assert taught.taught and complaints(taught) == []
    assert measured(live_figure("questions")._repr_html_()) == []
    (recorded,) = measured(live_figure("history")._repr_html_())  # measured as the players that stand in it
    assert not recorded.live and [s.label for s in recorded.sounds][::3] == ["step 0", "step 50", "step 300"]


def test_a_figure_of_another_version_is_named(measured: Any) -> None:
    text = live_figure("drawbars")._repr_html_().replace('"amplitude"', '"loudness"')
    assert "run the cell again" in complaints(measured(text)[0])[0]


def test_the_command_prints_a_table_and_fails_on_complaints(measured: Any, tmp_path: Path) -> None:
    measured(player(soft=tone(-33)))
    command = [sys.executable, "tools/page_sounds.py"]
    done = subprocess.run([*command, tmp_path / "page.ipynb"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    head, row, *_ = done.stdout.splitlines()
    assert head.split() == "page cell label s level peak begin end bits Hz".split()
    assert row.split()[:5] == ["page", "made", "soft", "1.00", "-33.1"]
    assert "1 sounds on 1 pages; 1 complaints" in done.stdout
    done = subprocess.run([*command, "no.ipynb"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no such notebook: no.ipynb" in done.stderr
