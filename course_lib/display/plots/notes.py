"""Pictures of notes, and of the way from them to sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_lib.core.extras import needs_course
from course_lib.display.plots.axes import COLOURS, axes_or_new, labelled
from course_lib.scores.notes import Notes, Score, check_notes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# The map of MIDI-DDSP: four levels of numbers, and between them steps as (name, text, whether a network is trained).
LEVELS = (
    ("notes", "pitch, onset, length"),
    ("expression", "six numbers a note"),
    ("synthesis", "127 numbers a frame"),
    ("audio", "16,000 samples a second"),
)
DOWN = (
    ("expression_generator", "expression\ngenerator", True),
    ("synthesis_generator", "synthesis\ngenerator", True),
    ("synthesizer", "harmonics\n+ noise", False),
)
UP = (
    ("note_boundaries", "note\nboundaries", False),
    ("formulas", "six\nformulas", False),
    ("inference", "DDSP\ninference", True),
)
PEOPLE = ("composer", "player", "gesture", "instrument", "sound")


def plot_notes(voices: Score | Notes | Mapping[str, Notes], ax: Axes | None = None) -> Axes:
    """Draw notes as a piano roll.

    Args:
        voices: a `Score`, a list of notes, or {label: notes}; a note is a `Note` or (onset_s, duration_s, pitch).
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: notes that are none.

    Chapter: book/midi_ddsp/notes_to_sound.ipynb

    >>> plot_notes([(0.0, 0.5, 69), (0.5, 0.5, 71)]).get_xlabel()
    'time (s)'
    """
    ax = axes_or_new(ax)
    named = {voice.name: voice.notes for voice in voices.voices} if isinstance(voices, Score) else labelled(voices)
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


def plot_hierarchy(here: str | Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """Draw the map of MIDI-DDSP: down it music is played, up it is heard; beside it, who does so on a stage.

    Args:
        here: one place or several to mark: a level ("notes", "expression", "synthesis", "audio"), a step down
            ("expression_generator", "synthesis_generator", "synthesizer"), or a step up ("inference", "formulas",
            "note_boundaries").
        ax: where to draw; a new figure if None, narrow enough to be read on a telephone.

    Returns:
        The axes.

    Raises:
        ValueError: a place that is not on the map.

    Source: Wu et al., MIDI-DDSP, 2022, figure 1. Chapter: book/midi_ddsp/notes_to_sound.ipynb

    >>> ax = plot_hierarchy("notes")
    """
    marked = {here} if isinstance(here, str) else set(here)
    known = [*(name for name, _ in LEVELS), *(name for name, *_ in (*DOWN, *UP))]
    if unknown := marked - set(known):
        raise ValueError(f"here must name places on the map, among {known}; got {sorted(unknown)}")
    ax = _empty(ax, 4.2, (0, 1), (-0.72, 3.62))
    for i, (name, what) in enumerate(LEVELS):
        _level(ax, 0.57, 3 - i, 0.56, f"{name}\n", what, marked=name in marked)
    for i, (down, up) in enumerate(zip(DOWN, UP, strict=True)):
        _step(ax, 0.47, 2.5 - i, down[1], trained=down[2], left=True, marked=down[0] in marked)
        _step(ax, 0.67, 2.5 - i, up[1], trained=up[2], up=True, marked=up[0] in marked)
    for text, y in zip(PEOPLE, (3.0, 2.5, 1.5, 0.5, 0.0), strict=True):
        ax.text(0.1, y, text, ha="center", va="center", fontsize=9, style="italic", color=COLOURS[3])
    for start, end in ((2.88, 2.62), (2.38, 1.62), (1.38, 0.62), (0.38, 0.12)):
        ax.annotate("", (0.1, end), (0.1, start), arrowprops={"arrowstyle": "->", "color": COLOURS[3], "lw": 0.8})
    for x, text in ((0.1, "on a stage"), (0.39, "down: playing"), (0.78, "up: hearing")):
        ax.text(x, 3.5, text, ha="center", va="center", fontsize=9)
    for x, text, colour in ((0.1, "trained", COLOURS[1]), (0.36, "fixed", COLOURS[5])):
        ax.text(x, -0.58, f"▬ {text}", color=colour, ha="center", va="center", fontsize=9)
    if marked:
        ax.text(0.76, -0.58, "you are here", bbox=_mark(), ha="center", va="center", fontsize=9)
    return ax


def plot_deep_performer(ax: Axes | None = None) -> Axes:
    """Draw two ways from notes to samples: MIDI-DDSP's, whose numbers have names, and Deep Performer's.

    Args:
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Source: Dong et al., Deep Performer, 2022. Chapter: book/midi_ddsp/end_to_end.ipynb

    >>> ax = plot_deep_performer()
    """
    ax = _empty(ax, 4.0, (0, 1), (-0.6, 3.6))
    other = (
        ("notes", "of any number of voices"),
        ("notes in time", "when each one sounds"),
        ("mel spectrogram", "no number has a name"),
        ("audio", "samples"),
    )
    steps = (("", "alignment\nmodel", True), ("", "sum of the notes,\ntransformer", True), ("", "vocoder", True))
    for x, title, levels, down, colour in (
        (0.24, "MIDI-DDSP", LEVELS, DOWN, COLOURS[0]),
        (0.76, "Deep Performer", other, steps, COLOURS[5]),
    ):
        ax.text(x, 3.48, title, ha="center", va="center", weight="bold", fontsize=10)
        for i, (name, what) in enumerate(levels):
            _level(ax, x, 3 - i, 0.44, f"{name}\n", what, colour=colour)
        for i, (_, text, trained) in enumerate(down):
            _step(ax, x - 0.08, 2.5 - i, text, trained=trained, marked=False)
    for x, text, colour in ((0.4, "trained", COLOURS[1]), (0.62, "fixed", COLOURS[5])):
        ax.text(x, -0.5, f"▬ {text}", color=colour, ha="center", va="center", fontsize=9)
    return ax


def _empty(ax: Axes | None, height: float, xlim: tuple[float, float], ylim: tuple[float, float]) -> Axes:
    """Axes without frame or ticks; a new figure is 4.4 inches wide, so that a telephone need not shrink it much."""
    if ax is None:
        with needs_course("every plot"):
            import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(4.4, height), layout="constrained")[1]
    ax.set(xlim=xlim, ylim=ylim)
    ax.axis("off")
    return ax


def _level(
    ax: Axes, x: float, y: float, width: float, name: str, what: str, *, colour: str = COLOURS[0], marked: bool = False
) -> None:
    """One box of numbers: its name, and what they are."""
    from matplotlib.patches import FancyBboxPatch

    fill = COLOURS[2] if marked else (*_rgb(colour), 0.13)
    corner = (x - width / 2, y - 0.2)
    ax.add_patch(FancyBboxPatch(corner, width, 0.4, "round,pad=0.01", fc=fill, ec="k" if marked else colour, lw=1.2))
    ax.text(x, y + 0.03, name, ha="center", va="center", weight="bold", fontsize=9, linespacing=0.6)
    ax.text(x, y - 0.09, what, ha="center", va="center", fontsize=8)


def _step(
    ax: Axes, x: float, y: float, text: str, *, trained: bool, up: bool = False, left: bool = False, marked: bool
) -> None:
    """One arrow between two levels, with its label beside it."""
    colour = COLOURS[1] if trained else COLOURS[5]
    way = -0.27 if up else 0.27
    ax.annotate("", (x, y - way), (x, y + way), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
    side, align = (-1, "right") if left else (1, "left")
    style: dict[str, Any] = {"bbox": _mark()} if marked else {}
    ax.text(x + 0.035 * side, y, text, color="k" if marked else colour, ha=align, va="center", fontsize=8.5, **style)


def _mark() -> dict[str, Any]:
    return {"boxstyle": "round,pad=0.25", "fc": COLOURS[2], "ec": "k", "lw": 1}


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
