"""White noise from a seed, the same numbers under every transform."""

from __future__ import annotations

import math
import threading

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from course_lib.core.eager import is_eager


def white_noise(shape: tuple[int, ...], generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Uniform noise of mean 0 and RMS 1: evenly spread over ±√3.

    Args:
        shape: of the noise.
        generator: source of the randomness; None: a fixed seed, so always the same noise. Programs that are compiled,
            exported or traced hold that one as a constant; they cannot draw another.
        like: whose dtype and device it takes.

    Returns:
        Noise of this shape.

    Raises:
        NotImplementedError: a generator under `torch.compile`, `torch.export` or `torch.jit.trace`.
    """
    if is_eager(like):
        return _draw(shape, generator, like.dtype).to(like.device)
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if not recorded and (like.is_meta or isinstance(like, FakeTensor)):
        return like.new_empty(shape)
    if generator is None:
        # A length that a compiler left open is fixed by counting up to it.
        whole = tuple([len(range(int(size))) for size in shape])
        return _fixed_noise(whole, like.dtype).to(like.device)
    if recorded:
        raise NotImplementedError(
            "noise from a generator cannot be compiled, exported or traced: leave the generator out for the noise of "
            "a fixed seed"
        )
    return _draw(shape, generator, like.dtype).to(like.device)  # vmap asks for its own `randomness=`


def _draw(shape: tuple[int, ...], generator: torch.Generator | None, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    uniform = torch.rand(shape, generator=generator, device=generator.device, dtype=dtype)
    return (2.0 * uniform - 1.0) * math.sqrt(3.0)


@torch.compiler.assume_constant_result
def _fixed_noise(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """The noise of the fixed seed, drawn in a thread of its own: transforms follow only the thread they began in."""
    drawn: list[Tensor] = []
    thread = threading.Thread(target=lambda: drawn.append(_draw(shape, None, dtype)))
    thread.start()
    thread.join()
    return drawn[0]
