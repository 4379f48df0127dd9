"""Waveshaping: a sound sent through a curve, sample by sample, and what keeps its new harmonics below Nyquist."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_count, check_finite, check_leading, in_single
from course_lib.core.types import ArrayLike
from course_lib.effects.oversampling import lower_rate, raise_rate
from course_lib.kernels import curves
from course_lib.kernels.method import choose

# Steps of the input below which the quotient of differences loses digits; the mean over the step takes its place.
NEAR = 1e-4


def waveshape(
    audio: ArrayLike,
    curve: ArrayLike | Callable[[Tensor], Tensor],
    *,
    oversampling: int = 1,
    antiderivative: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Send every sample through a curve: y[n] = s(x[n]).

    A curve that is not straight makes harmonics, and those beyond Nyquist fold back: aliases. Two cures, which may be
    combined: `oversampling` makes room for them and filters them out; `antiderivative` takes the curve's mean between
    two neighbouring samples instead of its value, which weakens what is high, and delays by half a sample (of the
    raised rate). Antiderivatives help curves that clip, and hardly those that fold.

    Args:
        audio: (…, n_samples).
        curve: a function of tensors, sample by sample; or (…, n) values, n ≥ 2, evenly spaced over inputs −1 … 1, with
            straight lines between them, and held outside; leading axes as those of audio.
        oversampling: at how many times the sample rate it happens, 1 for none.
        antiderivative: F with F′ = curve, a function of tensors too; it is given double precision.

    Returns:
        (…, n_samples), with gradients to the sound and to the curve.

    Raises:
        ValueError: NaN; a curve of fewer than two values; leading axes that do not agree; oversampling below 1; an
            antiderivative of a curve that is given by its values.

    Source: Le Brun, Digital waveshaping synthesis, 1979; Parker, Zavalishin and Le Bivic, 2016. Chapter:
    book/other_instruments/waveshaping.ipynb

    >>> waveshape([-2.0, 0.0, 0.5], [-1.0, 0.0, 0.2])
    tensor([-1.0000,  0.0000,  0.1000])
    """
    x, factor = check_audio(audio), check_count(oversampling, "oversampling")
    dtype = x.dtype
    if not callable(curve):
        if antiderivative is not None:
            raise ValueError(
                "antiderivative goes with a curve that is a function; got one of values. Give both by a rule"
            )
        values = check_finite(as_tensor(curve, "curve"), "curve")
        if values.ndim < 1 or values.shape[-1] < 2:
            raise ValueError(f"curve must be (…, n) values with n of at least 2; got shape {tuple(values.shape)}")
        check_leading(audio=x.shape[:-1], curve=values.shape[:-1])
        dtype = torch.promote_types(x.dtype, values.dtype)
        (shape,) = in_single(values.to(dtype))

        def read(x: Tensor) -> Tensor:
            return read_curve(x, shape)

        curve = read
    (exact,) = in_single(x.to(dtype))
    raised = raise_rate(exact, factor)
    shaped = curve(raised) if antiderivative is None else _mean_between(raised, curve, antiderivative)
    if not isinstance(shaped, Tensor) or shaped.shape[-1:] != raised.shape[-1:]:
        raise ValueError("curve must give one value a sample, as torch.tanh does; use functions of tensors")
    return lower_rate(shaped, factor)[..., : x.shape[-1]].to(dtype)


def _mean_between(x: Tensor, curve: Callable[[Tensor], Tensor], antiderivative: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of the curve from each sample's input to the next: (F(x[n]) − F(x[n−1])) / (x[n] − x[n−1])."""
    now = x.double()  # the difference of nearly equal numbers
    before = torch.cat([now[..., :1], now[..., :-1]], -1)
    step = now - before
    near = step.detach().abs() < NEAR
    quotient = (antiderivative(now) - antiderivative(before)) / torch.where(near, 1.0, step)
    # Where both lie close together the quotient is 0 / 0. Simpson's rule there: exact but for the fourth power.
    mean = (curve(before) + 4 * curve((now + before) / 2) + curve(now)) / 6
    return torch.where(near, mean, quotient).to(x.dtype)


def read_curve(x: Tensor, values: Tensor) -> Tensor:
    """Read curves (…, n) over −1 … 1 at x (…, n_samples): straight lines between the values, held outside.

    The last value belongs to input 1 exactly, so the index is (x + 1) / 2 · (n − 1).

    >>> read_curve(torch.tensor([-1.0, 0.5, 1.0, 3.0]), torch.tensor([0.0, 2.0, 3.0]))
    tensor([0.0000, 2.5000, 3.0000, 3.0000])
    """
    way = choose("auto", x.numel(), x, values)
    return curves.read(x, values) if way == "kernel" else curves.read_reference(x, values)


class Curve(NamedTuple):
    """A curve given by a rule, and the rule of its antiderivative; called like a function.

    >>> double = Curve(lambda x: 2 * x, lambda x: x * x)
    >>> double(torch.tensor(3.0)), double.antiderivative(torch.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    rule: Callable[[Tensor], Tensor]
    antiderivative: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        """s(x)."""
        return self.rule(x)


def tanh_curve(drive: float = 1.0) -> Curve:
    """tanh(drive · x): clips softly; its antiderivative is log cosh(drive · x) / drive.

    Chapter: book/other_instruments/waveshaping.ipynb

    >>> waveshape([0.0, 0.5], tanh_curve(2.0))
    tensor([0.0000, 0.7616])
    """
    _check_drive(drive)

    def log_cosh(x: Tensor) -> Tensor:
        a = (drive * x).abs()  # for large a the cosine would overflow
        return (a + torch.log1p(torch.exp(-2 * a))) / drive

    return Curve(lambda x: torch.tanh(drive * x), log_cosh)


def clip_curve(drive: float = 1.0) -> Curve:
    """drive · x, cut off at ±1.

    Chapter: book/other_instruments/waveshaping.ipynb

    >>> waveshape([0.2, 0.5], clip_curve(4.0))
    tensor([0.8000, 1.0000])
    """
    _check_drive(drive)

    def area(x: Tensor) -> Tensor:
        a = (drive * x).abs()
        return torch.where(a < 1.0, a * a / 2, a - 0.5) / drive

    return Curve(lambda x: (drive * x).clamp(-1.0, 1.0), area)


def fold_curve(drive: float = 1.0) -> Curve:
    """sin(drive · x): beyond a quarter of a turn it comes back down, so that what is louder has more harmonics.

    Chapter: book/other_instruments/waveshaping.ipynb

    >>> waveshape([0.0, 1.0], fold_curve(3.1415926)).round(decimals=3)
    tensor([0., 0.])
    """
    _check_drive(drive)
    return Curve(lambda x: torch.sin(drive * x), lambda x: -torch.cos(drive * x) / drive)


def _check_drive(drive: float) -> None:
    if not drive > 0 or drive == float("inf"):
        raise ValueError(f"drive must be a positive number, such as 5.0; got {drive!r}")


def chebyshev_curve(weights: ArrayLike) -> Callable[[Tensor], Tensor]:
    """The curve that turns a cosine of amplitude 1 into Σ_k w_k · cos kφ: harmonic k as loud as the k-th weight.

    Chebyshev's polynomials: T_k(cos φ) = cos kφ, T_{k+1} = 2x · T_k − T_{k−1}. A sine gives the same harmonics in other
    phases. Of a quieter cosine the curve makes a mixture of all harmonics up to k, k − 2 …

    Args:
        weights: (…, K), of harmonics 1 … K; leading axes as those of the sound.

    Returns:
        A function of tensors (…, n_samples), for `waveshape`; inputs beyond ±1 count as ±1. It makes nothing above
        harmonic K, and has gradients to the weights.

    Raises:
        ValueError: no weights, NaN.

    Source: Le Brun, 1979. Chapter: book/other_instruments/waveshaping.ipynb

    >>> waveshape([1.0, 0.5, 0.0], chebyshev_curve([0.0, 1.0]))
    tensor([ 1.0000, -0.5000, -1.0000])
    """
    w = check_finite(as_tensor(weights, "weights"), "weights")
    if w.ndim < 1 or w.shape[-1] < 1:
        raise ValueError(f"weights must be (…, K), of harmonics 1 … K; got shape {tuple(w.shape)}")

    def curve(x: Tensor) -> Tensor:
        inside = x.clamp(-1.0, 1.0)
        before, now = torch.ones_like(inside), inside
        total = w[..., :1] * now
        for k in range(1, w.shape[-1]):
            before, now = now, 2 * inside * now - before
            total = total + w[..., k : k + 1] * now
        return total

    return curve
