"""Ways out of the local minima: the ball over four octaves, with a noisy target, a choice of windows and of lags."""

from __future__ import annotations

from typing import Any

from course_lib.display.figures.fields import Choice, Kind, Number, State
from course_lib.display.figures.kit.ball import named_loss, roll
from course_lib.display.figures.kit.mass import CLEAN_DB, noisy_target
from course_lib.display.figures.kit.numbers import logspace

N = 512
LOW, HIGH, POINTS = 150, 2400, 1537  # Hz, of the picture


def twin(state: State) -> dict[str, Any]:
    """Loss over frequency, and the way of the ball."""
    loss = named_loss(state["loss"], state["window"], state["lags"])
    return roll(loss, noisy_target(state, N), logspace(LOW, HIGH, POINTS), state["start_hz"], state["target_hz"])


KIND = Kind(
    title="Ways out of the local minima",
    about="The ball in the landscape again: under transport of spectra or the agreement of lags the many dents melt "
    "into one valley. The window, the lags and the noise in the target can be changed; much noise brings dents back.",
    fields={
        "target_hz": Number(440, 200, 1600, whole=True),
        "start_hz": Number(1500, LOW, HIGH),
        "noise_db": Number(CLEAN_DB, -15, 45),
        "window": Choice("hann", ("hann", "rectangular")),
        "lags": Number(4, 2, 128),
        "loss": Choice("transport", ("waveform_l1", "spectral_l1", "transport", "transport_sharp", "lag")),
    },
    twin=twin,
    play_db=-17,
)
