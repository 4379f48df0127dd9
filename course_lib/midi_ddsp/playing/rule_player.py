"""A rule-based player: six numbers in, the controls of one note out; the formulas of the six, turned round."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib.core.checks import check_count, check_sample_rate
from course_lib.core.units import db_to_amplitude, midi_to_hz
from course_lib.midi_ddsp.note_controls import ATTACK_FRAMES, CONTROLS
from course_lib.synths.tone import ToneControls

DEFAULTS = (0.85, 0.15, 0.4, 0.3, 0.25, 0.5)
LOWEST_DB = -140.0
HISS_DB = -110.0  # noise after the attack


def play_note(
    pitch: float,
    *,
    duration_s: float,
    expression: Sequence[float] | Tensor = DEFAULTS,
    vibrato_hz: float = 5.5,
    n_harmonics: int = 60,
    n_bands: int = 65,
    frame_rate: float = 250,
    sample_rate: float = 16_000,
) -> ToneControls:
    """Play one note so that `extract_expression` reads the six controls that were asked for.

    The level is a triangle in dB, with the mean, the spread and the peak that are wanted; the pitch a sine; the
    harmonics fall off geometrically; the noise is white, at the wanted level for 40 ms. No instrument sounds like
    that, but every number of it is known.

    Args:
        pitch: MIDI.
        duration_s: seconds.
        expression: (6,), as in `CONTROLS`. A peak position below 0.02 or above 0.98 is moved there.
        vibrato_hz: rate of the vibrato.
        n_harmonics, n_bands: of the controls.
        frame_rate: frames a second.
        sample_rate: Hz; harmonics at or above half of it are left out.

    Returns:
        ToneControls, (n_frames, …), n_frames = round(duration_s · frame_rate).

    Raises:
        ValueError: not six finite numbers, a note without a frame, a pitch at or above Nyquist, a brightness that the
            harmonics below Nyquist cannot reach.

    Chapter: book/midi_ddsp/knobs.ipynb

    >>> from course_lib.midi_ddsp.note_controls import extract_expression
    >>> controls = play_note(69, duration_s=1.0, expression=(0.8, 0.2, 0.3, 0.5, 0.2, 0.6))
    >>> extract_expression(controls, [(0, 1.0, 69)]).round(decimals=1) + 0.0
    tensor([[0.8000, 0.2000, 0.3000, 0.5000, 0.2000, 0.6000]])
    """
    values = torch.as_tensor(expression, dtype=torch.float64)
    if values.shape != (len(CONTROLS),) or not bool(torch.isfinite(values).all()):
        raise ValueError(f"expression must be six finite numbers, {', '.join(CONTROLS)}; got {expression}")
    volume, fluctuation, peak, vibrato, bright, attack = values.tolist()
    n = check_count(round(duration_s * check_sample_rate(frame_rate)), "round(duration_s · frame_rate)")
    u = torch.arange(n, dtype=torch.float64) / n
    top = min(max(peak, 0.02), 0.98)
    shape = torch.where(u < top, u / top, (1 - u) / (1 - top))
    shape = (shape - shape.mean()) / shape.std(correction=0).clamp(min=1e-9)
    level = (volume - 1.5) * 60.0 + fluctuation * 24.0 * shape
    wave = vibrato / 3.75 * torch.sin(2 * math.pi * vibrato_hz * u * n / frame_rate)
    f0 = midi_to_hz(pitch + wave)
    audible = min(n_harmonics, math.ceil(sample_rate / 2 / float(f0.max())) - 1)
    if audible < 1:
        raise ValueError(f"pitch {pitch:g} lies at or above half the sample rate; play a lower note")
    shares = torch.zeros(n_harmonics, dtype=torch.float64)
    shares[:audible] = _falling(audible, 12.0 * bright)
    noise = torch.full((n, n_bands), HISS_DB, dtype=torch.float64)
    noise[:ATTACK_FRAMES] = (attack - 2.625) * 40.0
    return ToneControls(
        f0.float(),
        db_to_amplitude(level.clamp(min=LOWEST_DB)).float(),
        shares.expand(n, -1).float(),
        db_to_amplitude(noise.clamp(min=LOWEST_DB)).float(),
    )


def _falling(count: int, centroid: float) -> Tensor:
    """Shares q^k of `count` harmonics, q such that the centroid Σ k·h_k is the one asked for."""
    k = torch.arange(1, count + 1, dtype=torch.float64)
    if not 1.0 <= centroid <= (count + 1) / 2 + 1e-9:
        raise ValueError(
            f"a brightness of {centroid / 12:.3f} is a centroid of {centroid:.2f}; with {count} harmonics below "
            f"Nyquist it lies between 1 and {(count + 1) / 2:g}"
        )
    low, high = -60.0, 0.0
    for _ in range(60):
        middle = (low + high) / 2
        shares = torch.softmax(k * middle, 0)
        low, high = (middle, high) if float((k * shares).sum()) < centroid else (low, middle)
    return torch.softmax(k * high, 0)
