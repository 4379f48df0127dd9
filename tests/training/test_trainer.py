"""The one loop, on a network of four weights: it learns, is stopped, killed and resumed, and refuses other states."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from course_lib.training import trainer
from course_lib.training.checkpoints import (
    CheckpointError,
    Format,
    NetworkKind,
    load_network,
    read_tensors,
    write_tensors,
)
from course_lib.training.run import Plan, Run, TrainingRecord
from course_lib.training.trainer import Task, mean_in_pieces, train_network
from tests.helpers import ROOT
from tests.helpers.trainings import assert_resumes, weights

FORMAT = Format("course_lib.tests", 1, "tiny")
PLAN = Plan(batch=4, validate_every=5, warm_up=5, lr=0.1)


@dataclass(frozen=True)
class LineConfig:
    size: int = 3


class Line(nn.Module):
    """A weighted sum of a few numbers."""

    def __init__(self, config: LineConfig) -> None:
        super().__init__()
        self.config, self.layer = config, nn.Linear(config.size, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[..., 0]


KIND = NetworkKind("line", FORMAT, Line, LineConfig, lambda c: c.size)


def make_task(seed: int = 0, config: LineConfig | None = None, **changes: Any) -> Task:
    """Learn to add numbers, with noise in the batches and none in validation."""
    torch.manual_seed(seed)
    model = Line(config or LineConfig())

    def loss(module: nn.Module, generator: torch.Generator, device: torch.device) -> torch.Tensor:
        assert module.training
        x = torch.rand(4, model.config.size, generator=generator)
        noise = 0.1 * torch.rand(4, generator=generator)
        return (module(x.to(device)) - x.sum(-1) - noise).square().mean()

    def validate(device: torch.device) -> float:
        assert not model.training and not torch.is_grad_enabled()
        x = torch.linspace(0, 1, 6 * model.config.size).view(6, -1).to(device)
        return mean_in_pieces(lambda piece: (model(x[piece]) - x[piece].sum(-1)).square().mean(), 6, size=4)

    return replace(Task(model, KIND, loss, validate, "the numbers"), **changes)


def learn(
    data: dict[str, Any] | None = None, out: Path | None = None, *, steps: int = 20, plan: Plan = PLAN, **options: Any
) -> tuple[nn.Module, TrainingRecord]:
    """Train a task on the CPU; `data` changes the task."""
    task = make_task(plan.seed, **(data or {}))
    run = Run(out=out, steps=steps, plan=plan, **{"device": "cpu", "progress": False, **options})
    return task.model, train_network(task, run)


def read_state(out: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return read_tensors(out.with_suffix(".train.safetensors"), "training state", FORMAT)


# Learning


def test_it_learns() -> None:
    task = make_task()
    record = train_network(task, Run(out=None, steps=43, plan=PLAN, device="cpu", progress=False))
    assert len(record.losses) == 43 and record.validation_steps == [*range(5, 41, 5), 43]
    assert record.best_loss < 0.1 * record.losses[0]
    assert not task.model.training and record.seconds >= 0 and record.device.startswith("1 × CPU")
    with torch.no_grad():
        assert task.validate(torch.device("cpu")) == pytest.approx(record.best_loss, abs=1e-4)


def test_the_weights_that_did_best_are_kept(tmp_path: Path) -> None:
    out, scores, seen = tmp_path / "a.safetensors", iter([3.0, 1.0, 2.0]), []
    task = make_task(validate=lambda device: next(scores))
    run = Run(
        out=out,
        steps=15,
        plan=PLAN,
        device="cpu",
        progress=False,
        on_validation=lambda model, _: seen.append(weights(model)),
    )
    record = train_network(task, run)
    assert record.validation_losses == [3.0, 1.0, 2.0] and record.best_loss == 1.0
    assert torch.equal(weights(task.model), seen[1]) and not torch.equal(seen[1], seen[2])
    state, facts = read_state(out)
    for part, expected in (("best", seen[1]), ("model", seen[2])):
        stored = [state[f"{part}.layer.{name}"].flatten() for name in ("weight", "bias")]
        assert torch.equal(torch.cat(stored), expected)
    assert facts["record"]["losses"] == record.losses and facts["record"]["seconds"] == record.seconds


def test_the_seed_decides() -> None:
    (a, one), (b, two), (c, three) = (learn(steps=6, plan=replace(PLAN, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(weights(a), weights(b)) and one.losses == two.losses
    assert not torch.equal(weights(a), weights(c)) and one.losses != three.losses


def test_the_file_says_how_it_was_made(tmp_path: Path) -> None:
    out = tmp_path / "a.safetensors"
    model, record = learn({"settings": {"noise": 0.1}}, out, steps=10, facts={"instrument": "test"})
    again, facts = load_network(out, KIND)
    assert facts["instrument"] == "test" and facts["noise"] == 0.1 and again.config == LineConfig()
    assert torch.allclose(weights(again), weights(model), atol=1e-3)  # 16-bit numbers
    made = facts["training"]
    assert (made["steps"], made["seed"], made["lr"]) == (10, 0, PLAN.lr)
    assert made["validation"] == {"5": record.validation_losses[0], "10": record.validation_losses[1]}
    assert made["validation_loss"] == record.best_loss and made["torch"] == torch.__version__


def test_the_learning_rate_climbs_then_falls() -> None:
    rates = [Plan().rate(step, steps=1000) for step in range(1000)]
    assert rates[0] < 0.05 * max(rates) and int(np.argmax(rates)) == Plan().warm_up - 1
    assert rates[-1] == pytest.approx(Plan().lr_end, rel=0.01)
    assert bool((np.diff(rates[60:]) <= 0).all())


def test_groups_have_their_share_of_the_rate() -> None:
    task = make_task()
    before, layer = weights(task.model), task.model.layer
    groups = [{"params": [layer.weight], "share": 1.0}, {"params": [layer.bias], "share": 0.25}]
    train_network(replace(task, groups=groups), Run(out=None, steps=1, plan=PLAN, device="cpu", progress=False))
    moved = (weights(task.model) - before).abs()  # Adam's first step is as long as the rate
    assert moved.numpy() == pytest.approx(PLAN.rate(0, steps=1) * np.array([1, 1, 1, 0.25]), rel=1e-3)


def test_gradients_are_clipped_and_those_that_overflow_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task()
    norms, real = [], torch.optim.Adam.step

    def step(self: torch.optim.Adam, *arguments: Any) -> Any:
        norms.append(float(torch.cat([p.grad.flatten() for p in task.model.parameters()]).norm()))
        return real(self, *arguments)

    calls = []

    def loss(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        value = 1e6 * task.loss(*arguments)
        if len(calls) % 2:
            value.register_hook(lambda gradient: gradient * math.inf)
        return value

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    record = train_network(replace(task, loss=loss), Run(out=None, steps=30, plan=PLAN, device="cpu", progress=False))
    assert len(record.losses) == 30 and len(norms) == 15
    assert max(norms) == pytest.approx(trainer.CLIP_NORM, rel=1e-4)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_stops(tmp_path: Path, where: str) -> None:
    out, task, calls = tmp_path / "a.safetensors", make_task(), []

    def loss(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        value = task.loss(*arguments)
        if len(calls) > 7 and where == "gradient":
            value.register_hook(lambda gradient: gradient * math.nan)
        return value * (math.nan if len(calls) > 7 and where == "loss" else 1.0)

    # One loss is enough; a gradient may overflow ten times in a row.
    step = 7 if where == "loss" else 7 + trainer.MAX_OVERFLOWS
    with pytest.raises(FloatingPointError, match=rf"step {step}: .*smaller lr"):
        train_network(replace(task, loss=loss), Run(out=out, steps=30, plan=PLAN, device="cpu", progress=False))
    assert not out.exists()
    assert all(bool(torch.isfinite(value).all()) for value in read_state(out)[0].values())


@pytest.mark.parametrize(
    ("progress", "variable", "shown"), [(None, "0", False), (None, "1", True), (False, "1", False), (True, "0", True)]
)
def test_progress_is_shown_where_it_is_wanted(
    progress: bool | None,
    variable: str,
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", variable)
    learn(steps=5, progress=progress)
    said = capsys.readouterr()
    assert said.out == "" and ("5/5" in said.err) == shown and bool(said.err) == shown


@pytest.mark.parametrize("steps", [0, 1.5, "many"])
def test_steps_are_a_whole_number(steps: Any) -> None:
    with pytest.raises(ValueError, match="steps must be"):
        Run(steps=steps)


# Stopped and resumed


def test_stopped_and_resumed_is_as_unbroken(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(_: nn.Module, record: TrainingRecord) -> None:
        if record.validation_steps[-1] == 10:
            raise Enough

    whole, unbroken = learn(out=tmp_path / "whole.safetensors")
    with pytest.raises(Enough):
        learn(out=tmp_path / "broken.safetensors", on_validation=stop)
    assert not (tmp_path / "broken.safetensors").exists()
    model, record = learn(out=tmp_path / "broken.safetensors")
    assert torch.equal(weights(model), weights(whole))
    assert record.losses == unbroken.losses and record.validation_losses == unbroken.validation_losses
    states = [load_file(tmp_path / f"{name}.train.safetensors") for name in ("whole", "broken")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_helper_for_other_trainings_sees_a_draw_that_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    assert_resumes(learn, {}, tmp_path / "good")

    def learn_carelessly(data: Any, out: Path, **options: Any) -> tuple[nn.Module, TrainingRecord]:
        task = make_task()
        careless = replace(task, loss=lambda *arguments: task.loss(*arguments) * (1 + torch.rand(())))
        return task.model, train_network(careless, Run(out=out, steps=20, plan=PLAN, **options))

    with pytest.raises(AssertionError):
        assert_resumes(learn_carelessly, {}, tmp_path / "bad")


KILLED = """
import sys
import time
import tests.training.test_trainer as t
from pathlib import Path

def tell(model, record):
    print(len(record.losses), flush=True)
    if len(record.losses) == 30:
        time.sleep(600)  # by now it is killed

t.learn(None, Path(sys.argv[1]), steps=40, on_validation=tell)
"""


def test_killed_in_the_middle_and_resumed_is_as_unbroken(tmp_path: Path) -> None:
    out = tmp_path / "killed.safetensors"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "10":
                process.kill()  # SIGKILL on POSIX: nothing is tidied up
    assert process.returncode != 0 and not out.exists()
    assert 10 <= len(read_state(out)[1]["record"]["losses"]) <= 30
    (model, record), (whole, unbroken) = learn(out=out, steps=40), learn(steps=40)
    assert record.losses == unbroken.losses and torch.equal(weights(model), weights(whole))


def test_a_failed_save_leaves_the_state_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.safetensors"
    whole, _ = learn()
    replaced, real = [], os.replace

    def fail_the_third_time(source: object, target: object) -> None:
        replaced.append(target)
        if len(replaced) == 3:
            raise OSError("no space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail_the_third_time)
    with pytest.raises(OSError, match="no space"):
        learn(out=out)
    assert len(read_state(out)[1]["record"]["losses"]) == 10
    assert [p.name for p in tmp_path.iterdir()] == ["a.train.safetensors"]
    model, _ = learn(out=out)
    assert torch.equal(weights(model), weights(whole))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    (a, first), (b, again) = (learn(out=tmp_path / "a.safetensors", steps=10) for _ in range(2))
    assert torch.equal(weights(a), weights(b)) and again.losses == first.losses


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    out, state = tmp_path / "a.safetensors", tmp_path / "a.train.safetensors"
    learn(out=out, steps=5)
    before = state.read_bytes()
    for data, plan, words in [
        ({}, replace(PLAN, seed=9), "other settings"),
        ({"config": LineConfig(4)}, PLAN, "other settings"),
        ({"settings": {"noise": 2}}, PLAN, "other settings"),
        ({"data": "other numbers"}, PLAN, "other recordings"),
    ]:
        with pytest.raises(CheckpointError, match=words):
            learn(data, out, steps=10, plan=plan)
    assert state.read_bytes() == before
    _, record = learn(out=out, steps=10, plan=replace(PLAN, seed=9), resume=False)
    assert len(record.losses) == 10


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    out, state = tmp_path / "a.safetensors", tmp_path / "a.train.safetensors"
    learn(out=out, steps=5)
    tensors, facts = read_state(out)
    fewer = {name: value for name, value in tensors.items() if name != "adam.layer.bias.exp_avg"}
    nan = {**tensors, "best.layer.bias": tensors["best.layer.bias"] * torch.nan}
    for found, record, words in [
        (fewer, facts["record"], "not whole"),
        (nan, facts["record"], "not finite"),
        (tensors, {"wings": 2}, "not whole"),
    ]:
        write_tensors(state, found, {**facts, "record": record}, FORMAT)
        with pytest.raises(CheckpointError, match=words):
            learn(out=out, steps=10)
    state.write_bytes(b"half")
    with pytest.raises(CheckpointError, match="damaged"):
        learn(out=out, steps=10)
