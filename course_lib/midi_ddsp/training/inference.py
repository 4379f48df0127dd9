"""Training the inference network: hear, play again, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn

from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.checkpoint import INFERENCE
from course_lib.midi_ddsp.data import Performance
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference, InferenceConfig
from course_lib.training.data import audio_digest, check_parts, cut_stretches, draw_stretches
from course_lib.training.run import Plan, Run, RunOptions, TrainingRecord
from course_lib.training.trainer import Task, mean_in_pieces, train_network

RUN = Run(steps=5000, plan=Plan(lr=3e-3, validate_every=200))
FRAME_RATE, HOP = 250, 64  # frames a second; samples a frame
GAIN_DB = (-18.0, 6.0)  # recordings are made at any level: so is what the network hears in training
UNKNOWN_SHARE = 0.3  # of the stretches: which instrument they are of is not given to the network
PREROLL_S = 0.25  # heard before the stretch that is compared; longer than the room's early echoes
REVERB_SHARE = 0.05  # of the learning rate, for the taps of the rooms


def train_inference(
    performances: Mapping[str, Sequence[Performance]],
    out: str | Path | None = None,
    *,
    config: InferenceConfig | None = None,
    **options: Unpack[RunOptions],
) -> tuple[DDSPInference, TrainingRecord]:
    """Train the inference network by resynthesis: nobody tells it amplitudes, only whether it sounds the same.

    Args:
        performances: from `load_performances`; "train" and "validation" are used.
        out: where the network goes (.safetensors); None keeps it in memory only.
        config: shape of the network; by default it knows the instruments of the performances.
        options: steps (5000), plan, facts, resume, device, progress, on_validation; see `course_lib.training.run.Run`.

    Returns:
        The network with the best validation loss, in evaluation mode, and the record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/inference.ipynb
    """
    run = replace(RUN, out=out, **options)
    check_parts(performances, "performances", "load_performances")
    config = config or InferenceConfig(instruments=tuple(sorted({p.instrument for p in performances["train"]})))
    torch.manual_seed(run.plan.seed)
    model = DDSPInference(config)
    n_frames = round((PREROLL_S + run.plan.stretch_s) * FRAME_RATE)

    def draw(part: str, batch: int, generator: torch.Generator) -> tuple[tuple[Tensor, ...], list[str]]:
        places = draw_stretches(performances[part], batch=batch, n_frames=n_frames, generator=generator)
        names = [performances[part][i].instrument for i, _ in places]
        return cut_stretches(performances[part], places, n_frames=n_frames, hop=HOP), names

    def loss(module: nn.Module, generator: torch.Generator, device: torch.device) -> Tensor:
        (audio, f0, loudness), names = draw("train", run.plan.batch, generator)
        gain_db = GAIN_DB[0] + (GAIN_DB[1] - GAIN_DB[0]) * torch.rand(run.plan.batch, 1, generator=generator)
        sounds = (audio * 10.0 ** (gain_db / 20.0), f0, loudness + gain_db)
        hidden = (torch.rand(run.plan.batch, generator=generator) < UNKNOWN_SHARE).tolist()
        given = [None if hide else name for name, hide in zip(names, hidden, strict=True)]
        return resynthesis_loss(module, sounds, model.indices(given), device, generator)

    held_out, held_out_names = draw(
        "validation", run.plan.validation_stretches, torch.Generator().manual_seed(run.plan.seed + 1)
    )

    def validate(device: torch.device) -> float:
        generator = torch.Generator().manual_seed(run.plan.seed + 1)
        instrument_id = model.indices(held_out_names)

        def piece_loss(piece: slice) -> Tensor:
            sounds = [x[piece] for x in held_out]
            return resynthesis_loss(model, sounds, instrument_id[piece], device, generator)

        return mean_in_pieces(piece_loss, len(held_out_names))

    groups = [{"params": [p for name, p in model.named_parameters() if name != "rooms"], "share": 1.0}]
    if model.rooms is not None:
        groups.append({"params": [model.rooms], "share": REVERB_SHARE})
    return model, train_network(Task(model, INFERENCE, loss, validate, audio_digest(performances), groups=groups), run)


def resynthesis_loss(
    model: nn.Module, sounds: Sequence[Tensor], instrument_id: Tensor, device: torch.device, generator: torch.Generator
) -> Tensor:
    """How far what was heard and played again is from the sound: the spectral loss, 0-d, without the pre-roll.

    Args:
        model: the network, audio in, audio out.
        sounds: audio (batch, n_samples), f0_hz and loudness_db (batch, n_frames).
        instrument_id: (batch,), from `DDSPInference.indices`.
        device: to compute on.
        generator: of the noise.
    """
    audio, f0, loudness = (x.to(device) for x in sounds)
    played = model(audio, f0, loudness, instrument_id, generator=generator)
    skip = round(PREROLL_S * FRAME_RATE) * HOP
    return multiscale_spectral_loss(played[..., skip:], audio[..., skip:])
