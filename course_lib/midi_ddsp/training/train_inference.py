"""Training the inference network: hear, play again, compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.checkpoint import FORMAT, save_inference
from course_lib.midi_ddsp.data import Performance, draw_performances
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference, InferenceConfig
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

FRAME_RATE = 250
PLAN = Plan(lr=3e-3, validate_every=200)
GAIN_DB = (-18.0, 6.0)  # recordings are made at any level: so is what the network hears in training
UNTOLD = 0.3  # how often the network is not told which instrument it hears
PREROLL_S = 0.25  # heard before the stretch that is compared; longer than the room's early echoes
REVERB_SHARE = 0.05  # of the learning rate, for the taps of the rooms


def train_inference(
    performances: dict[str, list[Performance]],
    out: str | Path | None = None,
    *,
    steps: int = 5000,
    config: InferenceConfig | None = None,
    plan: Plan | None = None,
    facts: dict[str, Any] | None = None,
    resume: bool = True,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    on_validation: Callable[[DDSPInference, TrainingRecord], None] | None = None,
) -> tuple[DDSPInference, TrainingRecord]:
    """Train the inference network by resynthesis: nobody tells it amplitudes, only whether it sounds the same.

    Everything that `train_model` says about being killed, resumed, and several processes holds here.

    Args:
        performances: from `load_performances`; "train" and "validation" are used.
        out: where the network goes (.safetensors); None keeps it in memory only.
        steps: gradient steps in all, those before a resume included.
        config: shape of the network; by default it knows the instruments of the performances.
        plan: batch size, learning rate, seed…
        facts: stored with the network.
        resume: go on from the training state beside OUT, if there is one; False starts over.
        device: "cpu", "cuda"…; by default CUDA where there is some.
        progress: a bar with the time that is left; None shows it unless COURSE_PROGRESS=0.
        on_validation: called after each validation.

    Returns:
        The network with the best validation loss, in evaluation mode, and the record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/inference.ipynb
    """
    for part in ("train", "validation"):
        if not performances.get(part):
            raise ValueError(f"there are no performances for {part}; see load_performances")
    plan = plan or PLAN
    names = tuple(sorted({p.instrument for p in performances["train"]}))
    config = config or InferenceConfig(instruments=names)
    torch.manual_seed(plan.seed)
    model = DDSPInference(config)
    n_frames = round((PREROLL_S + plan.stretch_s) * FRAME_RATE)
    draw = torch.Generator().manual_seed(plan.seed + 1)
    held = draw_performances(performances["validation"], plan.validation_stretches, n_frames, draw)

    def loss(shared: nn.Module, generator: torch.Generator, where: torch.device) -> Tensor:
        *sounds, names = draw_performances(performances["train"], plan.batch, n_frames, generator)
        gain_db = GAIN_DB[0] + (GAIN_DB[1] - GAIN_DB[0]) * torch.rand(plan.batch, 1, generator=generator)
        sounds = [sounds[0] * 10.0 ** (gain_db / 20.0), sounds[1], sounds[2] + gain_db]
        hidden = torch.rand(plan.batch, generator=generator) < UNTOLD
        told = [None if hide else name for name, hide in zip(names, hidden.tolist(), strict=True)]
        return _loss(shared, sounds, model.indices(told), where, generator)

    def validate(_: nn.Module, where: torch.device) -> float:
        *sounds, told = held
        generator, who, total = torch.Generator().manual_seed(plan.seed + 1), model.indices(told), 0.0
        for i in range(0, len(told), 8):
            some = [x[i : i + 8] for x in sounds]
            total += float(_loss(model, some, who[i : i + 8], where, generator)) * len(some[0])
        return total / len(told)

    groups = [{"params": [p for n, p in model.named_parameters() if n != "rooms"], "share": 1.0}]
    if model.rooms is not None:
        groups.append({"params": [model.rooms], "share": REVERB_SHARE})
    record = train_model(
        model,
        loss,
        validate,
        StateFile(
            None if out is None else Path(out).with_suffix(".train.safetensors"),
            FORMAT,
            {**asdict(config), "instruments": list(config.instruments)},
            digest((f"{part} {p.name}", p.audio) for part in ("train", "validation") for p in performances[part]),
        ),
        steps=steps,
        plan=plan,
        groups=groups,
        resume=resume,
        device=device,
        progress=progress,
        on_validation=on_validation,
    )
    if is_first_process() and out is not None:
        save_inference(out, model, {**(facts or {}), "training": {**asdict(plan), **summary(record)}}, half=True)
    wait_for_all()
    return model, record


def _loss(
    model: nn.Module, sounds: Sequence[Tensor], who: Tensor, where: torch.device, generator: torch.Generator
) -> Tensor:
    audio, f0, loudness = (x.to(where) for x in sounds)
    played = model(audio, f0, loudness, who, generator=generator)
    hop = audio.shape[-1] // f0.shape[-1]
    skip = round(PREROLL_S * FRAME_RATE) * hop
    return multiscale_spectral_loss(played[..., skip:], audio[..., skip:])
