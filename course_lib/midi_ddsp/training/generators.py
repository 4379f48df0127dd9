"""What the training of all three generators has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.midi_ddsp.checkpoint import FORMAT
from course_lib.midi_ddsp.training.annotate import Annotated, annotations_digest
from course_lib.training.trainer import (
    Loss,
    Plan,
    StateFile,
    TrainingRecord,
    is_first_process,
    summary,
    train_model,
    wait_for_all,
)


def check_parts(annotated: Mapping[str, Sequence[Annotated]]) -> tuple[str, ...]:
    """The instruments to learn from, in order; ValueError without performances for training or validation."""
    for part in ("train", "validation"):
        if not annotated.get(part):
            raise ValueError(f"there are no performances for {part}; see annotate")
    return tuple(sorted({a.performance.instrument for a in annotated["train"]}))


def teach(
    model: Any,
    loss: Loss,
    validate: Callable[[nn.Module, torch.device], float],
    annotated: Mapping[str, Sequence[Annotated]],
    out: str | Path | None,
    save: Callable[..., None],
    *,
    plan: Plan,
    trained: nn.Module | None = None,
    settings: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    on_validation: Callable[[Any, TrainingRecord], None] | None = None,
    **how: Any,
) -> TrainingRecord:
    """Train a generator with `train_model`, and write it.

    Args:
        model: the generator, with its `config`.
        loss, validate, plan: as `train_model`.
        annotated: what is learned from; a run is resumed only on the same.
        out: where it goes, its training state beside it; None keeps it in memory only.
        save: (path, model, facts, half=…).
        trained: what is trained, where there is more of it than the generator.
        settings: of the loss: stored, and a run is resumed only with the same.
        facts: stored with the generator.
        on_validation: called with the generator and the record.
        how: steps, resume, device and progress, as `train_model`.

    Returns:
        The record.
    """
    config, settings = asdict(model.config), settings or {}
    state = StateFile(
        None if out is None else Path(out).with_suffix(".train.safetensors"),
        FORMAT,
        {**config, "instruments": list(config["instruments"]), **settings},
        annotations_digest(annotated),
    )
    told = None if on_validation is None else lambda _, record: on_validation(model, record)
    record = train_model(trained or model, loss, validate, state, plan=plan, on_validation=told, **how)
    if is_first_process() and out is not None:
        about = {"training": {**asdict(plan), **summary(record)}, **settings}
        save(out, model, {**(facts or {}), **about}, half=True)
    wait_for_all()
    return record
