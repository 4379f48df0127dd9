"""Live figures: a picture with sliders and sound that computes in the reader's page, no kernel, no network.

One `text/html` output holds it all: a custom element whose tag carries a hash of its script, its state as JSON, a
fallback text, and one inline script that defines the element once. The same script drives an `anywidget`, where Python
wants the value back. `twins.py` computes the same numbers with this library; a test compares the two.
"""

from __future__ import annotations

import difflib
import hashlib
import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from course_lib.display.questions import question_chapters, questions_as_text, read_questions

BIQUADS = ("lowpass", "highpass", "bandpass", "notch", "peaking", "lowshelf", "highshelf")  # as in effects/biquads.py
HISTORY_RECORDS, HISTORY_BANDS = 12, 96  # what a recorded fit keeps: the same counts as in js/history.js
CLEAN_DB = 40  # from here up a target has no noise: the same number as in js/mass.js
LANDSCAPE_LOSSES = ("waveform_l1", "waveform_mse", "spectral_l1", "multiscale", "transport", "transport_sharp", "lag")
ESCAPE_LOSSES = ("waveform_l1", "spectral_l1", "transport", "transport_sharp", "lag")
BREATH_DB = tuple(float(round(max(-60.0, -10.0 - 320.0 * (b / 32 - 0.28) ** 2))) for b in range(33))
# As in midi_ddsp/expression.py, and in js/phrase_knobs.js.
KNOBS = ("volume", "volume_fluctuation", "volume_peak_position", "vibrato", "brightness", "attack_noise")
DIGITS = 6  # decimals kept in the page: more than a slider can set, and the same text on every machine


@dataclass(frozen=True)
class Number:
    """A number with its range, both ends included."""

    default: float
    low: float
    high: float
    whole: bool = False

    def check(self, value: Any, name: str) -> float:
        """Return the value, rounded for the page, or raise ValueError."""
        rule = f"{name} must be a {'whole ' if self.whole else ''}number from {self.low:g} to {self.high:g}"
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{rule}; got {value!r}") from error
        if isinstance(value, (bool, str)) or not self.low <= number <= self.high:  # NaN fails as well
            raise ValueError(f"{rule}; got {value!r}")
        if self.whole and number != int(number):
            raise ValueError(f"{rule}; got {value!r}")
        return int(number) if self.whole else round(number, DIGITS)


@dataclass(frozen=True)
class Choice:
    """One of a few words, numbers or truth values."""

    default: str | int
    options: tuple[str | int, ...]

    def check(self, value: Any, name: str) -> str | int:
        """Return the option that equals the value, or raise ValueError."""
        for option in self.options:
            plain = isinstance(value, (str, int, float)) and isinstance(value, bool) == isinstance(option, bool)
            if plain and value == option:
                return option
        raise ValueError(f"{name} must be one of {', '.join(map(repr, self.options))}; got {value!r}")


@dataclass(frozen=True)
class Numbers:
    """A fixed count of numbers, one range for all."""

    default: tuple[float, ...]
    low: float
    high: float
    whole: bool = False

    def check(self, value: Any, name: str) -> list[float]:
        """Return a list, rounded for the page, or raise ValueError."""
        rule = f"{name} must be {len(self.default)} numbers from {self.low:g} to {self.high:g}"
        try:
            values = [float(v) for v in value]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{rule}; got {value!r:.80}") from error
        bad = [v for v in values if not self.low <= v <= self.high]
        if len(values) != len(self.default) or bad:
            raise ValueError(f"{rule}; got {f'{bad[0]:g} among them' if bad else f'{len(values)} numbers'}")
        return [int(v) if self.whole else round(v, DIGITS) for v in values]


@dataclass(frozen=True)
class Kind:
    """What Python knows of a kind of figure; its script is js/<kind>.js, after the parts it shares with others."""

    title: str
    about: str
    fields: Mapping[str, Number | Choice | Numbers]
    parts: tuple[str, ...] = ()
    data: str = ""  # a module of course_lib.display whose script(), what a network learned or heard, travels along
    needs: tuple[str, ...] = ()  # of js/common.js only the parts under these comments, and its beginning; () is all
    render: str = "mount"  # the function of the scripts that puts it on the page
    derived: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)  # state that follows
    fallback: Callable[[Mapping[str, Any]], str] | None = None  # more HTML for where no script runs


KINDS: dict[str, Kind] = {
    "gain": Kind(
        "Gain against loss",
        "A sine through a gain is compared with a target whose phase can be shifted: the loss at every gain, and "
        "where gradient descent goes.",
        {
            "gain": Number(1.6, -2, 2),
            "target_gain": Number(1.0, 0, 1.5),
            "phase_deg": Number(60, 0, 180),
            "loss": Choice("waveform_l1", ("waveform_l1", "waveform_mse", "spectral_l1")),
            "step_size": Number(0.1, 0.01, 0.5),
        },
    ),
    "oscillator": Kind(
        "Oscillator",
        "Frequency, amplitude and starting phase of a sine: its waveform, and the phase that climbs and wraps.",
        {
            "frequency_hz": Number(220, 20, 2000, whole=True),
            "amplitude": Number(0.7, 0, 1),
            "phase_deg": Number(0, -180, 180),
        },
    ),
    "landscape": Kind(
        "The ball in the landscape",
        "The loss of a sine over its frequency. A ball dropped at any frequency descends, and mostly gets stuck in a "
        "local minimum; hear it beside the target.",
        {
            "target_hz": Number(440, 200, 900, whole=True),
            "start_hz": Number(330, 150, 1200),
            "loss": Choice("waveform_l1", LANDSCAPE_LOSSES),
        },
        ("mass", "ball"),
    ),
    "escape": Kind(
        "Ways out of the local minima",
        "The ball in the landscape again, with a noisy target: under transport of spectra or the agreement of lags the "
        "many dents melt into one valley; the window, the noise and the lags can be changed.",
        {
            "target_hz": Number(440, 200, 1600, whole=True),
            "start_hz": Number(1500, 150, 2400),
            "noise_db": Number(CLEAN_DB, -15, 45),
            "window": Choice("hann", ("hann", "rectangular")),
            "lags": Number(4, 2, 128),
            "loss": Choice("transport", ESCAPE_LOSSES),
        },
        ("mass", "ball"),
    ),
    "transport": Kind(
        "Transport: how far the mass must travel",
        "Two spectra as heaps of mass, a target's and a sine's, and both summed from the left: the area between the "
        "sums is how far the mass must travel.",
        {
            "sine_hz": Number(1200, 100, 3900),
            "target_hz": Number(600, 200, 3600, whole=True),
            "noise_db": Number(CLEAN_DB, -15, 45),
            "power": Choice(2, (2, 4, 8, 16)),
            "window": Choice("hann", ("hann", "rectangular")),
        },
        ("mass",),
    ),
    "deflation": Kind(
        "Many sines, one at a time",
        "A mixture of sines is taken apart: the strongest is found, all found so far are fitted together and "
        "subtracted, and what remains is searched again.",
        {
            "sines": Number(5, 2, 8, whole=True),
            "taken": Number(2, 0, 8, whole=True),
            "seed": Number(3, 1, 20, whole=True),
            "noise_db": Number(20, 0, 45),
            "polish": Choice(False, (False, True)),
        },
        ("mass",),
    ),
    "drawbars": Kind(
        "Sixteen drawbars",
        "Sixteen harmonics, each with a drawbar: their shares sum to one, one amplitude scales them all; waveform, "
        "spectrum and sound follow.",
        {
            "levels": Numbers(tuple(round(1 / k, DIGITS) for k in range(1, 17)), 0, 1),
            "f0_hz": Number(110, 40, 440, whole=True),
            "amplitude": Number(0.8, 0, 1),
            "harmonic": Number(3, 1, 16, whole=True),
        },
    ),
    "nyquist": Kind(
        "Nyquist: what happens to harmonics that are too high",
        "Twenty harmonics of a fundamental that can be swept. Those at or above half the sample rate fold back, "
        "unless they are masked.",
        {
            "f0_hz": Number(523, 50, 2000, whole=True),
            "mask": Choice(False, (True, False)),
            "sample_rate": Choice(8000, (8000, 16000)),
        },
    ),
    "giant_steps": Kind(
        "Giant steps, baby steps",
        "Every harmonic as a giant step times a baby step: the grid of the two, how many steps are formed instead of "
        "how many sines, and their sum.",
        {
            "n_harmonics": Number(40, 2, 100, whole=True),
            "half": Number(2, 1, 12, whole=True),
            "harmonic": Number(17, 1, 100, whole=True),
        },
    ),
    "frame_rate": Kind(
        "Frame rate against smoothness",
        "An amplitude envelope known a few times a second, held, joined linearly or by Hann windows: its steps, its "
        "spectrum and its sound.",
        {
            "frame_rate_hz": Number(25, 8, 250, whole=True),
            "method": Choice("hold", ("hold", "linear", "hann")),
            "swell_hz": Number(3, 1, 8, whole=True),
        },
    ),
    "cutoff": Kind(
        "Cutoff descent",
        "A low-pass whose cutoff descends, through its frequency response, until it matches a target: the two "
        "responses, the loss over the cutoff and the gradient.",
        {
            "cutoff_hz": Number(4000, 50, 8000),
            "target_hz": Number(600, 100, 6000),
            "step_size": Number(0.5, 0.05, 1),
        },
    ),
    "noise_bands": Kind(
        "Draw the filter of a noise",
        "Noise through a filter of 33 bands, drawn with the mouse: its response, its sound, and what is heard of the "
        "frames when their edges are cut instead of overlapped and added.",
        {
            "levels": Numbers(BREATH_DB, -60, 0),
            "band": Number(9, 0, 32, whole=True),
            "decay_s": Number(0.5, 0.05, 2),
            "envelope": Choice("steady", ("steady", "struck")),
            "edges": Choice("overlap", ("overlap", "cut")),
            "noise": Choice("even", ("even", "raised")),
        },
    ),
    "biquad": Kind(
        "A biquad",
        "One filter of the Audio EQ Cookbook: drag its frequency, its gain or Q; its response, its poles and zeros on "
        "the unit circle, and what it does to a saw, to noise and to clicks.",
        {
            "filter": Choice("lowpass", BIQUADS),
            "frequency_hz": Number(800, 30, 7500),
            "q": Number(4, 0.2, 40),
            "gain_db": Number(9, -24, 24),
        },
    ),
    "player": Kind(
        "Play the violin",
        "The trained network of the chapter, in the page: drag its pitch and its loudness curve, see what it plays, "
        "and hear harmonics, noise and room apart.",
        {
            "pitch": Numbers((69, 69, 69, 69, 71, 71, 72, 72, 74, 76, 76, 76, 76, 74, 72, 71, 69), 55, 88),
            "loudness": Numbers(
                (-50, -28, -24, -22, -26, -24, -22, -21, -20, -18, -16, -15, -17, -21, -25, -32, -60), -80, 0
            ),
            "transpose": Number(0, -24, 12, whole=True),
            "louder_db": Number(0, -30, 15),
            "vibrato_cents": Number(20, 0, 80),
            "room": Number(1, 0, 3),
            "point": Number(9, 1, 17, whole=True),
        },
        parts=("synth",),
        data="player_weights",
    ),
    "taken_apart": Kind(
        "A trumpet in 127 numbers",
        "Two seconds of a trumpet as the network of the chapter heard them: pitch, level, harmonics and noise, each of "
        "which can be changed before it is played again.",
        {
            "transpose": Number(0, -24, 24, whole=True),
            "kept": Number(30, 1, 60, whole=True),
            "bright_db": Number(0, -12, 6),
            "noise_db": Number(0, -40, 40),
            "swell": Number(1, 0, 2),
            "at_s": Number(0.5, 0, 2),
        },
        parts=("synth",),
        data="heard_phrase",
    ),
    "room": Kind(
        "A room of four numbers",
        "Direct sound and a room of noise that dies away: decay time, how soon the treble is gone, how late and how "
        "loud the room comes; its response, its energy decay, and a clap or a note in it.",
        {
            "rt60_s": Number(0.8, 0.1, 2),
            "treble": Number(0.5, 0.1, 1),
            "predelay_ms": Number(10, 0, 100),
            "wet_db": Number(-6, -40, 0),
            "sound": Choice("clap", ("clap", "note")),
        },
    ),
    "note_roll": Kind(
        "Notes, frame by frame",
        "Six notes on a piano roll that can be dragged, and what a network is told about them 250 times a second: "
        "pitch, onset, offset, position in the note.",
        {
            "pitches": Numbers((69, 72, 74, 76, 74, 71), 57, 77, whole=True),
            "onsets": Numbers((0.1, 0.4, 1.0, 1.3, 1.9, 2.3), 0, 2.9),
            "lengths": Numbers((0.3, 0.6, 0.3, 0.44, 0.4, 0.5), 0.02, 1.5),
            "chosen": Number(4, 1, 6, whole=True),
        },
    ),
    "note_knobs": Kind(
        "Six knobs on one note",
        "A note whose pitch, level, harmonics and attack are bent by hand, and the six controls that MIDI-DDSP reads "
        "off it: mended, and as published, where a glide hides the vibrato and a floor hides soft attacks.",
        {
            "pitch": Number(57, 40, 76, whole=True),
            "vibrato": Number(0.2, 0, 1),
            "rate_hz": Number(5.5, 1, 12),
            "glide": Number(0, -3, 3),
            "level_db": Number(-36, -100, -24),
            "swell_db": Number(14, 0, 60),
            "peak": Number(0.4, 0, 1),
            "tilt": Number(-9, -18, 0),
            "attack_db": Number(-80, -115, -60),
            "bend": Numbers((0.0,) * 9, -3, 3),
            "drawn_db": Numbers((0.0,) * 9, -40, 40),
        },
    ),
    "weighting": Kind(
        "Weigh, sum, then take decibels",
        "Three partials over a noise floor: the level as the ear weighs it, and what averaging decibels makes of the "
        "same spectrum.",
        {
            "hz": Numbers((250.0, 1000.0, 4000.0), 50, 7500),
            "db": Numbers((-20.0, -25.0, -30.0), -60, -10),
            "floor_db": Number(-70, -100, -40),
            "partial": Number(2, 1, 3, whole=True),
        },
    ),
    "phrase_knobs": Kind(
        "Eight notes, six knobs each",
        "A phrase that the chapter's network played as it stands, and again with each knob at 0, 0.3, 0.6 and 1: turn "
        "the six knobs of any note, see its pitch, its level and its noise, and hear the phrase. Between the settings "
        "the page draws straight lines; what several knobs do together it adds up, and the vibrato is the wave at 1, "
        "scaled. Where two knobs bend the same curve, as fluctuation and peak do, that is rough.",
        {
            **{name: Numbers((-1.0,) * 8, -1, 1.25) for name in KNOBS},
            "note": Number(6, 1, 8, whole=True),
            "all": Choice(False, (False, True)),
            "player": Choice(0, (0, 1, 2, 3, 4)),
        },
        ("synth",),
        data="knob_phrase",
    ),
    "mixer": Kind(
        "A mixer for four",
        "Four players of a chorale on a stage: a level and a place for each, onsets that can lie apart, and pitch as "
        "it was played, tempered, or in pure intervals.",
        {
            "gains_db": Numbers((0.0,) * 4, -30, 6),
            "pans": Numbers((-0.8, -0.25, 0.3, 0.75), -1, 1),
            "apart_ms": Number(10, 0, 60, whole=True),
            "pitch": Choice("played", ("played", "straight", "just")),
        },
        ("synth",),
        data="mixer_stems",
    ),
    "history": Kind(
        "A fit, step by step",
        "The loss of a recorded fit, and at each recorded step its mean spectrum beside the target's.",
        {
            "record": Number(3, 0, HISTORY_RECORDS - 1, whole=True),
            "steps": Numbers(tuple(float(100 * i) for i in range(HISTORY_RECORDS)), 0, 1e6, whole=True),
            "losses": Numbers(tuple(2.0**-i for i in range(HISTORY_RECORDS)), 0, 1e4),
            "spectra_db": Numbers((-60.0,) * (HISTORY_RECORDS * HISTORY_BANDS), -100, 40),
            "target_db": Numbers((-60.0,) * HISTORY_BANDS, -100, 40),
            "max_hz": Number(8000, 100, 96_000),
        },
    ),
    "questions": Kind(
        "Check yourself",
        "Three questions on the chapter; each choice says why it is right or wrong.",
        {
            "chapter": Choice("gain", question_chapters()),
            "chosen": Numbers((-1.0,) * 3, -1, 3, whole=True),  # -1: not answered yet
        },
        needs=("page", "The custom element"),
        render="ask",
        derived={"questions": lambda state: read_questions(state["chapter"])},
        fallback=questions_as_text,
    ),
}


@dataclass(frozen=True)
class LiveFigure:
    """A live figure: displays itself in a notebook; `state` is the full state, `widget()` the two-way version."""

    kind: str
    state: dict[str, Any]

    def _repr_html_(self) -> str:
        return _html(self.kind, _full_state(self.kind, self.state))

    def __repr__(self) -> str:
        return f"LiveFigure({self.kind!r})"

    def widget(self) -> Any:
        """Return the figure as an anywidget, whose `state` follows the sliders and can be set from Python.

        Returns:
            An `anywidget.AnyWidget`; it needs a running kernel.

        Raises:
            ImportError: anywidget is not installed.
        """
        try:
            import anywidget
            import traitlets
        except ImportError as error:
            raise ImportError(
                "widget() needs the package anywidget: pip install anywidget. "
                "Without it, live_figure(…) alone shows the same figure, only Python does not get its values back"
            ) from error
        kind = self.kind

        class LiveWidget(anywidget.AnyWidget):
            _esm = widget_module(kind)
            state = traitlets.Dict().tag(sync=True)

            @traitlets.validate("state")
            def _valid(self, proposal: Any) -> dict[str, Any]:
                return _full_state(kind, proposal["value"])

        return LiveWidget(state=dict(self.state))


def kinds() -> list[str]:
    """Return the kinds of live figures that `live_figure` knows."""
    return list(KINDS)


def live_figure(kind: str, **state: Any) -> LiveFigure:
    """Return a live figure: sliders, picture and sound that compute in the page.

    Args:
        kind: one of `kinds()`.
        state: where it starts; what is left out takes its default. `live_figure(kind).state` shows the names.

    Returns:
        An object that notebooks display; `.state` is the full state, `.widget()` a two-way anywidget.

    Raises:
        ValueError: an unknown kind or name, a value out of range, NaN or of the wrong type.

    Chapter: book/first_steps/gain.ipynb

    >>> live_figure("gain", phase_deg=90).state["phase_deg"]
    90.0
    """
    if kind not in KINDS:
        raise ValueError(f"there is no live figure {kind!r}{_near(kind, KINDS)}; there are {', '.join(KINDS)}")
    return LiveFigure(kind, _full_state(kind, state))


def _full_state(kind: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults filled in, every value checked and rounded, sorted by name."""
    fields, derived = KINDS[kind].fields, KINDS[kind].derived
    for name in state:
        if name not in fields and name not in derived:
            raise ValueError(
                f"the live figure {kind!r} has no {name!r}{_near(name, fields)}; it has {', '.join(sorted(fields))}"
            )
    full = {name: fields[name].check(state.get(name, fields[name].default), name) for name in sorted(fields)}
    return full | {name: follow(full) for name, follow in derived.items()}


def _near(word: Any, words: Any) -> str:
    close = difflib.get_close_matches(str(word).lower(), list(words), n=2, cutoff=0.5)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


@cache
def _source(kind: str) -> str:
    """The shared scripts and the figure's own, without indentation and lines that are only comments."""
    folder = Path(__file__).with_name("js")
    names = ("common", *KINDS[kind].parts, kind)
    texts = [folder.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in names]
    texts[0] = _common(texts[0], KINDS[kind].needs)
    lines = [line.strip() for text in texts for line in text.splitlines()]
    if KINDS[kind].data:
        lines.insert(0, import_module(f"course_lib.display.{KINDS[kind].data}").script())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _common(script: str, needs: tuple[str, ...]) -> str:
    """The beginning of the shared script and the parts that are needed, each of which begins with a comment."""
    heads = r"^// (?:-{4} )?(?=(?:numbers|page|plots|sound|a figure|The custom element)\b)"
    start, *parts = re.split(heads, script, flags=re.MULTILINE)
    kept = [f"// {part}" for part in parts if not needs or part.startswith(needs)]
    return "".join([start, *kept])


def _html(kind: str, state: Mapping[str, Any]) -> str:
    """One self-contained output; the same text for the same kind and state."""
    source, about = _source(kind), KINDS[kind]
    tag = f"ddsp-{kind.replace('_', '-')}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    values = html.escape(json.dumps(state, sort_keys=True, separators=(",", ":"), allow_nan=False), quote=False)
    values = values.replace("'", "&#x27;")  # the attribute stands in single quotes
    more = f'<div class="ddsp-fallback">{about.fallback(state)}</div>' if about.fallback else ""
    return (
        f"<{tag} data-state='{values}' style=\"display:block\">"
        f'<p class="ddsp-fallback"><strong>Live figure: {about.title}.</strong> {about.about} '
        "It computes in the page: read it in the built book, or run this cell (or trust the notebook) to wake it.</p>"
        f"{more}</{tag}>\n"
        f'<script>(() => {{\nconst tag = "{tag}";\nif (customElements.get(tag)) return;\n{source}\n'
        f"define(tag, (context) => {about.render}(context, figure));\n}})();</script>"
    )


def widget_module(kind: str) -> str:
    """Return the script of a figure as a JavaScript module for `anywidget`."""
    return f"{_source(kind)}\nexport default {{ render: (context) => {KINDS[kind].render}(context, figure) }};\n"


def node_module(kind: str) -> str:
    """Return the script of a figure as a CommonJS module that exports `compute` and `figure`: for tests in Node."""
    return f"{_source(kind)}\nmodule.exports = {{ compute, figure }};\n"
