"""`python -m course_lib render`: scores and tables in, sound, stems and tables out, and what is refused in one line."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from course_lib.__main__ import main
from course_lib.midi_ddsp import read_controls, read_voices, write_voices
from course_lib.midi_ddsp.checkpoint import save_expression, save_pitch, save_synthesis
from course_lib.midi_ddsp.playing.expression_generator import ExpressionConfig, ExpressionGenerator
from course_lib.midi_ddsp.playing.pitch_generator import PitchConfig, PitchGenerator
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.midi_ddsp.table import COLUMNS
from course_lib.scores import Note, Score, Voice, write_midi
from tests.helpers import ROOT

RATE = 16_000
INSTRUMENTS = ("cello", "clarinet", "flute", "saxophone", "trumpet", "violin")
TUNE = (Note(0.0, 0.3, 67), Note(0.3, 0.2, 69), Note(0.6, 0.2, 71))
BASS = (Note(0.0, 0.5, 43), Note(0.5, 0.4, 50))
Run = Callable[..., tuple[int, str, str]]


def small_players(folder: Path, loud: float = 0.5) -> Path:
    """Tiny networks that were never trained."""
    torch.manual_seed(0)
    tone = SynthesisGenerator(
        SynthesisConfig(
            n_harmonics=8, n_bands=9, width=8, channels=8, stacks=1, dilations=2, n_embedding=2, instruments=INSTRUMENTS
        )
    )
    with torch.no_grad():
        tone.raw.bias[0] += loud
    curve = PitchGenerator(PitchConfig(width=8, hidden=8, n_embedding=2, instruments=INSTRUMENTS))
    expression = ExpressionGenerator(ExpressionConfig(width=8, hidden=8, n_embedding=2, instruments=INSTRUMENTS))
    folder.mkdir(exist_ok=True)
    save_synthesis(folder / "synthesis.safetensors", tone, {})
    save_pitch(folder / "pitch.safetensors", curve, {})
    save_expression(folder / "expression.safetensors", expression, {})
    return folder


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_players(tmp_path_factory.mktemp("players"))


@pytest.fixture
def run(players: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object) -> tuple[int, str, str]:
        code = main(["render", *map(str, arguments), "--players", str(players)])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return command


@pytest.fixture
def solo(tmp_path: Path) -> Path:
    write_midi(tmp_path / "solo.mid", Score((Voice("Fiddle", 40, TUNE),)))
    return tmp_path / "solo.mid"


@pytest.fixture
def duo(tmp_path: Path) -> Path:
    write_midi(tmp_path / "duo.mid", Score((Voice("Flute", 73, TUNE), Voice("Bass", 42, BASS))))
    return tmp_path / "duo.mid"


def test_one_voice_is_mono_and_the_last_line_tells(run: Run, solo: Path, tmp_path: Path) -> None:
    code, said, err = run(solo, tmp_path / "out.wav", "--instrument", "violin")
    assert (code, err) == (0, "")
    sound, rate = soundfile.read(tmp_path / "out.wav")
    assert rate == RATE and sound.ndim == 1 and len(sound) == pytest.approx(1.3 * RATE, abs=RATE // 250)
    assert np.abs(sound).max() > 0.01
    for word in ("out.wav: 0:01", "1 voice,", "mono", " s, real-time factor "):
        assert word in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_several_voices_are_stereo_with_equal_power(run: Run, duo: Path, tmp_path: Path, suffix: str) -> None:
    out, stems = tmp_path / f"out{suffix}", tmp_path / "deep" / "stems"
    code, said, err = run(duo, out, "--instrument", "flute, cello", "--seed", 7, "--stems", stems)
    assert (code, err) == (0, "") and "2 voices, stereo" in said
    assert sorted(p.name for p in stems.iterdir()) == [f"1-Flute{suffix}", f"2-Bass{suffix}"]
    parts = [soundfile.read(path)[0] for path in sorted(stems.iterdir())]
    mix = soundfile.read(out)[0]
    assert mix.shape == (len(parts[0]), 2) and len(parts[0]) == len(parts[1])
    sides = [(math.cos(a), math.sin(a)) for a in (math.pi / 20, 9 * math.pi / 20)]  # 0.8 of the way to either side
    expected = sum(np.outer(part, side) for part, side in zip(parts, sides, strict=True))
    assert np.abs(expected - mix).max() < (0.05 if suffix == ".ogg" else 2e-4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "duo.mid", out.name]


def test_instruments_come_from_the_midi_file_and_that_is_said(run: Run, duo: Path, tmp_path: Path) -> None:
    code, _, err = run(duo, tmp_path / "a.wav")
    assert code == 0 and err.count("\n") == 1 and "Flute: flute, Bass: cello" in err
    run(duo, tmp_path / "b.wav", "--instrument", "flute,cello")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    run(duo, tmp_path / "c.wav", "--instrument", "cello")
    assert (tmp_path / "c.wav").read_bytes() != (tmp_path / "b.wav").read_bytes()


def test_seeds_are_performances(run: Run, solo: Path, tmp_path: Path) -> None:
    for name, options in (("a", ()), ("b", ()), ("c", ("--seed", 1)), ("d", ("--seed", 1)), ("e", ("--seed", 2))):
        path = tmp_path / f"{name}.wav"
        assert run(solo, path, "--instrument", "flute", *options, "--write-controls", path.with_suffix(".csv"))[0] == 0
    for suffix in (".wav", ".csv"):
        a, b, c, d, e = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "abcde")
        assert a == b and c == d and len({a, c, e}) == 3


@pytest.mark.parametrize("score", ["solo", "duo"])
def test_the_table_that_was_written_plays_the_same(
    run: Run, score: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    song, table = request.getfixturevalue(score), tmp_path / "controls.csv"
    assert run(song, tmp_path / "a.wav", "--instrument", "violin", "--seed", 3, "--write-controls", table)[0] == 0
    header = table.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header == [*COLUMNS, *(["voice"] if score == "duo" else [])]
    again = ("--performance", table, "--write-controls", tmp_path / "again.csv")
    code, _, err = run(song, tmp_path / "b.wav", "--instrument", "violin", "--seed", 3, *again)
    assert code == 0 and ("range" in err) == (score == "duo")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert table.read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_an_edited_table_is_the_performance(run: Run, duo: Path, tmp_path: Path) -> None:
    table, edited = tmp_path / "controls.csv", tmp_path / "edited.csv"
    run(duo, tmp_path / "a.wav", "--instrument", "violin", "--write-controls", table)
    voices = read_voices(table)
    notes, controls = voices["Flute"]
    notes[-1] = Note(1.0, 1.0, 74.5)
    controls[-1, 0] = 0.9
    write_voices(edited, {"Bass": voices["Bass"], "Flute": (notes[1:], controls[1:])})
    code, _, err = run(duo, tmp_path / "b.wav", "--instrument", "violin", "--performance", edited,
                       "--write-controls", table)  # fmt: skip
    assert code == 0 and "plays 2 notes of Flute, the score has 3" in err
    assert read_voices(table)["Flute"][0] == notes[1:]
    assert soundfile.info(tmp_path / "b.wav").frames == pytest.approx(2.5 * RATE, abs=64)


def test_one_voice_needs_no_column_and_takes_one(run: Run, solo: Path, tmp_path: Path) -> None:
    table = tmp_path / "controls.csv"
    run(solo, tmp_path / "a.wav", "--instrument", "violin", "--write-controls", table)
    named = tmp_path / "named.csv"
    write_voices(named, {"Fiddle": read_controls(table)})
    assert run(solo, tmp_path / "b.wav", "--instrument", "violin", "--performance", named)[0] == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_tables_of_other_voices_are_named(run: Run, solo: Path, duo: Path, tmp_path: Path) -> None:
    row = "0,1,60,.5,.5,.5,.5,.5,.5"
    head = ",".join(COLUMNS)
    for song, text, words in [
        (duo, f"{head}\n{row}\n", "needs a column voice: the score has 2 voices, Flute, Bass"),
        (duo, f"{head},voice\n{row},Flute\n", "no rows of 'Bass'"),
        (
            duo,
            f"{head},voice\n{row},Flute\n{row},Oboe\n",
            "'Oboe' is no voice of the score; its voices are Flute, Bass",
        ),
        (solo, f"{head},voice\n{row},Oboe\n", "'Oboe' is no voice"),
        (solo, head, "no rows"),
        (solo, f"{head}\n{row.replace('60', '1e3')}\n", "row 2, column pitch"),
        (solo, f"{head},tempo\n{row},1\n", "'tempo', is one too many"),
    ]:
        table = tmp_path / "controls.csv"
        table.write_text(text)
        code, said, err = run(song, tmp_path / "o.wav", "--instrument", "violin", "--performance", table)
        assert (code, said) == (2, "") and err.count("\n") == 1 and words in err, err
        assert not (tmp_path / "o.wav").exists()


def test_notes_out_of_range_are_played_with_a_warning(run: Run, tmp_path: Path) -> None:
    song = tmp_path / "low.mid"
    write_midi(song, Score((Voice("A", 0, TUNE), Voice("B", 0, (Note(0.0, 0.2, 60), Note(0.25, 0.2, 30))))))
    code, _, err = run(song, tmp_path / "o.wav", "--instrument", "violin")
    assert code == 0 and err.count("\n") == 1
    assert "the note at 0.25 s of B (pitch 30) lies outside the range of the violin, 55 to 86: played" in err
    code, _, err = run(song, tmp_path / "o.wav", "--instrument", "cello")
    assert code == 0 and err.count("\n") == 1 and "38 to 69, and so does 1 more: played" in err


def test_too_loud_is_turned_down_and_said(solo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_players(tmp_path / "loud", loud=14.0)
    stems = ("--stems", str(tmp_path / "stems"))
    assert main(["render", str(solo), str(tmp_path / "o.wav"), "--instrument", "violin", "--players", str(folder),
                 *stems]) == 0  # fmt: skip
    err = capsys.readouterr().err
    assert "turned down" in err and err.count("\n") == 1
    for path in (tmp_path / "o.wav", tmp_path / "stems" / "1-Fiddle.wav"):
        assert 0.99 < np.abs(soundfile.read(path)[0]).max() < 1.0


def test_bad_input_is_one_line_and_overwrites_nothing(run: Run, solo: Path, duo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "kept.wav"
    out.parent.mkdir()
    soundfile.write(out, np.zeros(99), RATE)
    old = out.read_bytes()
    (tmp_path / "text.mid").write_text("no music")
    (tmp_path / "file").write_text("")
    for song, options, words in [
        (tmp_path / "gone.mid", (), "there is no file"),
        (tmp_path, (), "folder"),
        (tmp_path / "text.mid", (), "not a MIDI file"),
        (solo, ("--instrument", "kazoo"), "there is no instrument 'kazoo'; there are " + ", ".join(INSTRUMENTS)),
        (duo, ("--instrument", "violin,"), "there is no instrument ''"),
        (duo, ("--instrument", "violin,cello,flute"), "3 instruments for 2 voices (Flute, Bass)"),
        (solo, ("--performance", tmp_path / "gone.csv"), "cannot be read"),
        (solo, ("--write-controls", tmp_path / "a.txt"), "ending in .csv"),
        (solo, ("--write-controls", tmp_path / "nowhere" / "a.csv"), "folder that exists"),
        (solo, ("--performance", tmp_path / "a.csv", "--write-controls", tmp_path / "." / "a.csv"), "different names"),
        (solo, ("--stems", tmp_path / "file"), "--stems takes a folder"),
    ]:
        code, said, err = run(song, out, "--instrument", "violin", *options)
        assert (code, said) == (2, "") and words in err and err.count("\n") == 1, (words, err)
    for bad, words in [("o.mp3", "must end in"), ("nowhere/o.wav", "no folder"), ("solo.mid", "must end in")]:
        code, _, err = run(solo, tmp_path / bad, "--instrument", "violin")
        assert code == 2 and words in err and err.count("\n") == 1
    code, _, err = run(solo, tmp_path / "1-Fiddle.wav", "--instrument", "violin", "--stems", tmp_path)
    assert code == 2 and "also the name of a voice's file" in err
    assert out.read_bytes() == old and [p.name for p in out.parent.iterdir()] == ["kept.wav"]


def test_a_note_in_the_twentieth_hour_is_refused_at_once(run: Run, solo: Path, tmp_path: Path) -> None:
    began = time.perf_counter()
    # 10 million ticks, 144 of them in a second
    late = b"\x00\x90\x3c\x5a\x30\x80\x3c\x00\x84\xe4\xb0\x00\x90\x3c\x5a\x30\x80\x3c\x00\x00\xff\x2f\x00"
    song = tmp_path / "late.mid"
    song.write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x48MTrk" + len(late).to_bytes(4, "big") + late)
    code, _, err = run(song, tmp_path / "o.wav", "--instrument", "violin")
    assert code == 2 and "longer than 2 hours" in err and err.count("\n") == 1
    table = tmp_path / "late.csv"
    table.write_text(",".join(COLUMNS) + "\n72000,1,60,.5,.5,.5,.5,.5,.5\n")
    code, _, err = run(solo, tmp_path / "o.wav", "--instrument", "violin", "--performance", table)
    assert code == 2 and "row 2, column onset_s: needs seconds, at least 0 and at most two hours" in err
    assert time.perf_counter() - began < 5


def test_networks_that_are_not_there(solo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(solo), str(tmp_path / "o.wav"), "--players", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "no checkpoint" in err and err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may write")
def test_a_folder_that_may_not_be_written_to(run: Run, solo: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    code, _, err = run(solo, tmp_path / "locked" / "o.wav", "--instrument", "violin")
    assert code == 2 and "may not be written to" in err


def test_strange_names_go_through_a_table(run: Run, tmp_path: Path) -> None:
    song, table = tmp_path / "s.mid", tmp_path / "c.csv"
    write_midi(song, Score(tuple(Voice(name, 40, TUNE) for name in ('a "b", c;', "../../x", "Ünïcode 𝄞", "a/b"))))
    stems = tmp_path / "stems"
    assert run(song, tmp_path / "a.wav", "--instrument", "violin", "--write-controls", table, "--stems", stems)[0] == 0
    assert run(song, tmp_path / "b.wav", "--instrument", "violin", "--performance", table)[0] == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert sorted(p.name for p in stems.iterdir()) == ["1-a-b-c.wav", "2-x.wav", "3-Ünïcode.wav", "4-a-b.wav"]


def test_in_a_shell(players: Path, solo: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "course_lib", "render", str(solo), str(tmp_path / "o.flac"), "--players", str(players)],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0 and "Fiddle: violin" in done.stderr, done.stderr
    assert soundfile.info(tmp_path / "o.flac").frames > 0
    with pytest.raises(SystemExit) as stop:
        main(["render", str(solo), str(tmp_path / "o.flac"), "--seed", "-1"])
    assert stop.value.code == 2
