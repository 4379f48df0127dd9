"""Recordings of one voice, with their pitch and loudness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.loudness import loudness_db
from course_lib.analysis.tracking import track_f0
from course_lib.sounds.clips import load_audio

F_MIN_HZ, F_MAX_HZ = 60.0, 2200.0  # where pitch is looked for, in training and in use
SUFFIXES = (".flac", ".wav", ".ogg", ".aif", ".aiff")


@dataclass(frozen=True)
class Recording:
    """One recording at the model's sample rate: audio (n_samples,), f0_hz and loudness_db (n_frames,)."""

    name: str
    audio: Tensor
    f0_hz: Tensor
    loudness_db: Tensor


def read_recording(path: Path, *, sample_rate: int, frame_rate: int) -> Recording:
    """Read one recording with its pitch: from NAME.f0.npy where that lies beside it, else tracked.

    Args:
        path: of a file of at least one second.
        sample_rate: Hz, to which it is resampled.
        frame_rate: frames a second.

    Returns:
        The recording, cut to whole frames.

    Raises:
        ValueError: a file that is too short, silent or broken, labels of the wrong length.

    >>> from course_lib.sounds.clips import data_path
    >>> read_recording(data_path("violin.wav"), sample_rate=16000, frame_rate=250).name
    'violin'
    """
    audio = load_audio(path, sample_rate, mono=True)[0]
    hop = sample_rate // frame_rate
    n_frames = audio.shape[-1] // hop
    if n_frames < frame_rate:
        raise ValueError(
            f"{path} is too short to learn from: {audio.shape[-1] / sample_rate:.2f} s, at least 1 s needed"
        )
    audio = audio[: n_frames * hop]
    if not bool((audio != 0).any()):
        raise ValueError(f"{path} is silent: there is nothing to learn from it")
    labels = path.with_name(f"{path.stem}.f0.npy")
    if labels.is_file():
        f0 = torch.from_numpy(np.load(labels, allow_pickle=False).astype(np.float32))
        if f0.ndim != 1 or abs(len(f0) - n_frames) > 1:
            raise ValueError(f"{labels} must hold {n_frames} numbers, one a frame; got shape {tuple(f0.shape)}")
        f0 = torch.cat([f0, f0[-1:]])[:n_frames]
    else:
        try:
            f0 = track_f0(audio, sample_rate, 1.0 / frame_rate, f_min_hz=F_MIN_HZ, f_max_hz=F_MAX_HZ).f0_hz
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return Recording(path.stem, audio, f0, loudness_db(audio, sample_rate, 1.0 / frame_rate))
