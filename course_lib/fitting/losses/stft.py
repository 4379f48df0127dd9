"""Magnitudes of the short-time Fourier transform, as the losses see them."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from course_lib.core.checks import check_audio, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike
from course_lib.fitting.losses.checks import check_fft_size


def stft_magnitude(audio: ArrayLike, fft_size: int) -> Tensor:
    """Magnitudes of the short-time Fourier transform: periodic Hann window, 75 % overlap, zeros beyond the edges.

    Args:
        audio: (…, n_samples).
        fft_size: window and transform length, at least 4; the hop is a quarter of it.

    Returns:
        (…, fft_size // 2 + 1, n_windows), window i centred at sample i · fft_size / 4. Not normalised:
        a sinusoid of amplitude 1 peaks at fft_size / 4.

    Raises:
        ValueError: a size that 4 does not divide, NaN, empty sound.

    Chapter: book/sines/frequency_is_hard.ipynb

    >>> stft_magnitude(torch.zeros(256), fft_size=64).shape
    torch.Size([33, 17])
    """
    x = check_audio(audio)
    check_fft_size(fft_size)
    return magnitudes(in_single(x)[0], fft_size).to(x.dtype)


def magnitudes(x: Tensor, fft_size: int) -> Tensor:
    """`stft_magnitude` of checked sound, in single precision at least."""
    window = _window(fft_size, x)
    flat = x.reshape(-1, x.shape[-1])
    spectrum = torch.stft(
        flat, fft_size, fft_size // 4, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return spectrum.abs().reshape(*x.shape[:-1], *spectrum.shape[-2:])


def _window(fft_size: int, like: Tensor) -> Tensor:
    """A window that is kept for the next call, but where it would be of no use there."""
    if is_eager(like):
        return hann_window(fft_size, like.dtype, like.device)
    return torch.hann_window(fft_size, dtype=like.dtype, device=like.device)


@functools.lru_cache(maxsize=64)
def hann_window(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A periodic Hann window, made once; also for training if a first call comes without gradients."""
    with torch.inference_mode(False):
        return torch.hann_window(size, dtype=dtype, device=device)
