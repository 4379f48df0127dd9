"""Numbers that travel as text."""

from __future__ import annotations

import base64
import io

import numpy as np
import soundfile
from torch import Tensor


def as_text(numbers: Tensor | np.ndarray) -> str:
    """Return the bytes of an array as base64, which data.js reads."""
    array = numbers.numpy() if isinstance(numbers, Tensor) else numbers
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def as_flac(sound: Tensor, sample_rate: int) -> str:
    """Return one channel of sound, (n_samples,), as base64 of a FLAC file of 16 bits, which recordings.js reads."""
    file = io.BytesIO()
    soundfile.write(file, sound.double().clamp(-1, 1).numpy(), sample_rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")
