"""Training the expression generator: guess how the next note was played."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.midi_ddsp.checkpoint import save_expression
from course_lib.midi_ddsp.playing.expression_generator import (
    N_CONTROLS,
    ExpressionConfig,
    ExpressionGenerator,
    note_features,
)
from course_lib.midi_ddsp.training.annotate import Annotated
from course_lib.midi_ddsp.training.generators import check_parts, teach
from course_lib.scores.notes import check_notes
from course_lib.training.trainer import Plan, TrainingRecord

PLAN = Plan(batch=24, lr=2e-3, validate_every=50)  # stretches are whole performances
BLANKED = 0.5  # how often the note before is hidden
SHIFT = 3  # semitones, either way


def train_expression(
    annotated: Mapping[str, Sequence[Annotated]],
    out: str | Path | None = None,
    *,
    steps: int = 1500,
    config: ExpressionConfig | None = None,
    plan: Plan | None = None,
    facts: dict[str, Any] | None = None,
    resume: bool = True,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    on_validation: Callable[[ExpressionGenerator, TrainingRecord], None] | None = None,
) -> tuple[ExpressionGenerator, TrainingRecord]:
    """Train the expression generator: the likelihood of the controls that were heard in each note.

    Everything that `train_model` says about being killed, resumed, and several processes holds here.

    Args:
        annotated: {"train": …, "validation": …}, from `annotate`.
        out: where the network goes (.safetensors); None keeps it in memory only.
        steps: gradient steps in all, those before a resume included.
        config: its shape; by default it knows the instruments of the performances.
        plan: batch size (in performances), learning rate, seed…
        facts: stored with the network.
        resume, device, progress, on_validation: as `train_inference`.

    Returns:
        The network with the best validation loss (negative log-likelihood a control), in evaluation mode, and the
        record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/taste.ipynb
    """
    names = check_parts(annotated)
    plan, config = plan or PLAN, config or ExpressionConfig(instruments=names)
    torch.manual_seed(plan.seed)
    model = ExpressionGenerator(config)

    def batch(part: str, which: Sequence[int], generator: torch.Generator | None) -> list[Tensor]:
        chosen = [annotated[part][i] for i in which]
        longest = max(len(a.expression) for a in chosen)
        features = torch.zeros(len(chosen), longest, note_features(chosen[0].performance.notes[:1]).shape[-1])
        controls = torch.full((len(chosen), longest, N_CONTROLS), math.nan)
        for row, a in enumerate(chosen):
            notes = check_notes(a.performance.notes)
            if generator is not None:
                by = int(torch.randint(-SHIFT, SHIFT + 1, (), generator=generator))
                notes = [note._replace(pitch=note.pitch + by) for note in notes]
            features[row, : len(notes)] = note_features(notes)
            controls[row, : len(notes)] = a.expression
        known = torch.ones(controls.shape[:2])
        if generator is not None:
            known = (torch.rand(known.shape, generator=generator) >= BLANKED).float()
        known[:, 0] = 0.0
        before = torch.nan_to_num(controls).roll(1, 1)
        who = model.indices([a.performance.instrument for a in chosen])
        return [features, before, known, who, controls]

    def compare(shared: nn.Module, drawn: list[Tensor], where: torch.device) -> Tensor:
        features, before, known, who, controls = (x.to(where) for x in drawn)
        mean, spread = shared(features, before, known, who)
        there = ~torch.isnan(controls)  # padding, and notes without a frame
        surprise = (torch.nan_to_num(controls) - mean).square() / (2 * spread.square()) + spread.log()
        return surprise[there].mean()

    def loss(shared: nn.Module, generator: torch.Generator, where: torch.device) -> Tensor:
        which = torch.randint(len(annotated["train"]), (plan.batch,), generator=generator).tolist()
        drawn = batch("train", which, generator)
        # Dropout has a generator of its own; it too must draw the same after a resume.
        with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            return compare(shared, drawn, where)

    held = batch("validation", range(len(annotated["validation"])), None)

    def validate(_: nn.Module, where: torch.device) -> float:
        return float(compare(model, held, where))

    record = teach(
        model,
        loss,
        validate,
        annotated,
        out,
        save_expression,
        facts=facts,
        steps=steps,
        plan=plan,
        resume=resume,
        device=device,
        progress=progress,
        on_validation=on_validation,
    )
    return model, record
