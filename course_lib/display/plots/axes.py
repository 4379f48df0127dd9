"""What the pictures share: colours, and axes to draw on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib.core.checks import as_tensor
from course_lib.core.extras import needs_course
from course_lib.core.types import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# One accent and one contrast colour, apart in hue and in lightness (readable in grey and to colour-blind eyes).
COLOURS = ("#1f6f8b", "#d1495b", "#edae49", "#5b5f97", "#3c7a3b", "#7a7a7a")


def axes_or_new(ax: Axes | None, height: float = 2.4) -> Axes:
    """Return the axes, or those of a new figure of a height in inches."""
    if ax is not None:
        return ax
    with needs_course("every plot"):
        import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7.0, height), layout="constrained")[1]


def labelled(value: Any, default: str = "") -> dict[str, Any]:
    """Return {label: value}; what is no mapping gets one label. The value may be anything: a sound, notes, a curve."""
    return dict(value) if isinstance(value, Mapping) else {default: value}


def as_numpy(value: ArrayLike) -> np.ndarray:
    """Return numbers of any kind as an array of float64."""
    return as_tensor(value, "values").detach().cpu().double().numpy()
