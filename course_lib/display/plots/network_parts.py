"""What a network is made of and what flows where, found out by running it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Literal

import torch
from torch import Tensor, nn

from course_lib.core.types import ArrayLike
from course_lib.display.plots.network_layers import describe

Kind = Literal["input", "trained", "fixed", "output"]


@dataclass
class Part:
    """One box of a network's picture.

    name: as in the module. what: layers and sizes, a line each. kind: what its weights do. weights: how many.
    flows: shape of what comes out, without the batch. sources: which parts it is given, by their place in the list.
    """

    name: str
    what: str
    kind: Kind
    weights: int = 0
    flows: tuple[int, ...] = ()
    sources: set[int] = field(default_factory=set)


def network_parts(module: nn.Module, inputs: Mapping[str, ArrayLike], output: str = "output") -> list[Part]:
    """Run a network on an example and list its parts, each after those that it is given.

    Children that hold no others are a part each, and so is an `nn.Sequential` or an `nn.ModuleList`; other modules are
    opened; dropout is left out, since in use it does nothing. What a part is given is read off the graph of the
    computation. What has `controls` and `synthesise`, as a `ToneTransfer` and a `DDSPInference`, is followed to the
    sound: the controls, the synthesizers and the room are parts as well.

    Args:
        module: the network; neither its weights nor its mode are changed.
        inputs: {name: value with a batch axis}, in the order in which `forward` takes them.
        output: name of what comes out.

    Returns:
        The parts; every weight of the module is counted in exactly one of them.

    Raises:
        ValueError: no module, no inputs, or inputs that the module cannot run on.

    Chapter: book/tone_transfer/decoder.ipynb
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module; got {type(module).__name__}")
    if not isinstance(inputs, Mapping) or not inputs:
        raise ValueError("inputs must be a mapping from names to example tensors, such as {'pitch (Hz)': f0_hz}")
    trace = _Trace(module)
    try:
        trace.run(inputs, output)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        shapes = ", ".join(f"{name}: {tuple(getattr(value, 'shape', ()))}" for name, value in inputs.items())
        raise ValueError(f"{type(module).__name__} cannot run on these inputs ({shapes}): {error}") from error
    finally:
        trace.restore()
    return trace.parts


class _Trace:
    """A run in which whatever a part gives is cut off from what it was made of, so that the graph names its makers."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.parts = module, list[Part]()
        self.places: dict[str, int] = {}  # of a part in the list, by its name
        self.makers: dict[int, int] = {}  # of a tensor, by its id: a place in the list
        self.kept: list[Any] = []  # as long as these live, no id stands for something else
        self.trained = {p: p.requires_grad for p in module.parameters()}
        self.modes = {m: m.training for m in module.modules()}
        self.units = dict(_units(module, type(module).__name__))
        self.owners = {p: name for name, unit in self.units.items() for p in unit.parameters()}
        self.owners |= {p: name for name, p in module.named_parameters() if p not in self.owners}
        module.eval()
        module.requires_grad_(True)  # for a moment: what is used directly would else leave no trace
        self.hooks = [
            called.register_forward_hook(self._called(name))
            for name, unit in self.units.items()
            for called in (unit if isinstance(unit, nn.ModuleList) else [unit])
        ]

    def restore(self) -> None:
        """Leave the module as it was."""
        for hook in self.hooks:
            hook.remove()
        for p, trained in self.trained.items():
            p.requires_grad_(trained)
        for m, mode in self.modes.items():
            m.training = mode

    def run(self, inputs: Mapping[str, ArrayLike], output: str) -> None:
        values = []
        for name, value in inputs.items():
            self.parts.append(Part(name, "", "input", flows=tuple(torch.as_tensor(value).shape[1:])))
            values.append(self._made(torch.as_tensor(value), len(self.parts) - 1))
        if hasattr(self.module, "controls") and hasattr(self.module, "synthesise"):
            self._to_the_sound(self.module, values, output)
        else:
            self._add(Part(output, "", "output"), self.module(*values))
        for p, name in self.owners.items():  # also what this run had no use for
            self._place(name, tuple(p.shape))

    def _to_the_sound(self, module: Any, values: list[Tensor], output: str) -> None:
        """An instrument's controls, its synthesizers and its room, as `tone` plays them."""
        controls = module.controls(*values)
        n_samples = controls.f0_hz.shape[-1] * module.config.sample_rate // module.config.frame_rate
        sizes = [value.shape[-1] if value.ndim > 2 else 1 for value in controls]
        what = f"{sizes[0]} pitch, {sizes[1]} amplitude,\n{sizes[2]} harmonics, {sizes[3]} noise bands"
        place = self._add(Part("controls", what, "fixed", flows=(controls.f0_hz.shape[-1], sum(sizes))), controls)
        told = type(controls)(*(self._made(value, place) for value in controls))
        knows_length = "n_samples" not in signature(module.synthesise).parameters
        sounds = module.synthesise(told, *(values[3:4] if knows_length else [n_samples]))
        dry = []
        for name, what in (("harmonic", "harmonic synth"), ("noise", "filtered noise")):
            if self._sources(sounds[name]):
                dry.append(self._add(Part(name, what, "fixed", flows=(n_samples,)), sounds[name]))
        taps = self._sources(sounds["room"]) - {place}
        if taps:
            room = Part("room", "convolution", "fixed", flows=(n_samples,), sources={*taps, *dry})
            self.parts.append(room)
            dry.append(len(self.parts) - 1)
        self.parts.append(Part(output, "", "output", flows=(n_samples,), sources=set(dry)))

    def _called(self, name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(called: nn.Module, given: Any, made: Any) -> Any:
            sources = self._sources(given)
            place = self._place(name)
            if self.parts[place].sources and not self._goes_on(place, sources):
                place = self._same_again(name)
            part = self.parts[place]
            part.sources |= sources - {place}
            part.flows = tuple(next(_tensors(made)).shape[1:])
            if isinstance(called, nn.Conv1d):
                part.flows = part.flows[::-1]  # channels first there, frames first everywhere else
            return self._cut(made, place)

        return hook

    def _goes_on(self, place: int, sources: set[int]) -> bool:
        """Whether a part that was called before is called again in a list of layers, with nothing else in between."""
        return isinstance(self.units[self.parts[place].name], nn.ModuleList) and max(sources, default=0) <= place

    def _same_again(self, name: str) -> int:
        """The same weights at another place: a part of its own, so that nothing runs in a circle."""
        first = self.parts[self.places[name]]
        self.parts.append(Part(name, "the same weights again", first.kind))
        return len(self.parts) - 1

    def _place(self, name: str, flows: tuple[int, ...] = ()) -> int:
        """Where the part of this name is; it is added where it is not yet."""
        if name not in self.places:
            self.places[name] = len(self.parts)
            self.parts.append(self._part(name, flows))
        return self.places[name]

    def _part(self, name: str, flows: tuple[int, ...]) -> Part:
        owned = [p for p, owner in self.owners.items() if owner == name]
        kind: Kind = "trained" if any(self.trained[p] for p in owned) else "fixed"
        what = describe(self.units[name]) if name in self.units else "parameter"
        return Part(name, what, kind, sum(p.numel() for p in owned), flows)

    def _add(self, part: Part, made: Any) -> int:
        part.sources = self._sources(made)
        part.flows = part.flows or tuple(next(_tensors(made)).shape[1:])
        self.parts.append(part)
        return len(self.parts) - 1

    def _cut(self, made: Any, place: int) -> Any:
        if isinstance(made, Tensor):
            return self._made(made, place)
        if isinstance(made, tuple | list):
            return type(made)(self._cut(value, place) for value in made)
        return made

    def _made(self, value: Tensor, place: int) -> Tensor:
        """The value as a new beginning of the graph."""
        leaf = value.detach()
        if leaf.is_floating_point():
            leaf = leaf.requires_grad_()
        self.makers[id(leaf)] = place
        self.kept.append(leaf)
        return leaf

    def _sources(self, given: Any) -> set[int]:
        """The parts on which values depend: the graph names those that may matter, a gradient those that do."""
        tensors = list(_tensors(given))
        found = {self.makers[id(t)] for t in tensors if id(t) in self.makers}
        for made in tensors:
            leaves = [leaf for leaf in _leaves(made) if id(leaf) in self.makers or leaf in self.owners]
            if not leaves or made.is_leaf:
                continue
            weights = torch.linspace(0.5, 1.5, made.numel()).reshape(
                made.shape
            )  # a plain sum of what is normalised is 0
            slopes = torch.autograd.grad((made * weights).sum(), leaves, retain_graph=True, allow_unused=True)
            for leaf, slope in zip(leaves, slopes, strict=True):
                if slope is None or not bool((slope != 0).any()):
                    continue  # cut off on the way, as the loudness is where the pitch goes its own way
                if id(leaf) in self.makers:
                    found.add(self.makers[id(leaf)])
                else:  # a parameter that no layer stands for
                    found.add(self._place(self.owners[leaf], tuple(leaf.shape)))
        return found


def _leaves(made: Tensor) -> list[Any]:
    """The beginnings of a tensor's graph."""
    found, seen, todo = [], set[Any](), [made.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            found.append(leaf)
        todo += [before for before, _ in node.next_functions]
    return found


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, Mapping):
        yield from _tensors(list(values.values()))
    elif isinstance(values, tuple | list):
        for value in values:
            yield from _tensors(value)


def _units(module: nn.Module, name: str, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The modules that are a box each, with their names."""
    if isinstance(module, nn.Dropout):
        return  # where the network is used, it does nothing
    if isinstance(module, nn.Sequential | nn.ModuleList) or not any(True for _ in module.children()):
        yield name, module
        return
    for child, inner in module.named_children():
        yield from _units(inner, path + child, path + child + ".")
