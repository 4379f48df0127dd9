"""Training: one process or many (`torchrun`), CPU or GPU, stopped and resumed at any step with the same result."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from course_lib.core.checks import check_count
from course_lib.training.checkpoints import CheckpointError, Format, read_tensors, write_tensors

CLIP_NORM = 3.0
MOST_BROKEN = 10  # gradients in a row that may overflow
Loss = Callable[[nn.Module, torch.Generator, torch.device], Tensor]


@dataclass
class TrainingRecord:
    """What happened: loss of the batch at every step, and of the validation set at some."""

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


@dataclass(frozen=True)
class StateFile:
    """Where a run keeps what it needs to be resumed, and what must be the same for that.

    Args:
        path: of the state; None keeps nothing.
        form: of the file.
        config: of the model.
        learned_from: digest of the data, see `digest`.
    """

    path: Path | None
    form: Format
    config: dict[str, Any]
    learned_from: str


def train_model(
    model: nn.Module,
    loss: Loss,
    validate: Callable[[nn.Module, torch.device], float],
    state: StateFile,
    *,
    steps: int,
    plan: Plan,
    groups: list[dict[str, Any]] | None = None,
    resume: bool = True,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    on_validation: Callable[[Any, TrainingRecord], None] | None = None,
) -> TrainingRecord:
    """Train a model in place, and leave in it the weights that did best in validation.

    Whenever the model is validated, the whole state is written; a run that was killed goes on from there and ends with
    the same weights as one that was not. Started by `torchrun --nproc-per-node N`, N processes share each step, each
    with its own batch.

    Args:
        model: what is trained; it ends in evaluation mode, on the device.
        loss: (model, generator, device) → 0-d tensor. It draws its batch with the generator and nothing else.
        validate: (model, device) → a number, the lower the better; always the same for the same weights.
        state: where to keep the state.
        steps: gradient steps in all, those before a resume included.
        plan: learning rate, seed, how often to validate.
        groups: parameter groups, each with "share", its part of the learning rate; None: all, 1.
        resume: go on from the state, if there is one; False starts over.
        device: "cpu", "cuda"…; by default CUDA where there is some.
        progress: a bar with the time that is left; None shows it unless COURSE_PROGRESS=0.
        on_validation: called after each validation with the model and the record.

    Returns:
        The record.

    Raises:
        CheckpointError: a training state of another plan, model or data, or one that is damaged.
        FloatingPointError: the loss is not finite.
    """
    steps = check_count(steps, "steps")
    rank, world, where = join_processes(device)
    model.to(where)
    groups = groups or [{"params": list(model.parameters()), "share": 1.0}]
    optimizer = torch.optim.Adam(groups, lr=plan.lr)
    record, best = TrainingRecord(device=_device_name(where, world)), _copy(model)
    if resume and state.path is not None and state.path.is_file():
        best = _load_state(state, model, optimizer, record, plan)
    shared: nn.Module = DistributedDataParallel(model) if world > 1 else model
    quiet = os.environ.get("COURSE_PROGRESS") == "0" if progress is None else not progress
    first, started, earlier = len(record.losses), time.monotonic(), record.seconds
    broken = 0
    with tqdm(total=steps, initial=first, disable=quiet or rank > 0, unit="step", mininterval=1.0) as bar:
        for step in range(first, steps):
            # Each step draws from its own seed: a resumed run sees just what an unbroken one would have seen.
            draw = torch.Generator().manual_seed(((plan.seed * 1_000_003 + step) * 4099 + rank) % 2**63)
            for group in optimizer.param_groups:
                group["lr"] = group["share"] * plan.rate(step, steps)
            shared.train()
            value = loss(shared, draw, where)
            optimizer.zero_grad()
            value.backward()
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM))
            broken = 0 if math.isfinite(norm) else broken + 1
            number = float(value.detach())
            if not math.isfinite(number) or broken > MOST_BROKEN:
                raise FloatingPointError(
                    f"training stopped at step {step}: loss {number}, gradient {norm}; try a smaller lr"
                )
            if not broken:  # a gradient that explodes on its way back through 600 frames is left out
                optimizer.step()
            record.losses.append(round(number, 4))
            bar.update()
            if (step + 1) % plan.validate_every == 0 or step + 1 == steps:
                model.eval()
                with torch.no_grad():
                    measured = validate(model, where)
                if measured < record.best_loss:
                    best = _copy(model)
                record.validation_steps.append(step + 1)
                record.validation_losses.append(round(measured, 4))
                record.seconds = round(earlier + time.monotonic() - started, 1)
                bar.set_postfix(validation=f"{measured:.3f}", best=f"{record.best_loss:.3f}")
                if rank == 0 and state.path is not None:
                    _save_state(state, model, optimizer, best, record, plan)
                if rank == 0 and on_validation is not None:
                    on_validation(model, record)
    model.load_state_dict(best)
    model.eval()
    return record


def digest(parts: Iterable[tuple[str, Tensor]]) -> str:
    """A digest of named tensors, of all that is learned from: a run is resumed only on the same data."""
    sha = hashlib.sha256()
    for name, value in parts:
        sha.update(f"{name} ".encode())
        sha.update(value.detach().cpu().numpy().tobytes())
    return sha.hexdigest()


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


def join_processes(device: str | torch.device | None = None) -> tuple[int, int, torch.device]:
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


def is_first_process() -> bool:
    """Whether this process is the one that writes files."""
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


def wait_for_all() -> None:
    """Return once every process is here."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def leave_processes() -> None:
    """End what `join_processes` began."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _device_name(where: torch.device, world: int) -> str:
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else f"CPU ({platform.machine()})"
    threads = "" if where.type == "cuda" else f", {torch.get_num_threads()} thread(s)"
    return f"{world} × {name}{threads}"


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _save_state(
    state: StateFile,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    record: TrainingRecord,
    plan: Plan,
) -> None:
    """Everything a resumed run needs, as tensors and JSON."""
    names = [name for name, _ in model.named_parameters()]
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{names[index]}.{key}": torch.as_tensor(value) for key, value in moments.items()}
    facts = {"kind": "training state", "plan": asdict(plan), "config": state.config, "record": asdict(record)}
    facts["recordings"] = state.learned_from
    assert state.path is not None
    write_tensors(state.path, tensors, facts, state.form)


def _load_state(
    state: StateFile, model: nn.Module, optimizer: torch.optim.Optimizer, record: TrainingRecord, plan: Plan
) -> dict[str, Tensor]:
    """Restore what `_save_state` wrote; returns the best weights so far."""
    path = state.path
    assert path is not None
    tensors, facts = read_tensors(path, "training state", state.form)
    if facts.get("plan") != asdict(plan) or facts.get("config") != state.config:
        raise CheckpointError(
            f"{path} belongs to a run with other settings; resume with those, or with resume=False start over"
        )
    if facts.get("recordings", state.learned_from) != state.learned_from:
        raise CheckpointError(f"{path} belongs to a run on other recordings; with resume=False start over")

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    names = [name for name, _ in model.named_parameters()]
    adam = part("adam.")
    try:
        model.load_state_dict(part("best."))
        best = _copy(model)
        model.load_state_dict(part("model."))
        moments = {
            i: {key: adam[f"{name}.{key}"] for key in ("step", "exp_avg", "exp_avg_sq")} for i, name in enumerate(names)
        }
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        earlier = TrainingRecord(**facts["record"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is not whole ({reason}); with resume=False start over") from error
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise CheckpointError(f"{path} holds weights that are not finite; with resume=False start over")
    for name in ("losses", "validation_steps", "validation_losses", "seconds"):
        setattr(record, name, getattr(earlier, name))
    return best
