"""The pitch of a monophonic sound, frame by frame, by pYIN."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.frames import frame_count
from course_lib.core.checks import check_audio, check_eager, check_sample_rate
from course_lib.core.extras import needs_course
from course_lib.core.types import ArrayLike


def estimate_f0(
    audio: ArrayLike, sample_rate: float, hop_s: float = 0.004, *, f_min_hz: float = 65.0, f_max_hz: float = 1100.0
) -> tuple[Tensor, Tensor]:
    """Track the pitch of a monophonic sound with librosa's pYIN.

    pYIN chooses among pitches ten cents apart, so a steady tone may come out five cents off; a vibrato of ±50 cents
    loses about six, because the window (64 ms at 16 kHz) averages over it.

    Args:
        audio: (…, n_samples); pYIN costs half a second to a second per second of sound.
        sample_rate: Hz.
        hop_s: seconds between frames.
        f_min_hz: lowest pitch looked for, Hz; also sets the window, which holds four periods of it.
        f_max_hz: highest pitch looked for, Hz.

    Returns:
        Two tensors (…, n_frames), n_frames = ⌈n_samples / (hop_s · sample_rate)⌉: the pitch in Hz, interpolated over
        unvoiced gaps (in log-frequency), held at the ends, 0 everywhere if no frame is voiced, as in silence, never
        NaN; and which frames are voiced, boolean.

    Raises:
        ValueError: empty sound, NaN, a sample rate or hop that is not positive, a pitch range that
            reaches Nyquist or is narrower than two semitones, a sound shorter than four periods of the lowest pitch.
        ImportError: librosa is not installed; `track_f0` does without it.

    Source: Mauch & Dixon, pYIN, 2014. Chapter: book/sines/fitting.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> f0_hz, voiced = estimate_f0(tone, sample_rate=16000)
    >>> round(float(f0_hz[60])), bool(voiced[60])
    (440, True)
    """
    with needs_course("estimate_f0"):
        import librosa

    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio)
    check_eager("estimate_f0 follows a path of whole numbers", sound)
    n_frames = frame_count(n_samples=sound.shape[-1], sample_rate=rate, hop_s=hop_s)
    if not 0 < f_min_hz < f_max_hz < rate / 2:
        raise ValueError(
            f"needs 0 < f_min_hz < f_max_hz < sample_rate / 2 = {rate / 2:g} Hz; got {f_min_hz:g} and {f_max_hz:g} Hz"
        )
    if f_max_hz < 1.12 * f_min_hz:
        raise ValueError(
            f"f_max_hz must lie at least two semitones above f_min_hz; got {f_min_hz:g} and {f_max_hz:g} Hz"
        )
    window = 1 << math.ceil(math.log2(3.5 * rate / f_min_hz))
    if sound.shape[-1] < window // 2:
        raise ValueError(
            f"the sound is too short to hear a pitch of {f_min_hz:g} Hz in it: {sound.shape[-1]} samples, at least "
            f"{window // 2} needed; raise f_min_hz or take a longer sound"
        )
    flat = sound.detach().cpu().double().reshape(-1, sound.shape[-1]).numpy()
    # pYIN loses a moving pitch between frames that are far apart, so wide frames are read off a finer track.
    hop = max(1, min(int(sound.shape[-1] / n_frames), int(0.02 * rate)))
    # The pitch cannot leap further between two frames than the whole range; librosa allows 35.92 octaves a second.
    widest = (math.floor(120 * math.log2(f_max_hz / f_min_hz)) // 10) * rate / (12 * hop)
    curves, flags = [], []
    for samples in flat:
        f0, voiced, _ = librosa.pyin(
            samples,
            fmin=f_min_hz,
            fmax=f_max_hz,
            sr=rate,
            frame_length=window,
            hop_length=hop,
            max_transition_rate=min(35.92, widest),
        )
        curves.append(_regular(f0, voiced, hop, len(samples), n_frames))
        flags.append(voiced[np.minimum(_nearest(hop, len(samples), n_frames), len(voiced) - 1)])
    shape = (*sound.shape[:-1], n_frames)
    f0_hz = torch.from_numpy(np.stack(curves)).to(sound).reshape(shape)
    return f0_hz, torch.from_numpy(np.stack(flags)).to(sound.device).reshape(shape)


def _nearest(hop: int, n_samples: int, n_frames: int) -> np.ndarray:
    """For each of our frames the tracker's frame that is nearest in time."""
    return np.rint(np.arange(n_frames) * n_samples / n_frames / hop).astype(int)


def _regular(f0: np.ndarray, voiced: np.ndarray, hop: int, n_samples: int, n_frames: int) -> np.ndarray:
    """The tracker's pitch at our frames, gaps filled in log-frequency."""
    good = voiced & np.isfinite(f0)
    if not good.any():
        return np.zeros(n_frames)
    where = np.arange(n_frames) * n_samples / n_frames
    return np.exp(np.interp(where, np.flatnonzero(good) * hop, np.log(f0[good])))
