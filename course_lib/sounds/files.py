"""Reading sound files of any kind block by block, and writing them so that no good file is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib.core.checks import check_sample_rate

FORMATS = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS")}
BLOCK = 1 << 16
# Three samples or more at the very same peak: a sound that was not cut off has one or two.
FLAT_TOP = 3


@dataclass(frozen=True)
class Sound:
    """A file as one channel: audio (n_samples,) float32 at sample_rate, and what was found on the way.

    file_rate: Hz. channels: how many were averaged. flat_tops: places where the waveform was cut off.
    """

    audio: np.ndarray
    sample_rate: int
    file_rate: int
    channels: int
    flat_tops: int


class FlatTops:
    """Counts runs of samples at the highest or lowest value of a sound, given block by block."""

    def __init__(self) -> None:
        self.peaks = [0.0, 0.0]
        self.counts = [0, 0]

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, (n,) or (n, channels)."""
        for side, values in enumerate((block, -block)):
            peak = float(values.max(initial=0.0))
            if peak <= 0.0 or peak < self.peaks[side]:
                continue
            flat = values >= peak
            run = flat[: 1 - FLAT_TOP].copy()
            for i in range(1, FLAT_TOP):
                run &= flat[i : len(flat) - FLAT_TOP + 1 + i]
            begins = run.copy()
            begins[1:] &= ~run[:-1]
            if peak > self.peaks[side]:
                self.peaks[side], self.counts[side] = peak, 0
            self.counts[side] += int(begins.sum())

    @property
    def count(self) -> int:
        """Places found so far."""
        return sum(self.counts)


def read_sound(path: str | Path, *, sample_rate: int, longest_s: float) -> Sound:
    """Read a sound file at a sample rate of our own, channels averaged, holding little more than the result.

    Two channels that cancel each other are not averaged; the first is taken.

    Args:
        path: WAV, FLAC, OGG, MP3 or AIFF, any rate, any number of channels.
        sample_rate: Hz, what it is resampled to.
        longest_s: longer files are refused before they are read.

    Returns:
        The sound.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a sound file, empty, too long, NaN; each says how to mend it.

    >>> from course_lib.sounds.clips import data_path
    >>> read_sound(data_path("drum.wav"), sample_rate=8000, longest_s=60).channels
    1
    """
    import soundfile

    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give one sound file")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; give the path of a WAV, FLAC or OGG file")
    rate = round(check_sample_rate(sample_rate))
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > longest_s * file.samplerate:
                raise ValueError(
                    f"{path} is {clock(file.frames / file.samplerate)} long and the limit is {clock(longest_s)}: "
                    "cut it into pieces"
                )
            tops = FlatTops()
            mixed, channel_energy = _one_channel(file, rate, path, tops, first_only=False)
            if file.channels > 1 and float(np.square(mixed).sum()) < 1e-3 * channel_energy * rate / file.samplerate:
                file.seek(0)
                mixed, _ = _one_channel(file, rate, path, FlatTops(), first_only=True)
            return Sound(mixed, rate, int(file.samplerate), int(file.channels), tops.count)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: raw samples, of unknown rate
        raise ValueError(f"{path} is not a sound file that can be read ({error}); convert it to WAV") from error


def _one_channel(file: object, rate: int, path: Path, tops: FlatTops, first_only: bool) -> tuple[np.ndarray, float]:
    """The mean of the channels, or the first, at `rate`; and the mean energy of the channels."""
    import soundfile
    import soxr

    assert isinstance(file, soundfile.SoundFile)
    same = file.samplerate == rate
    resample = None if same else soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32")
    pieces, energy, n_read = [], 0.0, 0
    for block in file.blocks(BLOCK, dtype="float32", always_2d=True):
        squares = float(np.square(block, dtype=np.float64).sum())
        if not np.isfinite(squares):
            bad = int(np.flatnonzero(~np.isfinite(block).all(1))[0])
            raise ValueError(
                f"{path} holds a sample that is no number (NaN or infinite) at "
                f"{(n_read + bad) / file.samplerate:.3f} s; export it again"
            )
        n_read += len(block)
        energy += squares / block.shape[1]
        tops.add(block)
        mono = block[:, 0] if first_only else block.mean(1)
        pieces.append(np.ascontiguousarray(mono) if resample is None else resample.resample_chunk(mono))
    if n_read == 0:
        raise ValueError(f"{path} holds no samples")
    if resample is not None:
        pieces.append(resample.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(pieces), energy


def clock(seconds: float) -> str:
    """Seconds as minutes:seconds.

    >>> clock(754.2)
    '12:34'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def check_output(path: str | Path) -> Path:
    """Return where a sound is to be written, or raise ValueError while nothing has been computed yet.

    >>> check_output("song.flac").name
    'song.flac'
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path} must end in {', '.join(FORMATS)}: the suffix says which kind of file to write")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} in; make it first")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file")
    return path


def blocks_at(audio: np.ndarray, *, sample_rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Cut a sound (n_samples,) into blocks, resampled on the way where the two rates differ.

    >>> [len(block) for block in blocks_at(np.zeros(70000), sample_rate=16000, new_rate=16000)]
    [65536, 4464]
    """
    import soxr

    resample = None if new_rate == sample_rate else soxr.ResampleStream(sample_rate, new_rate, 1, dtype="float32")
    for i in range(0, len(audio), BLOCK):
        block = np.ascontiguousarray(audio[i : i + BLOCK], dtype=np.float32)
        yield block if resample is None else resample.resample_chunk(block, last=i + BLOCK >= len(audio))


def write_sound(
    path: str | Path, audio: np.ndarray, sample_rate: int, *, new_rate: int | None = None, gain: float = 1.0
) -> None:
    """Write a sound as WAV or FLAC (16 bit) or OGG; the file that was there stays until this one is whole.

    Args:
        path: its suffix says which.
        audio: (n_samples,).
        sample_rate: Hz, of the audio.
        new_rate: Hz, of the file, if another.
        gain: the sound is multiplied by it.

    Raises:
        ValueError: another suffix, no such folder, a sound beyond ±1, a rate the format cannot hold.
        OSError: a disk that is full or not ours.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> write_sound(path, np.zeros(160), sample_rate=16000)
    >>> len(read_sound(path, sample_rate=16000, longest_s=1).audio)
    160
    """
    rate = round(new_rate or sample_rate)
    write_blocks(
        path,
        (block * np.float32(gain) for block in blocks_at(audio, sample_rate=sample_rate, new_rate=rate)),
        sample_rate=rate,
    )


def write_blocks(path: str | Path, blocks: Iterable[np.ndarray], *, sample_rate: int, channels: int = 1) -> None:
    """Write a sound that comes block by block, so that a long one needs no memory; otherwise as `write_sound`.

    Args:
        path: its suffix says which kind of file.
        blocks: (n,), or (n, channels) of several channels; best of some seconds at most.
        sample_rate: Hz.
        channels: how many.

    Raises:
        ValueError: as `write_sound`.
        OSError: as `write_sound`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> write_blocks(path, [np.zeros(80), np.zeros(80)], sample_rate=16000)
    >>> len(read_sound(path, sample_rate=16000, longest_s=1).audio)
    160
    """
    import soundfile

    path = check_output(path)
    kind, subtype = FORMATS[path.suffix.lower()]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with soundfile.SoundFile(temporary, "w", sample_rate, channels, subtype, format=kind) as file:
            for block in blocks:  # libvorbis takes no long sound at once
                if not float(np.abs(block).max(initial=0.0)) <= 1.0:
                    raise ValueError("the sound is not finite or goes beyond ±1 and would be clipped; scale it first")
                file.write(block)
        with temporary.open("r+b") as written:  # Windows flushes only what may be written
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except soundfile.LibsndfileError as error:
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(f"{path.parent} may not be written to") from error
        raise ValueError(f"{path} cannot be written at {sample_rate} Hz ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)
