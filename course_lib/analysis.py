"""What a sound contains: its pitch and its loudness, frame by frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.checks import check_audio, check_finite, check_sample_rate

# Poles of the A-weighting curve, Hz (IEC 61672-1, annex E).
_A_POLES = (20.598997, 107.65265, 737.86223, 12194.217)


def frame_count(n_samples: int, sample_rate: float, hop_s: float) -> int:
    """Number of frames about hop_s apart that divide a sound evenly: frame i sits at sample i · n_samples / n_frames.

    >>> frame_count(16000, 16000, 0.004)
    250
    """
    rate = check_sample_rate(sample_rate)
    if not 0 < hop_s < math.inf:
        raise ValueError(f"hop_s must be positive, in seconds, such as 0.004; got {hop_s!r}")
    if hop_s * rate < 1:
        raise ValueError(f"hop_s must be at least one sample, {1 / rate:g} s; got {hop_s!r}")
    return max(1, math.ceil(n_samples / (hop_s * rate) - 1e-9))


def estimate_f0(
    audio: Any, sample_rate: float, hop_s: float = 0.004, f_min_hz: float = 65.0, f_max_hz: float = 1100.0
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
        unvoiced gaps (in log-frequency), held at the ends, 0 everywhere if no frame is voiced, never NaN; and
        which frames are voiced, boolean.

    Raises:
        ValueError: silent or empty sound, NaN, a sample rate or hop that is not positive, a pitch range that
            reaches Nyquist or is narrower than two semitones, a sound shorter than four periods of the lowest pitch.

    Source: Mauch & Dixon, pYIN, 2014. Chapter: book/sines/fitting.ipynb
    """
    import librosa

    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio, allow_silence=False)
    n_frames = frame_count(sound.shape[-1], rate, hop_s)
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


def a_weighting_db(frequencies_hz: Any) -> Tensor:
    """Return the A-weighting curve, how much less the ear takes of low and very high tones.

    Args:
        frequencies_hz: any shape, Hz, ≥ 0.

    Returns:
        dB, same shape; 0 at 1 kHz, −∞ at 0 Hz.

    Raises:
        ValueError: a frequency that is negative, NaN or infinite.

    Source: IEC 61672-1, annex E.
    """
    f = check_finite(torch.as_tensor(frequencies_hz, dtype=torch.float64), "frequencies_hz")
    if bool((f < 0).any()):
        raise ValueError(f"frequencies_hz must not be negative; got {f.min().item():g} Hz")
    a, b, c, d = (pole**2 for pole in _A_POLES)

    def response(square: Tensor) -> Tensor:
        return d * square**2 / ((square + a) * ((square + b) * (square + c)).sqrt() * (square + d))

    return 20.0 * torch.log10(response(f**2) / response(torch.tensor(1000.0**2, dtype=torch.float64)))


def loudness_db(
    audio: Any, sample_rate: float, hop_s: float = 0.004, floor_db: float = -80.0, window_s: float = 0.032
) -> Tensor:
    """Level of a sound as the ear weighs it: A-weighted power, summed over frequency, then dB.

    The power is summed before the logarithm is taken. Averaging decibels instead, as early DDSP code did, lets silent
    bins decide how loud a sound is.

    Args:
        audio: (…, n_samples).
        sample_rate: Hz.
        hop_s: seconds between frames.
        floor_db: least value returned, dB.
        window_s: length of the Hann window centred on each frame, s.

    Returns:
        (…, n_frames), dB, n_frames as in `estimate_f0`. 0 dB is the mean power of a full-scale 1 kHz sine;
        differentiable in the sound.

    Raises:
        ValueError: empty sound, NaN, a sample rate, hop or window that is not positive, a floor that is not finite.

    Source: Engel et al., DDSP, 2020, appendix; IEC 61672-1. Chapter: book/sines/five_sounds.ipynb
    """
    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio)
    n_frames = frame_count(sound.shape[-1], rate, hop_s)
    if not 0 < window_s < math.inf or window_s * rate < 4:
        raise ValueError(f"window_s must be at least 4 samples, {4 / rate:g} s; got {window_s!r}")
    if not -300 <= floor_db < math.inf:
        raise ValueError(f"floor_db must be a level in dB of at least −300, such as −80; got {floor_db!r}")
    size = 2 * round(window_s * rate / 2)
    centres = (torch.arange(n_frames, device=sound.device) * sound.shape[-1]).div(n_frames, rounding_mode="floor")
    exact = (
        sound.float() if sound.dtype in (torch.float16, torch.bfloat16) else sound
    )  # the FFT knows no half precision
    padded = torch.nn.functional.pad(exact, (size // 2, size // 2))
    frames = padded[..., centres.unsqueeze(-1) + torch.arange(size, device=sound.device)]  # (…, n_frames, size)
    window = torch.hann_window(size, device=exact.device, dtype=exact.dtype)
    power = torch.fft.rfft(frames * window).abs().square()
    weights = 10.0 ** (a_weighting_db(torch.fft.rfftfreq(size, 1.0 / rate)) / 10.0)
    # One-sided spectrum: inner bins stand for two. A full-scale sine of power ½ comes out as 1.
    two_sided = torch.full((size // 2 + 1,), 2.0, dtype=torch.float64)
    two_sided[0] = two_sided[-1] = 1.0
    scale = 2.0 * two_sided * weights / (size * float(window.square().sum()))
    weighted = (power * scale.to(power)).sum(-1)
    return 10.0 * torch.log10(weighted.clamp(min=10.0 ** (floor_db / 10.0))).to(sound)
