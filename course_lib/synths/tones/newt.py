"""The learned waveshapers as a tone's pitched part."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_count
from course_lib.effects.oversampling import REACH
from course_lib.synths.newt import NewtControls, newt_controls, newt_raised, newt_synth
from course_lib.synths.shapers import Shapers
from course_lib.synths.tone import phase_of_last_frame


class NewtToneControls(NamedTuple):
    """As `NewtControls`, and noise_magnitudes (…, n_frames, n_bands)."""

    f0_hz: Tensor
    gain: Tensor
    bias: Tensor
    level: Tensor
    noise_magnitudes: Tensor


class NewtStart(NamedTuple):
    """Where a stretch begins: its phase, in turns, and the raised sound before it, which the filter still hears."""

    turns: float
    past: Tensor


class NewtTone(nn.Module):
    """A pitched part whose exciter mix and shapers are learned; see `newt_synth`.

    Args:
        n_shapers: how many curves, M.
        n_harmonics: of the exciter, K.
        oversampling: at how many times the sample rate the curves run.
        n_points: at which the networks are asked for their curves.

    Attributes:
        mix: (K, M) parameter. shapers: `Shapers`. phases: (K,), drawn once and kept, radians.

    Source: Hayes, Saitis and Fazekas, 2021. Chapter: book/other_instruments/waveshaping.ipynb

    >>> NewtTone(n_shapers=4).n_raw
    13
    """

    phases: Tensor

    def __init__(
        self, n_shapers: int = 8, *, n_harmonics: int = 60, oversampling: int = 2, n_points: int = 2048
    ) -> None:
        super().__init__()
        m, k = check_count(n_shapers, "n_shapers"), check_count(n_harmonics, "n_harmonics")
        self.oversampling, self.n_points = check_count(oversampling, "oversampling"), n_points
        self.n_raw = 1 + 3 * m
        self.mix = nn.Parameter((2 * torch.rand(k, m) - 1) * (0.5 / math.sqrt(k)))
        self.register_buffer("phases", 2 * math.pi * torch.rand(k))
        self.shapers = Shapers(m)

    def controls(self, raw: Tensor, f0_hz: Tensor, noise_magnitudes: Tensor, *, sample_rate: float) -> NewtToneControls:
        """Controls of raw (…, n_frames, n_raw), pitch and noise passed on."""
        return NewtToneControls(*newt_controls(raw, f0_hz), noise_magnitudes)

    def scaled(self, controls: NewtToneControls, gain: Tensor) -> NewtToneControls:
        """The level behind the shapers is what is scaled: their drive, and with it the colour, stays."""
        return controls._replace(level=controls.level * gain.unsqueeze(-1))

    def level(self, controls: NewtToneControls) -> Tensor:
        """The mean of the shapers' levels."""
        return controls.level.mean(-1)

    def sound(
        self, controls: NewtToneControls, *, n_samples: int, sample_rate: float, start: NewtStart | None = None
    ) -> Tensor:
        """`newt_synth` of these controls, (…, n_samples), from this start on."""
        turns, past = start or (0.0, None)
        return newt_synth(
            *controls[:4], self.mix, self.phases, self.shapers.curves(self.n_points), n_samples=n_samples,
            sample_rate=sample_rate, oversampling=self.oversampling, turns=turns, past=past,
        )  # fmt: skip

    def advance(
        self, controls: NewtToneControls, *, hop: int, sample_rate: float, start: NewtStart | None
    ) -> NewtStart:
        """Phase at which the last frame begins, and the raised sound before it, as far as the filter hears it."""
        turns, past = start or (0.0, controls.gain.new_zeros(0))
        factor = self.oversampling
        raised, reach, last = hop * factor, 2 * REACH * factor, len(controls.f0_hz) - 1
        first = max(0, last - -(-reach // raised))
        if first < last and factor > 1:
            near = NewtControls(*(x[first:] for x in controls[:4]))
            begin = phase_of_last_frame(
                controls.f0_hz[: first + 1], hop=raised, sample_rate=sample_rate * factor, turns=turns
            )
            made = newt_raised(
                *near, self.mix, self.phases, self.shapers.curves(self.n_points), n_samples=len(near.f0_hz) * hop,
                sample_rate=sample_rate, oversampling=factor, turns=begin,
            )  # fmt: skip
            past = torch.cat([past, made[:-raised]])[-reach:]
        end = phase_of_last_frame(controls.f0_hz, hop=raised, sample_rate=sample_rate * factor, turns=turns)
        return NewtStart(end, past)
