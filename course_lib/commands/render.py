"""`python -m course_lib render SONG.mid OUT.wav`: a score is performed by networks, or as a controls table says."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib.commands.arguments import PROGRAM, seed
from course_lib.midi_ddsp.playing.ensemble import even_pans, pan_gain
from course_lib.midi_ddsp.playing.players import RANGES, Players, instrument_of, load_players, out_of_range
from course_lib.midi_ddsp.playing.render import TAIL_S, perform, playable, stream
from course_lib.midi_ddsp.table import (
    HIGHEST,
    LOWEST,
    Played,
    TableError,
    read_voices,
    write_controls,
    write_voices,
)
from course_lib.scores import Note, Score, read_midi
from course_lib.sounds.files import BLOCK, check_output, clock, write_blocks

NAME = f"{PROGRAM} render"
SAMPLE_RATE, FRAME_RATE = 16_000, 250
MOST_VOICES = 64


@dataclass(frozen=True)
class Part:
    """One voice on its way to sound: name, instrument, notes, and controls (n_notes, 6) once they are known."""

    name: str
    instrument: str
    notes: list[Note]
    controls: Tensor | None = None


def add(commands: Any) -> None:
    """Declare the command and its options."""
    r = commands.add_parser("render", help="play a score: MIDI in, sound out")
    r.add_argument("score", type=Path, help="a MIDI file, up to two hours and 64 voices")
    r.add_argument("output", type=Path, help="WAV, FLAC or OGG, as the suffix says; several voices make it stereo")
    r.add_argument(
        "--instrument",
        metavar="NAME[,NAME…]",
        help=f"{', '.join(RANGES)}: one for all voices, or one for each; those of the MIDI file if left out",
    )
    r.add_argument(
        "--performance",
        type=Path,
        metavar="CSV",
        help="a controls table, whose notes and controls are played instead of what the player would make of the score",
    )
    r.add_argument("--seed", type=seed, help="another number is another performance; the average one if left out")
    r.add_argument("--write-controls", type=Path, metavar="CSV", help="write what was played, to edit and play again")
    r.add_argument("--stems", type=Path, metavar="DIR", help="also write each voice by itself")
    r.add_argument("--players", type=Path, metavar="DIR", help="networks of your own instead of the course's")
    r.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Everything that can be refused is refused before the first second is computed."""
    began = time.perf_counter()
    output = _check_files(options)
    score = read_midi(options.score)
    for remark in score.remarks:
        _say(remark)
    if len(score.voices) > MOST_VOICES:
        raise ValueError(f"{options.score} has {len(score.voices)} voices; at most {MOST_VOICES} are mixed")
    players = load_players(options.players)
    names = voice_names(score)
    instruments = _instruments(options.instrument, score, names, players)
    parts = [
        Part(name, instrument, playable(voice.notes)[0])
        for name, instrument, voice in zip(names, instruments, score.voices, strict=True)
    ]
    if options.performance is not None:
        parts = _from_table(options.performance, parts)
    _warn_of_range(parts)
    stems = _stems(options, output, parts)
    for folder in {path.parent for path in [output, *stems] if path.parent.is_dir()}:
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{folder} may not be written to")
    parts = [
        part
        if part.controls is not None
        else replace(part, controls=_perform(part, None if options.seed is None else options.seed + number, players))
        for number, part in enumerate(parts)
    ]
    seconds = _play(parts, output, stems, options.seed or 0, players)
    if options.write_controls is not None:
        _write_table(options.write_controls, parts)
    took = time.perf_counter() - began
    print(
        f"{output}: {clock(seconds)}, {_count(len(parts), 'voice')}, {'stereo' if len(parts) > 1 else 'mono'}, "
        f"in {took:.1f} s, real-time factor {took / seconds:.2f}"
    )


def _check_files(options: argparse.Namespace) -> Path:
    """Where the sound goes, if every file that was named may be what it is to be."""
    output = check_output(options.output)
    files = {"the score": options.score, "the sound": output}
    if options.performance is not None:
        files["--performance"] = options.performance
    if (table := options.write_controls) is not None:
        files["--write-controls"] = table
        if table.suffix.lower() != ".csv" or table.is_dir() or not table.parent.is_dir():
            raise ValueError(f"--write-controls {table} must be a file ending in .csv, in a folder that exists")
        if not os.access(table.parent, os.W_OK):
            raise PermissionError(f"{table.parent} may not be written to")
    seen: dict[Path, str] = {}
    for what, path in files.items():
        other = seen.setdefault(path.resolve(), what)
        if other != what:
            raise ValueError(f"{other} and {what} need different names; both are {path}")
    if options.stems is not None and options.stems.exists() and not options.stems.is_dir():
        raise ValueError(f"{options.stems} is a file; --stems takes a folder")
    return output


def voice_names(score: Score) -> list[str]:
    """A name of one line for every voice, all different, and none that a spreadsheet would take for a formula.

    >>> from course_lib.scores import Voice
    >>> voice_names(Score((Voice("Horn", 60, ()), Voice(" =Horn", 60, ()), Voice("", 0, ()))))
    ['Horn', 'Horn (2)', 'Voice 3']
    """
    names: list[str] = []
    for number, voice in enumerate(score.voices, 1):
        plain = " ".join("".join(c if c.isprintable() else " " for c in str(voice.name)).split())
        name = plain = plain.lstrip("=+-@ ") or f"Voice {number}"
        copy = 1
        while name in names:
            copy += 1
            name = f"{plain} ({copy})"
        names.append(name)
    return names


def _instruments(asked: str | None, score: Score, names: list[str], players: Players) -> list[str]:
    """An instrument for every voice, said where nobody chose it."""
    if asked is None:
        chosen = [instrument_of(voice.program) for voice in score.voices]
        pairs = [f"{name}: {instrument}" for name, instrument in zip(names, chosen, strict=True)]
        _say(f"instruments from the MIDI programs: {_some(pairs)}; --instrument says otherwise")
    else:
        chosen = [name.strip() for name in asked.split(",")]
        if len(chosen) == 1:
            chosen *= len(names)
        elif len(chosen) != len(names):
            raise ValueError(
                f"--instrument names {len(chosen)} instruments for {_count(len(names), 'voice')} ({_some(names)}); "
                "give one, or one a voice"
            )
    for instrument in chosen:
        if instrument not in players.instruments:
            raise ValueError(f"there is no instrument {instrument!r}; there are {', '.join(players.instruments)}")
    return chosen


def _from_table(path: Path, parts: list[Part]) -> list[Part]:
    """The parts as a controls table has them; its notes count, the score says who plays them."""
    voices = read_voices(path)
    if not voices:
        raise TableError(f"{path} has no rows: there is nothing to play")
    names = [part.name for part in parts]
    if list(voices) == [""]:
        if len(parts) > 1:
            raise TableError(f"{path} needs a column voice: the score has {len(parts)} voices, {_some(names)}")
        voices = {names[0]: voices[""]}
    for name in voices:
        if name not in names:
            raise TableError(f"{path}, column voice: {name!r} is no voice of the score; its voices are {_some(names)}")
    for name in names:
        if name not in voices:
            raise TableError(f"{path}, column voice: no rows of {name!r}; the score's voices are {_some(names)}")
    return [_edited(path, part, voices[part.name]) for part in parts]


def _edited(path: Path, part: Part, played: Played) -> Part:
    notes, places = playable(played[0])
    if len(notes) != len(part.notes):
        of = f" of {part.name}" if part.name else ""
        _say(f"{path} plays {_count(len(notes), 'note')}{of}, the score has {len(part.notes)}; the table counts")
    return replace(part, notes=notes, controls=played[1][places])


def _warn_of_range(parts: list[Part]) -> None:
    """One line on the notes that an instrument does not have."""
    outside = [(part, note) for part in parts for note in out_of_range(part.notes, part.instrument)]
    if outside:
        part, note = min(outside, key=lambda item: item[1].onset_s)
        low, high = RANGES[part.instrument]
        others = len(outside) - 1
        more = f", and so do{'es' if others == 1 else ''} {others} more" if others else ""
        _say(
            f"the note at {note.onset_s:.2f} s of {part.name} (pitch {note.pitch:g}) lies outside the range of the "
            f"{part.instrument}, {low} to {high}{more}: played all the same, as best it can"
        )


def _stems(options: argparse.Namespace, output: Path, parts: list[Part]) -> list[Path]:
    """A file for each voice, none of which is one of the others."""
    if options.stems is None:
        return []
    digits = len(str(len(parts)))
    plain = [re.sub(r"\W+", "-", part.name)[:40].strip("-") or "voice" for part in parts]
    files = [options.stems / f"{number:0{digits}d}-{name}{output.suffix}" for number, name in enumerate(plain, 1)]
    if output.resolve() in {path.resolve() for path in files}:
        raise ValueError(f"{output} is also the name of a voice's file in {options.stems}; give another name")
    options.stems.mkdir(parents=True, exist_ok=True)
    return [check_output(path) for path in files]


def _perform(part: Part, seed: int | None, players: Players) -> Tensor:
    """What the player makes of it, rounded as the table rounds, so that the table plays the same."""
    controls = perform(part.notes, part.instrument, seed=seed, players=players)
    return (controls.double().clamp(LOWEST, HIGHEST) * 1e4).round().div(1e4).float()


class Track:
    """Samples on disk, (n,) or (n, channels), that nobody has to hold; gone when closed, or with the process."""

    def __init__(self, folder: Path, channels: int) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile(dir=folder)
        self.channels, self.peak = channels, 0.0

    def __enter__(self) -> Track:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, block: np.ndarray) -> None:
        """Take the next samples."""
        peak = float(np.abs(block).max(initial=0.0))
        if not math.isfinite(peak):
            raise ValueError("the networks gave a sound that is not finite; they may be damaged, or not trained")
        self.peak = max(self.peak, peak)
        self.file.write(np.ascontiguousarray(block, dtype=np.float32).tobytes())

    def blocks(self, gain: float) -> Iterator[np.ndarray]:
        """All samples from the beginning, times a gain."""
        self.file.seek(0)
        while data := self.file.read(4 * BLOCK * self.channels):
            block = np.frombuffer(data, dtype=np.float32) * np.float32(gain)
            yield block if self.channels == 1 else block.reshape(-1, self.channels)


def _play(parts: list[Part], output: Path, stems: list[Path], seed: int, players: Players) -> float:
    """Synthesise, mix and write; seconds written."""
    several = len(parts) > 1
    sides = pan_gain(even_pans(len(parts))).numpy()
    quiet = not sys.stderr.isatty() or os.environ.get("COURSE_PROGRESS") == "0"
    total = len(parts) * (max(part.notes[-1].end_s for part in parts) + TAIL_S)
    n_samples = 0
    with ExitStack() as stack:
        mix = stack.enter_context(Track(output.parent, 2 if several else 1))
        tracks = [stack.enter_context(Track(path.parent, 1)) for path in stems]
        bar = stack.enter_context(tqdm(total=round(total), unit="s", desc="playing", disable=quiet, leave=False))
        with torch.inference_mode():
            streams = [
                stream(part.notes, part.controls, part.instrument, seed=seed + number, players=players)
                for number, part in enumerate(parts)
            ]
            for voices in together(streams):
                for track, voice in zip(tracks, voices, strict=False):
                    track.add(voice)
                mix.add(voices.T @ sides if several else voices[0])
                n_samples += voices.shape[1]
                bar.update(min(round(len(parts) * n_samples / SAMPLE_RATE), bar.total) - bar.n)
        bar.close()
        peak = max(track.peak for track in (mix, *tracks))
        if peak > 1.0:
            _say(f"the sound went {20 * math.log10(peak):.1f} dB beyond full scale and was turned down to fit")
        gain = 1.0 if peak <= 1.0 else 0.999 / peak
        for path, track in zip((output, *stems), (mix, *tracks), strict=True):
            write_blocks(path, track.blocks(gain), SAMPLE_RATE, track.channels)
    return n_samples / SAMPLE_RATE


def together(streams: Sequence[Iterator[Tensor]]) -> Iterator[np.ndarray]:
    """Blocks (n_voices, n) from one stream of blocks (n,) for each voice; those that end first go on in silence."""
    waiting = [np.zeros(0, np.float32) for _ in streams]
    ended = [False] * len(streams)
    while True:
        for i, source in enumerate(streams):
            while not ended[i] and not len(waiting[i]):
                block = next(source, None)
                ended[i] = block is None
                waiting[i] = np.zeros(0, np.float32) if block is None else block.cpu().numpy()
        going = [len(block) for block in waiting if len(block)]
        if not going:
            return
        n = min(going)
        yield np.stack([block[:n] if len(block) else np.zeros(n, np.float32) for block in waiting])
        waiting = [block[n:] for block in waiting]


def _write_table(path: Path, parts: list[Part]) -> None:
    played = {part.name: (part.notes, part.controls) for part in parts if part.controls is not None}
    if len(played) == 1:
        write_controls(path, *next(iter(played.values())))
    else:
        write_voices(path, played)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _say(remark: str) -> None:
    print(f"{NAME}: {remark}", file=sys.stderr)
