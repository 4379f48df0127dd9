"""Small sounds that travel with the library, and reading a sound file of one's own."""

from __future__ import annotations

import difflib
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.core.checks import check_finite, check_sample_rate


def data_path(name: str) -> Path:
    """Return the path of a file in data/, in an installed package as in a checkout.

    Raises:
        FileNotFoundError: no such file in either place.

    >>> data_path("drum.wav").name
    'drum.wav'
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "data", package.parent / "data"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"data/{name} is neither in the installed package nor in the checkout; reinstall course_lib"
    )


@cache
def _table() -> dict[str, dict[str, Any]]:
    return json.loads(data_path("clips.json").read_text(encoding="utf-8"))


def clip_names() -> list[str]:
    """Return the names of all clips.

    >>> clip_names()
    ['drum', 'guitar', 'saxophone', 'trumpet', 'violin', 'voice']
    """
    return sorted(_table())


def clip_info(name: str) -> dict[str, Any]:
    """Return what is known of a clip.

    file, title, origin, authors, licence, licence_url, credit (the full attribution), f0_hz (lowest and highest pitch,
    Hz), source, command, sha256.

    Raises:
        ValueError: an unknown clip (names the near ones).

    >>> clip_info("drum")["licence"]
    'CC0 1.0'
    """
    table = _table()
    if not isinstance(name, str) or name not in table:
        near = difflib.get_close_matches(str(name).lower(), table, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(f"unknown clip {name!r}; {hint}There are {', '.join(sorted(table))}")
    return dict(table[name])


def load_clip(name: str) -> tuple[Tensor, int]:
    """Load a clip of the course and print its credit. Never needs a network.

    Args:
        name: one of `clip_names()`.

    Returns:
        The sound, (n_samples,), float32, full scale ±1, and its sample rate, Hz.

    Raises:
        ValueError: an unknown clip (names the near ones).

    Chapter: book/sines/sinusoidal_modelling.ipynb

    >>> audio, sample_rate = load_clip("drum")
    A tom. Sam Aaron and the contributors of Sonic Pi, CC0 1.0
    >>> audio.ndim, sample_rate
    (1, 16000)
    """
    info = clip_info(name)
    audio, sample_rate = load_audio(data_path(info["file"]))
    print(f"{info['title']}. {info['authors']}, {info['licence']}")
    return audio, sample_rate


def load_audio(
    path: str | Path, sample_rate: float | None = None, *, mono: bool = False, allow_8_bit: bool = False
) -> tuple[Tensor, int]:
    """Read a sound file (WAV, FLAC, OGG, MP3).

    Args:
        path: the file.
        sample_rate: resample to this rate, Hz; None keeps the file's own.
        mono: average the channels of a stereo file; without it such a file is refused.
        allow_8_bit: take a file of 8-bit samples, whose noise lies only 50 dB below full scale.

    Returns:
        The sound, (n_samples,), float32, full scale ±1, and its sample rate, Hz.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a readable sound file, empty, stereo, 8-bit, NaN; each says how to mend it.

    Chapter: book/sines/fitting.ipynb

    >>> audio, sample_rate = load_audio(data_path("drum.wav"), sample_rate=8000)
    >>> sample_rate
    8000
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; give the path of a WAV, FLAC, OGG or MP3 file")
    try:
        with soundfile.SoundFile(path) as file:
            kind, rate = file.subtype, int(file.samplerate)
            samples = file.read(dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise ValueError(f"{path.name} is not a sound file that can be read ({error}); convert it to WAV") from error
    if kind in ("PCM_U8", "PCM_S8", "ULAW", "ALAW") and not allow_8_bit:
        raise ValueError(
            f"{path.name} has 8-bit samples ({kind}), noisy at about −50 dB; record or convert from the original at "
            "16 bit or more, or pass allow_8_bit=True"
        )
    if samples.shape[0] == 0:
        raise ValueError(f"{path.name} holds no samples")
    if samples.shape[1] > 1 and not mono:
        raise ValueError(f"{path.name} has {samples.shape[1]} channels; pass mono=True to average them")
    audio = samples.mean(axis=1)
    check_finite(torch.from_numpy(audio), path.name)
    if sample_rate is not None and check_sample_rate(sample_rate) != rate:
        import soxr

        n_samples = math.ceil(len(audio) * float(sample_rate) / rate)
        audio = soxr.resample(audio, rate, float(sample_rate))[:n_samples]
        audio = np.pad(audio, (0, n_samples - len(audio)))  # soxr may end a sample early
        rate = round(float(sample_rate))
    return torch.from_numpy(np.ascontiguousarray(audio, dtype=np.float32)), rate
