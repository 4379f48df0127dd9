"""Noise through a filter that changes from frame to frame: breath, bow, the skin of a drum."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count, check_finite, in_single
from course_lib.core.noise import white_noise
from course_lib.core.types import ArrayLike
from course_lib.core.units import exp_sigmoid
from course_lib.effects.fir import check_magnitudes, shape_noise


def noise_controls(raw_magnitudes: ArrayLike, bias: float = -5.0) -> Tensor:
    """Turn raw numbers, as a network gives them, into noise magnitudes.

    Args:
        raw_magnitudes: any shape, any real number.
        bias: added first, so that an untrained network (about 0) starts almost silent instead of hissing.

    Returns:
        Same shape, linear magnitudes in (1e-7, 2).

    Raises:
        ValueError: NaN or infinite values.

    Source: Engel et al., DDSP, 2020, appendix B. Chapter: book/shaping/noise.ipynb

    >>> noise_controls([[5.0, -100.0]]).round(decimals=3)
    tensor([[0.4050, 0.0000]])
    """
    given = check_finite(as_tensor(raw_magnitudes, "raw_magnitudes"), "raw_magnitudes")
    (raw,) = in_single(given)
    return exp_sigmoid(raw + float(bias)).to(given.dtype)


def filtered_noise(magnitudes: ArrayLike, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
    """White noise through a zero-phase filter that fades from each frame's magnitudes to the next.

    One noise is cut into overlapping pieces that fade in and out and add up to the noise again; each piece goes
    through its frame's filter and the results are added. A filter that stays the same therefore leaves no trace of
    the frames.

    Args:
        magnitudes: (…, n_frames, n_bands), linear, ≥ 0, bands evenly spaced from 0 to Nyquist. 1 in every band is the
            noise as it is: white, mean 0, RMS 1.
        n_samples: length of the sound, at least n_frames.
        generator: source of the randomness, on the CPU or on the device of the magnitudes; if None, a fixed seed, so
            that the same magnitudes give the same sound. A program that is compiled, exported or traced cannot take
            one: it plays the noise of the fixed seed.

    Returns:
        (…, n_samples), another noise in every batch entry; differentiable in the magnitudes.

    Raises:
        ValueError: negative or NaN magnitudes, fewer than two bands, more frames than samples.

    Source: Engel et al., DDSP, 2020, section 3.2 and appendix B. Chapter: book/shaping/noise.ipynb

    >>> filtered_noise(torch.ones(10, 5), n_samples=800).shape
    torch.Size([800])
    """
    m = check_magnitudes(magnitudes, frames=True)
    n = check_count(n_samples, "n_samples", minimum=m.shape[-2])
    (exact,) = in_single(m)
    noise = white_noise((*m.shape[:-2], n), generator, exact)
    return shape_noise(noise, exact).to(m.dtype)
