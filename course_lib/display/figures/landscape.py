"""The ball in the landscape of a clean target: every loss of the course over the frequency of a sine."""

from __future__ import annotations

from typing import Any

from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.ball import named_loss, roll
from course_lib.display.figures.kit.mass import RATE
from course_lib.display.figures.kit.numbers import f64, logspace
from course_lib.synths.oscillator import sinusoid

N = 256
LOW, HIGH, POINTS = 150, 1200, 385  # Hz, of the picture
LAGS = 8


def twin(state: State) -> dict[str, Any]:
    """Loss over frequency, and the way of the ball."""
    target = sinusoid(f64(state["target_hz"]), f64(1.0), n_samples=N, sample_rate=RATE)
    frequencies = logspace(LOW, HIGH, POINTS)
    return roll(named_loss(state["loss"], lags=LAGS), target, frequencies, state["start_hz"], state["target_hz"])


KIND = Kind(
    title="The ball in the landscape",
    about="The loss of a sine over its frequency. A ball dropped at any frequency descends, and mostly gets stuck in a "
    "local minimum; hear it beside the target.",
    fields={
        "target_hz": Number(440, 200, 900, whole=True),
        "start_hz": Number(330, LOW, HIGH),
        "loss": Choice(
            "waveform_l1",
            ("waveform_l1", "waveform_mse", "spectral_l1", "multiscale", "transport", "transport_sharp", "lag"),
        ),
    },
    twin=twin,
    play_db=-17,
)
