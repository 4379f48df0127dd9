"""What the ear follows in a recording: its pitch, its loudness, and where its notes and rests are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib.analysis.loudness import loudness_db
from course_lib.analysis.polyphony import polyphony
from course_lib.analysis.recordings import F_MAX_HZ, F_MIN_HZ
from course_lib.analysis.tracking import track_f0
from course_lib.sounds.files import clock
from course_lib.tone_transfer.data import sounding_frames

LONGEST_S = 600.0
SHORTEST_S = 0.1
SILENT_PEAK = 1e-4  # −80 dB
STRETCH_S = 8.0  # listened to at once
MARGIN_S = 0.5  # before and after each stretch, since the tracker looks both ways
LONGEST_GAP_S, SHORTEST_NOTE_S = 0.04, 0.04
FADE_S = 0.02
CHORD = 0.5  # of `polyphony`: above, several notes sound at once
LEAST_PITCHED = 0.5  # share of what sounds; with less, what has no pitch is worth a remark


@dataclass(frozen=True)
class HeardCurves:
    """What the ear follows in a recording, `frame_rate` frames a second.

    f0_hz: (n_frames,), without gaps: in rests it leads from one note to the next. confidence: (n_frames,), 0 … 1, of
    the tracker. loudness_db: (n_frames,). gate: (n_frames,), 1 where a note sounds, 0 in rests, with short fades.
    """

    f0_hz: Tensor
    confidence: Tensor
    loudness_db: Tensor
    gate: Tensor

    @property
    def sounding(self) -> Tensor:
        """The inside of notes, (n_frames,), boolean."""
        return self.gate > 0.5


def listen_to(
    audio: Tensor,
    *,
    sample_rate: int,
    frame_rate: int,
    gate_db: float = -40.0,
    min_confidence: float = 0.5,
    progress: bool = False,
) -> tuple[HeardCurves, list[str]]:
    """Measure pitch and loudness of a recording, (n_samples,), and find its rests.

    Returns:
        The curves, and remarks on the recording.

    Raises:
        ValueError: silent, too short, too long, or without pitch.
    """
    peak = _check_length_and_peak(audio, sample_rate)
    hop = sample_rate // frame_rate
    n_frames = -(-audio.shape[-1] // hop)
    audio = torch.nn.functional.pad(audio / peak, (0, n_frames * hop - audio.shape[-1]))
    f0, confidence, loudness = _measure(audio, sample_rate, frame_rate, progress)
    loud = sounding_frames(loudness, gate_db)
    sure = loud & (confidence >= min_confidence) & (f0 > 0)
    notes = _close_gaps(sure, frame_rate)
    sure &= notes
    chords = polyphony(audio, sample_rate) > CHORD
    if not bool(sure.any()) and chords:
        raise ValueError("several notes sound at once and no single pitch was found: it takes one voice at a time")
    if not bool(sure.any()):
        raise ValueError(
            "no pitch was found in the sound: it takes one voice, or one instrument that plays notes; no drum, no noise"
        )
    remarks = []
    if chords:
        remarks.append(
            "several notes seem to sound at once, and one pitch stands for all: it takes one voice at a time"
        )
    share = float(notes.sum() / loud.sum())
    if share < LEAST_PITCHED:
        remarks.append(f"only {share:.0%} of what sounds has a clear pitch; the rest became rests")
    level_db = 20.0 * math.log10(peak)
    return HeardCurves(_bridge(f0, sure), confidence, loudness + level_db, _fade(notes, frame_rate)), remarks


def _check_length_and_peak(audio: Tensor, sample_rate: int) -> float:
    """Peak of a sound that is neither silent, nor too short, nor too long; else ValueError."""
    seconds = audio.shape[-1] / sample_rate
    if seconds < SHORTEST_S - 1e-3:  # resampling may take or add a sample
        raise ValueError(f"the sound is too short to play: {seconds:.3f} s, at least {SHORTEST_S:g} s needed")
    if seconds > LONGEST_S + 1e-3:
        raise ValueError(f"the sound is {clock(seconds)} long and the limit is {clock(LONGEST_S)}: cut it into pieces")
    peak = float(audio.abs().max())
    if peak < SILENT_PEAK:
        raise ValueError("the sound is silent" + (f" (its peak is {20 * math.log10(peak):.0f} dB)" if peak else ""))
    return peak


def _measure(audio: Tensor, sample_rate: int, frame_rate: int, progress: bool) -> tuple[Tensor, Tensor, Tensor]:
    """f0 (Hz), its confidence, and loudness (dB) of whole frames, (n_frames,) each, a stretch at a time."""
    hop = sample_rate // frame_rate
    n_frames = audio.shape[-1] // hop
    f0, confidence, loudness = torch.zeros(3, n_frames)
    margin = round(MARGIN_S * frame_rate)
    with tqdm(total=n_frames / frame_rate, disable=not progress, unit="s", desc="listening", leave=False) as bar:
        for own, wide in stretches(n_frames=n_frames, length=round(STRETCH_S * frame_rate), margin=margin):
            piece = audio[wide.start * hop : wide.stop * hop]
            inner = slice(own.start - wide.start, own.stop - wide.start)
            loudness[own] = loudness_db(piece, sample_rate, 1.0 / frame_rate, floor_db=-120.0)[inner]
            if bool((piece != 0).any()):
                track = track_f0(piece, sample_rate, 1.0 / frame_rate, f_min_hz=F_MIN_HZ, f_max_hz=F_MAX_HZ)
                f0[own], confidence[own] = track.f0_hz[inner], track.confidence[inner]
            bar.update((own.stop - own.start) / frame_rate)
    return f0, confidence, loudness


def stretches(*, n_frames: int, length: int, margin: int) -> Iterator[tuple[slice, slice]]:
    """Cut n_frames into stretches: the frames that each owns, and those with up to `margin` more on either side."""
    for begin in range(0, n_frames, length):
        end = min(begin + length, n_frames)
        yield slice(begin, end), slice(max(0, begin - margin), min(end + margin, n_frames))


def _close_gaps(sounds: Tensor, frame_rate: int) -> Tensor:
    """Close the shortest gaps, then drop the shortest notes: frames that flicker are neither rests nor notes."""

    def window(seconds: float) -> int:
        return max(1, round(seconds * frame_rate))

    gap, note = window(LONGEST_GAP_S), window(SHORTEST_NOTE_S)
    pad = max(gap, note)
    x = np.pad(sounds.numpy(), pad, mode="edge")
    closed = _all_within(_any_within(x, gap), gap)
    return torch.from_numpy(_any_within(_all_within(closed, note), note)[pad:-pad].copy())


def _any_within(x: np.ndarray, width: int) -> np.ndarray:
    """Whether any of the `width` frames up to half a window after this one is on; beyond the ends none is."""
    after = width // 2
    return np.lib.stride_tricks.sliding_window_view(np.pad(x, (width - 1 - after, after)), width).max(-1)


def _all_within(x: np.ndarray, width: int) -> np.ndarray:
    """Whether all of the `width` frames from half a window before this one are on."""
    before = width // 2
    return np.lib.stride_tricks.sliding_window_view(np.pad(x, (before, width - 1 - before)), width).min(-1)


def _fade(sounds: Tensor, frame_rate: int) -> Tensor:
    """0 and 1 with fades of FADE_S, centred on the edges of the notes."""
    half = max(1, round(FADE_S * frame_rate))
    window = torch.hann_window(2 * half + 1, periodic=False)[1:-1]
    padded = torch.nn.functional.pad(sounds.float()[None, None], (half - 1, half - 1), mode="replicate")
    return torch.nn.functional.conv1d(padded, (window / window.sum())[None, None])[0, 0].clamp(0.0, 1.0)


def _bridge(f0_hz: Tensor, sure: Tensor) -> Tensor:
    """Lead the pitch from one frame that is sure to the next, in equal ratios; hold it at both ends."""
    frames = np.flatnonzero(sure.numpy())
    lines = np.interp(np.arange(len(f0_hz)), frames, np.log(f0_hz.double().numpy()[frames]))
    return torch.from_numpy(np.exp(lines)).float()
