"""How far the controls of a performance are from those that are generated, measured in the sound, or predicted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.hearing.listener import hear
from course_lib.midi_ddsp.hearing.measure import measure_expression
from course_lib.midi_ddsp.note_controls import CONTROLS, extract_expression
from course_lib.midi_ddsp.playing.expression_generator import note_features
from course_lib.midi_ddsp.playing.players import Players
from course_lib.midi_ddsp.playing.render import perform, play, synthesise
from course_lib.midi_ddsp.training.annotations import Annotated
from course_lib.scores.notes import Note
from course_lib.sounds.clips import load_clip

# Wu et al. 2022: RMSE of the controls, all instruments.
PUBLISHED_RMSE = {"synthesis": 0.19, "expression": 0.14, "instrument_mean": 0.23}
# What tools/perform_tunes.py draws: the standard deviation a note, and the range either way a performance.
NOTE_DEVIATION, PERFORMANCE_RANGE = 0.18, 0.25


def measure_round_trips(players: Players, parts: dict[str, Sequence[Annotated]]) -> dict[str, Any]:
    """RMSE of the six controls over all notes of each part, against those of the performance.

    "synthesis": read off the generated controls; "sound": measured in the sound; "expression": predicted from the notes
    alone; "told": predicted with teacher forcing, that is, from the true controls of the note before;
    "instrument_mean": the mean of the instrument, taken over the very notes to be predicted; "shuffled": predicted for
    the notes in a random order; "dice": an estimate of what cannot be predicted, since the rule-based player drew it.
    "loss": multi-scale spectral loss of the sound played from the true expression, against the recording.
    """
    found: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(0)
    means = _instrument_means([a for annotated in parts.values() for a in annotated])
    for part, annotated in parts.items():
        rows: dict[str, list[Tensor]] = {}
        losses = []
        for a in annotated:
            p, true = a.performance, a.expression
            controls = play(p.notes, true, p.instrument, players=players, n_frames=len(a.note_index))
            sound = synthesise(controls)
            order = torch.randperm(len(p.notes), generator=generator)
            estimates = {
                "synthesis": extract_expression(controls, p.notes),
                "sound": measure_expression(sound, p.notes),
                "expression": perform(p.notes, p.instrument, players=players),
                "told": predict_with_teacher_forcing(players, a),
                "instrument_mean": means[p.instrument].expand_as(true),
                "shuffled": perform(_reorder(p.notes, order), p.instrument, players=players)[order.argsort()],
            }
            for name, estimate in estimates.items():
                rows.setdefault(name, []).append(estimate - true)
            losses.append(float(multiscale_spectral_loss(sound, p.audio[: len(sound)])))
        found[part] = {name: rmse(x) for name, x in rows.items()}
        found[part]["dice"] = unpredictable_rmse(annotated)
        found[part]["loss"] = round(float(np.mean(losses)), 3)
    return found


def rmse(differences: Sequence[Tensor]) -> dict[str, float]:
    """RMSE of differences (n_notes, 6): of all controls and of each; notes without a value are left out."""
    joined = torch.cat(list(differences))
    return _root(joined[torch.isfinite(joined).all(-1)].square())


def _root(squares: Tensor) -> dict[str, float]:
    """Square root of the mean of (n_notes, 6): of all controls and of each."""
    each = [round(float(x), 3) for x in squares.mean(0).sqrt()]
    return {"all": round(float(squares.mean().sqrt()), 3), **dict(zip(CONTROLS, each, strict=True))}


def _instrument_means(annotated: Sequence[Annotated]) -> dict[str, Tensor]:
    """Instrument → the mean of each control over its notes, (6,)."""
    means = {}
    for name in {a.performance.instrument for a in annotated}:
        expression = torch.cat([a.expression for a in annotated if a.performance.instrument == name])
        means[name] = expression[torch.isfinite(expression).all(-1)].mean(0)
    return means


def unpredictable_rmse(annotated: Sequence[Annotated]) -> dict[str, float]:
    """RMSE of a prediction that knows all rules of tools/perform_tunes.py, but not what was drawn at random.

    What was drawn moves a control by a slope, fitted for each instrument over the notes that are not held at 0 or 1.
    """
    squares: list[Tensor] = []
    for name in {a.performance.instrument for a in annotated}:
        drawn_of = [(a.expression, a.performance.drawn) for a in annotated if a.performance.instrument == name]
        pairs = [(expression, drawn) for expression, drawn in drawn_of if drawn is not None]
        if not pairs:
            continue
        expression, drawn = (torch.cat(x) for x in zip(*pairs, strict=True))
        valid = torch.isfinite(expression).all(-1)
        expression, drawn = expression[valid], drawn[valid]
        inside = (drawn > 0) & (drawn < 1)
        columns = []
        for i in range(len(CONTROLS)):
            x, y = drawn[inside[:, i], i], expression[inside[:, i], i]
            slope = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum().clamp(min=1e-9))
            columns.append(slope**2 * (NOTE_DEVIATION**2 + PERFORMANCE_RANGE**2 / 3) * inside[:, i])
        squares.append(torch.stack(columns, -1))
    return _root(torch.cat(squares)) if squares else {}


def predict_with_teacher_forcing(players: Players, annotated: Annotated) -> Tensor:
    """The expression generator's means, (n_notes, 6), each from the true controls of the note before."""
    p, model = annotated.performance, players.expression
    features = note_features(p.notes).unsqueeze(0)
    known = torch.ones(1, len(p.notes))
    known[:, 0] = 0.0
    before = torch.nan_to_num(annotated.expression).roll(1, 0).unsqueeze(0)
    with torch.no_grad():
        return model(features, before, known, model.indices([p.instrument]))[0][0]


def _reorder(notes: Sequence[Note], order: Tensor) -> list[Note]:
    """The same notes, with their gaps behind them, one after the other in another order."""
    gaps = [b.onset_s - a.end_s for a, b in pairwise(notes)] + [0.0]
    onset_s, moved = 0.0, []
    for i in order.tolist():
        moved.append(notes[i]._replace(onset_s=onset_s))
        onset_s += notes[i].duration_s + max(0.0, gaps[i])
    return moved


def real_recording(name: str = "voice") -> dict[str, Any]:
    """Inference on a real recording: spectral loss of what was heard, played again, and the notes that were found."""
    audio, rate = load_clip(name)
    found = hear(audio, rate)
    n = len(found.sound)
    return {
        "clip": name,
        "loss": round(float(multiscale_spectral_loss(found.sound, audio[:n])), 3),
        "silence": round(float(multiscale_spectral_loss(torch.zeros(n), audio[:n])), 3),
        "notes": len(found.notes),
        "expression": [round(float(x), 2) for x in found.expression.nanmean(0)],
    }
