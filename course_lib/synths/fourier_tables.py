"""Tables for the wavetable synthesizer: one cycle of a wave, as samples or as the Fourier coefficients of its sines."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_count, check_finite
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike


def tables_from_samples(samples: ArrayLike, n_harmonics: int | None = None) -> Tensor:
    """Fourier coefficients of one cycle of a wave, or of several: c_k = 2i/L · Σ_j x[j] e^{−2πi jk/L}.

    Args:
        samples: (…, length), one cycle each, three samples or more. A constant in them is dropped: it has no pitch.
        n_harmonics: K; what lies above is dropped. None: all that the samples hold, (length − 1) // 2.

    Returns:
        (…, K), complex: a coefficient's magnitude is its harmonic's amplitude, its angle the phase of the sine.

    Raises:
        ValueError: too few samples, NaN, or more harmonics than the samples hold.

    Chapter: book/other_instruments/wavetables.ipynb

    >>> tables_from_samples([0.0, 1.0, 0.0, -1.0])
    tensor([1.+0.j])
    """
    x = check_finite(as_tensor(samples, "samples"), "samples")
    length = x.shape[-1] if x.ndim else 0
    if length < 3:
        raise ValueError(f"samples must be (…, length), one cycle of 3 samples or more; got shape {tuple(x.shape)}")
    most = (length - 1) // 2
    k = most if n_harmonics is None else check_count(n_harmonics, "n_harmonics")
    if k > most:
        raise ValueError(f"{length} samples hold {most} harmonics; got n_harmonics = {k}. Draw the wave finer")
    x = x if x.dtype == torch.float64 else x.float()
    return torch.fft.rfft(x, norm="forward")[..., 1 : k + 1] * 2j


def samples_from_tables(tables: Tensor, length: int) -> Tensor:
    """One cycle of each wave, sampled: x[j] = Σ_k abs(c_k) · sin(2π jk/L + arg c_k).

    Args:
        tables: (…, K), complex Fourier coefficients.
        length: L, samples a cycle, more than 2K: fewer cannot hold K harmonics.

    Returns:
        (…, length).

    Raises:
        ValueError: no coefficients, NaN, or a length that is too short. TypeError: real numbers.

    Chapter: book/other_instruments/wavetables.ipynb

    >>> samples_from_tables(torch.tensor([1.0 + 0j]), 4).round(decimals=3)
    tensor([ 0.,  1.,  0., -1.])
    """
    c = check_tables(tables)
    size, k = check_count(length, "length"), c.shape[-1]
    if size <= 2 * k:
        raise ValueError(f"length must exceed twice the number of harmonics, {2 * k}; got {size}")
    return torch.fft.irfft(torch.nn.functional.pad(c * -0.5j * size, (1, size // 2 - k)), n=size)


def normalise_tables(tables: Tensor) -> Tensor:
    """Divide each table by the sum of its magnitudes, so that it never exceeds 1; one of zeros stays zeros.

    Args:
        tables: (…, K), complex Fourier coefficients.

    Returns:
        (…, K), complex, magnitudes that sum to 1.

    Raises:
        ValueError: no coefficients, or NaN. TypeError: real numbers.

    Chapter: book/other_instruments/wavetables.ipynb

    >>> normalise_tables(torch.tensor([[3.0 + 4.0j, 5.0 + 0j]]))
    tensor([[0.3000+0.4000j, 0.5000+0.0000j]])
    """
    c = check_tables(tables)
    total = c.abs().sum(-1, keepdim=True)
    return c / torch.where(total > 0, total, torch.ones_like(total))


def draw_tables(*, n_tables: int, n_harmonics: int, generator: torch.Generator | None = None) -> Tensor:
    """Random tables to start learning from: harmonic k is about as strong as a sawtooth's, its phase anywhere.

    Args:
        n_tables, n_harmonics: how many.
        generator: torch's global one if None, as PyTorch's own layers do.

    Returns:
        (n_tables, n_harmonics, 2), real and imaginary parts, not normalised: what a module keeps as its parameter.

    Raises:
        ValueError: a number below 1.

    Chapter: book/other_instruments/wavetables.ipynb

    >>> draw_tables(n_tables=3, n_harmonics=8, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([3, 8, 2])
    """
    n, k = check_count(n_tables, "n_tables"), check_count(n_harmonics, "n_harmonics")
    return (2 * torch.rand(n, k, 2, generator=generator) - 1) / torch.arange(1, k + 1).unsqueeze(-1)


def check_tables(tables: Tensor, name: str = "tables") -> Tensor:
    """Complex coefficients (…, K) as they are, or TypeError and ValueError.

    >>> check_tables(torch.ones(1, 2) + 0j).shape
    torch.Size([1, 2])
    """
    c = torch.as_tensor(tables)
    if not c.is_complex():
        raise TypeError(
            f"{name} must be complex Fourier coefficients; got {c.dtype}. Convert samples by tables_from_samples, "
            "amplitudes of plain sines by .to(torch.complex64)"
        )
    if c.ndim < 1 or c.numel() == 0:
        raise ValueError(f"{name} must hold a coefficient or more for each table; got shape {tuple(c.shape)}")
    c = c.to(torch.complex64) if c.dtype == torch.complex32 else c
    if is_eager(c):
        check_finite(torch.view_as_real(c.resolve_conj()), name)
    return c
