"""How often the searches for a frequency arrive, beside what is possible at all: the tables of two chapters."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import torch

from course_lib.benchmark.frequency.rows import (
    clip,
    damped,
    harmonic_sound,
    limit,
    mixture,
    one_sinusoid,
    pick_peaks,
    steps_to,
)
from course_lib.benchmark.frequency.sounds import (
    CLEAN,
    HIGH_HZ,
    LOW_HZ,
    N_SAMPLES,
    SAMPLE_RATE,
    draw_combs,
    draw_sines,
    frames,
    noisy,
    sum_of_sines,
)
from course_lib.benchmark.tables import data_file, stored_table, write_table
from course_lib.fitting.frequency import METHODS

__all__ = [
    "CLEAN", "METHODS", "SOUNDS", "SUMMARY", "add_options", "damped", "draw_combs", "draw_sines", "frames", "limit",
    "load_frequency", "noisy", "pick_peaks", "run", "run_options", "steps_to", "sum_of_sines",
]  # fmt: skip

SUMMARY = "find the frequencies of sinusoids and harmonic sounds from random starts, many times"
# What is run: SNR in dB, and trials where these differ from the first table's.
MIXTURES = ((2, (CLEAN, 20.0, 0.0), 300), (8, (CLEAN, 20.0, 0.0), 300), (32, (20.0,), 100))
DAMPED = ((2, 20.0, 300), (8, 20.0, 300))  # a minute on a GPU; a core takes hours, and gets a tenth of the trials
LIMIT_DB, LIMIT_TRIALS = (0.0, -5.0, -10.0, -15.0, -20.0), 1000
SOUNDS = ("partials 1/k", "missing fundamental", "random partials")
SOUNDS_DB, SOUNDS_TRIALS = (CLEAN, 20.0, 0.0, -5.0), 400
METHODS_DB = (CLEAN, 20.0, 0.0)
CLIPS = ("voice", "saxophone")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--trials", type=int, default=200, help="trials for each row of the first table")
    parser.add_argument("--out", type=Path, help="file to write; data/frequency.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    if options.trials < 2:
        parser.error(f"--trials must be at least 2; got {options.trials}")
    run(data_file(parser, options.out, "frequency.json"), options.trials)


def run(path: Path, trials: int = 200) -> None:
    """Run everything and store it as JSON; each row is printed as it comes (about an hour on one quiet core)."""
    few = trials < 200
    table: dict[str, Any] = {
        "settings": f"{SAMPLE_RATE} Hz, {N_SAMPLES} samples, targets and starts {LOW_HZ:g}–{HIGH_HZ:g} Hz, torch "
        f"{torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}",
        "one_sinusoid": [], "limit": [], "harmonic": [], "mixtures": [], "damped": [], "clips": [],
    }  # fmt: skip

    def add(part: str, row: dict[str, Any]) -> None:
        table[part].append(row)
        print(f"{part}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        write_table(path, _plain(table))

    for partials, ratios, count in MIXTURES:
        for snr_db in ratios:
            add("mixtures", mixture(partials, snr_db, trials if few else count))
    for partials, snr_db, count in DAMPED:
        add("damped", damped(partials, snr_db, min(trials, count if torch.cuda.is_available() else count // 10)))
    for snr_db in LIMIT_DB:
        add("limit", limit(snr_db, trials if few else LIMIT_TRIALS))
    for kind in SOUNDS:
        for snr_db in SOUNDS_DB:
            add("harmonic", harmonic_sound(kind, snr_db, trials if few else SOUNDS_TRIALS))
    for name in CLIPS:
        add("clips", clip(name))
    for method in METHODS:
        for snr_db in METHODS_DB:
            add("one_sinusoid", one_sinusoid(method, snr_db, trials))


def _plain(value: Any) -> Any:
    """JSON knows no infinity: a clean sound's ratio is stored as null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if value == CLEAN else value


def load_frequency() -> dict[str, Any]:
    """Return the stored tables: lists of rows under one_sinusoid, limit, harmonic, mixtures, damped and clips.

    A clean sound has snr_db None.

    Chapter: book/sines/escaping_minima.ipynb
    """
    return stored_table("frequency.json")
