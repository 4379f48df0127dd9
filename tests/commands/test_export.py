"""`python -m course_lib export`: the file says what the library says, runs without it, and nothing else is written."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib.__main__ import main
from course_lib.analysis.recordings import read_recording
from course_lib.synths.noise import white_noise
from course_lib.synths.tone import ToneControls
from course_lib.tone_transfer import ToneTransfer, TransferConfig, exporting, load_instrument, save_instrument
from course_lib.tone_transfer.checkpoint import instrument_names
from course_lib.tone_transfer.exporting import check as checking
from course_lib.tone_transfer.exporting.parts import describe_file, ports
from course_lib.tone_transfer.exporting.program import InstrumentProgram
from tests.helpers import ROOT

onnx_only = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime")), reason="needs ddsp-course[export]"
)
SUFFIXES = [pytest.param(".onnx", marks=onnx_only), ".pt2"]
CONTROLS = ("amplitude", "distribution", "noise_magnitudes")


def small(seed: int = 0, **without: bool) -> ToneTransfer:
    """An instrument of odd sizes: bands longer than a hop, a room that ends within one."""
    torch.manual_seed(seed)
    config = TransferConfig(
        sample_rate=8000,
        frame_rate=500,
        n_harmonics=5,
        n_bands=30,
        width=8,
        hidden=12,
        reverb_taps=133,
        **without,  # type: ignore[arg-type]
    )
    model = ToneTransfer(config).eval()
    with torch.no_grad():
        for p in model.decoder.parameters():
            if p.ndim > 1:
                p.mul_(2)
        model.decoder.raw.bias[1 + config.n_harmonics :] += 5.0  # a noise that is heard
        if model.reverb is not None:
            model.reverb.impulse_response.mul_(100)
    return model


def curves(n_frames: int, frame_rate: int, batch: int = 1) -> dict[str, torch.Tensor]:
    """Pitch with a rest and a crossing of Nyquist's neighbourhood, and loudness; other ones in each row."""
    t = torch.arange(n_frames) / frame_rate + torch.arange(batch).unsqueeze(-1)
    f0 = 500 * 2.0 ** (1.5 * torch.sin(4 * t))
    f0[:, n_frames // 3 : n_frames // 2] = 0
    return {"f0_hz": f0, "loudness_db": -30 + 10 * torch.cos(5 * t)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Files by instrument, part and suffix, each made once, with the model."""
    folder, made = tmp_path_factory.mktemp("exported"), {}

    def export(name: str, part: str, suffix: str) -> tuple[ToneTransfer, checking.Run, Path]:
        if (name, part, suffix) not in made:
            path, source = folder / f"{name}-{part}{suffix}", name
            if name == "small":
                source = str(folder / "small.safetensors")
                save_instrument(source, small(), {"instrument": "small"})
            assert main(["export", source, str(path), "--part", part, "--no-check"]) == 0
            model = load_instrument(source)[0]
            made[name, part, suffix] = model, checking.open_file(path), path
        return made[name, part, suffix]

    return export


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", instrument_names())
@torch.no_grad()
def test_the_decoder_of_each_instrument_is_the_librarys(exported: Any, name: str, suffix: str) -> None:
    model, run, _ = exported(name, "decoder", suffix)
    given = curves(130, 250, batch=2)
    wanted, last = model.controls_and_state(**given, state=torch.zeros(1, 2, model.config.hidden))
    made = run({**given, "state": torch.zeros(1, 2, model.config.hidden)})
    assert list(made) == [*CONTROLS, "next_state"]
    for control in CONTROLS:
        torch.testing.assert_close(made[control], getattr(wanted, control), atol=1e-5, rtol=0)
    torch.testing.assert_close(made["next_state"], last, atol=1e-4, rtol=0)


@pytest.mark.parametrize("suffix", SUFFIXES)
@torch.no_grad()
def test_blocks_of_any_size_are_one_sound(exported: Any, suffix: str) -> None:
    _, run, _ = exported("violin", "decoder", suffix)
    given, state, blocks = curves(40, 250), torch.zeros(1, 1, 128), []
    once = run({**given, "state": state})
    for at in (slice(0, 1), slice(1, 2), slice(2, 19), slice(19, 40)):
        blocks.append(run({**{key: value[:, at] for key, value in given.items()}, "state": state}))
        state = blocks[-1]["next_state"]
    for control in CONTROLS:
        torch.testing.assert_close(torch.cat([b[control] for b in blocks], 1), once[control], atol=1e-5, rtol=0)
    torch.testing.assert_close(state, once["next_state"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("n_frames", [3, 90])
@torch.no_grad()
def test_the_sound_is_the_librarys(exported: Any, suffix: str, n_frames: int) -> None:
    model, run, _ = exported("small", "instrument", suffix)
    given, n = curves(n_frames, 500, batch=2), n_frames * 16
    noise = white_noise((2, n), torch.Generator().manual_seed(3), given["f0_hz"])
    made = run({**given, "white_noise": noise})
    wanted = model.synthesise(model.controls(**given), n, torch.Generator().manual_seed(3))
    for part in ("harmonic", "noise", "room", "sound"):
        assert made[part].shape == (2, n) and float(wanted[part].abs().max()) > 1e-3
        torch.testing.assert_close(made[part], wanted[part], atol=2e-6, rtol=0)


@onnx_only
@torch.no_grad()
def test_the_phase_is_exact_after_a_minute(exported: Any) -> None:
    model, run, _ = exported("violin", "instrument", ".onnx")
    for n_frames in (250, 15_000):
        given = curves(n_frames, 250)
        noise = white_noise((1, n_frames * 64), None, given["f0_hz"])
        made = run({**given, "white_noise": noise})
        parts = model.synthesise(ToneControls(given["f0_hz"], *(made[name] for name in CONTROLS)), n_frames * 64)
        assert checking.difference_db(made["harmonic"], parts["harmonic"]) < -125
        assert checking.difference_db(made["sound"], parts["sound"]) < -115


@torch.no_grad()
def test_it_is_the_network_that_makes_rounding_grow() -> None:
    """What the page of commands says of long sounds: the library does not agree with itself in another precision."""
    model, double = load_instrument("violin")[0], load_instrument("violin")[0].double()
    paths = sorted((ROOT / "data" / "performances" / "violin").glob("*.flac"))
    heard = [read_recording(path, sample_rate=16_000, frame_rate=250) for path in paths]
    f0, loudness = (torch.cat([getattr(h, name) for h in heard])[:5000] for name in ("f0_hz", "loudness_db"))
    one, other = model.controls(f0, loudness), double.controls(f0.double(), loudness.double())
    for first, last, low, high in ((0, 250, -200, -100), (1000, 5000, -60, 0)):
        error = checking.difference_db(one.distribution[first:last], other.distribution[first:last])
        assert low < error < high, (first, last, error)


@pytest.mark.parametrize("part", ["noise", "reverb", "loudness"])
@torch.no_grad()
def test_an_instrument_without_a_part_has_no_port_for_it(part: str) -> None:
    model = small(1, **{f"use_{part}": False})
    inputs, outputs = ([port.name for port in some] for some in ports(model.config, "instrument"))
    assert ("white_noise" in inputs) == ("noise" in outputs) == ("noise_magnitudes" in outputs) == (part != "noise")
    assert ("room" in outputs) == (part != "reverb")
    given = curves(30, 500)
    noise = [white_noise((1, 480), None, given["f0_hz"])] * (part != "noise")
    made = dict(zip(outputs, InstrumentProgram(model)(*given.values(), *noise), strict=True))
    torch.testing.assert_close(made["sound"], model(**given), atol=2e-6, rtol=0)


@onnx_only
@pytest.mark.parametrize("part", ["noise", "reverb", "loudness"])
def test_onnx_of_an_instrument_without_a_part(tmp_path: Path, part: str) -> None:
    result = exporting.export_instrument(small(1, **{f"use_{part}": False}), {}, tmp_path / "x.onnx")
    assert result is not None and result.worst_db < -100


def test_the_facts_that_travel_in_the_file() -> None:
    model, facts = load_instrument("violin")
    told = describe_file(model.config, facts, "decoder")
    assert (told["sample_rate"], told["hop"], told["instrument"]) == ("16000", "64", "violin")
    assert "Hz" in told["inputs"] and json.loads(told["statistics"]) == facts["statistics"]
    assert "CC0" in told["licence"] and "MIT" in told["licence"]
    stranger = describe_file(model.config, {**facts, "command": "another"}, "decoder")
    assert stranger["licence"] == "the instrument's file does not say"
    assert describe_file(model.config, {**facts, "licence": "mine"}, "decoder")["licence"] == "mine"


@onnx_only
def test_the_onnx_file_explains_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx

    out = tmp_path / "violin.onnx"
    assert main(["export", "violin", str(out), "--part", "decoder"]) == 0
    assert list(tmp_path.iterdir()) == [out]
    said = re.search(
        r"violin, decoder, 0\.7 MB; error of the controls (-\d+) dB \(at most -80 dB\);", capsys.readouterr().out
    )
    assert said and float(said[1]) < -95
    model = onnx.load(out)
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert found == describe_file(*load_and_config("violin"), "decoder")
    assert {i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input} == {
        "f0_hz": ["batch", "n_frames"],
        "loudness_db": ["batch", "n_frames"],
        "state": [1, "batch", 128],
    }
    assert "Hz" in model.graph.input[0].doc_string and [n.op_type for n in model.graph.node].count("GRU") == 1


def load_and_config(name: str) -> tuple[TransferConfig, dict[str, Any]]:
    model, facts = load_instrument(name)
    return model.config, facts


def test_the_pt2_file_runs_where_this_library_is_not(exported: Any, tmp_path: Path) -> None:
    model, _, out = exported("small", "instrument", ".pt2")
    checked = checking.check_file(out, model, "instrument", {})
    assert checked.worst_db < -100 and checked.sound_db is not None
    script = f"""
import json, sys, torch
found = {{"facts.json": ""}}
program = torch.export.load({str(out)!r}, extra_files=found).module()
facts = json.loads(found["facts.json"])
names = [port["name"] for port in json.loads(facts["outputs"])]
frames = torch.full((1, 50), 300.0)
made = dict(zip(names, program(frames, frames * 0 - 20, torch.randn(1, 50 * int(facts["hop"])))))
assert made["sound"].shape == (1, 800) and float(made["sound"].abs().max()) > 1e-3
assert not any(name.startswith("course_lib") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env={"PATH": "", "OMP_NUM_THREADS": "1"})


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["export", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("python -m course_lib export: ")
    return err


def test_bad_input_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new.pt2"
    assert "must end in .onnx or .pt2" in refused(capsys, "violin", tmp_path / "new.txt")
    assert "no folder" in refused(capsys, "violin", tmp_path / "none" / "new.pt2")
    assert "no checkpoint" in refused(capsys, tmp_path / "none.safetensors", new)
    assert "choose one of trumpet, violin" in refused(capsys, "kazoo", new)
    other = ROOT / "data" / "midi_ddsp" / "pitch.safetensors"
    assert "is not a tone-transfer checkpoint" in refused(capsys, other, new)
    there = tmp_path / "there.pt2"
    there.write_bytes(b"mine")
    assert "is there already" in refused(capsys, "violin", there) and there.read_bytes() == b"mine"
    save_instrument(tmp_path / "z.safetensors", ToneTransfer(TransferConfig(n_z=4)), {})
    assert "encoding z" in refused(capsys, tmp_path / "z.safetensors", new)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert 'pip install "ddsp-course[export]"' in refused(capsys, "violin", tmp_path / "new.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.pt2", "z.safetensors"]


@onnx_only
def test_without_onnxruntime_it_says_that_nothing_was_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    assert main(["export", "violin", str(tmp_path / "a.onnx"), "--part", "decoder"]) == 0
    out, err = capsys.readouterr()
    assert "error" not in out and "not checked" in err and "ddsp-course[export]" in err
    assert main(["export", "violin", str(tmp_path / "b.onnx"), "--part", "decoder", "--no-check"]) == 0
    assert capsys.readouterr().err == ""


@onnx_only
def test_a_file_that_differs_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from course_lib.tone_transfer.exporting import onnx_file

    monkeypatch.setattr(onnx_file, "NOISE_BIAS", -4.99)
    assert "differ from the library by" in refused(capsys, "violin", tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


def test_another_pytorch_that_cannot_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such operator\nand more")

    monkeypatch.setattr(torch.export, "export", fail)
    assert "(no such operator); install a newer one, or write .onnx" in refused(capsys, "violin", tmp_path / "x.pt2")
    assert list(tmp_path.iterdir()) == []


@onnx_only
def test_the_pages_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "book" / "reference" / "commands.md").read_text(encoding="utf-8")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "onnxruntime" in code]
    assert "course_lib" not in example and len(example.splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    assert main(["export", "violin", "violin.onnx", "--no-check"]) == 0
    names: dict[str, Any] = {}
    exec(compile(example, "commands.md", "exec"), names)
    assert names["sound"].shape == (1, 32_000) and 0.02 < abs(names["sound"]).max() < 1
