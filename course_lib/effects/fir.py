"""Filters given by their response at a few frequencies: frequency sampling, then a window."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from course_lib.checks import check_audio, check_leading
from course_lib.synths.noise import check_magnitudes, shape_noise


def fir_filter(audio: Any, magnitudes: Any) -> Tensor:
    """Filter sound with a zero-phase response that is given at evenly spaced frequencies, and may change over time.

    The magnitudes become 2 · (n_bands − 1) taps, windowed (`zero_phase_response`): details narrower than a band are
    smoothed away. A filter that moves fades from each frame's response to the next.

    Args:
        audio: (…, n_samples).
        magnitudes: (n_bands,) for one filter, or (…, n_frames, n_bands): linear, ≥ 0, from 0 to Nyquist.

    Returns:
        (…, n_samples), without delay; differentiable in both.

    Raises:
        ValueError: negative or NaN magnitudes, fewer than two bands, more frames than samples, empty sound.

    Chapter: book/shaping/filters.ipynb
    """
    x = check_audio(audio)
    m = check_magnitudes(magnitudes, frames=False)
    m = m.unsqueeze(0) if m.ndim == 1 else m
    if m.shape[-2] < 1:
        raise ValueError(f"magnitudes needs at least one frame; got shape {tuple(m.shape)}")
    if m.shape[-2] > x.shape[-1]:
        raise ValueError(f"there are more frames ({m.shape[-2]}) than samples ({x.shape[-1]})")
    leading = check_leading(audio=x.shape[:-1], magnitudes=m.shape[:-2])
    return shape_noise(x.expand(*leading, -1), m.expand(*leading, -1, -1))
