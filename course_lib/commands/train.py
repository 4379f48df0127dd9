"""`python -m course_lib train FOLDER --out FILE`: train a network on recordings of one's own."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_lib.commands.arguments import PROGRAM, check_device, seed
from course_lib.midi_ddsp.checkpoint import load_inference
from course_lib.midi_ddsp.data import Performance, load_performances
from course_lib.midi_ddsp.training.annotate import annotate
from course_lib.midi_ddsp.training.train_expression import PLAN as EXPRESSION_PLAN
from course_lib.midi_ddsp.training.train_expression import train_expression
from course_lib.midi_ddsp.training.train_inference import PLAN, train_inference
from course_lib.midi_ddsp.training.train_pitch import PLAN as PITCH_PLAN
from course_lib.midi_ddsp.training.train_pitch import train_pitch
from course_lib.midi_ddsp.training.train_synthesis import PLAN as SYNTHESIS_PLAN
from course_lib.midi_ddsp.training.train_synthesis import SynthesisLoss, train_synthesis
from course_lib.sounds.files import clock
from course_lib.tone_transfer.data import instrument_statistics, load_recordings
from course_lib.tone_transfer.model import TransferConfig
from course_lib.tone_transfer.training import train
from course_lib.training.trainer import Plan, TrainingRecord, is_first_process, leave_processes

# What of MIDI-DDSP is trained by what, its plan, and its steps.
GENERATORS: dict[str, tuple[Any, Plan, int]] = {
    "pitch": (train_pitch, PITCH_PLAN, 3000),
    "synthesis": (train_synthesis, SYNTHESIS_PLAN, 5000),
    "expression": (train_expression, EXPRESSION_PLAN, 1000),
}


def add(commands: Any) -> None:
    """Declare the command and its options."""
    r = commands.add_parser("train", help="train a network on a folder of recordings; run it again to go on")
    r.add_argument(
        "folder",
        type=Path,
        help="recordings of one instrument playing one note at a time; for MIDI-DDSP, one such folder an instrument",
    )
    r.add_argument("--out", type=Path, required=True, metavar="FILE", help="the trained network, .safetensors")
    r.add_argument(
        "--model",
        choices=("tone-transfer", "inference", *GENERATORS),
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
    steps = GENERATORS[options.model][2] if options.model in GENERATORS else 5000
    if options.model not in GENERATORS and options.inference is not None:
        raise ValueError("--inference belongs to pitch, synthesis and expression; leave it out")
    if options.model != "synthesis" and options.adversary:
        raise ValueError("--adversary belongs to synthesis; leave it out")
    common: dict[str, Any] = {
        "steps": steps if options.steps is None else options.steps,
        "resume": not options.no_resume,
        "device": options.device,
        "facts": {"command": f"{PROGRAM} {shlex.join(sys.argv[1:])}"},
    }
    try:
        if options.model == "tone-transfer":
            record = _train_instrument(options, common)
        elif options.model == "inference":
            record = _train_inference(options, common)
        else:
            record = _train_generator(options, common)
        first = is_first_process()
    finally:
        leave_processes()
    if first:
        print(
            f"{out}: {len(record.losses)} steps in {clock(record.seconds)}, best validation loss {record.best_loss:.4f}"
        )


def _train_instrument(options: argparse.Namespace, common: dict[str, Any]) -> TrainingRecord:
    recordings = load_recordings(options.folder, seed=options.seed)
    recipe = options.folder / "performances.json"
    common["facts"] |= {
        "instrument": options.instrument or options.folder.resolve().name,
        "statistics": instrument_statistics(recordings["train"]),
    }
    if recipe.is_file():
        common["facts"]["recipe"] = json.loads(recipe.read_text(encoding="utf-8")).get("command")
    config = TransferConfig(**{f"use_{part}": False for part in options.without})
    return train(recordings, options.out, config=config, plan=Plan(seed=options.seed), **common)[1]


def _train_inference(options: argparse.Namespace, common: dict[str, Any]) -> TrainingRecord:
    performances = _performances(options, common)
    return train_inference(performances, options.out, plan=replace(PLAN, seed=options.seed), **common)[1]


def _train_generator(options: argparse.Namespace, common: dict[str, Any]) -> TrainingRecord:
    performances = _performances(options, common)
    network, facts = load_inference(options.inference)
    common["facts"]["inference"] = facts.get("training", {}).get("validation_loss")
    annotated = {
        part: annotate(takes, network, options.out.parent / "annotations", progress=sys.stderr.isatty())
        for part, takes in performances.items()
    }
    train, plan, _ = GENERATORS[options.model]
    if options.adversary:
        common["parts"] = SynthesisLoss(adversary=options.adversary)
    record: TrainingRecord = train(annotated, options.out, plan=replace(plan, seed=options.seed), **common)[1]
    return record


def _performances(options: argparse.Namespace, common: dict[str, Any]) -> dict[str, list[Performance]]:
    if options.without or options.instrument:
        raise ValueError("--without and --instrument belong to tone transfer; leave them out")
    common["facts"]["recipes"] = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8")).get("command")
        for path in sorted(options.folder.glob("*/performances.json"))
    }
    return load_performances(options.folder, parts=("train", "validation"))
