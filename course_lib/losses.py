"""What is wrong with a sound: distances between a prediction and a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.checks import check_audio, check_count

FFT_SIZES = (2048, 1024, 512, 256, 128, 64)
# Added inside the logarithm: −100 dB re 1, so that silence has a finite logarithm and a bounded gradient.
LOG_FLOOR = 1e-5


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
    p, t = _check_sounds(prediction, target)
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
    """
    p, t = _check_sounds(prediction, target)
    n = p.shape[-1]
    size = n if fft_size is None else check_count(fft_size, "fft_size", minimum=n)
    window = torch.hann_window(n, device=p.device, dtype=p.dtype) if n > 1 else torch.ones_like(p[..., :1])
    window = window * (2.0 / window.sum())
    p_mag, t_mag = (torch.fft.rfft(x * window, n=size).abs() for x in (p, t))
    return (p_mag - t_mag).abs().mean()


def stft_magnitude(audio: Any, fft_size: int) -> Tensor:
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
    """
    x = check_audio(audio)
    if check_count(fft_size, "fft_size", minimum=4) % 4:
        raise ValueError(f"fft_size must be a multiple of 4, for a hop of a quarter; got {fft_size}")
    window = torch.hann_window(fft_size, device=x.device, dtype=x.dtype)
    if x.dtype in (torch.float16, torch.bfloat16):  # the FFT knows no half precision
        x = x.float()
        window = window.float()
    flat = x.reshape(-1, x.shape[-1])
    spectrum = torch.stft(
        flat, fft_size, fft_size // 4, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return spectrum.abs().reshape(*x.shape[:-1], *spectrum.shape[-2:])


def multiscale_spectral_loss(prediction: Any, target: Any, fft_sizes: Sequence[int] = FFT_SIZES) -> Tensor:
    """Sum over FFT sizes of ``mean |S − Ŝ| + mean |log S − log Ŝ|``: loud and quiet parts, near and far in time.

    Args:
        prediction: (…, n_samples).
        target: same shape.
        fft_sizes: lengths of the transforms, multiples of 4.

    Returns:
        A scalar; S as `stft_magnitude`, the logarithm natural, of S + 1e-5.

    Raises:
        ValueError: shapes that differ, no sizes, NaN or infinite samples, empty sound.

    Source: Engel et al., DDSP, 2020, section 4.2.1. Chapter: book/sines/fitting.ipynb
    """
    p, t = _check_sounds(prediction, target)
    if not isinstance(fft_sizes, Sequence) or len(fft_sizes) == 0:
        raise ValueError(f"fft_sizes must be a sequence of at least one length, such as (512,); got {fft_sizes!r}")
    total = p.new_zeros(())
    for size in fft_sizes:
        p_mag, t_mag = stft_magnitude(p, size), stft_magnitude(t, size)
        linear = (p_mag - t_mag).abs().mean()
        log = (torch.log(p_mag + LOG_FLOOR) - torch.log(t_mag + LOG_FLOOR)).abs().mean()
        total = total + linear + log
    return total


def _check_sounds(prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Both sounds as tensors of one shape, or ValueError: broadcasting here has hidden many a bug."""
    p, t = check_audio(prediction, "prediction"), check_audio(target, "target")
    if p.shape != t.shape:
        raise ValueError(f"prediction and target must have the same shape; got {tuple(p.shape)} and {tuple(t.shape)}")
    return p, t
