"""How many frames a sound has."""

from __future__ import annotations

import math

from course_lib.core.checks import check_sample_rate


def frame_count(*, n_samples: int, sample_rate: float, hop_s: float) -> int:
    """Number of frames about hop_s apart that divide a sound evenly: frame i sits at sample i · n_samples / n_frames.

    >>> frame_count(n_samples=16000, sample_rate=16000, hop_s=0.004)
    250
    """
    rate = check_sample_rate(sample_rate)
    if not 0 < hop_s < math.inf:
        raise ValueError(f"hop_s must be positive, in seconds, such as 0.004; got {hop_s!r}")
    if hop_s * rate < 1:
        raise ValueError(f"hop_s must be at least one sample, {1 / rate:g} s; got {hop_s!r}")
    return max(1, math.ceil(n_samples / (hop_s * rate) - 1e-9))
