"""Pictures of what a synthesizer is told: envelopes, and all controls of a sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from course_lib.core.checks import as_tensor, check_finite
from course_lib.core.extras import needs_course
from course_lib.core.types import ArrayLike, Labelled
from course_lib.display.plots.axes import COLOURS, as_numpy, axes_or_new, labelled
from course_lib.scores.notes import Note
from course_lib.synths.tone import ToneControls

if TYPE_CHECKING:
    from matplotlib.axes import Axes


PICTURE_COLUMNS = 200  # at most, of a stored picture


def plot_envelopes(
    envelopes: Labelled, duration_s: float, ax: Axes | None = None, *, label: str = "amplitude", db: bool = False
) -> Axes:
    """Draw controls against time: one curve, several, or a whole distribution as a picture.

    Args:
        envelopes: (n_frames,); {label: (n_frames,)}; or (n_frames, n_partials), drawn as an image.
        duration_s: how long the frames last in all, s.
        ax: where to draw; a new figure if None.
        label: name of the vertical axis (of the colour, for an image).
        db: draw 20·log10 of the values.

    Returns:
        The axes.

    Raises:
        ValueError: NaN, more than two axes, a duration that is not positive.

    Chapter: book/sines/oscillator.ipynb

    >>> plot_envelopes([0.0, 1.0, 0.5], duration_s=2.0).get_ylabel()
    'amplitude'
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s must be positive; got {duration_s!r}")

    def values(x: ArrayLike) -> np.ndarray:
        v = as_numpy(check_finite(as_tensor(x, "envelopes"), "envelopes"))
        return 20 * np.log10(np.maximum(np.abs(v), 1e-6)) if db else v

    ax = axes_or_new(ax)
    for i, (name, envelope) in enumerate(labelled(envelopes).items()):
        y = values(envelope)
        if y.ndim == 2:
            extent = (0, duration_s, 0.5, y.shape[1] + 0.5)
            image = ax.imshow(y.T, origin="lower", aspect="auto", extent=extent, cmap="magma", interpolation="nearest")
            ax.figure.colorbar(image, ax=ax, label=label + (" (dB)" if db else ""))
            ax.set(ylabel="harmonic number")
            continue
        if y.ndim != 1:
            raise ValueError(f"envelopes must be (n_frames,) or (n_frames, n_partials); got {y.shape}")
        ax.plot(np.arange(len(y)) * duration_s / len(y), y, color=COLOURS[i % 6], lw=1.5, label=name or None)
        ax.set(ylabel=label + (" (dB)" if db else ""))
    ax.set(xlabel="time (s)", xlim=(0, duration_s))
    if isinstance(envelopes, Mapping):
        ax.legend(loc="best", frameon=False)
    return ax


def plot_controls(
    controls: ToneControls, notes: Iterable[Note] = (), *, frame_rate: float = 250, sample_rate: float = 16_000
) -> list[Axes]:
    """Draw what a harmonic-plus-noise synthesizer is told: pitch, level, every harmonic, every noise band.

    Args:
        controls: a `ToneControls` of one sound, (n_frames, …).
        notes: of the same sound, each a `Note`; drawn as bars in the pitch, and their onsets as lines in the level.
        frame_rate: frames a second.
        sample_rate: Hz, for the noise bands' axis.

    Returns:
        Four axes, below each other.

    Raises:
        ValueError: controls of more than one sound.

    Chapter: book/midi_ddsp/inference.ipynb

    >>> import torch
    >>> from course_lib.synths.tone import ToneControls
    >>> controls = ToneControls(torch.full((9,), 440.0), torch.ones(9), torch.ones(9, 4) / 4, torch.ones(9, 2))
    >>> len(plot_controls(controls))
    4
    """
    with needs_course("plot_controls"):
        import matplotlib.pyplot as plt

    f0, amplitude, shares, noise = (as_numpy(value) for value in controls)
    if f0.ndim != 1 or shares.ndim != 2 or noise.ndim != 2:
        raise ValueError(f"needs the controls of one sound, f0_hz (n_frames,); got {f0.shape}")
    t, end = np.arange(len(f0)) / frame_rate, len(f0) / frame_rate
    figure, axes = plt.subplots(4, 1, figsize=(7.0, 6.4), sharex=True, layout="constrained")
    midi = np.where(f0 > 0, 69 + 12 * np.log2(np.maximum(f0, 1e-3) / 440), np.nan)
    notes = list(notes)
    for note in notes:
        axes[0].plot(
            [note.onset_s, note.onset_s + note.duration_s], [note.pitch] * 2, color=COLOURS[2], lw=5, alpha=0.6
        )
        axes[1].axvline(note.onset_s, color=COLOURS[2], lw=0.8)
    axes[0].plot(t, midi, color=COLOURS[0], lw=1.2)
    axes[0].set(ylabel="pitch (MIDI)", xlim=(0, end))
    axes[1].plot(t, 20 * np.log10(np.maximum(amplitude, 1e-6)), color=COLOURS[0], lw=1.2, label="harmonics")
    level = np.sqrt((noise**2).mean(-1))
    axes[1].plot(t, 20 * np.log10(np.maximum(level, 1e-6)), color=COLOURS[1], lw=1.0, label="noise")
    axes[1].set(ylabel="level (dB)")
    axes[1].legend(loc="lower right", frameon=False, ncols=2)
    parts = 20 * np.log10(np.maximum(amplitude[:, None] * shares, 1e-6)).T
    pictures = (
        (axes[2], parts, (0.5, len(parts) + 0.5), "harmonic"),
        (axes[3], 20 * np.log10(np.maximum(noise, 1e-6)).T, (0, sample_rate / 2000), "noise (kHz)"),
    )
    for ax, whole, (low, high), label in pictures:
        group = -(-whole.shape[1] // PICTURE_COLUMNS)  # a page must not weigh what no eye can tell apart
        picture = np.stack([whole[:, i : i + group].max(1) for i in range(0, whole.shape[1], group)], 1)
        top = float(picture.max())
        extent = (0, end, low, high)
        look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "interpolation": "nearest"}
        image = ax.imshow(picture, extent=extent, vmin=top - 60, vmax=top, **look)
        ax.set(ylabel=label)
        figure.colorbar(image, ax=ax, label="dB")
    axes[3].set(xlabel="time (s)")
    return list(axes)
