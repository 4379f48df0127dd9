"""A quick pitch tracker: candidates from a normalised autocorrelation, and the best path through them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.decimate import PITCH_BAND_HZ, decimate
from course_lib.analysis.frames import frame_count
from course_lib.core.checks import check_audio, check_eager, check_sample_rate
from course_lib.core.types import ArrayLike

CANDIDATES = 6  # pitches kept of each frame
LAGS_PER_SAMPLE = 4  # lags that are looked at, per sample of the decimated sound
FRAMES_AT_ONCE = 500  # keeps the memory small, however long the sound is
OCTAVE_COST = 0.02  # an octave lower must be so much more periodic to be believed
JUMP_COST = 0.3  # of an octave's leap within 10 ms, in units of periodicity
SWITCH_COST = 0.14  # of a voice setting in or stopping, likewise
UNVOICED = 0.45  # periodicity from which a frame is worth calling voiced
NO_PEAK = -9.0  # score of what is no candidate: lower than any that is
REFINE_SHARE = 0.03  # of a lag: half a semitone, within which a shorter window may correct it
QUIET_DB, SILENT_DB = -40.0, -60.0  # re the loud frames; between them the score of silence rises by 1


class F0Track(NamedTuple):
    """Pitch in Hz and how sure it is, 0 to 1, both (…, n_frames); confidence ≥ 0.5 where a pitch is heard.

    >>> F0Track(torch.tensor([440.0]), torch.tensor([0.9])).f0_hz
    tensor([440.])
    """

    f0_hz: Tensor
    confidence: Tensor


def track_f0(
    audio: ArrayLike, sample_rate: float, hop_s: float = 0.004, *, f_min_hz: float = 65.0, f_max_hz: float = 1100.0
) -> F0Track:
    """Track the pitch of a monophonic sound, some forty times quicker than `estimate_f0`.

    The sound is low-passed at 3.3 kHz (higher if f_max_hz asks for it). Each frame, three periods of f_min_hz, is
    compared with itself, shifted: 1 − YIN's squared difference over the energy of what is compared. The best six shifts
    are candidates, and the path through them that is most periodic and leaps least is the pitch; it is read again
    through a window of half the length where that holds four periods.

    Args:
        audio: (…, n_samples); memory stays within a few times the sound's own, however long.
        sample_rate: Hz.
        hop_s: seconds between frames.
        f_min_hz: lowest pitch looked for, Hz.
        f_max_hz: highest pitch looked for, Hz.

    Returns:
        The pitch in Hz, interpolated over unvoiced gaps (in log-frequency), held at the ends, 0 everywhere if no frame
        is voiced, as in silence, never NaN; and the confidence, the share of a frame's energy that repeats, at least
        0.5 in voiced frames and less in all others. A pitch seen for less than the length of a frame is not believed.
        Frame i sits at sample i·n_samples/n_frames.

    Raises:
        ValueError: empty sound, NaN, a sample rate or hop that is not positive, a pitch range that reaches
            Nyquist or is narrower than two semitones, a sound shorter than three periods of the lowest pitch.

    Source: de Cheveigné & Kawahara, YIN, 2002; McLeod & Wyvill, 2005 (the normalisation); Boersma, 1993 (the path).
    Chapter: book/tone_transfer/pitch_and_loudness.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> round(float(track_f0(tone, sample_rate=16000).f0_hz[60]))
    440
    """
    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio)
    check_eager("track_f0 follows a path of whole numbers", sound)
    n_samples = sound.shape[-1]
    n_frames = frame_count(n_samples=n_samples, sample_rate=rate, hop_s=hop_s)
    if not 0 < f_min_hz < f_max_hz < rate / 2:
        raise ValueError(
            f"needs 0 < f_min_hz < f_max_hz < sample_rate / 2 = {rate / 2:g} Hz; got {f_min_hz:g} and {f_max_hz:g} Hz"
        )
    if f_max_hz < 1.12 * f_min_hz:
        raise ValueError(
            f"f_max_hz must lie at least two semitones above f_min_hz; got {f_min_hz:g} and {f_max_hz:g} Hz"
        )
    if n_samples < 3 * rate / f_min_hz:
        raise ValueError(
            f"the sound is too short to hear a pitch of {f_min_hz:g} Hz in it: {n_samples} samples, at least "
            f"{math.ceil(3 * rate / f_min_hz)} needed; raise f_min_hz or take a longer sound"
        )
    tracks = [
        _track_one(one, rate, n_frames, f_min_hz, f_max_hz)
        for one in sound.detach().cpu().reshape(-1, n_samples).float()
    ]
    shape = (*sound.shape[:-1], n_frames)
    f0_hz, confidence = (torch.stack(parts).to(sound).reshape(shape) for parts in zip(*tracks, strict=True))
    return F0Track(f0_hz, confidence)


def _track_one(sound: Tensor, rate: float, n_frames: int, f_min_hz: float, f_max_hz: float) -> tuple[Tensor, Tensor]:
    """Pitch and confidence of one sound, (n_samples,) → (n_frames,) twice."""
    sound, rate = decimate(
        sound / sound.abs().max().clamp(min=1e-30), rate=rate, cutoff_hz=max(1.5 * f_max_hz, PITCH_BAND_HZ)
    )
    hop = len(sound) / n_frames
    centres = (torch.arange(n_frames, dtype=torch.float64) * hop).round().long()
    size = math.ceil(3 * rate / f_min_hz)
    # Lags are counted in steps of 1 / LAGS_PER_SAMPLE of a sample.
    shortest, longest = LAGS_PER_SAMPLE * rate / f_max_hz, LAGS_PER_SAMPLE * rate / f_min_hz
    lags, strengths, power = [], [], []
    for block in centres.split(FRAMES_AT_ONCE):
        long, level = _periodicity(sound, block, size, longest)
        found, strength = _candidates(long, shortest, longest)
        short, _ = _periodicity(sound, block, size // 2, longest)
        lags.append(_refine_lags(found, short, LAGS_PER_SAMPLE * size / 8))
        strengths.append(strength)
        power.append(level)
    f0_hz = (LAGS_PER_SAMPLE * rate / torch.cat(lags)).numpy()
    measured = torch.cat(strengths).numpy(), torch.cat(power).numpy()
    chosen, voiced, clarity = _best_path(f0_hz, *measured, hop / rate, size / rate)
    if not voiced.any():
        return torch.zeros(n_frames), torch.from_numpy(clarity)
    heard = np.flatnonzero(voiced)
    gaps_filled = np.exp(np.interp(np.arange(n_frames), heard, np.log(chosen[heard])))
    return torch.from_numpy(gaps_filled.astype(np.float32)), torch.from_numpy(clarity)


def _periodicity(sound: Tensor, centres: Tensor, size: int, longest: float) -> tuple[Tensor, Tensor]:
    """How well frames of `size` samples repeat after each lag, (n, n_lags) up to 1, and their power, (n,).

    Lag j stands for j / LAGS_PER_SAMPLE samples. What does not overlap is left out on both sides, so that a glide is
    read at the centre of the frame; frames at the ends of the sound are moved inside.
    """
    starts = (centres - size // 2).clamp(0, max(0, len(sound) - size))
    frames = sound[(starts[:, None] + torch.arange(size)).clamp(max=len(sound) - 1)]
    frames = frames - frames.mean(-1, keepdim=True)
    n_lags = min(math.ceil(longest / LAGS_PER_SAMPLE) + 2, size)
    fft_size = 1 << math.ceil(math.log2(size + n_lags))
    spectrum = torch.fft.rfft(frames, n=fft_size).abs().square()
    # A longer inverse transform reads the autocorrelation between the lags, exactly.
    fine_lags = LAGS_PER_SAMPLE * (n_lags - 1) + 1
    shared = torch.fft.irfft(spectrum, n=LAGS_PER_SAMPLE * fft_size)[:, :fine_lags] * LAGS_PER_SAMPLE
    squares = frames.square()
    total = squares.sum(-1, keepdim=True)
    lost = squares.cumsum(-1) + squares.flip(-1).cumsum(-1)  # at lag 1, 2, …
    energy = torch.cat([2 * total, 2 * total - lost[:, : n_lags - 1]], -1)[:, None]
    energy = torch.nn.functional.interpolate(energy, fine_lags, mode="linear", align_corners=True)[:, 0]
    return 2 * shared / energy.clamp(min=1e-3 * total + 1e-12), total[:, 0] / size


def _parabola_peak(curve: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """The peak of the parabola through three neighbouring lags, the middle one at index `at`: its lag and height."""
    a, b, c = (curve.gather(1, at + step) for step in (-1, 0, 1))
    bend = (a - 2 * b + c).clamp(max=-1e-9)
    shift = (0.5 * (a - c) / bend).clamp(-1, 1)
    return at + shift, b - 0.25 * (a - c) * shift


def _candidates(curve: Tensor, shortest: float, longest: float) -> tuple[Tensor, Tensor]:
    """The lags of the best peaks and their periodicity, (n, CANDIDATES) each; −1 where a frame has fewer."""
    inside = torch.arange(1, curve.shape[-1] - 1)
    middle = curve[:, 1:-1]
    peak = (middle >= curve[:, :-2]) & (middle > curve[:, 2:]) & (inside > shortest - 1) & (inside < longest + 1)
    score = middle - OCTAVE_COST * torch.log2(inside / shortest)
    best = torch.where(peak, score, NO_PEAK).topk(CANDIDATES, dim=-1)
    lags, heights = _parabola_peak(curve, best.indices + 1)
    none = best.values == NO_PEAK
    return lags.clamp(shortest, longest), torch.where(none, -1.0, heights.clamp(max=1.0))


def _refine_lags(lags: Tensor, curve: Tensor, longest: float) -> Tensor:
    """Lags moved to the nearest peak of a shorter window's curve, if it lies within 3 % and they are short enough."""
    width = max(2, math.ceil(REFINE_SHARE * longest))
    near = lags.round().long().clamp(width + 1, curve.shape[-1] - width - 2)
    around = near[..., None] + torch.arange(-width, width + 1)
    heights = curve.gather(1, around.flatten(1)).reshape(around.shape)
    allowed = (around - lags[..., None]).abs() <= (REFINE_SHARE * lags[..., None]).clamp(min=1.0)
    at = (near - width + torch.where(allowed, heights, NO_PEAK).argmax(-1)).clamp(1, curve.shape[-1] - 2)
    better, _ = _parabola_peak(curve, at)
    return torch.where((lags <= longest) & ((better - lags).abs() <= REFINE_SHARE * lags), better, lags)


def _best_path(
    f0_hz: np.ndarray, strength: np.ndarray, power: np.ndarray, hop_s: float, window_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Viterbi over the candidates and silence: pitch, which frames are voiced, confidence, all (n,)."""
    n, k = f0_hz.shape
    octaves = np.log2(f0_hz).astype(np.float32)
    level = 10 * np.log10(power / max(np.quantile(power, 0.95), 1e-12) + 1e-12)
    quiet = np.clip((QUIET_DB - level) / (QUIET_DB - SILENT_DB), 0, 1).astype(np.float32)
    gain = np.empty((n, k + 1), np.float32)
    gain[:, :k] = np.where(strength < 0, NO_PEAK, strength - OCTAVE_COST * (octaves.max() - octaves))
    gain[:, k] = UNVOICED + quiet
    back = np.zeros((n, k + 1), np.int8)
    per_frame = 0.01 / hop_s  # costs are meant for frames 10 ms apart
    step = np.full((k + 1, k + 1), SWITCH_COST * per_frame, np.float32)
    step[k, k] = 0.0
    total = gain[0].copy()
    for i in range(1, n):
        step[:k, :k] = np.abs(octaves[i][:, None] - octaves[i - 1]) * (JUMP_COST * per_frame)
        scores = total - step  # [to, from]
        back[i] = scores.argmax(1)
        total = scores.max(1) + gain[i]
        total -= total.max()  # a long sound's sum would outgrow float32
    choice = np.empty(n, np.int64)
    choice[-1] = total.argmax()
    for i in range(n - 1, 0, -1):
        choice[i - 1] = back[i, choice[i]]
    voiced = choice < k
    edges = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(int), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < min(n, window_s / hop_s):  # all its frames share one window: a single event, not a pitch
            voiced[start:stop] = False
    chosen = np.where(voiced, choice, 0)
    rows = np.arange(n)
    heard = strength[rows, chosen] * (1 - quiet)
    confidence = np.where(voiced, np.clip(heard, 0.5, 1.0), np.clip(heard, 0.0, 0.49))
    return f0_hz[rows, chosen], voiced, np.abs(confidence).astype(np.float32)  # no −0 in silence
