"""Recordings of one instrument with their pitch and loudness, split by recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.recordings import SUFFIXES, Recording, read_recording
from course_lib.core.networks import LOUDNESS_FLOOR_DB
from course_lib.core.units import hz_to_midi

QUANTILES = ("10", "50", "90", "99")  # of loudness, %


def load_recordings(
    folder: str | Path, *, sample_rate: int = 16_000, frame_rate: int = 250, seed: int = 0
) -> dict[str, list[Recording]]:
    """Read a folder of recordings of one instrument, analyse them, and split them.

    Pitch comes from NAME.f0.npy (Hz, one number a frame) where it lies beside NAME.flac, else from `track_f0`. The
    split is the one in performances.json where there is one; else every tenth recording, drawn with the seed, and at
    least one, is for validation. Always whole recordings: two stretches of one recording are far too alike for one of
    them to test what was learned from the other.

    Args:
        folder: holds the recordings (WAV, FLAC, OGG, AIFF; any rate, mono or stereo; a second or more).
        sample_rate: Hz, what they are resampled to.
        frame_rate: frames a second.
        seed: of the split.

    Returns:
        {"train": […], "validation": […], "test": […]}; the last may be empty.

    Raises:
        ValueError: no folder, fewer than two recordings, labels of the wrong length, a silent or broken file.

    Chapter: book/tone_transfer/decoder.ipynb
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if len(paths) < 2:
        raise ValueError(
            f"{folder} holds {len(paths)} recordings ({', '.join(SUFFIXES)}): training needs two at least, one of them "
            "to validate with"
        )
    listed = folder / "performances.json"
    if listed.is_file():
        split = json.loads(listed.read_text(encoding="utf-8"))["split"]
    else:
        order = np.random.default_rng(seed).permutation(len(paths))
        held = max(1, len(paths) // 10)
        stems = [paths[i].stem for i in order]
        split = {"validation": stems[:held], "train": stems[held:]}
    known = {path.stem: path for path in paths}
    missing = [stem for stems in split.values() for stem in stems if stem not in known]
    if missing:
        raise ValueError(f"performances.json names {missing[0]}, but there is no such recording in {folder}")
    return {
        part: [
            read_recording(known[stem], sample_rate=sample_rate, frame_rate=frame_rate) for stem in split.get(part, [])
        ]
        for part in ("train", "validation", "test")
    }


def sounding_frames(loudness: Tensor, gate_db: float = -40.0) -> Tensor:
    """Which frames sound: within gate_db of the loud ones (the 95 % quantile of what is not near silence).

    Args:
        loudness: (n_frames,), dB.
        gate_db: below this against the loud frames, a frame is a rest.

    Returns:
        (n_frames,), boolean; all False in silence.
    """
    audible = loudness[loudness > max(float(loudness.max()) - 60.0, LOUDNESS_FLOOR_DB)]
    if audible.numel() == 0:
        return torch.zeros_like(loudness, dtype=torch.bool)
    return loudness > torch.quantile(audible[:: 1 + audible.numel() // 1_000_000], 0.95) + gate_db


def instrument_statistics(recordings: list[Recording]) -> dict[str, Any]:
    """Where an instrument lives, as its recordings show it: what a sound is moved towards by `transfer`.

    Args:
        recordings: those it is trained on.

    Returns:
        median_midi and midi_range (1 % and 99 %) of the pitch, loudness_db {"10", "50", "90", "99"} (quantiles), all of
        the frames that sound; noise_floor_db, the median loudness of those that do not.

    Raises:
        ValueError: no recordings, or silent ones.

    Chapter: book/tone_transfer/transfer.ipynb
    """
    if not recordings:
        raise ValueError("statistics need at least one recording")
    f0, loudness = torch.cat([r.f0_hz for r in recordings]), torch.cat([r.loudness_db for r in recordings])
    sounds = sounding_frames(loudness) & (f0 > 0)
    if not bool(sounds.any()):
        raise ValueError("the recordings are silent, or no pitch was found in them")
    midi, levels, rests = (x.double().numpy() for x in (hz_to_midi(f0[sounds]), loudness[sounds], loudness[~sounds]))
    return {
        "median_midi": round(float(np.median(midi)), 2),
        "midi_range": [round(float(x), 2) for x in np.quantile(midi, [0.01, 0.99])],
        "loudness_db": {q: round(float(np.quantile(levels, int(q) / 100)), 2) for q in QUANTILES},
        "noise_floor_db": round(float(np.median(rests)), 2) if rests.size else LOUDNESS_FLOOR_DB,
    }
