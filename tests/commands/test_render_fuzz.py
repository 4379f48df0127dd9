"""Damaged MIDI files and damaged controls tables: a sound or one line, never a traceback, a hang or half a file.

`python tests/commands/test_render_fuzz.py 10000` tries that many and says what became of them.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile
import torch

from course_lib.__main__ import main
from course_lib.commands import render as command
from course_lib.midi_ddsp import CONTROLS, TableError, read_voices, table, write_voices
from course_lib.midi_ddsp.checkpoint import save_expression, save_pitch, save_synthesis
from course_lib.midi_ddsp.playing.expression_generator import ExpressionConfig, ExpressionGenerator
from course_lib.midi_ddsp.playing.pitch_generator import PitchConfig, PitchGenerator
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.midi_ddsp.table import COLUMNS
from course_lib.scores import Note, Score, Voice, midi, write_midi

INSTRUMENTS = ("cello", "clarinet", "flute", "saxophone", "trumpet", "violin")
LONGEST_S, MOST_VOICES = 2.0, 4  # so that the sound of ten thousand cases can be waited for
SLOWEST_S = 20.0
VOICES = {
    "Flute": [Note(0.0, 0.2, 72), Note(0.2, 0.1, 74), Note(0.4, 0.2, 76)],
    "Bass": [Note(0.0, 0.3, 43), Note(0.35, 0.3, 45)],
}
CELLS = (
    *("", " ", "nan", "inf", "-inf", "1e309", "-1", "-0.0", "1e9", "3.0001", "0,5", "0x10", "1_0", "١", "½", "C4"),
    *("#REF!", "=1+1", '"', '""', "'", "0.5;", "\t", "\0", "\u2028", "💥", "9" * 400, "x" * 5000, "0.5", "127.1"),
)  # fmt: skip


def players(folder: Path) -> Path:
    """Networks as small as can be."""
    torch.manual_seed(0)
    known = {"n_embedding": 1, "instruments": INSTRUMENTS}
    shape = {"n_harmonics": 3, "n_bands": 3, "width": 4, "channels": 4, "stacks": 1, "dilations": 1}
    tone = SynthesisGenerator(SynthesisConfig(**shape, **known))
    save_synthesis(folder / "synthesis.safetensors", tone, {})
    save_pitch(folder / "pitch.safetensors", PitchGenerator(PitchConfig(width=4, hidden=4, **known)), {})
    expression = ExpressionGenerator(ExpressionConfig(width=4, hidden=4, **known))
    save_expression(folder / "expression.safetensors", expression, {})
    return folder


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(out)) if out else 0
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and out:
            out[at] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2 and rng.random() < 0.3:
            del out[at:]
        elif kind == 3:
            out[at:at] = rng.randbytes(rng.randrange(1, 20))
        elif kind == 4:
            del out[at : at + rng.randrange(1, 12)]
        else:
            out[at:at] = out[at : at + rng.randrange(1, 40)]
    return bytes(out)


def odd_score(rng: random.Random) -> bytes:
    """A file without a fault, of music without sense: chords, repeats, notes of no length, wild tempi and programs."""

    def number(value: int) -> bytes:
        out = [value & 0x7F]
        while value := value >> 7:
            out.insert(0, value & 0x7F | 0x80)
        return bytes(out)

    tracks = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        body = bytearray()
        for _ in range(rng.randrange(12)):
            delta = rng.choice((0, 0, 1, 30, 120, 240, rng.randrange(600)))
            channel, pitch = rng.choice((0, 0, 0, 1, 9)), rng.choice((60, 64, 67, rng.randrange(128)))
            kind = rng.random()
            if kind < 0.45:
                event = bytes([0x90 | channel, pitch, rng.randrange(128)])
            elif kind < 0.75:
                event = bytes([0x80 | channel, pitch, 0])
            elif kind < 0.85:
                event = bytes([0xC0 | channel, rng.randrange(128)])
            elif kind < 0.93:
                event = b"\xff\x51\x03" + rng.choice((1, 500_000, 0xFFFFFF, rng.randrange(1 << 20))).to_bytes(3, "big")
            else:
                name = rng.choice((b"", b"=1+1", b'a,b;"', b"\xff\xfe", "Flöte \u2028".encode(), b"Flute", b"x" * 300))
                event = b"\xff\x03" + number(len(name)) + name
            body += number(delta) + event
        body += number(rng.randrange(500)) + b"\xff\x2f\x00"
        tracks.append(b"MTrk" + len(body).to_bytes(4, "big") + body)
    division = rng.choice((480, 480, 480, 960, 960, 96, 1, 0x7FFF, 0xE728))
    header = (1).to_bytes(2, "big") + len(tracks).to_bytes(2, "big") + division.to_bytes(2, "big")
    return b"MThd" + (6).to_bytes(4, "big") + header + b"".join(tracks)


def damaged_table(rng: random.Random, text: str) -> bytes:
    rows = [row.split(",") for row in text.splitlines()]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        kind, row = rng.choice((0, 0, 0, 0, *range(10))), rng.randrange(len(rows))
        place = rng.randrange(len(rows[row])) if rows[row] else 0
        if kind <= 3 and rows[row]:
            row = max(row, 1) if len(rows) > 1 else row
            rows[row][place % len(rows[row])] = (
                rng.choice(CELLS) if rng.random() < 0.3 else f"{rng.uniform(-0.2, 1.5):.3f}"
            )
        elif kind == 4 and len(rows) > 1:
            del rows[row]
        elif kind == 5:
            rows.insert(row, list(rng.choice(rows)))
        elif kind == 6:
            rng.shuffle(rows[rng.randrange(2) :])
        elif kind == 7:
            for cells in rows:
                if place < len(cells):
                    del cells[place]
        elif kind == 8:
            for cells in rows:
                cells.insert(place, rng.choice(("", "1", *CELLS)) if rng.random() < 0.2 else "")
        elif rows[0]:
            rows[0][rng.randrange(len(rows[0]))] = rng.choice((*COLUMNS, "voice", "tempo", "", " volume "))
    separator, end = rng.choice((*"," * 9, ";", "\t")), rng.choice(("\n", "\n", "\r\n", "\r"))
    text = end.join(separator.join(cells) for cells in rows) + rng.choice((end, "", end * 3))
    data = text.encode(rng.choice((*["utf-8"] * 9, "utf-8-sig", "utf-16")))
    return damaged_bytes(rng, data) if rng.random() < 0.2 else data


class Desk:
    """A folder with networks, scores and a table to damage, and the command at hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.players = folder, players(folder)
        voices = tuple(Voice(name, program, tuple(VOICES[name])) for name, program in (("Flute", 73), ("Bass", 42)))
        self.good, self.song, self.table = folder / "good.mid", folder / "song.mid", folder / "in.csv"
        write_midi(self.good, Score(voices))
        write_midi(self.song, Score((*voices, Voice("Bass", 42, voices[0].notes))))
        chord = tuple(Note(0.1 * i, 0.25, 60 + 4 * i) for i in range(4))
        write_midi(folder / "chord.mid", Score((Voice("Chord", 40, chord),)))
        self.scores = [path.read_bytes() for path in (self.good, self.song, folder / "chord.mid")]
        values = {name: (notes, torch.full((len(notes), len(CONTROLS)), 0.5)) for name, notes in VOICES.items()}
        write_voices(self.table, values)
        self.text = self.table.read_text(encoding="utf-8")

    def read(self, rng: random.Random) -> str:
        """A damaged table, read."""
        self.table.write_bytes(damaged_table(rng, self.text))
        try:
            voices = read_voices(self.table)
        except TableError as error:
            assert str(error) and "\n" not in str(error).replace(str(self.table), ""), error
            return "table refused"
        for notes, controls in voices.values():
            assert controls.shape == (len(notes), 6) and bool(torch.isfinite(controls).all())
            assert all(0 <= note.onset_s and 0 < note.duration_s and note.end_s <= LONGEST_S for note in notes)
        return "table read"

    def render(self, rng: random.Random, options: list[str]) -> str:
        """A command, whatever it does."""
        out, written = self.folder / f"out{rng.choice(('.wav', '.wav', '.flac', '.ogg'))}", self.folder / "out.csv"
        options += ["--players", str(self.players), "--write-controls", str(written)]
        if rng.random() < 0.3:
            options += ["--seed", str(rng.randrange(9))]
        if rng.random() < 0.1:
            options += ["--stems", str(self.folder / "stems")]
        said, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(err):
            code = main(["render", options[0], str(out), *options[1:]])
        try:
            assert not list(self.folder.rglob("*.part"))
            if code:
                assert code == 2 and not said.getvalue() and not out.exists() and not written.exists()
                assert err.getvalue().splitlines()[-1].startswith("python -m course_lib render: ")
                return "render refused"
            sound, rate = soundfile.read(out)
            assert rate == 16_000 and len(sound) and bool(np.isfinite(sound).all()) and out.name in said.getvalue()
            assert len(sound) <= (LONGEST_S + 0.51) * rate
            assert read_voices(written)
            return "render played"
        finally:
            out.unlink(missing_ok=True)
            written.unlink(missing_ok=True)

    def case(self, rng: random.Random) -> str:
        """One of the three."""
        kind = rng.random()
        if kind < 0.5:
            return self.read(rng)
        if kind < 0.75:
            odd = rng.random() < 0.6
            self.song.write_bytes(odd_score(rng) if odd else damaged_bytes(rng, rng.choice(self.scores)))
            asked = rng.choice(([], [], ["violin"], ["violin"], ["flute"], ["flute,cello"], ["kazoo"], [""]))
            return "MIDI: " + self.render(rng, [str(self.song), *(["--instrument", asked[0]] if asked else [])])
        self.table.write_bytes(damaged_table(rng, self.text))
        return "CSV: " + self.render(rng, [str(self.good), "--instrument", "flute", "--performance", str(self.table)])


def fuzz(n_cases: int, seed: int = 0) -> tuple[Counter[str], float]:
    """How many came to which end, and the longest that one took, seconds."""
    ends: Counter[str] = Counter()
    longest = 0.0
    rules = {
        **table.RULES,
        "onset_s": (0.0, LONGEST_S, "short"),
        "duration_s": (0.0, LONGEST_S, "short"),
    }
    with contextlib.ExitStack() as stack:
        desk = Desk(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.enter_context(mock.patch.object(midi, "LONGEST_S", LONGEST_S))
        stack.enter_context(mock.patch.object(table, "LONGEST_S", LONGEST_S))
        stack.enter_context(mock.patch.object(table, "RULES", rules))
        stack.enter_context(mock.patch.object(command, "MOST_VOICES", MOST_VOICES))
        for number in range(n_cases):
            rng = random.Random(f"{seed} {number}")
            began = time.perf_counter()
            try:
                ends[desk.case(rng)] += 1
            except BaseException as error:
                raise AssertionError(f"case {number} of seed {seed}: {error!r}") from error
            took = time.perf_counter() - began
            assert took < SLOWEST_S, f"case {number} of seed {seed} took {took:.1f} s"
            longest = max(longest, took)
    return ends, longest


def test_300_damaged_files() -> None:
    ends, longest = fuzz(300, seed=1)
    assert sum(ends.values()) == 300 and longest < SLOWEST_S
    for end in ("table read", "table refused", "MIDI: render played", "MIDI: render refused", "CSV: render played",
                "CSV: render refused"):  # fmt: skip
        assert ends[end] >= 5, ends


if __name__ == "__main__":
    begun = time.perf_counter()
    found, slowest = fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(f"{dict(sorted(found.items()))}; slowest {slowest:.2f} s; {time.perf_counter() - begun:.0f} s in all")
