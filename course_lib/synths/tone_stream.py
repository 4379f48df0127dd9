"""A tone of any length, a stretch at a time: where its controls are cut cannot be heard, and memory stays small."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.core.checks import check_count, check_eager, check_sample_rate, in_single
from course_lib.core.noise import white_noise
from course_lib.core.types import ArrayLike
from course_lib.effects.fir import check_magnitudes, shape_noise
from course_lib.effects.reverb import fft_convolve
from course_lib.synths.tone import HARMONICS, PitchedPart, ToneParts, without_direct_sound


def stream_tone(
    stretches: Iterable[Any],
    *,
    sample_rate: float,
    hop: int,
    pitched: PitchedPart = HARMONICS,
    noise: bool = True,
    room: ArrayLike | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[ToneParts]:
    """Synthesise a tone whose controls come a stretch at a time: the sound of `tone`, wherever it is cut.

    What a stretch needs of those before it is handed on: the phase, the noise near the cut, the ringing room. Of those
    behind it the first frames are read ahead. So memory is that of a few stretches, however long the sound; there are
    no gradients.

    Args:
        stretches: ToneControls (n_frames, …) of one sound, one behind the other, or those of another pitched part.
        sample_rate: Hz.
        hop: samples a frame.
        pitched, noise, room, generator: as `tone`; the room is (n_taps,).

    Yields:
        ToneParts (n_frames · hop,) of each stretch. What rings on after the last frame is cut off.

    Raises:
        ValueError: as `tone`; a stretch without frames, or whose controls differ in their number; a hop below 1.

    Chapter: book/midi_ddsp/end_to_end.ipynb

    >>> from course_lib.synths.tone import ToneControls
    >>> controls = ToneControls(torch.ones(9), torch.ones(9), torch.ones(9, 4) / 4, torch.ones(9, 2))
    >>> [len(parts.harmonic) for parts in stream_tone([controls], sample_rate=16000, hop=64)]
    [576]
    """
    rate, hop = check_sample_rate(sample_rate), check_count(hop, "hop")
    taps = None if room is None else without_direct_sound(room).detach()
    if taps is not None and taps.ndim != 1:
        raise ValueError(f"room must be (n_taps,), one for the whole sound; got shape {tuple(taps.shape)}")
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    return _stream(stretches, rate, hop, pitched, noise, taps, generator)


@torch.no_grad()
def _stream(
    stretches: Iterable[Any],
    rate: float,
    hop: int,
    pitched: PitchedPart,
    noise: bool,
    taps: Tensor | None,
    generator: torch.Generator,
) -> Iterator[ToneParts]:
    pieces = _pieces(stretches, hop, generator if noise else None)
    start, ringing = None, None
    for before, here, after in _with_neighbours(pieces, hop):
        n = here.n_frames * hop
        # The last frame is a straight line to the one that follows.
        led = join_stretches([here.controls, after.first(1, hop).controls])
        harmonic = pitched.sound(led, n_samples=len(led.f0_hz) * hop, sample_rate=rate, start=start)[:n]
        start = pitched.advance(led, hop=hop, sample_rate=rate, start=start)
        hiss = torch.zeros_like(harmonic)
        if noise:
            near = _Piece.join([before, here, after])
            skip = before.n_frames * hop
            hiss = shape_noise(near.white, near.controls.noise_magnitudes)[skip : skip + n]
        added = torch.zeros_like(harmonic)
        if taps is not None:
            # The room answers for as long as it rings; behind the last stretch nobody hears it.
            tail = len(taps) - 1 if after.n_frames else 0
            wet = fft_convolve(torch.nn.functional.pad(harmonic + hiss, (0, tail)), taps.to(harmonic))
            if ringing is not None:
                wet[: len(ringing)] += ringing[: len(wet)]
            added, ringing = wet[:n], wet[n:]
        yield ToneParts(harmonic, hiss, added)


class _Piece(NamedTuple):
    """A stretch of controls, and the white noise that belongs to it, (n_frames · hop,) or empty without noise."""

    controls: Any
    white: Tensor

    @classmethod
    def join(cls, pieces: Sequence[_Piece]) -> _Piece:
        return cls(join_stretches([p.controls for p in pieces]), torch.cat([p.white for p in pieces]))

    @property
    def n_frames(self) -> int:
        return len(self.controls.f0_hz)

    def first(self, n_frames: int, hop: int) -> _Piece:
        return _Piece(cut_stretch(self.controls, slice(0, n_frames)), self.white[: n_frames * hop])

    def last(self, n_frames: int, hop: int) -> _Piece:
        begin = max(0, self.n_frames - n_frames)
        return _Piece(cut_stretch(self.controls, slice(begin, None)), self.white[begin * hop :])


def _pieces(stretches: Iterable[Any], hop: int, generator: torch.Generator | None) -> Iterator[_Piece]:
    """Check the stretches as they come, and draw the noise of each; without a generator there is none."""
    channels = None
    for controls in stretches:
        check_eager("stream_tone hands the phase from stretch to stretch", *controls)
        shapes = {name: tuple(value.shape) for name, value in controls._asdict().items()}
        if controls.f0_hz.ndim != 1 or not len(controls.f0_hz):
            raise ValueError(f"a stretch holds the controls of one sound, one frame or more; got {shapes}")
        if any(shape[:1] != (len(controls.f0_hz),) for shape in shapes.values()):
            raise ValueError(f"the controls of a stretch must have as many frames each; got {shapes}")
        channels = channels or [shape[1:] for shape in shapes.values()]
        if channels != [shape[1:] for shape in shapes.values()]:
            raise ValueError(
                f"all stretches of a sound must have as many harmonics and bands; got {shapes} behind others"
            )
        magnitudes = check_magnitudes(controls.noise_magnitudes, frames=True)
        if generator is None:
            yield _Piece(controls, magnitudes.new_zeros(0))
        else:
            (exact,) = in_single(magnitudes)
            yield _Piece(controls, white_noise((len(magnitudes) * hop,), generator, exact))


def _with_neighbours(pieces: Iterator[_Piece], hop: int) -> Iterator[tuple[_Piece, _Piece, _Piece]]:
    """Each piece between as many frames of those before and behind it as reach into it; none at the two ends."""
    first = next(pieces, None)
    if first is None:
        return
    nothing = before = first.first(0, hop)
    # A frame's noise fades over a hop on either side, and its filter smears it by half its length.
    reach = 2 + -(-(first.controls.noise_magnitudes.shape[-1] - 1) // hop)
    ahead = deque([first])
    while ahead:
        here = ahead.popleft()
        while sum(piece.n_frames for piece in ahead) < reach and (more := next(pieces, None)) is not None:
            ahead.append(more)
        yield before, here, _Piece.join([nothing, *ahead]).first(reach, hop)
        before = _Piece.join([before, here]).last(reach, hop)


def cut_stretch(controls: Any, frames: slice) -> Any:
    """Some frames of controls (n_frames, …).

    >>> from course_lib.synths.tone import ToneControls
    >>> controls = ToneControls(torch.ones(9), torch.ones(9), torch.ones(9, 4), torch.ones(9, 2))
    >>> cut_stretch(controls, slice(3, 5)).distribution.shape
    torch.Size([2, 4])
    """
    return type(controls)(*(value[frames] for value in controls))


def join_stretches(stretches: Sequence[Any]) -> Any:
    """Controls (n_frames, …), or parts of a sound (n_samples,), one behind the other.

    >>> from course_lib.synths.tone import ToneControls
    >>> controls = ToneControls(torch.ones(9), torch.ones(9), torch.ones(9, 4), torch.ones(9, 2))
    >>> join_stretches([controls, controls]).distribution.shape
    torch.Size([18, 4])
    """
    return type(stretches[0])(*(torch.cat(values) for values in zip(*stretches, strict=True)))
