"""Tone transfer of recordings: no seams, matched to the instrument, and a command that refuses what it cannot do."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from course_lib import hz_to_midi, load_clip, loudness_db
from course_lib.__main__ import main
from course_lib.analysis.recordings import Recording
from course_lib.sounds.files import FlatTops, read_sound, write_sound
from course_lib.tone_transfer import (
    CheckpointError,
    ToneControls,
    ToneTransfer,
    TransferConfig,
    save_instrument,
    transfer,
)
from course_lib.tone_transfer.checkpoint import instrument_names
from course_lib.tone_transfer.data import instrument_statistics, sounding_frames
from course_lib.tone_transfer.listening import HeardCurves, _all_within, _any_within, listen_to, stretches
from course_lib.tone_transfer.render import decode, render
from tests.helpers import ROOT

RATE = 16_000
STATISTICS = {
    "median_midi": 76.0,
    "midi_range": [64.0, 90.0],
    "loudness_db": {"10": -40.0, "50": -25.0, "90": -15.0, "99": -10.0},
    "noise_floor_db": -80.0,
}


def small(**changes: object) -> ToneTransfer:
    torch.manual_seed(0)
    config = {"n_harmonics": 12, "n_bands": 17, "width": 8, "hidden": 16, "reverb_taps": 3000, **changes}
    return ToneTransfer(TransferConfig(**config)).eval()


def note(f0_hz: float, seconds: float, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    """A steady note of six harmonics with soft ends."""
    t = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, 7) if k * f0_hz < rate / 2)
    ends = np.minimum(1.0, np.minimum(t, seconds - t) / 0.02).clip(0.0)
    return (level * tone * ends / 1.5).astype(np.float32)


def melody(rate: int = RATE, level: float = 0.3) -> np.ndarray:
    """Three notes around A3 with rests between them."""
    rest = np.zeros(round(0.15 * rate), np.float32)
    return np.concatenate([note(220.0, 0.5, rate, level), rest, note(247.0, 0.4, rate, level / 3), rest,
                           note(196.0, 0.5, rate, level / 10), rest])  # fmt: skip


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
def test_gaps_close_and_notes_open_as_in_morphology(width: int) -> None:
    from scipy.ndimage import binary_closing, binary_dilation, binary_erosion, binary_opening

    window = np.ones(width, bool)
    for seed in range(20):
        x = np.random.default_rng(seed).random(40) < 0.5
        assert np.array_equal(_any_within(x, width), binary_dilation(x, window))
        assert np.array_equal(_all_within(x, width), binary_erosion(x, window))
        assert np.array_equal(_all_within(_any_within(x, width), width), binary_closing(x, window))
        assert np.array_equal(_any_within(_all_within(x, width), width), binary_opening(x, window))


@pytest.fixture(scope="module")
def instrument(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("instrument") / "small.safetensors"
    save_instrument(path, small(), {"instrument": "small", "statistics": STATISTICS})
    return path


@pytest.fixture
def song(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "song.wav", melody(), RATE, subtype="FLOAT")
    return tmp_path / "song.wav"


def curves(n_frames: int) -> HeardCurves:
    """A gliding, swelling one with a rest."""
    t = torch.arange(n_frames) / n_frames
    gate = ((t < 0.4) | (t > 0.5)).float()
    return HeardCurves(220.0 * 2.0 ** (2.0 * t), torch.ones(n_frames), -50.0 + 30.0 * torch.sin(9 * t), gate)


# Stretches.


@pytest.mark.parametrize("stretch_s", [0.004, 0.1, 0.37, 8.0])
@pytest.mark.parametrize("changes", [{}, {"n_bands": 65}, {"use_noise": False}, {"use_reverb": False}])
@torch.no_grad()
def test_stretches_leave_no_seam(stretch_s: float, changes: dict[str, object]) -> None:
    model, played = small(**changes), curves(300)
    model.decoder.raw.bias += 2.0  # loud, noise too
    if model.reverb is not None:
        model.reverb.impulse_response *= 30.0
    controls = decode(model, played, stretch_s)
    whole, _ = model.controls_and_state(played.f0_hz, played.loudness_db)
    torch.testing.assert_close(controls.amplitude, whole.amplitude * played.gate, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(controls.distribution, whole.distribution, atol=1e-6, rtol=1e-5)
    one_piece = model.synthesise(controls, 300 * 64, torch.Generator().manual_seed(3))
    parts = render(model, controls, torch.Generator().manual_seed(3), stretch_s=stretch_s)
    assert float(one_piece["harmonic"].abs().max()) > 0.1
    for name, part in parts.items():
        torch.testing.assert_close(part, one_piece[name], atol=2e-6, rtol=0.0)


@torch.no_grad()
def test_the_phase_is_carried_over_rests_and_for_minutes() -> None:
    model, n = small(use_noise=False, use_reverb=False), 250 * 180
    f0 = torch.full((n,), 997.3)
    f0[5000:6000] = 0.0  # rests at 0 Hz hold the phase
    controls = ToneControls(f0, torch.full((n,), 0.5), torch.ones(n, 1), torch.zeros(n, 17))
    parts = render(model, controls)
    whole = model.synthesise(controls, n * 64)
    torch.testing.assert_close(parts["harmonic"], whole["harmonic"], atol=1e-5, rtol=0.0)


def test_stretches_cover_everything_once() -> None:
    for n, length, margin in [(1, 5, 2), (10, 5, 3), (11, 5, 100), (10, 1, 0)]:
        owned = [
            i for own, _ in stretches(n_frames=n, length=length, margin=margin) for i in range(own.start, own.stop)
        ]
        assert owned == list(range(n))
        for own, wide in stretches(n_frames=n, length=length, margin=margin):
            assert wide.start == max(0, own.start - margin) and wide.stop == min(n, own.stop + margin)


# Listening and moving.


def test_finds_notes_and_rests() -> None:
    heard, remarks = listen_to(torch.from_numpy(melody()), sample_rate=RATE, frame_rate=250)
    assert not remarks
    t = torch.arange(len(heard.gate)) / 250
    inside = ((t > 0.06) & (t < 0.44)) | ((t > 0.71) & (t < 0.99)) | ((t > 1.26) & (t < 1.64))
    outside = ((t > 0.56) & (t < 0.6)) | ((t > 1.11) & (t < 1.15)) | (t > 1.76)
    assert bool((heard.gate[inside] > 0.99).all()) and bool((heard.gate[outside] < 0.01).all())
    wanted = torch.where(t < 0.6, 220.0, torch.where(t < 1.15, 247.0, 196.0))
    assert float((1200 * torch.log2(heard.f0_hz / wanted)).abs()[inside].max()) < 15
    assert bool((heard.f0_hz > 0).all())
    assert not bool(heard.gate.diff().abs().max() > 0.5)  # it fades


def test_measures_the_loudness_of_the_whole_however_soft() -> None:
    sound = torch.from_numpy(np.tile(melody(), 6))  # more than one stretch
    heard, _ = listen_to(sound * 1e-2, sample_rate=RATE, frame_rate=250)
    n = len(heard.loudness_db)
    whole = loudness_db(torch.nn.functional.pad(sound * 1e-2, (0, n * 64 - len(sound))), RATE, floor_db=-160.0)
    loud = heard.sounding
    torch.testing.assert_close(heard.loudness_db[loud], whole[loud], atol=1e-3, rtol=0.0)
    assert float(heard.loudness_db[loud].median()) < -55


def test_moves_pitch_and_loudness_to_the_instrument(instrument: Path) -> None:
    result = transfer(melody(), RATE, instrument, progress=False)
    assert result.octave == 2  # from A3 towards E5
    sounds = result.heard.sounding
    midi = hz_to_midi(result.played.f0_hz[sounds]) - hz_to_midi(result.heard.f0_hz[sounds])
    torch.testing.assert_close(midi, torch.full_like(midi, 24.0), atol=1e-3, rtol=0.0)
    core = result.heard.gate == 1
    assert abs(float(result.played.loudness_db[core].median()) - STATISTICS["loudness_db"]["50"]) < 1.5
    line = result.loudness_scale * result.heard.loudness_db[core] + result.loudness_shift_db
    torch.testing.assert_close(result.played.loudness_db[core], line.clamp(-80.0, -10.0), atol=1e-3, rtol=0.0)
    assert bool((result.played.loudness_db[result.heard.gate == 0] == -80.0).all())


def test_what_is_asked_for_comes_instead_of_the_match(instrument: Path) -> None:
    plain = transfer(melody(), RATE, instrument, match=False, progress=False)
    assert (plain.octave, plain.loudness_scale, plain.loudness_shift_db) == (0, 1.0, 0.0)
    assert any("outside the range" in remark for remark in plain.remarks)
    up = transfer(melody(), RATE, instrument, octave=-1, match=False, loudness_shift_db=6.0, progress=False)
    assert (up.octave, up.loudness_shift_db) == (-1, 6.0)
    core = up.heard.gate == 1
    torch.testing.assert_close(up.played.loudness_db[core], plain.played.loudness_db[core] + 6.0, atol=1e-3, rtol=0.0)
    torch.testing.assert_close(up.played.f0_hz * 2, plain.played.f0_hz)
    matched, louder = (
        transfer(melody(), RATE, instrument, loudness_shift_db=shift, progress=False) for shift in (0.0, 12.0)
    )
    difference = louder.played.loudness_db[core] - matched.played.loudness_db[core]
    torch.testing.assert_close(difference, torch.full_like(difference, 12.0), atol=1e-3, rtol=0.0)


def test_the_result_holds_together(instrument: Path) -> None:
    sound = melody()[:-37]  # not whole frames
    result = transfer(sound, RATE, instrument, progress=False)
    assert result.audio.shape == (len(sound),) and result.sample_rate == RATE
    torch.testing.assert_close(sum(result.parts.values()), result.audio)
    assert result.times_s.shape == result.heard.f0_hz.shape == result.controls.amplitude.shape
    assert float(result.times_s[1]) == pytest.approx(0.004)
    again = transfer(sound, RATE, instrument, progress=False)
    other = transfer(sound, RATE, instrument, seed=1, progress=False)
    assert torch.equal(again.audio, result.audio) and torch.equal(other.parts["harmonic"], result.parts["harmonic"])
    assert not torch.equal(other.parts["noise"], result.parts["noise"])


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
def test_any_sample_rate(instrument: Path, rate: int) -> None:
    result = transfer(melody(rate), rate, instrument, progress=False)
    assert abs(len(result.audio) - len(melody())) <= 1
    assert abs(float(hz_to_midi(result.heard.f0_hz[result.heard.sounding]).median()) - 57) < 0.2


@pytest.mark.parametrize(
    "audio, words",
    [
        (np.zeros(RATE, np.float32), "silent"),
        (np.full(RATE, 1e-6, np.float32), "silent"),
        (note(220.0, 0.09), "too short"),
        (np.zeros((2, RATE), np.float32) + melody()[:RATE], "one channel"),
        (np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32), "no pitch"),
        (np.where(np.arange(RATE) == 99, np.nan, 0.1).astype(np.float32), "finite"),
        (np.zeros(601 * RATE, np.float32), "10:00"),
    ],
)
def test_refuses_in_words(instrument: Path, audio: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        transfer(audio, RATE, instrument, progress=False)


@pytest.mark.parametrize("changes", [{"octave": 1.5}, {"octave": 40}, {"loudness_shift_db": math.nan}])
def test_refuses_senseless_options(instrument: Path, changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        transfer(melody(), RATE, instrument, progress=False, **changes)


def test_an_instrument_without_statistics_says_so() -> None:
    result = transfer(melody(), RATE, (small(), {}), progress=False)
    assert result.octave == 0 and any("statistics" in remark for remark in result.remarks)


@pytest.mark.parametrize("changes", [{"median_midi": math.nan}, {"midi_range": 3}, {"loudness_db": {"50": 1.0}}])
def test_senseless_statistics_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="statistics"):
        transfer(melody(), RATE, (small(), {"statistics": {**STATISTICS, **changes}}), progress=False)
    with pytest.raises(CheckpointError, match="statistics"):
        transfer(melody(), RATE, (small(), {"statistics": "loud"}), progress=False)


def test_a_model_with_an_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="encoding z"):
        transfer(melody(), RATE, (small(n_z=4), {}), progress=False)


def test_sings_along_with_a_real_voice(instrument: Path) -> None:
    voice, rate = load_clip("voice")
    result = transfer(voice, rate, instrument, progress=False)
    assert float(result.heard.sounding.float().mean()) > 0.5
    assert bool(torch.isfinite(result.audio).all())


def test_statistics_of_an_instrument() -> None:
    loudness = torch.cat([torch.full((500,), -80.0), torch.linspace(-40.0, -20.0, 1001)])
    f0 = torch.cat([torch.full((500,), 50.0), torch.full((1001,), 440.0)])
    s = instrument_statistics([Recording("a", torch.zeros(64 * 1501), f0, loudness)])
    assert s["median_midi"] == 69.0 and s["midi_range"] == [69.0, 69.0] and s["noise_floor_db"] == -80.0
    assert s["loudness_db"]["50"] == pytest.approx(-30.0, abs=0.1)
    assert s["loudness_db"]["10"] == pytest.approx(-38.0, abs=0.1)
    with pytest.raises(ValueError, match="silent"):
        instrument_statistics([Recording("a", torch.zeros(64), f0[:1], loudness[:1])])
    with pytest.raises(ValueError, match="at least one"):
        instrument_statistics([])
    assert not bool(sounding_frames(torch.full((9,), -80.0)).any())


# Files.


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_reads_what_it_wrote(tmp_path: Path, suffix: str, rate: int) -> None:
    sound = np.tile(melody(rate), 3)
    write_sound(tmp_path / f"a{suffix}", sound, rate)
    back = read_sound(tmp_path / f"a{suffix}", sample_rate=RATE, longest_s=600.0)
    wanted = np.tile(melody(), 3)
    assert abs(len(back.audio) - len(wanted)) <= 1 and back.file_rate == rate and back.channels == 1
    n = min(len(back.audio), len(wanted))
    assert np.abs(back.audio[:n] - wanted[:n]).max() < (0.03 if suffix == ".ogg" else 0.01)
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


def test_channels_are_averaged_unless_they_cancel(tmp_path: Path) -> None:
    x = melody()
    for name, stereo, wanted in [
        ("both", np.stack([x, 0.5 * x], 1), 0.75 * x),
        ("against", np.stack([x, -x], 1), x),
        ("six", np.stack([x] * 6, 1), x),
    ]:
        soundfile.write(tmp_path / f"{name}.wav", stereo, RATE, subtype="FLOAT")
        np.testing.assert_allclose(
            read_sound(tmp_path / f"{name}.wav", sample_rate=RATE, longest_s=600.0).audio, wanted, atol=1e-6
        )


def test_counts_flat_tops() -> None:
    x = np.tile(melody(level=0.9), 3)
    for signal, clipped in [(x, False), (np.clip(3 * x, -1, 1), True), (0.4 * np.clip(3 * x, -1, 1), True)]:
        tops = FlatTops()
        for i in range(0, len(signal), 5000):
            tops.add(np.round(signal[i : i + 5000] * 32767) / 32768)
        assert (tops.count >= 5) == clipped
    nothing = FlatTops()
    nothing.add(np.zeros(100))
    nothing.add(np.ones(1))
    assert nothing.count == 0


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    write_sound(path, melody(), RATE)
    old = path.read_bytes()
    with pytest.raises(ValueError, match="beyond ±1"):
        write_sound(path, 9 * melody(), RATE)
    with pytest.raises(ValueError, match="beyond ±1"):
        write_sound(path, np.full(9, np.nan), RATE)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        write_sound(path, 0.5 * melody(), RATE)
    assert path.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == ["a.wav"]


# The command.


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_transfers(
    instrument: Path, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.wav"
    code, said, err = run(capsys, "transfer", song, out, "--instrument", instrument)
    assert (code, err) == (0, "") and said.count("\n") == 1 and "+2 octaves" in said
    sound, rate = soundfile.read(out)
    assert rate == RATE and len(sound) == len(melody())
    np.testing.assert_allclose(sound, transfer(melody(), RATE, instrument, progress=False).audio, atol=1e-4)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_any_kind_of_file_in_and_out(
    suffix: str, instrument: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    soundfile.write(source, np.stack([melody(44_100)] * 2, 1), 44_100)
    options = ("--octave", "+1", "--loudness-shift", "-6", "--seed", 3, "--sample-rate", 48_000, "--parts")
    code, said, err = run(capsys, "transfer", source, out, "--instrument", instrument, *options, tmp_path / "parts")
    assert (code, err) == (0, "") and "+1 octave)" in said
    sound, rate = soundfile.read(out)
    assert rate == 48_000 and abs(len(sound) - 3 * len(melody())) <= 3
    parts = [soundfile.read(tmp_path / "parts" / f"{name}{suffix}")[0] for name in ("harmonic", "noise", "room")]
    assert np.abs(sum(parts) - sound).max() < (0.06 if suffix == ".ogg" else 0.001)


def test_too_loud_is_turned_down_and_said(song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = small()
    with torch.no_grad():
        model.decoder.raw.bias += 5.0
    save_instrument(tmp_path / "loud.safetensors", model, {"statistics": STATISTICS})
    code, _, err = run(capsys, "transfer", song, tmp_path / "o.wav", "--instrument", tmp_path / "loud.safetensors")
    assert code == 0 and "turned down" in err and err.count("\n") == 1
    assert 0.99 < np.abs(soundfile.read(tmp_path / "o.wav")[0]).max() < 1.0


def test_clipped_input_is_played_with_a_warning(
    instrument: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "clipped.wav", np.clip(9 * melody(), -1, 1), RATE)
    code, _, err = run(capsys, "transfer", tmp_path / "clipped.wav", tmp_path / "o.wav", "--instrument", instrument)
    assert code == 0 and "clipped" in err and err.count("\n") == 1 and (tmp_path / "o.wav").is_file()


def test_a_chord_is_said_to_be_one(instrument: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chord = sum(note(f, 1.5, level=0.15) for f in (220.0, 277.2, 329.6))
    soundfile.write(tmp_path / "chord.wav", chord, RATE)
    code, _, err = run(capsys, "transfer", tmp_path / "chord.wav", tmp_path / "o.wav", "--instrument", instrument)
    assert code in (0, 2) and "several notes" in err
    assert (tmp_path / "o.wav").exists() == (code == 0)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100])
def test_the_shortest_sound_there_may_be(
    rate: int, instrument: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.wav", note(330.0, 0.1, rate), rate)
    code, _, err = run(capsys, "transfer", tmp_path / "a.wav", tmp_path / "o.wav", "--instrument", instrument)
    assert (code, err) == (0, "")


def bad_inputs(folder: Path) -> dict[str, tuple[Path, str]]:
    good = melody()
    cases: dict[str, tuple[Path, str]] = {"missing": (folder / "nowhere.wav", "no file"), "folder": (folder, "folder")}
    (folder / "text.wav").write_text("not a sound")
    cases["text"] = (folder / "text.wav", "not a sound file")
    (folder / "empty.wav").write_bytes(b"")
    cases["empty"] = (folder / "empty.wav", "not a sound file")
    for name, samples, rate, words in [
        ("header", good[:0], RATE, "no samples"),
        ("silence", 0 * good, RATE, "silent"),
        ("short", good[:1500], RATE, "too short"),
        ("nan", np.where(np.arange(len(good)) == 800, np.nan, good), RATE, "0.050 s"),
        ("noise", np.random.default_rng(0).uniform(-0.3, 0.3, RATE), RATE, "no pitch"),
        ("long", np.zeros(601 * 400), 400, "10:00"),
    ]:
        soundfile.write(folder / f"{name}.wav", samples, rate, subtype="FLOAT")
        cases[name] = (folder / f"{name}.wav", words)
    (folder / "bare.raw").write_bytes(bytes(9999))
    cases["raw"] = (folder / "bare.raw", "not a sound file")
    (folder / "cut.flac").write_bytes(b"fLaC" + bytes(20))
    cases["cut"] = (folder / "cut.flac", "not a sound file")
    return cases


def test_bad_input_is_one_line_and_overwrites_nothing(
    instrument: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "kept.wav"
    out.parent.mkdir()
    soundfile.write(out, melody(), RATE)
    old = out.read_bytes()
    for name, (path, words) in bad_inputs(tmp_path).items():
        code, said, err = run(capsys, "transfer", path, out, "--instrument", instrument)
        assert (code, said) == (2, ""), name
        assert err.count("\n") == 1 and words in err and "Traceback" not in err, (name, err)
    assert out.read_bytes() == old and [p.name for p in out.parent.iterdir()] == ["kept.wav"]


def test_bad_output_or_instrument_is_one_line(
    instrument: Path, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.safetensors").write_text("x" * 100)
    (tmp_path / "file").write_text("")
    before = song.read_bytes()
    for out, extra, words in [
        (song, (), "the recording itself"),
        (tmp_path / "." / "song.wav", (), "the recording itself"),
        (tmp_path / "o.mp3", (), "must end in"),
        (tmp_path / "noise.wav", ("--parts", tmp_path), "different names"),
        (tmp_path / "nowhere" / "o.wav", (), "no folder"),
        (tmp_path / "o.wav", ("--sample-rate", 10), "--sample-rate"),
        (tmp_path / "o.wav", ("--octave", 99), "octave"),
        (tmp_path / "o.wav", ("--parts", tmp_path / "file"), "folder"),
        (tmp_path / "o.wav", ("--instrument", tmp_path / "text.safetensors"), "no safetensors checkpoint"),
        (tmp_path / "o.wav", ("--instrument", tmp_path / "gone.safetensors"), "no checkpoint"),
    ]:
        code, _, err = run(capsys, "transfer", song, out, "--instrument", instrument, *extra)
        assert code == 2 and err.count("\n") == 1 and words in err, (words, err)
    assert song.read_bytes() == before and not (tmp_path / "o.wav").exists()


def test_an_unknown_instrument_names_those_there_are(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "transfer", song, tmp_path / "o.wav", "--instrument", "kazoo")
    assert code == 2 and err.count("\n") == 1 and "kazoo" in err
    assert all(name in err for name in instrument_names())


def test_in_a_shell(instrument: Path, song: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "course_lib", "transfer", str(song)]
    done = subprocess.run(
        [*command, str(tmp_path / "o.flac"), "--instrument", str(instrument)],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "o.flac").frames == len(melody())
    for arguments in (["transfer", str(song)], ["sing"], ["train", "x", "--out", "y", "--seed", "-1"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
