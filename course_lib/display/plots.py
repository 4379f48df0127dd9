"""Pictures of sounds, controls, losses and fits. Each takes `ax=None` and returns the axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib.core.checks import as_tensor, check_audio, check_finite, check_sample_rate
from course_lib.fitting.landscapes import local_minima
from course_lib.fitting.losses import stft_magnitude
from course_lib.scores.notes import check_notes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from course_lib.display.live import LiveFigure
    from course_lib.fitting.fit import History

# One accent and one contrast colour, apart in hue and in lightness (readable in grey and to colour-blind eyes).
PICTURE_COLUMNS = 200
COLOURS = ("#1f6f8b", "#d1495b", "#edae49", "#5b5f97", "#3c7a3b", "#7a7a7a")


def _axes(ax: Axes | None, height: float = 2.4) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7.0, height), layout="constrained")[1]


def _labelled(value: Any, default: str = "") -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {default: value}


def _numpy(value: Any) -> np.ndarray:
    return as_tensor(value, "values").detach().cpu().double().numpy()


def plot_waveform(
    sound: Any,
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
    """
    rate = check_sample_rate(sample_rate)
    ax = _axes(ax)
    for i, (label, audio) in enumerate(_labelled(sound).items()):
        samples = _numpy(check_audio(audio).squeeze())
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
    sound: Any,
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
    """
    rate = check_sample_rate(sample_rate)
    magnitude = _numpy(stft_magnitude(check_audio(sound).squeeze(), fft_size))
    level = 20 * np.log10(np.maximum(magnitude, 1e-9))
    level -= level.max()
    ax = _axes(ax, 3.0)
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
    sound: Any,
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
    """
    rate = check_sample_rate(sample_rate)
    ax, top = _axes(ax), -np.inf
    for i, (label, audio) in enumerate(_labelled(sound).items()):
        samples = _numpy(check_audio(audio, minimum=2).squeeze())
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


def plot_envelopes(
    envelopes: Any, duration_s: float, ax: Axes | None = None, *, label: str = "amplitude", db: bool = False
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
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s must be positive; got {duration_s!r}")

    def values(x: Any) -> np.ndarray:
        v = _numpy(check_finite(as_tensor(x, "envelopes"), "envelopes"))
        return 20 * np.log10(np.maximum(np.abs(v), 1e-6)) if db else v

    ax = _axes(ax)
    for i, (name, envelope) in enumerate(_labelled(envelopes).items()):
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
    controls: Any, notes: Iterable[Any] = (), frame_rate: float = 250, sample_rate: float = 16_000
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
    """
    import matplotlib.pyplot as plt

    f0, amplitude, shares, noise = (_numpy(value) for value in controls)
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


def plot_notes(voices: Any, ax: Axes | None = None) -> Axes:
    """Draw notes as a piano roll.

    Args:
        voices: a `Score`, a list of notes, or {label: notes}; a note is a `Note` or (onset_s, duration_s, pitch).
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: notes that are none.

    Chapter: book/midi_ddsp/notes_to_sound.ipynb
    """
    ax = _axes(ax)
    named = {voice.name: voice.notes for voice in voices.voices} if hasattr(voices, "voices") else _labelled(voices)
    for number, (label, notes) in enumerate(named.items()):
        ordered = check_notes(notes)
        colour = COLOURS[number % len(COLOURS)]
        lengths = [note.duration_s for note in ordered]
        onsets, pitches = [note.onset_s for note in ordered], [note.pitch for note in ordered]
        ax.barh(pitches, lengths, left=onsets, height=0.8, color=colour, edgecolor="white", lw=0.6, label=label or None)
    ax.set(xlabel="time (s)", ylabel="pitch (MIDI)")
    if len(named) > 1:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), frameon=False, ncols=len(named))
    return ax


def plot_hierarchy(ax: Axes | None = None) -> Axes:
    """Draw the three levels of MIDI-DDSP: down the left side music is made, up the right side it is heard.

    Args:
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Source: Wu et al., MIDI-DDSP, 2022, figure 1. Chapter: book/midi_ddsp/notes_to_sound.ipynb
    """
    ax = _axes(ax, 4.6)
    levels = (
        ("notes", "what to play: pitch, onset, length", "about 3 a second"),
        ("expression", "how to play it: six numbers a note", "about 18 a second"),
        ("synthesis", "f0, amplitude, 60 harmonics, 65 noise bands", "31,750 a second"),
        ("audio", "samples", "16,000 a second"),
    )
    down = (("expression\ngenerator", True), ("synthesis\ngenerator", True), ("harmonics + noise\n(+ room)", False))
    up = (
        ("note boundaries,\nby hand or tracker", False),
        ("six formulas", False),
        ("pitch tracker +\nDDSP inference", True),
    )
    for i, (name, what, rate) in enumerate(levels):
        y = 3 - i
        ax.add_patch(_box(0.27, y - 0.22, 0.46, 0.44, COLOURS[0], 0.14))
        ax.text(0.5, y + 0.09, name, ha="center", va="center", weight="bold", fontsize=10)
        ax.text(0.5, y - 0.1, f"{what}\n{rate}", ha="center", va="center", fontsize=7)
    for i in range(3):
        y = 3 - i
        for x, (text, trained), (start, end) in (
            (0.34, down[i], (y - 0.22, y - 0.78)),
            (0.66, up[i], (y - 0.78, y - 0.22)),
        ):
            colour = COLOURS[1] if trained else COLOURS[5]
            style = {"arrowstyle": "-|>", "color": colour, "lw": 2}
            ax.annotate("", (x, end), (x, start), arrowprops=style)
            side = -1 if x < 0.5 else 1
            align = "right" if x < 0.5 else "left"
            ax.text(x + 0.02 * side, y - 0.5, text, color=colour, ha=align, va="center", fontsize=8)
    ax.text(0.14, 3.42, "down: playing", ha="center", fontsize=9)
    ax.text(0.86, 3.42, "up: hearing", ha="center", fontsize=9)
    ax.text(0.5, -0.42, "trained", color=COLOURS[1], ha="right", fontsize=8)
    ax.text(0.52, -0.42, "fixed", color=COLOURS[5], ha="left", fontsize=8)
    ax.set(xlim=(0, 1), ylim=(-0.5, 3.6))
    ax.axis("off")
    return ax


def _box(x: float, y: float, width: float, height: float, colour: str, alpha: float) -> Any:
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch((x, y), width, height, "round,pad=0.01", fc=(*_rgb(colour), alpha), ec=colour, lw=1.2)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def plot_loss_landscape(
    values: Any,
    losses: Any,
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
    """
    x = _numpy(check_finite(as_tensor(values, "values"), "values"))
    several = isinstance(losses, Mapping) and len(losses) > 1
    ax = _axes(ax)
    for i, (label, curve) in enumerate(_labelled(losses, "loss").items()):
        y = _numpy(check_finite(as_tensor(curve, "losses"), "losses"))
        if x.ndim != 1 or y.shape != x.shape or len(x) < 3:
            raise ValueError(f"values and losses need the same length, at least 3; got {x.shape} and {y.shape}")
        y = y / y.max() if several and y.max() > 0 else y
        ax.plot(x, y, color=COLOURS[i % 6], lw=1.2, label=label)
        low = local_minima(y)
        ax.plot(x[low], y[low], "o", ms=3.5, color=COLOURS[i % 6], label=f"{len(low)} local minima", alpha=0.7)
    if target is not None:
        ax.axvline(target, color="0.35", ls="--", lw=1, label="target")
    if log_x:
        ax.set_xscale("log")
    ax.set(xlabel=xlabel, ylabel="loss / maximum" if several else "loss")
    ax.legend(loc="best", frameon=False, fontsize=9)
    return ax


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
    """
    if not history.losses:
        raise ValueError("the history is empty: run fit first")
    ax = _axes(ax)
    if parameter is None:
        ax.plot(np.arange(len(history.losses)), history.losses, color=COLOURS[0], lw=1.5)
        ax.set(xlabel="step", ylabel="loss")
    else:
        if parameter not in history.parameters:
            raise ValueError(f"unknown parameter {parameter!r}; the history has {', '.join(history.parameters)}")
        values = history.parameters[parameter]
        ax.plot(history.steps, _numpy(values.reshape(len(values), -1)), color=COLOURS[0], lw=1.2)
        ax.set(xlabel="step", ylabel=parameter)
    if target is not None:
        ax.axhline(target, color=COLOURS[1], ls="--", lw=1.2, label="target")
        ax.legend(loc="best", frameon=False)
    if log_y:
        ax.set_yscale("log")
    return ax


def animate_history(history: History, target: Any, sample_rate: float) -> LiveFigure:
    """Show a fit as a live figure: drag through its steps, see the spectrum approach the target's.

    Args:
        history: what `fit` returned, for one sound (n_samples,).
        target: (n_samples,), what was fitted.
        sample_rate: Hz.

    Returns:
        A live figure of kind "history", with twelve of the recorded steps.

    Raises:
        ValueError: an empty history, sounds in a batch, a target of another length.

    Chapter: book/sines/fitting.ipynb
    """
    from course_lib.display.figures.history import BANDS as HISTORY_BANDS
    from course_lib.display.figures.history import RECORDS as HISTORY_RECORDS
    from course_lib.display.live import live_figure

    rate = check_sample_rate(sample_rate)
    if not history.sounds:
        raise ValueError("the history is empty: run fit first")
    goal = check_audio(target, "target").squeeze()
    if history.sound.squeeze().shape != goal.shape or goal.ndim != 1:
        raise ValueError(
            "needs one sound and its target, (n_samples,) both; "
            f"got {tuple(history.sound.shape)} and {tuple(goal.shape)}"
        )
    chosen = np.linspace(0, len(history.steps) - 1, HISTORY_RECORDS).round().astype(int)
    return live_figure(
        "history",
        steps=[history.steps[i] for i in chosen],
        losses=[history.losses[history.steps[i]] for i in chosen],
        spectra_db=[level for i in chosen for level in _band_levels(history.sounds[i], HISTORY_BANDS)],
        target_db=_band_levels(goal, HISTORY_BANDS),
        max_hz=rate / 2,
    )


def _band_levels(sound: Any, n_bands: int) -> list[float]:
    """Mean level over time in n_bands equal bands, dB re full scale, floored at −100."""
    audio = check_audio(sound).squeeze()
    size = 2048 if audio.shape[-1] >= 2048 else 256
    power = (stft_magnitude(audio, size) / (size / 4)).square().mean(-1)
    bands = torch.nn.functional.interpolate(power.reshape(1, 1, -1), size=n_bands, mode="area").reshape(-1)
    return [round(v, 1) for v in _numpy(10 * torch.log10(bands.clamp(min=1e-10))).tolist()]
