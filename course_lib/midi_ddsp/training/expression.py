"""Training the expression generator: guess how the next note was played."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn

from course_lib.midi_ddsp.checkpoint import EXPRESSION
from course_lib.midi_ddsp.playing.expression_generator import (
    N_CONTROLS,
    ExpressionConfig,
    ExpressionGenerator,
    note_features,
)
from course_lib.midi_ddsp.training.annotations import Annotated, annotations_digest, known_instruments
from course_lib.scores.notes import check_notes
from course_lib.training.run import Plan, Run, RunOptions, TrainingRecord
from course_lib.training.trainer import Task, train_network

RUN = Run(steps=1500, plan=Plan(batch=24, lr=2e-3, validate_every=50))  # an example is a whole performance
HIDDEN_SHARE = 0.5  # of the notes: how the note before was played is not given
SHIFT = 3  # semitones by which a performance is transposed, at most, either way


def train_expression(
    annotated: Mapping[str, Sequence[Annotated]],
    out: str | Path | None = None,
    *,
    config: ExpressionConfig | None = None,
    **options: Unpack[RunOptions],
) -> tuple[ExpressionGenerator, TrainingRecord]:
    """Train the expression generator: the likelihood of the controls that were heard in each note.

    Args:
        annotated: {"train": …, "validation": …}, from `annotate`.
        out: where the network goes (.safetensors); None keeps it in memory only.
        config: its shape; by default it knows the instruments of the performances.
        options: steps (1500), plan (its batch in performances), facts, resume, device, progress, on_validation; see
            `course_lib.training.run.Run`.

    Returns:
        The network with the best validation loss (negative log-likelihood a control), in evaluation mode, and the
        record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/taste.ipynb
    """
    run, instruments = replace(RUN, out=out, **options), known_instruments(annotated)
    config = config or ExpressionConfig(instruments=instruments)
    torch.manual_seed(run.plan.seed)
    model = ExpressionGenerator(config)

    def make_batch(performances: Sequence[Annotated], generator: torch.Generator | None) -> list[Tensor]:
        """Performances side by side, padded with NaN; with a generator transposed, and notes before hidden."""
        longest = max(len(a.expression) for a in performances)
        n_features = note_features(performances[0].performance.notes[:1]).shape[-1]
        features = torch.zeros(len(performances), longest, n_features)
        controls = torch.full((len(performances), longest, N_CONTROLS), math.nan)
        for row, a in enumerate(performances):
            notes = check_notes(a.performance.notes)
            if generator is not None:
                shift = int(torch.randint(-SHIFT, SHIFT + 1, (), generator=generator))
                notes = [note._replace(pitch=note.pitch + shift) for note in notes]
            features[row, : len(notes)] = note_features(notes)
            controls[row, : len(notes)] = a.expression
        known = torch.ones(controls.shape[:2])
        if generator is not None:
            known = (torch.rand(known.shape, generator=generator) >= HIDDEN_SHARE).float()
        known[:, 0] = 0.0
        previous = torch.nan_to_num(controls).roll(1, 1)
        instrument_id = model.indices([a.performance.instrument for a in performances])
        return [features, previous, known, instrument_id, controls]

    def compare(module: nn.Module, batch: list[Tensor], device: torch.device) -> Tensor:
        features, previous, known, instrument_id, controls = (x.to(device) for x in batch)
        mean, spread = module(features, previous, known, instrument_id)
        mask = ~torch.isnan(controls)  # neither padding nor notes without a frame
        surprise = (torch.nan_to_num(controls) - mean).square() / (2 * spread.square()) + spread.log()
        return surprise[mask].mean()

    def loss(module: nn.Module, generator: torch.Generator, device: torch.device) -> Tensor:
        which = torch.randint(len(annotated["train"]), (run.plan.batch,), generator=generator).tolist()
        batch = make_batch([annotated["train"][i] for i in which], generator)
        # Dropout has a generator of its own; it too must draw the same after a resume.
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            return compare(module, batch, device)

    held_out = make_batch(annotated["validation"], None)
    task = Task(
        model,
        EXPRESSION,
        loss,
        lambda device: float(compare(model, held_out, device)),
        annotations_digest(annotated),
    )
    return model, train_network(task, run)
