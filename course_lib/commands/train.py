"""`python -m course_lib train FOLDER --out FILE`: train a network on recordings of one's own."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_lib.commands.arguments import PROGRAM, check_device, seed
from course_lib.midi_ddsp.checkpoint import load_inference
from course_lib.midi_ddsp.data import Performance, load_performances
from course_lib.midi_ddsp.training import expression, inference, pitch, synthesis
from course_lib.midi_ddsp.training.annotations import annotate
from course_lib.midi_ddsp.training.synthesis_loss import SynthesisLoss
from course_lib.sounds.files import clock
from course_lib.synths.tones.choose import TONES
from course_lib.tone_transfer import training as tone_transfer
from course_lib.tone_transfer.data import instrument_statistics, load_recordings
from course_lib.tone_transfer.model import TransferConfig
from course_lib.training.processes import is_first_process, leave_processes
from course_lib.training.run import Run, RunOptions, TrainingRecord

# What trains each model, and its usual run.
TRAININGS: dict[str, tuple[Callable[..., Any], Run]] = {
    "tone-transfer": (tone_transfer.train, tone_transfer.RUN),
    "inference": (inference.train_inference, inference.RUN),
    "pitch": (pitch.train_pitch, pitch.RUN),
    "synthesis": (synthesis.train_synthesis, synthesis.RUN),
    "expression": (expression.train_expression, replace(expression.RUN, steps=1000)),
}
GENERATORS = ("pitch", "synthesis", "expression")


def add(r: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    r.add_argument(
        "folder",
        type=Path,
        help="recordings of one instrument playing one note at a time; for MIDI-DDSP, one such folder an instrument",
    )
    r.add_argument("--out", type=Path, required=True, metavar="FILE", help="the trained network, .safetensors")
    r.add_argument(
        "--model",
        choices=tuple(TRAININGS),
        default="tone-transfer",
        help="what is trained; inference, then pitch, synthesis and expression, in any order, are MIDI-DDSP",
    )
    r.add_argument("--instrument", metavar="NAME", help="its name; the folder's if left out")
    r.add_argument("--steps", type=int, help="5000 if left out; 3000 for pitch, 1000 for expression")
    r.add_argument(
        "--inference",
        type=Path,
        metavar="FILE",
        help="the inference network whose hearing the generators learn from; the course's own if left out",
    )
    r.add_argument("--adversary", type=float, default=0.0, metavar="WEIGHT", help="of the adversary (synthesis)")
    r.add_argument("--seed", type=seed, default=0)
    r.add_argument(
        "--no-resume", action="store_true", help="start over, also if there is a training state to go on from"
    )
    r.add_argument(
        "--without",
        action="append",
        default=[],
        choices=("noise", "reverb", "loudness"),
        help="leave out (tone transfer)",
    )
    r.add_argument(
        "--tone",
        choices=TONES,
        default="harmonic",
        help="the synthesizer that plays the pitch (tone transfer): harmonics, learned wavetables, learned waveshapers "
        "(newt), or FM",
    )
    r.add_argument("--device", help="cpu, cuda …; cuda where there is some")
    r.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, or go on training."""
    out: Path = options.out
    if out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors; got {out}")
    if not out.parent.is_dir():
        raise ValueError(f"there is no folder {out.parent}; make it first")
    if not options.folder.is_dir():
        raise ValueError(f"there is no folder {options.folder}")
    check_device(options.device)
    if options.model not in GENERATORS and options.inference is not None:
        raise ValueError("--inference belongs to pitch, synthesis and expression; leave it out")
    if options.model != "synthesis" and options.adversary:
        raise ValueError("--adversary belongs to synthesis; leave it out")
    if options.model != "tone-transfer" and (options.without or options.instrument or options.tone != "harmonic"):
        raise ValueError("--without, --instrument and --tone belong to tone transfer; leave them out")
    train, usual = TRAININGS[options.model]
    facts = {"command": f"{PROGRAM} {shlex.join(sys.argv[1:])}"}
    run_options: RunOptions = {
        "steps": usual.steps if options.steps is None else options.steps,
        "plan": replace(usual.plan, seed=options.seed),
        "resume": not options.no_resume,
        "device": options.device,
        "facts": facts,
    }
    prepare = {"tone-transfer": _recordings, "inference": _performances}.get(options.model, _annotations)
    try:
        data, more = prepare(options, facts)
        record: TrainingRecord = train(data, out, **run_options, **more)[1]
        first = is_first_process()
    finally:
        leave_processes()
    if first:
        print(
            f"{out}: {len(record.losses)} steps in {clock(record.seconds)}, best validation loss {record.best_loss:.4f}"
        )


# What is learned from, and what else a training wants to be told; facts about it are added to those stored.


def _recordings(options: argparse.Namespace, facts: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    recordings = load_recordings(options.folder, seed=options.seed)
    facts["instrument"] = options.instrument or options.folder.resolve().name
    facts["statistics"] = instrument_statistics(recordings["train"])
    recipe = options.folder / "performances.json"
    if recipe.is_file():
        facts["recipe"] = json.loads(recipe.read_text(encoding="utf-8")).get("command")
    without: dict[str, Any] = {f"use_{part}": False for part in options.without}
    return recordings, {"config": TransferConfig(tone=options.tone, **without)}


def _performances(
    options: argparse.Namespace, facts: dict[str, Any]
) -> tuple[dict[str, list[Performance]], dict[str, Any]]:
    facts["recipes"] = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8")).get("command")
        for path in sorted(options.folder.glob("*/performances.json"))
    }
    return load_performances(options.folder, parts=("train", "validation")), {}


def _annotations(options: argparse.Namespace, facts: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    performances, _ = _performances(options, facts)
    network, about = load_inference(options.inference)
    facts["inference"] = about.get("training", {}).get("validation_loss")
    annotated = {
        part: annotate(takes, network, options.out.parent / "annotations", progress=sys.stderr.isatty())
        for part, takes in performances.items()
    }
    more = {"parts": SynthesisLoss(adversary=options.adversary)} if options.adversary else {}
    return annotated, more
