"""How well the inference network hears: levels, colours and expression of performances that it never heard."""

from __future__ import annotations

import argparse
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.partials import measure_harmonics
from course_lib.analysis.tracking import track_f0
from course_lib.benchmark import data_file
from course_lib.core.units import midi_to_hz
from course_lib.display.figures.taken_apart import hear_phrase
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.checkpoint import load_inference
from course_lib.midi_ddsp.data import Performance, load_performances
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference, InferenceConfig
from course_lib.midi_ddsp.note_controls import (
    CONTROLS,
    VARIANTS,
    attack_noise,
    brightness,
    extract_expression,
    vibrato,
    volume,
    volume_fluctuation,
    volume_peak_position,
)
from course_lib.midi_ddsp.playing.rule_player import DEFAULTS, play_note
from course_lib.midi_ddsp.training.inference import RUN, train_inference
from course_lib.scores.notes import note_frames
from course_lib.sounds.clips import data_path
from course_lib.synths.tone import ToneControls
from course_lib.tone_transfer.data import load_recordings
from course_lib.tone_transfer.model import TransferConfig
from course_lib.tone_transfer.training import train

SUMMARY = "measure the inference network on performances it never heard, and the six controls it reads"
# Each control is swept over this range, in ten steps, on these notes, while the others stay at DEFAULTS.
SWEEPS = {
    "volume": (0.5, 1.1),
    "volume_fluctuation": (0.05, 0.55),
    "volume_peak_position": (0.1, 0.9),
    "vibrato": (0.0, 1.0),
    "brightness": (0.1, 0.6),
    "attack_noise": (0.3, 1.1),
}
SWEEP_PITCHES, SWEEP_S = (45, 52, 57, 64, 69), 1.0
REST, SET_IN = 50, 8  # frames before a swept note, and of its setting in
DECODERS = ("violin", "trumpet")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "performances",
        type=Path,
        nargs="?",
        help="the folder that tools/perform_tunes.py wrote; without it the excerpts that come with the course are "
        "measured and printed, beside the stored comparison",
    )
    parser.add_argument(
        "--part",
        choices=("all", "measures", "decoders", "features", "phrase"),
        default="all",
        help="what to run; the rest stays",
    )
    parser.add_argument("--decoder-steps", type=int, default=2500, help="training steps of the decoders compared with")
    parser.add_argument("--feature-steps", type=int, default=300, help="training steps for each kind of features")
    parser.add_argument("--work", type=Path, help="a folder that keeps the decoders, to go on with their training")
    parser.add_argument("--out", type=Path, help="file to write; data/inference.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    if options.performances is None:
        if options.part not in ("all", "measures") or options.out is not None:
            parser.error("--part and --out need the folder of performances that tools/perform_tunes.py writes")
        stored = data_path("inference.json")
        measures(load_inference()[0], stored.parent / "midi_ddsp" / "performances")
        table = json.loads(stored.read_text(encoding="utf-8"))
        print("stored:", json.dumps({name: table[name] for name in ("decoders", "features")}), flush=True)
        return
    if not any(options.performances.glob("*/performances.json")):
        parser.error(f"{options.performances} holds no performances: `python tools/perform_tunes.py` makes them")
    if min(options.decoder_steps, options.feature_steps) < 1:
        parser.error("--decoder-steps and --feature-steps must be at least 1")
    run(
        data_file(parser, options.out, "inference.json"),
        options.performances,
        options.part,
        options.decoder_steps,
        options.feature_steps,
        options.work,
    )


def closed_forms() -> list[dict[str, Any]]:
    """Every control where its value can be said without measuring: what it should be, and what both variants give."""
    t = torch.arange(300, dtype=torch.float64) / 250
    line = torch.linspace(-0.5, 0.5, 300, dtype=torch.float64)
    sine = torch.sin(2 * math.pi * 5.5 * t)
    ramp = 10 ** (torch.linspace(-60, -20, 301, dtype=torch.float64) / 20)
    alone = torch.eye(60, dtype=torch.float64)[5].expand(300, -1)

    def bent(semitones: Tensor) -> Tensor:
        return midi_to_hz(69 + semitones)

    def both(name: str, expected: float, function: Any) -> dict[str, Any]:
        return {"case": name, "expected": round(expected, 3)} | {
            v: round(float(function(v)), 3) + 0.0 for v in VARIANTS
        }

    peak = 1 - (torch.arange(100, dtype=torch.float64) - 30).abs() / 100
    return [
        both("volume of −60 dB", 0.5, lambda v: volume(torch.full((300,), 1e-3), v)),
        both("volume of −90 dB", 0.0, lambda v: volume(torch.full((300,), 10**-4.5), v)),
        both(
            "fluctuation of a ramp over 40 dB",
            40 / math.sqrt(12) * 2.5 / 60,
            lambda v: volume_fluctuation(ramp, v),
        ),
        both("peak at 30 %", 0.3, lambda v: volume_peak_position(peak)),
        both("vibrato of ±0.2 semitone", 0.75, lambda v: vibrato(bent(0.2 * sine), 69, 250, v)),
        both("glide over a semitone", 0.0, lambda v: vibrato(bent(line), 69, 250, v)),
        both("that glide and ±0.1 semitone", 0.375, lambda v: vibrato(bent(line + 0.1 * sine), 69, 250, v)),
        both("vibrato, note of 50 frames", 0.0, lambda v: vibrato(bent(0.2 * sine[:50]), 69, 250, v)),
        both("brightness of harmonic 6 alone", 0.5, lambda v: brightness(alone)),
        both("attack noise of −85 dB", 0.5, lambda v: attack_noise(torch.full((20, 65), 10**-4.25), v)),
        both("attack noise of −105 dB", 0.0, lambda v: attack_noise(torch.full((20, 65), 10**-5.25), v)),
    ]


def reference(p: Performance) -> tuple[Tensor, Tensor]:
    """Amplitude (n_frames,) and centroid (n_frames,) as the labelled pitch lets them be measured, frame by frame."""
    harmonics = measure_harmonics(p.audio, p.f0_hz, 60, 16_000)
    amplitude = harmonics.sum(-1)
    return amplitude, (harmonics * torch.arange(1, 61.0)).sum(-1) / amplitude.clamp(min=1e-9)


def listen_to(
    model: DDSPInference, p: Performance, f0: Tensor | None = None, told: bool = True
) -> tuple[ToneControls, Tensor]:
    """The controls the network hears in a performance (…), and what they sound like."""
    instrument_id = model.indices([p.instrument if told else None])
    with torch.no_grad():
        controls = model.controls(
            p.audio[None], (p.f0_hz if f0 is None else f0)[None], p.loudness_db[None], instrument_id
        )
        sound = model.synthesise(controls, instrument_id)["sound"][0]
    return ToneControls(*(x[0] for x in controls)), sound


def errors(controls: ToneControls, sound: Tensor, p: Performance) -> dict[str, float]:
    """Median errors over the frames inside notes, and the multi-scale loss of the whole."""
    amplitude, centroid = reference(p)
    inside = note_frames(p.notes, len(p.f0_hz)).note >= 0
    heard = (controls.distribution * torch.arange(1, controls.distribution.shape[-1] + 1.0)).sum(-1)
    level = 20 * torch.log10((controls.amplitude + 1e-7) / (amplitude + 1e-7))
    return {
        "amplitude_db": float(level[inside].abs().median()),
        "centroid": float(((heard - centroid) / centroid.clamp(min=1e-3))[inside].abs().median()),
        "loss": float(multiscale_spectral_loss(sound, p.audio)),
    }


def correlations(extracted: Sequence[Tensor], drawn: Sequence[Tensor]) -> dict[str, float]:
    """Pearson's r of every control, over the notes of all performances."""
    a, b = torch.cat(list(extracted)), torch.cat(list(drawn))
    there = torch.isfinite(a).all(-1)
    pairs = zip(CONTROLS, a[there].T, b[there].T, strict=True)
    return {name: round(float(torch.corrcoef(torch.stack([x, y]))[0, 1]), 3) for name, x, y in pairs}


def measure(model: DDSPInference, performances: Sequence[Performance]) -> dict[str, Any]:
    """All measures of one instrument's performances."""
    rows: dict[str, list[float]] = {}
    extracted = []
    for p in performances:
        tracked = track_f0(p.audio, 16_000, 0.004, 60.0, 2200.0).f0_hz
        ways = {
            "": listen_to(model, p),
            "tracked_": listen_to(model, p, tracked),
            "untold_": listen_to(model, p, told=False),
        }
        # From the sound alone: a vibrato read off the labelled pitch would be the label's, not what was heard.
        extracted.append(extract_expression(ways["tracked_"][0], p.notes))
        for prefix, (c, s) in ways.items():
            for name, value in errors(c, s, p).items():
                rows.setdefault(prefix + name, []).append(value)
    found: dict[str, Any] = {name: round(float(np.mean(values)), 4) for name, values in rows.items()}
    if all(p.drawn is not None for p in performances):
        found["r"] = correlations(extracted, [p.drawn for p in performances if p.drawn is not None])
    return found


def sweep(model: DDSPInference) -> dict[str, Any]:
    """Sweep each control of a rule-based player alone and read all six from the sound: how far does each move?

    Returns:
        "moves": (6, 6), row: swept, column: read; mean over the notes of highest − lowest value; "worst" of them. "r":
        of each swept control with what is read, over all notes.
    """
    moves, worst, r = np.zeros((6, 6)), np.zeros((6, 6)), {}
    for i, (name, (low, high)) in enumerate(SWEEPS.items()):
        asked, read = [], []
        for pitch in SWEEP_PITCHES:
            played = []
            for value in np.linspace(low, high, 11):
                note = play_note(pitch, SWEEP_S, [*DEFAULTS[:i], float(value), *DEFAULTS[i + 1 :]])
                played.append(_after_a_rest(note))
                asked.append(float(value))
            controls = ToneControls(*(torch.stack(parts) for parts in zip(*played, strict=True)))
            with torch.no_grad():
                sounds = model.synthesise(controls)["sound"]
            values = torch.stack([_read(model, sound, pitch) for sound in sounds])
            read.append(values[:, i])
            span = (values.amax(0) - values.amin(0)).numpy()
            moves[i] += span / len(SWEEP_PITCHES)
            worst[i] = np.maximum(worst[i], span)
        r[name] = round(float(np.corrcoef(asked, torch.cat(read).numpy())[0, 1]), 4)
    return {
        "controls": list(SWEEPS),
        "ranges": SWEEPS,
        "moves": moves.round(4).tolist(),
        "worst": worst.round(4).tolist(),
        "r": r,
    }


def _after_a_rest(note: ToneControls) -> ToneControls:
    """A note that sets in within 32 ms, after a rest: at full level from its first frame, a louder note would click
    louder, and that click is attack noise indeed."""
    level = torch.ones_like(note.amplitude)
    level[:SET_IN] = torch.linspace(0, 1, SET_IN + 2)[1:-1]
    return ToneControls(
        torch.cat([note.f0_hz[:1].expand(REST), note.f0_hz]),
        torch.cat([torch.zeros(REST), level * note.amplitude]),
        torch.cat([note.distribution[:1].expand(REST, -1), note.distribution]),
        torch.cat([note.noise_magnitudes[-1:].expand(REST, -1), note.noise_magnitudes]),
    )


def _read(model: DDSPInference, sound: Tensor, pitch: float) -> Tensor:
    """The six controls of one note, heard in its sound alone: its pitch is tracked."""
    from course_lib.midi_ddsp.hearing.listener import hear

    return hear(sound, 16_000, [(REST / 250, SWEEP_S, pitch)], network=model).expression[0]


def compare_decoders(
    model: DDSPInference, folder: Path, steps: int, work: Path | None, names: Sequence[str] = DECODERS
) -> dict[str, Any]:
    """Train tone-transfer decoders on the same performances, and compare both on the tunes that neither heard."""
    losses: dict[str, Any] = {}
    for name in names:
        out = None if work is None else work / f"{name}.safetensors"
        config = TransferConfig(use_reverb=False)  # there is no room in these recordings
        decoder, record = train(load_recordings(folder / name), out, steps=steps, config=config)
        rows: dict[str, list[float]] = {}
        for part in ("test", "held_out"):
            for p in load_performances(folder, [name], [part])[part]:
                with torch.no_grad():
                    sound = decoder(p.f0_hz, p.loudness_db, len(p.audio))
                rows.setdefault(f"decoder_{part}", []).append(float(multiscale_spectral_loss(sound, p.audio)))
                rows.setdefault(f"inference_{part}", []).append(
                    float(multiscale_spectral_loss(listen_to(model, p)[1], p.audio))
                )
        losses[name] = {key: round(float(np.mean(values)), 3) for key, values in rows.items()}
        losses[name] |= {"steps": steps, "validation_loss": round(record.best_loss, 3)}
        print(name, losses[name], flush=True)
    return losses


def compare_features(folder: Path, steps: int) -> dict[str, Any]:
    """Short trainings that differ in what the network sees: errors on the tunes they never heard."""
    performances = load_performances(folder, parts=("train", "validation", "test"))
    names = tuple(sorted({p.instrument for p in performances["train"]}))
    found: dict[str, Any] = {"steps": steps, "batch": 4}
    for kind in ("harmonic", "mel"):
        config, plan = InferenceConfig(instruments=names, features=kind), replace(RUN.plan, batch=4, validate_every=100)
        model, record = train_inference(performances, steps=steps, config=config, plan=plan, progress=False)
        rows = [errors(*listen_to(model, p), p) for p in performances["test"]]
        found[kind] = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
        found[kind]["validation_loss"] = round(record.best_loss, 3)
        print(kind, found[kind], flush=True)
    return found


def measures(model: DDSPInference, folder: Path) -> dict[str, Any]:
    """Closed forms, errors and correlations by instrument, sweeps; printed as they come."""
    table: dict[str, Any] = {"closed_forms": closed_forms(), "instruments": {}}
    _show(["case", "expected", *VARIANTS], [list(row.values()) for row in table["closed_forms"]])
    for name in model.config.instruments:
        table["instruments"][name] = {
            p: measure(model, load_performances(folder, [name], [p])[p]) for p in ("test", "held_out")
        }
        for p, found in table["instruments"][name].items():
            print(f"{name}, {p}: {json.dumps(found)}", flush=True)
    table["sweep"] = sweep(model)
    rows = zip(CONTROLS, table["sweep"]["moves"], strict=True)
    _show(["swept \\ read", *CONTROLS], [[name, *(f"{x:.3f}" for x in row)] for name, row in rows])
    print("r:", table["sweep"]["r"], flush=True)
    return table


def run(
    path: Path, folder: Path, part: str, decoder_steps: int = 2500, feature_steps: int = 300, work: Path | None = None
) -> None:
    """Run the parts asked for, print and write the table; what is not run stays as it was."""
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    table |= {"device": platform.machine(), "torch": torch.__version__}
    model, _ = load_inference()
    if part in ("all", "measures"):
        table |= measures(model, folder)
    if part in ("all", "phrase"):
        place = path.parent / "midi_ddsp"
        f0_hz, levels = hear_phrase()
        np.savez_compressed((place if place.is_dir() else path.parent) / "phrase.npz", f0_hz=f0_hz, levels=levels)
    if part in ("all", "decoders"):
        table["decoders"] = compare_decoders(model, folder, decoder_steps, work)
    if part in ("all", "features"):
        table["features"] = compare_features(folder, feature_steps)
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _show(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    texts = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)
