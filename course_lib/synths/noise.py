"""Noise through a filter that changes from frame to frame: breath, bow, the skin of a drum."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count, check_finite
from course_lib.core.units import exp_sigmoid
from course_lib.effects.fir import check_magnitudes, shape_noise


def noise_controls(raw_magnitudes: Any, bias: float = -5.0) -> Tensor:
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
    return exp_sigmoid(check_finite(as_tensor(raw_magnitudes, "raw_magnitudes"), "raw_magnitudes") + float(bias))


def filtered_noise(magnitudes: Any, n_samples: int, generator: torch.Generator | None = None) -> Tensor:
    """White noise through a zero-phase filter that fades from each frame's magnitudes to the next.

    One noise is cut into overlapping pieces that fade in and out and add up to the noise again; each piece goes
    through its frame's filter and the results are added. A filter that stays the same therefore leaves no trace of
    the frames.

    Args:
        magnitudes: (…, n_frames, n_bands), linear, ≥ 0, bands evenly spaced from 0 to Nyquist. 1 in every band is the
            noise as it is: white, mean 0, RMS 1.
        n_samples: length of the sound, at least n_frames.
        generator: source of the randomness, on the CPU or on the device of the magnitudes; if None, a fixed seed, so
            that the same magnitudes give the same sound.

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
    noise = white_noise((*m.shape[:-2], n), generator, m.to(torch.promote_types(m.dtype, torch.float32)))
    return shape_noise(noise, m)


def white_noise(shape: tuple[int, ...], generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Uniform noise of mean 0 and RMS 1: evenly spread over ±√3.

    >>> white_noise((2, 800), torch.Generator().manual_seed(0), like=torch.zeros(())).shape
    torch.Size([2, 800])
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    uniform = torch.rand(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return ((2.0 * uniform - 1.0) * math.sqrt(3.0)).to(like.device)
