"""`python -m course_lib render SONG.mid OUT.wav`: a score is performed by networks, or as a controls table says."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

from tqdm.auto import tqdm

from course_lib.commands.arguments import PROGRAM, seed
from course_lib.midi_ddsp.playing.mixdown import mix_down
from course_lib.midi_ddsp.playing.players import RANGES, Players, instrument_of, load_players
from course_lib.midi_ddsp.playing.render import TAIL_S
from course_lib.midi_ddsp.playing.voices import (
    Part,
    first_few,
    parts_of_score,
    parts_of_table,
    perform_parts,
    range_remarks,
    voice_names,
)
from course_lib.midi_ddsp.table import write_controls, write_voices
from course_lib.scores import Score, read_midi
from course_lib.sounds.files import check_output, clock

NAME = f"{PROGRAM} render"
MOST_VOICES = 64


def add(r: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
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
    instruments = _instruments(options.instrument, score, players)
    parts = parts_of_score(score, instruments)
    remarks: list[str] = []
    if options.performance is not None:
        parts, remarks = parts_of_table(options.performance, parts)
    for remark in remarks + range_remarks(parts):
        _say(remark)
    stems = _stems(options, output, parts)
    for folder in {path.parent for path in [output, *stems] if path.parent.is_dir()}:
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{folder} may not be written to")
    parts = perform_parts(parts, options.seed, players)
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


def _instruments(asked: str | None, score: Score, players: Players) -> list[str]:
    """An instrument for every voice, said where nobody chose it."""
    names = voice_names(score)
    if asked is None:
        chosen = [instrument_of(voice.program) for voice in score.voices]
        pairs = [f"{name}: {instrument}" for name, instrument in zip(names, chosen, strict=True)]
        _say(f"instruments from the MIDI programs: {first_few(pairs)}; --instrument says otherwise")
    else:
        chosen = [name.strip() for name in asked.split(",")]
        if len(chosen) == 1:
            chosen *= len(names)
        elif len(chosen) != len(names):
            raise ValueError(
                f"--instrument names {len(chosen)} instruments for {_count(len(names), 'voice')} ({first_few(names)}); "
                "give one, or one a voice"
            )
    for instrument in chosen:
        if instrument not in players.instruments:
            raise ValueError(f"there is no instrument {instrument!r}; there are {', '.join(players.instruments)}")
    return chosen


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


def _play(parts: list[Part], output: Path, stems: list[Path], seed: int, players: Players) -> float:
    """Synthesise, mix and write, with a bar; seconds written."""
    quiet = not sys.stderr.isatty() or os.environ.get("COURSE_PROGRESS") == "0"
    total = round(len(parts) * (max(part.notes[-1].end_s for part in parts) + TAIL_S))
    rate = players.synthesis.config.sample_rate
    with tqdm(total=total, unit="s", desc="playing", disable=quiet, leave=False) as bar:

        def progress(n_samples: int) -> None:
            bar.update(min(round(len(parts) * n_samples / rate), total) - bar.n)

        done = mix_down(parts, output, stems, seed=seed, players=players, sample_rate=rate, progress=progress)
    if done.turned_down_db:
        _say(f"the sound went {done.turned_down_db:.1f} dB beyond full scale and was turned down to fit")
    return done.n_samples / rate


def _write_table(path: Path, parts: list[Part]) -> None:
    played = {part.name: (part.notes, part.controls) for part in parts if part.controls is not None}
    if len(played) == 1:
        write_controls(path, *next(iter(played.values())))
    else:
        write_voices(path, played)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _say(remark: str) -> None:
    print(f"{NAME}: {remark}", file=sys.stderr)
