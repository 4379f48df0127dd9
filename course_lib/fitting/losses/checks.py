"""What every loss checks first: two sounds of one shape, and good transform lengths."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from course_lib.core.checks import check_audio, check_count
from course_lib.core.types import ArrayLike


def check_sounds(prediction: ArrayLike, target: ArrayLike) -> tuple[Tensor, Tensor]:
    """Both sounds as tensors of one shape, or ValueError: broadcasting here has hidden many a bug."""
    p, t = check_audio(prediction, "prediction"), check_audio(target, "target")
    check_shapes(p, t)
    return p, t


def check_shapes(p: Tensor, t: Tensor) -> None:
    if p.shape != t.shape:
        raise ValueError(f"prediction and target must have the same shape; got {tuple(p.shape)} and {tuple(t.shape)}")


def check_fft_size(fft_size: int) -> None:
    if check_count(fft_size, "fft_size", minimum=4) % 4:
        raise ValueError(f"fft_size must be a multiple of 4, for a hop of a quarter; got {fft_size}")


def check_fft_sizes(fft_sizes: Sequence[int]) -> None:
    """A sequence of at least one good length, or ValueError."""
    if not isinstance(fft_sizes, Sequence) or len(fft_sizes) == 0:
        raise ValueError(f"fft_sizes must be a sequence of at least one length, such as (512,); got {fft_sizes!r}")
    for size in fft_sizes:
        check_fft_size(size)
