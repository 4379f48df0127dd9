"""URMP's layout on a piece of our own making: what is read, and every way a file may be missing or broken."""

import numpy as np
import pytest
import soundfile
import torch

import course_lib as cl
from course_lib.midi_ddsp.urmp import INSTRUMENTS, load_urmp
from course_lib.scores import note_frames

SECONDS, FILE_RATE = 1.5, 48_000
NOTES = [(0.1, 440.0, 0.5), (0.7, 493.88, 0.6)]
VIBRATO_HZ, CENTS = 5.0, 30.0
STEMS = ("1_vn_01_Jupiter", "2_vc_01_Jupiter")


def f0_at(times, octave):
    """The truth: a vibrato about each note, nothing between."""
    f0 = np.zeros(len(times))
    for onset, hz, duration in NOTES:
        inside = (times >= onset) & (times < onset + duration)
        f0[inside] = hz / octave * 2 ** (CENTS / 1200 * np.sin(2 * np.pi * VIBRATO_HZ * times[inside]))
    return f0


def write_piece(folder, codes=("vn", "vc"), piece="01_Jupiter"):
    where = folder / f"{piece}_{'_'.join(codes)}"
    where.mkdir(parents=True)
    for number, code in enumerate(codes, 1):
        frames = torch.from_numpy(f0_at(np.arange(375) / 250, number)).float()
        amplitude = 0.3 * (frames > 0).float()
        shares = torch.tensor([0.5, 0.3, 0.2]).expand(len(frames), 3)
        f0 = torch.where(frames > 0, frames, 440.0 / number)
        audio = cl.harmonic_synth(f0, amplitude, shares, n_samples=int(SECONDS * FILE_RATE), sample_rate=FILE_RATE)
        soundfile.write(where / f"AuSep_{number}_{code}_{piece}.wav", audio.numpy(), FILE_RATE)
        lines = [f"{onset}\t{hz / number}\t{duration}" for onset, hz, duration in NOTES]
        (where / f"Notes_{number}_{code}_{piece}.txt").write_text("\n".join(lines) + "\n")
        times = np.arange(150) * 0.01
        marks = [f"{t:.3f}\t{hz:.6f}" for t, hz in zip(times, f0_at(times, number), strict=True)]
        (where / f"F0s_{number}_{code}_{piece}.txt").write_text("\n".join(marks) + "\n")
    return where


@pytest.fixture
def piece(tmp_path):
    return write_piece(tmp_path / "Dataset")


def test_what_is_read(piece, tmp_path):
    for folder in (tmp_path, tmp_path / "Dataset", piece, str(tmp_path)):
        performances = load_urmp(folder)
        assert [p.name for p in performances] == ["01_Jupiter_1_vn", "01_Jupiter_2_vc"]
    violin, cello = performances
    assert (violin.instrument, cello.instrument) == ("violin", "cello") and violin.drawn is None
    assert violin.audio.shape == (24_000,) and violin.audio.dtype == torch.float32
    assert violin.f0_hz.shape == violin.loudness_db.shape == (375,)
    assert [n[:2] for n in violin.notes] == [(0.1, 0.5), (0.7, 0.6)]
    assert [n.pitch for n in violin.notes] == pytest.approx([69.0, 71.0], abs=0.001)
    assert [n.pitch for n in cello.notes] == pytest.approx([57.0, 59.0], abs=0.001)
    frames = note_frames(violin.notes, 375)
    assert ((violin.f0_hz > 0) == (frames.pitch > 0)).float().mean() > 0.98  # but for half a mark at the edges


def test_pitch_between_marks_and_where_nothing_sounds(piece):
    violin = load_urmp(piece)[0]
    truth = torch.from_numpy(f0_at(np.arange(375) / 250, 1)).float()
    both = (truth > 0) & (violin.f0_hz > 0)
    assert cl.cents(violin.f0_hz[both], truth[both]).abs().max() < 6  # linear between marks; 6.2 a mark at the steepest
    assert cl.cents(violin.f0_hz[both], truth[both]).abs().median() < 0.5
    assert ((truth > 0) != (violin.f0_hz > 0)).sum() <= 8 and violin.f0_hz[160:170].eq(0).all()


def test_sound_at_16_khz_is_the_sound(piece):
    violin = load_urmp(piece)[0]
    track = cl.track_f0(violin.audio, 16_000).f0_hz
    inside = slice(40, 140)
    assert cl.cents(track[inside], violin.f0_hz[inside]).abs().median() < 5
    assert violin.loudness_db[50:140].min() > -30 and violin.loudness_db[:15].max() < -60


@pytest.mark.parametrize(
    ("asked", "found"), [(["vn"], 1), (["Cello"], 1), (["violin", "vc"], 2), (["violin", "tuba"], 1)]
)
def test_instruments(piece, asked, found):
    assert len(load_urmp(piece, asked)) == found


def test_every_code_and_several_pieces(tmp_path):
    codes = list(INSTRUMENTS)
    for i, start in enumerate((0, 7)):
        write_piece(tmp_path, codes[start : start + 7], f"{i + 1:02d}_A_b")
    assert [p.instrument for p in load_urmp(tmp_path)] == list(INSTRUMENTS.values())
    assert [p.name[:6] for p in load_urmp(tmp_path, ["double bass"])] == ["01_A_b"]


def test_frames_of_an_odd_number_of_samples(piece):
    path = piece / f"AuSep_{STEMS[0]}.wav"
    soundfile.write(path, soundfile.read(path)[0][:-1000], FILE_RATE)
    violin = load_urmp(piece)[0]
    assert len(violin.audio) == 64 * len(violin.f0_hz) == 64 * len(violin.loudness_db) == 64 * 369


@pytest.mark.parametrize("kind", ["AuSep_{}.wav", "Notes_{}.txt", "F0s_{}.txt"])
@pytest.mark.parametrize("stem", STEMS)
def test_a_file_missing(piece, kind, stem):
    (piece / kind.format(stem)).unlink()
    with pytest.raises(ValueError, match=f"missing.*{kind.format(stem)}"):
        load_urmp(piece.parent)


def test_a_player_missing(piece):
    for path in piece.glob("*_2_vc_*"):
        path.unlink()
    with pytest.raises(ValueError, match=r"missing.*AuSep_2_vc_01_Jupiter.wav"):
        load_urmp(piece.parent)
    assert len(load_urmp(piece.parent, ["vn"])) == 1  # nobody asked for the other


NOTES_FILE, F0S_FILE = f"Notes_{STEMS[1]}.txt", f"F0s_{STEMS[1]}.txt"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (NOTES_FILE, b"", "is empty"),
        (NOTES_FILE, b"\n \n", "is empty"),
        (NOTES_FILE, b"0.1\t440\t0.5\n0.7\tA4\t0.5\n", "line 2"),
        (NOTES_FILE, b"0.1\t440\n", "line 1"),
        (NOTES_FILE, b"0.1\tnan\t0.5\n", "line 1"),
        (NOTES_FILE, b"0.1\t0\t0.5\n", "marks a note at 0.1 s, 0 Hz"),
        (NOTES_FILE, b"0.1\t440\t0\n", "for 0 s"),
        (NOTES_FILE, b"9.0\t440\t1\n", "recording of 1.50 s"),
        (NOTES_FILE, b"\xff\xfe\x00", "cannot be read as text"),
        (F0S_FILE, b"", "is empty"),
        (F0S_FILE, b"0\t440\n0.01\tx\n", "line 2"),
        (F0S_FILE, b"0\t440\t3\n", "line 1"),
        (F0S_FILE, b"0\t440\n0\t441\n", "times that rise"),
        (F0S_FILE, b"0\t-440\n", "at least 0 Hz"),
        (F0S_FILE, b"0\t0\n0.01\t0\n", "no pitch at all"),
        (f"AuSep_{STEMS[1]}.wav", b"RIFF", "not a sound file"),
    ],
)
def test_a_file_broken(piece, file, content, said):
    (piece / file).write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        load_urmp(piece.parent)
    assert file in str(caught.value) and "\n" not in str(caught.value)


def test_a_recording_too_short(piece):
    path = piece / f"AuSep_{STEMS[0]}.wav"
    soundfile.write(path, np.zeros(100), FILE_RATE)
    with pytest.raises(ValueError, match=f"{path.name} is too short"):
        load_urmp(piece)


@pytest.mark.parametrize("name", ["AuSep_3_kazoo_01_Jupiter.wav", "Notes_3_pn_01_Jupiter.txt"])
def test_an_unknown_instrument(piece, name):
    (piece / name).write_bytes(b"0")
    with pytest.raises(ValueError, match=f"{name}: unknown instrument"):
        load_urmp(piece)


def test_other_folders_names_and_wishes(piece, tmp_path):
    with pytest.raises(ValueError, match="no folder"):
        load_urmp(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no piece of URMP"):
        load_urmp(tmp_path / "empty")
    with pytest.raises(ValueError, match="unknown instrument 'kazoo'"):
        load_urmp(piece, ["kazoo"])
    with pytest.raises(ValueError, match=r"nobody .* plays tuba; it has cello, violin"):
        load_urmp(piece, ["tuba"])
    (piece / "AuSep_first.wav").write_bytes(b"0")
    with pytest.raises(ValueError, match=r"AuSep_first.wav is not named"):
        load_urmp(piece)


def test_f0_of_one_mark(piece):
    (piece / F0S_FILE).write_text("0.2\t220\n")
    f0 = load_urmp(piece)[1].f0_hz
    assert f0[50] == 220 and (f0 > 0).sum() <= 6
