"""Rooms to measure: a shoebox made of mirror images, and how long a response takes to die away."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensor,
    check_audio,
    check_count,
    check_eager,
    check_finite,
    check_sample_rate,
    in_single,
)
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike
from course_lib.effects.reverb import fft_convolve

SPEED_OF_SOUND = 343.0  # m/s, in dry air at 20 °C
HIGH_PASS_HZ = 50.0  # all mirror images have one sign; the constant pressure they add up to is taken away below this


def energy_decay_db(impulse_response: ArrayLike) -> Tensor:
    """Return how much of a response's energy is still to come at each sample, in dB (Schroeder's integral).

    Args:
        impulse_response: (…, n_taps).

    Returns:
        (…, n_taps): 0 dB at the first tap, falling, floored at −150 dB.

    Raises:
        ValueError: empty, silent or NaN.

    Source: Schroeder, New method of measuring reverberation time, 1965. Chapter: book/shaping/room.ipynb

    >>> energy_decay_db([1.0, 0.5, 0.25]).round().int().tolist()
    [0, -6, -13]
    """
    taps = check_audio(impulse_response, "impulse_response", allow_silence=False)
    energy = in_single(taps)[0].square().flip(-1).cumsum(-1).flip(-1)
    if is_eager(taps) and bool((energy[..., :1] <= 0).any()):
        raise ValueError("impulse_response has a silent row: nothing decays there")
    return (10.0 * torch.log10((energy / energy[..., :1]).clamp(min=1e-15))).to(taps.dtype)


def measure_rt60(
    impulse_response: ArrayLike, sample_rate: float, *, start_db: float = -5.0, end_db: float = -35.0
) -> Tensor:
    """Measure how long a room takes to fall by 60 dB: a straight line through part of its energy decay, made longer.

    The first decibels depend on the direct sound and the last on noise or on where a response was cut, so both are
    left out.

    Args:
        impulse_response: (…, n_taps), with or without the direct sound in tap 0.
        sample_rate: Hz.
        start_db: where the line begins, dB, at most 0.
        end_db: where it ends; below start_db.

    Returns:
        (…), seconds.

    Raises:
        ValueError: silent or NaN; a response that has too few taps between the two levels.

    Source: ISO 3382-1 (there called T30). Chapter: book/shaping/room.ipynb

    >>> measure_rt60(10.0 ** (-3 * torch.arange(8000) / 8000), 16000).round(decimals=2)
    tensor(0.5000)
    """
    rate = check_sample_rate(sample_rate)
    if not end_db < start_db <= 0:
        raise ValueError(f"end_db must lie below start_db, and both at most 0 dB; got {start_db:g} to {end_db:g}")
    taps = check_audio(impulse_response, "impulse_response", allow_silence=False)
    decay = energy_decay_db(taps.double())
    inside = ((decay <= start_db) & (decay >= end_db)).double()
    count = inside.sum(-1, keepdim=True)
    if is_eager(taps) and bool((count < 3).any()):
        raise ValueError(
            f"impulse_response has {int(count.min())} taps between {start_db:g} and {end_db:g} dB of its energy "
            "decay: too few for a line. It is a click, or too short for its decay"
        )
    time = torch.arange(decay.shape[-1], dtype=decay.dtype, device=decay.device) / rate
    late = time - (inside * time).sum(-1, keepdim=True) / count
    slope = (inside * late * decay).sum(-1) / (inside * late.square()).sum(-1)  # dB a second
    return (-60.0 / slope).to(taps.dtype)


def shoebox_impulse_response(
    size_m: ArrayLike,
    source_m: ArrayLike,
    listener_m: ArrayLike,
    reflection: float,
    *,
    n_taps: int,
    sample_rate: float,
) -> Tensor:
    """Return what a click sounds like in a rectangular room: each wall is a mirror, each mirror image claps once.

    Every image is as late as it is far away, fainter by its distance, and loses the same share at each wall at all
    frequencies; its delay is rounded to a sample. Furniture, air and the colour of the walls are left out. A gentle
    high-pass takes away the constant pressure that walls of one sign would pile up.

    Args:
        size_m: (3,) length, width, height, m.
        source_m: (3,), inside.
        listener_m: (3,), inside, not at the source.
        reflection: amplitude that a wall gives back, 0 to below 1.
        n_taps: length of the response.
        sample_rate: Hz.

    Returns:
        (n_taps,), float64: tap 0 is the direct sound, 1; the time that it takes to arrive is left out.

    Raises:
        ValueError: a place outside the room, source and listener in one place, a reflection out of range.

    Source: Allen & Berkley, Image method for efficiently simulating small-room acoustics, 1979.
    Chapter: book/shaping/room.ipynb

    >>> room = shoebox_impulse_response((5, 4, 3), (1, 1, 1), (3, 2, 1), 0.8, n_taps=800, sample_rate=16000)
    >>> room.shape, float(room[0].round(decimals=3))
    (torch.Size([800]), 1.0)
    """
    n, rate = check_count(n_taps, "n_taps", minimum=2), check_sample_rate(sample_rate)
    points = (("size_m", size_m), ("source_m", source_m), ("listener_m", listener_m))
    check_eager("shoebox_impulse_response counts mirror images", *(value for _, value in points))
    size, source, listener = (check_finite(as_tensor(value, name).double(), name) for name, value in points)
    for (name, _), place in zip(points, (size, source, listener), strict=True):
        if place.shape != (3,) or bool((place <= 0).any()) or bool((place > size).any()):
            raise ValueError(
                f"{name} must be three lengths in metres, above 0 and inside the room; got {place.tolist()}"
            )
    if not 0 <= reflection < 1:
        raise ValueError(f"reflection must be from 0 (no walls) to below 1; got {reflection!r}")
    direct = float((source - listener).norm())
    if direct < 0.01:
        raise ValueError("source_m and listener_m must be at least 1 cm apart")
    farthest = direct + n / rate * SPEED_OF_SOUND
    squares, bounces = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for axis in range(3):  # along each axis: copies of the room, two sizes apart, each as it is and mirrored
        copies = torch.arange(-(m := int(farthest / (2 * float(size[axis]))) + 1), m + 1, dtype=torch.float64)
        as_is, mirrored = copies * 2 * size[axis] + source[axis], copies * 2 * size[axis] - source[axis]
        away = torch.cat([as_is, mirrored]) - listener[axis]
        hits = torch.cat([2 * copies.abs(), copies.abs() + (copies - 1).abs()])
        squares = (squares[:, None] + away.square()).flatten()
        bounces = (bounces[:, None] + hits).flatten()
        near = squares <= farthest**2
        squares, bounces = squares[near], bounces[near]
    distance = squares.sqrt()
    tap = ((distance - direct) / SPEED_OF_SOUND * rate).round().long()
    heard = tap < n
    levels = reflection ** bounces[heard] * direct / distance[heard]
    clicks = torch.zeros(n, dtype=torch.float64).index_add(0, tap[heard], levels)
    pole = math.exp(-2 * math.pi * HIGH_PASS_HZ / rate)
    high_pass = (pole - 1) * pole ** (torch.arange(n, dtype=torch.float64) - 1)
    high_pass[0], clicks[0] = 1.0, 0.0
    room = fft_convolve(clicks, high_pass)
    room[0] = 1.0
    return room
