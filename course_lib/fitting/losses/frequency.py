"""Losses that notice a distant frequency: transport of energy, and agreement of autocorrelations."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from course_lib.core.checks import check_sample_rate, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike
from course_lib.fitting.losses.checks import check_sounds
from course_lib.fitting.losses.reduction import Reduction, check_reduction, reduce_losses

Window = Literal["hann", "rectangular"]
WINDOWS: tuple[Window, ...] = get_args(Window)


def spectral_transport_loss(
    prediction: ArrayLike,
    target: ArrayLike,
    sample_rate: float,
    *,
    power: float = 2.0,
    target_power: float | None = None,
    window: Window = "hann",
    reduction: Reduction = "mean",
) -> Tensor:
    """How far, in Hz, the energy of one spectrum must be carried to become the other: 1-D optimal transport (W₁).

    Each spectrum is scaled to a total of 1, so level does not matter; its running sum climbs from 0 to 1, and the loss
    is the area between the two climbs. For two sines it is the distance of their frequencies, however far apart.

    Args:
        prediction: (…, n_samples).
        target: same shape, not silent.
        sample_rate: Hz.
        power: exponent of the magnitudes. 2 is energy; more sharpens peaks against noise.
        target_power: the same for the target; `power` if None. A target sharpened to 16 is hardly moved by noise.
        window: "hann", or "rectangular", for hearing why nobody should: its leakage dents the valley.
        reduction: of the sounds of a batch: their "mean", their "sum", or "none".

    Returns:
        A scalar, Hz; (…), one value for each sound, with "none".

    Raises:
        ValueError: shapes that differ, a silent target or prediction, a power that is not positive, unknown window
            or reduction, NaN, empty sound.

    Source: Torres, Peeters and Richard, Unsupervised harmonic parameter estimation using differentiable DSP and
    spectral optimal transport, 2024. Chapter: book/sines/escaping_minima.ipynb

    >>> low, high = (torch.sin(torch.arange(1024) * w) for w in (0.25 * torch.pi, 0.5 * torch.pi))
    >>> spectral_transport_loss(low, high, 16000).round()
    tensor(2000.)
    """
    p, t = check_sounds(prediction, target)
    check_reduction(reduction)
    rate = check_sample_rate(sample_rate)
    t_power = power if target_power is None else target_power
    for name, exponent in (("power", power), ("target_power", t_power)):
        if not 0 < exponent < float("inf"):
            raise ValueError(f"{name} must be above 0 and finite, such as 2; got {exponent!r}")
    if window not in WINDOWS:
        raise ValueError(f"unknown window {window!r}; choose {' or '.join(WINDOWS)}")
    dtype, n = torch.promote_types(p.dtype, t.dtype), int(p.shape[-1])
    p, t = in_single(p, t)
    shape = torch.hann_window(n, device=p.device, dtype=p.dtype) if window == "hann" else torch.ones_like(p[..., :1])
    climbs = []
    for name, sound, exponent in (
        ("prediction", p, power),
        ("target", t, power if target_power is None else target_power),
    ):
        spectrum = torch.fft.rfft(sound * shape)
        energy = spectrum.real.square() + spectrum.imag.square()
        top = energy.detach().amax(-1, keepdim=True)
        if is_eager(top) and bool((top == 0).any()):
            raise ValueError(f"{name} is silent: there is no energy to carry. Leave silent sounds out")
        mass = energy / top  # before the power is taken, so that nothing over- or underflows
        mass = mass if exponent == 2 else mass.clamp(min=1e-30) ** (exponent / 2)
        climbs.append((mass / mass.sum(-1, keepdim=True)).cumsum(-1))
    return (reduce_losses((climbs[0] - climbs[1]).abs().sum(-1), reduction) * (rate / n)).to(dtype)


def autocorrelation_loss(
    prediction: ArrayLike, target: ArrayLike, lag_width: float, *, reduction: Reduction = "mean"
) -> Tensor:
    """Mean squared difference of two autocorrelations near lag 0, lag 0 itself left out: spectra out of focus.

    A Gaussian of standard deviation `lag_width` weighs the lags. A narrow one blurs the power spectrum, so that distant
    peaks still feel each other; growing it while descending focuses. Lag 0 holds the energy of white noise.

    Args:
        prediction: (…, n_samples).
        target: same shape.
        lag_width: samples, above 0: 1 sees everything and nothing sharply, 512 tells neighbours apart.
        reduction: of the sounds of a batch: their "mean", their "sum", or "none".

    Returns:
        A scalar ≥ 0; (…), one value for each sound, with "none". Level does not matter: each is scaled to 1 at lag 0.

    Raises:
        ValueError: shapes that differ, a width that is not positive, fewer than 2 samples, NaN, empty sound, an unknown
            reduction.

    Chapter: book/sines/escaping_minima.ipynb

    >>> autocorrelation_loss(torch.ones(64), 0.5 * torch.ones(64), lag_width=4.0)
    tensor(0.)
    """
    p, t = check_sounds(prediction, target)
    check_reduction(reduction)
    dtype, n = torch.promote_types(p.dtype, t.dtype), int(p.shape[-1])
    if n < 2:
        raise ValueError(f"prediction and target need at least 2 samples to have a lag; got {n}")
    if not 0 < lag_width < float("inf"):
        raise ValueError(f"lag_width must be above 0 and finite, in samples, such as 2; got {lag_width!r}")
    p, t = in_single(p, t)
    n_lags = min(n - 1, math.ceil(4 * lag_width))
    lag = torch.arange(1, n_lags + 1, device=p.device, dtype=p.dtype)
    weight = torch.exp(-0.5 * (lag / lag_width) ** 2)
    ours, theirs = (_autocorrelation(x)[..., 1 : n_lags + 1] for x in (p, t))
    return reduce_losses(((ours - theirs).square() * (weight / weight.sum())).sum(-1), reduction).to(dtype)


def _autocorrelation(sound: Tensor) -> Tensor:
    """Autocorrelation (…, lags from 0), scaled to 1 at lag 0; of silence, zeros."""
    spectrum = torch.fft.rfft(sound, n=2 * sound.shape[-1])
    whole = torch.fft.irfft(spectrum.real.square() + spectrum.imag.square())
    return whole / whole[..., :1].clamp(min=torch.finfo(sound.dtype).tiny)
