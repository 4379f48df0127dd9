"""Curves that small networks learn: what the NEWT sends its exciters through."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.core.checks import as_tensor, check_count
from course_lib.core.types import ArrayLike


class Shapers(nn.Module):
    """Learned curves, each a small network of its own: one number in, sines of sums, one number out.

    The last layer is a sum without a sine: a curve that ends in a sine cannot well reach its own extremes, and learns
    Chebyshev's polynomials three times worse.

    Args:
        n_shapers: how many, M.
        width: numbers in each hidden layer. depth: layers, the last one counted.
        steepness: of the curves at the start: the first layer multiplies its input by up to this.

    Attributes:
        first: with its bias, the hidden and the last layers, parameters drawn from torch's generator.

    Raises:
        ValueError: a count below 1, fewer than two layers.

    Source: Hayes, Saitis and Fazekas, 2021. Chapter: book/other_instruments/waveshaping.ipynb

    >>> Shapers(4).curves(n_points=9).shape
    torch.Size([4, 9])
    """

    def __init__(self, n_shapers: int, *, width: int = 8, depth: int = 4, steepness: float = 2.0) -> None:
        super().__init__()
        m, w, layers = check_count(n_shapers, "n_shapers"), check_count(width, "width"), check_count(depth, "depth", 2)
        sizes = [1, *[w] * (layers - 1), 1]
        # Of sines that are fed sines: hidden weights of this spread keep the variance of what passes through them.
        spreads = [float(steepness), *[math.sqrt(6 / w)] * (layers - 2), 1.6 * math.sqrt(0.5 / w)]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out, spread in zip(sizes[:-1], sizes[1:], spreads, strict=True):
            self.weights.append(nn.Parameter((2 * torch.rand(m, n_in, n_out) - 1) * spread))
            bias = (2 * torch.rand(m, 1, n_out) - 1) / math.sqrt(n_in)
            self.biases.append(nn.Parameter(bias if n_out > 1 else torch.zeros_like(bias)))

    def forward(self, x: ArrayLike) -> Tensor:
        """All curves at inputs (n,) that they share, or (M, n): (M, n)."""
        h = as_tensor(x, "x").expand(self.weights[0].shape[0], -1).unsqueeze(-1)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, h, weight)
            h = torch.sin(h) if i < last else h
        return h[..., 0]

    def curves(self, n_points: int = 2048) -> Tensor:
        """Their values at n_points inputs, evenly spaced over −1 … 1, for `newt_synth` and `waveshape`: (M, n_points).

        What is learned from a sound comes back through this table: a network is asked 2,048 times, not once a sample.
        """
        like = self.weights[0]
        grid = torch.linspace(-1.0, 1.0, check_count(n_points, "n_points", 2), dtype=like.dtype, device=like.device)
        return self(grid)
