"""The multi-scale spectral loss: of two sounds, and to one fixed target, which is several times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.core.checks import check_audio
from course_lib.core.double_backward import refuse_double_backward
from course_lib.fitting.losses.checks import check_fft_sizes, check_shapes, check_sounds
from course_lib.fitting.losses.stft import hann_window, stft_magnitude

FFT_SIZES = (2048, 1024, 512, 256, 128, 64)
# Added inside the logarithm: −100 dB re 1, so that silence has a finite logarithm and a bounded gradient.
LOG_FLOOR = 1e-5


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

    Source: Engel et al., DDSP, 2020, section 4.2.1. Chapter: book/sines/harmonic.ipynb

    >>> multiscale_spectral_loss(torch.ones(256), torch.ones(256), fft_sizes=(64,))
    tensor(0.)
    """
    p, t = check_sounds(prediction, target)
    check_fft_sizes(fft_sizes)
    total = p.new_zeros(())
    for size in fft_sizes:
        p_mag, t_mag = stft_magnitude(p, size), stft_magnitude(t, size)
        linear = (p_mag - t_mag).abs().mean()
        log = (torch.log(p_mag + LOG_FLOOR) - torch.log(t_mag + LOG_FLOOR)).abs().mean()
        total = total + linear + log
    return total


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
        check_fft_sizes(fft_sizes)
        self.fft_sizes = tuple(fft_sizes)
        self.edge = max(fft_sizes) // 2
        padded = _pad(self.target, self.edge)
        self.magnitudes = [_transform(padded, self.edge, size)[1] for size in fft_sizes]
        self.logarithms = [torch.log(magnitude + LOG_FLOOR) for magnitude in self.magnitudes]

    def __call__(self, prediction: Any) -> Tensor:
        """Return the loss of a prediction (…, n_samples), a scalar."""
        p = check_audio(prediction, "prediction")
        check_shapes(p, self.target)
        return _FixedTargetLoss.apply(p, self)


# `fit` asks a loss for this form: the target is prepared once, and each call gets the prediction alone.
multiscale_spectral_loss.for_target = MultiscaleSpectralLoss  # type: ignore[attr-defined]


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
            frames = torch.fft.irfft(spectra * weight.to(x.dtype), n=size) * hann_window(size, x.dtype, x.device)
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


def _transform(padded: Tensor, edge: int, size: int) -> tuple[Tensor, Tensor]:
    """Spectra of padded sounds and their magnitudes, (batch, n_windows, n_bins), the windows of `stft_magnitude`."""
    reach = padded[:, edge - size // 2 : padded.shape[-1] - edge + size // 2]
    spectra = torch.fft.rfft(reach.unfold(-1, size, size // 4) * hann_window(size, padded.dtype, padded.device))
    return spectra, (spectra * spectra.conj()).real.sqrt()  # several times as quick as spectra.abs()


def _pad(sound: Tensor, edge: int) -> Tensor:
    """(…, n_samples) → (batch, edge + n_samples + edge), in a precision that the FFT knows."""
    flat = sound.reshape(-1, sound.shape[-1])
    flat = flat.float() if flat.dtype in (torch.float16, torch.bfloat16) else flat
    return torch.nn.functional.pad(flat, (edge, edge))
