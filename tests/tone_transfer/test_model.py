"""The decoder, the model, its data and its checkpoints."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from course_lib import harmonic_synth, loudness_db
from course_lib.tone_transfer import (
    CheckpointError,
    ToneTransfer,
    TransferConfig,
    load_instrument,
    load_recordings,
    save_instrument,
    scale_inputs,
)
from course_lib.tone_transfer.checkpoint import FORMAT
from course_lib.training.checkpoints import write_tensors

SMALL = TransferConfig(n_harmonics=12, n_bands=17, width=8, hidden=16, reverb_taps=200)


def small(config: TransferConfig = SMALL, seed: int = 0) -> ToneTransfer:
    torch.manual_seed(seed)
    return ToneTransfer(config).eval()


def curves(*leading: int, n_frames: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    f0 = 100.0 * 2.0 ** (3.0 * torch.rand(*leading, n_frames, generator=draw))
    return f0, -60.0 * torch.rand(*leading, n_frames, generator=draw)


# The network's inputs.


def test_inputs_are_midi_and_scaled_decibels() -> None:
    f0, loudness = torch.tensor([440.0, 880.0, 27.5, 0.0]), torch.tensor([0.0, -80.0, -40.0, -200.0])
    wanted = [[69 / 127, 1.0], [81 / 127, 0.0], [21 / 127, 0.5], [0.0, 0.0]]
    torch.testing.assert_close(scale_inputs(f0, loudness), torch.tensor(wanted), atol=1e-6, rtol=0.0)
    assert scale_inputs(*curves(2, 3)).shape == (2, 3, 40, 2)


@pytest.mark.parametrize("f0, loudness", [([1.0], [1.0, 2.0]), ([-1.0], [0.0]), ([np.nan], [0.0]), ([1.0], [np.nan])])
def test_senseless_inputs_are_refused(f0: list[float], loudness: list[float]) -> None:
    with pytest.raises(ValueError):
        scale_inputs(f0, loudness)


def test_an_octave_is_the_same_step_everywhere() -> None:
    pitch = scale_inputs([110.0, 220.0, 440.0, 880.0], [0.0] * 4)[:, 0]
    torch.testing.assert_close(pitch.diff(), torch.full((3,), 12 / 127), atol=1e-6, rtol=0.0)


# The model.


def test_is_small_enough_for_a_cpu() -> None:
    model = ToneTransfer()
    assert 150_000 < sum(p.numel() for p in model.parameters()) <= 300_000


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_shapes(leading: tuple[int, ...]) -> None:
    model, (f0, loudness) = small(), curves(*leading)
    controls = model.controls(f0, loudness)
    assert torch.equal(controls.f0_hz, f0) and controls.amplitude.shape == f0.shape
    assert controls.distribution.shape == (*f0.shape, 12) and controls.noise_magnitudes.shape == (*f0.shape, 17)
    assert model(f0, loudness).shape == (*leading, 40 * 64)
    assert model(f0, loudness, 3000).shape == (*leading, 3000)
    parts = model.synthesise(controls, 2560)
    torch.testing.assert_close(parts["harmonic"] + parts["noise"] + parts["room"], parts["sound"])


def test_rows_of_a_batch_do_not_mix() -> None:
    model, (f0, loudness) = small(), curves(3)
    together, alone = model.controls(f0, loudness), model.controls(f0[1], loudness[1])
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[1], b, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("n_z", [0, 4])
def test_gradients_reach_every_parameter(n_z: int) -> None:
    model, (f0, loudness) = small(TransferConfig(**{**asdict(SMALL), "n_z": n_z})), curves(2)
    recording = torch.rand(2, 40 * 64, generator=torch.Generator().manual_seed(0)) - 0.5
    model(f0, loudness, recording=recording).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), name
        assert float(parameter.grad.abs().max()) > 0, name


def test_pitch_and_loudness_have_networks_of_their_own() -> None:
    model = small()
    shared = {id(p) for p in model.decoder.pitch.parameters()} & {id(p) for p in model.decoder.loudness.parameters()}
    assert not shared
    f0, loudness = curves()
    before = model.controls(f0, loudness)
    for changed in (model.controls(2 * f0, loudness), model.controls(f0, loudness - 20.0)):
        assert not torch.allclose(changed.amplitude, before.amplitude)


def test_z_changes_the_timbre_and_is_asked_for() -> None:
    model, (f0, loudness) = small(TransferConfig(**{**asdict(SMALL), "n_z": 4})), curves()
    a, b = (model.controls(f0, loudness, torch.full((40, 4), value)) for value in (0.0, 1.0))
    assert not torch.allclose(a.distribution, b.distribution)
    with pytest.raises(ValueError, match="needs z"):
        model.controls(f0, loudness)
    with pytest.raises(ValueError, match="without z"):
        small().controls(f0, loudness, torch.zeros(40, 4))


def test_what_is_left_out_is_silent() -> None:
    f0, loudness = curves()
    with torch.no_grad():
        no_noise = small(TransferConfig(**{**asdict(SMALL), "use_noise": False}))
        assert not bool(no_noise.synthesise(no_noise.controls(f0, loudness), 2560)["noise"].any())
        no_room = small(TransferConfig(**{**asdict(SMALL), "use_reverb": False}))
        assert not bool(no_room.synthesise(no_room.controls(f0, loudness), 2560)["room"].any())
        deaf = small(TransferConfig(**{**asdict(SMALL), "use_loudness": False}))
        assert torch.equal(deaf.controls(f0, loudness).amplitude, deaf.controls(f0, loudness - 20).amplitude)


@torch.no_grad()
@pytest.mark.parametrize("cuts", [[20], [1, 2, 3], [39]])
def test_the_state_is_handed_from_stretch_to_stretch(cuts: list[int]) -> None:
    model, (f0, loudness) = small(), curves(2)
    whole, last = model.controls_and_state(f0, loudness)
    state, pieces = None, []
    for a, b in zip([0, *cuts], [*cuts, 40], strict=True):
        piece, state = model.controls_and_state(f0[:, a:b], loudness[:, a:b], state=state)
        pieces.append(piece)
    assert state is not None
    torch.testing.assert_close(state, last, atol=1e-6, rtol=1e-5)
    for name in whole._fields:
        joined = torch.cat([getattr(piece, name) for piece in pieces], 1)
        torch.testing.assert_close(joined, getattr(whole, name), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_noise_follows_the_generator() -> None:
    model, (f0, loudness) = small(), curves()
    a, b, c = (model(f0, loudness, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(model(f0, loudness), model(f0, loudness))


@pytest.mark.parametrize(
    "changes", [{"sample_rate": 0}, {"n_harmonics": 0}, {"n_bands": 1}, {"n_z": -1}, {"frame_rate": 300}]
)
def test_senseless_shapes_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        TransferConfig(**changes)


# Data.


def record(folder: Path, name: str, seconds: float = 3.0, labels: bool = True, f0_hz: float = 300.0) -> None:
    """A note of one harmonic synth, with its pitch beside it."""
    n = round(seconds * 250)
    f0 = f0_hz * (1.0 + 0.01 * torch.sin(torch.arange(n) / 10))
    sound = harmonic_synth(f0, torch.full((n,), 0.3), torch.full((n, 4), 0.25), n_samples=n * 64, sample_rate=16_000)
    soundfile.write(folder / f"{name}.flac", sound.numpy(), 16_000)
    if labels:
        np.save(folder / f"{name}.f0.npy", f0.numpy())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(5):
        record(tmp_path, f"tune_{i}", f0_hz=200.0 + 50 * i)
    return tmp_path


def test_whole_recordings_are_held_out(folder: Path) -> None:
    for seed in range(4):
        parts = load_recordings(folder, seed=seed)
        names = {part: [r.name for r in recordings] for part, recordings in parts.items()}
        assert len(names["train"]) == 4 and len(names["validation"]) == 1 and names["test"] == []
        assert sorted(names["train"] + names["validation"]) == [f"tune_{i}" for i in range(5)]
        assert load_recordings(folder, seed=seed)["validation"][0].name == names["validation"][0]
    assert len({load_recordings(folder, seed=s)["validation"][0].name for s in range(6)}) > 1


def test_the_split_that_is_written_down_is_kept(folder: Path) -> None:
    split = {"train": ["tune_0", "tune_1"], "validation": ["tune_4"], "test": ["tune_2"]}
    (folder / "performances.json").write_text(json.dumps({"split": split}))
    found = {part: [r.name for r in recordings] for part, recordings in load_recordings(folder).items()}
    assert found == split
    (folder / "performances.json").write_text(json.dumps({"split": {**split, "test": ["tune_9"]}}))
    with pytest.raises(ValueError, match="tune_9"):
        load_recordings(folder)


def test_a_recording_has_its_labels_and_its_loudness(folder: Path) -> None:
    r = load_recordings(folder)["train"][0]
    assert r.audio.shape == (48_000,) and r.f0_hz.shape == r.loudness_db.shape == (750,)
    assert np.array_equal(r.f0_hz.numpy(), np.load(folder / f"{r.name}.f0.npy"))
    torch.testing.assert_close(r.loudness_db, loudness_db(r.audio, 16_000))


def test_pitch_is_tracked_where_there_are_no_labels(tmp_path: Path) -> None:
    record(tmp_path, "a", labels=False), record(tmp_path, "b", labels=False, f0_hz=1500.0)
    found = {r.name: r for part in load_recordings(tmp_path).values() for r in part}
    for name, f0 in [("a", 300.0), ("b", 1500.0)]:
        off = 1200 * torch.log2(found[name].f0_hz[20:-20].median() / f0)
        assert abs(float(off)) < 15


def test_stereo_is_averaged_and_silence_is_named(tmp_path: Path) -> None:
    record(tmp_path, "a"), record(tmp_path, "b")
    sound, rate = soundfile.read(tmp_path / "a.flac")
    soundfile.write(tmp_path / "a.flac", np.stack([sound, sound], 1), rate)
    (a,) = (r for part in load_recordings(tmp_path).values() for r in part if r.name == "a")
    assert float((a.audio - torch.from_numpy(sound)).abs().max()) < 1e-4
    soundfile.write(tmp_path / "c.flac", np.zeros(48_000), rate)
    with pytest.raises(ValueError, match=r"c\.flac.*silent"):
        load_recordings(tmp_path)


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 recordings"):
        load_recordings(tmp_path / "nowhere")
    record(tmp_path, "one")
    with pytest.raises(ValueError, match="1 recordings"):
        load_recordings(tmp_path)
    record(tmp_path, "two", seconds=0.5)
    with pytest.raises(ValueError, match="too short"):
        load_recordings(tmp_path)
    record(tmp_path, "two")
    np.save(tmp_path / "two.f0.npy", np.ones(100))
    with pytest.raises(ValueError, match="750 numbers"):
        load_recordings(tmp_path)
    with (tmp_path / "two.f0.npy").open("wb") as file:
        pickle.dump(Bomb(tmp_path / "ran"), file)
    with pytest.raises(ValueError):
        load_recordings(tmp_path)
    assert not (tmp_path / "ran").exists()


# Checkpoints.


class Bomb:
    """Unpickling it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("half", [False, True])
def test_comes_back_as_it_was_saved(tmp_path: Path, half: bool) -> None:
    model = small()
    save_instrument(tmp_path / "a.safetensors", model, {"instrument": "α", "statistics": {"x": 1.5}}, half=half)
    back, facts = load_instrument(tmp_path / "a.safetensors")
    assert facts["instrument"] == "α" and facts["statistics"] == {"x": 1.5} and back.config == SMALL
    assert not back.training
    for a, b in zip(model.state_dict().values(), back.state_dict().values(), strict=True):
        assert b.dtype == torch.float32 and torch.equal(a.half().float() if half else a, b)
    f0, loudness = curves()
    torch.testing.assert_close(back(f0, loudness), model(f0, loudness), atol=1e-3, rtol=0.0)


def test_shipped_size(tmp_path: Path) -> None:
    save_instrument(tmp_path / "a.safetensors", ToneTransfer(), {}, half=True)
    assert (tmp_path / "a.safetensors").stat().st_size < 2_000_000


def foreign(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no instruments of this version, and a word of what is said about each."""
    good, model = folder / "good.safetensors", small()
    save_instrument(good, model, {})
    tensors, config = model.state_dict(), asdict(SMALL)

    def raw(name: str, header: dict[str, str] | None, weights: dict[str, torch.Tensor] = tensors) -> Path:
        save_file(weights, folder / name, header)
        return folder / name

    def described(name: str, config: object, weights: dict[str, torch.Tensor] = tensors, **facts: object) -> Path:
        write_tensors(folder / name, weights, {"kind": "instrument", "config": config, **facts}, FORMAT)
        return folder / name

    def header(version: str = "1", facts: str = "{}") -> dict[str, str]:
        return {"format": FORMAT.name, "version": version, "facts": facts}

    (folder / "cut").write_bytes(good.read_bytes()[:-100])
    (folder / "head").write_bytes(good.read_bytes()[:50])
    (folder / "void").write_bytes(b"")
    (folder / "text").write_text("weights")
    torch.save({"a": Bomb(folder / "ran")}, folder / "torch.pt")
    (folder / "pickle.pkl").write_bytes(pickle.dumps(Bomb(folder / "ran")))
    nan = {**tensors, "decoder.raw.bias": torch.full_like(tensors["decoder.raw.bias"], torch.nan)}
    fewer = {name: value for name, value in tensors.items() if name != "decoder.raw.bias"}
    return {
        "missing": (folder / "gone.safetensors", "no checkpoint"),
        "folder": (folder, ""),
        "cut short": (folder / "cut", "damaged"),
        "only its head": (folder / "head", "damaged"),
        "empty": (folder / "void", "damaged"),
        "text": (folder / "text", "damaged"),
        "pickle": (folder / "pickle.pkl", "damaged"),
        "torch": (folder / "torch.pt", "damaged"),
        "another's": (raw("other", None), "not a tone-transfer checkpoint"),
        "another format": (raw("format", {"format": "pt"}), "'pt'"),
        "later version": (raw("later", header("2")), "version 2"),
        "no version": (raw("none", {"format": FORMAT.name}), "version None"),
        "no facts": (raw("nofacts", {"format": FORMAT.name, "version": "1"}), "damaged"),
        "broken facts": (raw("broken", header(facts="{")), "damaged"),
        "facts of another kind": (raw("kind", header(facts='{"kind": "training state"}')), "training state"),
        "facts that are a list": (raw("list", header(facts="[1]")), "[1]"),
        "no config": (raw("noconfig", header(facts='{"kind": "instrument"}')), "do not fit"),
        "config that is text": (described("configtext", "big"), "do not fit"),
        "unknown part": (described("part", {**config, "n_wings": 2}), "n_wings"),
        "other sizes": (described("sizes", {**config, "hidden": 12}), "do not fit"),
        "claims too much": (described("huge", {**config, "hidden": 10**7}), "claims more"),
        "claims a cathedral": (described("room", {**config, "reverb_taps": 10**12}), "claims more"),
        "senseless": (described("senseless", {**config, "n_bands": 0}), "n_bands"),
        "weights missing": (described("fewer", config, fewer), "do not fit"),
        "weights too many": (described("more", config, {**tensors, "extra": torch.zeros(3)}), "do not fit"),
        "not numbers": (described("nan", config, nan), "not finite"),
    }


def test_foreign_files_are_refused_and_run_nothing(tmp_path: Path) -> None:
    for name, (path, words) in foreign(tmp_path).items():
        with pytest.raises(CheckpointError) as caught:
            load_instrument(path)
        assert words in str(caught.value), (name, str(caught.value))
    assert not (tmp_path / "ran").exists()
    pickle.loads((tmp_path / "pickle.pkl").read_bytes())
    assert (tmp_path / "ran").exists()  # it would have


@pytest.mark.parametrize("fails", ["open", "write", "fsync", "replace"])
def test_a_checkpoint_is_whole_or_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    path = tmp_path / "a.safetensors"
    save_instrument(path, small(), {"n": 1})
    old = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    if fails == "open":
        monkeypatch.setattr(Path, "open", fail)
    elif fails == "write":
        plain_open = Path.open

        def opened(self: Path, *arguments: object) -> object:
            file = plain_open(self, *arguments)
            file.write(b"half of")

            class Full:
                __enter__, __exit__ = (lambda s: s), (lambda s, *_: file.close())
                write = fail

            return Full()

        monkeypatch.setattr(Path, "open", opened)
    else:
        monkeypatch.setattr(os, fails, fail)
    with pytest.raises(OSError, match="no space"):
        save_instrument(path, small(seed=1), {"n": 2})
    monkeypatch.undo()
    assert path.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert load_instrument(path)[1]["n"] == 1


def test_a_folder_does_not_hide_an_instrument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "violin").mkdir()
    monkeypatch.setattr("course_lib.tone_transfer.checkpoint.instrument_names", lambda: ["violin"])
    save_instrument(tmp_path / "stored.safetensors", small(), {"instrument": "violin"})
    monkeypatch.setattr("course_lib.tone_transfer.checkpoint.data_path", lambda _: tmp_path / "stored.safetensors")
    assert load_instrument("violin")[1]["instrument"] == "violin"
    with pytest.raises(CheckpointError, match=r"unknown instrument 'kazoo'.*violin"):
        load_instrument("kazoo")
