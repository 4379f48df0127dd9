"""URMP, 44 pieces of chamber music recorded one player at a time, as the University of Rochester publishes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.loudness import loudness_db
from course_lib.midi_ddsp.data import Performance
from course_lib.scores.notes import Note, check_notes
from course_lib.sounds.clips import load_audio

INSTRUMENTS = {
    "vn": "violin", "va": "viola", "vc": "cello", "db": "double bass", "fl": "flute", "ob": "oboe", "cl": "clarinet",
    "sax": "saxophone", "bn": "bassoon", "tpt": "trumpet", "hn": "horn", "tbn": "trombone", "tba": "tuba",
}  # fmt: skip
KINDS = {"AuSep": ".wav", "Notes": ".txt", "F0s": ".txt"}
SAMPLE_RATE, FRAME_RATE = 16_000, 250
SHORTEST_S = 0.1
PITCH_HZ = (8.2, 12_543.0)  # MIDI 0 … 127


class _Part(NamedTuple):
    """One player of one piece: folder/KIND_number_code_piece.SUFFIX."""

    folder: Path
    number: int
    code: str
    piece: str

    def path(self, kind: str) -> Path:
        """Where a file of it lies, "AuSep", "Notes" or "F0s"."""
        return self.folder / f"{kind}_{self.number}_{self.code}_{self.piece}{KINDS[kind]}"


def load_urmp(folder: str | Path, instruments: Sequence[str] | None = None) -> list[Performance]:
    """Read URMP in its published layout, every player's recording with the notes and the pitch that people marked.

    NN_Title_vn_vc/ holds AuSep_1_vn_NN_Title.wav, Notes_1_vn_NN_Title.txt (onset s, frequency Hz, duration s) and
    F0s_1_vn_NN_Title.txt (time s, Hz, each 10 ms, 0 where nothing sounds), and so on for each player. The sound is
    resampled to 16 kHz and cut to whole frames. The pitch is interpolated to 250 Hz in log-frequency, a frame being
    unvoiced where the nearest mark is. All of it takes about 0.9 GB of memory: name the instruments you need.

    Args:
        folder: the one that holds the pieces, the one above it (with Dataset/), or one piece.
        instruments: which of them, by name or by code ("violin" or "vn"); all by default.

    Returns:
        One Performance a player, in order of piece and player; named NN_Title_1_vn, `drawn` None. Pitches of notes are
        those marked, not rounded to semitones; velocities mean nothing.

    Raises:
        ValueError: no such folder, no pieces in it, a file missing, empty, or with a line that is not its numbers, an
            unknown instrument, marks that do not fit the recording; names the file.

    Source: Li et al., Creating a Multitrack Classical Music Performance Dataset, 2019.
    Chapter: book/midi_ddsp/inference.ipynb
    """
    wanted = None if instruments is None else {_code(name) for name in instruments}
    parts = _find(Path(folder))
    _check_complete(parts, set(INSTRUMENTS) if wanted is None else wanted)
    chosen = [part for part in parts if wanted is None or part.code in wanted]
    if not chosen:
        played = ", ".join(sorted({INSTRUMENTS[part.code] for part in parts}))
        raise ValueError(f"nobody in {folder} plays {', '.join(instruments or ())}; it has {played}")
    return [_read(part) for part in chosen]


def _code(name: str) -> str:
    codes = {full: code for code, full in INSTRUMENTS.items()} | {code: code for code in INSTRUMENTS}
    known = str(name).lower().replace("_", " ")
    if known not in codes:
        raise ValueError(f"unknown instrument {name!r}; URMP has {', '.join(INSTRUMENTS.values())}")
    return codes[known]


def _find(root: Path) -> list[_Part]:
    """All players of all pieces, in order."""
    if not root.is_dir():
        raise ValueError(f"there is no folder {root}; give the one that URMP was unpacked to")
    levels = ("", "*/", "Dataset/*/")
    parts: set[_Part] = set()
    for path in (path for level in levels for kind in KINDS for path in root.glob(f"{level}{kind}_*")):
        match = re.fullmatch(r"(AuSep|Notes|F0s)_(\d+)_([A-Za-z]+)_(\d+_.+)\.(wav|txt)", path.name)
        if not match or KINDS[match[1]] != path.suffix:
            raise ValueError(f"{path} is not named as URMP names its files, such as AuSep_1_vn_01_Jupiter.wav")
        if match[3] not in INSTRUMENTS:
            raise ValueError(f"{path}: unknown instrument {match[3]!r}; URMP has {', '.join(INSTRUMENTS)}")
        parts.add(_Part(path.parent, int(match[2]), match[3], match[4]))
    if not parts:
        raise ValueError(f"{root} holds no piece of URMP: no folder in it has a file such as AuSep_1_vn_01_Jupiter.wav")
    return sorted(parts, key=lambda part: (part.piece, part.number, part.code))


def _check_complete(parts: list[_Part], wanted: set[str]) -> None:
    """Raise ValueError where a player of a wanted instrument lacks a file, or all of them."""
    for part in parts:
        for kind in KINDS:
            if part.code in wanted and not part.path(kind).is_file():
                raise ValueError(f"a file of URMP is missing: {part.path(kind)}; unpack it again")
    for folder in sorted({part.folder for part in parts}):
        known = [part for part in parts if part.folder == folder]
        words = folder.name.split("_")  # NN_Title, then a code a player
        n_players = next((i for i, word in enumerate(reversed(words)) if word not in INSTRUMENTS), len(words))
        for number, code in enumerate(words[len(words) - n_players :], 1):
            if code in wanted and number not in {part.number for part in known}:
                lost = _Part(folder, number, code, known[0].piece).path("AuSep")
                raise ValueError(f"a file of URMP is missing: {lost}; unpack it again")


def _read(part: _Part) -> Performance:
    path = part.path("AuSep")
    audio = load_audio(path, SAMPLE_RATE, mono=True)[0]
    if len(audio) < SHORTEST_S * SAMPLE_RATE:
        raise ValueError(f"{path} is too short: {len(audio) / SAMPLE_RATE:.3f} s, at least {SHORTEST_S} s needed")
    n_frames = len(audio) * FRAME_RATE // SAMPLE_RATE
    audio = audio[: n_frames * SAMPLE_RATE // FRAME_RATE]
    notes = _notes(part.path("Notes"), n_frames / FRAME_RATE)
    f0_hz = _pitch(part.path("F0s"), n_frames)
    name = f"{part.piece}_{part.number}_{part.code}"
    loudness = loudness_db(audio, SAMPLE_RATE, 1 / FRAME_RATE)
    return Performance(name, INSTRUMENTS[part.code], audio, f0_hz, loudness, notes)


def _table(path: Path, columns: str) -> np.ndarray:
    """Lines of numbers, (n_lines, n_columns), finite."""
    width = len(columns.split(", "))
    rows = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as text ({error}); unpack it again") from error
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) != width or not np.isfinite(row).all():
            raise ValueError(f"{path}, line {number}, must hold {columns}; got {line[:60]!r}")
        rows.append(row)
    if not rows:
        raise ValueError(f"{path} is empty; it must hold lines of {columns}")
    return np.array(rows)


def _notes(path: Path, end_s: float) -> list[Note]:
    table = _table(path, "onset (s), frequency (Hz), duration (s)")
    for onset, frequency, duration in table:
        if not (0 <= onset < end_s and duration > 0 and PITCH_HZ[0] <= frequency <= PITCH_HZ[1]):
            raise ValueError(
                f"{path} marks a note at {onset:g} s, {frequency:g} Hz, for {duration:g} s, which cannot be in a "
                f"recording of {end_s:.2f} s"
            )
    return check_notes(
        Note(float(onset), float(duration), float(69 + 12 * np.log2(frequency / 440)))
        for onset, frequency, duration in table
    )


def _pitch(path: Path, n_frames: int) -> Tensor:
    """f0 at the frames, Hz; 0 where the nearest mark is 0, and beyond the marks."""
    times, marked = _table(path, "time (s), frequency (Hz)").T
    if (np.diff(times) <= 0).any() or (marked < 0).any():
        raise ValueError(f"{path} must hold times that rise and frequencies of at least 0 Hz")
    voiced = marked > 0
    if not voiced.any():
        raise ValueError(f"{path} marks no pitch at all; unpack it again")
    at = np.arange(n_frames) / FRAME_RATE
    right = np.clip(np.searchsorted(times, at), 1, len(times) - 1) if len(times) > 1 else np.zeros(n_frames, int)
    left = np.maximum(right - 1, 0)
    nearest = np.where(at - times[left] <= times[right] - at, left, right)
    f0 = np.exp(np.interp(at, times[voiced], np.log(marked[voiced])))
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.01
    known = voiced[nearest] & (np.abs(times[nearest] - at) <= step)
    return torch.from_numpy(np.where(known, f0, 0.0).astype(np.float32))
