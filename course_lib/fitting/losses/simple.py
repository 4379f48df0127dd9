"""The two simplest losses: sample by sample, and bin by bin of one spectrum of the whole sound."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import check_count
from course_lib.fitting.losses.checks import check_sounds


def waveform_l1(prediction: Any, target: Any) -> Tensor:
    """Mean absolute difference of the samples.

    Args:
        prediction: (…, n_samples).
        target: same shape.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes that differ, empty sound, NaN or infinite samples.

    Chapter: book/first_steps/gain.ipynb

    >>> waveform_l1(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]))
    tensor(0.5000)
    """
    p, t = check_sounds(prediction, target)
    return (p - t).abs().mean()


def spectral_l1(prediction: Any, target: Any, fft_size: int | None = None) -> Tensor:
    """Mean absolute difference of one magnitude spectrum of the whole sound, Hann-windowed; phase is ignored.

    Args:
        prediction: (…, n_samples).
        target: same shape.
        fft_size: length of the transform, at least n_samples (more pads with zeros); n_samples by default.

    Returns:
        A scalar. Magnitudes are scaled so that a sinusoid of amplitude 1 peaks at about 1.

    Raises:
        ValueError: shapes that differ, a transform shorter than the sound, NaN, empty sound.

    Chapter: book/first_steps/gain.ipynb

    >>> spectral_l1(torch.zeros(256), torch.zeros(256))
    tensor(0.)
    """
    p, t = check_sounds(prediction, target)
    n = p.shape[-1]
    size = n if fft_size is None else check_count(fft_size, "fft_size", minimum=n)
    window = torch.hann_window(n, device=p.device, dtype=p.dtype) if n > 1 else torch.ones_like(p[..., :1])
    window = window * (2.0 / window.sum())
    p_mag, t_mag = (torch.fft.rfft(x * window, n=size).abs() for x in (p, t))
    return (p_mag - t_mag).abs().mean()
