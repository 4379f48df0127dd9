"""How loud a sound is, frame by frame, as an ear weighs its frequencies."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.frames import frame_count
from course_lib.core.checks import as_tensor, check_audio, check_finite, check_sample_rate, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike

# Poles of the A-weighting curve, Hz (IEC 61672-1, annex E).
_A_POLES = (20.598997, 107.65265, 737.86223, 12194.217)


def a_weighting_db(frequencies_hz: ArrayLike) -> Tensor:
    """Return the A-weighting curve, how much less the ear takes of low and very high tones.

    Args:
        frequencies_hz: any shape, Hz, ≥ 0.

    Returns:
        dB, same shape, in double precision; 0 at 1 kHz, −∞ at 0 Hz.

    Raises:
        ValueError: a frequency that is negative, NaN or infinite.

    Source: IEC 61672-1, annex E.

    >>> a_weighting_db(torch.tensor([100.0, 1000.0])).round()
    tensor([-19.,   0.], dtype=torch.float64)
    """
    # A list of numbers is taken in double precision at once; through single it would be rounded.
    given = frequencies_hz if isinstance(frequencies_hz, Tensor) else np.asarray(frequencies_hz, dtype=np.float64)
    f = check_finite(as_tensor(given, "frequencies_hz").double(), "frequencies_hz")
    if is_eager(f) and bool((f < 0).any()):
        raise ValueError(f"frequencies_hz must not be negative; got {f.min().item():g} Hz")
    a, b, c, d = (pole**2 for pole in _A_POLES)

    def response(square: Tensor) -> Tensor:
        return d * square**2 / ((square + a) * ((square + b) * (square + c)).sqrt() * (square + d))

    return 20.0 * torch.log10(response(f**2) / response(torch.full_like(f, 1000.0**2)))


def loudness_db(
    audio: ArrayLike, sample_rate: float, hop_s: float = 0.004, *, floor_db: float = -80.0, window_s: float = 0.032
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

    >>> tone = torch.sin(2 * torch.pi * 1000.0 * torch.arange(8000) / 16000)
    >>> round(float(loudness_db(tone, sample_rate=16000)[60]))  # a sine at full scale, where A-weighting is 0 dB
    0
    """
    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio)
    n_samples = int(sound.shape[-1])
    n_frames = frame_count(n_samples=n_samples, sample_rate=rate, hop_s=hop_s)
    if not 0 < window_s < math.inf or window_s * rate < 4:
        raise ValueError(f"window_s must be at least 4 samples, {4 / rate:g} s; got {window_s!r}")
    if not -300 <= floor_db < math.inf:
        raise ValueError(f"floor_db must be a level in dB of at least −300, such as −80; got {floor_db!r}")
    size = 2 * round(window_s * rate / 2)
    centres = (torch.arange(n_frames, device=sound.device) * n_samples).div(n_frames, rounding_mode="floor")
    (exact,) = in_single(sound)  # the FFT knows no half precision
    padded = torch.nn.functional.pad(exact, (size // 2, size // 2))
    frames = padded[..., centres.unsqueeze(-1) + torch.arange(size, device=sound.device)]  # (…, n_frames, size)
    window = torch.hann_window(size, device=exact.device, dtype=exact.dtype)
    power = torch.fft.rfft(frames * window).abs().square()
    weights = 10.0 ** (a_weighting_db(torch.fft.rfftfreq(size, 1.0 / rate, device=sound.device)) / 10.0)
    # One-sided spectrum: inner bins stand for two. A full-scale sine of power ½ comes out as 1.
    two_sided = torch.full_like(weights, 2.0)
    two_sided[0] = two_sided[-1] = 1.0
    scale = 2.0 * two_sided * weights / (size * window.square().sum().double())
    weighted = (power * scale.to(power)).sum(-1)
    return 10.0 * torch.log10(weighted.clamp(min=10.0 ** (floor_db / 10.0))).to(sound)
