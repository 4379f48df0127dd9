"""The two simplest losses: sample by sample, and bin by bin of one spectrum of the whole sound."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import check_count, in_single
from course_lib.core.types import ArrayLike
from course_lib.fitting.losses.checks import check_sounds
from course_lib.fitting.losses.reduction import Reduction, check_reduction, reduce_means


def waveform_l1(prediction: ArrayLike, target: ArrayLike, *, reduction: Reduction = "mean") -> Tensor:
    """Mean absolute difference of the samples.

    Args:
        prediction: (…, n_samples).
        target: same shape.
        reduction: of the sounds of a batch: their "mean", their "sum", or "none".

    Returns:
        A scalar; (…), one value for each sound, with "none". Of one sound it is always the mean over the samples.

    Raises:
        ValueError: shapes that differ, empty sound, NaN or infinite samples, an unknown reduction.

    Chapter: book/first_steps/gain.ipynb

    >>> waveform_l1(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]))
    tensor(0.5000)
    """
    p, t = check_sounds(prediction, target)
    check_reduction(reduction)
    dtype = torch.promote_types(p.dtype, t.dtype)
    p, t = in_single(p, t)
    return reduce_means((p - t).abs(), 1, reduction).to(dtype)


def spectral_l1(
    prediction: ArrayLike, target: ArrayLike, fft_size: int | None = None, *, reduction: Reduction = "mean"
) -> Tensor:
    """Mean absolute difference of one magnitude spectrum of the whole sound, Hann-windowed; phase is ignored.

    Args:
        prediction: (…, n_samples).
        target: same shape.
        fft_size: length of the transform, at least n_samples (more pads with zeros); n_samples by default.
        reduction: of the sounds of a batch: their "mean", their "sum", or "none".

    Returns:
        A scalar; (…), one value for each sound, with "none". Of one sound it is always the mean over the bins, of
        magnitudes scaled so that a sinusoid of amplitude 1 peaks at about 1.

    Raises:
        ValueError: shapes that differ, a transform shorter than the sound, NaN, empty sound, an unknown
            reduction.

    Chapter: book/first_steps/gain.ipynb

    >>> spectral_l1(torch.zeros(256), torch.zeros(256))
    tensor(0.)
    """
    p, t = check_sounds(prediction, target)
    check_reduction(reduction)
    dtype, n = torch.promote_types(p.dtype, t.dtype), int(p.shape[-1])
    p, t = in_single(p, t)
    size = n if fft_size is None else check_count(fft_size, "fft_size", minimum=n)
    window = torch.hann_window(n, device=p.device, dtype=p.dtype) if n > 1 else torch.ones_like(p[..., :1])
    window = window * (2.0 / window.sum())
    p_mag, t_mag = (torch.fft.rfft(x * window, n=size).abs() for x in (p, t))
    return reduce_means((p_mag - t_mag).abs(), 1, reduction).to(dtype)
