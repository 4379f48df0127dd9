"""Aliases: what a digital oscillator or a distortion leaves between the harmonics of a steady tone."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import check_audio, check_finite, check_sample_rate
from course_lib.core.types import ArrayLike

# A Kaiser window whose side lobes lie 150 dB down: with a Hann window nothing below −48 dB would be seen here.
BETA = 20.0
LOBE_BINS = 8  # half the width of a harmonic's main lobe, with room to spare
LOWEST_HZ = 20.0


def alias_db(audio: ArrayLike, f0_hz: float, *, sample_rate: float) -> Tensor:
    """Measure how much of a steady tone does not lie on its harmonics.

    Args:
        audio: (…, n_samples), a tone of constant pitch; 16 periods of it at least, the more the finer.
        f0_hz: its pitch, Hz; of an FM sound with ratios that are no whole numbers the pitch that all are multiples of.
        sample_rate: Hz.

    Returns:
        (…,), dB: energy away from 1, 2, 3 … times f0 against all energy, both above 20 Hz. A clean tone in float32
        gives less than −90.

    Raises:
        ValueError: a pitch that is not between 0 and Nyquist, silence, too few periods.

    Chapter: book/other_instruments/waveshaping.ipynb

    >>> t = torch.arange(16384).double() / 16000
    >>> folded = torch.sin(2 * torch.pi * 1245 * t) + 0.1 * torch.sin(2 * torch.pi * 7 * 1245 * t)  # 8715 Hz: too high
    >>> round(float(alias_db(folded, 1245.0, sample_rate=16000)))
    -20
    """
    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio).detach().double()
    check_finite(sound, "audio")
    n = sound.shape[-1]
    f0 = float(f0_hz)
    if not 0 < f0 < rate / 2:
        raise ValueError(f"f0_hz must lie between 0 and sample_rate / 2 = {rate / 2:g} Hz; got {f0:g}")
    if f0 * n / rate < 2 * LOBE_BINS:
        raise ValueError(
            f"audio must hold {2 * LOBE_BINS} periods of {f0:g} Hz, or its harmonics cannot be told apart; "
            f"got {f0 * n / rate:.1f}. Take a longer sound"
        )
    window = torch.kaiser_window(n, periodic=False, beta=BETA, dtype=torch.float64, device=sound.device)
    energy = torch.fft.rfft(sound * window).abs().square()
    hz = torch.arange(energy.shape[-1], dtype=torch.float64, device=sound.device) * rate / n
    energy = energy * (hz > LOWEST_HZ)
    total = energy.sum(-1)
    if bool((total == 0).any()):
        raise ValueError("audio is silent: nothing of it can be called an alias")
    nearest = (hz / f0).round().clamp(min=1) * f0
    on = ((hz - nearest).abs() < LOBE_BINS * rate / n) & (nearest < rate / 2)
    return 10 * torch.log10((energy * ~on).sum(-1) / total)
