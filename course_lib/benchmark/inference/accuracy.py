"""How near the controls that the network reads from a performance are to what can be measured or was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.partials import measure_harmonics
from course_lib.analysis.tracking import track_f0
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.data import Performance
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference
from course_lib.midi_ddsp.note_controls import CONTROLS, extract_expression
from course_lib.scores.notes import note_frames
from course_lib.synths.tone import ToneControls


def infer(
    model: DDSPInference, p: Performance, f0_hz: Tensor | None = None, with_instrument: bool = True
) -> tuple[ToneControls, Tensor]:
    """The controls the network hears in a performance, and what they sound like.

    Args:
        model: the network.
        p: the performance.
        f0_hz: (n_frames,) pitch to condition on; the labelled one if None.
        with_instrument: condition on the instrument too.

    Returns:
        Controls (n_frames, …) and sound (n_samples,).
    """
    instrument_id = model.indices([p.instrument if with_instrument else None])
    pitch = p.f0_hz if f0_hz is None else f0_hz
    with torch.no_grad():
        controls = model.controls(p.audio[None], pitch[None], p.loudness_db[None], instrument_id)
        sound = model.synthesise(controls, instrument_id)["sound"][0]
    return ToneControls(*(x[0] for x in controls)), sound


def reference(p: Performance) -> tuple[Tensor, Tensor]:
    """Amplitude (n_frames,) and centroid (n_frames,) as the labelled pitch lets them be measured, frame by frame."""
    harmonics = measure_harmonics(p.audio, p.f0_hz, 60, sample_rate=16_000)
    amplitude = harmonics.sum(-1)
    return amplitude, (harmonics * torch.arange(1, 61.0)).sum(-1) / amplitude.clamp(min=1e-9)


def errors(controls: ToneControls, sound: Tensor, p: Performance) -> dict[str, float]:
    """Median errors over the frames inside notes, and the multi-scale loss of the whole."""
    amplitude, centroid = reference(p)
    inside = note_frames(p.notes, len(p.f0_hz)).note >= 0
    heard = (controls.distribution * torch.arange(1, controls.distribution.shape[-1] + 1.0)).sum(-1)
    level = 20 * torch.log10((controls.amplitude + 1e-7) / (amplitude + 1e-7))
    return {
        "amplitude_db": float(level[inside].abs().median()),
        "centroid": float(((heard - centroid) / centroid.clamp(min=1e-3))[inside].abs().median()),
        "loss": float(multiscale_spectral_loss(sound, p.audio)),
    }


def correlations(extracted: Sequence[Tensor], drawn: Sequence[Tensor]) -> dict[str, float]:
    """Pearson's r of every control, over the notes of all performances."""
    a, b = torch.cat(list(extracted)), torch.cat(list(drawn))
    valid = torch.isfinite(a).all(-1)
    pairs = zip(CONTROLS, a[valid].T, b[valid].T, strict=True)
    return {name: round(float(torch.corrcoef(torch.stack([x, y]))[0, 1]), 3) for name, x, y in pairs}


def measure_performances(model: DDSPInference, performances: Sequence[Performance]) -> dict[str, Any]:
    """Errors and correlations over one instrument's performances.

    Prefixes: "" conditioned on the labelled pitch and the instrument, "tracked_" on a tracked pitch and the instrument,
    "untold_" on the labelled pitch alone.
    """
    rows: dict[str, list[float]] = {}
    extracted = []
    for p in performances:
        tracked = infer(model, p, track_f0(p.audio, 16_000, 0.004, f_min_hz=60.0, f_max_hz=2200.0).f0_hz)
        heard = {"": infer(model, p), "tracked_": tracked, "untold_": infer(model, p, with_instrument=False)}
        # From the sound alone: a vibrato read off the labelled pitch would be the label's, not what was heard.
        extracted.append(extract_expression(tracked[0], p.notes))
        for prefix, (controls, sound) in heard.items():
            for name, value in errors(controls, sound, p).items():
                rows.setdefault(prefix + name, []).append(value)
    found: dict[str, Any] = {name: round(float(np.mean(values)), 4) for name, values in rows.items()}
    if all(p.drawn is not None for p in performances):
        found["r"] = correlations(extracted, [p.drawn for p in performances if p.drawn is not None])
    return found
