"""A training: how it is run (`Run`), the numbers of its descent (`Plan`), and what happened (`TrainingRecord`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import torch

from course_lib.core.checks import check_count


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a training run; a run is resumed only with the same ones.

    Args:
        batch: examples a step.
        stretch_s: length of an example, seconds.
        lr: learning rate after the warm-up. lr_end: at the last step.
        warm_up: steps over which the learning rate climbs.
        seed: of the first weights and of every draw.
        validate_every: steps between two validations.
        validation_stretches: examples in the validation set.
    """

    batch: int = 8
    stretch_s: float = 2.0
    lr: float = 4e-3
    lr_end: float = 1e-4
    warm_up: int = 50
    seed: int = 0
    validate_every: int = 250
    validation_stretches: int = 24

    def rate(self, step: int, *, steps: int) -> float:
        """Learning rate of a step: a short climb, then half a cosine down."""
        fall = self.lr_end + (self.lr - self.lr_end) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))
        return fall * min(1.0, (step + 1) / self.warm_up)


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

    def summary(self) -> dict[str, Any]:
        """The record in a few numbers, to be stored with the network."""
        return {
            "steps": len(self.losses),
            "seconds": self.seconds,
            "device": self.device,
            "torch": torch.__version__,
            "validation_loss": self.best_loss,
            "validation": dict(zip(map(str, self.validation_steps), self.validation_losses, strict=True)),
        }


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a network is trained: how long, where to, on what. Each training has a `RUN` with its usual numbers.

    A training that was killed goes on from its training state and ends with the same weights as one that was not;
    started by `torchrun --nproc-per-node N`, N processes share it: see `course_lib.training.trainer.train_network`.

    Args:
        out: where the trained network goes (.safetensors), its training state beside it (`….train.safetensors`); None
            keeps it in memory only.
        steps: gradient steps in all, those before a resume included.
        plan: batch size, learning rate, seed…
        facts: stored with the network.
        resume: go on from the training state, if there is one; False starts over.
        device: "cpu", "cuda"…; by default CUDA where there is some.
        progress: a bar with the time that is left; None shows it unless COURSE_PROGRESS=0.
        on_validation: called after each validation with the network and the record.

    Raises:
        ValueError: steps that are no whole number of at least 1.
    """

    out: str | Path | None = None
    steps: int = 5000
    plan: Plan = Plan()
    facts: dict[str, Any] = field(default_factory=dict)
    resume: bool = True
    device: str | torch.device | None = None
    progress: bool | None = None
    on_validation: Callable[[Any, TrainingRecord], None] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_count(self.steps, "steps"))

    @property
    def state_path(self) -> Path | None:
        """Where the training state is kept, if anywhere."""
        return None if self.out is None else Path(self.out).with_suffix(".train.safetensors")


class RunOptions(TypedDict, total=False):
    """What may be said of a `Run` as keyword arguments of a training; what is left out stays as in its `RUN`."""

    steps: int
    plan: Plan
    facts: dict[str, Any]
    resume: bool
    device: str | torch.device | None
    progress: bool | None
    on_validation: Callable[[Any, TrainingRecord], None] | None
