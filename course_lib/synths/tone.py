"""A tone: harmonics and filtered noise from named controls."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class ToneControls(NamedTuple):
    """What the instrument is told, frame by frame: the harmonic synth's three controls and the noise's magnitudes.

    f0_hz: (…, n_frames), Hz. amplitude: (…, n_frames), linear. distribution: (…, n_frames, n_harmonics), sums to 1.
    noise_magnitudes: (…, n_frames, n_bands), linear.
    """

    f0_hz: Tensor
    amplitude: Tensor
    distribution: Tensor
    noise_magnitudes: Tensor
