"""The noise filter and the room as tables of numbers, since the hop is fixed: products of matrices, no FFT."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.effects.fir import zero_phase_response
from course_lib.synths.tone import without_direct_sound


class NoiseTables(NamedTuple):
    """`filtered_noise` frame by frame: a piece of noise is faded, taken apart into sines, shaped, and put together.

    fade: (2 · hop,), up to a frame's centre and down again. analysis: (2 · hop, 2 · F), cosines, then sines.
    gains: (n_bands, 2 · F), what a band's magnitude does to each of them. synthesis: (2 · F, blocks · hop). `lead`: how
    many hops before the piece its filtered sound begins.
    """

    fade: Tensor
    analysis: Tensor
    gains: Tensor
    synthesis: Tensor
    lead: int


def noise_tables(hop: int, *, n_bands: int) -> NoiseTables:
    """Tables for frames of `hop` samples; computed in float64, kept in float32."""
    half = n_bands - 1
    size = 2 * (hop + half)  # of the transform: a piece of 2 hops, and as long a response as the bands give
    angle = 2 * math.pi / size * torch.arange(size // 2 + 1, dtype=torch.float64)  # rad/sample of each sine
    at = torch.arange(2 * hop, dtype=torch.float64)
    lead = -(-half // hop)
    when = torch.arange(-lead * hop, (2 + lead) * hop, dtype=torch.float64)
    weight = torch.full_like(angle, 2.0 / size)
    weight[[0, -1]] = 1.0 / size
    heard = (when >= -half) & (when < 2 * hop + half - 1)  # beyond it the transform would begin again
    response = zero_phase_response(torch.eye(n_bands, dtype=torch.float64))  # its middle is time 0, so gains are real
    gains = response @ torch.cos(torch.arange(-half, half, dtype=torch.float64).unsqueeze(-1) * angle)
    wave = angle.unsqueeze(-1) * when
    return NoiseTables(
        (1.0 - (at - hop).abs() / hop).float(),
        torch.cat([torch.cos(at.unsqueeze(-1) * angle), torch.sin(at.unsqueeze(-1) * angle)], -1).float(),
        torch.cat([gains, gains], -1).float(),
        (torch.cat([torch.cos(wave), torch.sin(wave)]) * weight.repeat(2).unsqueeze(-1) * heard).float(),
        lead,
    )


def room_table(impulse_response: Tensor, hop: int) -> Tensor:
    """The room as a filter from frames of `hop` samples to frames, (hop, hop, n_frames), latest frame last.

    Sample j of a frame is heard at sample i of the p-th frame after it with tap p · hop + i − j.
    """
    taps = without_direct_sound(impulse_response.detach())
    i = torch.arange(hop)
    reach = (len(taps) + hop - 2) // hop + 1
    tap = torch.arange(reach).flip(0) * hop + i[:, None, None] - i[:, None]
    within = (tap >= 0) & (tap < len(taps))
    return torch.where(within, taps[tap.clamp(0, len(taps) - 1)], 0.0)
