"""A sinusoid whose frequency and amplitude may change from frame to frame."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from course_lib.core.checks import (
    as_tensor,
    as_tensors,
    check_count,
    check_finite,
    check_frequency,
    check_leading,
    check_sample_rate,
    in_single,
)
from course_lib.core.eager import is_eager
from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.types import ArrayLike

Learnable = Literal["frequency", "amplitude", "phase"]


def sinusoid(
    frequency_hz: ArrayLike, amplitude: ArrayLike, *, n_samples: int, sample_rate: float, initial_phase: ArrayLike = 0.0
) -> Tensor:
    """Synthesise A[n] · sin(φ[n] + φ₀), φ the accumulated frequency.

    Args:
        frequency_hz: (…, n_frames) or a number, Hz, below Nyquist; 0 is a rest: silent, phase held.
        amplitude: (…, n_frames) or a number, linear; its own number of frames is fine.
        n_samples: length of the sound.
        sample_rate: Hz.
        initial_phase: radians, a number or (…) for one value a sound.

    Returns:
        (…, n_samples); frequency and amplitude are interpolated linearly between frames.

    Raises:
        ValueError: frequency negative, NaN, or at or above Nyquist; NaN amplitude; more frames than samples.

    Chapter: book/sines/oscillator.ipynb

    >>> sinusoid(4000.0, 1.0, n_samples=4, sample_rate=16000).round(decimals=3)
    tensor([ 0.,  1., -0., -1.])
    """
    rate = check_sample_rate(sample_rate)
    n_samples = check_count(n_samples, "n_samples")
    frequency_hz, amplitude, initial_phase = as_tensors(
        frequency_hz=frequency_hz, amplitude=amplitude, initial_phase=initial_phase
    )
    f = check_frequency(frequency_hz, "frequency_hz", rate, below_nyquist=True)
    a = check_finite(amplitude, "amplitude")
    start = check_finite(initial_phase, "initial_phase")
    check_leading(frequency_hz=f.shape[:-1], amplitude=a.shape[:-1], initial_phase=start.shape)
    dtype = torch.promote_types(f.dtype, a.dtype)
    f, a = in_single(f, a)
    phase = instantaneous_phase(upsample_frequency(f, n_samples), rate)
    sound = upsample(a, n_samples) * torch.sin(phase + start.to(phase).unsqueeze(-1))
    rest = f.detach() == 0
    if not is_eager(f) or bool(rest.any()):
        sound = sound * upsample((~rest).to(sound.dtype), n_samples)
    return sound.to(dtype)


class Oscillator(nn.Module):
    """A sinusoid with learned frequency, amplitude and (if asked) phase.

    Args:
        frequency_hz: start, Hz: a number, or (…, n_frames).
        amplitude: start, linear: a number, or (…, n_frames).
        n_samples: length of the sound.
        sample_rate: Hz.
        initial_phase: start, radians.
        learn: which of "frequency", "amplitude", "phase" are parameters; the rest stay fixed.

    Raises:
        ValueError: as `sinusoid`, or an unknown name in `learn`.

    Chapter: book/sines/oscillator.ipynb

    >>> Oscillator(440.0, 0.5, n_samples=800, sample_rate=16000)().shape
    torch.Size([800])
    """

    def __init__(
        self,
        frequency_hz: ArrayLike,
        amplitude: ArrayLike,
        *,
        n_samples: int,
        sample_rate: float,
        initial_phase: ArrayLike = 0.0,
        learn: tuple[Learnable, ...] = ("frequency", "amplitude"),
    ) -> None:
        super().__init__()
        unknown = set(learn) - set(get_args(Learnable))
        if unknown:
            raise ValueError(f"learn takes 'frequency', 'amplitude' and 'phase'; got {sorted(unknown)}")

        def parameter(value: ArrayLike, name: Learnable) -> nn.Parameter:
            return nn.Parameter(as_tensor(value, name).detach().clone(), requires_grad=name in learn)

        self.frequency_hz = parameter(frequency_hz, "frequency")
        self.amplitude = parameter(amplitude, "amplitude")
        self.initial_phase = parameter(initial_phase, "phase")
        self.n_samples = n_samples
        self.sample_rate = sample_rate
        with torch.no_grad():
            self()  # a bad start fails here, not at the first step of a fit

    def forward(self) -> Tensor:
        """Return the sound, (…, n_samples)."""
        return sinusoid(
            self.frequency_hz,
            self.amplitude,
            n_samples=self.n_samples,
            sample_rate=self.sample_rate,
            initial_phase=self.initial_phase,
        )
