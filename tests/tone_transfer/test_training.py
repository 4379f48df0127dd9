"""Training an instrument: it learns, resumes, on several processes, and from the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from course_lib import harmonic_synth, loudness_db
from course_lib.__main__ import main
from course_lib.analysis.recordings import Recording
from course_lib.commands.train import TRAININGS
from course_lib.tone_transfer import CheckpointError, ToneTransfer, TransferConfig, load_instrument, train
from course_lib.tone_transfer.training import validation_loss
from course_lib.training.run import Plan, TrainingRecord
from tests.helpers.processes import ONE_PROCESS, learn_together
from tests.helpers.trainings import assert_resumes

SMALL = TransferConfig(n_harmonics=8, n_bands=9, width=8, hidden=16, reverb_taps=200)
PLAN = Plan(batch=1, stretch_s=0.5, validate_every=5, validation_stretches=1, warm_up=5)


def recording(name: str, f0_hz: float, seconds: float = 3.0) -> Recording:
    """A harmonic tone that swells and sways, with its exact pitch."""
    n = round(250 * seconds)
    t = torch.arange(n) / 250
    f0 = f0_hz * (1.0 + 0.01 * torch.sin(30 * t))
    amplitude = 0.15 + 0.14 * torch.sin(5 * t)
    sound = harmonic_synth(f0, amplitude, torch.full((n, 5), 0.2), n_samples=n * 64, sample_rate=16_000)
    return Recording(name, sound, f0, loudness_db(sound, 16_000))


def recordings() -> dict[str, list[Recording]]:
    return {
        "train": [recording("a", 220.0), recording("b", 330.0)],
        "validation": [recording("c", 262.0)],
        "test": [],
    }


def learn(out: Path | None, steps: int, **options: object) -> tuple[ToneTransfer, TrainingRecord]:
    return train(recordings(), out, steps=steps, config=SMALL, plan=PLAN, device="cpu", progress=False, **options)


def test_it_learns_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    about = {"instrument": "test", "statistics": {"x": 1}}
    model, record = assert_resumes(train, recordings(), tmp_path, steps=20, config=SMALL, plan=PLAN, facts=about)
    assert record.validation_steps == [5, 10, 15, 20] and record.best_loss < 0.8 * record.validation_losses[0]
    with torch.no_grad():
        best = validation_loss(model, recordings()["validation"], PLAN, torch.device("cpu"))
    assert best == pytest.approx(record.best_loss, abs=1e-4)
    stored, facts = load_instrument(tmp_path / "net.safetensors")
    assert facts["instrument"] == "test" and facts["statistics"] == {"x": 1} and stored.config == SMALL
    assert facts["training"]["steps"] == 20 and facts["training"]["validation_loss"] == record.best_loss
    with pytest.raises(CheckpointError, match="holds 'training state'"):
        load_instrument(tmp_path / "net.train.safetensors")


def test_other_recordings_are_another_run(tmp_path: Path) -> None:
    learn(tmp_path / "a.safetensors", 1)
    others = recordings()
    others["train"][0] = recording("a", 221.0)
    options = {"steps": 2, "config": SMALL, "plan": PLAN, "device": "cpu", "progress": False}
    with pytest.raises(CheckpointError, match="other recordings"):
        train(others, tmp_path / "a.safetensors", **options)
    with pytest.raises(ValueError, match="no recordings for validation"):
        train({"train": others["train"]}, **options)
    with pytest.raises(TypeError, match="stepz"):
        train(others, stepz=1)


# Several processes, and the command.

TOGETHER = """
import tests.tone_transfer.test_training as t
model, record = t.learn(out, 25)
"""
# The command says once, not twice, what it did.
COMMAND = """
import contextlib
import io
import tests.tone_transfer.test_training as t
t.shorten(t.PLAN)
with contextlib.redirect_stdout(io.StringIO()) as said:
    out = folder / "o.safetensors"
    arguments = ["train", str(folder / "kazoo"), "--out", str(out), "--steps", "1", "--device", "cpu"]
    assert t.main(arguments) == 0
assert said.getvalue().count("1 steps") == (rank == "0")
assert not torch.distributed.is_initialized()
"""


def shorten(plan: Plan) -> None:
    """Have the command train by another plan."""
    TRAININGS["tone-transfer"] = (train, replace(TRAININGS["tone-transfer"][1], plan=plan))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAININGS, "tone-transfer", TRAININGS["tone-transfer"])  # put back after the test
    shorten(PLAN)


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
    (out,) = learn_together(tmp_path, TOGETHER, at_the_end=COMMAND)
    made = load_instrument(out)[1]["training"]
    assert made["device"].startswith("2 × CPU") and made["validation_loss"] < 0.8 * made["validation"]["5"]
    assert load_instrument(tmp_path / "o.safetensors")[1]["instrument"] == "kazoo"


@pytest.mark.usefixtures("short")
def test_the_command_trains(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "0")
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


@pytest.mark.usefixtures("short")
def test_the_command_refuses_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
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
