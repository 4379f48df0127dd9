"""The panel for a MIDI file: plays what can be played, says in a line what cannot."""

from __future__ import annotations

import pytest
import torch

from course_lib.display.upload import midi_upload_panel, play_midi
from course_lib.midi_ddsp.playing import render
from course_lib.midi_ddsp.playing.expression_generator import ExpressionConfig, ExpressionGenerator
from course_lib.midi_ddsp.playing.pitch_generator import PitchConfig, PitchGenerator
from course_lib.midi_ddsp.playing.players import RANGES, Players
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.sounds.clips import data_path

NAMES = tuple(RANGES)


@pytest.fixture(autouse=True)
def small_players(monkeypatch):
    torch.manual_seed(0)
    tone = SynthesisConfig(
        n_harmonics=8, n_bands=9, width=8, channels=8, stacks=1, dilations=2, n_embedding=2, instruments=NAMES
    )
    players = Players(
        ExpressionGenerator(ExpressionConfig(width=8, hidden=8, n_embedding=2, instruments=NAMES)).eval(),
        PitchGenerator(PitchConfig(width=8, hidden=8, n_embedding=2, instruments=NAMES)).eval(),
        SynthesisGenerator(tone).eval(),
    )
    monkeypatch.setattr(render, "load_players", lambda folder=None: players)


@pytest.fixture
def shown(monkeypatch):
    """The sounds that would be played."""
    sounds = []
    monkeypatch.setattr("course_lib.display.audio.listen", lambda sound, rate: sounds.append(sound))
    return sounds


def test_four_voices_are_played_by_the_instruments_of_the_file(shown, capsys):
    play_midi(data_path("scores/chorale.mid"), seed=3, most_s=2.0)
    said = capsys.readouterr().out
    assert "soprano: violin, " in said and "bass: cello, " in said and "out of its range" not in said
    (sound,) = shown
    assert sound.ndim == 2 and len(sound) == 2 and sound.abs().max() == pytest.approx(0.5)


def test_one_instrument_for_all_may_be_out_of_its_range(shown, capsys):
    play_midi(data_path("scores/chorale.mid"), "flute", most_s=2.0)
    assert "bass: flute, 3 notes, 3 out of its range" in capsys.readouterr().out
    assert len(shown) == 1


def test_what_cannot_be_played_is_said_in_a_line(shown, capsys, tmp_path):
    (tmp_path / "no.mid").write_bytes(b"RIFF")
    play_midi(tmp_path / "no.mid")
    play_midi(tmp_path / "gone.mid")
    play_midi(data_path("scores/chorale.mid"), "kazoo", most_s=2.0)
    play_midi(data_path("scores/chorale.mid"), most_s=0.1)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("This cannot be played: ")]
    assert len(lines) == 4 and shown == []


def test_the_panel_waits_for_a_file(shown):
    panel = midi_upload_panel()
    assert panel.children[1].options[0][1] is None and len(panel.children[1].options) == 7
    panel.children[3].click()
    assert shown == []
