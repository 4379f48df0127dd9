"""Training the synthesis generator: sound like the performance, and do what the six controls say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn

from course_lib.midi_ddsp.checkpoint import SYNTHESIS
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.midi_ddsp.training.adversary import AdversarialTraining, Adversary, Judged
from course_lib.midi_ddsp.training.annotations import Annotated, annotations_digest, known_instruments
from course_lib.midi_ddsp.training.examples import draw_places, prepare, tone_example
from course_lib.midi_ddsp.training.synthesis_loss import Batch, SynthesisLoss, compare
from course_lib.synths.tone import ToneControls
from course_lib.training.run import Plan, Run, RunOptions, TrainingRecord
from course_lib.training.trainer import Task, mean_in_pieces, train_network

RUN = Run(steps=5000, plan=Plan(batch=8, stretch_s=1.5, lr=2.5e-3, validate_every=200, validation_stretches=24))
VARIED_EXAMPLES = 0.75  # share of the examples in which notes are varied at all


def train_synthesis(
    annotated: Mapping[str, Sequence[Annotated]],
    out: str | Path | None = None,
    *,
    config: SynthesisConfig | None = None,
    parts: SynthesisLoss | None = None,
    start: SynthesisGenerator | None = None,
    **options: Unpack[RunOptions],
) -> tuple[SynthesisGenerator, TrainingRecord]:
    """Train the synthesis generator on the true pitch curves: no gradient passes from it to the pitch generator.

    Args:
        annotated: {"train": …, "validation": …}, from `annotate`.
        out: where the network goes (.safetensors); None keeps it in memory only.
        config: its shape; by default it knows the instruments of the performances.
        parts: of the loss.
        start: a generator whose weights to begin with.
        options: steps (5000), plan, facts, resume, device, progress, on_validation; see `course_lib.training.run.Run`.

    Returns:
        The network with the best validation loss (spectral + levels + notes, on varied and plain stretches), in
        evaluation mode, and the record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/playing.ipynb
    """
    run, instruments = replace(RUN, out=out, **options), known_instruments(annotated)
    prepared = {part: prepare(annotated[part]) for part in ("train", "validation")}
    parts = parts or SynthesisLoss()
    config = (start.config if start else None) or config or SynthesisConfig(instruments=instruments)
    torch.manual_seed(run.plan.seed)
    model = SynthesisGenerator(config)
    if start is not None:
        model.load_state_dict(start.state_dict())
    trained: nn.Module = model
    if parts.adversary:
        trained = AdversarialTraining(model, Adversary(1 + config.n_harmonics + config.n_bands))
    n_frames = round(run.plan.stretch_s * config.frame_rate)

    def draw(part: str, size: int, varied: float, generator: torch.Generator) -> Batch:
        examples, names = [], []
        for p, first in draw_places(prepared[part], batch=size, n_frames=n_frames, generator=generator):
            share = varied if float(torch.rand((), generator=generator)) < VARIED_EXAMPLES else 0.0
            features, target = tone_example(p, first=first, n_frames=n_frames, share=share, generator=generator)
            frames = slice(first, first + n_frames)
            examples.append((features, p.semitones[frames], p.note_index[frames], p.sounding[frames], *target))
            names.append(p.annotated.performance.instrument)
        features, semitones, note_index, sounding, *controls = (torch.stack(x) for x in zip(*examples, strict=True))
        return Batch(features, semitones, model.indices(names), note_index, sounding, ToneControls(*controls))

    def loss(module: nn.Module, generator: torch.Generator, device: torch.device) -> Tensor:
        batch = draw("train", run.plan.batch, parts.varied, generator).to(device)
        inputs = (batch.features, batch.semitones, batch.instrument_id)
        if not parts.adversary:
            return compare(model, module(*inputs), batch, parts, generator)
        judged: Judged = module(*inputs, batch.target.f0_hz, batch.target)
        ours = compare(model, judged.raw, batch, parts, generator)
        return ours + parts.adversary * (judged.fooling + parts.resemblance * judged.matching) + judged.discriminating

    held_out = draw("validation", run.plan.validation_stretches, 0.5, torch.Generator().manual_seed(run.plan.seed + 1))

    def validate(device: torch.device) -> float:
        generator = torch.Generator().manual_seed(run.plan.seed + 1)

        def piece_loss(piece: slice) -> Tensor:
            batch = held_out.rows(piece).to(device)
            raw = model(batch.features, batch.semitones, batch.instrument_id)
            return compare(model, raw, batch, SynthesisLoss(), generator)

        return mean_in_pieces(piece_loss, len(held_out.features))

    task = Task(
        model,
        SYNTHESIS,
        loss,
        validate,
        annotations_digest(annotated),
        settings={"loss": asdict(parts)},
        trained=trained,
    )
    return model, train_network(task, run)
