"""What is wrong with a sound: distances between a prediction and a target."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import check_audio, check_count, check_sample_rate
from course_lib.core.frame_phase import refuse_double_backward

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
    _check_size(fft_size)
    if x.dtype in (torch.float16, torch.bfloat16):  # the FFT knows no half precision
        x = x.float()
    window = _window(fft_size, x.dtype, x.device)
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
    _check_sizes(fft_sizes)
    total = p.new_zeros(())
    for size in fft_sizes:
        p_mag, t_mag = stft_magnitude(p, size), stft_magnitude(t, size)
        linear = (p_mag - t_mag).abs().mean()
        log = (torch.log(p_mag + LOG_FLOOR) - torch.log(t_mag + LOG_FLOOR)).abs().mean()
        total = total + linear + log
    return total


def spectral_transport_loss(
    prediction: Any,
    target: Any,
    sample_rate: float,
    *,
    power: float = 2.0,
    target_power: float | None = None,
    window: str = "hann",
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

    Returns:
        A scalar, Hz: the mean over all leading axes.

    Raises:
        ValueError: shapes that differ, a silent target or prediction, a power that is not positive, unknown window,
            NaN, empty sound.

    Source: Torres, Peeters and Richard, Unsupervised harmonic parameter estimation using differentiable DSP and
    spectral optimal transport, 2024. Chapter: book/sines/escaping_minima.ipynb

    >>> low, high = (torch.sin(torch.arange(1024) * w) for w in (0.25 * torch.pi, 0.5 * torch.pi))
    >>> spectral_transport_loss(low, high, 16000).round()
    tensor(2000.)
    """
    p, t = _check_sounds(prediction, target)
    rate = check_sample_rate(sample_rate)
    t_power = power if target_power is None else target_power
    for name, exponent in (("power", power), ("target_power", t_power)):
        if not 0 < exponent < float("inf"):
            raise ValueError(f"{name} must be above 0 and finite, such as 2; got {exponent!r}")
    if window not in ("hann", "rectangular"):
        raise ValueError(f"unknown window {window!r}; choose hann or rectangular")
    n = p.shape[-1]
    shape = torch.hann_window(n, device=p.device, dtype=p.dtype) if window == "hann" else torch.ones_like(p[..., :1])
    climbs = []
    for name, sound, exponent in (
        ("prediction", p, power),
        ("target", t, power if target_power is None else target_power),
    ):
        spectrum = torch.fft.rfft(sound * shape)
        energy = spectrum.real.square() + spectrum.imag.square()
        top = energy.detach().amax(-1, keepdim=True)
        if bool((top == 0).any()):
            raise ValueError(f"{name} is silent: there is no energy to carry. Leave silent sounds out")
        mass = energy / top  # before the power is taken, so that nothing over- or underflows
        mass = mass if exponent == 2 else mass.clamp(min=1e-30) ** (exponent / 2)
        climbs.append((mass / mass.sum(-1, keepdim=True)).cumsum(-1))
    return (climbs[0] - climbs[1]).abs().sum(-1).mean() * (rate / n)


def autocorrelation_loss(prediction: Any, target: Any, lag_width: float) -> Tensor:
    """Mean squared difference of two autocorrelations near lag 0, lag 0 itself left out: spectra out of focus.

    A Gaussian of standard deviation `lag_width` weighs the lags. A narrow one blurs the power spectrum, so that distant
    peaks still feel each other; growing it while descending focuses. Lag 0 holds the energy of white noise.

    Args:
        prediction: (…, n_samples).
        target: same shape.
        lag_width: samples, above 0: 1 sees everything and nothing sharply, 512 tells neighbours apart.

    Returns:
        A scalar ≥ 0: the mean over all leading axes. Level does not matter: each is scaled to 1 at lag 0.

    Raises:
        ValueError: shapes that differ, a width that is not positive, fewer than 2 samples, NaN, empty sound.

    Chapter: book/sines/escaping_minima.ipynb
    """
    p, t = _check_sounds(prediction, target)
    n = p.shape[-1]
    if n < 2:
        raise ValueError(f"prediction and target need at least 2 samples to have a lag; got {n}")
    if not 0 < lag_width < float("inf"):
        raise ValueError(f"lag_width must be above 0 and finite, in samples, such as 2; got {lag_width!r}")
    n_lags = min(n - 1, math.ceil(4 * lag_width))
    lag = torch.arange(1, n_lags + 1, device=p.device, dtype=p.dtype)
    weight = torch.exp(-0.5 * (lag / lag_width) ** 2)
    ours, theirs = (_autocorrelation(x)[..., 1 : n_lags + 1] for x in (p, t))
    return ((ours - theirs).square() * (weight / weight.sum())).sum(-1).mean()


def _autocorrelation(sound: Tensor) -> Tensor:
    """Autocorrelation (…, lags from 0), scaled to 1 at lag 0; of silence, zeros."""
    spectrum = torch.fft.rfft(sound, n=2 * sound.shape[-1])
    whole = torch.fft.irfft(spectrum.real.square() + spectrum.imag.square())
    return whole / whole[..., :1].clamp(min=torch.finfo(sound.dtype).tiny)


class MultiscaleSpectralLoss:
    """`multiscale_spectral_loss` to one fixed target: the same number and gradient, several times as fast.

    The target's spectra are computed once. The gradient is computed with the loss, size by size, so that no spectrum is
    kept: it is first order only. `fit` uses this by itself where it is given `multiscale_spectral_loss`.

    Args:
        target: (…, n_samples); its gradient is not asked for.
        fft_sizes: lengths of the transforms, multiples of 4.

    Raises:
        ValueError: as `multiscale_spectral_loss`.

    Chapter: book/sines/making_it_fast.ipynb

    >>> MultiscaleSpectralLoss(torch.ones(100))(torch.ones(100))
    tensor(0.)
    """

    def __init__(self, target: Any, fft_sizes: Sequence[int] = FFT_SIZES) -> None:
        self.target = check_audio(target, "target").detach().clone()
        _check_sizes(fft_sizes)
        self.fft_sizes = tuple(fft_sizes)
        self.edge = max(fft_sizes) // 2
        padded = _pad(self.target, self.edge)
        self.magnitudes = [_transform(padded, self.edge, size)[1] for size in fft_sizes]
        self.logarithms = [torch.log(magnitude + LOG_FLOOR) for magnitude in self.magnitudes]

    def __call__(self, prediction: Any) -> Tensor:
        """Return the loss of a prediction (…, n_samples), a scalar."""
        p = check_audio(prediction, "prediction")
        _check_shapes(p, self.target)
        return _FixedTargetLoss.apply(p, self)


# Losses of (prediction, target) that know a quicker form for a target that stays the same.
FIXED_TARGET: dict[Callable[..., Tensor], Callable[[Tensor], Callable[[Tensor], Tensor]]] = {
    multiscale_spectral_loss: MultiscaleSpectralLoss
}


class _FixedTargetLoss(torch.autograd.Function):
    """The loss and, where it will be needed, its gradient, transform by transform."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, loss: MultiscaleSpectralLoss) -> Tensor:
        edge, n, x = loss.edge, prediction.shape[-1], _pad(prediction, loss.edge)
        grad = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        total = x.new_zeros(())
        for size, target, log_target in zip(loss.fft_sizes, loss.magnitudes, loss.logarithms, strict=True):
            spectra, magnitude = _transform(x, edge, size)
            off, floored = magnitude - target, magnitude + LOG_FLOOR
            total = total + off.abs().mean() + (floored.log() - log_target).abs_().mean()
            if grad is None:
                continue
            # Both terms have the sign of `off`; d|X| = Re(conj(X) dX) / |X|; a bin between the ends stands for two.
            weight = off.sign_().mul_(1 + 1 / floored).div_(magnitude.clamp_(min=1e-20))
            weight *= size / 2 / weight.numel()
            weight[..., [0, -1]] *= 2
            frames = torch.fft.irfft(spectra * weight.to(x.dtype), n=size) * _window(size, x.dtype, x.device)
            into, hop = grad[:, edge - size // 2 : edge + n + size // 2], size // 4
            for quarter in range(4):  # overlap-add: every fourth window lies beside the last
                stretch = into[:, quarter * hop : (quarter + frames.shape[1]) * hop]
                stretch += frames[..., quarter * hop : (quarter + 1) * hop].flatten(1)
        by_prediction = None if grad is None else grad[:, edge : edge + n].reshape(prediction.shape)
        ctx.save_for_backward(by_prediction, prediction)
        return total.to(prediction.dtype)

    @staticmethod
    @refuse_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        by_prediction, _ = ctx.saved_tensors
        return (by_prediction * grad).to(grad.dtype), None


@functools.lru_cache(maxsize=64)
def _window(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A periodic Hann window, made once; also for training if a first call comes without gradients."""
    with torch.inference_mode(False):
        return torch.hann_window(size, dtype=dtype, device=device)


def _check_size(fft_size: Any) -> None:
    if check_count(fft_size, "fft_size", minimum=4) % 4:
        raise ValueError(f"fft_size must be a multiple of 4, for a hop of a quarter; got {fft_size}")


def _check_sizes(fft_sizes: Any) -> None:
    """A sequence of at least one good length, or ValueError."""
    if not isinstance(fft_sizes, Sequence) or len(fft_sizes) == 0:
        raise ValueError(f"fft_sizes must be a sequence of at least one length, such as (512,); got {fft_sizes!r}")
    for size in fft_sizes:
        _check_size(size)


def _transform(padded: Tensor, edge: int, size: int) -> tuple[Tensor, Tensor]:
    """Spectra of padded sounds and their magnitudes, (batch, n_windows, n_bins), the windows of `stft_magnitude`."""
    reach = padded[:, edge - size // 2 : padded.shape[-1] - edge + size // 2]
    spectra = torch.fft.rfft(reach.unfold(-1, size, size // 4) * _window(size, padded.dtype, padded.device))
    return spectra, (spectra * spectra.conj()).real.sqrt()  # several times as quick as spectra.abs()


def _pad(sound: Tensor, edge: int) -> Tensor:
    """(…, n_samples) → (batch, edge + n_samples + edge), in a precision that the FFT knows."""
    flat = sound.reshape(-1, sound.shape[-1])
    flat = flat.float() if flat.dtype in (torch.float16, torch.bfloat16) else flat
    return torch.nn.functional.pad(flat, (edge, edge))


def _check_sounds(prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Both sounds as tensors of one shape, or ValueError: broadcasting here has hidden many a bug."""
    p, t = check_audio(prediction, "prediction"), check_audio(target, "target")
    _check_shapes(p, t)
    return p, t


def _check_shapes(p: Tensor, t: Tensor) -> None:
    if p.shape != t.shape:
        raise ValueError(f"prediction and target must have the same shape; got {tuple(p.shape)} and {tuple(t.shape)}")
