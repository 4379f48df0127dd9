"""Reads what an answer returned, in whatever form it comes, and says in words where it is off.

Tensors, NumPy arrays, Python numbers and (nested) lists of any precision are read alike; the checks compare in float64,
never more tightly than float32 can answer.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.verdict import NotAttempted, Wrong

# The least tolerance, relative to the largest value: some hundred times the spacing of float32, since right answers
# round at every step.
FLOAT32 = 2e-5
MOST_NUMBERS, MOST_AXES = 2_000_000, 8


def expect_tensor(value: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    """Return the value as a float64 tensor of the expected shape, or raise Wrong with a helpful message."""
    tensor = _tensor_of(value)
    found, wanted = tuple(tensor.shape), None if shape is None else tuple(shape)
    if wanted == () and tensor.numel() == 1:
        tensor = tensor.reshape(())  # one number is one number, in brackets or not
    elif wanted == ():
        raise Wrong(f"one number is asked for, and you give the shape {found}: is a sum, a mean or an index missing?")
    elif wanted is not None and found != wanted:
        if found == tuple(reversed(wanted)):
            raise Wrong(f"the axes are transposed: shape {found}, expected {wanted}.")
        more = ""
        if [n for n in found if n != 1] == [n for n in wanted if n != 1]:
            more = " An axis of length 1 is one too many (squeeze it)." if len(found) > len(wanted) else (
                " An axis of length 1 is missing (unsqueeze it)." if len(found) < len(wanted) else "")  # fmt: skip
        raise Wrong(f"the shape is {found}, expected {wanted}.{more}")
    if tensor.numel() == 0 and wanted is None:
        raise Wrong("the result is empty.")
    if not bool(torch.isfinite(tensor).all()):
        raise Wrong("the result holds NaN or infinity.")
    return tensor


def number(value: Any) -> float:
    """One number of any kind."""
    return float(expect_tensor(value, ()))


def whole(value: Any) -> int:
    """One whole number; 3.0000002, as float32 may leave it, is 3."""
    got = number(value)
    if abs(got - round(got)) > max(1e-3, FLOAT32 * abs(got)):
        raise Wrong(f"a whole number is asked for, and you give {got:.8g}.")
    return round(got)


def truth(value: Any) -> bool:
    """True or False of any kind; 1 and 0 will do."""
    got = number(value)
    if got not in (0.0, 1.0):
        raise Wrong(f"answer with True or False; you give {got:g}.")
    return bool(got)


def pair(value: Any, ask: str) -> tuple[Any, Any]:
    """Two things in a tuple, a list, or along the first axis; `ask` says which, to whoever returns something else."""
    if isinstance(value, (Tensor, np.ndarray)) and value.shape[:1] == (2,):
        value = list(value)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise Wrong(ask)
    if value[0] is Ellipsis or value[1] is Ellipsis:
        raise NotAttempted
    return value[0], value[1]


def close(value: Tensor, reference: Any, tolerance: float = 1e-4) -> bool:
    """Whether a result equals a reference within a tolerance relative to the reference's largest value.

    A tolerance that float32 cannot keep is widened to one that it can.
    """
    expected = _float64(reference)
    largest = max(1e-12, float(expected.abs().max()))
    return bool((value - expected).abs().max() <= max(tolerance, FLOAT32) * largest)


def name_the_slip(got: Any, slips: Mapping[str, Any], tolerance: float = 1e-4) -> None:
    """Raise Wrong with the message of the first slip whose value this is; each message with what the slip gives."""
    got = _float64(got)
    for message, value in slips.items():
        value = _float64(value)
        if value.shape == got.shape and bool(torch.isfinite(value).all()) and close(got, value, tolerance):
            raise Wrong(message)


def apart(one: float, other: float, digits: int = 4) -> tuple[str, str]:
    """Two numbers with as many digits as are needed to tell them apart, and no fewer than `digits`.

    >>> apart(0.175, 0.1750001)
    ('0.1750000', '0.1750001')
    """
    one, other = float(one), float(other)
    size = max(abs(one), abs(other))
    for places in range(digits, 18):
        if size == 0 or not 1e-4 <= size < 1e7:
            texts = [f"{x:.{places}g}" for x in (one, other)]
        else:
            decimals = max(0, places - 1 - math.floor(math.log10(size)))
            texts = [f"{x:.{decimals}f}" for x in (one, other)]
        texts = [text.lstrip("-") if float(text) == 0 else text for text in texts]
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]


def you_give(got: Any, right: Any, unit: str = "") -> str:
    """ "you give 3.1 dB, it is 2.9 dB": of one number, or of the place in an array that is farthest off."""
    got, right, where = _float64(got), _float64(right), ""
    if got.ndim:
        index = np.unravel_index(int((got - right).abs().argmax()), tuple(got.shape))
        where = f"at [{', '.join(map(str, index))}] "
        got, right = got[index], right[index]
    texts, unit = apart(float(got), float(right)), f" {unit}" if unit else ""
    return f"{where}you give {texts[0]}{unit}, it is {texts[1]}{unit}"


def _float64(value: Any) -> Tensor:
    """A check's own numbers as a tensor; NumPy's may run backwards, which PyTorch does not take."""
    return torch.as_tensor(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value, dtype=torch.float64)


def _tensor_of(value: Any, depth: int = 0) -> Tensor:
    """Numbers of any form as a float64 tensor on the CPU."""
    if depth > MOST_AXES:
        raise Wrong("the list is nested far too deep.")
    if isinstance(value, (Tensor, np.ndarray)) and math.prod(value.shape) > MOST_NUMBERS:
        raise Wrong(f"the shape is {tuple(value.shape)}: far more numbers than are asked for.")
    if value is Ellipsis or value is None:
        raise NotAttempted
    if isinstance(value, (list, tuple)):
        return _of_list(value, depth)
    if isinstance(value, Tensor):
        if value.is_complex():
            raise Wrong("these are complex numbers: take .abs(), .real or .imag, whichever is meant.")
        if value.device.type == "meta":
            raise Wrong("the tensor is on the device 'meta', where it has a shape and no numbers.")
        value = value.detach()
        return (value if value.layout == torch.strided else value.to_dense()).to("cpu", torch.float64)
    if isinstance(value, numbers.Number) and not isinstance(value, complex) and not isinstance(value, np.generic):
        try:
            return torch.tensor(float(value), dtype=torch.float64)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise Wrong("the number is larger than any float.") from None
    if isinstance(value, complex):
        raise Wrong("this is a complex number: take its abs(), .real or .imag, whichever is meant.")
    if isinstance(value, (str, bytes)) or isinstance(value, type) or not hasattr(value, "__array__"):
        listed = " (write list(…) around it)" if hasattr(value, "__next__") or hasattr(value, "__iter__") else ""
        unlisted = isinstance(value, (str, bytes)) or isinstance(value, type) or not listed
        raise Wrong(f"expected a tensor, got {type(value).__name__}{'' if unlisted else listed}.")
    array = np.asarray(value)
    if array.dtype.kind == "O":
        return _of_list(array.tolist(), depth) if array.ndim else _tensor_of(array.item(), depth + 1)
    if array.dtype.kind == "c":
        raise Wrong("these are complex numbers: take np.abs, .real or .imag, whichever is meant.")
    if array.dtype.kind not in "biuf":
        raise Wrong(f"expected numbers, got an array of {array.dtype}.")
    return torch.from_numpy(np.array(array, dtype=np.float64))  # a copy: any strides, any byte order


def _of_list(values: list[Any] | tuple[Any, ...], depth: int) -> Tensor:
    if len(values) > MOST_NUMBERS:
        raise Wrong(f"a list of {len(values)} entries holds far more numbers than are asked for.")
    if all(type(x) in (int, float, bool) for x in values):
        try:
            return torch.tensor([float(x) for x in values], dtype=torch.float64)
        except OverflowError:
            raise Wrong("a number is larger than any float.") from None
    rows = [_tensor_of(x, depth + 1) for x in values]
    if any(row.shape != rows[0].shape for row in rows):
        shapes = sorted({tuple(row.shape) for row in rows}, key=str)
        raise Wrong(f"a list whose parts differ in shape, {shapes[0]} and {shapes[1]}, is no tensor.")
    return torch.stack(rows)
