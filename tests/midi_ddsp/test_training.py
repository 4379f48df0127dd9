"""How the four networks of MIDI-DDSP are trained: their examples, their losses, their files, and the command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from course_lib import midi_to_hz
from course_lib.__main__ import main
from course_lib.commands.train import GENERATORS, TRAININGS
from course_lib.midi_ddsp import (
    ExpressionConfig,
    InferenceConfig,
    PitchConfig,
    SynthesisConfig,
    SynthesisGenerator,
    annotate,
    extract_expression,
    load_inference,
    load_players,
    train_expression,
    train_inference,
    train_pitch,
    train_synthesis,
)
from course_lib.midi_ddsp.checkpoint import load_expression, load_pitch, load_synthesis
from course_lib.midi_ddsp.training.adversary import AdversarialTraining, Adversary, as_levels
from course_lib.midi_ddsp.training.examples import draw_places, prepare
from course_lib.midi_ddsp.training.synthesis_loss import SynthesisLoss
from course_lib.midi_ddsp.training.variations import read_tone, vary_tone, vary_vibrato
from course_lib.synths.tone import ToneControls
from course_lib.training.checkpoints import CheckpointError
from course_lib.training.run import Plan
from tests.helpers.performances import annotated, performance, write_folder
from tests.helpers.processes import ONE_PROCESS, learn_together
from tests.helpers.trainings import assert_resumes

INSTRUMENTS = ("flute", "violin")
INFERENCE = InferenceConfig(width=16, hidden=8, n_embedding=4, instruments=INSTRUMENTS, reverb_taps=20)
PITCH = PitchConfig(width=12, hidden=16, n_embedding=4, instruments=INSTRUMENTS)
SYNTHESIS = SynthesisConfig(width=12, channels=12, stacks=1, dilations=3, n_embedding=4, instruments=INSTRUMENTS)
EXPRESSION = ExpressionConfig(width=8, hidden=8, n_embedding=4, instruments=INSTRUMENTS)
PLAN = Plan(batch=2, stretch_s=0.5, validate_every=4, validation_stretches=2, lr=2e-3)
Parts = dict[str, list[Any]]


def parts_of(make: Callable[[str, str, int], Any]) -> Parts:
    """Two performances to learn from, one to validate with."""
    return {"train": [make("a", "violin", 0), make("b", "flute", 1)], "validation": [make("c", "violin", 2)]}


@pytest.fixture(scope="module")
def annotations() -> Parts:
    return parts_of(annotated)


# Examples and their variations


@pytest.mark.parametrize("seed", range(6))
def test_a_variation_s_expression_is_what_the_formulas_read(annotations: Parts, seed: int) -> None:
    prepared = prepare([annotations["train"][seed % 2]])[0]
    plan, a = prepared.plan, prepared.annotated
    draw = torch.Generator().manual_seed(seed)
    inputs = (prepared.note_index, prepared.sounding, plan.start, plan.end, plan.expression)
    assert torch.allclose(read_tone(a.controls, *inputs), a.expression, atol=1e-4)
    controls, expression = vary_tone(a.controls, *inputs, 0.8, draw)
    assert torch.allclose(expression, extract_expression(controls, a.performance.notes), atol=1e-4)
    assert (expression - a.expression).abs()[:, [0, 1, 4, 5]].amax(0).min() > 0.02
    assert torch.allclose(controls.distribution.sum(-1), torch.ones(len(prepared)), atol=1e-4)
    unchanged, same = vary_tone(a.controls, *inputs, 0.0, draw)
    assert torch.allclose(same, a.expression, atol=2e-3)
    assert (20 * torch.log10(unchanged.amplitude / a.controls.amplitude)).abs().max() < 0.1


def test_a_varied_vibrato_is_what_the_formula_reads(annotations: Parts) -> None:
    prepared = prepare(annotations["train"][:1])[0]
    semitones, expression = vary_vibrato(
        prepared.semitones, prepared.note_index, prepared.plan.expression, 1.0, torch.Generator().manual_seed(3)
    )
    assert (expression[:, 3] - prepared.plan.expression[:, 3]).abs().max() > 0.1 and semitones.abs().max() <= 1
    f0 = midi_to_hz(prepared.plan.pitch[prepared.note_index] + semitones)
    read = extract_expression(prepared.annotated.controls._replace(f0_hz=f0), prepared.plan.notes)
    assert torch.allclose(read[:, 3], expression[:, 3], atol=0.02)


def test_places_are_drawn_where_a_stretch_fits(annotations: Parts) -> None:
    prepared = prepare(annotations["train"])
    for one, first in draw_places(prepared, batch=20, n_frames=200, generator=torch.Generator().manual_seed(0)):
        assert 0 <= first <= len(one) - 200
    with pytest.raises(ValueError, match="fewer than the 10000"):
        draw_places(prepared, batch=1, n_frames=10_000, generator=torch.Generator())


def test_annotations_are_heard_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a = annotated("a", "violin", 0)
    first = annotate([a.performance], cache=tmp_path)[0]
    assert torch.isfinite(first.expression).all() and len(first.expression) == 4

    def deaf(*_: object, **__: object) -> None:
        raise AssertionError("heard again")

    monkeypatch.setattr("course_lib.midi_ddsp.hearing.inference_network.DDSPInference.controls", deaf)
    second = annotate([a.performance], cache=tmp_path)[0]
    assert torch.equal(first.expression, second.expression)
    louder = replace(a.performance, audio=2 * a.performance.audio)
    for changed, damage in ((louder, False), (a.performance, True)):
        if damage:
            (tmp_path / "a.safetensors").write_bytes(b"nonsense")
        with pytest.raises(AssertionError, match="heard again"):
            annotate([changed], cache=tmp_path)


# Training


def test_each_loss_reaches_every_weight_it_belongs_to_and_no_other(annotations: Parts) -> None:
    torch.manual_seed(0)
    rivals = AdversarialTraining(SynthesisGenerator(SYNTHESIS), Adversary(126, channels=8, blocks=2))
    prepared = prepare(annotations["train"][:1])[0]
    features = prepared.plan.features(first=0, count=128)[None]
    real = ToneControls(*(x[None, :128] for x in prepared.annotated.controls))

    def touched(loss: str) -> tuple[bool, ...]:
        rivals.zero_grad()
        judged = rivals(features, prepared.semitones[None, :128], torch.tensor([1]), real.f0_hz, real)
        getattr(judged, loss).backward()
        return tuple(
            any(p.grad is not None and bool(p.grad.abs().max() > 0) for p in part.parameters())
            for part in (rivals.generator, rivals.adversary)
        )

    assert touched("fooling") == (True, False) and touched("matching") == (True, False)
    assert touched("discriminating") == (False, True)
    assert as_levels(real).abs().max() <= 1.01 and as_levels(real).shape == (1, 128, 126)


class Training(NamedTuple):
    """How a network is trained and read here, and steps after which the loss must have fallen (0: not looked at)."""

    train: Callable[..., Any]
    data: Callable[[str, str, int], Any]
    config: Any
    load: Callable[..., Any]
    falls_after: int = 0
    options: Mapping[str, Any] = MappingProxyType({})


KINDS = {
    "inference": Training(train_inference, performance, INFERENCE, load_inference, 8),
    "pitch": Training(train_pitch, annotated, PITCH, load_pitch, 30),
    "regression": Training(train_pitch, annotated, replace(PITCH, regression=True), load_pitch),
    "synthesis": Training(train_synthesis, annotated, SYNTHESIS, load_synthesis, 30),
    "adversary": Training(
        train_synthesis, annotated, SYNTHESIS, load_synthesis, options={"parts": SynthesisLoss(adversary=1.0)}
    ),
    "expression": Training(train_expression, annotated, EXPRESSION, load_expression, 30),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_and_goes_on_where_it_was_stopped(kind: str, tmp_path: Path) -> None:
    train, make, config, load, falls_after, options = KINDS[kind]
    steps = falls_after or 4
    plan = replace(PLAN, validate_every=steps // 2, warm_up=3, lr=8e-3 if falls_after == 30 else PLAN.lr)
    options = {"config": config, "plan": plan, "steps": steps, "facts": {"a": 1}, **options}
    _, record = assert_resumes(train, parts_of(make), tmp_path, **options)
    if falls_after:
        assert np.mean(record.losses[-4:]) < np.mean(record.losses[:4])
    stored, facts = load(tmp_path / "net.safetensors")
    assert stored.config == config and facts["training"]["steps"] == steps and facts["a"] == 1
    if "parts" in options:
        assert facts["loss"] == asdict(options["parts"])


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_learns_from_is_looked_at(kind: str, tmp_path: Path) -> None:
    train, make, config, *_, options = KINDS[kind]
    out, data = tmp_path / "net.safetensors", parts_of(make)
    options = {"config": config, "plan": PLAN, "device": "cpu", "progress": False, **options}
    train(data, out, steps=1, **options)
    with pytest.raises(CheckpointError, match="other recordings"):
        train({**data, "train": data["train"][:1]}, out, steps=2, **options)
    with pytest.raises(ValueError, match="no performances for validation"):
        train({"train": data["train"]}, **options)


def test_another_loss_is_another_run(annotations: Parts, tmp_path: Path) -> None:
    out, options = tmp_path / "net.safetensors", {"plan": PLAN, "device": "cpu", "progress": False, "steps": 1}
    train_pitch(annotations, out, config=PITCH, **options)
    with pytest.raises(CheckpointError, match="other settings"):
        train_pitch(annotations, out, config=PITCH, varied=0.1, **options)


TOGETHER = """
import tests.midi_ddsp.test_training as t
train, make, config, _, _, options = t.KINDS[WHICH]
options = {"config": config, "plan": t.PLAN, "device": "cpu", **options}
model, record = train(t.parts_of(make), out, steps=2, **options)
"""


@ONE_PROCESS
def test_two_processes_learn_one_network(tmp_path: Path) -> None:
    """Each network on its own: DistributedDataParallel fails where a weight takes no part in the loss."""
    kinds = ["inference", "pitch", "adversary", "expression"]
    files = learn_together(tmp_path, *(TOGETHER.replace("WHICH", repr(kind)) for kind in kinds))
    for kind, file in zip(kinds, files, strict=True):
        assert KINDS[kind].load(file)[1]["training"]["device"].startswith("2 × CPU")


# The command


def test_the_command_trains_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    root = write_folder(tmp_path / "takes")
    for kind in ("inference", *GENERATORS):
        train, run = TRAININGS[kind]
        small = replace(run.plan, batch=2, stretch_s=0.4, validation_stretches=2)
        monkeypatch.setitem(TRAININGS, kind, (train, replace(run, plan=small)))
        out = tmp_path / f"{kind}.safetensors"
        arguments = ["train", str(root), "--model", kind, "--out", str(out), "--steps", "1", "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", ["course_lib", *arguments])
        assert main(arguments) == 0
        said = capsys.readouterr()
        assert "1 steps" in said.out and said.err == ""
        model, facts = KINDS[kind].load(out)
        assert model.config.instruments == ("flute", "violin") and f"--model {kind}" in facts["command"]
        assert facts["recipes"] == {"violin": "made", "flute": "made"}
        assert facts.get("inference") == (None if kind == "inference" else HEARING)
    players = load_players(tmp_path)
    assert players.instruments == ("flute", "violin")


HEARING = load_inference()[1]["training"]["validation_loss"]


@pytest.mark.parametrize(
    ("folder", "wrong", "words"),
    [
        ("takes", ["--model", "pitch", "--adversary", "1"], "synthesis"),
        ("takes", ["--model", "inference", "--inference", "x"], "pitch, synthesis"),
        ("takes", ["--model", "pitch", "--without", "noise"], "tone transfer"),
        ("takes", ["--model", "inference", "--without", "noise"], "tone transfer"),
        ("takes", ["--model", "pitch", "--inference", "nothing.safetensors"], "no checkpoint"),
        ("takes/violin", ["--model", "inference"], "no performances"),
    ],
)
def test_the_command_refuses_in_one_line(
    folder: str, wrong: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "takes")
    assert main(["train", str(tmp_path / folder), "--out", str(tmp_path / "x.safetensors"), *wrong]) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and said.out == ""
