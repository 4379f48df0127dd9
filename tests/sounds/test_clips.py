"""Clips are what clips.json says, and files that cannot be used are refused with the mend."""

import hashlib
import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile
import torch

import course_lib as cl
from course_lib.sounds.clips import clip_info, data_path
from tests.helpers import ROOT

SR = 16_000
TOOL = ROOT / "tools" / "make_clips.py"


@pytest.fixture(scope="module")
def make_clips():
    spec = importlib.util.spec_from_file_location("make_clips", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", cl.clip_names())
def test_a_clip_is_what_its_entry_says(name, capsys):
    audio, rate = cl.load_clip(name)
    info = clip_info(name)
    assert rate == SR and audio.ndim == 1 and audio.dtype == torch.float32
    assert 0.5 < len(audio) / rate < 5 and 0.5 < float(audio.abs().max()) < 1
    assert hashlib.sha256(data_path(info["file"]).read_bytes()).hexdigest() == info["sha256"]
    assert capsys.readouterr().out == f"{info['title']}. {info['authors']}, {info['licence']}\n"
    assert abs(float(audio[0])) < 0.01 and abs(float(audio[-1])) < 0.01  # no click at the edges


def test_the_clips_are_small_and_each_has_its_row():
    files = [data_path(clip_info(name)["file"]) for name in cl.clip_names()]
    assert sum(f.stat().st_size for f in files) < 6_000_000
    readme = data_path("README.md").read_text(encoding="utf-8")
    assert all(f"`{f.name}`" in readme for f in files)


@pytest.mark.parametrize("name", cl.clip_names())
def test_the_pitch_range_is_what_estimate_f0_hears(name):
    f0, voiced = cl.estimate_f0(*cl.load_clip(name), hop_s=0.01)
    low, high = np.percentile(f0[voiced].numpy(), [2, 98])
    assert clip_info(name)["f0_hz"] == [pytest.approx(low, rel=0.02), pytest.approx(high, rel=0.02)]


@pytest.mark.parametrize("name", cl.clip_names())
def test_an_entry_is_the_recipe_and_gives_credit(name, make_clips):
    info = clip_info(name)
    assert info == make_clips.row(name, data_path(info["file"]).read_bytes())
    assert info["licence"].split()[0] in info["credit"]
    assert all(author in info["credit"] for author in info["authors"].split(", ")) or "CC BY" not in info["licence"]


def test_remaking_tells_the_same_from_the_near_and_the_different(tmp_path, make_clips):
    path, sound = tmp_path / "a.wav", np.sin(np.arange(400) / 9) / 2
    assert "no such file" in make_clips.compare(path, sound)
    path.write_bytes(make_clips.wav(sound))
    assert make_clips.compare(path, sound) is None
    assert "within tolerance" in make_clips.compare(path, sound + 2e-4)
    assert make_clips.compare(path, sound + 0.01).startswith("differs")
    assert make_clips.compare(path, sound[1:]).startswith("differs: 400 samples")


def test_remaking_stops_with_the_mend(tmp_path, make_clips, monkeypatch, capsys):
    def refused(call, *arguments):
        with pytest.raises(SystemExit) as stopped:
            call(*arguments)
        assert stopped.value.code == 2
        return capsys.readouterr().err

    assert "empty that folder" in refused(make_clips.make, "voice", tmp_path)
    failing = SimpleNamespace(returncode=1, stderr="no network")
    monkeypatch.setattr(make_clips.subprocess, "run", lambda *_, **__: failing)
    assert "failed (no network); check the network" in refused(make_clips.fetch, tmp_path)
    monkeypatch.setattr(make_clips.shutil, "which", lambda _: None)
    assert "is missing: install Node.js" in refused(make_clips.fetch, tmp_path)
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    assert "apt install libfluidsynth3" in refused(make_clips.sampled_note, tmp_path, 40, 69, 1.0, 2.0)
    assert not list(tmp_path.iterdir())


def test_the_tool_explains_itself():
    done = subprocess.run([sys.executable, str(TOOL), "--help"], capture_output=True, text=True, check=True)
    assert "--check" in done.stdout and "--packages" in done.stdout


def test_an_unknown_clip_names_the_near_ones():
    with pytest.raises(ValueError, match=r"unknown clip 'violine'; did you mean violin.*There are drum, guitar"):
        cl.load_clip("violine")
    with pytest.raises(ValueError, match="unknown clip"):
        cl.load_clip(["voice"])
    with pytest.raises(FileNotFoundError, match=r"data/nothing\.wav"):
        data_path("nothing.wav")


@pytest.mark.parametrize("rate", [8000, 11025, 44100.5])
def test_resamples_as_librosa_does(tmp_path, rate):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 1601)
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="DOUBLE")
    want = librosa.resample(samples, orig_sr=16000, target_sr=rate)
    assert np.array_equal(cl.load_audio(tmp_path / "a.wav", rate)[0].numpy(), want.astype(np.float32))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_reads_and_resamples_common_files(tmp_path, suffix):
    path = tmp_path / f"tone.{suffix}"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    soundfile.write(path, tone, 44_100)
    audio, rate = cl.load_audio(path, sample_rate=SR)
    assert rate == SR and abs(len(audio) - SR) < 100
    spectrum = np.abs(np.fft.rfft(audio[:SR].numpy()))
    assert abs(spectrum.argmax() * SR / min(len(audio), SR) - 440) < 2
    own, own_rate = cl.load_audio(path)
    assert own_rate == 44_100 and abs(len(own) - 44_100) < 2500


def test_stereo_is_refused_or_averaged(tmp_path):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.tile([0.5, -0.25], (100, 1)), SR)
    with pytest.raises(ValueError, match="2 channels; pass mono=True"):
        cl.load_audio(path)
    torch.testing.assert_close(cl.load_audio(path, mono=True)[0], torch.full((100,), 0.125), atol=1e-4, rtol=0)


def test_8_bit_is_refused_or_taken_knowingly(tmp_path):
    path = tmp_path / "old.wav"
    soundfile.write(path, np.zeros(100) + 0.5, SR, subtype="PCM_U8")
    with pytest.raises(ValueError, match="8-bit samples"):
        cl.load_audio(path)
    assert cl.load_audio(path, allow_8_bit=True)[0].shape == (100,)


def test_other_files_that_cannot_be_used(tmp_path):
    broken, empty, nan = tmp_path / "broken.wav", tmp_path / "empty.wav", tmp_path / "nan.wav"
    broken.write_bytes(b"RIFF no wave at all")
    soundfile.write(empty, np.zeros(0), SR)
    soundfile.write(nan, np.array([0.0, np.nan]), SR, subtype="FLOAT")
    for path, message in ((broken, "convert it to WAV"), (empty, "holds no samples"), (nan, "must be finite")):
        with pytest.raises(ValueError, match=message):
            cl.load_audio(path)
    with pytest.raises(FileNotFoundError, match="no file"):
        cl.load_audio(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file"):
        cl.load_audio("missing.wav")
    good = tmp_path / "good.wav"
    soundfile.write(good, np.ones(10) / 2, SR)
    with pytest.raises(ValueError, match="sample_rate must be positive"):
        cl.load_audio(good, sample_rate=0)
