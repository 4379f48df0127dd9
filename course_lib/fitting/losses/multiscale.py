"""The multi-scale spectral loss: of two sounds, and to one fixed target, which is several times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_audio, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike
from course_lib.fitting.losses.checks import check_fft_sizes, check_shapes, check_sounds
from course_lib.fitting.losses.reduction import Reduction, check_reduction, reduce_losses, reduce_means
from course_lib.fitting.losses.stft import hann_window, magnitudes

FFT_SIZES = (2048, 1024, 512, 256, 128, 64)
# Added inside the logarithm: −100 dB re 1, so that silence has a finite logarithm and a bounded gradient.
LOG_FLOOR = 1e-5


def multiscale_spectral_loss(
    prediction: ArrayLike, target: ArrayLike, fft_sizes: Sequence[int] = FFT_SIZES, *, reduction: Reduction = "mean"
) -> Tensor:
    """Sum over FFT sizes of ``mean |S − Ŝ| + mean |log S − log Ŝ|``: loud and quiet parts, near and far in time.

    Args:
        prediction: (…, n_samples).
        target: same shape.
        fft_sizes: lengths of the transforms, multiples of 4.
        reduction: of the sounds of a batch: their "mean", their "sum", or "none".

    Returns:
        A scalar; (…), one value for each sound, with "none". S as `stft_magnitude`, the logarithm natural, of S + 1e-5.

    Raises:
        ValueError: shapes that differ, no sizes, NaN or infinite samples, empty sound, an unknown reduction.

    Source: Engel et al., DDSP, 2020, section 4.2.1. Chapter: book/sines/harmonic.ipynb

    >>> multiscale_spectral_loss(torch.ones(256), torch.ones(256), fft_sizes=(64,))
    tensor(0.)
    """
    p, t = check_sounds(prediction, target)
    check_fft_sizes(fft_sizes)
    check_reduction(reduction)
    return _formula(p, t, fft_sizes, reduction)


def _formula(p: Tensor, t: Tensor, fft_sizes: Sequence[int], reduction: Reduction) -> Tensor:
    """The loss of checked sounds."""
    dtype = torch.promote_types(p.dtype, t.dtype)
    p, t = in_single(p, t)
    total = p.new_zeros(())
    for size in fft_sizes:
        p_mag, t_mag = magnitudes(p, size), magnitudes(t, size)
        linear = reduce_means((p_mag - t_mag).abs(), 2, reduction)
        log = reduce_means((torch.log(p_mag + LOG_FLOOR) - torch.log(t_mag + LOG_FLOOR)).abs(), 2, reduction)
        total = total + linear + log
    return total.to(dtype)


class MultiscaleSpectralLoss(nn.Module):
    """`multiscale_spectral_loss` as a module; to one fixed target it is several times as fast.

    `MultiscaleSpectralLoss()(prediction, target)` is the function. `MultiscaleSpectralLoss(target)(prediction)` gives
    the same number and gradient: the target's spectra are computed once, and the gradient with the loss, size by size,
    so that no spectrum is kept. Second derivatives, `torch.compile` and `torch.func` get the function's own formula.
    `fit` fixes the target by itself where it is given `multiscale_spectral_loss` or this module.

    Args:
        target: (…, n_samples), or None for a loss of two sounds; its gradient is not asked for.
        fft_sizes: lengths of the transforms, multiples of 4.
        reduction: of the sounds of a batch: their "mean", their "sum", or "none".

    Attributes:
        target: a buffer, which moves with `.to`; not in the `state_dict`, since a loss has learned nothing.

    Raises:
        ValueError: as `multiscale_spectral_loss`; a target given twice, or never.

    Chapter: book/sines/making_it_fast.ipynb

    >>> MultiscaleSpectralLoss(torch.ones(100))(torch.ones(100))
    tensor(0.)
    """

    target: Tensor | None

    def __init__(
        self, target: ArrayLike | None = None, fft_sizes: Sequence[int] = FFT_SIZES, *, reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        check_fft_sizes(fft_sizes)
        check_reduction(reduction)
        self.fft_sizes, self.reduction = tuple(fft_sizes), reduction
        fixed = None if target is None else check_audio(target, "target").detach().clone()
        self.register_buffer("target", fixed, persistent=False)
        self._spectra_of: Tensor | None = None
        self._spectra: list[tuple[Tensor, Tensor]] = []
        if fixed is not None and is_eager(fixed):
            self.spectra()

    def forward(self, prediction: ArrayLike, target: ArrayLike | None = None) -> Tensor:
        """Return the loss of a prediction (…, n_samples): a scalar, or (…) without reduction."""
        if self.target is None:
            if target is None:
                raise ValueError("there is no target: call loss(prediction, target), or make it to one target first")
            return multiscale_spectral_loss(prediction, target, self.fft_sizes, reduction=self.reduction)
        if target is not None:
            raise ValueError("this loss is to one fixed target: call loss(prediction), or make one without a target")
        p = check_audio(prediction, "prediction")
        check_shapes(p, self.target)
        if not is_eager(p, self.target):
            return _formula(p, self.target, self.fft_sizes, self.reduction)
        each = _FixedTargetLoss.apply(p, self)
        return reduce_losses(each, self.reduction).to(torch.promote_types(p.dtype, self.target.dtype))

    def for_target(self, target: ArrayLike) -> MultiscaleSpectralLoss:
        """Return this loss to one fixed target, as `fit` asks for it."""
        if self.target is not None:
            raise ValueError("this loss has a target of its own: give fit multiscale_spectral_loss, or one without")
        return MultiscaleSpectralLoss(target, self.fft_sizes, reduction=self.reduction)

    def spectra(self) -> list[tuple[Tensor, Tensor]]:
        """Magnitudes of the target and their logarithms, one pair a size; anew where `.to` has changed the target."""
        if self.target is not None and self._spectra_of is not self.target:
            edge = max(self.fft_sizes) // 2
            padded = _pad(self.target, edge)
            each = [_transform(padded, edge, size)[1] for size in self.fft_sizes]
            self._spectra = [(magnitude, torch.log(magnitude + LOG_FLOOR)) for magnitude in each]
            self._spectra_of = self.target
        return self._spectra

    def extra_repr(self) -> str:
        """What the repr shows."""
        fixed = "" if self.target is None else f"target={tuple(self.target.shape)}, "
        return f"{fixed}fft_sizes={self.fft_sizes}, reduction={self.reduction!r}"


# `fit` asks a loss for this form: the target is prepared once, and each call gets the prediction alone.
multiscale_spectral_loss.for_target = MultiscaleSpectralLoss  # type: ignore[attr-defined]


class _FixedTargetLoss(torch.autograd.Function):
    """The loss of each sound, (…), and, where it will be needed, its gradient, transform by transform."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, loss: MultiscaleSpectralLoss) -> Tensor:
        edge, n = max(loss.fft_sizes) // 2, prediction.shape[-1]
        x = _pad(prediction, edge)
        grad = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        total = x.new_zeros(len(x))
        for size, (target, log_target) in zip(loss.fft_sizes, loss.spectra(), strict=True):
            spectra, magnitude = _transform(x, edge, size)
            off, floored = magnitude - target, magnitude + LOG_FLOOR
            total = total + off.abs().mean((1, 2)) + (floored.log() - log_target).abs_().mean((1, 2))
            if grad is None:
                continue
            # Both terms have the sign of `off`; d|X| = Re(conj(X) dX) / |X|; a bin between the ends stands for two.
            weight = off.sign_().mul_(1 + 1 / floored).div_(magnitude.clamp_(min=1e-20))
            weight *= size / 2 / weight[0].numel()
            weight[..., [0, -1]] *= 2
            frames = torch.fft.irfft(spectra * weight.to(x.dtype), n=size) * hann_window(size, x.dtype, x.device)
            into, hop = grad[:, edge - size // 2 : edge + n + size // 2], size // 4
            for quarter in range(4):  # overlap-add: every fourth window lies beside the last
                stretch = into[:, quarter * hop : (quarter + frames.shape[1]) * hop]
                stretch += frames[..., quarter * hop : (quarter + 1) * hop].flatten(1)
        ctx.loss = loss
        ctx.save_for_backward(None if grad is None else grad[:, edge : edge + n].reshape(prediction.shape), prediction)
        return total.reshape(prediction.shape[:-1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        by_prediction, prediction = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient will be differentiated itself: it is that of the formula
            loss = ctx.loss
            each = _formula(prediction, loss.target, loss.fft_sizes, "none")
            return torch.autograd.grad(each, prediction, grad.to(each.dtype), create_graph=True)[0], None
        return (by_prediction * grad.unsqueeze(-1)).to(prediction.dtype), None


def _transform(padded: Tensor, edge: int, size: int) -> tuple[Tensor, Tensor]:
    """Spectra of padded sounds and their magnitudes, (batch, n_windows, n_bins), the windows of `stft_magnitude`."""
    reach = padded[:, edge - size // 2 : padded.shape[-1] - edge + size // 2]
    spectra = torch.fft.rfft(reach.unfold(-1, size, size // 4) * hann_window(size, padded.dtype, padded.device))
    return spectra, (spectra * spectra.conj()).real.sqrt()  # several times as quick as spectra.abs()


def _pad(sound: Tensor, edge: int) -> Tensor:
    """(…, n_samples) → (batch, edge + n_samples + edge), in a precision that the FFT knows."""
    (flat,) = in_single(sound.reshape(-1, sound.shape[-1]))
    return torch.nn.functional.pad(flat, (edge, edge))
