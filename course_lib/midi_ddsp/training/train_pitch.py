"""Training the pitch generator: name the next frame's pitch class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.midi_ddsp.checkpoint import save_pitch
from course_lib.midi_ddsp.playing.pitch_generator import UNKNOWN, PitchConfig, PitchGenerator, pitch_class
from course_lib.midi_ddsp.training.annotate import Annotated
from course_lib.midi_ddsp.training.examples import draw_places, pitch_lesson, prepare
from course_lib.midi_ddsp.training.generators import check_parts, teach
from course_lib.training.trainer import Plan, TrainingRecord

PLAN = Plan(batch=12, stretch_s=3.0, lr=3e-3, validate_every=200, validation_stretches=24)
SKIPPED_S = 0.1  # a stretch may begin inside a note: what went before is not known
BLANKED = 0.5  # how often the frame before is hidden
SLIP_CENTS = 1.0  # and how far off it is told otherwise: in a render, the frame before was only drawn
VARIED = 0.6  # of the notes


def train_pitch(
    annotated: Mapping[str, Sequence[Annotated]],
    out: str | Path | None = None,
    *,
    steps: int = 3000,
    config: PitchConfig | None = None,
    plan: Plan | None = None,
    varied: float = VARIED,
    facts: dict[str, Any] | None = None,
    resume: bool = True,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    on_validation: Callable[[PitchGenerator, TrainingRecord], None] | None = None,
) -> tuple[PitchGenerator, TrainingRecord]:
    """Train the pitch generator by teacher forcing: cross-entropy of the class of each frame of each note.

    Everything that `train_model` says about being killed, resumed, and several processes holds here.

    Args:
        annotated: {"train": …, "validation": …}, from `annotate`.
        out: where the network goes (.safetensors); None keeps it in memory only.
        steps: gradient steps in all, those before a resume included.
        config: its shape; by default it knows the instruments of the performances.
        plan: batch size, learning rate, seed…
        varied: share of the notes whose vibrato is made deeper or shallower, expression and all.
        facts: stored with the network.
        resume, device, progress, on_validation: as `train_inference`.

    Returns:
        The network with the best validation loss, in evaluation mode, and the record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/playing.ipynb
    """
    names = check_parts(annotated)
    lessons = {part: prepare(annotated[part]) for part in ("train", "validation")}
    plan, config = plan or PLAN, config or PitchConfig(instruments=names)
    torch.manual_seed(plan.seed)
    model = PitchGenerator(config)
    n_frames = round(plan.stretch_s * config.frame_rate)

    def batch(part: str, size: int, share: float, generator: torch.Generator) -> list[Tensor]:
        places = draw_places(lessons[part], size, n_frames, generator)
        cuts = [pitch_lesson(lesson, at, n_frames, share, generator) for lesson, at in places]
        who = model.indices([lesson.annotated.performance.instrument for lesson, _ in places])
        features, semitones, sounding = (torch.stack(parts) for parts in zip(*cuts, strict=True))
        slips = SLIP_CENTS / 100 * torch.randn(semitones.shape, generator=generator)
        told = pitch_class(semitones + slips).roll(1, 1)
        hidden = torch.rand(told.shape, generator=generator) < BLANKED
        hidden[:, 0] = True
        if not config.feedback:
            hidden[:] = True
        return [features, torch.where(hidden, UNKNOWN, told), who, semitones, sounding]

    def compare(shared: nn.Module, drawn: list[Tensor], where: torch.device) -> Tensor:
        features, told, who, semitones, sounding = (x.to(where) for x in drawn)
        skip = round(SKIPPED_S * config.frame_rate)
        out = shared(features, told, who)[:, skip:]
        counted = sounding[:, skip:]
        if config.regression:
            return nn.functional.mse_loss(out[counted].squeeze(-1) * 100, semitones[:, skip:][counted] * 100) / 100
        return nn.functional.cross_entropy(out[counted], pitch_class(semitones[:, skip:][counted]))

    def loss(shared: nn.Module, generator: torch.Generator, where: torch.device) -> Tensor:
        return compare(shared, batch("train", plan.batch, varied, generator), where)

    held = batch("validation", plan.validation_stretches, varied, torch.Generator().manual_seed(plan.seed + 1))

    def validate(_: nn.Module, where: torch.device) -> float:
        return float(compare(model, held, where))

    record = teach(
        model,
        loss,
        validate,
        annotated,
        out,
        save_pitch,
        settings={"varied": varied},
        facts=facts,
        steps=steps,
        plan=plan,
        resume=resume,
        device=device,
        progress=progress,
        on_validation=on_validation,
    )
    return model, record
