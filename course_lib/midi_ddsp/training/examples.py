"""Training examples: stretches of annotated performances, as the generators learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.midi_ddsp.playing.conditioning import NotePlan
from course_lib.midi_ddsp.training.annotations import Annotated
from course_lib.midi_ddsp.training.variations import deviation, vary_tone, vary_vibrato
from course_lib.synths.tone import ToneControls
from course_lib.training.data import draw_stretches


@dataclass(frozen=True)
class Prepared:
    """One annotated performance, ready for examples to be cut from it.

    note_index, sounding, semitones: (n_frames,), as in `NotePlan` and `deviation`.
    """

    annotated: Annotated
    plan: NotePlan
    note_index: Tensor
    sounding: Tensor
    semitones: Tensor

    def __len__(self) -> int:
        return len(self.note_index)

    def replan(self, expression: Tensor) -> NotePlan:
        """The same notes, played otherwise."""
        return NotePlan(self.plan.notes, expression, self.plan.rate)


def prepare(annotated: Sequence[Annotated], frame_rate: float = 250) -> list[Prepared]:
    """Lay out performances once, so that every step only cuts."""
    prepared = []
    for a in annotated:
        plan = NotePlan(a.performance.notes, a.expression, frame_rate)
        n = len(a.note_index)
        note_index = plan.note_index(first=0, count=n)
        prepared.append(Prepared(a, plan, note_index, plan.sounding(first=0, count=n), deviation(a, note_index)))
    return prepared


def draw_places(
    prepared: Sequence[Prepared], *, batch: int, n_frames: int, generator: torch.Generator
) -> list[tuple[Prepared, int]]:
    """Draw where to cut, performance and first frame: every stretch of every performance is as likely."""
    performances = [p.annotated.performance for p in prepared]
    places = draw_stretches(performances, batch=batch, n_frames=n_frames, generator=generator, evenly=True)
    return [(prepared[i], first) for i, first in places]


def pitch_example(
    prepared: Prepared, *, first: int, n_frames: int, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (n_frames, n_features), semitones and sounding (n_frames,) of one stretch, its vibratos varied."""
    semitones, plan = prepared.semitones, prepared.plan
    if share:
        semitones, expression = vary_vibrato(semitones, prepared.note_index, plan.expression, share, generator)
        plan = prepared.replan(expression)
    frames = slice(first, first + n_frames)
    return plan.features(first=first, count=n_frames), semitones[frames], prepared.sounding[frames]


def tone_example(
    prepared: Prepared, *, first: int, n_frames: int, share: float, generator: torch.Generator
) -> tuple[Tensor, ToneControls]:
    """Features (n_frames, n_features) and the controls to be found, (n_frames, …), of one stretch, its notes varied."""
    controls, plan = prepared.annotated.controls, prepared.plan
    if share:
        controls, expression = vary_tone(
            controls, prepared.note_index, prepared.sounding, plan.start, plan.end, plan.expression, share, generator
        )
        plan = prepared.replan(expression)
    frames = slice(first, first + n_frames)
    return plan.features(first=first, count=n_frames), ToneControls(*(x[frames] for x in controls))
