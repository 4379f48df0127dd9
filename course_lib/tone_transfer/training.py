"""Training an instrument for tone transfer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.analysis.recordings import Recording
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.tone_transfer.checkpoint import FORMAT, save_instrument
from course_lib.tone_transfer.data import draw_batch
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.training.trainer import (
    Plan,
    StateFile,
    TrainingRecord,
    digest,
    is_first_process,
    summary,
    train_model,
    wait_for_all,
)

PREROLL_S = 0.5  # played before the stretch that is compared, so that the room is already ringing
REVERB_SHARE = 0.05  # of the learning rate, for the taps of the room


def train(
    recordings: dict[str, list[Recording]],
    out: str | Path | None = None,
    *,
    steps: int = 5000,
    config: TransferConfig | None = None,
    plan: Plan | None = None,
    facts: dict[str, Any] | None = None,
    resume: bool = True,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    on_validation: Callable[[ToneTransfer, TrainingRecord], None] | None = None,
) -> tuple[ToneTransfer, TrainingRecord]:
    """Train an instrument on recordings, and keep the weights that did best on recordings it never learned from.

    Beside OUT lies the training state (`….train.safetensors`), written whenever the model is validated; a run that
    was killed goes on from there and ends with the same weights as one that was not. Started by
    `torchrun --nproc-per-node N`, N processes share each step, each with its own batch.

    Args:
        recordings: from `load_recordings`; "train" and "validation" are used.
        out: where the instrument goes (.safetensors); None keeps it in memory only.
        steps: gradient steps in all, those before a resume included.
        config: shape of the model.
        plan: batch size, learning rate, seed…
        facts: stored with the instrument.
        resume: go on from the training state, if there is one; False starts over.
        device: "cpu", "cuda"…; by default CUDA where there is some.
        progress: a bar with the time that is left; None shows it unless COURSE_PROGRESS=0.
        on_validation: called after each validation.

    Returns:
        The model with the best validation loss, in evaluation mode, and the record.

    Raises:
        ValueError: no recordings for training or validation; a training state of another plan or model.
        FloatingPointError: the loss is not finite.

    Chapter: book/tone_transfer/decoder.ipynb
    """
    plan, config = plan or Plan(), config or TransferConfig()
    for part in ("train", "validation"):
        if not recordings.get(part):
            raise ValueError(f"there are no recordings for {part}; see load_recordings")
    torch.manual_seed(plan.seed)
    model = ToneTransfer(config)
    hop = config.sample_rate // config.frame_rate
    n_frames = round((PREROLL_S + plan.stretch_s) * config.frame_rate)

    def loss(shared: nn.Module, generator: torch.Generator, where: torch.device) -> Tensor:
        batch = draw_batch(recordings["train"], plan.batch, n_frames, hop, generator)
        return _loss(shared, batch, where, generator, config)

    record = train_model(
        model,
        loss,
        lambda _, where: validate(model, recordings["validation"], plan, where),
        StateFile(
            None if out is None else Path(out).with_suffix(".train.safetensors"),
            FORMAT,
            asdict(config),
            fingerprint(recordings),
        ),
        steps=steps,
        plan=plan,
        groups=_groups(model),
        resume=resume,
        device=device,
        progress=progress,
        on_validation=on_validation,
    )
    if is_first_process() and out is not None:
        save_instrument(out, model, {**(facts or {}), "training": {**asdict(plan), **summary(record)}}, half=True)
    wait_for_all()
    return model, record


def fingerprint(recordings: dict[str, list[Recording]]) -> str:
    """A digest of all that is learned from: a run is resumed only on the same recordings."""
    return digest((f"{part} {r.name}", r.audio) for part in ("train", "validation") for r in recordings[part])


def _groups(model: ToneTransfer) -> list[dict[str, Any]]:
    """The network, and the room with smaller steps: its taps are a hundredth of a weight, and Adam's steps are not.

    In the order of the model's own parameters, by which a training state is stored.
    """
    parts = ((model.decoder, 1.0), (model.reverb, REVERB_SHARE), (model.encoder, 1.0))
    return [{"params": list(part.parameters()), "share": share} for part, share in parts if part is not None]


def validate(model: ToneTransfer, recordings: list[Recording], plan: Plan, device: torch.device) -> float:
    """Mean loss over fixed stretches of the validation recordings."""
    c = model.config
    n_frames = round((PREROLL_S + plan.stretch_s) * c.frame_rate)
    draw = torch.Generator().manual_seed(plan.seed + 1)
    batch = draw_batch(recordings, plan.validation_stretches, n_frames, c.sample_rate // c.frame_rate, draw)
    model.eval()
    with torch.no_grad():
        pieces = [
            float(_loss(model, tuple(x[i : i + 8] for x in batch), device, draw, c)) * len(batch[0][i : i + 8])
            for i in range(0, plan.validation_stretches, 8)
        ]
    return sum(pieces) / plan.validation_stretches


def _loss(
    model: nn.Module,
    batch: tuple[Tensor, ...],
    device: torch.device,
    generator: torch.Generator,
    config: TransferConfig,
) -> Tensor:
    f0, loudness, audio = (x.to(device) for x in batch)
    skip = round(PREROLL_S * config.sample_rate)
    recording = audio if config.n_z else None
    sound = model(f0, loudness, audio.shape[-1], generator=generator, recording=recording)
    return multiscale_spectral_loss(sound[..., skip:], audio[..., skip:])
