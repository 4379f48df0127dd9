"""The loss as a landscape over frequency: its height, its slope, its dents, and how often the slope points home."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensor,
    check_audio,
    check_eager,
    check_finite,
    check_frequency,
    check_sample_rate,
)
from course_lib.core.types import ArrayLike
from course_lib.synths.oscillator import sinusoid

Loss = Callable[[Tensor, Tensor], Tensor]
ROWS = 128  # sines made at once: enough to be quick, few enough for a small memory


def local_minima(values: ArrayLike) -> np.ndarray:
    """Return the indices of the inner points of a curve that are lower than both neighbours.

    Args:
        values: (n,), heights along a line; two equal neighbours at the bottom count as no minimum.

    Returns:
        (n_minima,) integers, rising.

    Raises:
        ValueError: not one axis, NaN or infinite values.

    Chapter: book/sines/frequency_is_hard.ipynb

    >>> local_minima([3.0, 1.0, 2.0, 0.0, 4.0]).tolist()
    [1, 3]
    """
    check_eager("local_minima returns indices", values)
    y = check_finite(as_tensor(values, "values"), "values").detach().cpu().double().numpy()
    if y.ndim != 1:
        raise ValueError(f"values must have shape (n,); got {y.shape}")
    return np.flatnonzero((y[1:-1] < y[:-2]) & (y[1:-1] < y[2:])) + 1


def loss_over_frequency(loss: Loss, target: ArrayLike, frequencies_hz: ArrayLike, sample_rate: float) -> Tensor:
    """Loss of a sine of amplitude 1 and phase 0 against a target, at each of many frequencies.

    Args:
        loss: `loss(prediction, target)` → scalar.
        target: (n_samples,).
        frequencies_hz: (n,), Hz, below Nyquist.
        sample_rate: Hz.

    Returns:
        (n,), the loss at each frequency, without a gradient.

    Raises:
        ValueError: target not one sound, frequencies not (n,), negative, NaN, or at or above Nyquist.

    Chapter: book/sines/frequency_is_hard.ipynb

    >>> tone = sinusoid(100.0, 1.0, n_samples=64, sample_rate=1000)
    >>> loss_over_frequency(lambda y, x: (y - x).abs().mean(), tone, [50.0, 100.0], 1000)[1]
    tensor(0.)
    """
    x, f, rate = _check(target, frequencies_hz, sample_rate)
    with torch.no_grad():
        heights = [
            loss(y, x)
            for part in f.split(ROWS)
            for y in sinusoid(part[:, None], 1.0, n_samples=x.shape[-1], sample_rate=rate)
        ]
    return torch.stack(heights)


def gradient_over_frequency(loss: Loss, target: ArrayLike, frequencies_hz: ArrayLike, sample_rate: float) -> Tensor:
    """Derivative of that loss with respect to the frequency, at each of many frequencies.

    Args:
        loss: `loss(prediction, target)` → scalar, a mean over any leading axes (as the losses of this library are).
        target: (n_samples,).
        frequencies_hz: (n,), Hz, below Nyquist.
        sample_rate: Hz.

    Returns:
        (n,), loss per Hz. Negative means that the loss falls towards higher frequencies.

    Raises:
        ValueError: as `loss_over_frequency`.

    Chapter: book/sines/frequency_is_hard.ipynb

    >>> from functools import partial
    >>> from course_lib import sinusoid, spectral_transport_loss
    >>> loss = partial(spectral_transport_loss, sample_rate=16000)
    >>> target = sinusoid(440.0, 0.5, n_samples=1000, sample_rate=16000)
    >>> gradient_over_frequency(loss, target, [300.0, 600.0], sample_rate=16000).sign()
    tensor([-1.,  1.])
    """
    x, f, rate = _check(target, frequencies_hz, sample_rate)
    slopes = []
    for part in f.split(ROWS):
        leaf = part.detach().clone().requires_grad_()
        prediction = sinusoid(leaf[:, None], 1.0, n_samples=x.shape[-1], sample_rate=rate)
        # Each row depends on its own frequency alone, so the gradient of the mean holds every row's gradient / rows.
        mean = loss(prediction, x.expand_as(prediction))
        slopes.append(torch.autograd.grad(mean, leaf)[0] * len(part))
    return torch.cat(slopes)


def gradient_sign_accuracy(frequencies_hz: ArrayLike, gradients: ArrayLike, target_hz: float) -> float:
    """Share of frequencies at which a step downhill goes towards the target.

    Args:
        frequencies_hz: (n,), Hz, where the gradients were taken; the target's own frequency is left out.
        gradients: (n,), derivative of the loss with respect to frequency (or anything that rises with it).
        target_hz: the true frequency, Hz.

    Returns:
        A share from 0 to 1; tossing a coin gives 0.5. A gradient of exactly 0 points nowhere and counts as wrong.

    Raises:
        ValueError: lengths that differ, NaN, nothing but the target itself.

    Source: Turian and Henry, I'm Sorry for Your Loss, 2020. Chapter: book/sines/frequency_is_hard.ipynb

    >>> gradient_sign_accuracy([300.0, 400.0, 500.0], [-1.0, 2.0, 1.0], 440.0)
    0.6666666666666666
    """
    check_eager("gradient_sign_accuracy returns a plain number", frequencies_hz, gradients)
    f = check_finite(as_tensor(frequencies_hz, "frequencies_hz"), "frequencies_hz")
    g = check_finite(as_tensor(gradients, "gradients"), "gradients").to(f)
    if f.ndim != 1 or f.shape != g.shape:
        raise ValueError(
            f"frequencies_hz and gradients need the same shape (n,); got {tuple(f.shape)} and {tuple(g.shape)}"
        )
    elsewhere = f != target_hz
    if not bool(elsewhere.any()):
        raise ValueError(f"no frequency differs from the target, {target_hz:g} Hz: there is no way to point")
    right = torch.sign(g) == torch.sign(f - target_hz)
    return float(right[elsewhere].double().mean())


def _check(target: ArrayLike, frequencies_hz: ArrayLike, sample_rate: float) -> tuple[Tensor, Tensor, float]:
    """Target, frequencies in the target's precision, and rate; or ValueError."""
    check_eager("a landscape is drawn loss by loss, without a gradient", target, frequencies_hz)
    rate, x = check_sample_rate(sample_rate), check_audio(target, "target")
    f = check_frequency(frequencies_hz, "frequencies_hz", rate, below_nyquist=True)
    if x.ndim != 1:
        raise ValueError(f"target must be one sound, (n_samples,); got {tuple(x.shape)}")
    if f.ndim != 1:
        raise ValueError(f"frequencies_hz must have shape (n,); got {tuple(f.shape)}")
    return x, f.to(x), rate
