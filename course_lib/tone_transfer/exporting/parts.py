"""What an exported file is: its parts, what goes in and comes out, and the facts that travel with it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from course_lib.sounds.clips import data_path
from course_lib.tone_transfer.model import TransferConfig

FORMAT, VERSION = "course_lib.export", 1
PARTS = ("decoder", "instrument")
# What data/README.md says of the performances that the course's own instruments were trained on.
LEARNED_FROM = "trained on performances under CC0 1.0, played with sampled sounds under MIT (notice in data/README.md)"


class Port(NamedTuple):
    """One input or output: its name, its axes (a name where any length will do), and what its numbers mean."""

    name: str
    shape: tuple[int | str, ...]
    meaning: str


def ports(config: TransferConfig, part: str) -> tuple[list[Port], list[Port]]:
    """Inputs and outputs of a part of an instrument of this shape; everything is float32."""
    c, curve = config, ("batch", "n_frames")
    hop = c.sample_rate // c.frame_rate
    inputs = [
        Port("f0_hz", curve, f"pitch, Hz, {c.frame_rate} frames a second; 0 is a rest"),
        Port("loudness_db", curve, "A-weighted loudness, dB, as course_lib.loudness_db measures it; the floor is -80"),
    ]
    controls = [
        Port("amplitude", curve, "of all harmonics together, linear"),
        Port("distribution", (*curve, c.n_harmonics), "share of harmonics 1, 2, 3 ...; sums to 1, or all 0 in a rest"),
    ]
    if c.use_noise:
        meaning = "gain of the noise filter, linear, at frequencies evenly spaced from 0 to sample_rate / 2"
        controls += [Port("noise_magnitudes", (*curve, c.n_bands), meaning)]
    if part == "decoder":
        state = (1, "batch", c.hidden)
        remembered = "what the network remembers: zeros at first, then next_state of the call before"
        inputs += [Port("state", state, remembered)]
        return inputs, [*controls, Port("next_state", state, "the state for the frames that follow")]
    sound = ("batch", f"{hop}*n_frames")
    outputs = [
        Port("sound", sound, "all parts together; may go beyond 1"),
        Port("harmonic", sound, "what has the pitch"),
    ]
    if c.use_noise:
        inputs += [Port("white_noise", sound, "any white noise of mean 0 and RMS 1: one seed is one sound")]
        outputs += [Port("noise", sound, "the filtered noise")]
    if c.use_reverb:
        outputs += [Port("room", sound, "what the room adds to both")]
    return inputs, outputs + controls


def describe_file(config: TransferConfig, facts: dict[str, Any], part: str) -> dict[str, str]:
    """What a program that runs the file has to know, as text by name; lists and tables are JSON."""
    inputs, outputs = ports(config, part)
    name = str(facts.get("instrument", "unnamed"))
    told = {
        "format": FORMAT,
        "version": VERSION,
        "part": part,
        "instrument": name,
        "licence": _licence(name, facts),
        "sample_rate": config.sample_rate,
        "hop": config.sample_rate // config.frame_rate,
        "frame_rate": config.frame_rate,
        "n_harmonics": config.n_harmonics,
        "inputs": [port._asdict() for port in inputs],
        "outputs": [port._asdict() for port in outputs],
        "statistics": facts.get("statistics", {}),
    }
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}


def _licence(name: str, facts: dict[str, Any]) -> str:
    """As the instrument's file or its card says; else, of one that comes with the course, what it learned from."""
    card = json.loads(data_path("instruments/cards.json").read_text(encoding="utf-8")).get(name, {})
    ours = bool(card) and card["command"] == facts.get("command") and card["recipe"] == facts.get("recipe")
    known = facts.get("licence") or (card.get("licence", LEARNED_FROM) if ours else None)
    return str(known or "the instrument's file does not say")
