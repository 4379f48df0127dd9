"""The smallest differentiable instrument: one number that multiplies a sound."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_audio
from course_lib.core.types import ArrayLike


class LinearGain(nn.Module):
    """Multiply a sound by one learned number.

    Args:
        gain: where to start, linear (1 leaves the sound as it is, 0.5 is −6 dB); finite.

    Raises:
        ValueError: a gain that is not a finite number.

    Chapter: book/first_steps/gain.ipynb

    >>> LinearGain(0.5)(torch.tensor([1.0, -1.0]))
    tensor([ 0.5000, -0.5000], grad_fn=<MulBackward0>)
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        if not math.isfinite(gain):
            raise ValueError(f"gain must be a finite number; got {gain!r}")
        self.gain = nn.Parameter(torch.tensor(float(gain)))

    def forward(self, audio: ArrayLike) -> Tensor:
        """Return the scaled sound.

        Args:
            audio: (…, n_samples).

        Returns:
            (…, n_samples), gain · audio.

        Raises:
            ValueError: empty sound, NaN or infinite samples.
        """
        return self.gain * check_audio(audio)
