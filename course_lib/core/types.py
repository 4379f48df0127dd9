"""Types that public signatures share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

# Numbers of any shape: a tensor, a NumPy array, a number, or lists of numbers up to three deep. Written out, since a
# string is a sequence of strings: an alias that names itself would take any text for an array.
ArrayLike: TypeAlias = (
    Tensor
    | np.ndarray[Any, Any]
    | np.number[Any]
    | float
    | Sequence[float]
    | Sequence[Sequence[float]]
    | Sequence[Sequence[Sequence[float]]]
)
# One sound or curve, or several by their labels.
Labelled: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
