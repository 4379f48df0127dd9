"""The training state: everything that a run which was stopped needs in order to go on as if it had not been."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.training.checkpoints import CheckpointError, Format, read_tensors, write_tensors
from course_lib.training.run import TrainingRecord


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights as they are now; later steps do not change them."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@dataclass
class TrainingState:
    """The weights, Adam's moments, the best weights so far, and the record.

    Args:
        model: what is trained.
        optimizer: Adam over all parameters of the model.
        record: what happened so far.

    `best` begins as a copy of the weights.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    record: TrainingRecord
    best: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.best = copy_weights(self.model)

    def save(self, path: Path, form: Format, identity: dict[str, Any]) -> None:
        """Write the state; `identity` (plan, config, recordings) must be the same for a run to go on from it."""
        # Adam numbers its moments in the order of its groups. The names only label these numbers: where the groups
        # are in another order than the model's parameters, a label is another parameter's name, here and in `load`.
        names = [name for name, _ in self.model.named_parameters()]
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{names[index]}.{key}": torch.as_tensor(value) for key, value in moments.items()}
        write_tensors(path, tensors, {"kind": "training state", **identity, "record": asdict(self.record)}, form)

    def load(self, path: Path, form: Format, identity: dict[str, Any]) -> None:
        """Read what `save` wrote.

        Raises:
            CheckpointError: a state of another plan, model or data, or one that is damaged.
        """
        tensors, facts = read_tensors(path, "training state", form)
        if facts.get("plan") != identity["plan"] or facts.get("config") != identity["config"]:
            raise CheckpointError(
                f"{path} belongs to a run with other settings; resume with those, or with resume=False start over"
            )
        if facts.get("recordings", identity["recordings"]) != identity["recordings"]:
            raise CheckpointError(f"{path} belongs to a run on other recordings; with resume=False start over")
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise CheckpointError(f"{path} holds weights that are not finite; with resume=False start over")

        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

        names = [name for name, _ in self.model.named_parameters()]
        adam = part("adam.")
        try:
            self.model.load_state_dict(part("best."))
            best = copy_weights(self.model)
            self.model.load_state_dict(part("model."))
            moments = {
                i: {key: adam[f"{name}.{key}"] for key in ("step", "exp_avg", "exp_avg_sq")}
                for i, name in enumerate(names)
            }
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
            earlier = TrainingRecord(**facts["record"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{path} is not whole ({reason}); with resume=False start over") from error
        self.best, self.record = best, TrainingRecord(**{**asdict(earlier), "device": self.record.device})
