"""Lessons: stretches of annotated performances, laid out for the generators to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.midi_ddsp.playing.conditioning import NotePlan
from course_lib.midi_ddsp.training.annotate import Annotated
from course_lib.midi_ddsp.training.variations import deviation, vary_tone, vary_vibrato
from course_lib.synths.tone import ToneControls


@dataclass(frozen=True)
class Lesson:
    """One performance, ready to be cut.

    owner, sounding, semitones: (n_frames,), as in `NotePlan` and `deviation`.
    """

    annotated: Annotated
    plan: NotePlan
    owner: Tensor
    sounding: Tensor
    semitones: Tensor

    def __len__(self) -> int:
        return len(self.owner)

    def replan(self, expression: Tensor) -> NotePlan:
        """The same notes, played otherwise."""
        return NotePlan(self.plan.notes, expression, self.plan.rate)


def prepare(annotated: Sequence[Annotated], frame_rate: float = 250) -> list[Lesson]:
    """Lay out performances once, so that every step only cuts."""
    lessons = []
    for a in annotated:
        plan = NotePlan(a.performance.notes, a.expression, frame_rate)
        n = len(a.owner)
        owner = plan.note_index(0, n)
        lessons.append(Lesson(a, plan, owner, plan.sounding(0, n), deviation(a, owner)))
    return lessons


def draw_places(
    lessons: Sequence[Lesson], batch: int, n_frames: int, generator: torch.Generator
) -> list[tuple[Lesson, int]]:
    """Draw where to cut: every stretch of every performance is as likely."""
    lengths = torch.tensor([len(lesson) - n_frames + 1 for lesson in lessons])
    if int(lengths.min()) < 1:
        short = min(lessons, key=len)
        raise ValueError(
            f"{short.annotated.performance.name} has {len(short)} frames, fewer than the {n_frames} of a stretch"
        )
    which = torch.multinomial(lengths.float(), batch, replacement=True, generator=generator).tolist()
    places = torch.rand(batch, generator=generator).tolist()
    return [(lessons[i], int(u * lengths[i])) for i, u in zip(which, places, strict=True)]


def pitch_lesson(
    lesson: Lesson, first: int, n_frames: int, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (n_frames, n_features), semitones and sounding (n_frames,) of one stretch, its vibratos varied."""
    semitones, plan = lesson.semitones, lesson.plan
    if share:
        semitones, expression = vary_vibrato(semitones, lesson.owner, plan.expression, share, generator)
        plan = lesson.replan(expression)
    here = slice(first, first + n_frames)
    return plan.features(first, n_frames), semitones[here], lesson.sounding[here]


def tone_lesson(
    lesson: Lesson, first: int, n_frames: int, share: float, generator: torch.Generator
) -> tuple[Tensor, ToneControls]:
    """Features (n_frames, n_features) and the controls to be found, (n_frames, …), of one stretch, its notes varied."""
    controls, plan = lesson.annotated.controls, lesson.plan
    if share:
        controls, expression = vary_tone(
            controls, lesson.owner, lesson.sounding, plan.start, plan.end, plan.expression, share, generator
        )
        plan = lesson.replan(expression)
    here = slice(first, first + n_frames)
    return plan.features(first, n_frames), ToneControls(*(x[here] for x in controls))
