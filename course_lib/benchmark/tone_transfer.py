"""How well the shipped instruments follow, on recordings they never heard, and what each of their parts is worth."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.recordings import Recording
from course_lib.benchmark.tables import data_file, open_table, write_table
from course_lib.effects.reverb import reverb
from course_lib.fitting.fit import fit
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.tone_transfer.baselines import FreeControls, MeanTimbre, loudness_correlation, pitch_error_cents
from course_lib.tone_transfer.checkpoint import instrument_names, load_instrument
from course_lib.tone_transfer.data import load_recordings
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.tone_transfer.training import train
from course_lib.training.run import Plan

SUMMARY = "measure the shipped instruments on recordings they never heard"
SKIP_S, LENGTH_S = 4.0, 6.0  # the stretch of each test recording that is measured
FIT_STEPS = 400
ABLATED, ABLATION_BATCH = "violin", 4  # one instrument tells the story
ABLATIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "noise": {"use_noise": False},
    "reverb": {"use_reverb": False},
    "loudness": {"use_loudness": False},
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("performances", type=Path, help="the folder that tools/make_performances.py wrote")
    parser.add_argument(
        "--part", choices=("all", "measures", "ablation"), default="all", help="what to run; the rest stays"
    )
    parser.add_argument(
        "--instrument", choices=instrument_names(), action="append", help="measure these; the rest stays"
    )
    parser.add_argument("--ablation-steps", type=int, default=400, help="training steps of each ablation")
    parser.add_argument("--out", type=Path, help="file to write; data/tone_transfer.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    missing = [name for name in instrument_names() if not (options.performances / name).is_dir()]
    if missing:
        parser.error(f"{options.performances} has no folder {missing[0]}: `python tools/make_performances.py` makes it")
    if options.ablation_steps < 1:
        parser.error(f"--ablation-steps must be at least 1; got {options.ablation_steps}")
    path = data_file(parser, options.out, "tone_transfer.json")
    run(path, options.performances, options.ablation_steps, options.part, options.instrument)


def stretch(recording: Recording, sample_rate: int, frame_rate: int) -> Recording:
    """The few seconds of a recording that are measured."""
    a, b = round(SKIP_S * frame_rate), round((SKIP_S + LENGTH_S) * frame_rate)
    hop = sample_rate // frame_rate
    return Recording(
        recording.name, recording.audio[a * hop : b * hop], recording.f0_hz[a:b], recording.loudness_db[a:b]
    )


def compare(sound: Tensor, recording: Recording) -> float:
    """Multi-scale loss after the first half second, in which the room of what came before still rings."""
    return float(multiscale_spectral_loss(sound.detach()[..., 8000:], recording.audio[8000:]))


def measure(model: ToneTransfer, recordings: dict[str, list[Recording]]) -> dict[str, Any]:
    """Losses beside both yardsticks, and how the output follows, over all test recordings."""
    c = model.config
    cuts = [stretch(r, c.sample_rate, c.frame_rate) for r in recordings["test"]]
    train_midi = torch.cat([12 * torch.log2(r.f0_hz / 440) + 69 for r in recordings["train"]])
    low, high = float(train_midi.min()), float(train_midi.max())
    mean = MeanTimbre(model, recordings["train"])
    rows: dict[str, list[float]] = {}
    errors: dict[str, list[Tensor]] = {"inside": [], "outside": []}

    def note(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    for r in cuts:
        n = len(r.audio)
        with torch.no_grad():
            parts = model.synthesise(model.controls(r.f0_hz, r.loudness_db), n)
            plain = model.synthesise(mean.controls(r.f0_hz, r.loudness_db), n)["sound"]
            flat = torch.full_like(r.loudness_db, float(r.loudness_db[r.loudness_db > -60].median()))
            unled = model.synthesise(model.controls(r.f0_hz, flat), n)["sound"]
        note("decoder", compare(parts["sound"], r))
        note("mean_timbre", compare(plain, r))
        note("switched_off_noise", compare(_with_room(model, parts["harmonic"]), r))
        note("switched_off_reverb", compare(parts["harmonic"] + parts["noise"], r))
        note("switched_off_loudness", compare(unled, r))
        free = FreeControls(model, r.f0_hz, r.loudness_db, n)
        fit(free, r.audio, multiscale_spectral_loss, FIT_STEPS, lr=0.05, lr_end=0.01, progress=False)
        with torch.no_grad():
            note("direct_fit", compare(free(), r))
        note("loudness_r", loudness_correlation(parts["sound"], r.loudness_db, c.sample_rate))
        note("loudness_r_mean_timbre", loudness_correlation(plain, r.loudness_db, c.sample_rate))
        for semitones in (-19, -12, 0, 12, 19):
            f0 = r.f0_hz * 2 ** (semitones / 12)
            midi = 12 * torch.log2(f0 / 440) + 69
            if float(f0.min()) < 60 or float(f0.max()) > 5000:
                continue
            outside = (midi < low) | (midi > high)
            if semitones and not bool(outside.any()):
                continue
            with torch.no_grad():
                sound = model(f0, r.loudness_db, n)
            for part, where in (("inside", ~outside), ("outside", outside)):
                level = torch.where(where, r.loudness_db, -200.0)
                if bool(where.any()):
                    errors[part].append(pitch_error_cents(sound, f0, c.sample_rate, level))
    found: dict[str, Any] = {name: round(float(np.mean(values)), 4) for name, values in rows.items()}
    found["each"] = {name: [round(v, 3) for v in values] for name, values in rows.items()}
    for part, pieces in errors.items():
        off = torch.cat(pieces).abs()
        found[f"pitch_{part}"] = {
            "frames": len(off),
            "median_cents": round(float(off.median()), 2),
            "within_10_cents": round(float((off <= 10).float().mean()), 4),
        }
    return found


def _with_room(model: ToneTransfer, dry: Tensor) -> Tensor:
    return dry if model.reverb is None else reverb(dry, model.reverb.impulse_response)


def ablate(recordings: dict[str, list[Recording]], steps: int) -> dict[str, float]:
    """Validation loss of small trainings that differ in one part only."""
    losses = {}
    for name, switch in ABLATIONS.items():
        config, plan = replace(TransferConfig(), **switch), Plan(batch=ABLATION_BATCH, validate_every=100)
        losses[name] = round(train(recordings, steps=steps, config=config, plan=plan, progress=False)[1].best_loss, 3)
    return losses


def run(path: Path, performances: Path, ablation_steps: int, part: str = "all", names: list[str] | None = None) -> None:
    """Measure shipped instruments, train the ablations of one, and write the table; what is not run stays as it was."""
    table = {"instruments": {}} | open_table(path)
    if part != "ablation":
        for name in names or instrument_names():
            model, _ = load_instrument(name)
            table["instruments"][name] = measure(model, load_recordings(performances / name))
            print(name, json.dumps(table["instruments"][name], indent=1), flush=True)
    if part != "measures":
        losses = ablate(load_recordings(performances / ABLATED), ablation_steps)
        table["ablation"] = {"instrument": ABLATED, "steps": ablation_steps, "batch": ABLATION_BATCH, "loss": losses}
        print(table["ablation"], flush=True)
    write_table(path, table)
