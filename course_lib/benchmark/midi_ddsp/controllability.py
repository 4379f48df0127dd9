"""Does a control do what it is set to: each of the six is swept, and all six are measured in what is played."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from course_lib.midi_ddsp.hearing.measure import measure_expression
from course_lib.midi_ddsp.note_controls import CONTROLS, extract_expression
from course_lib.midi_ddsp.playing.players import Players
from course_lib.midi_ddsp.playing.render import play, synthesise
from course_lib.midi_ddsp.training.annotations import Annotated

VALUES = tuple(round(0.1 * i, 1) for i in range(11))
# Wu et al. 2022, table 2, all instruments; measured by the authors on generated parameters, not in the sound.
PUBLISHED = dict(zip(CONTROLS, (0.97, 0.78, 0.57, 0.70, 0.92, 0.93), strict=True))
# A vibrato is read off notes of more than 50 frames only; in the training data none shorter than this has one.
VIBRATO_S = 0.25
VIBRATO = CONTROLS.index("vibrato")


def sweep_controls(
    players: Players, phrases: Sequence[Annotated], values: Sequence[float] = VALUES, in_sound: bool = True
) -> dict[str, Any]:
    """Set one control of every note to each value while the others stay as they were played, and measure all six.

    Args:
        players: the generators that play.
        phrases: performances with their expression.
        values: that the control is set to.
        in_sound: measured in the sound, by `measure_expression`; False: read off the synthesis controls.

    Returns:
        "r": {instrument or "all": {control: Pearson's r of what was set with what was measured, over notes and
        values}}; "vibrato_all_notes": the same with notes too short to waver; "response": (6, 6), row: set, column:
        measured; mean slope over the notes; "rmse": of the swept control, per control.
    """
    targets = torch.tensor(values)
    # Instrument → for each control: of every phrase the swept control (values, notes), and a row of 1 for long notes.
    by_instrument: dict[str, list[list[Tensor]]] = {}
    slopes: list[list[Tensor]] = [[] for _ in CONTROLS]
    for phrase in phrases:
        instrument = phrase.performance.instrument
        by_instrument.setdefault(instrument, [[] for _ in CONTROLS])
        long = torch.tensor([note.duration_s > VIBRATO_S for note in phrase.performance.notes])
        for i in range(len(CONTROLS)):
            measured = _sweep_phrase(players, phrase, i, values, in_sound)
            by_instrument[instrument][i].append(torch.cat([measured[..., i], long.expand(1, -1)]))
            centred = (targets - targets.mean()).reshape(-1, 1, 1)
            slope = (centred * measured).sum(0) / centred.square().sum()
            slopes[i].append(slope[long] if i == VIBRATO else slope)
    together = [list(chain(*(columns[i] for columns in by_instrument.values()))) for i in range(len(CONTROLS))]
    found: dict[str, Any] = {"controls": list(CONTROLS), "values": list(values), "r": {}, "vibrato_all_notes": {}}
    for name, columns in {**by_instrument, "all": together}.items():
        joined = [torch.cat(column, 1) for column in columns]
        kept = [x[:-1, x[-1] > 0] if i == VIBRATO else x[:-1] for i, x in enumerate(joined)]
        found["r"][name] = {c: _pearson_r(targets, x) for c, x in zip(CONTROLS, kept, strict=True)}
        found["vibrato_all_notes"][name] = _pearson_r(targets, joined[VIBRATO][:-1])
        if name == "all":
            found["rmse"] = {
                c: round(float((x - targets.unsqueeze(-1)).square().nanmean().sqrt()), 3)
                for c, x in zip(CONTROLS, kept, strict=True)
            }
    found["response"] = [[round(float(x), 3) for x in torch.cat(rows).nanmean(0)] for rows in slopes]
    found["notes"] = sum(len(phrase.expression) for phrase in phrases)
    found["long_notes"] = sum(len(x) for x in slopes[VIBRATO])
    return found


def _sweep_phrase(players: Players, phrase: Annotated, control: int, values: Sequence[float], in_sound: bool) -> Tensor:
    """All six controls, (values, notes, 6), measured while one is set to each value in turn."""
    p, rows = phrase.performance, []
    for value in values:
        expression = phrase.expression.clone()
        expression[:, control] = value
        controls = play(p.notes, expression, p.instrument, players=players, n_frames=len(phrase.note_index))
        if in_sound:
            rows.append(measure_expression(synthesise(controls), p.notes))
        else:
            rows.append(extract_expression(controls, p.notes))
    return torch.stack(rows)


def _pearson_r(targets: Tensor, measured: Tensor) -> float:
    """Pearson's r of values (n,) with measurements (n, n_notes)."""
    pairs = torch.stack([targets.unsqueeze(-1).expand_as(measured).flatten(), measured.flatten()]).double()
    return round(float(torch.corrcoef(pairs[:, torch.isfinite(pairs).all(0)])[0, 1]), 3)
