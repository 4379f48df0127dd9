"""What the synthesis generator owes to its loss, and whether an adversary would make it livelier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib.benchmark.midi_ddsp.controllability import VALUES, sweep_controls
from course_lib.benchmark.midi_ddsp.round_trips import rmse
from course_lib.benchmark.performances import PARTS, load_annotated
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.note_controls import ATTACK_FRAMES, extract_expression
from course_lib.midi_ddsp.playing.players import Players
from course_lib.midi_ddsp.playing.render import play, synthesise
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisGenerator
from course_lib.midi_ddsp.training.annotations import Annotated
from course_lib.midi_ddsp.training.examples import prepare
from course_lib.midi_ddsp.training.synthesis import RUN, train_synthesis
from course_lib.midi_ddsp.training.synthesis_loss import AS_PUBLISHED, SynthesisLoss


def compare_losses(players: Players, folder: Path, steps: int, work: Path | None = None) -> dict[str, Any]:
    """Two short trainings: the loss as published (spectral only, nothing varied) and ours."""
    annotated = {part: load_annotated(folder, [part], work) for part in ("train", "validation", *PARTS)}
    found: dict[str, Any] = {"steps": steps}
    for name, parts in (("published", AS_PUBLISHED), ("ours", SynthesisLoss())):
        out = None if work is None else work / f"loss_{name}.safetensors"
        network = train_synthesis(annotated, out, steps=steps, parts=parts)[0]
        found[name] = evaluate(replace(players, synthesis=network), annotated["test"][::4])
    return found


def compare_adversary(players: Players, folder: Path, steps: int, work: Path | None = None) -> dict[str, Any]:
    """Go on training the course's own generator, without an adversary, with one, and with one that counts tenfold."""
    annotated = {part: load_annotated(folder, [part], work) for part in ("train", "validation", *PARTS)}
    found: dict[str, Any] = {"steps": steps, "before": evaluate(players, annotated["test"][::4])}
    plan = replace(RUN.plan, lr=5e-4, warm_up=20, validate_every=steps)
    for name, weight in (("without", 0.0), ("with", 1.0), ("strong", 10.0)):
        parts = SynthesisLoss(adversary=weight)
        out = None if work is None else work / f"adversary_{name}.safetensors"
        network = train_synthesis(annotated, out, steps=steps, parts=parts, plan=plan, start=players.synthesis)[0]
        found[name] = evaluate(replace(players, synthesis=network), annotated["test"][::4])
    return found


def evaluate(players: Players, annotated: Sequence[Annotated]) -> dict[str, Any]:
    """r of each control swept (read off the controls), round trip, and how lively the harmonics are."""
    swept = sweep_controls(players, annotated, VALUES[::2], in_sound=False)
    losses, differences = [], []
    for a in annotated:
        p = a.performance
        controls = play(p.notes, a.expression, p.instrument, players=players, n_frames=len(a.note_index))
        differences.append(extract_expression(controls, p.notes) - a.expression)
        sound = synthesise(controls)
        losses.append(float(multiscale_spectral_loss(sound, p.audio[: len(sound)])))
    return {
        "r": swept["r"]["all"],
        "rmse": rmse(differences)["all"],
        "loss": round(float(np.mean(losses)), 3),
        "liveliness": liveliness(players.synthesis, annotated),
    }


def liveliness(network: SynthesisGenerator, annotated: Sequence[Annotated]) -> dict[str, float]:
    """How much the harmonics' levels (dB) move within a note, generated over heard: from frame to frame, and in all.

    On the true pitch, over the harmonics that are within 40 dB of the strongest, attacks left out.
    """
    frame_to_frame, within_notes = np.zeros(2), np.zeros(2)  # sums of squares: heard, generated
    for example in prepare(annotated):
        controls, owner, n_notes = example.annotated.controls, example.note_index, len(example.plan.start)
        features = example.plan.features(first=0, count=len(example)).unsqueeze(0)
        instrument_id = network.indices([example.annotated.performance.instrument])
        with torch.no_grad():
            raw = network(features, example.semitones.unsqueeze(0), instrument_id)
            generated = network.controls(raw, controls.f0_hz.unsqueeze(0)).distribution[0]
        heard_db, generated_db = (20 * torch.log10(x + 1e-4) for x in (controls.distribution, generated))
        # After the attack, in the same note as the frame before, and strong: (n_frames − 1, n_harmonics).
        steady = example.sounding & (torch.arange(len(example)) - example.plan.start[owner] >= ATTACK_FRAMES)
        same_note = steady[1:] & steady[:-1] & (owner[1:] == owner[:-1])
        strong = heard_db[1:] > heard_db[1:].amax(-1, keepdim=True) - 40.0
        mask = same_note.unsqueeze(-1) & strong
        count = torch.zeros(n_notes, mask.shape[-1]).index_add(0, owner[1:], mask.float())
        for i, level in enumerate((heard_db, generated_db)):
            frame_to_frame[i] += float((level.diff(dim=0).square() * mask).sum())
            total = torch.zeros_like(count).index_add(0, owner[1:], level[1:] * mask)
            mean = total / count.clamp(min=1)
            within_notes[i] += float(((level[1:] - mean[owner[1:]]).square() * mask).sum())
    return {
        "frame_to_frame": round(frame_to_frame[1] / frame_to_frame[0], 3),
        "within_notes": round(within_notes[1] / within_notes[0], 3),
    }
