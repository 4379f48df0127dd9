"""The one loop that trains every network: in one process or many, on CPU or GPU, stopped and resumed at any step."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from course_lib.training.checkpoints import NetworkKind, save_network
from course_lib.training.processes import describe_device, is_first_process, join_processes, wait_for_all
from course_lib.training.run import Run, TrainingRecord
from course_lib.training.state import TrainingState, copy_weights

CLIP_NORM = 3.0
MAX_OVERFLOWS = 10  # gradients in a row that may overflow


@dataclass(frozen=True)
class Task:
    """A network and what it is to learn; each training of the course fills in one of these.

    Args:
        model: the network, a module with its `config`.
        kind: of file that it becomes.
        loss: (module, generator, device) → 0-d tensor: the loss of a batch, drawn with the generator and nothing else.
            The module is `trained`, which DistributedDataParallel wraps where there are several processes.
        validate: device → the loss on fixed examples, always the same for the same weights. It is called in evaluation
            mode, without gradients.
        data: digest of everything that is learned from; a run is resumed only on the same.
        settings: of the loss; stored with the network, and a run is resumed only with the same.
        trained: the module that is trained, where it holds more than the network; None: the network.
        groups: parameter groups of `trained`, each with "share", its part of the learning rate; None: all, 1.
    """

    model: nn.Module
    kind: NetworkKind
    loss: Callable[[nn.Module, torch.Generator, torch.device], Tensor]
    validate: Callable[[torch.device], float]
    data: str
    settings: dict[str, Any] = field(default_factory=dict)
    trained: nn.Module | None = None
    groups: list[dict[str, Any]] | None = None


def train_network(task: Task, run: Run) -> TrainingRecord:
    """Train a network in place, leave in it the weights that did best in validation, and write it to `run.out`.

    Whenever the network is validated, the whole state is written; a run that was killed goes on from there and ends
    with the same weights as one that was not. Started by `torchrun --nproc-per-node N`, N processes share each step,
    each with its own batch.

    Args:
        task: the network and what it learns; the network ends in evaluation mode, on the device.
        run: how long, where to, on what.

    Returns:
        The record.

    Raises:
        CheckpointError: a training state of another plan, model or data, or one that is damaged.
        FloatingPointError: the loss is not finite, or gradients overflow again and again.
    """
    rank, world_size, device = join_processes(run.device)
    trained = (task.trained or task.model).to(device)
    optimizer = torch.optim.Adam(task.groups or [{"params": list(trained.parameters()), "share": 1.0}], lr=run.plan.lr)
    state = TrainingState(trained, optimizer, TrainingRecord(device=describe_device(device, world_size)))
    path, identity = run.state_path, _identity(task, run)
    if run.resume and path is not None and path.is_file():
        state.load(path, task.kind.form, identity)
    record = state.record
    first, started, earlier, overflows = len(record.losses), time.monotonic(), record.seconds, 0
    shared: nn.Module = DistributedDataParallel(trained) if world_size > 1 else trained
    quiet = os.environ.get("COURSE_PROGRESS") == "0" if run.progress is None else not run.progress
    with tqdm(total=run.steps, initial=first, disable=quiet or rank > 0, unit="step", mininterval=1.0) as bar:
        for step in range(first, run.steps):
            # Each step draws from its own seed: a resumed run sees just what an unbroken one would have seen.
            generator = torch.Generator().manual_seed(((run.plan.seed * 1_000_003 + step) * 4099 + rank) % 2**63)
            for group in optimizer.param_groups:
                group["lr"] = group["share"] * run.plan.rate(step, steps=run.steps)
            shared.train()
            loss = task.loss(shared, generator, device)
            optimizer.zero_grad()
            loss.backward()
            norm = float(nn.utils.clip_grad_norm_(trained.parameters(), CLIP_NORM))
            overflows = 0 if math.isfinite(norm) else overflows + 1
            value = float(loss.detach())
            if not math.isfinite(value) or overflows > MAX_OVERFLOWS:
                raise FloatingPointError(
                    f"training stopped at step {step}: loss {value}, gradient {norm}; try a smaller lr"
                )
            if not overflows:  # a gradient that explodes on its way back through 600 frames is left out
                optimizer.step()
            record.losses.append(round(value, 4))
            bar.update()
            if (step + 1) % run.plan.validate_every == 0 or step + 1 == run.steps:
                trained.eval()
                with torch.no_grad():
                    measured = task.validate(device)
                if measured < record.best_loss:
                    state.best = copy_weights(trained)
                record.validation_steps.append(step + 1)
                record.validation_losses.append(round(measured, 4))
                record.seconds = round(earlier + time.monotonic() - started, 1)
                bar.set_postfix(validation=f"{measured:.3f}", best=f"{record.best_loss:.3f}")
                if rank == 0 and path is not None:
                    state.save(path, task.kind.form, identity)
                if rank == 0 and run.on_validation is not None:
                    run.on_validation(task.model, record)
    trained.load_state_dict(state.best)
    trained.eval()
    if run.out is not None and is_first_process():
        training = {"training": {**asdict(run.plan), **record.summary()}}
        save_network(run.out, task.model, {**run.facts, **training, **task.settings}, task.kind, half=True)
    wait_for_all()
    return record


def mean_in_pieces(loss: Callable[[slice], Tensor], n: int, *, size: int = 8) -> float:
    """Mean loss of n examples, `size` at a time so that they need not all fit into memory at once.

    Args:
        loss: (which examples) → their mean loss, 0-d.
        n: examples in all.
        size: examples at a time.
    """
    pieces = [slice(i, min(i + size, n)) for i in range(0, n, size)]
    return sum(float(loss(piece)) * (piece.stop - piece.start) for piece in pieces) / n


def _identity(task: Task, run: Run) -> dict[str, Any]:
    """What must be the same for a run to be resumed, as JSON gives it back."""
    config: Any = task.model.config
    identity = {"plan": asdict(run.plan), "config": {**asdict(config), **task.settings}, "recordings": task.data}
    same: dict[str, Any] = json.loads(json.dumps(identity))
    return same
