"""Layers in words, as a picture of a network names them."""

from __future__ import annotations

from torch import nn


def describe(module: nn.Module) -> str:
    """Say in a line or two what a layer is and which sizes it has, in the words of PyTorch."""
    if isinstance(module, nn.ModuleList):
        convolutions = [layer for layer in module.modules() if isinstance(layer, nn.Conv1d)]
        dilations = sorted({layer.dilation[0] for layer in convolutions})
        dilated = f", dilated {dilations[0]} to {dilations[-1]}" if len(dilations) > 1 else ""
        inside = f"\n{_sizes(convolutions[0])}{dilated}" if convolutions else ""
        return _repeated(module) + inside
    if isinstance(module, nn.Sequential):
        widths = [
            n for layer in module if isinstance(layer, nn.Linear) for n in (layer.in_features, layer.out_features)
        ]
        return _repeated(module) + (f"\n{' → '.join(map(str, [*widths[:1], *widths[1::2]]))}" if widths else "")
    name = type(module).__name__
    if isinstance(module, nn.RNNBase) and module.bidirectional:
        name += ", both ways"
    return "\n".join(filter(None, (name, _sizes(module))))


def _sizes(layer: nn.Module) -> str:
    if isinstance(layer, nn.Linear):
        return f"{layer.in_features} → {layer.out_features}"
    if isinstance(layer, nn.RNNBase):
        return f"{layer.input_size} → {layer.hidden_size * (1 + layer.bidirectional)}"
    if isinstance(layer, nn.Conv1d):
        return f"{layer.in_channels} → {layer.out_channels}, {layer.kernel_size[0]} wide"
    if isinstance(layer, nn.Embedding):
        return f"{layer.num_embeddings} rows of {layer.embedding_dim}"
    return ""


def _repeated(layers: nn.Sequential | nn.ModuleList) -> str:
    """The layers' names, the shortest pattern that repeats only once: "2 × (Linear, LayerNorm, LeakyReLU)"."""
    names = [type(layer).__name__ for layer in layers]
    period = next(n for n in range(1, len(names) + 1) if names == (names[:n] * len(names))[: len(names)])
    if len(names) % period or period == len(names):
        return ", ".join(names)
    pattern = ", ".join(names[:period])
    return f"{len(names) // period} × {f'({pattern})' if period > 1 else pattern}"
