"""Values as bytes and back, between processes without trust: numbers, strings, tensors, nothing that acts."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
import torch
from torch import Tensor

LARGEST = 64_000_000  # bytes of one message
LARGEST_HEAD = 4_000_000  # of which what is no array: a long list takes many times its bytes in memory
DEEPEST = 20
MOST = 500_000  # numbers and strings outside arrays
DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in "bool int8 int16 int32 int64 uint8 float16 float32 float64 complex64 complex128".split()
}


class Unshareable(TypeError):
    """A value that cannot pass: its kind, its size, or bytes that are no message."""


def pack(value: Any) -> bytes:
    """Encode None, booleans, numbers, strings, tensors, arrays, and lists, tuples and dictionaries of them.

    Args:
        value: the value; a tensor's flag requires_grad travels with it.

    Returns:
        The message.

    Raises:
        Unshareable: anything else, or more than 64 MB.
    """
    arrays: list[bytes] = []
    try:
        tree = _flatten(value, arrays, 0)
        head = json.dumps(tree).encode()
    except Unshareable:
        raise
    except (ValueError, TypeError, RecursionError, RuntimeError) as error:
        raise Unshareable(str(error)) from error
    if len(head) > LARGEST_HEAD or len(head) + sum(map(len, arrays)) > LARGEST:
        raise Unshareable(f"more than {LARGEST // 1_000_000} MB, or of {LARGEST_HEAD // 1_000_000} MB without arrays")
    return struct.pack("<I", len(head)) + head + b"".join(arrays)


def _flatten(value: Any, arrays: list[bytes], depth: int) -> Any:
    if isinstance(value, (list, tuple, dict)) and len(value) > MOST:
        raise Unshareable(f"more than {MOST} items")
    if depth > DEEPEST:
        raise Unshareable(f"nested more than {DEEPEST} deep")
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, (bool, int, float)):
        return value if isinstance(value, int) or math.isfinite(value) else ["f", repr(float(value))]
    if isinstance(value, complex):
        return ["c", repr(value.real), repr(value.imag)]
    if isinstance(value, (Tensor, np.ndarray)):
        kind = ["t", bool(value.requires_grad)] if isinstance(value, Tensor) else ["a", False]
        array = value.detach().resolve_conj().resolve_neg().cpu().numpy() if isinstance(value, Tensor) else value
        if str(array.dtype) not in DTYPES:
            raise Unshareable(f"of type {type(value).__name__} of {array.dtype}")
        arrays.append(np.ascontiguousarray(array).astype(DTYPES[str(array.dtype)], copy=False).tobytes())
        if sum(map(len, arrays)) > LARGEST:
            raise Unshareable(f"more than {LARGEST // 1_000_000} MB")
        return [*kind, str(array.dtype), list(array.shape)]
    if isinstance(value, (list, tuple)):
        return ["l" if isinstance(value, list) else "u", *(_flatten(item, arrays, depth + 1) for item in value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _flatten(item, arrays, depth + 1) for key, item in value.items()}
    raise Unshareable(f"of type {type(value).__name__}")


def unpack(message: bytes) -> Any:
    """Decode what `pack` made; every length is checked, and nothing in a message can run.

    Args:
        message: bytes from the other side.

    Returns:
        The value; named tuples have become plain ones.

    Raises:
        Unshareable: the bytes are no message.
    """
    try:
        (length,) = struct.unpack_from("<I", message)
        if length > LARGEST_HEAD:
            raise ValueError(f"a head of {length} bytes")
        tree = json.loads(message[4 : 4 + length])
        value, end = _build(tree, message, 4 + length)
    except (ValueError, TypeError, KeyError, IndexError, struct.error, RecursionError, RuntimeError) as error:
        raise Unshareable(f"not a message: {error}") from error
    if end != len(message):
        raise Unshareable("not a message: bytes are left over")
    return value


def _build(tree: Any, message: bytes, at: int) -> tuple[Any, int]:
    if isinstance(tree, dict):
        built = {}
        for key, item in tree.items():
            built[key], at = _build(item, message, at)
        return built, at
    if not isinstance(tree, list):
        return tree, at
    kind, *rest = tree
    if kind == "f":
        return float(rest[0]), at
    if kind == "c":
        return complex(float(rest[0]), float(rest[1])), at
    if kind in ("t", "a"):
        requires_grad, name, shape = rest
        dtype, count = DTYPES[name], math.prod(shape)
        if any(not isinstance(n, int) or n < 0 for n in shape):
            raise ValueError(f"shape {shape}")
        if at + count * dtype.itemsize > len(message):
            raise ValueError("an array is cut off")
        array = np.frombuffer(message, dtype, count, at).reshape(shape).astype(dtype.newbyteorder("="))
        at += count * dtype.itemsize
        if kind == "a":
            return array, at
        tensor = torch.from_numpy(array)
        return tensor.requires_grad_() if requires_grad and tensor.is_floating_point() else tensor, at
    if kind not in ("l", "u"):
        raise ValueError(f"kind {kind!r}")
    items = []
    for item in rest:
        value, at = _build(item, message, at)
        items.append(value)
    return (items if kind == "l" else tuple(items)), at
