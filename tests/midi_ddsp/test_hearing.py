"""DDSP inference: the network, its features, its file, and everything that is heard with it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import loudness_db, measure_harmonics
from course_lib.analysis.partials import remove_harmonics
from course_lib.midi_ddsp import (
    CONTROLS,
    DDSPInference,
    InferenceConfig,
    TableError,
    hear,
    load_inference,
    load_performances,
    play_note,
    read_controls,
    save_inference,
    write_controls,
)
from course_lib.midi_ddsp.checkpoint import FORMAT
from course_lib.midi_ddsp.hearing import listener
from course_lib.midi_ddsp.hearing.features import SpectralFeatures
from course_lib.scores import Note
from course_lib.tone_transfer import ToneControls
from course_lib.training.checkpoints import CheckpointError, read_tensors, write_tensors
from tests.helpers.performances import tone, write_folder

SMALL = InferenceConfig(width=16, hidden=8, n_embedding=4, instruments=("flute", "violin"))


def small(**changes: object) -> DDSPInference:
    torch.manual_seed(0)
    return DDSPInference(replace(SMALL, **changes))  # type: ignore[arg-type]


def test_127_numbers_a_frame() -> None:
    sound, f0 = tone(0.4)
    c = small().controls(sound[None], f0[None], loudness_db(sound, 16000)[None])
    assert 1 + sum(x[0, 0].numel() for x in (c.amplitude, c.distribution, c.noise_magnitudes)) == 127
    assert c.f0_hz.shape == (1, 100) and torch.equal(c.f0_hz[0], f0)
    assert (c.distribution.sum(-1) - 1).abs().max() < 1e-5


def test_features_read_the_level_of_every_harmonic() -> None:
    sound, f0 = tone(1.0, 220.0, 0.5)
    levels = (
        SpectralFeatures(sample_rate=16000, frame_rate=250, n_harmonics=60)(sound[None], f0[None])[0, 125] - 1
    ) * 100  # dB
    assert levels[0].item() == pytest.approx(20 * np.log10(0.5), abs=0.3)
    assert levels[1:6].numpy() == pytest.approx(np.full(5, -20.0), abs=0.5)
    assert levels[8:36].max() < -60  # no harmonics there
    assert levels[61:65].max() < -40  # nor between them
    assert levels[37:61].max() == -100  # at or above Nyquist


def test_before_training_a_harmonic_is_as_loud_as_it_was_measured() -> None:
    model = DDSPInference()
    with torch.no_grad():
        model.raw.weight.zero_()
        soft, f0 = tone(1.0, 220.0, 0.001)  # the map is exact far below full scale only
        c = model.controls(soft[None], f0[None], loudness_db(soft, 16000)[None])
        assert 20 * np.log10(c.amplitude[0, 125].item() / 0.001) == pytest.approx(0, abs=1.0)
        loud, f0 = tone(1.0, 220.0, 0.05)
        c = model.controls(loud[None], f0[None], loudness_db(loud, 16000)[None])
        assert c.distribution[0, 125, :5].numpy() == pytest.approx(np.full(5, 0.2), abs=0.02)


def test_features_follow_the_pitch_and_rests_have_none() -> None:
    sound, f0 = tone(0.4)
    features = SpectralFeatures(sample_rate=16000, frame_rate=250, n_harmonics=60)(sound[None], torch.zeros(1, 100))[0]
    assert (features[:, :121] == 0).all()
    assert SpectralFeatures(sample_rate=16000, frame_rate=250, n_harmonics=60, kind="mel")(
        sound[None], f0[None]
    ).shape == (1, 100, 64)
    with pytest.raises(ValueError, match="harmonic"):
        SpectralFeatures(sample_rate=16000, frame_rate=250, n_harmonics=60, kind="cepstrum")


def test_instruments_are_told_apart_and_unknown_ones_are_any() -> None:
    model = small()
    assert model.indices(["violin", "flute", None, "tuba"]).tolist() == [2, 1, 0, 0]
    sound, f0 = tone(0.4)
    loud = loudness_db(sound, 16000)[None]
    told = [model.controls(sound[None], f0[None], loud, model.indices([n])).amplitude for n in ("violin", "flute")]
    assert not torch.equal(*told)


def test_rooms_are_per_instrument() -> None:
    model = small(reverb_taps=100)
    assert model.rooms is not None and model.rooms.shape == (3, 100)
    with torch.no_grad():
        model.rooms[2, 50] = 0.5
    c = ToneControls(*(x[None] for x in play_note(60, duration_s=0.4)))
    violin, flute = (model.synthesise(c, model.indices([n])) for n in ("violin", "flute"))
    assert violin["room"].abs().max() > 0.001 > flute["room"].abs().max()
    assert torch.equal(violin["sound"], violin["harmonic"] + violin["noise"] + violin["room"])


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"frame_rate": 300}, "divide"),
        ({"width": 0}, "width"),
        ({"instruments": ("any",)}, "different names"),
        ({"instruments": ("a", "a")}, "different names"),
        ({"features": "eyes"}, "harmonic"),
    ],
)
def test_senseless_configurations(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small(**changes)


def test_sounds_and_pitches_must_belong_together() -> None:
    sound, f0 = tone(0.4)
    with pytest.raises(ValueError, match="n_frames"):
        small().controls(sound[None, :-64], f0[None], loudness_db(sound, 16000)[None])
    with pytest.raises(ValueError, match="finite"):
        small().controls(sound[None] * float("nan"), f0[None], loudness_db(sound, 16000)[None])


def test_gradients_reach_every_weight() -> None:
    model = small(reverb_taps=20)
    sound, f0 = tone(0.4)
    model(sound[None], f0[None], loudness_db(sound, 16000)[None]).square().sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None and torch.isfinite(weight.grad).all(), name


# Files


def test_checkpoints_are_refused_where_they_do_not_fit(tmp_path: Path) -> None:
    model = small()
    save_inference(tmp_path / "good.safetensors", model, {"a": 1}, half=True)
    again, facts = load_inference(tmp_path / "good.safetensors")
    assert facts["a"] == 1 and again.config == SMALL
    tensors, described = read_tensors(tmp_path / "good.safetensors", "inference", FORMAT)
    config = described["config"]
    foreign = {
        "version": (tensors, described, FORMAT._replace(version=2), "version 2"),
        "format": (tensors, described, FORMAT._replace(name="course_lib.tone_transfer"), "not a MIDI-DDSP"),
        "kind": (tensors, {**described, "kind": "instrument"}, FORMAT, "'instrument'"),
        "claims": (tensors, {**described, "config": {**config, "hidden": 10**7}}, FORMAT, "claims more"),
        "unknown": (tensors, {**described, "config": {**config, "wings": 2}}, FORMAT, "wings"),
        "fewer": (dict(list(tensors.items())[1:]), described, FORMAT, "do not fit"),
        "nan": ({n: v * float("nan") for n, v in tensors.items()}, described, FORMAT, "not finite"),
    }
    for name, (weights, facts, form, words) in foreign.items():
        write_tensors(tmp_path / name, weights, facts, form)
        with pytest.raises(CheckpointError, match=words):
            load_inference(tmp_path / name)
    (tmp_path / "cut").write_bytes((tmp_path / "good.safetensors").read_bytes()[:-50])
    for name in ("cut", "missing"):
        with pytest.raises(CheckpointError):
            load_inference(tmp_path / name)


# Performances and controls tables


def test_performances_are_read_and_missing_files_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    found = load_performances(root)
    assert [p.instrument for p in found["train"]] == ["flute", "violin"] and found["held_out"] == []
    take = load_performances(root, ["violin"], ["test"])["test"][0]
    assert take.notes == [Note(0.1, 0.5, 57.0)] and take.drawn is not None and take.drawn.shape == (1, 6)
    assert take.audio.shape == (19200,) and take.f0_hz.shape == take.loudness_db.shape == (300,)
    with pytest.raises(ValueError, match="no performances of tuba"):
        load_performances(root, ["tuba"])
    (root / "violin" / "violin_test_00.csv").unlink()
    with pytest.raises(ValueError, match=r"violin_test_00\.csv"):
        load_performances(root)
    with pytest.raises(ValueError, match="no performances"):
        load_performances(tmp_path / "nothing")


def test_a_controls_table_reads_back(tmp_path: Path) -> None:
    notes = [Note(0.0, 0.5, 60), Note(0.5, 0.25, 62.5)]
    values = torch.rand(2, 6, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "controls.csv"
    write_controls(path, notes, values)
    assert path.read_text().splitlines()[0] == "onset_s,duration_s,pitch," + ",".join(CONTROLS)
    again, read = read_controls(path)
    assert [n[:3] for n in again] == [n[:3] for n in notes] and torch.allclose(read, values, atol=1e-4)
    semicolons = path.read_text().replace(",", ";")
    path.write_text("\ufeff" + semicolons + ";;;;;;;;\n\n", encoding="utf-8")  # what spreadsheets do
    assert torch.allclose(read_controls(path)[1], values, atol=1e-4)


GOOD = "onset_s,duration_s,pitch," + ",".join(CONTROLS) + "\n0,1,60,.5,.5,.5,.5,.5,.5\n"


@pytest.mark.parametrize(
    "text, words",
    [
        (GOOD.replace("vibrato", "wobble"), "column vibrato is missing"),
        (GOOD.replace("vibrato", "volume"), "column volume is twice"),
        (GOOD + "1,1,60,.5,loud,.5,.5,.5,.5\n", "row 3, column volume_fluctuation: .*'loud'"),
        (GOOD + "1,1,60,.5\n", "row 3, column volume_fluctuation: .*''"),
        (GOOD + "1,1,60,.5,.5,.5,nan,.5,.5\n", "row 3, column vibrato"),
        (GOOD + "1,0,60,.5,.5,.5,.5,.5,.5\n", "row 3, column duration_s: needs"),
        (GOOD + "1,1,160,.5,.5,.5,.5,.5,.5\n", "row 3, column pitch: needs"),
        ("", "column onset_s is missing"),
    ],
)
def test_a_bad_table_names_the_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "controls.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=words):
        read_controls(path)


def test_a_table_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(TableError, match="UTF-8"):
        read_controls(tmp_path / "a.csv")
    with pytest.raises(TableError, match="cannot be read"):
        read_controls(tmp_path / "gone.csv")
    with pytest.raises(ValueError, match="a row a note"):
        write_controls(tmp_path / "b.csv", [Note(0, 1, 60)], torch.zeros(2, 6))
    with pytest.raises(ValueError, match="finite"):
        write_controls(tmp_path / "b.csv", [Note(0, 1, 60)], torch.full((1, 6), float("nan")))
    assert not os.path.exists(tmp_path / "b.csv")


# Hearing


def test_long_recordings_are_heard_in_pieces_and_it_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, f0 = tone(5.0)
    model = small()
    whole = hear(sound, 16000, [(0, 5, 57)], f0_hz=f0, network=model)
    monkeypatch.setattr(listener, "STRETCH_S", 1.5)
    pieces = hear(sound, 16000, [(0, 5, 57)], f0_hz=f0, network=model)
    for a, b in zip(whole.controls, pieces.controls, strict=True):
        assert torch.allclose(a, b, rtol=2e-2, atol=1e-4)


def test_a_sound_without_a_score_has_its_notes_found() -> None:
    low, high = tone(0.6, 220.0)[0], tone(0.6, 261.63)[0]
    heard = hear(torch.cat([low, high]), 16000, network=small())
    assert [round(n.pitch) for n in heard.notes] == [57, 60]
    assert heard.expression.shape == (2, 6) and heard.sound.shape == heard.residual.shape == (19200,)


def test_the_residual_is_what_is_not_harmonic() -> None:
    sound, f0 = tone(1.0, 300.0)
    noise = 0.01 * (torch.rand(16000, generator=torch.Generator().manual_seed(0)) - 0.5)
    left = remove_harmonics(sound + noise, f0, 60, sample_rate=16000)[2000:-2000]
    assert 0.5 < left.std() / noise.std() < 1.05  # noise near a harmonic goes with it
    assert remove_harmonics(sound, f0, 60, sample_rate=16000)[2000:-2000].abs().max() < 1e-3
    assert torch.equal(remove_harmonics(noise, torch.zeros(10), 5, sample_rate=16000), noise)
    assert measure_harmonics(sound + noise, f0, 5, sample_rate=16000)[125].sum().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"audio": torch.zeros(16000)}, "silent"),
        ({"audio": torch.ones(10)}, "1600"),
        ({"sample_rate": 44100}, "16000 Hz"),
        ({"instrument": "kazoo"}, "flute, violin"),
        ({"f0_hz": torch.ones(3)}, r"\(250,\)"),
        ({"notes": [(0, -1, 60)]}, "note 1"),
        ({"audio": torch.ones(2, 16000)}, "one voice"),
    ],
)
def test_what_cannot_be_heard(arguments: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"audio": tone(1.0)[0], "sample_rate": 16000}
    with pytest.raises(ValueError, match=words):
        hear(**{**good, **arguments}, network=small())  # type: ignore[arg-type]
