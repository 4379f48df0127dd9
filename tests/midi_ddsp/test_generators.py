"""The way down: what frames are told, the three generators, their files, and stretches of sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from course_lib.midi_ddsp import (
    CONTROLS,
    ExpressionConfig,
    ExpressionGenerator,
    NotePlan,
    PitchConfig,
    PitchGenerator,
    Players,
    SynthesisConfig,
    SynthesisGenerator,
    extract_expression,
    load_players,
    perform,
    play,
    play_note,
    stream,
    synthesise,
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
from course_lib.scores import Note, note_frames
from course_lib.tone_transfer import ToneControls
from course_lib.training.checkpoints import CheckpointError, read_tensors, write_tensors

WHO = ("flute", "violin")
PITCH = PitchConfig(width=12, hidden=16, n_embedding=4, instruments=WHO)
SYNTHESIS = SynthesisConfig(width=12, channels=12, stacks=1, dilations=3, n_embedding=4, instruments=WHO)
EXPRESSION = ExpressionConfig(width=8, hidden=8, n_embedding=4, instruments=WHO)
NOTES = [Note(0.1, 0.4, 62), Note(0.5, 0.3, 66.0), Note(0.9, 0.5, 59)]
KNOBS = torch.tensor([[0.9, 0.2, 0.4, 0.5, 0.3, 0.6], [0.7, 0.3, 0.6, 0.3, 0.2, 0.9], [1.0, 0.1, 0.2, 0.8, 0.4, 0.4]])


@pytest.fixture(scope="module")
def band() -> Players:
    torch.manual_seed(0)
    return Players(
        ExpressionGenerator(EXPRESSION).eval(), PitchGenerator(PITCH).eval(), SynthesisGenerator(SYNTHESIS).eval()
    )


# What a frame is told


def test_features_say_what_the_score_says() -> None:
    plan = NotePlan(NOTES, KNOBS)
    features = plan.features(first=0, count=400)
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
    whole = plan.features(first=0, count=400)
    for first, count in ((0, 1), (24, 3), (120, 100), (350, 50)):
        assert torch.equal(plan.features(first=first, count=count), whole[first : first + count])
    assert plan.note_index(first=0, count=400)[0] == 0 and plan.note_index(first=349, count=1) == 2


@pytest.mark.parametrize(
    ("notes", "rows", "words"), [([], 0, "no notes"), (NOTES, 2, r"\(3, 6\)"), (NOTES, 4, "a row")]
)
def test_plans_need_a_row_a_note(notes: list[Note], rows: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NotePlan(notes, torch.zeros(rows, 6))


# The pitch generator


def test_classes_are_cents() -> None:
    assert pitch_class(torch.tensor([-3.0, -1.0, 0.0, 0.014, 1.0, 2.0])).tolist() == [0, 0, 100, 101, 200, 200]


def test_playing_steps_through_the_network_that_was_trained(band: Players) -> None:
    """Frame by frame, by hand, equals the GRU over the whole, told what was drawn."""
    features = NotePlan(NOTES, KNOBS).features(first=0, count=120)
    instrument_id = band.pitch.indices(["violin"])
    (semitones,) = band.pitch.generate([features], instrument_id, torch.Generator().manual_seed(0), nucleus=1e-6)
    drawn = pitch_class(semitones)
    told = torch.cat([torch.tensor([UNKNOWN]), drawn[:-1]])
    with torch.no_grad():
        logits = band.pitch(features[None], told[None], instrument_id)[0]
    assert torch.equal(logits.argmax(-1), drawn)


def test_pitch_runs_through_stretches_and_follows_its_seed(band: Players) -> None:
    features = NotePlan(NOTES, KNOBS).features(first=0, count=200)
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
    features = NotePlan(NOTES, KNOBS).features(first=0, count=60)
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
        raw = model(plan.features(first=0, count=400)[None], torch.zeros(1, 400), torch.tensor([0]))
        controls = model.controls(raw, torch.full((1, 400), 261.6))
        level = 20 * torch.log10(controls.amplitude[0].detach())
        assert float(level[50:200].mean()) == pytest.approx((asked - 1.5) * 60, abs=8)
        assert level[300:].max() < -110


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
        note = play_note(pitch, duration_s=1.2, expression=asked)
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
