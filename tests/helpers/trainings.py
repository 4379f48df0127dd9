"""What is asked of every training: stopped and resumed, it ends with the same network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.training.run import TrainingRecord


def weights(model: nn.Module) -> Tensor:
    """All of a network's numbers in one tensor."""
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def assert_resumes(train: Callable[..., Any], data: object, folder: Path, **options: Any) -> tuple[Any, TrainingRecord]:
    """Train once without a break, go on from its next to last state, and assert that nothing differs.

    What is drawn by another generator than the training's own, dropout say, is drawn otherwise the second time.

    Args:
        train: (data, out, **options) → network and record, on the CPU.
        data: to learn from.
        folder: where files go; the network is written to net.safetensors, its state beside it.
        options: of the training; it must validate at least twice.

    Returns:
        The network and the record of the unbroken training.
    """
    out, copy = folder / "net.safetensors", folder / "copy.safetensors"
    state, states = folder / "net.train.safetensors", folder / "states"
    states.mkdir()

    def keep(_: object, record: TrainingRecord) -> None:
        shutil.copy(state, states / str(len(record.losses)))

    common = {"device": "cpu", "progress": False, **options}
    model, record = train(data, out, on_validation=keep, **common)
    shutil.copy(states / str(record.validation_steps[-2]), copy.with_suffix(".train.safetensors"))
    torch.manual_seed(12345)
    resumed, again = train(data, copy, **common)
    assert torch.equal(weights(model), weights(resumed)) and not model.training
    assert record.losses == again.losses and record.validation_losses == again.validation_losses
    return model, record
