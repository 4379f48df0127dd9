"""The wavetable synthesizer as a tone: its tables are learned with the network that mixes them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.core.checks import in_single
from course_lib.core.types import ArrayLike
from course_lib.synths.fourier_tables import draw_tables, normalise_tables
from course_lib.synths.tone import phase_of_last_frame
from course_lib.synths.wavetable import wavetable_controls, wavetable_synth


class WavetableToneControls(NamedTuple):
    """What the instrument is told, frame by frame: the wavetable synth's three controls and the noise's magnitudes.

    f0_hz: (…, n_frames), Hz. amplitude: (…, n_frames), linear. weights: (…, n_frames, n_tables), sums to 1.
    noise_magnitudes: (…, n_frames, n_bands), linear.

    >>> WavetableToneControls(torch.ones(9), torch.ones(9), torch.ones(9, 4), torch.ones(9, 2)).weights.shape
    torch.Size([9, 4])
    """

    f0_hz: Tensor
    amplitude: Tensor
    weights: Tensor
    noise_magnitudes: Tensor


class WavetableTone(nn.Module):
    """A tone's pitched part that mixes learned waveforms, held as Fourier coefficients and masked at Nyquist.

    Args:
        n_tables: how many waveforms.
        n_harmonics: K, of each of them.

    Attributes:
        n_raw: raw numbers a frame, 1 + n_tables. raw_tables: (n_tables, K, 2) parameter, real and imaginary parts.

    Raises:
        ValueError: a number below 1.

    Source: Shan et al., Differentiable Wavetable Synthesis, 2022. Chapter: book/other_instruments/wavetables.ipynb

    >>> tone = WavetableTone(n_tables=4, n_harmonics=8)
    >>> controls = tone.controls(torch.zeros(9, 5), torch.full((9,), 440.0), torch.zeros(9, 2), sample_rate=16_000)
    >>> tone.sound(controls, n_samples=576, sample_rate=16_000).shape
    torch.Size([576])
    """

    def __init__(self, *, n_tables: int = 10, n_harmonics: int = 60) -> None:
        super().__init__()
        self.raw_tables = nn.Parameter(draw_tables(n_tables=n_tables, n_harmonics=n_harmonics))
        self.n_raw = 1 + len(self.raw_tables)

    def tables(self) -> Tensor:
        """The waveforms as they are now, (n_tables, K), complex; each one's magnitudes sum to 1."""
        (exact,) = in_single(self.raw_tables)
        return normalise_tables(torch.view_as_complex(exact))

    def controls(
        self, raw: ArrayLike, f0_hz: ArrayLike, noise_magnitudes: Tensor, *, sample_rate: float
    ) -> WavetableToneControls:
        """Raw numbers (…, n_frames, n_raw) as controls, see `wavetable_controls`; the noise is passed on."""
        return WavetableToneControls(*wavetable_controls(raw, f0_hz, sample_rate), noise_magnitudes)

    def scaled(self, controls: WavetableToneControls, gain: Tensor) -> WavetableToneControls:
        """The amplitude is what is scaled."""
        return controls._replace(amplitude=controls.amplitude * gain)

    def level(self, controls: WavetableToneControls) -> Tensor:
        """The amplitude."""
        return controls.amplitude

    def sound(
        self, controls: WavetableToneControls, *, n_samples: int, sample_rate: float, start: float | None = None
    ) -> Tensor:
        """`wavetable_synth` of these controls, from this phase on."""
        f0_hz, amplitude, weights, _ = controls
        return wavetable_synth(
            f0_hz,
            amplitude,
            weights,
            self.tables(),
            n_samples=n_samples,
            sample_rate=sample_rate,
            turns=start or 0.0,
        )

    def advance(self, controls: WavetableToneControls, *, hop: int, sample_rate: float, start: float | None) -> float:
        """Phase at which the last frame begins, in turns."""
        return phase_of_last_frame(controls.f0_hz, hop=hop, sample_rate=sample_rate, turns=start or 0.0)
