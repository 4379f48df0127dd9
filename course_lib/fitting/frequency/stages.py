"""The two stages that searches share: carry a line to the strongest peak from afar, then polish the frequency."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.fitting.frequency.amplitudes import best_amplitudes
from course_lib.fitting.frequency.descent import Trace, descend, falling, sign_descent
from course_lib.fitting.frequency.spectra import spectral_quantiles

LINE_POWER = 256.0  # sharpens the spectrum until hardly more than its strongest peak is left
FIRST_STRIDE = 0.25  # of a sign descent, as a share of the range it searches


def one_partial(hz: Tensor) -> Tensor:
    """One sinusoid a trial: (trials,) → (trials, 1)."""
    return hz.unsqueeze(-1)


def carry_line(sound: Tensor, start: Tensor, sample_rate: float, *, steps: int) -> Trace:
    """Carry all energy of the sharpened spectrum to one line, (trials,) Hz: Σ |Q(u) − f| is convex in f."""
    quantiles, nyquist = spectral_quantiles(sound, sample_rate, power=LINE_POWER)[1], sample_rate / 2

    def distance(x: Tensor) -> Tensor:
        return (quantiles / nyquist - x.unsqueeze(-1)).abs().mean(-1)

    edge = 2 / sound.shape[-1]
    line = sign_descent(distance, start / nyquist, stride=FIRST_STRIDE, steps=steps, limits=(edge, 1 - edge))
    return line.map(lambda x: x * nyquist)


def polish(
    sound: Tensor,
    start: Tensor,
    sample_rate: float,
    *,
    steps: int,
    partials: Callable[[Tensor], Tensor] = one_partial,
    used: Tensor | None = None,
    reach_bins: float = 0.25,
) -> Trace:
    """The last steps: Adam on the frequency alone, on the energy that the best amplitudes and phases leave unexplained.

    partials maps what is learned, (trials, …) in Hz, to the frequencies of the sinusoids, (trials, K). The first stride
    is `reach_bins` DFT bins. This is variable projection (Golub and Pereyra, 1973).
    """
    energy, bin_hz = sound.square().sum(-1), sample_rate / sound.shape[-1]

    def unexplained(offset_bins: Tensor, _: int) -> Tensor:
        return 1 - best_amplitudes(sound, partials(start + offset_bins * bin_hz), sample_rate, used)[2] / energy

    offsets = descend(
        unexplained, torch.zeros_like(start), falling(first=reach_bins, last=1e-4 * reach_bins, steps=steps)
    )
    return offsets.map(lambda offset_bins: start + offset_bins * bin_hz)
