"""Time, memory and exactness of the synthesizers, filters and the multi-scale loss, beside how it is usually done.

Times are medians of rounds in which the methods take turns, in CPU seconds of one thread. Memory is the peak of the
resident set above what the inputs need, each case in a process of its own after a small warm-up; on CUDA, the peak of
the allocator. The allocator is the default one, as users have it: much of the usual formulation's time on the larger
workloads is spent on getting fresh pages for its large tensors.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from course_lib.benchmark.speed.first_calls import first_calls_s
from course_lib.benchmark.speed.memory import peak_mb
from course_lib.benchmark.speed.timing import device_name, time_additive, time_harmonic, time_losses, time_recursion
from course_lib.benchmark.speed.workloads import METHODS, PASSES, WORKLOADS, cases, plain, snr_db, usual
from course_lib.benchmark.tables import data_file, stored_table, write_table

__all__ = [
    "METHODS", "PASSES", "SUMMARY", "WORKLOADS", "add_options", "as_text", "first_calls_s", "load_speed", "measure",
    "peak_mb", "plain", "run_options", "snr_db", "usual",
]  # fmt: skip

SUMMARY = "time and measure synthesizers, filters and losses (about five minutes)"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS), metavar="W")
    parser.add_argument("--rounds", type=int, help="how often each time is taken; 3 to 200 by default")
    parser.add_argument("--device", choices=("cpu", "cuda"), action="append", help="cpu, and cuda if there is one")
    parser.add_argument("--out", type=Path, help="file to write; data/speed.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}")
    devices = options.device or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    if "cuda" in devices and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no CUDA device here; leave it out")
    path = data_file(parser, options.out, "speed.json")
    # Results of other devices stay; those of the same device are replaced.
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    for device in devices:
        result = measure(device, options.workloads, options.rounds)
        kept = [r for r in kept if r["device"] != result["device"]] + [result]
        write_table(path, kept)
        print(as_text(result), flush=True)


def measure(device: str, workloads: list[str], rounds: int | None = None) -> dict[str, Any]:
    """Measure everything on one device, one thread; the record that is stored."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        peaks = {case: peak_mb(device, *case) for case in cases(workloads)}
        times = time_harmonic(workloads, rounds, device)
        return {
            "device": device_name(device),
            "torch": torch.__version__,
            "harmonic": [
                {"workload": w, "pass": p, "method": m, "ms": round(ms, 2), "peak_mb": round(peaks[w, p, m], 1)}
                for (w, p, m), ms in times.items()
            ],
            "snr_db": {m: [round(snr_db(METHODS[m], s, device)) for s in (4, 60)] for m in ("usual", "fast", "auto")},
            "loss": {str(batch): time_losses(batch, rounds or 9, device) for batch in (1, 16)},
            "additive": time_additive(rounds or 5, device),
            "recursion": time_recursion(rounds or 30, device),
            "first_calls_s": first_calls_s(),
        }
    finally:
        torch.set_num_threads(before)


def load_speed() -> list[dict[str, Any]]:
    """Return the stored results, one for each device.

    Chapter: book/sines/making_it_fast.ipynb
    """
    return stored_table("speed.json")


def as_text(result: dict[str, Any]) -> str:
    """A result as text: time and memory of each method, and how many times those of `method="auto"` they are."""
    lines = [f"{result['device']}, torch {result['torch']}"]
    rows = result["harmonic"]
    for auto in (row for row in rows if row["method"] == "auto"):
        lines.append(f"{auto['workload']} {auto['pass']}: {auto['ms']:.2f} ms, {auto['peak_mb']:.0f} MB")
        for row in rows:
            if (row["workload"], row["pass"]) == (auto["workload"], auto["pass"]) and row is not auto:
                slower, larger = row["ms"] / auto["ms"], row["peak_mb"] / max(auto["peak_mb"], 0.1)
                lines.append(
                    f"    {row['method']:14} {row['ms']:8.1f} ms {row['peak_mb']:6.0f} MB: "
                    f"{slower:.1f} × the time, {larger:.0f} × the memory"
                )
    for method, (short, long) in result["snr_db"].items():
        lines.append(f"signal to noise, {method}: {short} dB at 4 s, {long} dB at 60 s")
    for batch, times in result["loss"].items():
        ratios = ", ".join(f"{name} {ms:.1f} ms" for name, ms in times.items())
        lines.append(f"multi-scale loss and gradient, batch {batch}: {ratios}")
    lines.append("additive_synth: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in result["additive"].items()))
    lines.append("a biquad, 1 s: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in result["recursion"].items()))
    lines.append("seconds: " + ", ".join(f"{name} {s:.2f}" for name, s in result["first_calls_s"].items()))
    return "\n".join(lines)
