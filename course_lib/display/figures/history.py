"""A recorded fit: drag through its steps, see the loss fall and the mean spectrum approach the target's."""

from __future__ import annotations

from typing import Any

from course_lib.display.figures.fields import Kind, Number, Numbers, State
from course_lib.display.figures.kit.numbers import f64

RECORDS, BANDS = 12, 96


def twin(state: State) -> dict[str, Any]:
    """The chosen record of a fit and how far its spectrum is from the target's."""
    spectra = f64(state["spectra_db"]).reshape(RECORDS, BANDS)
    chosen, losses = spectra[state["record"]], state["losses"]
    return {
        "step": state["steps"][state["record"]],
        "loss": losses[state["record"]],
        "spectrum": chosen.tolist(),
        "off_db": (chosen - f64(state["target_db"])).abs().mean().item(),
        "fall": losses[state["record"]] / max(losses[0], 1e-9),
    }


KIND = Kind(
    title="A fit, step by step",
    about="The loss of a recorded fit, and at each recorded step its mean spectrum beside the target's.",
    fields={
        "record": Number(3, 0, RECORDS - 1, whole=True),
        "steps": Numbers(tuple(float(100 * i) for i in range(RECORDS)), 0, 1e6, whole=True),
        "losses": Numbers(tuple(2.0**-i for i in range(RECORDS)), 0, 1e4),
        "spectra_db": Numbers((-60.0,) * (RECORDS * BANDS), -100, 40),
        "target_db": Numbers((-60.0,) * BANDS, -100, 40),
        "max_hz": Number(8000, 100, 96_000),
    },
    twin=twin,
)
