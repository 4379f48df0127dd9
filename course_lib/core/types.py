"""Types that public signatures share.

`ArrayLike` is numbers of any shape: a tensor, a NumPy array, a number, or lists of numbers up to three deep.
`Labelled` is one such thing, a sound or a curve, or several by their labels: {label: sound}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

# Written out: a string is a sequence of strings, so an alias that names itself would take any text for an array.
ArrayLike: TypeAlias = (
    Tensor
    | np.ndarray[Any, Any]
    | np.number[Any]
    | float
    | Sequence[float]
    | Sequence[Sequence[float]]
    | Sequence[Sequence[Sequence[float]]]
)
Labelled: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
