"""Four synthesizers under one decoder: how near each comes, how near it could come, what it costs, where it breaks."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.analysis.aliases import alias_db
from course_lib.analysis.recordings import Recording
from course_lib.benchmark.speed.timing import take_turns
from course_lib.benchmark.tables import data_file, open_table, write_table
from course_lib.core.units import midi_to_hz
from course_lib.fitting.fit import fit
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.synths.tones.choose import TONES
from course_lib.tone_transfer.baselines import FreeControls, loudness_correlation, pitch_error_cents
from course_lib.tone_transfer.checkpoint import load_instrument
from course_lib.tone_transfer.data import load_recordings
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.tone_transfer.training import RUN, train

SUMMARY = "compare four synthesizers under one decoder"
INSTRUMENTS = ("violin", "trumpet")
PARTS = ("measures", "ceiling", "speed", "seeds")
HELD_S, HELD_DB = 2.0, -25.0  # the tone whose aliases are measured
CEILING_S, CEILING_STEPS = 2.0, 250
SPEED_S, ROUNDS = 4.0, 7
SEED_STEPS, SEEDS = 1000, (0, 1)


def instrument_name(instrument: str, tone: str) -> str:
    """The name under which an instrument comes with the course: that of its harmonic tone is the instrument's own.

    >>> instrument_name("violin", "harmonic"), instrument_name("violin", "fm")
    ('violin', 'violin-fm')
    """
    return instrument if tone == "harmonic" else f"{instrument}-{tone}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("performances", type=Path, help="the folder that tools/make_performances.py wrote")
    parser.add_argument("--part", choices=("all", *PARTS), default="all", help="what to run; the rest stays")
    parser.add_argument("--steps", type=int, default=SEED_STEPS, help="training steps of each run with another seed")
    parser.add_argument("--out", type=Path, help="file to write; data/tones.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    missing = [name for name in INSTRUMENTS if not (options.performances / name).is_dir()]
    if missing:
        parser.error(f"{options.performances} has no folder {missing[0]}: `python tools/make_performances.py` makes it")
    if options.steps < 1:
        parser.error(f"--steps must be at least 1; got {options.steps}")
    path = data_file(parser, options.out, "tones.json")
    run(path, options.performances, PARTS if options.part == "all" else (options.part,), options.steps)


def run(path: Path, performances: Path, parts: tuple[str, ...], steps: int) -> None:
    """Measure the shipped instruments, and train anew with other seeds; what is not run stays as it was."""
    for instrument in INSTRUMENTS:
        recordings = load_recordings(performances / instrument)
        for tone in TONES:
            name, table = instrument_name(instrument, tone), open_table(path)
            row = table.setdefault("instruments", {}).setdefault(name, {})
            model, facts = load_instrument(name)
            if "measures" in parts:
                row |= describe(model, facts) | follow(model, recordings["test"][:3]) | alias_table(model, facts)
            if "ceiling" in parts:
                row["ceiling"] = ceiling(model, recordings["test"][1])
            if "speed" in parts:
                row["speed"] = speed(model)
            if "seeds" in parts:
                row["seeds"] = {"steps": steps, "loss": seeds(recordings, tone, steps)}
            write_table(path, table)
            print(name, json.dumps(row), flush=True)


def describe(model: ToneTransfer, facts: dict[str, Any]) -> dict[str, Any]:
    """What the file says: how much was learned, and how well."""
    training = facts["training"]
    return {
        "weights": sum(p.numel() for p in model.parameters()),
        "tone_weights": sum(p.numel() for n, p in model.named_parameters() if n.startswith("tone.")),
        "n_raw": model.tone.n_raw,
        "steps": training["steps"],
        "seconds": training["seconds"],
        "validation_loss": training["validation_loss"],
    }


@torch.no_grad()
def follow(model: ToneTransfer, recordings: list[Recording]) -> dict[str, float]:
    """Whether loudness and pitch of what is played are those that were asked for, on whole recordings."""
    rate = model.config.sample_rate
    r, off = [], []
    for each in recordings:
        sound = model(each.f0_hz, each.loudness_db, len(each.audio))
        r.append(loudness_correlation(sound, each.loudness_db, rate))
        off.append(pitch_error_cents(sound, each.f0_hz, rate, each.loudness_db).abs())
    cents = torch.cat(off)
    return {
        "loudness_r": round(sum(r) / len(r), 4),
        "pitch_cents": round(float(cents.median()), 2),
        "within_10_cents": round(float((cents <= 10).float().mean()), 4),
    }


@torch.no_grad()
def held_tone(model: ToneTransfer, f0_hz: float, level_db: float = HELD_DB) -> Tensor:
    """The pitched part of a tone whose controls stand still, (n_samples,): the decoder's own, once it has settled.

    They are held, so that what is measured is the synthesizer and nothing that the network moves.
    """
    c = model.config
    n_frames = round(HELD_S * c.frame_rate)
    raw, _ = model.raw_and_state(torch.full((n_frames,), f0_hz), torch.full((n_frames,), level_db))
    held = raw[n_frames // 2 :].mean(0).expand_as(raw)
    controls = model.controls_of(held, torch.full((n_frames,), f0_hz))
    return model.synthesise(controls, n_frames * c.sample_rate // c.frame_rate)["harmonic"]


def alias_table(model: ToneTransfer, facts: dict[str, Any]) -> dict[str, Any]:
    """Energy between the harmonics of held tones, dB: the worst semitone in range, an octave below, an octave above."""
    low, high = (float(x) for x in facts["statistics"]["midi_range"])
    rate = model.config.sample_rate

    def worst(midi: list[float]) -> float:
        half = round(HELD_S * rate / 2)
        pitches = [float(midi_to_hz(m)) for m in midi]
        return round(max(float(alias_db(held_tone(model, f)[half:], f, sample_rate=rate)) for f in pitches), 1)

    inside = [float(m) for m in range(math.ceil(low), math.floor(high) + 1)]
    return {"alias_db": {"below": worst([low - 12]), "inside": worst(inside), "above": worst([high + 12])}}


def ceiling(model: ToneTransfer, recording: Recording) -> dict[str, float]:
    """The loss of two seconds, as the decoder plays them and with all raw numbers free."""
    c = model.config
    hop = c.sample_rate // c.frame_rate
    a, n_frames = 5 * c.frame_rate, round(CEILING_S * c.frame_rate)
    f0, loudness = recording.f0_hz[a : a + n_frames], recording.loudness_db[a : a + n_frames]
    target, skip = recording.audio[a * hop : (a + n_frames) * hop], c.sample_rate // 2
    free = FreeControls(model, f0, loudness, len(target))

    def loss(sound: Tensor, wanted: Tensor) -> Tensor:
        return multiscale_spectral_loss(sound[..., skip:], wanted[..., skip:])

    with torch.no_grad():
        before = float(loss(free(), target))
    fit(free, target, loss, CEILING_STEPS, lr=0.1, lr_end=0.01, progress=False)
    with torch.no_grad():
        return {"decoder": round(before, 3), "free": round(float(loss(free(), target)), 3)}


def speed(model: ToneTransfer) -> dict[str, float]:
    """Milliseconds for four seconds of sound on one thread, synthesizer alone and with its way back; × real time."""
    c, threads = model.config, torch.get_num_threads()
    n_frames, n = round(SPEED_S * c.frame_rate), round(SPEED_S * c.sample_rate)
    f0, level = torch.full((n_frames,), 440.0), torch.full((n_frames,), HELD_DB)
    raw = model.raw_and_state(f0, level)[0].detach()
    size = model.tone.n_raw

    def synthesise(raw: Tensor) -> Tensor:
        controls = model.tone.controls(raw[..., :size], f0, raw[..., size:], sample_rate=c.sample_rate)
        return model.tone.sound(controls, n_samples=n, sample_rate=c.sample_rate)

    def there_and_back() -> None:
        leaf = raw.clone().requires_grad_()
        synthesise(leaf).square().sum().backward()

    def there() -> None:
        with torch.no_grad():
            synthesise(raw)

    def whole() -> None:
        with torch.no_grad():
            model(f0, level, n)

    torch.set_num_threads(1)
    try:
        ms = take_turns({"forward": there, "both": there_and_back, "whole": whole}, ROUNDS)
    finally:
        torch.set_num_threads(threads)
    return {
        "forward_ms": round(ms["forward"], 1),
        "forward_backward_ms": round(ms["both"], 1),
        "real_time": round(1e3 * SPEED_S / ms["whole"], 1),
    }


def seeds(recordings: dict[str, list[Recording]], tone: str, steps: int) -> list[float]:
    """Validation losses of the same training, shorter, from two seeds."""
    config = TransferConfig(tone=tone)  # type: ignore[arg-type]
    losses = []
    for seed in SEEDS:
        plan = replace(RUN.plan, seed=seed)
        losses.append(train(recordings, steps=steps, config=config, plan=plan, progress=False)[1].best_loss)
    return losses
