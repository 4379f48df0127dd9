"""The pitch generator, which draws classes, against regressors of the same size: what is left of the vibrato."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.benchmark.performances import PARTS, load_annotated
from course_lib.core.units import midi_to_hz
from course_lib.midi_ddsp.checkpoint import load_pitch
from course_lib.midi_ddsp.note_controls import CONTROLS, SHORTEST_VIBRATO, extract_expression
from course_lib.midi_ddsp.playing.pitch_generator import PitchGenerator
from course_lib.midi_ddsp.playing.players import Players
from course_lib.midi_ddsp.training.annotations import Annotated
from course_lib.midi_ddsp.training.examples import Prepared, prepare
from course_lib.midi_ddsp.training.pitch import train_pitch

CURVE_FRAMES = 400  # of the curves that are stored for the page
VIBRATO = CONTROLS.index("vibrato")


def compare_pitch(players: Players, folder: Path, steps: int, work: Path | None = None) -> dict[str, Any]:
    """Drawn classes against two regressors of the same size and training: what do they make of the vibrato?

    "regression" gives one number a frame, and is fed its last one; "blind" is not even fed that. Each is trained, or
    read from `work` if an earlier run left it there. See `vibrato_kept` for the figures.
    """
    annotated: dict[str, list[Annotated]] = {}
    found: dict[str, Any] = {"steps": steps}
    networks = {"categorical": players.pitch}
    for name, feedback in (("regression", True), ("blind", False)):
        out = None if work is None else work / f"{name}.safetensors"
        if out is not None and out.is_file():
            networks[name] = load_pitch(out)[0]
            continue
        annotated = annotated or {part: load_annotated(folder, [part], work) for part in ("train", "validation")}
        config = replace(players.pitch.config, regression=True, feedback=feedback)
        networks[name] = train_pitch(annotated, out, steps=steps, config=config)[0]
    rows = {part: load_annotated(folder, [part], work) for part in PARTS}
    for name, network in networks.items():
        found[name] = {part: vibrato_kept(network, annotated) for part, annotated in rows.items()}
    found["curves"] = pitch_curves(networks, rows["test"])
    return found


def _generate(network: PitchGenerator, example: Prepared) -> Tensor:
    """The pitch about each note, (n_frames,) semitones, that a network generates for a performance."""
    instrument_id = network.indices([example.annotated.performance.instrument])
    features = example.plan.features(first=0, count=len(example))
    (semitones,) = network.generate([features], instrument_id, torch.Generator().manual_seed(0))
    return semitones


def pitch_curves(networks: dict[str, PitchGenerator], annotated: Sequence[Annotated]) -> dict[str, list[float]]:
    """The longest note with a clear vibrato, as it was played and as each network plays it: semitones a frame."""
    best: tuple[int, Prepared, int] | None = None
    for example in prepare(annotated):
        length = example.plan.end - example.plan.start
        length = torch.where(example.plan.expression[:, VIBRATO] > 0.6, length, 0)
        i = int(length.argmax())
        if best is None or int(length[i]) > best[0]:
            best = int(length[i]), example, i
    assert best is not None
    _, example, i = best
    mask = (example.note_index == i) & example.sounding
    curves = {"played": example.semitones[mask]}
    for name, network in networks.items():
        curves[name] = _generate(network, example)[mask]
    return {name: [round(float(x), 3) for x in curve[:CURVE_FRAMES]] for name, curve in curves.items()}


def vibrato_kept(network: PitchGenerator, annotated: Sequence[Annotated]) -> dict[str, float]:
    """What a network makes of the vibrato of long notes.

    Returns:
        "variance": of the deviation within notes, generated over true; "rates_hz" and "true_rates_hz": standard
        deviation of the rate, from note to note; "r" and "rmse": of the vibrato asked for with the one that is played.
    """
    generated_energy, true_energy = 0.0, 0.0
    targets, measured = [], []
    rates: list[tuple[float, float]] = []
    for example in prepare(annotated):
        semitones = _generate(network, example)
        long = (example.plan.end - example.plan.start) > SHORTEST_VIBRATO
        true = example.annotated.expression[:, VIBRATO]
        for i in torch.nonzero(long & (true > 0.1)).flatten().tolist():
            mask = (example.note_index == i) & example.sounding
            generated_energy += float((semitones[mask] - semitones[mask].mean()).square().sum())
            true_energy += float((example.semitones[mask] - example.semitones[mask].mean()).square().sum())
            if int(mask.sum()) >= 150 and float(true[i]) > 0.3:  # long and deep enough for a rate
                rates.append((_rate_hz(semitones[mask]), _rate_hz(example.semitones[mask])))
        f0_hz = midi_to_hz(example.plan.pitch[example.note_index] + semitones)
        controls = example.annotated.controls._replace(f0_hz=f0_hz)
        vibrato = extract_expression(controls, example.annotated.performance.notes)[:, VIBRATO]
        valid = long & torch.isfinite(vibrato)
        targets.append(true[valid])
        measured.append(vibrato[valid])
    x, y = torch.cat(targets), torch.cat(measured)
    spread = torch.tensor(rates).std(0) if len(rates) > 1 else torch.zeros(2)
    return {
        "variance": round(generated_energy / true_energy, 3),
        "rates_hz": round(float(spread[0]), 3),
        "true_rates_hz": round(float(spread[1]), 3),
        "r": round(float(torch.corrcoef(torch.stack([x, y]))[0, 1]), 3),
        "rmse": round(float((x - y).square().mean().sqrt()), 3),
    }


def _rate_hz(semitones: Tensor) -> float:
    """The rate, from 3 to 9 Hz, at which a deviation wavers most."""
    n_fft = 4000
    centred = (semitones - semitones.mean()) * torch.hann_window(len(semitones))
    spectrum = torch.fft.rfft(centred, n_fft).abs()
    rates = torch.arange(len(spectrum)) * 250 / n_fft
    spectrum[(rates < 3) | (rates > 9)] = 0
    return float(rates[spectrum.argmax()])
