"""Noise that is the same everywhere, in the page too."""

from __future__ import annotations

from collections.abc import Callable


def dice(seed: int) -> Callable[[], float]:
    """Return what draws uniform numbers between 0 and 1: xorshift of 32 bits, as in noise.js."""
    word = seed * 0x9E3779B1 & 0xFFFFFFFF

    def roll() -> float:
        nonlocal word
        word ^= word << 13 & 0xFFFFFFFF
        word ^= word >> 17
        word ^= word << 5 & 0xFFFFFFFF
        return (word + 0.5) / 2**32

    return roll
