"""A parametric equaliser: shelves and peaks, every knob of them learned."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_count, check_sample_rate
from course_lib.effects.biquads import biquad_coefficients
from course_lib.effects.cascade import biquad_response, filter_by_sampling


class ParametricEQ(nn.Module):
    """A low shelf, some peaks, a high shelf: an equaliser whose every knob is learned.

    Args:
        sample_rate: Hz.
        n_peaks: peaking filters between the two shelves, spread evenly in octaves at the start.
        max_gain_db: most a band can add or take away, dB.

    Attributes:
        raw_frequency: (n_peaks + 2,) parameter; `settings()` has its value in Hz.
        raw_gain: (n_peaks + 2,) parameter; in `settings()` in dB.
        raw_q: (n_peaks + 2,) parameter.

    Raises:
        ValueError: a count below 0, a gain that is not positive.

    Chapter: book/shaping/filters.ipynb

    >>> ParametricEQ(sample_rate=16000)(torch.zeros(800)).shape
    torch.Size([800])
    """

    LOW_HZ, Q_RANGE = 30.0, (0.3, 8.0)

    def __init__(self, sample_rate: float, n_peaks: int = 3, max_gain_db: float = 24.0) -> None:
        super().__init__()
        self.sample_rate = check_sample_rate(sample_rate)
        n = check_count(n_peaks, "n_peaks", minimum=0) + 2
        if not 0 < max_gain_db < math.inf:
            raise ValueError(f"max_gain_db must be positive, in dB; got {max_gain_db!r}")
        self.max_gain_db = float(max_gain_db)
        self.kinds = ["lowshelf", *["peaking"] * (n - 2), "highshelf"]
        share = (torch.arange(n) + 0.5) / n
        self.raw_frequency = nn.Parameter(torch.logit(share))
        self.raw_gain = nn.Parameter(torch.zeros(n))
        self.raw_q = nn.Parameter(torch.full((n,), -1.0))

    def settings(self) -> dict[str, Tensor]:
        """What the knobs say: frequency_hz, gain_db and q, (n_bands,) each."""
        high = 0.475 * self.sample_rate
        octaves = math.log(high / self.LOW_HZ)
        low_q, high_q = self.Q_RANGE
        return {
            "frequency_hz": self.LOW_HZ * torch.exp(octaves * torch.sigmoid(self.raw_frequency)),
            "gain_db": self.max_gain_db * torch.tanh(self.raw_gain),
            "q": low_q * (high_q / low_q) ** torch.sigmoid(self.raw_q),
        }

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """b and a of the cascade, (n_bands, 3) each."""
        s = self.settings()
        rows = zip(self.kinds, s["frequency_hz"], s["q"], s["gain_db"], strict=True)
        pairs = [biquad_coefficients(kind, f, self.sample_rate, q, gain) for kind, f, q, gain in rows]
        return torch.stack([b for b, _ in pairs]), torch.stack([a for _, a in pairs])

    def response(self, frequencies_hz: Any) -> Tensor:
        """Complex response at (n_bins,) Hz."""
        return biquad_response(*self.coefficients(), frequencies_hz, self.sample_rate)

    def forward(self, audio: Any) -> Tensor:
        """Filter (…, n_samples) by frequency sampling."""
        return filter_by_sampling(audio, *self.coefficients())
