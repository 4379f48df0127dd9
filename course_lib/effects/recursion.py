"""Filters as they run, sample by sample: of any order, in a row, moving, in pieces; differentiable."""

from __future__ import annotations

import math
from typing import Literal, get_args, overload

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_finite, check_leading
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike
from course_lib.effects.cascade import check_sections
from course_lib.kernels.method import compiled_loops
from course_lib.kernels.recursion import recursion, recursion_reference

RecursionMethod = Literal["auto", "kernel", "reference"]
RECURSION_METHODS: tuple[RecursionMethod, ...] = get_args(RecursionMethod)


@overload
def filter_recursively(
    audio: ArrayLike, b: ArrayLike, a: ArrayLike, *,
    time_varying: bool = False, state: ArrayLike | None = None, return_state: Literal[False] = False,
    method: RecursionMethod = "auto",
) -> Tensor: ...  # fmt: skip
@overload
def filter_recursively(
    audio: ArrayLike, b: ArrayLike, a: ArrayLike, *,
    time_varying: bool = False, state: ArrayLike | None = None, return_state: Literal[True],
    method: RecursionMethod = "auto",
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def filter_recursively(
    audio: ArrayLike,
    b: ArrayLike,
    a: ArrayLike,
    *,
    time_varying: bool = False,
    state: ArrayLike | None = None,
    return_state: bool = False,
    method: RecursionMethod = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """Filter sound sample by sample, as a filter runs: y[n] = Σ_k b_k · x[n−k] − Σ_k a_k · y[n−k], with a_0 = 1.

    Args:
        audio: (…, n_samples).
        b: (order + 1,), or (…, n_sections, order + 1) for a cascade: 3 numbers make a biquad. With `time_varying`
            (…, n_frames, n_sections, order + 1).
        a: likewise; everything is divided by a_0.
        time_varying: whether the coefficients move, on straight lines from frame to frame. Between two stable biquads
            every biquad on the line is stable.
        state: (…, n_sections + 1, order), the past to go on from, as `return_state` gave it; None is rest.
        return_state: whether to return the past of the input and of each section's output as well, oldest first: sound
            filtered in pieces, each with the state that the one before left, is the sound filtered at once.
        method: "kernel" is a compiled loop with its own gradients, in float64; "reference" a loop in PyTorch that
            keeps every step for the way back, hundreds of times slower. "auto" takes the first where it can be had.

    Returns:
        (…, n_samples), or that and the state (…, n_sections + 1, order) in float64; differentiable in all four. An
        unstable filter is run as it is: it grows.

    Raises:
        ValueError: shapes that do not fit, NaN, an unknown method.

    Source: Yu & Fazekas, Differentiable time-varying linear prediction, 2024 (the way back). Chapter:
    book/shaping/filters.ipynb

    >>> filter_recursively([1.0, 0.0, 0.0, 0.0], [1.0, 0.0], [1.0, -0.5])
    tensor([1.0000, 0.5000, 0.2500, 0.1250])
    """
    x = check_audio(audio)
    numerator, denominator = check_sections(b, a, time_varying=time_varying)
    n, (n_frames, n_sections, order) = int(x.shape[-1]), numerator.shape[-3:]
    order -= 1
    if n_frames > n:
        raise ValueError(f"there are more frames ({n_frames}) than samples ({n})")
    axes = {"audio": x.shape[:-1], "b": numerator.shape[:-3], "a": denominator.shape[:-3]}
    past = None if state is None else check_finite(as_tensor(state, "state"), "state")
    if past is not None:
        if past.ndim < 2 or past.shape[-2:] != (n_sections + 1, order):
            raise ValueError(
                f"state must be (…, n_sections + 1, order) = (…, {n_sections + 1}, {order}); got {tuple(past.shape)}"
            )
        axes["state"] = past.shape[:-2]
    leading = check_leading(**axes)
    if method not in RECURSION_METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(RECURSION_METHODS)}")
    kernel = is_eager(x, numerator, denominator) and compiled_loops()
    if method == "kernel" and not kernel:
        raise ValueError('method="kernel" needs Numba and plain tensors; method="auto" takes what there is')
    # On another device the loop has the CPU do it: a step for each sample is the last thing a GPU is good at.
    home = x.device
    device, run = (torch.device("cpu"), recursion) if kernel and method != "reference" else (home, recursion_reference)
    rows = math.prod(leading)
    numerator, denominator = (
        (c / denominator[..., :1]).to(device, torch.float64).expand(*leading, -1, -1, -1).reshape(rows, *c.shape[-3:])
        for c in (numerator, denominator)
    )
    if past is None:
        past = torch.zeros((), dtype=torch.float64, device=device).expand(*leading, n_sections + 1, order)
    past = past.to(device, torch.float64).expand(*leading, -1, -1).reshape(rows, n_sections + 1, order)
    y = x.to(device, torch.float64).expand(*leading, n).reshape(rows, n)
    y, left = torch.cat([past[:, 0], y], -1), []
    for s in range(n_sections):
        left.append(y[:, n:])
        y = run(y, past[:, s + 1], numerator[:, :, s], denominator[:, :, s])
    left.append(y[:, n:])
    sound = y[:, order:].reshape(*leading, n).to(x)
    if not return_state:
        return sound
    return sound, torch.stack(left, 1).reshape(*leading, n_sections + 1, order).to(home)
