"""The figures as text, and the cards of the generators that come with the course."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from course_lib.benchmark.midi_ddsp.controllability import PUBLISHED
from course_lib.benchmark.midi_ddsp.round_trips import PUBLISHED_RMSE
from course_lib.benchmark.performances import PARTS
from course_lib.benchmark.tables import print_columns
from course_lib.midi_ddsp.checkpoint import load_expression, load_pitch, load_synthesis
from course_lib.midi_ddsp.note_controls import CONTROLS


def show(found: dict[str, Any]) -> None:
    """Print tables."""
    if "sweeps" in found:
        s = found["sweeps"]
        print(f"r of what was set with what is measured in the sound ({s['notes']} notes, {len(s['values'])} values):")
        rows = [["published, all", *PUBLISHED.values()]]
        rows += [[name, *(f"{r[c]:.2f}" for c in CONTROLS)] for name, r in s["r"].items()]
        print_columns(["", *CONTROLS], rows)
        print(f"vibrato, notes of 0.25 s and less included: {json.dumps(s['vibrato_all_notes'])}")
        print("response, row: set, column: measured (slope):")
        slopes = zip(CONTROLS, s["response"], strict=True)
        print_columns(["", *CONTROLS], [[c, *(f"{x:.2f}" for x in row)] for c, row in slopes])
    for part in PARTS:
        if "round_trip" in found and part in found["round_trip"]:
            print(f"RMSE of the controls, {part} (published: {json.dumps(PUBLISHED_RMSE)}):")
            errors = {k: v for k, v in found["round_trip"][part].items() if isinstance(v, dict)}
            print_columns(["", "all", *CONTROLS], [[k, *(f"{x:.3f}" for x in v.values())] for k, v in errors.items()])
            print(f"spectral loss, played from the true expression: {found['round_trip'][part]['loss']}")
    for name in ("real", "speed", "pitch", "loss", "adversary"):
        if name in found:
            short = {key: value for key, value in found[name].items() if key != "curves"}
            print(f"{name}: {json.dumps(short)}", flush=True)


def write_cards(path: Path, table: dict[str, Any]) -> None:
    """Put the generators' facts and figures beside those of the inference network."""
    cards = json.loads(path.read_text(encoding="utf-8"))
    kinds: dict[str, tuple[Any, str, dict[str, Any]]] = {
        "pitch": (
            load_pitch,
            "notes and expression in; the pitch about each note out, one of 201 classes 250 times a second",
            {f"vibrato_variance_{part}": table["pitch"]["categorical"][part]["variance"] for part in PARTS},
        ),
        "synthesis": (
            load_synthesis,
            "notes, expression and pitch in; amplitude, 60 harmonics and 65 noise bands out, 250 times a second",
            {f"r_{name}": r for name, r in table["sweeps"]["r"]["all"].items()},
        ),
        "expression": (
            load_expression,
            "notes in; mean and spread of six controls for each out",
            {f"rmse_{part}": table["round_trip"][part]["expression"]["all"] for part in PARTS},
        ),
    }
    for kind, (load, what, figures) in kinds.items():
        network, facts = load()
        training = {key: facts["training"][key] for key in ("steps", "seconds", "device", "torch", "validation_loss")}
        cards[kind] = {
            "what": what,
            "data": cards["inference"]["data"],
            "command": facts["command"],
            **training,
            "weights": sum(x.numel() for x in network.parameters()),
            "instruments": list(network.config.instruments),
            **figures,
            "limits": "one voice, dry, MIDI pitches of tools/perform_tunes.py; a rule-based player's taste",
            "licence": cards["inference"]["licence"],
        }
    path.write_text(json.dumps(cards, indent=1) + "\n", encoding="utf-8")
