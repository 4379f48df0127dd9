"""FM: one sine bends another's phase; its spectrum on folded Bessel lines, its wave, and feedback that breaks both."""

from __future__ import annotations

from typing import Any

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.numbers import f64, hann_spectrum
from course_lib.synths.fm import fm_synth
from course_lib.synths.fm_lines import bessel_lines

RATE, F0, N = 16000, 200, 2048
SHOWN = 160  # samples of the wave: two periods
WARM_UP = 4000  # samples, for feedback to settle
FLOOR = -80  # dB
ORDERS = 30  # lines on either side of the carrier: those beyond are nothing at any index of the figure


def twin(state: State) -> dict[str, Any]:
    """The wave and its spectrum, and without feedback the lines that theory knows."""
    ratio, index, feedback = state["ratio"], state["index"], state["feedback"] / 100  # from hundredths
    # A carrier with feedback has its amplitude fed back: one of that size, made as large as the others.
    patch, level = ("2>1, 1>1", feedback) if feedback > 0 else ("2>1", 1.0)
    levels = f64([[level, index]])
    sound = fm_synth(f64([F0]), levels, (1, ratio), patch, n_samples=WARM_UP + N, sample_rate=RATE)[WARM_UP:] / level
    lines = bessel_lines(index, carrier=1, modulator=ratio, nyquist=RATE / 2 / F0)
    heard = lines.amplitudes.abs() > 10 ** (FLOOR / 20)
    return {
        "wave": sound[:SHOWN].tolist(),
        "spectrum_db": amplitude_to_db(hann_spectrum(sound), floor_db=FLOOR).tolist(),
        "lines_hz": (F0 * lines.ratios[heard]).tolist(),
        "lines": lines.amplitudes[heard].tolist(),
    }


KIND = Kind(
    title="FM: one sine bends the phase of another",
    about="A carrier at 200 Hz and a modulator beside it: its ratio says where the lines of the spectrum lie, its "
    "index how many there are. Feedback turns the carrier into a saw.",
    fields={
        "ratio": Number(1.4, 0.25, 8),
        "index": Number(2, 0, 8),
        "feedback": Choice(0, (0, 50, 100, 150)),
    },
    twin=twin,
    play_db=-17,
)
