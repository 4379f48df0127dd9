"""How much of a steady sound lies where no harmonic of its pitch belongs."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike


def alias_db(audio: ArrayLike, f0_hz: float, sample_rate: float) -> float:
    """Energy away from the harmonics of f0 below Nyquist, beside that of the whole sound, in dB.

    A Blackman–Harris window, whose side lobes lie at −92 dB: a Hann window would hear its own at −48.
    """
    sound = np.asarray(audio, np.float64)
    energy = np.abs(np.fft.rfft(sound * scipy.signal.windows.blackmanharris(len(sound), sym=False))) ** 2
    bins = np.arange(len(energy))
    bin_hz = sample_rate / len(sound)
    energy[:6] = 0.0  # a constant is no alias
    harmonic = np.maximum(np.round(bins * bin_hz / f0_hz), 1)
    near = (np.abs(bins * bin_hz - harmonic * f0_hz) < 6 * bin_hz) & (harmonic * f0_hz < sample_rate / 2)
    return float(10 * np.log10(energy[~near].sum() / energy.sum() + 1e-20))
