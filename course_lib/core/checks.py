"""Input checks shared by every floor: each raises ValueError with the rule, the value it got and the mend."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def as_tensor(value: Any, name: str) -> Tensor:
    """Return `value` as a floating-point tensor; integers, lists and NumPy arrays are converted.

    Args:
        value: a tensor, a number, or anything `torch.as_tensor` understands.
        name: what the caller calls it, for the message.

    Returns:
        The tensor, same device; float32 unless it already was floating point.

    Raises:
        TypeError: not numeric, or complex.

    >>> as_tensor([1, 2], "amplitude")
    tensor([1., 2.])
    """
    try:
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be numbers (a tensor, array, list or number); got {value!r:.80}") from error
    if tensor.is_complex():
        raise TypeError(f"{name} must be real, got {tensor.dtype}; take .real or .abs() first")
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def check_sample_rate(sample_rate: float) -> float:
    """Return the sample rate (Hz) or raise ValueError unless it is a positive, finite number.

    >>> check_sample_rate(44100)
    44100.0
    """
    try:
        rate = float(sample_rate)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_rate must be a number in Hz, such as 16000; got {sample_rate!r}") from error
    if not math.isfinite(rate) or rate <= 0:
        raise ValueError(f"sample_rate must be positive, in Hz, such as 16000; got {sample_rate!r}")
    return rate


def check_count(value: int, name: str, minimum: int = 1) -> int:
    """Return a whole number of at least `minimum`, or raise ValueError.

    >>> check_count(3.0, "n_partials")
    3
    """
    if isinstance(value, bool) or not isinstance(value, int):
        try:
            whole = int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name} must be a whole number; got {value!r}") from error
        if isinstance(value, bool) or whole != value:
            raise ValueError(f"{name} must be a whole number; got {value!r}")
        value = whole
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}; got {value}")
    return value


def check_finite(tensor: Tensor, name: str) -> Tensor:
    """Return the tensor, or raise ValueError where it holds NaN or infinity (the first place is named).

    >>> check_finite(torch.zeros(2), "gain")
    tensor([0., 0.])
    """
    if math.isfinite(float(tensor.detach().sum())):  # quicker; a sum that overflows is looked at closely
        return tensor
    good = torch.isfinite(tensor)
    if not bool(good.all()):
        where = (~good).nonzero()[0].tolist()
        value = tensor[tuple(where)].item()
        raise ValueError(f"{name} must be finite; it is {value} at index {where}. Check what computed it")
    return tensor


def check_audio(audio: Any, name: str = "audio", *, allow_silence: bool = True, minimum: int = 1) -> Tensor:
    """Return sound as a tensor (…, n_samples), or raise ValueError.

    Args:
        audio: samples, time last; any leading axes.
        name: what the caller calls it, for the message.
        allow_silence: whether all-zero sound is welcome.
        minimum: least number of samples.

    >>> check_audio([0.0, 0.5]).shape
    torch.Size([2])
    """
    tensor = as_tensor(audio, name)
    if tensor.ndim == 0:
        raise ValueError(f"{name} must have shape (…, n_samples); got a single number")
    if tensor.shape[-1] < minimum or tensor.numel() == 0:
        raise ValueError(f"{name} needs at least {minimum} sample(s); got shape {tuple(tensor.shape)}")
    check_finite(tensor, name)
    whole = not isinstance(audio, Tensor) or not audio.is_floating_point()
    if whole and float(tensor.detach().abs().max()) > 1 and bool((tensor == tensor.round()).all()):
        raise ValueError(f"{name} holds whole numbers up to {float(tensor.abs().max()):g}: divide PCM by 32768 first")
    if not allow_silence and not bool((tensor != 0).any()):
        raise ValueError(f"{name} is silent: every sample is 0, so there is nothing to analyse or to fit")
    return tensor


def check_frequency(frequency_hz: Any, name: str, sample_rate: float, *, below_nyquist: bool = False) -> Tensor:
    """Return frequencies (Hz) as a tensor; raise ValueError if negative, not finite, or (optionally) too high.

    >>> check_frequency(440, "f0_hz", sample_rate=16000)
    tensor(440.)
    """
    tensor = check_finite(as_tensor(frequency_hz, name), name)
    if tensor.numel() == 0:
        raise ValueError(f"{name} is empty: it needs at least one frame; got shape {tuple(tensor.shape)}")
    values = tensor.detach()
    if bool((values < 0).any()):
        raise ValueError(f"{name} must not be negative (0 means a rest); got {values.min().item():g} Hz")
    if below_nyquist and bool((values >= sample_rate / 2).any()):
        raise ValueError(
            f"{name} must stay below Nyquist, sample_rate / 2 = {sample_rate / 2:g} Hz; "
            f"got {values.max().item():g} Hz. "
            "Lower the frequency or raise the sample rate"
        )
    return tensor


def check_leading(**axes: torch.Size) -> torch.Size:
    """Return what leading (batch) axes broadcast to, or raise ValueError where they do not agree.

    >>> check_leading(f0_hz=torch.Size([4]), amplitude=torch.Size([1]))
    torch.Size([4])
    """
    try:
        return torch.broadcast_shapes(*axes.values())
    except RuntimeError as error:
        shapes = ", ".join(f"{name} {tuple(shape)}" for name, shape in axes.items())
        raise ValueError(f"leading axes do not agree: {shapes}; give each the same batch, or 1") from error
