"""Which of several ways to compute the same sound: named by the caller, or chosen."""

from __future__ import annotations

import functools
import os
from typing import Any, Literal, get_args

from torch import Tensor

from course_lib.core.eager import is_eager

Method = Literal["auto", "kernel", "fast", "reference"]
METHODS: tuple[Method, ...] = get_args(Method)

# Products below which the formula is done before the block-by-block way has set out.
SMALL = 200_000


def compiled_loops() -> bool:
    """Return whether Numba is there and its loops are wanted: not with `COURSE_KERNELS=0` or `NUMBA_DISABLE_JIT=1`."""
    return os.environ.get("COURSE_KERNELS") != "0" and _numba_works()


@functools.cache
def _numba_works() -> bool:
    try:
        import numba
    except Exception:  # absent, or made for another NumPy: either way there are no loops
        return False
    config: Any = numba.config
    return not config.DISABLE_JIT


def choose(method: str, products: int, *tensors: Tensor) -> Method:
    """Return the way to go: "kernel", "fast" or "reference".

    Args:
        method: a name of `METHODS`. "auto" takes the compiled loops on a CPU, tensor operations block by block on other
            devices and where Numba is missing, and the formula for small sounds there and wherever values cannot be
            read (`is_eager`).
        products: how many products the formula has: samples times partials.
        tensors: what goes in.

    Raises:
        ValueError: an unknown name, or "kernel" where there is none.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")
    eager = is_eager(*tensors)
    kernel = eager and all(x.device.type == "cpu" for x in tensors)
    if method == "kernel" and not (kernel and compiled_loops()):
        why = "Numba cannot be imported or is switched off" if kernel else "the input is no plain tensor on a CPU"
        raise ValueError(f'method="kernel" needs compiled loops, and {why}; method="auto" takes what there is')
    if method == "auto":
        if kernel and compiled_loops():
            return "kernel"
        return "fast" if eager and products > SMALL else "reference"
    return method  # type: ignore[return-value]
