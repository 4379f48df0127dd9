"""Training the pitch generator: name the next frame's pitch class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn

from course_lib.midi_ddsp.checkpoint import PITCH
from course_lib.midi_ddsp.playing.pitch_generator import UNKNOWN, PitchConfig, PitchGenerator, pitch_class
from course_lib.midi_ddsp.training.annotations import Annotated, annotations_digest, known_instruments
from course_lib.midi_ddsp.training.examples import draw_places, pitch_example, prepare
from course_lib.training.run import Plan, Run, RunOptions, TrainingRecord
from course_lib.training.trainer import Task, train_network

RUN = Run(steps=3000, plan=Plan(batch=12, stretch_s=3.0, lr=3e-3, validate_every=200, validation_stretches=24))
SKIPPED_S = 0.1  # not compared: a stretch may begin inside a note, and what went before is not known
HIDDEN_SHARE = 0.5  # of the frames: the class of the frame before is not given
SLIP_CENTS = 1.0  # by which a class that is given is off, about: in a render, the frame before was only drawn
VARIED = 0.6  # of the notes


def train_pitch(
    annotated: Mapping[str, Sequence[Annotated]],
    out: str | Path | None = None,
    *,
    config: PitchConfig | None = None,
    varied: float = VARIED,
    **options: Unpack[RunOptions],
) -> tuple[PitchGenerator, TrainingRecord]:
    """Train the pitch generator by teacher forcing: cross-entropy of the class of each frame of each note.

    Args:
        annotated: {"train": …, "validation": …}, from `annotate`.
        out: where the network goes (.safetensors); None keeps it in memory only.
        config: its shape; by default it knows the instruments of the performances.
        varied: share of the notes whose vibrato is made deeper or shallower, expression and all.
        options: steps (3000), plan, facts, resume, device, progress, on_validation; see `course_lib.training.run.Run`.

    Returns:
        The network with the best validation loss, in evaluation mode, and the record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/playing.ipynb
    """
    run, instruments = replace(RUN, out=out, **options), known_instruments(annotated)
    prepared = {part: prepare(annotated[part]) for part in ("train", "validation")}
    config = config or PitchConfig(instruments=instruments)
    torch.manual_seed(run.plan.seed)
    model = PitchGenerator(config)
    n_frames = round(run.plan.stretch_s * config.frame_rate)
    skip = round(SKIPPED_S * config.frame_rate)

    def draw(part: str, size: int, generator: torch.Generator) -> list[Tensor]:
        places = draw_places(prepared[part], batch=size, n_frames=n_frames, generator=generator)
        examples = [
            pitch_example(p, first=first, n_frames=n_frames, share=varied, generator=generator) for p, first in places
        ]
        features, semitones, sounding = (torch.stack(parts) for parts in zip(*examples, strict=True))
        instrument_id = model.indices([p.annotated.performance.instrument for p, _ in places])
        slips = SLIP_CENTS / 100 * torch.randn(semitones.shape, generator=generator)
        previous = pitch_class(semitones + slips).roll(1, 1)
        hidden = torch.rand(previous.shape, generator=generator) < HIDDEN_SHARE
        hidden[:, 0] = True
        if not config.feedback:
            hidden[:] = True
        return [features, torch.where(hidden, UNKNOWN, previous), instrument_id, semitones, sounding]

    def compare(module: nn.Module, batch: list[Tensor], device: torch.device) -> Tensor:
        features, previous, instrument_id, semitones, sounding = (x.to(device) for x in batch)
        mask = sounding[:, skip:]
        predicted, true = module(features, previous, instrument_id)[:, skip:][mask], semitones[:, skip:][mask]
        if config.regression:
            return nn.functional.mse_loss(predicted.squeeze(-1) * 100, true * 100) / 100
        return nn.functional.cross_entropy(predicted, pitch_class(true))

    def loss(module: nn.Module, generator: torch.Generator, device: torch.device) -> Tensor:
        return compare(module, draw("train", run.plan.batch, generator), device)

    held_out = draw("validation", run.plan.validation_stretches, torch.Generator().manual_seed(run.plan.seed + 1))
    task = Task(
        model,
        PITCH,
        loss,
        lambda device: float(compare(model, held_out, device)),
        annotations_digest(annotated),
        settings={"varied": varied},
    )
    return model, train_network(task, run)
