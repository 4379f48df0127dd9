"""How long each stage takes, from notes to sound, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch

from course_lib.midi_ddsp.playing.conditioning import NotePlan
from course_lib.midi_ddsp.playing.players import Players, load_players
from course_lib.midi_ddsp.playing.render import perform, play, synthesise
from course_lib.scores.notes import Note
from course_lib.sounds.clips import data_path

T = TypeVar("T")


def measure_speed(players: Players, seconds: float = 30.0, repeats: int = 3) -> dict[str, Any]:
    """Seconds of one core for a second of sound, by stage, the best of some runs; reading the networks apart."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    notes = [Note(0.4 * i, 0.38, 60 + (7 * i) % 12) for i in range(round(seconds / 0.4))]
    name = players.instruments[0]
    instrument_id = players.pitch.indices([name])
    times: dict[str, float] = {}

    def clock(stage: str, function: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = function()
        times[stage] = min(times.get(stage, np.inf), time.perf_counter() - began)
        return result

    def play_once() -> int:
        """Play all stages; the number of frames."""
        expression = clock("expression", lambda: perform(notes, name, seed=0, players=players))
        plan = NotePlan(notes, expression, players.pitch.config.frame_rate)
        features = plan.features(first=0, count=round(notes[-1].end_s * plan.rate))
        generator = torch.Generator().manual_seed(0)
        clock("pitch", lambda: list(players.pitch.generate([features], instrument_id, generator)))
        controls = clock("pitch_and_synthesis", lambda: play(notes, expression, name, players=players))
        clock("sound", lambda: synthesise(controls))
        return len(controls.f0_hz)

    try:
        n_frames = max(play_once() for _ in range(repeats))
    finally:
        torch.set_num_threads(threads)
    length = n_frames / players.synthesis.config.frame_rate
    found = {stage: round(value / length, 5) for stage, value in times.items()}
    found["whole"] = round(sum(times[s] for s in ("expression", "pitch_and_synthesis", "sound")) / length, 5)
    began = time.perf_counter()
    load_players(data_path("inference.json").parent / "midi_ddsp")
    return {"real_time_factors": found, "seconds_of_sound": length, "reading_s": round(time.perf_counter() - began, 3)}
