"""The way down: what frames are told, the three generators, their training, their files, and stretches of sound."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_lib import midi_to_hz
from course_lib.__main__ import main
from course_lib.commands.train import GENERATORS
from course_lib.midi_ddsp import (
    CONTROLS,
    Annotated,
    ExpressionConfig,
    ExpressionGenerator,
    NotePlan,
    Performance,
    PitchConfig,
    PitchGenerator,
    Players,
    SynthesisConfig,
    SynthesisGenerator,
    annotate,
    extract_expression,
    load_players,
    perform,
    play,
    play_note,
    stream,
    synthesise,
    train_expression,
    train_pitch,
    train_synthesis,
)
from course_lib.midi_ddsp.checkpoint import (
    FORMAT,
    load_expression,
    load_pitch,
    load_synthesis,
    save_expression,
    save_pitch,
    save_synthesis,
)
from course_lib.midi_ddsp.hearing.measure import measure_expression, measure_tone
from course_lib.midi_ddsp.playing import render as render_module
from course_lib.midi_ddsp.playing.conditioning import FEATURES
from course_lib.midi_ddsp.playing.expression_generator import note_features
from course_lib.midi_ddsp.playing.pitch_generator import CENTS, UNKNOWN, pitch_class
from course_lib.midi_ddsp.playing.players import RANGES, instrument_of, out_of_range
from course_lib.midi_ddsp.training.adversary import Adversary, Rivals, as_levels
from course_lib.midi_ddsp.training.examples import draw_places, prepare
from course_lib.midi_ddsp.training.train_synthesis import SynthesisLoss
from course_lib.midi_ddsp.training.variations import read_tone, vary_tone, vary_vibrato
from course_lib.scores import Note, note_frames
from course_lib.tone_transfer import ToneControls
from course_lib.training.checkpoints import CheckpointError, read_tensors, write_tensors
from course_lib.training.trainer import Plan
from tests.helpers.performances import write_folder
from tests.helpers.processes import learn_together

WHO = ("flute", "violin")
PITCH = PitchConfig(width=12, hidden=16, n_embedding=4, instruments=WHO)
SYNTHESIS = SynthesisConfig(width=12, channels=12, stacks=1, dilations=3, n_embedding=4, instruments=WHO)
EXPRESSION = ExpressionConfig(width=8, hidden=8, n_embedding=4, instruments=WHO)
PLAN = Plan(batch=2, stretch_s=0.5, validate_every=4, validation_stretches=2, lr=2e-3)
NOTES = [Note(0.1, 0.4, 62), Note(0.5, 0.3, 66.0), Note(0.9, 0.5, 59)]
KNOBS = torch.tensor([[0.9, 0.2, 0.4, 0.5, 0.3, 0.6], [0.7, 0.3, 0.6, 0.3, 0.2, 0.9], [1.0, 0.1, 0.2, 0.8, 0.4, 0.4]])


def annotated(name: str, instrument: str, seed: int) -> Annotated:
    """A made-up performance: notes of the rule-based player, one behind the other, with rests."""
    rng = np.random.default_rng(seed)
    notes, parts, at = [], [], 0.1
    rest = play_note(60, 0.1, (0, 0, 0.5, 0, 0.2, 0))
    silent = rest._replace(amplitude=rest.amplitude * 0 + 1e-7, noise_magnitudes=rest.noise_magnitudes * 0 + 1e-7)
    parts.append(silent)
    for _ in range(4):
        pitch, seconds = int(rng.integers(58, 70)), float(rng.integers(60, 110)) / 250
        knobs = (0.7 + 0.3 * rng.random(), 0.2, rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.9), 0.25, rng.uniform(0.3, 1))
        notes.append(Note(at, seconds, pitch))
        parts += [play_note(pitch, seconds, knobs), silent._replace(f0_hz=torch.full((25,), float(midi_to_hz(pitch))))]
        at += seconds + 0.1
    controls = ToneControls(*(torch.cat(x) for x in zip(*parts, strict=True)))
    n = len(controls.f0_hz)
    sound = synthesise(controls)
    performance = Performance(name, instrument, sound, controls.f0_hz, torch.zeros(n), notes)
    return Annotated(performance, controls, note_frames(notes, n).note, extract_expression(controls, notes))


@pytest.fixture(scope="module")
def lessons() -> dict[str, list[Annotated]]:
    return {
        "train": [annotated("a", "violin", 0), annotated("b", "flute", 1)],
        "validation": [annotated("c", "violin", 2)],
    }


@pytest.fixture(scope="module")
def band() -> Players:
    torch.manual_seed(0)
    return Players(
        ExpressionGenerator(EXPRESSION).eval(), PitchGenerator(PITCH).eval(), SynthesisGenerator(SYNTHESIS).eval()
    )


# What a frame is told


def test_features_say_what_the_score_says() -> None:
    plan = NotePlan(NOTES, KNOBS)
    features = plan.features(0, 400)
    assert features.shape == (400, len(FEATURES)) and features.abs().max() <= 1.1
    column = {name: features[:, i] for i, name in enumerate(FEATURES)}
    frames = note_frames(NOTES, 400)
    sounding = frames.note >= 0
    assert torch.equal(column["sounding"] > 0, sounding)
    assert torch.allclose(column["position"], frames.position) and torch.equal(column["onset"], frames.onset)
    assert torch.equal(column["offset"], frames.offset)
    for i, name in enumerate(CONTROLS):
        assert torch.allclose(column[name][sounding], KNOBS[frames.note[sounding], i])
    assert (features[:25, 6:][:, FEATURES.index("just_begun") - 6] == 0).all()  # nothing has begun
    assert (features[:25, :6] == 0).all()
    assert column["interval_before"][130] == pytest.approx(4 / 12) and column["legato_before"][130] == 1
    assert column["interval_after"][130] == pytest.approx(-7 / 12) and column["legato_after"][130] < 0.1


def test_a_stretch_of_features_is_cut_from_the_whole() -> None:
    plan = NotePlan(NOTES, KNOBS)
    whole = plan.features(0, 400)
    for first, count in ((0, 1), (24, 3), (120, 100), (350, 50)):
        assert torch.equal(plan.features(first, count), whole[first : first + count])
    assert plan.note_index(0, 400)[0] == 0 and plan.note_index(349, 1) == 2


@pytest.mark.parametrize(
    ("notes", "rows", "words"), [([], 0, "no notes"), (NOTES, 2, r"\(3, 6\)"), (NOTES, 4, "a row")]
)
def test_plans_need_a_row_a_note(notes: list[Note], rows: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NotePlan(notes, torch.zeros(rows, 6))


# Variations


@pytest.mark.parametrize("seed", range(6))
def test_a_variation_s_expression_is_what_the_formulas_read(lessons: dict[str, list[Annotated]], seed: int) -> None:
    lesson = prepare([lessons["train"][seed % 2]])[0]
    plan, a = lesson.plan, lesson.annotated
    draw = torch.Generator().manual_seed(seed)
    inputs = (lesson.owner, lesson.sounding, plan.start, plan.end, plan.expression)
    assert torch.allclose(read_tone(a.controls, *inputs), a.expression, atol=1e-4)
    controls, expression = vary_tone(a.controls, *inputs, 0.8, draw)
    assert torch.allclose(expression, extract_expression(controls, a.performance.notes), atol=1e-4)
    assert (expression - a.expression).abs()[:, [0, 1, 4, 5]].amax(0).min() > 0.02
    assert torch.allclose(controls.distribution.sum(-1), torch.ones(len(lesson)), atol=1e-4)
    unchanged, same = vary_tone(a.controls, *inputs, 0.0, draw)
    assert torch.allclose(same, a.expression, atol=2e-3)
    assert (20 * torch.log10(unchanged.amplitude / a.controls.amplitude)).abs().max() < 0.1


def test_a_varied_vibrato_is_what_the_formula_reads(lessons: dict[str, list[Annotated]]) -> None:
    lesson = prepare(lessons["train"][:1])[0]
    semitones, expression = vary_vibrato(
        lesson.semitones, lesson.owner, lesson.plan.expression, 1.0, torch.Generator().manual_seed(3)
    )
    assert (expression[:, 3] - lesson.plan.expression[:, 3]).abs().max() > 0.1 and semitones.abs().max() <= 1
    f0 = midi_to_hz(lesson.plan.pitch[lesson.owner] + semitones)
    read = extract_expression(lesson.annotated.controls._replace(f0_hz=f0), lesson.plan.notes)
    assert torch.allclose(read[:, 3], expression[:, 3], atol=0.02)


def test_places_are_drawn_where_a_stretch_fits(lessons: dict[str, list[Annotated]]) -> None:
    ready = prepare(lessons["train"])
    for lesson, at in draw_places(ready, 20, 200, torch.Generator().manual_seed(0)):
        assert 0 <= at <= len(lesson) - 200
    with pytest.raises(ValueError, match="fewer than the 10000"):
        draw_places(ready, 1, 10_000, torch.Generator())


# The pitch generator


def test_classes_are_cents() -> None:
    assert pitch_class(torch.tensor([-3.0, -1.0, 0.0, 0.014, 1.0, 2.0])).tolist() == [0, 0, 100, 101, 200, 200]


def test_playing_steps_through_the_network_that_was_trained(band: Players) -> None:
    """Frame by frame, by hand, equals the GRU over the whole, told what was drawn."""
    features = NotePlan(NOTES, KNOBS).features(0, 120)
    instrument_id = band.pitch.indices(["violin"])
    (semitones,) = band.pitch.generate([features], instrument_id, torch.Generator().manual_seed(0), nucleus=1e-6)
    drawn = pitch_class(semitones)
    told = torch.cat([torch.tensor([UNKNOWN]), drawn[:-1]])
    with torch.no_grad():
        logits = band.pitch(features[None], told[None], instrument_id)[0]
    assert torch.equal(logits.argmax(-1), drawn)


def test_pitch_runs_through_stretches_and_follows_its_seed(band: Players) -> None:
    features = NotePlan(NOTES, KNOBS).features(0, 200)
    instrument_id = band.pitch.indices(["flute"])

    def drawn(parts: list[torch.Tensor], seed: int) -> torch.Tensor:
        return torch.cat(list(band.pitch.generate(parts, instrument_id, torch.Generator().manual_seed(seed))))

    whole = drawn([features], 1)
    assert torch.equal(whole, drawn([features[:70], features[70:]], 1))
    assert not torch.equal(whole, drawn([features], 2)) and whole.abs().max() <= 1
    assert torch.equal((whole * CENTS).round(), whole * CENTS) or torch.allclose((whole * CENTS).round(), whole * CENTS)


def test_a_blind_network_is_never_told(band: Players) -> None:
    torch.manual_seed(0)
    blind = PitchGenerator(replace(PITCH, feedback=False, regression=True)).eval()
    features = NotePlan(NOTES, KNOBS).features(0, 60)
    (played,) = blind.generate([features], blind.indices(["flute"]), torch.Generator().manual_seed(0))
    with torch.no_grad():
        told = blind(features[None], torch.full((1, 60), UNKNOWN), blind.indices(["flute"]))[0, :, 0]
    assert torch.allclose(played, told.clamp(-1, 1), atol=0.0051)


@pytest.mark.parametrize("name", ["width", "hidden", "n_embedding", "frame_rate"])
def test_senseless_shapes(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        PitchConfig(**{name: 0})
    with pytest.raises(ValueError, match="different names"):
        SynthesisConfig(instruments=("violin", "violin"))


def test_unknown_instruments_are_refused_with_a_list(band: Players) -> None:
    for network in (band.pitch, band.synthesis, band.expression):
        with pytest.raises(ValueError, match=r"'kazoo'.*flute, violin"):
            network.indices(["kazoo"])


# The synthesis generator


def test_a_frame_depends_on_its_context_and_on_nothing_else(band: Players) -> None:
    model = band.synthesis
    reach = model.config.context
    features = torch.randn(1, 6 * reach, len(FEATURES), generator=torch.Generator().manual_seed(0), requires_grad=True)
    raw = model(features, torch.zeros(1, 6 * reach), torch.tensor([0]))
    raw[0, 3 * reach].sum().backward()
    moved = features.grad[0].abs().sum(-1).nonzero().squeeze(-1)
    assert moved.min() == 3 * reach - reach and moved.max() == 3 * reach + reach
    cut = slice(reach, 5 * reach + 1)
    with torch.no_grad():
        part = model(features[:, cut], torch.zeros(1, 4 * reach + 1), torch.tensor([0]))
    assert torch.allclose(part[0, 2 * reach], raw[0, 3 * reach], atol=1e-5)


def test_the_level_that_is_asked_for_is_where_it_begins() -> None:
    torch.manual_seed(1)
    model = SynthesisGenerator(SYNTHESIS)
    for asked in (0.2, 0.5, 0.9):
        knobs = torch.tensor([[asked, 0.2, 0.4, 0.3, 0.3, 0.6]])
        plan = NotePlan([Note(0, 1.0, 60)], knobs)
        raw = model(plan.features(0, 400)[None], torch.zeros(1, 400), torch.tensor([0]))
        controls = model.controls(raw, torch.full((1, 400), 261.6))
        level = 20 * torch.log10(controls.amplitude[0].detach())
        assert float(level[50:200].mean()) == pytest.approx((asked - 1.5) * 60, abs=8)
        assert level[300:].max() < -110


def test_gradients_reach_every_weight_but_not_the_other_player(lessons: dict[str, list[Annotated]]) -> None:
    torch.manual_seed(0)
    rivals = Rivals(SynthesisGenerator(SYNTHESIS), Adversary(126, channels=8, blocks=2))
    lesson = prepare(lessons["train"][:1])[0]
    features, real = (
        lesson.plan.features(0, 128)[None],
        ToneControls(*(x[None, :128] for x in lesson.annotated.controls)),
    )

    def touched(which: str) -> tuple[bool, bool]:
        rivals.zero_grad()
        contest = rivals(features, lesson.semitones[None, :128], torch.tensor([1]), real.f0_hz, real)
        getattr(contest, which).backward()
        return tuple(  # type: ignore[return-value]
            any(p.grad is not None and bool(p.grad.abs().max() > 0) for p in part.parameters())
            for part in (rivals.generator, rivals.adversary)
        )

    assert touched("fool") == (True, False) and touched("resemble") == (True, False)
    assert touched("judge") == (False, True)
    assert as_levels(real).abs().max() <= 1.01 and as_levels(real).shape == (1, 128, 126)


# Training


TRAINERS: dict[str, tuple[Callable[..., Any], Any, Callable[..., Any], dict[str, Any]]] = {
    "pitch": (train_pitch, PITCH, load_pitch, {}),
    "regression": (train_pitch, replace(PITCH, regression=True), load_pitch, {}),
    "synthesis": (train_synthesis, SYNTHESIS, load_synthesis, {}),
    "adversary": (train_synthesis, SYNTHESIS, load_synthesis, {"parts": SynthesisLoss(adversary=1.0)}),
    "expression": (train_expression, EXPRESSION, load_expression, {}),
}


@pytest.mark.parametrize("kind", TRAINERS)
def test_a_stopped_training_goes_on_as_if_it_had_not(
    lessons: dict[str, list[Annotated]], tmp_path: Path, kind: str
) -> None:
    train, config, load, more = TRAINERS[kind]
    common = {"config": config, "plan": PLAN, "progress": False, **more}
    whole, record = train(lessons, steps=8, **common)
    out = tmp_path / "net.safetensors"

    def dies(_: object, record: Any) -> None:
        if len(record.losses) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(lessons, out, steps=8, on_validation=dies, **common)
    assert not out.exists()
    resumed, later = train(lessons, out, steps=8, **common)
    assert later.losses == record.losses and later.validation_steps == [4, 8]
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    again, facts = load(out)
    assert again.config == config and facts["training"]["steps"] == 8
    with pytest.raises(CheckpointError, match="other settings"):
        train(lessons, out, steps=8, **{**common, "plan": replace(PLAN, seed=5)})
    with pytest.raises(ValueError, match="validation"):
        train({"train": lessons["train"]}, steps=1, progress=False)


@pytest.mark.parametrize("kind", ["pitch", "synthesis", "expression"])
def test_training_helps(lessons: dict[str, list[Annotated]], kind: str) -> None:
    train, config, _, more = TRAINERS[kind]
    plan = replace(PLAN, batch=2, lr=8e-3, validate_every=15, warm_up=3)
    _, record = train(lessons, steps=30, config=config, plan=plan, progress=False, **more)
    assert np.mean(record.losses[-5:]) < np.mean(record.losses[:5])


TOGETHER = """
import tests.midi_ddsp.test_generators as t
sets = {
    "train": [t.annotated("a", "violin", 0), t.annotated("b", "flute", 1)],
    "validation": [t.annotated("c", "violin", 2)],
}
train, config, _, more = t.TRAINERS[KIND]
model, record = train(sets, out, steps=4, config=config, plan=t.PLAN, device="cpu", progress=False, **more)
"""


@pytest.mark.parametrize("kind", ["pitch", "adversary"])
def test_two_processes_learn_one_network(tmp_path: Path, kind: str) -> None:
    learn_together(tmp_path, TOGETHER.replace("KIND", repr(kind)))


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


def test_the_command_trains_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    root = write_folder(tmp_path / "takes")
    for kind, load in (("pitch", load_pitch), ("synthesis", load_synthesis), ("expression", load_expression)):
        train, plan, steps = GENERATORS[kind]
        small = replace(plan, batch=2, stretch_s=0.4, validation_stretches=2)
        monkeypatch.setitem(GENERATORS, kind, (train, small, steps))
        out = tmp_path / f"{kind}.safetensors"
        arguments = ["train", str(root), "--model", kind, "--out", str(out), "--steps", "1", "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", ["course_lib", *arguments])
        assert main(arguments) == 0
        assert "1 steps" in capsys.readouterr().out
        model, facts = load(out)
        assert model.config.instruments == ("flute", "violin") and f"--model {kind}" in facts["command"]
        assert facts["recipes"] == {"violin": "made", "flute": "made"} and facts["inference"] == 3.3769
    players = load_players(tmp_path)
    assert players.instruments == ("flute", "violin")
    for wrong, words in (
        (["--model", "pitch", "--adversary", "1"], "synthesis"),
        (["--model", "inference", "--inference", "x"], "pitch, synthesis"),
        (["--model", "pitch", "--without", "noise"], "tone transfer"),
        (["--model", "pitch", "--inference", "nothing.safetensors"], "no checkpoint"),
    ):
        assert main(["train", str(root), "--out", str(tmp_path / "x.safetensors"), *wrong]) == 2
        said = capsys.readouterr()
        assert words in said.err and said.err.count("\n") == 1


# Files


def test_checkpoints_are_refused_where_they_do_not_fit(band: Players, tmp_path: Path) -> None:
    saves = {
        "pitch": (save_pitch, load_pitch, band.pitch, "hidden"),
        "synthesis": (save_synthesis, load_synthesis, band.synthesis, "channels"),
        "expression": (save_expression, load_expression, band.expression, "width"),
    }
    for kind, (save, load, model, field) in saves.items():
        path = tmp_path / f"{kind}.safetensors"
        save(path, model, {"a": 1}, half=True)
        again, facts = load(path)
        assert facts["a"] == 1 and again.config == model.config and not again.training
        tensors, described = read_tensors(path, kind, FORMAT)
        write_tensors(tmp_path / "big", tensors, {**described, "config": {**described["config"], field: 10**6}}, FORMAT)
        write_tensors(tmp_path / "few", dict(list(tensors.items())[1:]), described, FORMAT)
        write_tensors(tmp_path / "foreign", tensors, {**described, "kind": "inference"}, FORMAT)
        for name, words in (("big", "claims more"), ("few", "do not fit"), ("foreign", "'inference'")):
            with pytest.raises(CheckpointError, match=words):
                load(tmp_path / name)
    assert load_players(tmp_path).instruments == WHO
    save_pitch(tmp_path / "pitch.safetensors", PitchGenerator(replace(PITCH, instruments=("violin",))), {})
    with pytest.raises(ValueError, match="different instruments"):
        load_players(tmp_path)


# Playing


def test_a_seed_is_a_performance(band: Players) -> None:
    mean = perform(NOTES, "violin", players=band)
    assert mean.shape == (3, 6) and torch.equal(mean, perform(NOTES, "violin", players=band))
    one, two = (perform(NOTES, "violin", seed=seed, players=band) for seed in (1, 2))
    assert not torch.equal(one, two) and torch.equal(one, perform(NOTES, "violin", seed=1, players=band))
    assert one.min() >= 0 and one.max() <= 1.25
    assert perform([], "violin", players=band).shape == (0, 6)
    assert torch.equal(perform(NOTES[::-1], "violin", players=band), mean)  # any order


def test_generation_is_what_was_trained(band: Players) -> None:
    """The mean performance, told to the network as if it had been played, is what the network expects."""
    mean = perform(NOTES, "flute", players=band)
    known = torch.tensor([[0.0, 1.0, 1.0]])
    with torch.no_grad():
        expected, spread = band.expression(
            note_features(NOTES)[None], mean.roll(1, 0)[None], known, band.expression.indices(["flute"])
        )
    assert torch.allclose(expected[0].clamp(0, 1.25), mean, atol=1e-5) and (spread > 0).all()


def test_stretches_are_not_heard(band: Players, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = play(NOTES, KNOBS, "violin", players=band)
    sound = synthesise(whole, seed=3)
    assert len(whole.f0_hz) == 475 and sound.shape == (475 * 64,) and sound.abs().max() > 1e-4
    monkeypatch.setattr(render_module, "STRETCH_S", 0.3)
    again = play(NOTES, KNOBS, "violin", players=band)
    for a, b in zip(whole, again, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-7)
    pieces = list(stream(NOTES, KNOBS, "violin", players=band))
    reference = synthesise(whole)
    assert len(pieces) > 4 and torch.allclose(torch.cat(pieces), reference, atol=1e-5)
    assert torch.allclose(synthesise(whole, seed=3), sound, atol=1e-5)


def test_seeds_of_pitch_and_noise(band: Players) -> None:
    a, b = (play(NOTES, KNOBS, "violin", seed=seed, players=band) for seed in (0, 1))
    assert not torch.equal(a.f0_hz, b.f0_hz) and torch.equal(a.f0_hz, play(NOTES, KNOBS, "violin", players=band).f0_hz)
    assert not torch.equal(synthesise(a, seed=0), synthesise(a, seed=1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda band: play([], torch.zeros(0, 6), "violin", players=band), "no notes"),
        (lambda band: play(NOTES, KNOBS[:2], "violin", players=band), r"\(3, 6\)"),
        (lambda band: play(NOTES, KNOBS, "kazoo", players=band), "kazoo"),
        (lambda band: stream(NOTES, KNOBS, "kazoo", players=band), "kazoo"),
        (lambda band: perform([(0, -1, 60)], "violin", players=band), "note 1"),
        (lambda band: play(NOTES, KNOBS, "violin", players=band, n_frames=0), "n_frames"),
    ],
)
def test_what_cannot_be_played(band: Players, call: Callable[[Players], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(band)


def test_every_program_has_a_player_and_notes_know_their_range() -> None:
    assert {instrument_of(program) for program in range(128)} <= set(RANGES)
    named = {40: "violin", 42: "cello", 56: "trumpet", 65: "saxophone", 71: "clarinet", 73: "flute"}
    assert {program: instrument_of(program) for program in named} == named
    with pytest.raises(ValueError, match="127"):
        instrument_of(128)
    assert out_of_range([Note(0, 1, 54), Note(1, 1, 55), Note(2, 1, 87)], "violin") == [Note(0, 1, 54), Note(2, 1, 87)]


# Measured in the sound


def test_measuring_finds_what_the_rule_based_player_played() -> None:
    asked = (0.9, 0.2, 0.35, 0.5, 0.25, 0.6)
    for pitch in (57, 69):
        note = play_note(pitch, 1.2, asked)
        silence = ToneControls(*(torch.zeros_like(x[:50]) for x in note))._replace(f0_hz=note.f0_hz[:50])
        controls = ToneControls(*(torch.cat([a, b]) for a, b in zip(silence, note, strict=True)))
        sound, notes = synthesise(controls), [Note(0.2, 1.2, pitch)]
        read = measure_expression(sound, notes)[0]
        wanted = extract_expression(controls, notes)[0]
        assert (read - wanted).abs()[[0, 3, 4]].max() < 0.03
        assert (read - wanted).abs()[[1, 2, 5]].max() < 0.12
        tone = measure_tone(sound, notes)
        inside = slice(100, 300)
        assert (12 * torch.log2(tone.f0_hz[inside] / controls.f0_hz[inside])).abs().median() < 0.05


def test_measuring_needs_a_sound_and_a_note() -> None:
    with pytest.raises(ValueError, match=r"silent|silence"):
        measure_tone(torch.zeros(16000), NOTES)
    with pytest.raises(ValueError, match="at least one note"):
        measure_tone(torch.ones(16000), [])
