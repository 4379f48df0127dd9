"""A recorded fit: step through it, hear the sound of each step and see its spectrogram beside the target's."""

from __future__ import annotations

import html
import math
from typing import Any

import torch

from course_lib.display.figures.fields import Kind, Number, Numbers, Recordings, State
from course_lib.display.figures.kit.data import as_flac
from course_lib.display.figures.kit.numbers import f64

RECORDS, BANDS, CURVE = 7, 96, 61  # steps with a sound, bands of the mean spectra, points of the loss curve
EXCERPT_S, LEVEL_DB = 0.8, -20  # s of each sound; active RMS of the loudest of them
GAP_S = 0.2  # of silence between two steps, where all are played in turn


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


def sounds_as_players(state: State) -> str:
    """A table of the steps with a plain player each, which is also where the script finds the sounds."""
    names = [f"step {step}" for step in state["steps"]] + ["target"]
    losses = [f"{loss:.4g}" for loss in state["losses"]] + ["–"]
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{loss}</td><td><audio controls preload='none' "
        f"data-field='sounds' aria-label='{html.escape(name)}' src='data:audio/flac;base64,{sound}'></audio></td></tr>"
        for name, loss, sound in zip(names, losses, state["sounds"], strict=True)
    )
    return f"<table><tr><th>step</th><th>loss</th><th>sound</th></tr>{rows}</table>"


def _example() -> tuple[str, ...]:
    """What the figure begins with where nobody gives it a fit: harmonics that come in one after the other."""
    time = torch.arange(3200, dtype=torch.float64) / 8000
    harmonics = torch.stack([torch.sin(2 * math.pi * 220 * k * time) / k for k in range(1, 9)])
    sounds = list(harmonics.cumsum(0)[1:])
    return tuple(as_flac(0.13 * sound, 8000) for sound in [*sounds, sounds[-1]])


KIND = Kind(
    title="A fit, step by step",
    about="The loss of a recorded fit; at each recorded step its sound, and its spectrogram beside the target's.",
    fields={
        "record": Number(3, 0, RECORDS - 1, whole=True),
        "steps": Numbers((0.0, 5.0, 20.0, 50.0, 100.0, 200.0, 300.0), 0, 1e6, whole=True),
        "losses": Numbers(tuple(2.0**-i for i in range(RECORDS)), 0, 1e4),
        "curve": Numbers(tuple(2.0 ** (-i / 10) for i in range(CURVE)), 0, 1e4),
        "spectra_db": Numbers((-60.0,) * (RECORDS * BANDS), -100, 40),
        "target_db": Numbers((-60.0,) * BANDS, -100, 40),
        "rate": Number(8000, 200, 192_000, whole=True),
        "begin_s": Number(0, 0, 1e5),
        "gain_db": Number(0, -120, 200),
        "sounds": Recordings(_example()),
    },
    twin=twin,
    fallback=sounds_as_players,
)
