"""`python -m course_lib export mine.safetensors OUT.onnx`: an instrument for programs that are not in Python."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from course_lib.commands.arguments import PROGRAM
from course_lib.tone_transfer.checkpoint import load_instrument
from course_lib.tone_transfer.exporting import INSTALL, check_target, export_instrument
from course_lib.tone_transfer.exporting.check import AT_MOST_DB
from course_lib.tone_transfer.exporting.parts import PARTS


def add(e: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    e.add_argument("instrument", help="an instrument's name, or a .safetensors file that was trained")
    e.add_argument("output", type=Path, help=".onnx or .pt2 (torch.export), as the suffix says; a new file")
    e.add_argument(
        "--part",
        choices=PARTS,
        default="instrument",
        help="instrument: whole phrases become sound; decoder: controls for a synthesizer of your own, in blocks of "
        "any size, as they come",
    )
    e.add_argument(
        "--no-check",
        action="store_true",
        help="do not run the file and compare it with the library before it is kept",
    )
    e.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Export, and say what was measured."""
    output = check_target(options.output)
    model, facts = load_instrument(options.instrument)
    checked = export_instrument(model, facts, output, options.part, check=not options.no_check)
    said = [f"{facts.get('instrument', 'unnamed')}, {options.part}, {output.stat().st_size / 1e6:.1f} MB"]
    if checked is not None:
        sound = "" if checked.sound_db is None else f", of the sound {_decibels(checked.sound_db)}"
        said.append(f"error of the controls {_decibels(checked.controls_db)}{sound} (at most {AT_MOST_DB:.0f} dB)")
        if checked.real_time_factor is not None:
            said.append(f"frame by frame on one core: real-time factor {checked.real_time_factor:.3f}")
    elif not options.no_check:
        print(f"{PROGRAM} export: not checked, for that needs onnxruntime: {INSTALL}", file=sys.stderr)
    print(f"{output}: {'; '.join(said)}")


def _decibels(level_db: float) -> str:
    return f"{level_db:.0f} dB" if math.isfinite(level_db) else "none"
