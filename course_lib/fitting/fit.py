"""How to improve a sound: gradient descent, with everything it did kept as data."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_lib.core.checks import check_audio, check_count, check_eager


class FitDiverged(FloatingPointError, ValueError):
    """The loss became NaN or infinite; the message tells at which step and what to try."""


@dataclass
class History:
    """What happened during a fit: data only, for printing and for `display.plot_history`.

    losses: one number a step, and one more for the result: `losses[i]` belongs to the state before step i.
    steps: the steps at which parameters and sounds were kept (0 and the last included).
    parameters: name → (n_records, …) values at these steps.
    sounds: the prediction at these steps, one (…, n_samples) tensor each.

    >>> History(losses=[1.0, 0.5], steps=[0, 1]).losses[-1]
    0.5
    """

    losses: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    parameters: dict[str, Tensor] = field(default_factory=dict)
    sounds: list[Tensor] = field(default_factory=list)

    @property
    def final_loss(self) -> float:
        """The loss of the result."""
        return self.losses[-1]

    @property
    def sound(self) -> Tensor:
        """The sound of the result, (…, n_samples)."""
        return self.sounds[-1]


def fit(
    model: nn.Module,
    target: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int = 300,
    lr: float = 0.01,
    *,
    record_every: int | None = None,
    inputs: Sequence[Tensor] = (),
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    lr_end: float | None = None,
    progress: bool | None = None,
) -> History:
    """Change a model's parameters, step by step downhill, until its sound comes close to the target.

    Args:
        model: a module whose call gives sound (…, n_samples); its parameters are changed in place.
        target: (…, n_samples), the sound to reach.
        loss: `loss(prediction, target)` → scalar. Where it has an attribute `for_target`, as `multiscale_spectral_loss`
            and `MultiscaleSpectralLoss(fft_sizes=…)` have, `loss.for_target(target)` is called once and gives the
            function of the prediction alone that is used: what depends on the target alone is computed once. A lambda
            or a partial lacks it: same loss, slower.
        steps: number of gradient steps, at least 1.
        lr: learning rate, > 0.
        record_every: keep parameters and sound every so many steps; by default about 50 times.
        inputs: what the model is called with, for models that process a sound: `inputs=(sound,)`.
        optimizer: `torch.optim.Adam`, `torch.optim.SGD`, or your own with the same call.
        lr_end: if given, the learning rate falls to this exponentially.
        progress: show a progress bar; None shows it unless the environment says COURSE_PROGRESS=0.

    Returns:
        History of losses, parameters and sounds.

    Raises:
        ValueError: silent, empty or NaN target, a model without parameters, a prediction of another shape.
        FitDiverged: the loss or a gradient became NaN or infinite.

    Chapter: book/first_steps/pytorch_for_sound.ipynb

    >>> from course_lib import LinearGain, waveform_l1
    >>> sound = torch.ones(4)
    >>> history = fit(LinearGain(1.0), 0.5 * sound, waveform_l1, steps=60, lr=0.05, inputs=(sound,), progress=False)
    >>> bool(history.losses[-1] < 0.05)
    True
    """
    check_eager("fit descends by itself", target, *inputs)
    goal = check_audio(target, "target", allow_silence=False)
    steps = check_count(steps, "steps")
    every = max(1, steps // 50) if record_every is None else check_count(record_every, "record_every")
    for name, rate in (("lr", lr), ("lr_end", lr if lr_end is None else lr_end)):
        if not 0 < rate < float("inf"):
            raise ValueError(f"{name} must be above 0 and finite, such as 0.01; got {rate!r}")
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module that returns sound; got {type(model).__name__}")
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise ValueError("model has nothing to learn: no parameter requires a gradient")

    for_target = getattr(loss, "for_target", None)
    to_goal = for_target(goal) if for_target else lambda prediction: loss(prediction, goal)
    descent = optimizer(list(parameters.values()), lr=lr)
    decay = 1.0 if lr_end is None else (lr_end / lr) ** (1.0 / steps)
    history = History()
    kept: dict[str, list[Tensor]] = {name: [] for name in parameters}
    hidden = os.environ.get("COURSE_PROGRESS") == "0" if progress is None else not progress
    bar = tqdm(range(steps + 1), desc="fit", disable=hidden, leave=False)
    for step in bar:
        prediction = model(*inputs)
        if prediction.shape != goal.shape:
            raise ValueError(
                f"the model's sound must have the target's shape {tuple(goal.shape)}; got {tuple(prediction.shape)}"
            )
        if not bool(torch.isfinite(prediction.detach()).all()):
            raise FitDiverged(_advice(step, "the model's sound holds NaN or infinity", history.losses, lr))
        value = to_goal(prediction)
        if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) and value.numel() != 1 else "none"
            raise ValueError(f"loss must return one number that depends on the model's sound; got {got}")
        number = float(value.detach())
        if not math.isfinite(number):
            raise FitDiverged(_advice(step, f"the loss is {number}", history.losses, lr))
        history.losses.append(number)
        if step % every == 0 or step == steps:
            history.steps.append(step)
            history.sounds.append(prediction.detach().clone())
            for name, p in parameters.items():
                kept[name].append(p.detach().clone())
        if step == steps:
            break
        descent.zero_grad()
        value.backward()
        for name, p in parameters.items():
            if p.grad is not None and not bool(torch.isfinite(p.grad).all()):
                raise FitDiverged(_advice(step, f"the gradient of {name} is not finite", history.losses, lr))
        descent.step()
        for group in descent.param_groups:
            group["lr"] *= decay
        if not hidden and step % 10 == 0:
            bar.set_postfix(loss=f"{number:.4g}", refresh=False)
    history.parameters = {name: torch.stack(values) for name, values in kept.items()}
    return history


def _advice(step: int, what: str, losses: list[float], lr: float) -> str:
    last = f"the last finite loss was {losses[-1]:.4g}" if losses else "there was no finite loss before"
    return f"fit stopped at step {step}: {what} ({last}). Try a smaller lr than {lr:g}, or start closer to the target"
