"""Training: one process or many (`torchrun`), CPU or GPU, stopped and resumed at any step with the same result."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from course_lib.checks import check_count
from course_lib.losses import multiscale_spectral_loss
from course_lib.tone_transfer.checkpoint import (
    CheckpointError,
    model_from,
    read_tensors,
    save_instrument,
    write_tensors,
)
from course_lib.tone_transfer.data import Recording, draw_batch
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig

PREROLL_S = 0.5  # played before the stretch that is compared, so that the room is already ringing
CLIP_NORM = 3.0
MOST_BROKEN = 10  # gradients in a row that may overflow
REVERB_SHARE = 0.05  # of the learning rate, for the taps of the room


@dataclass
class TrainingRecord:
    """What happened: loss of the batch at every step, and of the validation recordings at some."""

    losses: list[float] = field(default_factory=list)
    validation_steps: list[int] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    device: str = ""

    @property
    def best_loss(self) -> float:
        """Lowest validation loss so far; infinite before the first."""
        return min(self.validation_losses, default=math.inf)


@dataclass(frozen=True)
class Plan:
    """The numbers of a training run; a run is resumed only with the same ones (steps may grow)."""

    batch: int = 8
    stretch_s: float = 2.0
    lr: float = 4e-3
    lr_end: float = 1e-4
    warm_up: int = 50
    seed: int = 0
    validate_every: int = 250
    validation_stretches: int = 24

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step: a short climb, then half a cosine down."""
        fall = self.lr_end + (self.lr - self.lr_end) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))
        return fall * min(1.0, (step + 1) / self.warm_up)


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
    steps = check_count(steps, "steps")
    for part in ("train", "validation"):
        if not recordings.get(part):
            raise ValueError(f"there are no recordings for {part}; see load_recordings")
    rank, world, where = _processes(device)
    torch.manual_seed(plan.seed)
    model = ToneTransfer(config).to(where)
    optimizer = torch.optim.Adam(_groups(model), lr=plan.lr)
    record, best = TrainingRecord(device=_device_name(where, world)), _copy(model)
    state_path = None if out is None else Path(out).with_suffix(".train.safetensors")
    learned_from = fingerprint(recordings)
    if resume and state_path is not None and state_path.is_file():
        best = _load_state(state_path, model, optimizer, record, plan, learned_from)
    shared: nn.Module = DistributedDataParallel(model) if world > 1 else model
    hop = config.sample_rate // config.frame_rate
    n_frames = round((PREROLL_S + plan.stretch_s) * config.frame_rate)
    quiet = os.environ.get("COURSE_PROGRESS") == "0" if progress is None else not progress
    first, started, earlier = len(record.losses), time.monotonic(), record.seconds
    broken = 0
    with tqdm(total=steps, initial=first, disable=quiet or rank > 0, unit="step", mininterval=1.0) as bar:
        for step in range(first, steps):
            # Each step draws from its own seed: a resumed run sees just what an unbroken one would have seen.
            draw = torch.Generator().manual_seed(((plan.seed * 1_000_003 + step) * 4099 + rank) % 2**63)
            batch = draw_batch(recordings["train"], plan.batch, n_frames, hop, draw)
            for group in optimizer.param_groups:
                group["lr"] = group["share"] * plan.rate(step, steps)
            shared.train()
            loss = _loss(shared, batch, where, draw, config)
            optimizer.zero_grad()
            loss.backward()
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM))
            broken = 0 if math.isfinite(norm) else broken + 1
            if not math.isfinite(float(loss.detach())) or broken > MOST_BROKEN:
                raise FloatingPointError(
                    f"training stopped at step {step}: loss {float(loss.detach())}, gradient {norm}; try a smaller lr"
                )
            if not broken:  # a gradient that explodes on its way back through 600 frames is left out
                optimizer.step()
            record.losses.append(round(float(loss.detach()), 4))
            bar.update()
            if (step + 1) % plan.validate_every == 0 or step + 1 == steps:
                value = validate(model, recordings["validation"], plan, where)
                if value < record.best_loss:
                    best = _copy(model)
                record.validation_steps.append(step + 1)
                record.validation_losses.append(round(value, 4))
                record.seconds = round(earlier + time.monotonic() - started, 1)
                bar.set_postfix(validation=f"{value:.3f}", best=f"{record.best_loss:.3f}")
                if rank == 0 and state_path is not None:
                    _save_state(state_path, model, optimizer, best, record, plan, learned_from)
                if rank == 0 and on_validation is not None:
                    on_validation(model, record)
    model.load_state_dict(best)
    model.eval()
    if rank == 0 and out is not None:
        save_instrument(out, model, {**(facts or {}), "training": {**asdict(plan), **summary(record)}}, half=True)
    if world > 1:
        torch.distributed.barrier()
    return model, record


def fingerprint(recordings: dict[str, list[Recording]]) -> str:
    """A digest of all that is learned from: a run is resumed only on the same recordings."""
    digest = hashlib.sha256()
    for part in ("train", "validation"):
        for r in recordings[part]:
            digest.update(f"{part} {r.name} ".encode())
            digest.update(r.audio.cpu().numpy().tobytes())
    return digest.hexdigest()


def _groups(model: ToneTransfer) -> list[dict[str, Any]]:
    """The network, and the room with smaller steps: its taps are a hundredth of a weight, and Adam's steps are not.

    In the order of the model's own parameters, by which a training state is stored.
    """
    parts = ((model.decoder, 1.0), (model.reverb, REVERB_SHARE), (model.encoder, 1.0))
    return [{"params": list(part.parameters()), "share": share} for part, share in parts if part is not None]


def summary(record: TrainingRecord) -> dict[str, Any]:
    """The record in a few numbers, to store."""
    return {
        "steps": len(record.losses),
        "seconds": record.seconds,
        "device": record.device,
        "torch": torch.__version__,
        "validation_loss": record.best_loss,
        "validation": dict(zip(map(str, record.validation_steps), record.validation_losses, strict=True)),
    }


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


def _processes(device: str | torch.device | None) -> tuple[int, int, torch.device]:
    """Rank, number of processes and device; joins the others where torchrun started several."""
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return 0, 1, where
    if where.type == "cuda":
        where = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(where)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    return torch.distributed.get_rank(), world, where


def _device_name(where: torch.device, world: int) -> str:
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else f"CPU ({platform.machine()})"
    threads = "" if where.type == "cuda" else f", {torch.get_num_threads()} thread(s)"
    return f"{world} × {name}{threads}"


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _save_state(
    path: Path,
    model: ToneTransfer,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    record: TrainingRecord,
    plan: Plan,
    learned_from: str,
) -> None:
    """Everything a resumed run needs, as tensors and JSON."""
    names = [name for name, _ in model.named_parameters()]
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{names[index]}.{key}": torch.as_tensor(value) for key, value in moments.items()}
    facts = {"kind": "training state", "plan": asdict(plan), "config": asdict(model.config), "record": asdict(record)}
    facts["recordings"] = learned_from
    write_tensors(path, tensors, facts)


def _load_state(
    path: Path,
    model: ToneTransfer,
    optimizer: torch.optim.Optimizer,
    record: TrainingRecord,
    plan: Plan,
    learned_from: str,
) -> dict[str, Tensor]:
    """Restore what `_save_state` wrote; returns the best weights so far."""
    tensors, facts = read_tensors(path, "training state")
    if facts.get("plan") != asdict(plan) or facts.get("config") != asdict(model.config):
        raise CheckpointError(
            f"{path} belongs to a run with other settings; resume with those, or with resume=False start over"
        )
    if facts.get("recordings", learned_from) != learned_from:
        raise CheckpointError(f"{path} belongs to a run on other recordings; with resume=False start over")

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    best = model_from(part("best."), facts, path).state_dict()
    names = [name for name, _ in model.named_parameters()]
    adam = part("adam.")
    try:
        model.load_state_dict(part("model."))
        moments = {
            i: {key: adam[f"{name}.{key}"] for key in ("step", "exp_avg", "exp_avg_sq")} for i, name in enumerate(names)
        }
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        earlier = TrainingRecord(**facts["record"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is not whole ({reason}); with resume=False start over") from error
    for name in ("losses", "validation_steps", "validation_losses", "seconds"):
        setattr(record, name, getattr(earlier, name))
    device = next(model.parameters()).device
    return {name: value.to(device) for name, value in best.items()}
