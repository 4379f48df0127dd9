"""Whether an exported file says what the library says: it is run on a phrase, and the differences are measured."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.core.units import midi_to_hz
from course_lib.synths.noise import white_noise
from course_lib.synths.tone import ToneControls
from course_lib.tone_transfer.exporting.parts import ports
from course_lib.tone_transfer.exporting.program import FACTS
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig

AT_MOST_DB = -80.0
PHRASE_S, CUT = 1.0, 0.3  # longer ones let the network itself make rounding grow
Run = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class Check(NamedTuple):
    """Differences in dB: energy of the difference against that of the library's own; the largest of several.

    controls_db: of all that the network says. sound_db: of the sound of these controls; None for a decoder.
    real_time_factor: of a decoder called frame by frame on one core: seconds it takes for a second of sound.
    """

    controls_db: float
    sound_db: float | None
    real_time_factor: float | None

    @property
    def worst_db(self) -> float:
        return max(self.controls_db, -math.inf if self.sound_db is None else self.sound_db)


def open_file(path: Path) -> Run:
    """A file as a function from inputs by name to outputs by name, on one core.

    Raises:
        ImportError: an `.onnx` file, and onnxruntime is not installed.
    """
    if path.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def run_onnx(given: dict[str, Tensor]) -> dict[str, Tensor]:
            made = session.run(None, {name: value.numpy() for name, value in given.items()})
            return dict(zip(names, map(torch.from_numpy, made), strict=True))

        return run_onnx
    found = {FACTS: ""}
    program = torch.export.load(path, extra_files=found).module()
    facts = {key: json.loads(value) for key, value in json.loads(found[FACTS]).items() if key in ("inputs", "outputs")}
    takes, gives = ([port["name"] for port in facts[which]] for which in ("inputs", "outputs"))
    return lambda given: dict(zip(gives, program(*(given[name] for name in takes)), strict=True))


def phrase(config: TransferConfig, facts: dict[str, Any]) -> dict[str, Tensor]:
    """Pitch and loudness, (1, n_frames), about where the instrument plays: a glide with vibrato, a swell, a rest."""
    t = torch.arange(round(PHRASE_S * config.frame_rate)) / config.frame_rate
    centre = facts.get("statistics", {}).get("median_midi", 69.0)
    midi = centre + 5 * torch.sin(2 * math.pi * t / PHRASE_S) + 0.3 * torch.sin(2 * math.pi * 5.5 * t)
    rests = (t / PHRASE_S > 0.6) & (t / PHRASE_S < 0.7)
    loudness = -25 - 10 * torch.cos(2 * math.pi * t / PHRASE_S)
    curves = torch.where(rests, 0.0, midi_to_hz(midi)), torch.where(rests, -80.0, loudness)
    return dict(zip(("f0_hz", "loudness_db"), (curve[None] for curve in curves), strict=True))


@torch.no_grad()
def check_file(path: Path, model: ToneTransfer, part: str, facts: dict[str, Any]) -> Check:
    """Run a file on `phrase` and compare it with the instrument that it was made from.

    A decoder gets the phrase in two blocks. The sound is compared with what the library makes of the file's own
    controls, so that both numbers stand for one thing each.
    """
    run, given = open_file(path), phrase(model.config, facts)
    wanted = model.controls(**given)._asdict()
    if part == "decoder":
        made, factor = _in_two_blocks(run, given, model.config.hidden), _frame_by_frame(run, given, model.config)
    else:
        c = model.config
        n_samples = given["f0_hz"].shape[-1] * c.sample_rate // c.frame_rate
        if c.use_noise:
            given["white_noise"] = white_noise((1, n_samples), None, given["f0_hz"])
        made, factor = run(given), None
    names = [port.name for port in ports(model.config, "decoder")[1][:-1]]
    controls = max(difference_db(made[name], wanted[name]) for name in names)
    if part == "decoder":
        return Check(controls, None, factor)
    played = ToneControls(**{**wanted, **{name: made[name] for name in names}})
    parts = model.synthesise(played, n_samples)
    return Check(controls, max(difference_db(made[name], parts[name]) for name in parts if name in made), None)


def difference_db(made: Tensor, wanted: Tensor) -> float:
    """Energy of the difference against that of what was wanted, dB; −∞ if there is none."""
    error, energy = ((x.double()).square().sum() for x in (made - wanted, wanted))
    return float(10 * torch.log10(error / energy)) if error > 0 else -math.inf


def _in_two_blocks(run: Run, given: dict[str, Tensor], hidden: int) -> dict[str, Tensor]:
    n_frames = given["f0_hz"].shape[-1]
    cut, state, made = round(CUT * n_frames), torch.zeros(1, 1, hidden), []
    for block in (slice(0, cut), slice(cut, None)):
        made.append(run({**{name: curve[:, block] for name, curve in given.items()}, "state": state}))
        state = made[-1].pop("next_state")
    return {name: torch.cat([part[name] for part in made], 1) for name in made[0]}


def _frame_by_frame(run: Run, given: dict[str, Tensor], config: TransferConfig) -> float:
    """Seconds for the frames of a second, one a call: as many times the median call."""
    threads, state, seconds = torch.get_num_threads(), torch.zeros(1, 1, config.hidden), []
    torch.set_num_threads(1)
    try:
        for i in range(config.frame_rate):
            began = time.perf_counter()
            state = run({**{name: curve[:, i : i + 1] for name, curve in given.items()}, "state": state})["next_state"]
            seconds.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return sorted(seconds)[len(seconds) // 2] * config.frame_rate
