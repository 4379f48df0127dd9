"""`python -m course_lib transfer IN OUT --instrument NAME`, `… render`, `… train`, and for teachers `… assignments`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib.grading.command import add_assignments
from course_lib.midi_ddsp.annotate import annotate
from course_lib.midi_ddsp.checkpoint import load_inference
from course_lib.midi_ddsp.command import add_render
from course_lib.midi_ddsp.data import Performance, load_performances
from course_lib.midi_ddsp.train_pitch import PLAN as PITCH_PLAN
from course_lib.midi_ddsp.train_pitch import train_pitch
from course_lib.midi_ddsp.train_synthesis import PLAN as SYNTHESIS_PLAN
from course_lib.midi_ddsp.train_synthesis import SynthesisLoss, train_synthesis
from course_lib.midi_ddsp.train_taste import PLAN as EXPRESSION_PLAN
from course_lib.midi_ddsp.train_taste import train_expression
from course_lib.midi_ddsp.training import PLAN, train_inference
from course_lib.soundfiles import blocks_at, check_output, clock, read_sound, write_sound
from course_lib.tone_transfer.checkpoint import instrument_names, load_instrument
from course_lib.tone_transfer.data import instrument_statistics, load_recordings
from course_lib.tone_transfer.model import TransferConfig
from course_lib.tone_transfer.render import LONGEST_S, clipped_remark, describe, transfer
from course_lib.tone_transfer.training import train
from course_lib.training import Plan, TrainingRecord, is_first_process, leave_processes

PROGRAM = "python -m course_lib"
# What of MIDI-DDSP is trained by what, its plan, and its steps.
GENERATORS: dict[str, tuple[Any, Plan, int]] = {
    "pitch": (train_pitch, PITCH_PLAN, 3000),
    "synthesis": (train_synthesis, SYNTHESIS_PLAN, 5000),
    "expression": (train_expression, EXPRESSION_PLAN, 1000),
}


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; 0, or 2 with one line on stderr."""
    options = command_line().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"{PROGRAM} {options.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM} {options.command}: stopped", file=sys.stderr)
        return 130
    return 0


def command_line() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Play a recording on another instrument, play a score, train, or grade."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    t = commands.add_parser("transfer", help="play a recording on another instrument")
    t.add_argument("input", type=Path, help="WAV, FLAC, OGG or MP3; any rate, mono or stereo, one voice, up to 10 min")
    t.add_argument("output", type=Path, help="WAV, FLAC or OGG, as the suffix says")
    t.add_argument("--instrument", required=True, help=f"{_known()} or a .safetensors file")
    t.add_argument(
        "--octave",
        type=int,
        metavar="N",
        help="octaves up (+1) or down (-1), instead of those that come nearest to the instrument",
    )
    t.add_argument("--loudness-shift", type=float, default=0.0, metavar="DB", help="play louder (+6) or softer (-6)")
    t.add_argument("--no-match", action="store_true", help="leave pitch and loudness where they are")
    t.add_argument("--seed", type=_seed, default=0, help="of the noise")
    t.add_argument("--parts", type=Path, metavar="DIR", help="also write harmonic, noise and room by themselves")
    t.add_argument("--sample-rate", type=int, metavar="HZ", help="of the output; the instrument's own if left out")
    t.set_defaults(run=run_transfer)

    add_render(commands, _seed)

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
    r.add_argument("--seed", type=_seed, default=0)
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
    r.set_defaults(run=run_train)

    add_assignments(commands)
    return parser


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**31:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 2147483647; got {text}")
    return seed


def _known() -> str:
    try:
        return ", ".join(instrument_names())
    except OSError:
        return "a name"


def run_transfer(options: argparse.Namespace) -> None:
    """Everything that can be refused is refused before the first second is computed."""
    output = check_output(options.output)
    if output.exists() and options.input.exists() and output.samefile(options.input):
        raise ValueError(f"{output} is the recording itself; give another name for the result")
    outputs = {"": output}
    if options.parts is not None:
        if options.parts.exists() and not options.parts.is_dir():
            raise ValueError(f"{options.parts} is a file; --parts takes a folder")
        outputs |= {name: options.parts / f"{name}{output.suffix}" for name in ("harmonic", "noise", "room")}
    resolved = [path.resolve() for path in (options.input, *outputs.values())]
    if len(set(resolved)) < len(resolved):
        raise ValueError(f"{output}, the recording and the parts need different names")
    model, facts = load_instrument(options.instrument)
    own_rate = model.config.sample_rate
    rate = own_rate if options.sample_rate is None else options.sample_rate
    if not 8_000 <= rate <= 192_000:
        raise ValueError(f"--sample-rate must lie between 8000 and 192000 Hz; got {rate}")
    sound = read_sound(options.input, own_rate, LONGEST_S)
    try:
        result = transfer(
            sound.audio,
            own_rate,
            (model, facts),
            octave=options.octave,
            loudness_shift_db=options.loudness_shift,
            match=not options.no_match,
            seed=options.seed,
            progress=None if sys.stderr.isatty() else False,
        )
    except ValueError as error:
        raise ValueError(f"{options.input}: {error}") from error
    clipped = [clipped_remark(sound.flat_tops)] if sound.flat_tops >= 5 else []
    for remark in clipped + [r for r in result.remarks if "clipped" not in r]:  # the file itself knows best
        _say(remark)
    sounds = {path: (result.parts[name] if name else result.audio).numpy() for name, path in outputs.items()}
    if options.parts is not None:
        options.parts.mkdir(parents=True, exist_ok=True)
    blocks = (block for samples in sounds.values() for block in blocks_at(samples, own_rate, rate))
    peak = max(float(np.abs(block).max(initial=0.0)) for block in blocks)
    if peak > 1.0:
        _say(f"the sound went {20 * np.log10(peak):.1f} dB beyond full scale and was turned down to fit")
    for path, samples in sounds.items():
        write_sound(path, samples, own_rate, rate, gain=1.0 if peak <= 1.0 else 0.999 / peak)
    print(f"{output}: {clock(len(result.audio) / own_rate)} at {rate} Hz; {describe(result)}")


def _say(remark: str) -> None:
    print(f"{PROGRAM} transfer: {remark}", file=sys.stderr)


def _check_device(device: str | None) -> None:
    try:
        kind = None if device is None else torch.device(device).type
    except RuntimeError as error:
        raise ValueError(f"--device {device}: {error}") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {device}: there is no CUDA device that this PyTorch can use")


def run_train(options: argparse.Namespace) -> None:
    """Train, or go on training."""
    out: Path = options.out
    if out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors; got {out}")
    if not out.parent.is_dir():
        raise ValueError(f"there is no folder {out.parent}; make it first")
    if not options.folder.is_dir():
        raise ValueError(f"there is no folder {options.folder}")
    _check_device(options.device)
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


if __name__ == "__main__":
    sys.exit(main())
