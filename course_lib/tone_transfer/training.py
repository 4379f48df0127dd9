"""Training an instrument for tone transfer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from course_lib.analysis.recordings import Recording
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.tone_transfer.checkpoint import INSTRUMENT
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.training.data import audio_digest, check_parts, cut_stretches, draw_stretches
from course_lib.training.run import Plan, Run, RunOptions, TrainingRecord
from course_lib.training.trainer import Task, mean_in_pieces, train_network

RUN = Run(steps=5000, plan=Plan())
PREROLL_S = 0.5  # played before the stretch that is compared, so that the room is already ringing
REVERB_SHARE = 0.05  # of the learning rate, for the taps of the room


def train(
    recordings: dict[str, list[Recording]],
    out: str | Path | None = None,
    *,
    config: TransferConfig | None = None,
    **options: Unpack[RunOptions],
) -> tuple[ToneTransfer, TrainingRecord]:
    """Train an instrument on recordings, and keep the weights that did best on recordings it never learned from.

    Args:
        recordings: from `load_recordings`; "train" and "validation" are used.
        out: where the instrument goes (.safetensors); None keeps it in memory only.
        config: shape of the model.
        options: steps (5000), plan, facts, resume, device, progress, on_validation; see `course_lib.training.run.Run`.

    Returns:
        The model with the best validation loss, in evaluation mode, and the record.

    Raises:
        ValueError: no recordings for training or validation; a training state of another plan or model.
        FloatingPointError: the loss is not finite.

    Chapter: book/tone_transfer/decoder.ipynb
    """
    run, config = replace(RUN, out=out, **options), config or TransferConfig()
    check_parts(recordings, "recordings", "load_recordings")
    torch.manual_seed(run.plan.seed)
    model = ToneTransfer(config)

    def loss(module: nn.Module, generator: torch.Generator, device: torch.device) -> Tensor:
        batch = draw_batch(recordings["train"], run.plan.batch, run.plan, config, generator)
        return reconstruction_loss(module, batch, device, generator, config)

    def validate(device: torch.device) -> float:
        return validation_loss(model, recordings["validation"], run.plan, device)

    task = Task(model, INSTRUMENT, loss, validate, audio_digest(recordings), groups=_groups(model))
    return model, train_network(task, run)


def draw_batch(
    recordings: list[Recording], batch: int, plan: Plan, config: TransferConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Stretches with what is played before them: audio (batch, n_samples), f0_hz and loudness_db (batch, n_frames)."""
    n_frames = round((PREROLL_S + plan.stretch_s) * config.frame_rate)
    places = draw_stretches(recordings, batch=batch, n_frames=n_frames, generator=generator)
    return cut_stretches(recordings, places, n_frames=n_frames, hop=config.sample_rate // config.frame_rate)


def reconstruction_loss(
    model: nn.Module,
    batch: tuple[Tensor, Tensor, Tensor],
    device: torch.device,
    generator: torch.Generator,
    config: TransferConfig,
) -> Tensor:
    """How far what the model plays is from what was recorded: the spectral loss, 0-d, without the pre-roll."""
    audio, f0, loudness = (x.to(device) for x in batch)
    skip = round(PREROLL_S * config.sample_rate)
    recording = audio if config.n_z else None
    sound = model(f0, loudness, audio.shape[-1], generator=generator, recording=recording)
    return multiscale_spectral_loss(sound[..., skip:], audio[..., skip:])


def validation_loss(model: ToneTransfer, recordings: list[Recording], plan: Plan, device: torch.device) -> float:
    """Mean loss over stretches of the validation recordings, the same ones each time."""
    generator = torch.Generator().manual_seed(plan.seed + 1)
    audio, f0, loudness = draw_batch(recordings, plan.validation_stretches, plan, model.config, generator)

    def loss(piece: slice) -> Tensor:
        batch = (audio[piece], f0[piece], loudness[piece])
        return reconstruction_loss(model, batch, device, generator, model.config)

    return mean_in_pieces(loss, len(audio))


def _groups(model: ToneTransfer) -> list[dict[str, Any]]:
    """The network, and the room with smaller steps: its taps are a hundredth of a weight, and Adam's steps are not.

    In the order of the model's own parameters, so that the names in a training state are right.
    """
    tone = model.tone if isinstance(model.tone, nn.Module) else None
    parts = ((tone, 1.0), (model.decoder, 1.0), (model.reverb, REVERB_SHARE), (model.encoder, 1.0))
    groups = [{"params": list(part.parameters()), "share": share} for part, share in parts if part is not None]
    return [group for group in groups if group["params"]]
