"""Input checks shared by every floor: each raises ValueError with the rule, the value it got and the mend.

Shapes and types are always looked at; values only where there are any (`is_eager`).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike

HALVES = (torch.float16, torch.bfloat16)
PRECISIONS = (*HALVES, torch.float32, torch.float64)


def as_tensor(value: ArrayLike, name: str) -> Tensor:
    """Return `value` as a floating-point tensor; integers, lists and NumPy arrays of any layout are converted.

    Args:
        value: a tensor, a number, or anything `torch.as_tensor` understands.
        name: what the caller calls it, for the message.

    Returns:
        The tensor, same device; float32 unless it already was floating point.

    Raises:
        TypeError: not numeric, complex, or of a precision that nothing can be computed in.

    >>> as_tensor([1, 2], "amplitude")
    tensor([1., 2.])
    """
    try:
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(_plain(value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be numbers (a tensor, array, list or number); got {value!r:.80}") from error
    if tensor.is_complex():
        raise TypeError(f"{name} must be real, got {tensor.dtype}; take .real or .abs() first")
    if not tensor.is_floating_point():
        return tensor.to(torch.get_default_dtype())
    if tensor.dtype not in PRECISIONS:
        raise TypeError(f"{name} must be of 16 bits or more, got {tensor.dtype}; convert it with .to(torch.float32)")
    return tensor


def as_tensors(**given: ArrayLike) -> tuple[Tensor, ...]:
    """Return each as `as_tensor` does; plain numbers take the precision and the device of what stands beside them.

    Args:
        given: by name, for the messages.

    Raises:
        TypeError: as `as_tensor`.

    >>> [x.dtype for x in as_tensors(rate_hz=5, depth=torch.ones(1, dtype=torch.float64))]
    [torch.float64, torch.float64]
    """
    tensors = {name: as_tensor(x, name) for name, x in given.items() if not isinstance(x, (int, float))}
    dtypes = [x.dtype for x in tensors.values()] or [torch.get_default_dtype()]
    dtype = functools.reduce(torch.promote_types, dtypes)
    device = next((x.device for x in tensors.values()), None)
    numbers = {
        name: torch.tensor(x, dtype=dtype, device=device) for name, x in given.items() if isinstance(x, (int, float))
    }
    return tuple((tensors | numbers)[name] for name in given)


def _plain(value: ArrayLike) -> Any:
    """A NumPy array as torch takes it: native byte order, no negative or odd steps, writable; all else untouched."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == np.longdouble:
        return value.astype(np.float64)
    native = value.astype(value.dtype.newbyteorder("="), copy=False)
    odd = any(step < 0 or step % native.itemsize for step in native.strides)
    return native.copy() if odd or not native.flags.writeable else native


def in_single(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors in float32 where they were float16 or bfloat16: for sums and angles, rounded at the end.

    >>> [x.dtype for x in in_single(torch.ones(1).half(), torch.ones(1).double())]
    [torch.float32, torch.float64]
    """
    return tuple([x.float() if x.dtype in HALVES else x for x in tensors])


def check_eager(what: str, *tensors: Any) -> None:
    """Raise NotImplementedError unless the values are there to be read, for what cannot do without them.

    what: a sentence's subject and verb, such as "track_f0 follows a path of whole numbers".

    >>> check_eager("track_f0 follows a path of whole numbers", torch.ones(3))
    """
    if not is_eager(*(x for x in tensors if isinstance(x, Tensor))):
        raise NotImplementedError(
            f"{what}: it reads values, so it cannot be compiled, exported, traced, mapped (torch.func) or run on meta "
            "tensors; call it outside, on plain tensors"
        )


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
    if not is_eager(tensor):
        return tensor
    if math.isfinite(float(tensor.detach().sum())):  # quicker; a sum that overflows is looked at closely
        return tensor
    good = torch.isfinite(tensor)
    if not bool(good.all()):
        where = (~good).nonzero()[0].tolist()
        value = tensor[tuple(where)].item()
        raise ValueError(f"{name} must be finite; it is {value} at index {where}. Check what computed it")
    return tensor


def check_audio(audio: ArrayLike, name: str = "audio", *, allow_silence: bool = True, minimum: int = 1) -> Tensor:
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
    if not is_eager(tensor):
        return tensor
    whole = not isinstance(audio, Tensor) or not audio.is_floating_point()
    if whole and float(tensor.detach().abs().max()) > 1 and bool((tensor == tensor.round()).all()):
        raise ValueError(f"{name} holds whole numbers up to {float(tensor.abs().max()):g}: divide PCM by 32768 first")
    if not allow_silence and not bool((tensor != 0).any()):
        raise ValueError(f"{name} is silent: every sample is 0, so there is nothing to analyse or to fit")
    return tensor


def check_frequency(frequency_hz: ArrayLike, name: str, sample_rate: float, *, below_nyquist: bool = False) -> Tensor:
    """Return frequencies (Hz) as a tensor; raise ValueError if negative, not finite, or (optionally) too high.

    >>> check_frequency(440, "f0_hz", sample_rate=16000)
    tensor(440.)
    """
    tensor = as_tensor(frequency_hz, name)
    if tensor.numel() == 0:
        raise ValueError(f"{name} is empty: it needs at least one frame; got shape {tuple(tensor.shape)}")
    if not is_eager(tensor):
        return tensor
    lowest, highest = (float(x) for x in tensor.detach().aminmax())  # NaN, if there is one, is both
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        check_finite(tensor, name)
    if lowest < 0:
        raise ValueError(f"{name} must not be negative (0 means a rest); got {lowest:g} Hz")
    if below_nyquist and highest >= sample_rate / 2:
        raise ValueError(
            f"{name} must stay below Nyquist, sample_rate / 2 = {sample_rate / 2:g} Hz; got {highest:g} Hz. "
            "Lower the frequency or raise the sample rate"
        )
    return tensor


def check_not_negative(tensor: Tensor, name: str, mend: str = "") -> Tensor:
    """Return the tensor, or raise ValueError where a value lies below 0 (the lowest is named).

    >>> check_not_negative(torch.tensor([0.0, 0.5]), "gain")
    tensor([0.0000, 0.5000])
    """
    if is_eager(tensor) and bool((tensor.detach() < 0).any()):
        raise ValueError(f"{name} must not be negative; got {tensor.detach().min().item():g}{mend}")
    return tensor


def check_leading(**axes: torch.Size) -> torch.Size:
    """Return what leading (batch) axes broadcast to, or raise ValueError where they do not agree.

    >>> check_leading(f0_hz=torch.Size([4]), amplitude=torch.Size([1]))
    torch.Size([4])
    """
    shapes = list(axes.values())
    if all(shape == shapes[0] for shape in shapes):  # as a rule; PyTorch's way to broadcast is a slow one
        return shapes[0]
    try:
        return torch.broadcast_shapes(*shapes)
    except RuntimeError as error:
        said = ", ".join(f"{name} {tuple(shape)}" for name, shape in axes.items())
        raise ValueError(f"leading axes do not agree: {said}; give each the same batch, or 1") from error
