"""What a network learns from: recordings in parts, and equal stretches drawn from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from course_lib.core.checks import check_count

LEARNED_FROM = ("train", "validation")


class Analysed(Protocol):
    """A recording with its pitch and loudness: a `Recording` of `course_lib.analysis.recordings`, or more than that."""

    @property
    def name(self) -> str: ...
    @property
    def audio(self) -> Tensor: ...
    @property
    def f0_hz(self) -> Tensor: ...
    @property
    def loudness_db(self) -> Tensor: ...


def check_parts(parts: Mapping[str, Sequence[object]], what: str, source: str) -> None:
    """Raise ValueError where a part that is needed to train or to validate is missing or empty.

    Args:
        parts: {"train": …, "validation": …}; further ones are not looked at.
        what: is in them, for the message.
        source: the function that gives such parts, for the message.
    """
    for part in LEARNED_FROM:
        if not parts.get(part):
            raise ValueError(f"there are no {what} for {part}; see {source}")


def digest(parts: Iterable[tuple[str, Tensor]]) -> str:
    """A digest of named tensors, of all that is learned from: a run is resumed only on the same data."""
    sha = hashlib.sha256()
    for name, value in parts:
        sha.update(f"{name} ".encode())
        sha.update(value.detach().cpu().numpy().tobytes())
    return sha.hexdigest()


def audio_digest(parts: Mapping[str, Sequence[Analysed]]) -> str:
    """The `digest` of the audio of every recording for training and validation."""
    return digest((f"{part} {r.name}", r.audio) for part in LEARNED_FROM for r in parts[part])


def draw_stretches(
    recordings: Sequence[Analysed], *, batch: int, n_frames: int, generator: torch.Generator, evenly: bool = False
) -> list[tuple[int, int]]:
    """Draw where to cut stretches out of recordings.

    Args:
        recordings: none shorter than a stretch.
        batch: how many stretches.
        n_frames: of one stretch.
        generator: of the draws.
        evenly: every stretch of every recording is as likely as any other; False: a recording is drawn as often as its
            length deserves, and then a stretch of it.

    Returns:
        (number of the recording, first frame) of each stretch.

    Raises:
        ValueError: a recording with fewer frames than a stretch.
    """
    check_count(batch, "batch")
    lengths = [len(r.f0_hz) for r in recordings]
    if min(lengths) < n_frames:
        short = lengths.index(min(lengths))
        raise ValueError(
            f"{recordings[short].name} has {lengths[short]} frames, fewer than the {n_frames} of one stretch"
        )
    starts = torch.tensor(lengths) - n_frames + 1  # so many stretches fit in
    # Which of the two draws comes first decides what comes of a seed: the course's networks were trained with these.
    if evenly:
        which = torch.multinomial(starts.float(), batch, replacement=True, generator=generator)
        place = torch.rand(batch, generator=generator)
    else:
        place = torch.rand(batch, generator=generator)
        which = torch.multinomial(torch.tensor(lengths).float(), batch, replacement=True, generator=generator)
    return [(i, int(u * int(starts[i]))) for i, u in zip(which.tolist(), place.tolist(), strict=True)]


def cut_stretches(
    recordings: Sequence[Analysed], places: Sequence[tuple[int, int]], *, n_frames: int, hop: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut stretches out of recordings.

    Args:
        recordings: to cut from.
        places: from `draw_stretches`.
        n_frames: of one stretch.
        hop: samples a frame.

    Returns:
        audio (batch, n_frames · hop), f0_hz and loudness_db (batch, n_frames).
    """
    audio, f0, loudness = [], [], []
    for i, first in places:
        r, frames = recordings[i], slice(first, first + n_frames)
        audio.append(r.audio[first * hop : (first + n_frames) * hop])
        f0.append(r.f0_hz[frames])
        loudness.append(r.loudness_db[frames])
    return torch.stack(audio), torch.stack(f0), torch.stack(loudness)
