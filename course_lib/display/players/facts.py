"""What a player is told of its sounds: their outlines, and the gains that would make them equally loud."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from course_lib.effects.cascade import biquad_response
from course_lib.effects.levels import FULL_SCALE, active_rms_db

POINTS = 180  # of an outline, over the longest sound of the group
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
SILENT_DB = -70.0
# The two filters of K-weighting, the head's high shelf and a highpass, as ITU-R BS.1770 gives them for 48 kHz.
K_RATE = 48_000
K_B = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -2.0, 1.0))
K_A = ((1.0, -1.69065929318241, 0.73248077421585), (1.0, -1.99004745483398, 0.99007225036621))


def k_weighting(frequencies_hz: Tensor) -> Tensor:
    """Return the K-weighting curve as a factor of amplitude.

    Args:
        frequencies_hz: (n_bins,), Hz, 0 … 24,000; above that the curve stays where it is.

    Returns:
        Factors of the same shape, float64; about 1.08 at 1 kHz, 0 at 0 Hz.

    Source: ITU-R BS.1770.
    """
    b, a = (torch.tensor(rows, dtype=torch.float64) for rows in (K_B, K_A))
    return biquad_response(b, a, frequencies_hz.double().clamp(max=K_RATE / 2), K_RATE).abs()


def heard_db(sound: Tensor, sample_rate: float) -> float:
    """Measure how loud a sound is to an ear: active RMS after K-weighting.

    Args:
        sound: (…, n_samples), full scale ±1.
        sample_rate: Hz.

    Returns:
        dB; −120 in silence.
    """
    spectrum = torch.fft.rfft(sound.detach().double())
    weights = k_weighting(torch.fft.rfftfreq(sound.shape[-1], 1.0 / sample_rate))
    return active_rms_db(torch.fft.irfft(spectrum * weights, n=sound.shape[-1]), sample_rate)


def equal_loudness_db(sounds: Sequence[Tensor], sample_rate: float) -> list[float]:
    """Find the gains that make sounds equally loud: as loud as the loudest, as far as no sound passes full scale.

    Args:
        sounds: each (…, n_samples), full scale ±1.
        sample_rate: Hz.

    Returns:
        One gain a sound, in tenths of a dB; 0 for silence, which no gain makes louder.
    """
    heard = [heard_db(x, sample_rate) for x in sounds]
    rooms = [-20.0 * math.log10(max(float(x.detach().abs().max()), 1e-6) / FULL_SCALE) for x in sounds]
    audible = [i for i, level in enumerate(heard) if level > SILENT_DB]
    if not audible:
        return [0.0] * len(sounds)
    # A sound that is over full scale already has no room; it is turned down.
    wanted = min([max(heard[i] for i in audible), *(heard[i] + rooms[i] for i in audible)])
    return [round(wanted - level, 1) + 0.0 if level > SILENT_DB else 0.0 for level in heard]


def outlines(sounds: Sequence[Tensor]) -> list[str]:
    """Draw sounds as rows of digits, one scale for all: the peak of each stretch, 0 … z.

    Args:
        sounds: each (…, n_samples).

    Returns:
        One text a sound; the longest sound's has `POINTS` digits, a shorter one's as many fewer.
    """
    peaks = [x.detach().abs().reshape(-1, x.shape[-1]).amax(0).double().numpy() for x in sounds]
    step = max(len(x) for x in peaks) / POINTS
    top = max(max(float(x.max()) for x in peaks), 1e-9)
    rows = []
    for x in peaks:
        starts = np.unique((np.arange(math.ceil(len(x) / step)) * step).astype(int))
        heights = np.maximum.reduceat(x, starts) / top
        rows.append("".join(DIGITS[round(35 * h)] for h in heights))
    return rows
