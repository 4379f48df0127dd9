"""A parametric equaliser: shelves and peaks, every knob of them learned."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_audio, check_count, check_sample_rate, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike
from course_lib.effects.biquads import BiquadKind, biquad_coefficients, pole_radius
from course_lib.effects.cascade import biquad_response, filter_by_sampling, ringing_fft_size


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

    LOW_HZ, HIGH, Q_RANGE = 30.0, 0.475, (0.3, 8.0)  # HIGH is a share of the sample rate

    def __init__(self, sample_rate: float, *, n_peaks: int = 3, max_gain_db: float = 24.0) -> None:
        super().__init__()
        self.sample_rate = check_sample_rate(sample_rate)
        n = check_count(n_peaks, "n_peaks", minimum=0) + 2
        if not 0 < max_gain_db < math.inf:
            raise ValueError(f"max_gain_db must be positive, in dB; got {max_gain_db!r}")
        self.max_gain_db = float(max_gain_db)
        peaks: list[BiquadKind] = ["peaking"] * (n - 2)
        self.kinds: list[BiquadKind] = ["lowshelf", *peaks, "highshelf"]
        share = (torch.arange(n) + 0.5) / n
        self.raw_frequency = nn.Parameter(torch.logit(share))
        self.raw_gain = nn.Parameter(torch.zeros(n))
        self.raw_q = nn.Parameter(torch.full((n,), -1.0))
        self.slowest_pole = self._slowest_pole()  # for where the poles cannot be looked at

    def settings(self) -> dict[str, Tensor]:
        """What the knobs say: frequency_hz, gain_db and q, (n_bands,) each."""
        # A module in half precision still turns its knobs in single.
        frequency, gain, q = in_single(self.raw_frequency, self.raw_gain, self.raw_q)
        octaves = math.log(self.HIGH * self.sample_rate / self.LOW_HZ)
        low_q, high_q = self.Q_RANGE
        return {
            "frequency_hz": self.LOW_HZ * torch.exp(octaves * torch.sigmoid(frequency)),
            "gain_db": self.max_gain_db * torch.tanh(gain),
            "q": low_q * (high_q / low_q) ** torch.sigmoid(q),
        }

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """b and a of the cascade, (n_bands, 3) each."""
        s = self.settings()
        rows = zip(self.kinds, s["frequency_hz"], s["q"], s["gain_db"], strict=True)
        pairs = [biquad_coefficients(kind, f, self.sample_rate, q=q, gain_db=gain) for kind, f, q, gain in rows]
        return torch.stack([b for b, _ in pairs]), torch.stack([a for _, a in pairs])

    def response(self, frequencies_hz: ArrayLike) -> Tensor:
        """Complex response at (n_bins,) Hz."""
        return biquad_response(*self.coefficients(), frequencies_hz, self.sample_rate)

    def forward(self, audio: ArrayLike) -> Tensor:
        """Filter (…, n_samples) by frequency sampling."""
        x = check_audio(audio)
        b, a = self.coefficients()
        n, sections = int(x.shape[-1]), len(self.kinds)
        size = None if is_eager(a) else ringing_fft_size(n, n_sections=sections, radius=self.slowest_pole)
        return filter_by_sampling(x, b, a, fft_size=size)

    def _slowest_pole(self) -> float:
        """Radius of the pole that rings longest, whatever the knobs say: some corner of their ranges has it."""
        corners = itertools.product((self.LOW_HZ, self.HIGH * self.sample_rate), self.Q_RANGE, (-1.0, 1.0))
        frequency, q, sign = torch.tensor(list(corners), dtype=torch.float64).unbind(-1)
        gain = sign * self.max_gain_db
        each = [
            biquad_coefficients(kind, frequency, sample_rate=self.sample_rate, q=q, gain_db=gain)
            for kind in set(self.kinds)
        ]
        return max(float(pole_radius(a).max()) for _, a in each)
