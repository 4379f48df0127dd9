"""FM as the pitched part of a tone: any wiring, its ratios fixed."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.core.types import ArrayLike
from course_lib.synths.fm import Feedback, FmStart, fm_advance, fm_synth
from course_lib.synths.fm_controls import as_ratios, fm_controls
from course_lib.synths.fm_patch import PATCHES, parse_patch

# Root mean square of the sound at raw = 0: that of the harmonic tone, 60 equal shares of 0.41, at 330 Hz.
FRESH_RMS = 0.06


class FmToneControls(NamedTuple):
    """f0_hz: (…, n_frames), Hz. levels: (…, n_frames, n_operators). noise_magnitudes: (…, n_frames, n_bands).

    >>> FmToneControls(torch.ones(9), torch.ones(9, 6), torch.ones(9, 2)).levels.shape
    torch.Size([9, 6])
    """

    f0_hz: Tensor
    levels: Tensor
    noise_magnitudes: Tensor


class FmTone(nn.Module):
    """The FM synthesizer as a tone's pitched part; nothing in it is learned but what its decoder gives.

    Args:
        patch: the wiring, see `parse_patch`.
        ratios: frequency of each operator over f0.
        max_index: the largest index, radians.
        alias_db: limit of the index at high notes, as `fm_controls`; None is none.
        feedback: as `fm_synth`.

    Attributes:
        n_raw: raw numbers a frame, one an operator.

    Raises:
        ValueError: a patch that cannot be read, ratios that are negative or not as many as operators.

    Source: Caspe et al., DDX7, 2022. Chapter: book/other_instruments/fm.ipynb

    >>> FmTone().n_raw
    6
    """

    ratios: Tensor
    carries: Tensor
    shift: Tensor

    def __init__(
        self,
        patch: str = PATCHES["trio"].patch,
        ratios: ArrayLike = PATCHES["trio"].ratios,
        max_index: float = 4.0,
        *,
        alias_db: float | None = -80.0,
        feedback: Feedback = "mean",
    ) -> None:
        super().__init__()
        self.patch = parse_patch(patch)
        self.register_buffer("ratios", as_ratios(ratios, self.patch), persistent=False)
        self.max_index, self.alias_db, self.feedback = max_index, alias_db, feedback
        self.n_raw = self.patch.n_operators
        # exp_sigmoid(x) = 2 · sigmoid(x)^ln 10: carriers begin where they are together as loud as harmonics begin.
        share = (FRESH_RMS * math.sqrt(2 / len(self.patch.carriers)) / 2) ** (1 / math.log(10))
        carries = torch.tensor([float(o in self.patch.carriers) for o in range(1, self.n_raw + 1)])
        self.register_buffer("carries", carries, persistent=False)
        self.register_buffer("shift", carries * math.log(share / (1 - share)), persistent=False)

    def controls(self, raw: Tensor, f0_hz: Tensor, noise_magnitudes: Tensor, *, sample_rate: float) -> FmToneControls:
        """Controls of raw numbers (…, n_frames, n_raw); f0 and the noise are passed on."""
        f0, levels = fm_controls(
            raw + self.shift.to(raw), f0_hz, self.ratios, self.patch, sample_rate=sample_rate,
            max_index=self.max_index, alias_db=self.alias_db,
        )  # fmt: skip
        return FmToneControls(f0, levels, noise_magnitudes)

    def scaled(self, controls: FmToneControls, gain: Tensor) -> FmToneControls:
        """The carriers are what is scaled: the indices, and with them the colour, stay."""
        heard = self.carries.to(gain)
        return controls._replace(levels=controls.levels * (1 - heard + heard * gain.unsqueeze(-1)))

    def level(self, controls: FmToneControls) -> Tensor:
        """The sum of the carriers' levels."""
        return (controls.levels * self.carries.to(controls.levels)).sum(-1)

    def sound(
        self, controls: FmToneControls, *, n_samples: int, sample_rate: float, start: FmStart | None = None
    ) -> Tensor:
        """`fm_synth` of these controls, from there on: (…, n_samples)."""
        return fm_synth(
            controls.f0_hz, controls.levels, self.ratios, self.patch, n_samples=n_samples, sample_rate=sample_rate,
            feedback=self.feedback, start=start,
        )  # fmt: skip

    def advance(self, controls: FmToneControls, *, hop: int, sample_rate: float, start: FmStart | None) -> FmStart:
        """Phases at which the last frame begins, and the feedback's last samples."""
        return fm_advance(
            controls.f0_hz, controls.levels, self.ratios, self.patch, hop=hop, sample_rate=sample_rate,
            feedback=self.feedback, start=start,
        )  # fmt: skip
