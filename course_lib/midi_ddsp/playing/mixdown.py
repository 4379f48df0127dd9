"""Voices of any length mixed as they are played: what is done lies in files, so memory stays small."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.midi_ddsp.playing.ensemble import even_pans, pan_gain
from course_lib.midi_ddsp.playing.players import Players
from course_lib.midi_ddsp.playing.render import stream
from course_lib.midi_ddsp.playing.voices import Part
from course_lib.sounds.files import BLOCK, write_blocks

CEILING = 0.999  # a mix that went beyond full scale is turned down to this


class Mixdown(NamedTuple):
    """What was written: its length in samples, and how far it was turned down, dB, 0 if not at all."""

    n_samples: int
    turned_down_db: float


def mix_down(
    parts: Sequence[Part],
    output: Path,
    stems: Sequence[Path] = (),
    *,
    seed: int,
    players: Players,
    sample_rate: int,
    progress: Callable[[int], None] = lambda n_samples: None,
) -> Mixdown:
    """Play parts, mix them evenly from left to right, and write the mix and, if asked for, every voice by itself.

    Args:
        parts: with controls. One alone is written in mono.
        output: of the mix.
        stems: a file for each part, or none.
        seed: of pitch and noise; part i has seed + i.
        players: who plays.
        sample_rate: Hz, of the players.
        progress: called with the number of samples that are done.

    Returns:
        Mixdown; mix and stems are turned down by as much, so that they add up.

    Raises:
        ValueError: networks that give a sound that is not finite.

    Chapter: book/midi_ddsp/chorale.ipynb
    """
    several = len(parts) > 1
    sides = pan_gain(even_pans(len(parts))).numpy()
    n_samples = 0
    with ExitStack() as stack:
        mix = stack.enter_context(Track(output.parent, 2 if several else 1))
        tracks = [stack.enter_context(Track(path.parent, 1)) for path in stems]
        with torch.inference_mode():
            streams = [
                stream(part.notes, part.known_controls(), part.instrument, seed=seed + number, players=players)
                for number, part in enumerate(parts)
            ]
            for voices in in_step(streams):
                for track, voice in zip(tracks, voices, strict=False):
                    track.add(voice)
                mix.add(voices.T @ sides if several else voices[0])
                n_samples += voices.shape[1]
                progress(n_samples)
        peak = max(track.peak for track in (mix, *tracks))
        gain = 1.0 if peak <= 1.0 else CEILING / peak
        for path, track in zip((output, *stems), (mix, *tracks), strict=True):
            write_blocks(path, track.blocks(gain), sample_rate=sample_rate, channels=track.channels)
    return Mixdown(n_samples, 20 * math.log10(peak) if peak > 1.0 else 0.0)


class Track:
    """Samples on disk, (n,) or (n, channels), that nobody has to hold; gone when closed, or with the process."""

    def __init__(self, folder: Path, channels: int) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile(dir=folder)
        self.channels, self.peak = channels, 0.0

    def __enter__(self) -> Track:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, block: np.ndarray) -> None:
        """Take the next samples."""
        peak = float(np.abs(block).max(initial=0.0))
        if not math.isfinite(peak):
            raise ValueError("the networks gave a sound that is not finite; they may be damaged, or not trained")
        self.peak = max(self.peak, peak)
        self.file.write(np.ascontiguousarray(block, dtype=np.float32).tobytes())

    def blocks(self, gain: float) -> Iterator[np.ndarray]:
        """All samples from the beginning, times a gain."""
        self.file.seek(0)
        while data := self.file.read(4 * BLOCK * self.channels):
            block = np.frombuffer(data, dtype=np.float32) * np.float32(gain)
            yield block if self.channels == 1 else block.reshape(-1, self.channels)


def in_step(streams: Sequence[Iterator[Tensor]]) -> Iterator[np.ndarray]:
    """Blocks (n_voices, n) from one stream of blocks (n,) for each voice; those that end first go on in silence."""
    waiting = [np.zeros(0, np.float32) for _ in streams]
    ended = [False] * len(streams)
    while True:
        for i, source in enumerate(streams):
            while not ended[i] and not len(waiting[i]):
                block = next(source, None)
                ended[i] = block is None
                waiting[i] = np.zeros(0, np.float32) if block is None else block.cpu().numpy()
        going = [len(block) for block in waiting if len(block)]
        if not going:
            return
        n = min(going)
        yield np.stack([block[:n] if len(block) else np.zeros(n, np.float32) for block in waiting])
        waiting = [block[n:] for block in waiting]
