"""Whether tensors hold plain numbers now: not while they are compiled, exported, traced, mapped or faked.

Two things need to know. Checks of values: where there is nothing to look at they are left out. And compiled loops,
which read memory: everywhere else the formula in tensor operations takes their place.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad

_PLAIN = (Tensor, torch.nn.Parameter)
_FAKE = torch._C._TorchDispatchModeKey.FAKE


def is_eager(*tensors: Tensor) -> bool:
    """Return whether the values of all tensors are there to be read.

    False inside `torch.compile`, `torch.export` and `torch.jit.trace`, under `torch.func` (`vmap`, `grad`, `jvp` …) and
    forward-mode gradients, and for meta and fake tensors.

    >>> is_eager(torch.ones(2)), is_eager(torch.ones(2, device="meta"))
    (True, False)
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    if torch._C._functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0:
        return False
    if torch._C._get_dispatch_mode(_FAKE) is not None:
        return False
    legacy = torch._C._functorch.is_legacy_batchedtensor  # gradients of a batch at once (`is_grads_batched`)
    for x in tensors:  # asked at every call of every function, so in no more steps than it needs
        if type(x) not in _PLAIN or x.is_meta or legacy(x):
            return False
    return True
