"""Exercises of the chapter "From notes to sound"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import (
    Exercise,
    Wrong,
    call,
    close,
    expect_tensor,
    name_the_slip,
    number,
    you_give,
)
from course_lib.exercises.reading import FLOAT32


def frame_pitch(notes: Sequence[tuple[float, float, float]], n_frames: int, frame_rate: float) -> Tensor:
    """Pitch of every frame, (n_frames,), 0 in rests; notes are (onset_s, duration_s, pitch) and do not overlap."""
    pitch = torch.zeros(n_frames)
    for onset_s, duration_s, midi in notes:
        pitch[round(onset_s * frame_rate) : round((onset_s + duration_s) * frame_rate)] = midi
    return pitch


def _judge_frame_pitch(answer: Any) -> str:
    rng = np.random.default_rng(5)
    for frame_rate in (250, 100, 125):
        # Notes begin and end between frames, and never so near to the middle that rounding is in doubt.
        edges = np.cumsum(rng.integers(4, 40, 14)) + 2 + rng.choice([-0.35, -0.2, 0.2, 0.35], 14)
        notes = [
            (float(a) / frame_rate, float(b - a) / frame_rate, float(rng.integers(40, 90)))
            for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]
        n_frames = int(edges[-1]) + 5

        def on_frames(place: Any, end: Any = None, notes: Any = notes, n: int = n_frames, r: int = frame_rate) -> Any:
            row = np.zeros(n)
            for onset, length, midi in notes:
                first = place(onset * r)
                last = end(onset, length) if end else place((onset + length) * r)
                for i in range(n):
                    if first <= i < last:
                        row[i] = midi
            return row

        true = on_frames(round)
        got = expect_tensor(call(answer, list(notes), n_frames, frame_rate), (n_frames,))
        if close(got, true):
            continue

        def by_length(onset: float, length: float, r: int = frame_rate) -> int:
            return round(onset * r) + round(length * r)

        def with_end(onset: float, length: float, r: int = frame_rate) -> int:
            return round((onset + length) * r) + 1

        cuts = "int() cuts off what follows the point, so notes come up to a frame early: round to the nearest."
        slips = {
            "every note is a frame too long: its last frame is the one before round(end · frame_rate).": on_frames(
                round, with_end
            ),
            cuts: on_frames(math.floor),
            "ceil rounds up, so notes come up to a frame late: round to the nearest.": on_frames(math.ceil),
            "round the end of a note, not its length: onset and length rounded apart may miss the end by a frame.": (
                on_frames(round, by_length)
            ),
            "that is in Hz: asked is the MIDI pitch, 0 in rests.": np.where(
                true > 0, 440 * 2 ** ((true - 69) / 12), 0.0
            ),
        }
        name_the_slip(got, slips)
        if float(got.max()) > 128:
            raise Wrong("that is in Hz: asked is the MIDI pitch, 0 in rests.")
        if bool((got == 0).sum() < int((true == 0).sum()) - 14):
            raise Wrong("the rests are not 0: begin with zeros, and write each note only where it sounds.")
        raise Wrong(f"at {frame_rate} frames a second, {you_give(got, true)}.")
    return "notes on frames at three frame rates, rests included."


def seconds_of(tick: int, tempi: Sequence[tuple[int, int]], ticks_per_beat: int) -> float:
    """Time in seconds of a tick; tempi are (tick, microseconds a beat), in order, the first at tick 0."""
    seconds = 0.0
    for i, (start, tempo) in enumerate(tempi):
        end = tempi[i + 1][0] if i + 1 < len(tempi) else tick
        seconds += max(0, min(tick, end) - start) * tempo / ticks_per_beat / 1e6
    return seconds


def _judge_seconds(answer: Any) -> str:
    rng = np.random.default_rng(7)
    for _ in range(6):
        division = int(rng.choice([96, 480, 960]))
        starts = [0, *np.cumsum(rng.integers(100, 2000, 3)).tolist()]
        tempi = [(int(at), int(rng.integers(300_000, 900_000))) for at in starts]
        tick = int(rng.integers(starts[2] + 10, starts[3] + 3000))
        moments = np.zeros(tick)
        for at, tempo in tempi:
            moments[at:] = tempo
        true = float(moments.sum() / division / 1e6)
        got = number(call(answer, tick, list(tempi), division))
        if np.isclose(got, true, rtol=FLOAT32):
            continue
        first, last, end = tempi[0][1], [tempo for at, tempo in tempi if at <= tick][-1], tempi[-1][1]
        beats = tick / division / 1e6
        whole = "the last tempo for the whole way: what lies before a change was played in the old one."
        slips = {
            "one tempo for the whole way: a change counts only from its own tick on.": beats * first,
            whole: beats * last,
            whole + " (And it may come after the tick.)": beats * end,
            "that is in microseconds: divide by a million.": true * 1e6,
            "that is in milliseconds: divide by a million, not by a thousand.": true * 1e3,
            "a tempo is for a beat, not for a tick: divide by ticks_per_beat.": true * division,
            "the mean tempo for the whole way: each counts only as long as it holds.": beats
            * float(np.mean([tempo for _, tempo in tempi])),
            "that is in beats: each lasts as long as its tempo says.": tick / division,
        }
        name_the_slip(got, slips)
        raise Wrong(f"for one file, as time of tick {tick}, {you_give(got, true, 's')}.")
    return "seconds through three changes of tempo, in six random files."


EXERCISES = [
    Exercise(
        "notes_to_sound-1",
        _judge_frame_pitch,
        ("Begin with zeros, then write each note into the frames that it owns.",
         "A note owns the frames from round(onset · frame_rate) up to, not with, round(end · frame_rate)."),
        frame_pitch,
        "Rounding both ends, instead of the length, keeps notes that touch in the score touching in the frames.",
    ),
    Exercise(
        "notes_to_sound-2",
        _judge_seconds,
        ("Each tempo holds from its own tick to the next change, or to the tick asked for.",
         "A stretch of n ticks at tempo t lasts n / ticks_per_beat · t microseconds; sum the stretches."),
        seconds_of,
        "MIDI files keep time in beats. Whoever reads them with one tempo drifts away after the first ritardando.",
    ),
]  # fmt: skip


def _frame_too_long(notes: Sequence[tuple[float, float, float]], n_frames: int, frame_rate: float) -> Tensor:
    pitch = torch.zeros(n_frames)
    for onset_s, duration_s, midi in notes:
        pitch[round(onset_s * frame_rate) : round((onset_s + duration_s) * frame_rate) + 1] = midi
    return pitch


def _in_hz(notes: Sequence[tuple[float, float, float]], n_frames: int, frame_rate: float) -> Tensor:
    return 440 * 2 ** ((frame_pitch(notes, n_frames, frame_rate) - 69) / 12)


MISTAKES = {
    "notes_to_sound-1": [(_frame_too_long, "frame too long"), (_in_hz, "Hz")],
    "notes_to_sound-2": [
        (lambda tick, tempi, division: tick * tempi[0][1] / division / 1e6, "one tempo"),
        (lambda tick, tempi, division: seconds_of(tick, tempi, division) * 1e6, "million"),
        (lambda tick, tempi, division: seconds_of(tick, tempi, 1), "ticks_per_beat"),
    ],
}
