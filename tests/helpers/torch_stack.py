"""One table of calls, one row of transforms: does a function go through the torch stack, or say in a line why not?

A room has its table in tests/<room>/test_torch_stack.py:

    CASES = [Case("sinusoid", lambda f, a: cl.sinusoid(f, a, n_samples=32, sample_rate=16_000), (hz(3), rand(3)))]

    @every(CASES)
    def test_torch_stack(case, transform):
        check(case, transform)
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

D = torch.float64
EVERY = ("compile", "export", "trace", "grad", "vmap", "jvp", "twice", "meta", "fake", "half", "arrays", "cuda")


@dataclass(frozen=True)
class Case:
    """A public function with small arguments.

    name: the public name, as in `course_lib.__all__`; what follows a space tells rows of one function apart.
    call: takes the tensors; a tensor comes out, or a tuple, named tuple, list or dictionary of tensors.
    tensors: small, floating point ones in float64.
    says: transform → what the error says (searched for) where the function does not go through it.
    leaves: transform → a reason, for what has no meaning here (a gradient of a rounded number, say).
    varied: what `vmap` maps over: for i in 0, 1, 2 the tensors; by default they shrink a little.
    half: share of the largest value by which half precision may be off, in units of its own step.
    """

    name: str
    call: Callable[..., Any]
    tensors: tuple[Tensor, ...]
    says: dict[str, str] = field(default_factory=dict)
    leaves: dict[str, str] = field(default_factory=dict)
    varied: Callable[[int], tuple[Tensor, ...]] | None = None
    half: float = 16.0

    @property
    def public(self) -> str:
        return self.name.split()[0]

    def variants(self, n: int = 3) -> list[tuple[Tensor, ...]]:
        if self.varied is not None:
            return [self.varied(i) for i in range(n)]
        shrink = [1 - 0.03 * i for i in range(n)]
        return [tuple(x * s if x.is_floating_point() else x for x in self.tensors) for s in shrink]


def rand(*shape: int, low: float = 0.0, high: float = 1.0, seed: int = 0) -> Tensor:
    """Evenly spread numbers in float64, the same every time."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=D) * (high - low) + low


def every(cases: Iterable[Case], transforms: Sequence[str] = EVERY) -> Any:
    """Parametrise a test over all cases and transforms that they take part in; "cuda" where there is a GPU."""
    there = [t for t in transforms if t != "cuda" or torch.cuda.is_available()]
    return pytest.mark.parametrize(
        ("case", "transform"),
        [pytest.param(c, t, id=f"{c.name}-{t}") for c in cases for t in there if t not in c.leaves],
    )


def check(case: Case, transform: str) -> None:
    """The sound (numbers, gradients) under a transform is that of plain tensors, or the error says what `says` says."""
    if transform in case.says:
        with pytest.raises(Exception, match=case.says[transform]):  # compilers wrap it
            TRANSFORMS[transform](case)
        return
    TRANSFORMS[transform](case)


def flat(result: Any) -> tuple[Tensor, ...]:
    """The tensors of a result, one after the other."""
    if isinstance(result, Tensor):
        return (result,)
    values = result.values() if isinstance(result, dict) else result
    return tuple(x for value in values for x in flat(value))


def same(ours: Any, theirs: Any, rtol: float = 1e-9, atol: float = 1e-10) -> None:
    """All tensors of two results agree."""
    one, other = flat(ours), flat(theirs)
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), rtol=rtol, atol=atol)


def call_flat(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    """The call with a plain tuple of tensors as its result."""

    def call(*tensors: Tensor) -> tuple[Tensor, ...]:
        return flat(case.call(*tensors))

    return call


def inputs(case: Case, grad: bool = False) -> tuple[Tensor, ...]:
    """Copies of the case's tensors."""
    return tuple(x.clone().requires_grad_(grad and x.is_floating_point()) for x in case.tensors)


def soft(case: Case) -> Callable[..., Tensor]:
    """One smooth number made of all that comes out: weighted sines, so that every output has its own gradient."""

    def call(*tensors: Tensor) -> Tensor:
        total = torch.zeros((), dtype=D)
        for i, x in enumerate(flat(case.call(*tensors))):
            if x.is_floating_point():
                weight = torch.linspace(0.5, 1.5, x.numel(), dtype=x.dtype, device=x.device).reshape(x.shape)
                total = total + ((i + 1) * weight * torch.sin(x)).sum()
            elif x.is_complex():
                total = total + (x.real + 0.5 * x.imag).sum()
        return total

    return call


def floating(case: Case) -> tuple[int, ...]:
    return tuple(i for i, x in enumerate(case.tensors) if x.is_floating_point())


def gradients(case: Case, tensors: tuple[Tensor, ...], create_graph: bool = False) -> tuple[Tensor, ...]:
    """Eager gradients of `soft` by all floating-point tensors; zeros where there is none."""
    wanted = [tensors[i] for i in floating(case)]
    total = soft(case)(*tensors)
    found = torch.autograd.grad(total, wanted, create_graph=create_graph, allow_unused=True)
    return tuple(torch.zeros_like(x) if g is None else g for g, x in zip(found, wanted, strict=True))


def check_compile(case: Case, backend: str = "aot_eager") -> None:
    """Forwards and, where there are gradients, backwards: one graph each."""
    torch._dynamo.reset()
    compiled = torch.compile(call_flat(case), fullgraph=True, backend=backend, dynamic=False)
    differentiable = "grad" not in case.says and "grad" not in case.leaves
    leaves, plain = inputs(case, grad=differentiable), inputs(case, grad=differentiable)
    ours, theirs = compiled(*leaves), flat(case.call(*plain))
    same(ours, theirs, rtol=1e-9, atol=1e-9)
    assert [x.requires_grad for x in ours] == [x.requires_grad for x in theirs]
    for sounds in (ours, theirs):
        sounds = [torch.view_as_real(x) if x.is_complex() else x for x in sounds]
        parts = [((i + 1) * torch.sin(x)).sum() for i, x in enumerate(sounds) if x.requires_grad]
        if parts:
            torch.stack(parts).sum().backward()
    for a, b in zip(leaves, plain, strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-7, atol=1e-9)


def check_inductor(case: Case) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no compiler")
    check_compile(case, "inductor")


class AsModule(torch.nn.Module):
    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return self.call(*tensors)


def check_export(case: Case) -> None:
    program = torch.export.export(AsModule(call_flat(case)), inputs(case))
    same(program.module()(*inputs(case)), case.call(*inputs(case)))


def check_trace(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is old, and shapes that are looked at are fixed in a trace
        traced = torch.jit.trace(call_flat(case), inputs(case), check_trace=False)
    for tensors in (case.tensors, *case.variants(2)):
        same(traced(*(x.clone() for x in tensors)), case.call(*(x.clone() for x in tensors)))


def check_grad(case: Case) -> None:
    ours = torch.func.grad(soft(case), argnums=floating(case))(*inputs(case))
    same(ours, gradients(case, inputs(case, grad=True)), rtol=1e-7, atol=1e-9)


def check_vmap(case: Case) -> None:
    variants = case.variants()
    stacked = [torch.stack(x) for x in zip(*variants, strict=True)]
    ours = torch.vmap(call_flat(case))(*stacked)
    one_by_one = [flat(case.call(*tensors)) for tensors in variants]
    same(ours, tuple(torch.stack(x) for x in zip(*one_by_one, strict=True)))


def directions(case: Case) -> tuple[Tensor, ...]:
    """A step that leaves zeros where they are."""
    return tuple(case.tensors[i] * rand(*case.tensors[i].shape, low=-1, seed=7 + i) for i in floating(case))


def moved(case: Case, by: float) -> tuple[Tensor, ...]:
    steps = iter(directions(case))
    return tuple(x + by * next(steps) if x.is_floating_point() else x.clone() for x in case.tensors)


def check_jvp(case: Case) -> None:
    def call(*wanted: Tensor) -> tuple[Tensor, ...]:
        given = iter(wanted)
        out = case.call(*(next(given) if x.is_floating_point() else x for x in case.tensors))
        return tuple(x for x in flat(out) if x.is_floating_point() or x.is_complex())

    primals = tuple(case.tensors[i].clone() for i in floating(case))
    value, tangent = torch.func.jvp(call, primals, directions(case))
    same(value, call(*primals))
    eps = 1e-6
    ahead, behind = (
        [x for x in flat(case.call(*moved(case, s * eps))) if x.is_floating_point() or x.is_complex()] for s in (1, -1)
    )
    for t, a, b in zip(tangent, ahead, behind, strict=True):
        slope = (a - b) / (2 * eps)
        torch.testing.assert_close(t, slope.detach(), rtol=1e-4, atol=1e-4 * float(1e-3 + slope.abs().max()))


def check_twice(case: Case) -> None:
    """The gradient of a gradient, against a finite difference of the gradient."""
    tensors = inputs(case, grad=True)
    wanted = [tensors[i] for i in floating(case)]
    first = gradients(case, tensors, create_graph=True)
    along = sum((g * d).sum() for g, d in zip(first, directions(case), strict=True))
    assert isinstance(along, Tensor)
    if not along.requires_grad:  # linear: nothing to differ from 0
        second = [torch.zeros_like(x) for x in wanted]
    else:
        found = torch.autograd.grad(along, wanted, allow_unused=True)
        second = [torch.zeros_like(x) if g is None else g for g, x in zip(found, wanted, strict=True)]
    eps = 1e-5
    ahead, behind = (
        gradients(case, tuple(x.requires_grad_(x.is_floating_point()) for x in moved(case, s * eps))) for s in (1, -1)
    )
    for t, a, b in zip(second, ahead, behind, strict=True):
        slope = (a - b) / (2 * eps)
        torch.testing.assert_close(t, slope, rtol=1e-3, atol=1e-4 * float(1e-3 + slope.abs().max()))


def alike(ours: Any, theirs: Any) -> None:
    """Same shapes and dtypes."""
    assert [(x.shape, x.dtype) for x in flat(ours)] == [(x.shape, x.dtype) for x in flat(theirs)]


def check_meta(case: Case) -> None:
    ours = case.call(*(x.to("meta") for x in case.tensors))
    assert all(x.is_meta for x in flat(ours))
    alike(ours, case.call(*case.tensors))


def check_fake(case: Case) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:  # the weights of a module may be real
        ours = case.call(*(mode.from_tensor(x) for x in case.tensors))
    alike(ours, case.call(*case.tensors))


def check_half(case: Case) -> None:
    """Half precision in, half precision out: what single precision makes of the same numbers, rounded."""
    for dtype in (torch.float16, torch.bfloat16):
        tensors = [x.to(dtype) if x.is_floating_point() else x for x in case.tensors]
        for ours, exact in zip(
            flat(case.call(*tensors)),
            flat(case.call(*(x.float() if x.is_floating_point() else x for x in tensors))),
            strict=True,
        ):
            if exact.is_floating_point():
                assert ours.dtype == dtype
                off = float((ours.detach().double() - exact.detach()).abs().max() / (exact.abs().max() + 1e-30))
                assert off < case.half * torch.finfo(dtype).eps, f"{dtype}: {off:g}"
            else:
                assert ours.shape == exact.shape


def odd_arrays(x: Tensor) -> list[np.ndarray]:
    """The same numbers as arrays that torch does not take as they are, and others that it takes with a warning."""
    plain = x.numpy().copy()
    order = "<f8" if np.dtype(plain.dtype).newbyteorder("=").str.startswith(">") else ">f8"
    backwards = plain[..., ::-1].copy()[..., ::-1] if plain.ndim else plain
    spread = np.repeat(plain, 2, axis=-1)[..., ::2] if plain.ndim else plain
    fixed = plain.copy()
    fixed.setflags(write=False)
    return [backwards, plain.astype(order), spread, fixed]


def check_arrays(case: Case) -> None:
    """NumPy arrays with negative strides, of the other byte order, with gaps, read-only: same numbers, no warning."""
    expected = case.call(*inputs(case))
    for arrays in zip(*(odd_arrays(x) for x in case.tensors), strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            same(case.call(*arrays), expected)


def check_cuda(case: Case) -> None:
    ours = case.call(*(x.cuda() for x in case.tensors))
    assert all(x.is_cuda for x in flat(ours))
    same([x.cpu() for x in flat(ours)], case.call(*inputs(case)), rtol=1e-7, atol=1e-7)


TRANSFORMS: dict[str, Callable[[Case], None]] = {
    "compile": check_compile,
    "inductor": check_inductor,
    "export": check_export,
    "trace": check_trace,
    "grad": check_grad,
    "vmap": check_vmap,
    "jvp": check_jvp,
    "twice": check_twice,
    "meta": check_meta,
    "fake": check_fake,
    "half": check_half,
    "arrays": check_arrays,
    "cuda": check_cuda,
}


def public_names(cases: Iterable[Case]) -> set[str]:
    """The public functions that a table has."""
    return {case.public for case in cases}
