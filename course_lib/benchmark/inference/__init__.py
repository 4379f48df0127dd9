"""How well the inference network hears: levels, colours and expression of performances that it never heard."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from course_lib.benchmark.inference.accuracy import measure_performances
from course_lib.benchmark.inference.closed_forms import closed_form_cases
from course_lib.benchmark.inference.comparisons import compare_decoders, compare_features
from course_lib.benchmark.inference.sweeps import sweep_controls
from course_lib.benchmark.performances import PARTS, check_performances, shipped_performances
from course_lib.benchmark.tables import data_file, open_table, print_columns, stored_table, write_table
from course_lib.display.figures.taken_apart import hear_phrase
from course_lib.midi_ddsp.checkpoint import load_inference
from course_lib.midi_ddsp.data import load_performances
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference
from course_lib.midi_ddsp.note_controls import CONTROLS, VARIANTS

SUMMARY = "measure the inference network on performances it never heard, and the six controls it reads"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "performances",
        type=Path,
        nargs="?",
        help="the folder that tools/perform_tunes.py wrote; without it the excerpts that come with the course are "
        "measured and printed, beside the stored comparison",
    )
    parser.add_argument(
        "--part",
        choices=("all", "measures", "decoders", "features", "phrase"),
        default="all",
        help="what to run; the rest stays",
    )
    parser.add_argument("--decoder-steps", type=int, default=2500, help="training steps of the decoders compared with")
    parser.add_argument("--feature-steps", type=int, default=300, help="training steps for each kind of features")
    parser.add_argument("--work", type=Path, help="a folder that keeps the decoders, to go on with their training")
    parser.add_argument("--out", type=Path, help="file to write; data/inference.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run; of what is stored, the parts that are not run stay as they were."""
    folder, part = options.performances, options.part
    if folder is None:
        if part not in ("all", "measures") or options.out is not None:
            parser.error("--part and --out need the folder of performances that tools/perform_tunes.py writes")
        measure(load_inference()[0], shipped_performances())
        stored = stored_table("inference.json")
        print("stored:", json.dumps({name: stored[name] for name in ("decoders", "features")}), flush=True)
        return
    check_performances(parser, folder)
    if min(options.decoder_steps, options.feature_steps) < 1:
        parser.error("--decoder-steps and --feature-steps must be at least 1")
    path = data_file(parser, options.out, "inference.json")
    table = open_table(path)
    model, _ = load_inference()
    if part in ("all", "measures"):
        table |= measure(model, folder)
    if part in ("all", "phrase"):
        store_phrase(path.parent)
    if part in ("all", "decoders"):
        table["decoders"] = compare_decoders(model, folder, options.decoder_steps, options.work)
    if part in ("all", "features"):
        table["features"] = compare_features(folder, options.feature_steps)
    write_table(path, table)


def measure(model: DDSPInference, folder: Path) -> dict[str, Any]:
    """Closed forms, errors and correlations by instrument, sweeps; printed as they come."""
    table: dict[str, Any] = {"closed_forms": closed_form_cases(), "instruments": {}}
    print_columns(["case", "expected", *VARIANTS], [list(row.values()) for row in table["closed_forms"]])
    for name in model.config.instruments:
        found = {p: measure_performances(model, load_performances(folder, [name], [p])[p]) for p in PARTS}
        for part, row in found.items():
            print(f"{name}, {part}: {json.dumps(row)}", flush=True)
        table["instruments"][name] = found
    table["sweep"] = sweep_controls(model)
    rows = zip(CONTROLS, table["sweep"]["moves"], strict=True)
    print_columns(["swept \\ read", *CONTROLS], [[name, *(f"{x:.3f}" for x in row)] for name, row in rows])
    print("r:", table["sweep"]["r"], flush=True)
    return table


def store_phrase(folder: Path) -> None:
    """Write what the network hears in the two seconds of the figure "A trumpet in 127 numbers", phrase.npz."""
    f0_hz, levels = hear_phrase()
    networks = folder / "midi_ddsp"
    np.savez_compressed((networks if networks.is_dir() else folder) / "phrase.npz", f0_hz=f0_hz, levels=levels)
