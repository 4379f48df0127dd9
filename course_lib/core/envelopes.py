"""From frame rate to sample rate: the one place that knows where a frame sits."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count, check_finite, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike

Interpolation = Literal["linear", "hann", "hold"]
METHODS: tuple[Interpolation, ...] = get_args(Interpolation)


def upsample(frames: ArrayLike, n_samples: int, method: Interpolation = "linear", *, dim: int = -1) -> Tensor:
    """Turn one value a frame into one value a sample.

    Frame i sits at sample i · n_samples / n_frames, which need not be whole; after the last frame its value is held.
    Any `n_samples` is welcome: nothing has to divide anything.

    Args:
        frames: (…, n_frames), or time on another axis, see `dim`. A single number is one frame.
        n_samples: how many samples to make, at least n_frames.
        method: "linear" (straight lines), "hann" (overlapping Hann windows two hops long: smooth, and flat at
            each frame) or "hold" (a staircase, for hearing why nobody should).
        dim: the time axis; -2 for (…, n_frames, channels).

    Returns:
        (…, n_samples), with the same channels behind it if there were any.

    Raises:
        ValueError: unknown method, no frames, fewer samples than frames, NaN or infinite frames.

    Source: Engel et al., DDSP, 2020, section 3.2. Chapter: book/sines/oscillator.ipynb

    >>> upsample([0.0, 1.0], 4)
    tensor([0.0000, 0.5000, 1.0000, 1.0000])
    """
    values = check_finite(as_tensor(frames, "frames"), "frames")
    if values.ndim == 0:
        values = values.reshape(1)
    if not -values.ndim <= dim < values.ndim:
        raise ValueError(f"dim {dim} is no axis of frames with shape {tuple(values.shape)}")
    n_frames = values.shape[dim]
    n_samples = check_count(n_samples, "n_samples")
    if n_frames == 0:
        raise ValueError(f"frames is empty along axis {dim}: shape {tuple(values.shape)}")
    if n_frames > n_samples:
        raise ValueError(f"more frames ({n_frames}) than samples ({n_samples}); ask for more samples or fewer frames")
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")
    # Whole numbers as far as possible: sample n lies at n · n_frames / n_samples, counted in frames, so that the frame
    # to its left is the quotient of a division, and the fraction to the next frame its remainder / n_samples.
    scaled = torch.arange(n_samples, device=values.device) * n_frames
    left = torch.div(scaled, n_samples, rounding_mode="floor")
    start = values.index_select(dim, left)
    if method == "hold":
        return start
    start, end = in_single(start, values.index_select(dim, (left + 1).clamp(max=n_frames - 1)))
    fraction = (scaled - left * n_samples).to(start.dtype) / n_samples
    if method == "hann":
        fraction = 0.5 - 0.5 * torch.cos(math.pi * fraction)
    fraction = fraction.reshape([-1] + [1] * (values.ndim - 1 - dim % values.ndim))
    return torch.lerp(start, end, fraction).to(values.dtype)


def upsample_frequency(frequency_hz: Tensor, n_samples: int, *, dim: int = -1) -> Tensor:
    """Turn one frequency a frame into one a sample: linear, but never a glide to or from a rest.

    Beside a rest (0 Hz) the sounding neighbour's frequency is kept while its amplitude fades; inside a rest it is 0,
    which holds the phase. Without rests this is `upsample`.

    Args:
        frequency_hz: (…, n_frames), Hz, ≥ 0; 0 is a rest.
        n_samples: how many samples to make, at least n_frames.
        dim: the time axis; -2 for (…, n_frames, n_partials).

    Returns:
        (…, n_samples), Hz, with the same channels behind it if there were any.

    Raises:
        ValueError: as `upsample`.

    Chapter: book/sines/harmonic.ipynb

    >>> upsample_frequency(torch.tensor([0.0, 440.0]), 4)
    tensor([  0., 440., 440., 440.])
    """
    given = as_tensor(frequency_hz, "frequency_hz")
    if is_eager(given) and not bool((given.detach() == 0).any()):
        return upsample(given, n_samples, dim=dim)
    (f,) = in_single(given)
    # A rest is no frequency: it has no gradient, and takes none from the notes beside it.
    line = upsample(torch.where(f == 0, torch.zeros_like(f), f), n_samples, dim=dim)
    # Linear weights of the sounding frames alone: dividing by them leaves the mean of the neighbours that sound.
    sounding = upsample((f.detach() > 0).to(line.dtype), n_samples, dim=dim)
    pitch = torch.where(sounding > 0, line / torch.where(sounding > 0, sounding, 1.0), torch.zeros_like(line))
    return pitch.to(given.dtype)
