"""Filters given by their response at a few frequencies: frequency sampling, then a window."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_finite, check_leading, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike


def fir_filter(audio: ArrayLike, magnitudes: ArrayLike, *, time_varying: bool = False) -> Tensor:
    """Filter sound with a zero-phase response that is given at evenly spaced frequencies.

    The magnitudes become 2 · (n_bands − 1) taps, windowed (`zero_phase_response`): details narrower than a band are
    smoothed away. A filter that varies over time fades from each frame's response to the next.

    Args:
        audio: (…, n_samples).
        magnitudes: (…, n_bands), linear, ≥ 0, from 0 to Nyquist: (n_bands,) is one filter for all, (batch, n_bands)
            one for each sound. With `time_varying` (…, n_frames, n_bands), as `filtered_noise` takes them.
        time_varying: whether the last axis but one of the magnitudes is time. It is never guessed from their shape.

    Returns:
        (…, n_samples), without delay; differentiable in both. For many filters of one sound give that an axis for
        them: `fir_filter(sound[None], magnitudes)`.

    Raises:
        ValueError: negative or NaN magnitudes, fewer than two bands, more axes than the sound has for them, more frames
            than samples, empty sound.

    Chapter: book/shaping/filters.ipynb

    >>> fir_filter([0.0, 1.0, 0.0], [0.5, 0.5, 0.5])
    tensor([0.0000, 0.5000, 0.0000])
    """
    x = check_audio(audio)
    m = check_magnitudes(magnitudes, frames=time_varying)
    if m.ndim > x.ndim + time_varying:
        raise ValueError(
            f"magnitudes {tuple(m.shape)} has an axis that audio {tuple(x.shape)} lacks: if it is time, say "
            "time_varying=True; if it counts filters of one sound, give the sound that axis too, audio[None]"
        )
    m = m if time_varying else m.unsqueeze(-2)
    if m.shape[-2] > x.shape[-1]:
        raise ValueError(f"there are more frames ({m.shape[-2]}) than samples ({x.shape[-1]})")
    leading = check_leading(audio=x.shape[:-1], magnitudes=m.shape[:-2])
    dtype = torch.promote_types(x.dtype, m.dtype)
    sound, filters = in_single(x.to(dtype).expand(*leading, -1), m.to(dtype).expand(*leading, -1, -1))
    return shape_noise(sound, filters).to(dtype)


def zero_phase_response(magnitudes: ArrayLike) -> Tensor:
    """Impulse response whose spectrum runs through the magnitudes: frequency sampling, then a Hann window.

    Args:
        magnitudes: (…, n_bands), linear, ≥ 0, evenly spaced from 0 to Nyquist.

    Returns:
        (…, 2 · (n_bands − 1)), symmetric about its middle sample, n_bands − 1, which is time 0. The window smooths
        the sampled spectrum over neighbouring bands by (¼, ½, ¼).

    Raises:
        ValueError: negative or NaN magnitudes, fewer than two bands.

    Chapter: book/shaping/noise.ipynb

    >>> zero_phase_response([1.0, 1.0, 1.0])
    tensor([0., 0., 1., 0.])
    """
    m = check_magnitudes(magnitudes, frames=False)
    half = int(m.shape[-1]) - 1
    response = torch.fft.irfft(in_single(m)[0], n=2 * half)  # time 0 first
    window = torch.hann_window(2 * half, dtype=response.dtype, device=response.device)
    return (response.roll(half, -1) * window).to(m)


def shape_noise(noise: Tensor, magnitudes: Tensor) -> Tensor:
    """Send a noise (…, n_samples) through the filters of checked magnitudes (…, n_frames, n_bands).

    >>> shape_noise(torch.ones(8), torch.ones(2, 3)).shape
    torch.Size([8])
    """
    n, n_frames, n_bands = (int(size) for size in (noise.shape[-1], *magnitudes.shape[-2:]))
    exact = magnitudes.to(noise)  # the FFT knows no half precision
    hop = -(-n // n_frames)
    half = n_bands - 1
    centres = torch.arange(n_frames, device=exact.device) * n // n_frames
    offsets = torch.arange(-hop, hop, device=exact.device)
    pieces = torch.nn.functional.pad(noise, (hop, hop))[..., (centres + hop).unsqueeze(-1) + offsets]
    pieces = pieces * _fades(centres, offsets.to(exact.dtype), n)
    size = _fast_length(2 * hop + 2 * half)
    spectrum = torch.fft.rfft(pieces, n=size) * torch.fft.rfft(zero_phase_response(exact), n=size)
    filtered = torch.fft.irfft(spectrum, n=size)[..., : 2 * hop + 2 * half - 1]  # (…, n_frames, a little over 2 hops)
    return _overlap_add(filtered, centres, hop + half, n).to(magnitudes)


def _fades(centres: Tensor, offsets: Tensor, n_samples: int) -> Tensor:
    """Triangles (n_frames, 2 · hop) from one frame's centre to the next that sum to 1 everywhere; the last is held."""
    ends = torch.cat([centres[1:], torch.full_like(centres[:1], n_samples)])
    after = (ends - centres).unsqueeze(-1)
    before = torch.cat([after[:1], after[:-1]])
    fade = torch.where(offsets < 0, 1.0 + offsets / before, 1.0 - offsets / after)
    held = torch.where(offsets >= 0, 1.0, fade[-1:])
    return torch.cat([fade[:-1], held]).clamp(min=0.0)


def _overlap_add(pieces: Tensor, centres: Tensor, lead: int, n_samples: int) -> Tensor:
    """Add pieces (…, n_frames, length), the first sample of piece i at centre i − lead, to (…, n_samples)."""
    leading, (n_frames, length) = pieces.shape[:-2], (int(size) for size in pieces.shape[-2:])
    flat = pieces.reshape(-1, n_frames * length)
    if n_samples % n_frames == 0:  # evenly spaced: one call of a tuned routine
        hop = n_samples // n_frames
        total = (n_frames - 1) * hop + length
        columns = pieces.reshape(-1, n_frames, length).transpose(1, 2)
        sums = torch.nn.functional.fold(columns, (1, total), (1, length), stride=(1, hop)).reshape(-1, total)
    else:
        total = (n_frames - 1) * n_samples // n_frames + length
        where = (centres.unsqueeze(-1) + torch.arange(length, device=pieces.device)).reshape(-1)
        sums = flat.new_zeros(flat.shape[0], total).index_add(1, where, flat)
    sums = torch.nn.functional.pad(sums, (0, max(0, lead + n_samples - total)))
    return sums[:, lead : lead + n_samples].reshape(*leading, n_samples)


def power_of_two(n: int) -> int:
    """The least power of two that is not below n; counted up, so that a compiler may leave n open.

    >>> power_of_two(1000)
    1024
    """
    power = 1
    while power < n:
        power *= 2
    return power


def _fast_length(n: int) -> int:
    """The next length that is a power of two, or three quarters of one."""
    power = power_of_two(n)
    return 3 * power // 4 if n <= 3 * power // 4 and power >= 4 else power


def check_magnitudes(magnitudes: ArrayLike, frames: bool) -> Tensor:
    """Magnitudes as a tensor, (…, n_bands) or (…, n_frames, n_bands), or ValueError.

    >>> check_magnitudes([0.5, 1.0], frames=False)
    tensor([0.5000, 1.0000])
    """
    m = check_finite(as_tensor(magnitudes, "magnitudes"), "magnitudes")
    shape = "(…, n_frames, n_bands) with at least one frame and" if frames else "(…, n_bands) with at least"
    if m.ndim < 1 + frames or m.shape[-1] < 2 or (frames and m.shape[-2] < 1):
        raise ValueError(f"magnitudes must be {shape} two bands; got shape {tuple(m.shape)}")
    if is_eager(m) and bool((m.detach() < 0).any()):
        raise ValueError(f"magnitudes must not be negative; got {m.detach().min().item():g}. Scale them first")
    return m
