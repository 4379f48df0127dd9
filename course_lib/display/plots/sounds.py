"""Pictures of sounds: waveform, spectrogram, spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from course_lib.core.checks import check_audio, check_sample_rate
from course_lib.core.types import ArrayLike, Labelled
from course_lib.display.plots.axes import COLOURS, as_numpy, axes_or_new, labelled
from course_lib.fitting.losses import stft_magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_waveform(
    sound: Labelled,
    sample_rate: float,
    ax: Axes | None = None,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Axes:
    """Draw samples against time.

    Args:
        sound: (n_samples,), or {label: sound} drawn over each other.
        sample_rate: Hz.
        ax: where to draw; a new figure if None.
        start_s: first moment shown, s.
        end_s: last moment shown, s; the end if None.

    Returns:
        The axes.

    Raises:
        ValueError: empty sound, NaN, a sample rate that is not positive, nothing between start and end.

    Chapter: book/first_steps/pytorch_for_sound.ipynb

    >>> import torch
    >>> plot_waveform(torch.ones(2000), sample_rate=16000).get_xlabel()
    'time (s)'
    """
    rate = check_sample_rate(sample_rate)
    ax = axes_or_new(ax)
    for i, (label, audio) in enumerate(labelled(sound).items()):
        samples = as_numpy(check_audio(audio).squeeze())
        first, last = (
            round(start_s * rate),
            len(samples) if end_s is None else min(len(samples), round(end_s * rate)),
        )
        if not 0 <= first < last:
            raise ValueError(f"nothing to draw between {start_s} s and {end_s} s of {len(samples) / rate:g} s")
        time = np.arange(first, last) / rate
        ax.plot(time, samples[first:last], color=COLOURS[i % 6], lw=1.1, label=label or None, alpha=0.9)
    ax.set(xlabel="time (s)", ylabel="amplitude")
    if isinstance(sound, Mapping):
        ax.legend(loc="upper right", frameon=False, ncols=3)
    return ax


def plot_spectrogram(
    sound: ArrayLike,
    sample_rate: float,
    ax: Axes | None = None,
    *,
    fft_size: int = 1024,
    range_db: float = 80.0,
    max_hz: float | None = None,
) -> Axes:
    """Draw level in dB against time and frequency; 0 dB is the loudest point of the picture.

    Args:
        sound: (n_samples,).
        sample_rate: Hz.
        ax: where to draw; a new figure if None.
        fft_size: window length in samples, a multiple of 4.
        range_db: how far below the loudest point the colours reach.
        max_hz: highest frequency shown; Nyquist if None.

    Returns:
        The axes.

    Raises:
        ValueError: empty sound, NaN, a sample rate that is not positive.

    Chapter: book/sines/sinusoidal_modelling.ipynb

    >>> import torch
    >>> plot_spectrogram(torch.ones(2000), sample_rate=16000).get_ylabel()
    'frequency (Hz)'
    """
    rate = check_sample_rate(sample_rate)
    magnitude = as_numpy(stft_magnitude(check_audio(sound).squeeze(), fft_size))
    level = 20 * np.log10(np.maximum(magnitude, 1e-9))
    level -= level.max()
    ax = axes_or_new(ax, 3.0)
    hop_s = fft_size / 4 / rate
    extent = (-hop_s / 2, (level.shape[1] - 0.5) * hop_s, 0.0, rate / 2)
    # Steps of 2 dB: no eye misses the rest, and a stored picture of noise weighs half.
    level = 2 * np.round(level / 2)
    ax.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=extent,
        vmin=-range_db,
        vmax=0,
        cmap="magma",
        interpolation="nearest",
    )
    ax.set(xlabel="time (s)", ylabel="frequency (Hz)", ylim=(0, max_hz or rate / 2))
    ax.set_xlim(0, check_audio(sound).shape[-1] / rate)
    return ax


def plot_spectrum(
    sound: Labelled,
    sample_rate: float,
    ax: Axes | None = None,
    *,
    range_db: float = 80.0,
    max_hz: float | None = None,
) -> Axes:
    """Draw the level of one Hann-windowed spectrum of the whole sound; a sinusoid of amplitude 1 peaks at 0 dB.

    Args:
        sound: (n_samples,), or {label: sound} drawn over each other.
        sample_rate: Hz.
        ax: where to draw; a new figure if None.
        range_db: how far below the highest peak the axis reaches.
        max_hz: highest frequency shown; Nyquist if None.

    Returns:
        The axes.

    Raises:
        ValueError: empty sound, NaN, a sample rate that is not positive.

    Chapter: book/sines/additive.ipynb

    >>> import torch
    >>> plot_spectrum(torch.ones(2000), sample_rate=16000).get_xlabel()
    'frequency (Hz)'
    """
    rate = check_sample_rate(sample_rate)
    ax, top = axes_or_new(ax), -np.inf
    for i, (label, audio) in enumerate(labelled(sound).items()):
        samples = as_numpy(check_audio(audio, minimum=2).squeeze())
        window = np.hanning(len(samples) + 1)[:-1]
        magnitude = np.abs(np.fft.rfft(samples * window)) * 2 / window.sum()
        level = 20 * np.log10(np.maximum(magnitude, 1e-9))
        top = max(top, float(level.max()))
        hz = np.fft.rfftfreq(len(samples), 1 / rate)
        ax.plot(hz, level, color=COLOURS[i % 6], lw=1.1, label=label or None, alpha=0.9)
    ax.set(
        xlabel="frequency (Hz)",
        ylabel="level (dB)",
        xlim=(0, max_hz or rate / 2),
        ylim=(top - range_db, top + 6),
    )
    if isinstance(sound, Mapping):
        ax.legend(loc="upper right", frameon=False, ncols=3)
    return ax
