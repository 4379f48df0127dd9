"""Pictures of losses and fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from course_lib.core.checks import as_tensor, check_audio, check_finite, check_sample_rate
from course_lib.core.types import ArrayLike
from course_lib.display.live import LiveFigure, live_figure
from course_lib.display.plots.axes import COLOURS, as_numpy, axes_or_new, labelled
from course_lib.effects.levels import fade_cuts, gain_to_level
from course_lib.fitting.landscapes import local_minima
from course_lib.fitting.losses import stft_magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from course_lib.fitting.fit import History


def plot_loss_landscape(
    values: ArrayLike,
    losses: ArrayLike,
    ax: Axes | None = None,
    *,
    target: float | None = None,
    xlabel: str = "frequency (Hz)",
    log_x: bool = False,
) -> Axes:
    """Draw loss against one parameter, every local minimum marked.

    Args:
        values: (n,), the parameter, rising.
        losses: (n,), or {label: (n,)}: each curve is scaled to its own maximum if there are several.
        ax: where to draw; a new figure if None.
        target: the true value, drawn as a line.
        xlabel: name and unit of the parameter.
        log_x: draw the parameter on a logarithmic axis.

    Returns:
        The axes.

    Raises:
        ValueError: lengths that differ, fewer than three points, NaN.

    Chapter: book/sines/frequency_is_hard.ipynb

    >>> plot_loss_landscape([100.0, 200.0, 300.0], [1.0, 0.2, 0.8]).get_xlabel()
    'frequency (Hz)'
    """
    x = as_numpy(check_finite(as_tensor(values, "values"), "values"))
    several = isinstance(losses, Mapping) and len(losses) > 1
    ax = axes_or_new(ax)
    for i, (label, curve) in enumerate(labelled(losses, "loss").items()):
        y = as_numpy(check_finite(as_tensor(curve, "losses"), "losses"))
        if x.ndim != 1 or y.shape != x.shape or len(x) < 3:
            raise ValueError(f"values and losses need the same length, at least 3; got {x.shape} and {y.shape}")
        y = y / y.max() if several and y.max() > 0 else y
        low = local_minima(y)
        count = f"{len(low)} minimum" if len(low) == 1 else f"{len(low)} minima"
        ax.plot(x, y, color=COLOURS[i % 6], lw=1.2, label=f"{label}, {count}")
        ax.plot(x[low], y[low], "o", ms=3.5, color=COLOURS[i % 6], alpha=0.7)
    if target is not None:
        ax.axvline(target, color="0.35", ls="--", lw=1, label="target")
    if log_x:
        ax.set_xscale("log")
    ax.set(xlabel=xlabel, ylabel="loss / maximum" if several else "loss")
    _legend_above(ax)
    return ax


def _legend_above(ax: Axes) -> None:
    """Make room over the curves, and put the legend there."""
    names = ax.get_legend_handles_labels()[1]
    # At this size fourteen letters are an inch wide, and a line of the legend is a fifth of an inch high.
    extent, dpi = ax.get_window_extent(), float(ax.figure.dpi)
    width, height = float(extent.width) / dpi, float(extent.height) / dpi
    columns = min(len(names), max(1, int(width / (max(map(len, names)) / 14 + 0.6))))
    rows = -(-len(names) // columns)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + (high - low) * min(0.6, 0.22 * rows / height))
    ax.legend(loc="upper center", facecolor="white", edgecolor="none", framealpha=1, fontsize=9, ncols=columns)


def plot_history(
    history: History,
    ax: Axes | None = None,
    *,
    parameter: str | None = None,
    target: float | None = None,
    log_y: bool = False,
) -> Axes:
    """Draw the loss of a fit step by step, or the course of one parameter.

    Args:
        history: what `fit` returned.
        ax: where to draw; a new figure if None.
        parameter: name of a parameter to draw instead of the loss.
        target: a value to aim at, drawn as a line.
        log_y: logarithmic vertical axis.

    Returns:
        The axes.

    Raises:
        ValueError: an empty history, an unknown parameter (lists the names).

    Chapter: book/first_steps/gain.ipynb

    >>> from course_lib import History
    >>> plot_history(History(losses=[1.0, 0.5, 0.2])).get_ylabel()
    'loss'
    """
    if not history.losses:
        raise ValueError("the history is empty: run fit first")
    ax = axes_or_new(ax)
    if parameter is None:
        ax.plot(np.arange(len(history.losses)), history.losses, color=COLOURS[0], lw=1.5)
        ax.set(xlabel="step", ylabel="loss")
    else:
        if parameter not in history.parameters:
            raise ValueError(f"unknown parameter {parameter!r}; the history has {', '.join(history.parameters)}")
        values = history.parameters[parameter]
        ax.plot(history.steps, as_numpy(values.reshape(len(values), -1)), color=COLOURS[0], lw=1.2)
        ax.set(xlabel="step", ylabel=parameter)
    if target is not None:
        ax.axhline(target, color=COLOURS[1], ls="--", lw=1.2, label="target")
        ax.legend(loc="best", frameon=False)
    if log_y:
        ax.set_yscale("log")
    return ax


def animate_history(history: History, target: ArrayLike, sample_rate: float) -> LiveFigure:
    """Show a fit as a live figure: step through it, hear each step's sound, see its spectrogram beside the target's.

    Seven of the recorded steps are kept, close together at the beginning, where most happens, and of each the 0.8 s in
    which the target is loudest. One gain for all, which the figure states, brings the loudest of them to −20 dB.

    Args:
        history: what `fit` returned, for one sound (n_samples,).
        target: (n_samples,), what was fitted.
        sample_rate: Hz.

    Returns:
        A live figure of kind "history".

    Raises:
        ValueError: an empty history, sounds in a batch, a target of another length.

    Chapter: book/sines/fitting.ipynb

    >>> from course_lib import History
    >>> history = History(losses=[1.0], steps=[0], sounds=[torch.zeros(4096)])
    >>> animate_history(history, torch.ones(4096), sample_rate=16000).kind
    'history'
    """
    from course_lib.display.figures.history import BANDS, CURVE, EXCERPT_S, LEVEL_DB, RECORDS
    from course_lib.display.figures.kit.data import as_flac

    rate = check_sample_rate(sample_rate)
    if not history.sounds:
        raise ValueError("the history is empty: run fit first")
    goal = check_audio(target, "target").squeeze()
    if history.sound.squeeze().shape != goal.shape or goal.ndim != 1:
        raise ValueError(
            "needs one sound and its target, (n_samples,) both; "
            f"got {tuple(history.sound.shape)} and {tuple(goal.shape)}"
        )
    chosen = _spread(history.steps, RECORDS)
    begin, end = _loudest_stretch(goal, round(EXCERPT_S * rate))
    whole = [*(history.sounds[i] for i in chosen), goal]
    kept = [fade_cuts(check_audio(x).detach().squeeze()[begin:end], rate) for x in whole]
    gain_db = round(20 * math.log10(gain_to_level(kept, rate, level_db=LEVEL_DB)), 1)  # as the figure states it
    last = history.steps[-1]
    return live_figure(
        "history",
        steps=[history.steps[i] for i in chosen],
        losses=[history.losses[history.steps[i]] for i in chosen],
        curve=[history.losses[i] for i in np.linspace(0, last, CURVE).round().astype(int)],
        spectra_db=[level for i in chosen for level in _band_levels(history.sounds[i], BANDS)],
        target_db=_band_levels(goal, BANDS),
        rate=round(rate),
        begin_s=begin / rate,
        gain_db=gain_db,
        sounds=[as_flac(10 ** (gain_db / 20) * x, round(rate)) for x in kept],
    )


def _spread(steps: Sequence[int], count: int) -> list[int]:
    """Which of some steps to keep, first and last included: they lie ever further apart."""
    last = steps[-1]
    wanted = [last * (i / (count - 1)) ** 2.5 for i in range(count)]
    chosen: list[int] = []
    for i, step in enumerate(wanted):
        first = min(chosen[-1] + 1, len(steps) - 1) if chosen else 0
        free = range(first, max(first + 1, len(steps) - (count - 1 - i)))
        chosen.append(min(free, key=lambda j: abs(steps[j] - step)))
    return chosen


def _loudest_stretch(sound: torch.Tensor, length: int) -> tuple[int, int]:
    """Where a sound has the most energy: begin and end of so many samples, or of all if there are not more."""
    length = min(length, len(sound))
    total = torch.nn.functional.pad(sound.detach().double().square().cumsum(0), (1, 0))
    begin = int((total[length:] - total[:-length]).argmax())
    return begin, begin + length


def _band_levels(sound: ArrayLike, n_bands: int) -> list[float]:
    """Mean level over time in n_bands equal bands, dB re full scale, floored at −100."""
    audio = check_audio(sound).squeeze()
    size = 2048 if audio.shape[-1] >= 2048 else 256
    power = (stft_magnitude(audio, size) / (size / 4)).square().mean(-1)
    bands = torch.nn.functional.interpolate(power.reshape(1, 1, -1), size=n_bands, mode="area").reshape(-1)
    return [round(v, 1) for v in as_numpy(10 * torch.log10(bands.clamp(min=1e-10))).tolist()]
