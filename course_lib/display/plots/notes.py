"""Pictures of notes, and of the way from them to sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_lib.display.plots.axes import COLOURS, axes_or_new, labelled
from course_lib.scores.notes import check_notes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    ax = axes_or_new(ax)
    named = {voice.name: voice.notes for voice in voices.voices} if hasattr(voices, "voices") else labelled(voices)
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
    ax = axes_or_new(ax, 4.6)
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
