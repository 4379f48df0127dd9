"""Training: the same every time, killed and resumed, on several processes, and from the command line."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from course_lib import harmonic_synth, loudness_db
from course_lib.__main__ import main
from course_lib.analysis.recordings import Recording
from course_lib.tone_transfer import CheckpointError, ToneTransfer, TransferConfig, load_instrument, train
from course_lib.tone_transfer import training as training_module
from course_lib.tone_transfer.checkpoint import FORMAT
from course_lib.training.checkpoints import read_tensors, write_tensors
from course_lib.training.trainer import Plan
from tests.helpers import ROOT

SMALL = TransferConfig(n_harmonics=8, n_bands=9, width=8, hidden=16, reverb_taps=200)
PLAN = Plan(batch=1, stretch_s=0.5, validate_every=5, validation_stretches=1, warm_up=5)
# Sums of floats depend on how many threads share them.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COURSE_PROGRESS": "0", "PYTHONPATH": str(ROOT)}


ONE_PROCESS = pytest.mark.skipif(
    sys.platform == "win32" or not torch.distributed.is_available(), reason="this PyTorch is for one process"
)


@pytest.fixture(autouse=True)
def one_thread() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recording(name: str, f0_hz: float, seconds: float = 3.0) -> Recording:
    """A harmonic tone that swells and sways, with its exact pitch."""
    n = round(250 * seconds)
    t = torch.arange(n) / 250
    f0 = f0_hz * (1.0 + 0.01 * torch.sin(30 * t))
    amplitude = 0.15 + 0.14 * torch.sin(5 * t)
    sound = harmonic_synth(f0, amplitude, torch.full((n, 5), 0.2), n * 64, 16_000)
    return Recording(name, sound, f0, loudness_db(sound, 16_000))


def recordings() -> dict[str, list[Recording]]:
    return {
        "train": [recording("a", 220.0), recording("b", 330.0)],
        "validation": [recording("c", 262.0)],
        "test": [],
    }


def learn(out: Path | None, steps: int = 20, plan: Plan = PLAN, **options: object) -> tuple[ToneTransfer, object]:
    given = options.pop("recordings", None) or recordings()
    return train(given, out, steps=steps, config=SMALL, plan=plan, device="cpu", progress=False, **options)


def weights(model: ToneTransfer) -> torch.Tensor:
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def test_it_learns_and_keeps_the_best(tmp_path: Path) -> None:
    model, record = learn(tmp_path / "a.safetensors", steps=40)
    assert len(record.losses) == 40 and record.validation_steps == list(range(5, 41, 5))
    assert record.best_loss < 0.7 * record.validation_losses[0]
    assert not model.training and record.seconds > 0 and record.device.startswith("1 × CPU")
    state, facts = read_tensors(tmp_path / "a.train.safetensors", "training state", FORMAT)
    for name, value in model.state_dict().items():
        assert torch.equal(state[f"best.{name}"], value)
    best = training_module.validate(model, recordings()["validation"], PLAN, torch.device("cpu"))
    assert best == pytest.approx(record.best_loss, abs=1e-4)
    assert facts["record"]["losses"] == record.losses


def test_the_seed_decides() -> None:
    (a, one), (b, two), (c, three) = (learn(None, 6, replace(PLAN, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(weights(a), weights(b)) and one.losses == two.losses
    assert not torch.equal(weights(a), weights(c)) and one.losses != three.losses


def test_the_instrument_tells_how_it_was_made(tmp_path: Path) -> None:
    _, record = learn(tmp_path / "a.safetensors", 10, facts={"instrument": "test", "statistics": {"x": 1}})
    model, facts = load_instrument(tmp_path / "a.safetensors")
    assert facts["instrument"] == "test" and facts["statistics"] == {"x": 1} and model.config == SMALL
    made = facts["training"]
    assert (made["steps"], made["seed"], made["lr"]) == (10, 0, PLAN.lr)
    assert made["validation"] == {"5": record.validation_losses[0], "10": record.validation_losses[1]}
    assert made["validation_loss"] == record.best_loss and made["torch"] == torch.__version__


def test_stopped_and_resumed_is_as_unbroken(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(_: ToneTransfer, record: object) -> None:
        if record.validation_steps[-1] == 10:
            raise Enough

    whole, unbroken = learn(tmp_path / "whole.safetensors")
    with pytest.raises(Enough):
        learn(tmp_path / "broken.safetensors", on_validation=stop)
    assert not (tmp_path / "broken.safetensors").exists()
    model, record = learn(tmp_path / "broken.safetensors")
    assert torch.equal(weights(model), weights(whole))
    assert record.losses == unbroken.losses and record.validation_losses == unbroken.validation_losses
    states = [load_file(tmp_path / f"{name}.train.safetensors") for name in ("whole", "broken")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


KILLED = """
import sys
import tests.tone_transfer.test_training as t
from pathlib import Path
t.torch.set_num_threads(1)
t.learn(Path(sys.argv[1]), 40, on_validation=lambda model, record: print(record.validation_steps[-1], flush=True))
"""


def test_killed_in_the_middle_and_resumed_is_as_unbroken(tmp_path: Path) -> None:
    out = tmp_path / "killed.safetensors"
    command = [sys.executable, "-c", KILLED, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "10":
                process.kill()  # SIGKILL on POSIX: nothing is tidied up
    assert process.returncode != 0 and not out.exists()
    state, facts = read_tensors(out.with_suffix(".train.safetensors"), "training state", FORMAT)
    assert 10 <= len(facts["record"]["losses"]) < 40 and state
    model, record = learn(out, 40)
    whole, unbroken = learn(None, 40)
    assert record.losses == unbroken.losses and torch.equal(weights(model), weights(whole))


def test_a_failed_save_leaves_the_state_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, state = tmp_path / "a.safetensors", tmp_path / "a.train.safetensors"
    whole, _ = learn(None)
    replaced, real = [], os.replace

    def fail_the_third_time(source: object, target: object) -> None:
        replaced.append(target)
        if len(replaced) == 3:
            raise OSError("no space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail_the_third_time)
    with pytest.raises(OSError, match="no space"):
        learn(out)
    assert len(read_tensors(state, "training state", FORMAT)[1]["record"]["losses"]) == 10
    assert [p.name for p in tmp_path.iterdir()] == [state.name]
    model, _ = learn(out)
    assert torch.equal(weights(model), weights(whole))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    a, first = learn(tmp_path / "a.safetensors", 10)
    b, again = learn(tmp_path / "a.safetensors", 10)
    assert torch.equal(weights(a), weights(b)) and again.losses == first.losses


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    out, state = tmp_path / "a.safetensors", tmp_path / "a.train.safetensors"
    learn(out, 5)
    before = state.read_bytes()
    others = recordings()
    others["train"][0] = recording("a", 221.0)
    for options, words in [
        ({"plan": replace(PLAN, seed=9)}, "other settings"),
        ({"recordings": others}, "other recordings"),
    ]:
        with pytest.raises(CheckpointError, match=words):
            learn(out, 10, **options)
    with pytest.raises(CheckpointError, match="other settings"):
        train(recordings(), out, steps=10, config=replace(SMALL, hidden=8), plan=PLAN, device="cpu", progress=False)
    assert state.read_bytes() == before
    _, record = learn(out, 10, replace(PLAN, seed=9), resume=False)
    assert len(record.losses) == 10


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    out, state = tmp_path / "a.safetensors", tmp_path / "a.train.safetensors"
    learn(out, 5)
    tensors, facts = read_tensors(state, "training state", FORMAT)
    fewer = {name: value for name, value in tensors.items() if name != "adam.decoder.raw.bias.exp_avg"}
    nan = {**tensors, "best.decoder.raw.bias": tensors["best.decoder.raw.bias"] * torch.nan}
    for some, record, words in [
        (fewer, facts["record"], "not whole"),
        (nan, facts["record"], "not finite"),
        (tensors, {"wings": 2}, "not whole"),
    ]:
        write_tensors(state, some, {**facts, "record": record}, FORMAT)
        with pytest.raises(CheckpointError, match=words):
            learn(out, 10)
    state.write_bytes(b"half")
    with pytest.raises(CheckpointError, match="damaged"):
        learn(out, 10)
    with pytest.raises(CheckpointError, match="no safetensors"):
        load_instrument(state)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_recordings_are_needed_for_both(part: str) -> None:
    with pytest.raises(ValueError, match=part):
        learn(None, 1, recordings={**recordings(), part: []})


def test_a_loss_that_is_not_finite_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.safetensors"
    plain, calls = training_module._loss, []

    def broken(*arguments: object) -> torch.Tensor:
        calls.append(1)
        return plain(*arguments) * (math.nan if len(calls) > 8 else 1.0)

    monkeypatch.setattr(training_module, "_loss", broken)
    with pytest.raises(FloatingPointError, match="step 7"):  # six calls, one to validate after five steps
        learn(out)
    assert not out.exists()
    state, _ = read_tensors(tmp_path / "a.train.safetensors", "training state", FORMAT)
    assert all(bool(torch.isfinite(value).all()) for value in state.values())


def test_the_learning_rate_climbs_then_falls() -> None:
    rates = [Plan().rate(step, 1000) for step in range(1000)]
    assert rates[0] < 0.05 * max(rates) and int(np.argmax(rates)) == Plan().warm_up - 1
    assert rates[-1] == pytest.approx(Plan().lr_end, rel=0.01)
    assert bool((np.diff(rates[60:]) <= 0).all())


# Several processes, and the command.

TOGETHER = """
import sys
import torch
import tests.tone_transfer.test_training as t
from course_lib.commands import train as command
from pathlib import Path
torch.set_num_threads(1)
model, record = t.learn(Path(sys.argv[1]) / "both.safetensors", 25)
rank = torch.distributed.get_rank()
torch.save([t.weights(model), torch.tensor(record.losses), record.validation_losses, record.device],
           Path(sys.argv[1]) / f"{rank}.pt")
command.Plan = lambda seed: t.PLAN
assert t.main(["train", sys.argv[2], "--out", sys.argv[1] + "/o.safetensors", "--steps", "1", "--device", "cpu"]) == 0
assert not torch.distributed.is_initialized()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "kazoo"
    path.mkdir()
    for i in range(3):
        r = recording(f"tune_{i}", 220.0 + 50.0 * i)
        soundfile.write(path / f"{r.name}.flac", r.audio.numpy(), 16_000)
        np.save(path / f"{r.name}.f0.npy", r.f0_hz.numpy())
    return path


@ONE_PROCESS
def test_two_processes_learn_one_instrument(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "together.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += map(str, [tmp_path / "together.py", tmp_path, folder])
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (w0, losses0, best0, device), (w1, losses1, best1, _) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert bool(torch.isfinite(w0).all()) and torch.equal(w0, w1) and best0 == best1
    assert not torch.equal(losses0, losses1)  # each heard something else
    assert min(best0) < 0.8 * best0[0] and device.startswith("2 × CPU")
    assert load_instrument(tmp_path / "both.safetensors")[1]["training"]["steps"] == 25
    assert done.stdout.count("1 steps") == 1 and "Traceback" not in done.stderr  # the command, said once
    assert load_instrument(tmp_path / "o.safetensors")[1]["instrument"] == "kazoo"


def test_the_command_trains(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    monkeypatch.setattr("course_lib.commands.train.Plan", lambda seed: replace(PLAN, seed=seed))
    split = {"train": ["tune_0", "tune_2"], "validation": ["tune_1"]}
    (folder / "performances.json").write_text(json.dumps({"split": split, "command": "python make.py"}))
    out = tmp_path / "a.safetensors"
    arguments = ["train", str(folder), "--out", str(out), "--steps", "3", "--seed", "4", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["course_lib", *arguments])
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and "3 steps" in said.out and said.err == ""
    model, facts = load_instrument(out)
    assert model.config == TransferConfig() and facts["training"]["seed"] == 4
    assert facts["instrument"] == "kazoo" and facts["recipe"] == "python make.py"
    assert facts["command"].startswith("python -m course_lib train") and "--seed 4" in facts["command"]
    assert facts["statistics"]["midi_range"][0] == pytest.approx(56.8, abs=0.3)
    assert main([*arguments[:5], "5", *arguments[6:], "--instrument", "other"]) == 0
    assert "5 steps" in capsys.readouterr().out and load_instrument(out)[1]["instrument"] == "other"
    plain = tmp_path / "plain.safetensors"
    without = ["--without", "noise", "--without", "reverb", "--without", "loudness"]
    assert main(["train", str(folder), "--out", str(plain), "--steps", "1", *without, "--device", "cpu"]) == 0
    c = load_instrument(plain)[0].config
    assert not (c.use_noise or c.use_reverb or c.use_loudness)


def test_the_command_refuses_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("course_lib.commands.train.Plan", lambda seed: replace(PLAN, seed=seed))
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    (tmp_path / "void").mkdir()
    out = tmp_path / "a.safetensors"
    (tmp_path / "a.train.safetensors").write_bytes(b"half")
    for arguments, words in [
        ((tmp_path / "nowhere", "--out", out), "no folder"),
        ((tmp_path / "void", "--out", out), "0 recordings"),
        ((folder, "--out", tmp_path / "a.pt"), ".safetensors"),
        ((folder, "--out", tmp_path / "nowhere" / "a.safetensors"), "no folder"),
        ((folder, "--out", out, "--steps", 0), "steps"),
        ((folder, "--out", out, "--steps", 1, "--device", "abacus"), "abacus"),
        *([] if torch.cuda.is_available() else [((folder, "--out", out, "--device", "cuda:0"), "no CUDA")]),
        ((folder, "--out", out, "--steps", 1, "--device", "cpu"), "damaged"),
    ]:
        assert main(["train", *map(str, arguments)]) == 2, words
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and words in said.err, said.err
    assert not out.exists() and (tmp_path / "a.train.safetensors").read_bytes() == b"half"
