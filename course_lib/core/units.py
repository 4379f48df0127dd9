"""Units of music and signal: hertz and MIDI, amplitude and decibel, and the scaling of raw network outputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_finite, check_not_negative, in_single
from course_lib.core.eager import is_eager
from course_lib.core.types import ArrayLike

A4_HZ = 440.0
A4_MIDI = 69.0


def hz_to_midi(frequency_hz: ArrayLike) -> Tensor:
    """Convert frequency to MIDI note number; 0 Hz, a rest, gives 0.

    Args:
        frequency_hz: any shape, Hz, ≥ 0.

    Returns:
        MIDI note numbers, fractional, same shape: 69 + 12·log2(f / 440).

    Raises:
        ValueError: negative, NaN or infinite frequency.

    Chapter: book/notation.ipynb

    >>> hz_to_midi(440.0)
    tensor(69.)
    """
    given = check_finite(as_tensor(frequency_hz, "frequency_hz"), "frequency_hz")
    check_not_negative(given, "frequency_hz", " Hz")
    (f,) = in_single(given)
    sounding = f > 0
    # The inner `where` keeps log2(0) out of the graph: its gradient would be NaN even where it is not selected.
    midi = A4_MIDI + 12.0 * torch.log2(torch.where(sounding, f, torch.full_like(f, A4_HZ)) / A4_HZ)
    return torch.where(sounding, midi, torch.zeros_like(midi)).to(given.dtype)


def midi_to_hz(midi: ArrayLike) -> Tensor:
    """Convert MIDI note number to frequency.

    Args:
        midi: any shape, MIDI note numbers, fractions welcome.

    Returns:
        Frequency in Hz, same shape: 440 · 2^((m − 69) / 12).

    Raises:
        ValueError: NaN or infinite note number.

    Chapter: book/notation.ipynb

    >>> midi_to_hz(57)
    tensor(220.)
    """
    given = check_finite(as_tensor(midi, "midi"), "midi")
    (m,) = in_single(given)
    return (A4_HZ * torch.exp2((m - A4_MIDI) / 12.0)).to(given.dtype)


def cents(frequency_hz: ArrayLike, reference_hz: ArrayLike) -> Tensor:
    """Distance between two frequencies in cents (hundredths of a semitone), positive when the first is higher.

    Args:
        frequency_hz: Hz, > 0, broadcasts with the reference.
        reference_hz: Hz, > 0.

    Returns:
        1200 · log2(frequency / reference), in cents.

    Raises:
        ValueError: a frequency that is not positive and finite.

    Chapter: book/notation.ipynb

    >>> cents(880.0, 440.0)
    tensor(1200.)
    """
    f = check_finite(as_tensor(frequency_hz, "frequency_hz"), "frequency_hz")
    r = check_finite(as_tensor(reference_hz, "reference_hz"), "reference_hz")
    for values, name in ((f, "frequency_hz"), (r, "reference_hz")):
        if is_eager(values) and bool((values.detach() <= 0).any()):
            raise ValueError(f"{name} must be positive to have a pitch; got {values.detach().min().item():g} Hz")
    ratio = f / r  # its precision is that of the answer
    f, r = in_single(f, r)
    return (1200.0 * torch.log2(f / r)).to(ratio.dtype)


def amplitude_to_db(amplitude: ArrayLike, floor_db: float = -120.0) -> Tensor:
    """Convert linear amplitude to decibels, 20·log10|a|, never below the floor.

    Args:
        amplitude: any shape, linear; 1 is full scale.
        floor_db: least value returned, dB.

    Returns:
        dB, same shape.

    Raises:
        ValueError: NaN or infinite amplitude.

    Chapter: book/notation.ipynb

    >>> amplitude_to_db(0.1)
    tensor(-20.)
    """
    given = check_finite(as_tensor(amplitude, "amplitude"), "amplitude")
    (a,) = in_single(given)
    return (20.0 * torch.log10(a.abs().clamp(min=10.0 ** (floor_db / 20.0)))).to(given.dtype)


def db_to_amplitude(level_db: ArrayLike) -> Tensor:
    """Convert decibels to linear amplitude, 10^(dB / 20).

    Args:
        level_db: any shape, dB.

    Returns:
        Linear amplitude, same shape.

    Raises:
        ValueError: NaN or infinite level.

    Chapter: book/notation.ipynb

    >>> db_to_amplitude(-20.0)
    tensor(0.1000)
    """
    given = check_finite(as_tensor(level_db, "level_db"), "level_db")
    (level,) = in_single(given)
    return (10.0 ** (level / 20.0)).to(given.dtype)


def exp_sigmoid(x: ArrayLike, exponent: float = 10.0, max_value: float = 2.0, threshold: float = 1e-7) -> Tensor:
    """Scale a raw number to a positive amplitude: max_value · σ(x)^ln(exponent) + threshold.

    A sigmoid bent so that equal steps of `x` are roughly equal steps in dB over a wide range.

    Args:
        x: raw values, any shape, any real number.
        exponent: how strongly the sigmoid is bent, > 0.
        max_value: the upper limit.
        threshold: the lower limit, keeps logarithms finite.

    Returns:
        Amplitudes between `threshold` and `max_value + threshold`, same shape.

    Raises:
        ValueError: NaN or infinite `x`, or `exponent` not above 0.

    Source: Engel et al., DDSP, 2020, appendix B.5. Chapter: book/sines/harmonic.ipynb

    >>> exp_sigmoid(0.0)
    tensor(0.4054)
    """
    if not exponent > 0:
        raise ValueError(f"exponent must be above 0; got {exponent!r}")
    given = check_finite(as_tensor(x, "x"), "x")
    (raw,) = in_single(given)
    return (max_value * torch.sigmoid(raw) ** math.log(exponent) + threshold).to(given.dtype)
