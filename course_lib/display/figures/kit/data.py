"""Numbers that travel as text."""

from __future__ import annotations

import base64

import numpy as np
from torch import Tensor


def as_text(numbers: Tensor | np.ndarray) -> str:
    """Return the bytes of an array as base64, which data.js reads."""
    array = numbers.numpy() if isinstance(numbers, Tensor) else numbers
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
