"""Whether the six controls do what they are set to, measured in the sound, and what each part of MIDI-DDSP is worth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from course_lib.benchmark.midi_ddsp.controllability import PUBLISHED, VIBRATO_S, sweep_controls
from course_lib.benchmark.midi_ddsp.pitch import compare_pitch
from course_lib.benchmark.midi_ddsp.report import show, write_cards
from course_lib.benchmark.midi_ddsp.round_trips import PUBLISHED_RMSE, measure_round_trips, real_recording
from course_lib.benchmark.midi_ddsp.speed import measure_speed
from course_lib.benchmark.midi_ddsp.synthesis import compare_adversary, compare_losses
from course_lib.benchmark.performances import PARTS, check_performances, load_annotated, shipped_performances
from course_lib.benchmark.tables import data_file, open_table, stored_table, write_table
from course_lib.midi_ddsp.playing.players import Players, load_players

__all__ = ["PUBLISHED", "PUBLISHED_RMSE", "SUMMARY", "VIBRATO_S", "add_options", "measure", "run_options"]

SUMMARY = "sweep the six controls of every instrument, measure them in the sound, and weigh the parts of MIDI-DDSP"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "performances",
        type=Path,
        nargs="?",
        help="the folder that tools/perform_tunes.py wrote; without it, the excerpts that come with the course are "
        "measured and printed, beside what is stored of the rest",
    )
    parser.add_argument(
        "--part",
        choices=("all", "sweeps", "round_trip", "speed", "pitch", "loss", "adversary"),
        default="all",
        help="what to run; the rest stays",
    )
    parser.add_argument("--steps", type=int, default=1500, help="training steps of the losses compared")
    parser.add_argument("--adversary-steps", type=int, default=600, help="training steps with and without adversary")
    parser.add_argument("--regressor-steps", type=int, default=3000, help="training steps of the pitch regressors")
    parser.add_argument("--work", type=Path, help="a folder that keeps what was heard and trained, to go on from")
    parser.add_argument("--out", type=Path, help="file to write; data/midi_ddsp.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    part = options.part
    if options.performances is None:
        if part not in ("all", "sweeps", "round_trip", "speed") or options.out is not None:
            parser.error("this part, and --out, need the folder of performances that tools/perform_tunes.py writes")
        show(measure(load_players(), shipped_performances(), part))
        if part == "all":
            stored, decoders = stored_table("midi_ddsp.json"), stored_table("inference.json")["decoders"]
            show({name: stored[name] for name in ("pitch", "loss", "adversary") if name in stored})
            print("inference against the tone-transfer decoder, stored:", json.dumps(decoders), flush=True)
        return
    check_performances(parser, options.performances)
    if min(options.steps, options.adversary_steps, options.regressor_steps) < 1:
        parser.error("every number of steps must be at least 1")
    path = data_file(parser, options.out, "midi_ddsp.json")
    table = open_table(path)
    players, folder, work = load_players(), options.performances, options.work
    found = measure(players, folder, part, work)
    if part in ("all", "pitch"):
        found["pitch"] = compare_pitch(players, folder, options.regressor_steps, work)
    if part in ("all", "loss"):
        found["loss"] = compare_losses(players, folder, options.steps, work)
    if part in ("all", "adversary"):
        found["adversary"] = compare_adversary(players, folder, options.adversary_steps, work)
    show(found)
    table |= found
    cards = path.parent / "midi_ddsp" / "cards.json"
    if cards.is_file() and {"sweeps", "round_trip", "pitch"} <= set(table):
        write_cards(cards, table)
    write_table(path, table)


def measure(players: Players, folder: Path, part: str = "all", work: Path | None = None) -> dict[str, Any]:
    """Sweeps over the excerpts that come with the course, round trips over the folder, speed: all, or one of them."""
    found: dict[str, Any] = {}
    if part in ("all", "sweeps"):
        found["sweeps"] = sweep_controls(players, load_annotated(shipped_performances(), PARTS))
    if part in ("all", "round_trip"):
        found["round_trip"] = measure_round_trips(players, {p: load_annotated(folder, [p], work) for p in PARTS})
        found["real"] = real_recording()
    if part in ("all", "speed"):
        found["speed"] = measure_speed(players)
    return found
