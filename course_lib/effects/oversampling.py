"""More samples a second and back again, by a whole factor: room for harmonics that a nonlinearity makes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_lib.core.checks import check_audio, check_count, in_single
from course_lib.core.types import ArrayLike

REACH = 64  # samples at the lower rate that the filter sees on either side
BLOCK = 64  # samples at the lower rate that one row of the matrix product makes
KAISER = 8.0  # of the window: 80 dB below, and a transition of 8 % of Nyquist, all of it below Nyquist
MIDDLE = 0.961  # where the filter has 6 dB less, as a share of the lower rate's Nyquist


def raise_rate(audio: ArrayLike, factor: int) -> Tensor:
    """Put factor − 1 samples between any two, on the band-limited curve through them.

    Args:
        audio: (…, n_samples), silent before and after.
        factor: how many times as many samples, at least 1.

    Returns:
        (…, factor · n_samples), without delay: sample factor · n lies where sample n did. What lies above 92 % of the
        old Nyquist fades away. Differentiable.

    Raises:
        ValueError: empty or NaN sound, a factor that is no whole number of at least 1.

    Chapter: book/other_instruments/waveshaping.ipynb

    >>> raise_rate(torch.ones(1000), 2)[900:904].round(decimals=3)
    tensor([1., 1., 1., 1.])
    """
    x, times = check_audio(audio), check_count(factor, "factor")
    if times == 1:
        return x
    (exact,) = in_single(x)
    taps = times * lowpass_taps(times).to(exact)
    last, step = len(taps) - 1, times * BLOCK
    n = int(x.shape[-1])
    # Row i, column b: sample b of a block of the result takes this tap of sample i of its window.
    window = BLOCK + 2 * REACH
    rows, columns = torch.arange(window, device=x.device), torch.arange(step, device=x.device)
    matrix = _tap(taps, columns + last - times * rows.unsqueeze(-1))
    return _blocks(exact, matrix, lead=REACH, step=BLOCK, n=n)[..., : times * n].to(x.dtype)


def lower_rate(audio: ArrayLike, factor: int) -> Tensor:
    """Take away what the lower rate cannot hold, and keep each factor-th sample.

    Args:
        audio: (…, n_samples), silent before and after.
        factor: how many times fewer samples, at least 1.

    Returns:
        (…, n_samples / factor, rounded up), without delay. What lies above the new Nyquist is 80 dB down, and the last
        8 % below it fade. Differentiable.

    Raises:
        ValueError: empty or NaN sound, a factor that is no whole number of at least 1.

    Chapter: book/other_instruments/waveshaping.ipynb

    >>> lower_rate(torch.ones(2000), 2)[450:453].round(decimals=3)
    tensor([1., 1., 1.])
    """
    x, times = check_audio(audio), check_count(factor, "factor")
    if times == 1:
        return x
    (exact,) = in_single(x)
    taps = lowpass_taps(times).to(exact)
    return keep_each(exact, taps, times, ahead=times * REACH).to(x.dtype)


def keep_each(sound: Tensor, taps: Tensor, factor: int, *, ahead: int) -> Tensor:
    """Filter and keep each factor-th sample: y[n] = Σ_j taps[j] · x[factor · n + ahead − j], silent outside.

    A product of matrices, block by block: no sample is computed that is not kept, and the way back is one as well. On
    one core that is some fifty times as quick as PyTorch's strided convolution, and three times as quick as one FFT.

    >>> keep_each(torch.arange(6.0), torch.ones(1), 2, ahead=0)
    tensor([0., 2., 4.])
    """
    n = -(-int(sound.shape[-1]) // factor)
    last, step = len(taps) - 1, factor * BLOCK
    window = step - factor + last + 1
    rows, columns = torch.arange(window, device=sound.device), torch.arange(BLOCK, device=sound.device)
    matrix = _tap(taps, factor * columns + last - rows.unsqueeze(-1))
    return _blocks(sound, matrix, lead=last - ahead, step=step, n=n * factor)[..., :n]


def lowpass_taps(factor: int) -> Tensor:
    """The filter of both, (2 · REACH · factor + 1,) in float64, its middle at time 0; the taps sum to 1.

    >>> lowpass_taps(2).shape
    torch.Size([257])
    """
    half = REACH * factor
    t = torch.arange(-half, half + 1, dtype=torch.float64)
    window = torch.kaiser_window(2 * half + 1, periodic=False, beta=KAISER, dtype=torch.float64)
    taps = torch.sinc(MIDDLE / factor * t) * window
    return taps / taps.sum()


def early_taps(factor: int) -> Tensor:
    """A filter of the same magnitudes that looks at the past alone, and delays as little as such a filter can.

    For a sound that is made as it goes along. It is the minimum-phase one, by way of the cepstrum: the logarithm of the
    magnitudes, folded onto positive times. It delays what is low by two samples of the lower rate, and what lies near
    Nyquist by more.

    >>> early_taps(2)[:2].round(decimals=3)
    tensor([0.0020, 0.0160], dtype=torch.float64)
    """
    taps = lowpass_taps(factor)
    size = 1 << 14
    power = torch.fft.rfft(taps, n=size).abs().square() + 1e-12  # no logarithm of 0
    cepstrum = torch.fft.irfft(0.5 * power.log(), n=size)
    folded = torch.cat([cepstrum[:1], 2 * cepstrum[1 : size // 2], cepstrum[size // 2 : size // 2 + 1]])
    early = torch.fft.irfft(torch.exp(torch.fft.rfft(folded, n=size)), n=size)[: len(taps)]
    return early / early.sum()


def _tap(taps: Tensor, index: Tensor) -> Tensor:
    """taps[index], 0 outside."""
    inside = (index >= 0) & (index < len(taps))
    return torch.where(inside, taps[index.clamp(0, len(taps) - 1)], 0.0)


def _blocks(x: Tensor, matrix: Tensor, *, lead: int, step: int, n: int) -> Tensor:
    """Each block of `step` samples, with `lead` before it and as many behind as the matrix has rows, times the matrix.

    x (…, n_samples) → (…, blocks · columns); blocks for n samples.
    """
    count, parts = -(-n // step), -(-matrix.shape[0] // step)
    total = (count + parts - 1) * step
    rows = pad(x, (lead, total - lead - int(x.shape[-1]))).reshape(*x.shape[:-1], count + parts - 1, step)
    matrix = pad(matrix, (0, 0, 0, parts * step - matrix.shape[0]))
    windows = torch.cat([rows[..., k : k + count, :] for k in range(parts)], -1)
    return (windows @ matrix).flatten(-2)
