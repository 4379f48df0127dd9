"""How often the searches for a frequency arrive, beside what is possible at all: the tables of two chapters."""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.analysis.pitch import estimate_f0
from course_lib.benchmark import data_file
from course_lib.core.units import cents
from course_lib.fitting.frequency import (
    METHODS,
    FrequencyFit,
    cramer_rao_hz,
    fit_f0,
    fit_frequency,
    fit_sinusoids,
    share_within,
)
from course_lib.fitting.frequency.spectra import power_spectrum, spectral_peak
from course_lib.fitting.frequency.stages import polish
from course_lib.sounds.clips import data_path, load_clip

SUMMARY = "find the frequencies of sinusoids and harmonic sounds from random starts, many times"
SAMPLE_RATE, N_SAMPLES = 16000, 4096
LOW_HZ, HIGH_HZ = 50.0, 7000.0
F0_HIGH_HZ, F0_PARTIALS = 990.0, 8
ROWS = 100  # trials at once
CLEAN = math.inf
# What is run: SNR in dB, and trials where these differ from the first table's.
MIXTURES = ((2, (CLEAN, 20.0, 0.0), 300), (8, (CLEAN, 20.0, 0.0), 300), (32, (20.0,), 100))
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


def noisy(sound: Tensor, snr_db: float, generator: torch.Generator) -> Tensor:
    """Add white Gaussian noise at a ratio of total powers, dB; none at an infinite one."""
    if snr_db == CLEAN:
        return sound
    power = sound.square().mean(-1, keepdim=True) * 10 ** (-snr_db / 10)
    return sound + power.sqrt() * torch.randn(sound.shape, generator=generator, dtype=sound.dtype)


def sum_of_sines(hz: Tensor, amplitude: Tensor, generator: torch.Generator) -> Tensor:
    """Sinusoids (trials, K) of random phase added up, (trials, N_SAMPLES), double precision."""
    time_s = torch.arange(N_SAMPLES, dtype=torch.float64) / SAMPLE_RATE
    phase = 2 * math.pi * torch.rand(hz.shape, generator=generator, dtype=torch.float64)
    total = torch.zeros(len(hz), N_SAMPLES, dtype=torch.float64)
    for k in range(hz.shape[-1]):
        total += amplitude[:, k, None] * torch.sin(2 * math.pi * hz[:, k, None] * time_s + phase[:, k, None])
    return total


def draw_sines(trials: int, partials: int, snr_db: float, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sounds of K sinusoids at least 3 DFT bins apart, their frequencies, random starts, and amplitudes .1 … 1."""
    g = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return LOW_HZ + (HIGH_HZ - LOW_HZ) * torch.rand(*shape, generator=g, dtype=torch.float64)

    kept: list[Tensor] = []
    while len(kept) < trials:
        hz = uniform(64, partials).sort(-1).values
        apart = hz.diff(dim=-1) > 3 * SAMPLE_RATE / N_SAMPLES
        kept.extend(hz[apart.all(-1)])
    hz = torch.stack(kept[:trials])
    amplitude = 0.1 + 0.9 * torch.rand(trials, partials, generator=g, dtype=torch.float64)
    return noisy(sum_of_sines(hz, amplitude, g), snr_db, g), hz, uniform(trials, partials), amplitude


def draw_combs(trials: int, kind: str, snr_db: float, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Harmonic sounds of 8 partials, their f0, random starts, and relative amplitudes (1/k, no first, or drawn)."""
    g = torch.Generator().manual_seed(seed)
    f0, start = LOW_HZ + (F0_HIGH_HZ - LOW_HZ) * torch.rand(2, trials, generator=g, dtype=torch.float64)
    order = torch.arange(1, F0_PARTIALS + 1, dtype=torch.float64)
    amplitude = (1 / order).repeat(trials, 1)
    if kind == "random partials":
        amplitude = torch.rand(trials, F0_PARTIALS, generator=g, dtype=torch.float64)
    elif kind == "missing fundamental":
        amplitude[:, 0] = 0
    return noisy(sum_of_sines(f0[:, None] * order, amplitude, g), snr_db, g), f0, start, amplitude


def in_parts(search: Callable[..., FrequencyFit], *tensors: Tensor, rows: int = ROWS) -> tuple[Tensor, Tensor, float]:
    """Frequencies found, the way there (steps, trials, …), and seconds; some rows at a time bound the memory."""
    begin = time.perf_counter()
    fits = [search(*parts) for parts in zip(*(t.split(rows) for t in tensors), strict=True)]
    paths = torch.cat([f.history.parameters["hz"] for f in fits], dim=1)
    return torch.cat([f.hz for f in fits]), paths, time.perf_counter() - begin


def share(condition: Tensor) -> float:
    """Share of trials for which something is true."""
    return round(float(condition.double().mean()), 4)


def steps_to(paths: Tensor, truth: Tensor, within_cents: float = 50.0) -> int | None:
    """Median over the trials that arrive of the step after which they stay near."""
    near = cents(paths, truth.expand_as(paths)).abs() < within_cents
    arrived = near[-1]
    if not bool(arrived.any()):
        return None
    stays = near.flip(0).to(torch.int8).cumprod(0).sum(0)  # how many of the last steps were near without a break
    return int((len(paths) - stays[arrived]).double().median())


def one_sinusoid(method: str, snr_db: float, trials: int) -> dict[str, Any]:
    """One row of the first table."""
    sound, hz, start, _ = draw_sines(trials, 1, snr_db, seed=1)
    found, paths, seconds = in_parts(
        lambda x, s: fit_frequency(x, s, SAMPLE_RATE, method),
        sound,
        start[:, 0],
        rows=10 if "multi" in method else ROWS,
    )
    error = cents(found, hz[:, 0]).abs()
    return {
        "method": method, "snr_db": snr_db, "trials": trials, "within_50_cents": share(error < 50),
        "within_1_cent": share(error < 1), "median_steps": steps_to(paths, hz[:, 0]), "steps": len(paths) - 1,
        "seconds": round(seconds, 1),
    }  # fmt: skip


def limit(snr_db: float, trials: int) -> dict[str, Any]:
    """Transport and the FFT peak, both polished, beside what the Cramér–Rao bound allows."""
    sound, hz, start, _ = draw_sines(trials, 1, snr_db, seed=2)
    row: dict[str, Any] = {"snr_db": snr_db, "trials": trials}
    for method in ("transport", "fft_peak"):
        found, _, seconds = in_parts(
            lambda x, s, m=method: fit_frequency(x, s, SAMPLE_RATE, m, steps=210), sound, start[:, 0]
        )
        row |= {method: share(cents(found, hz[:, 0]).abs() < 1), f"{method}_seconds": round(seconds, 1)}
    # Only the ratio of the powers counts, so every amplitude may be taken as 1.
    bound = cramer_rao_hz(hz, torch.ones_like(hz), 0.5 * 10 ** (-snr_db / 10), N_SAMPLES, SAMPLE_RATE)
    return row | {"ceiling": round(float(share_within(bound, hz).mean()), 4)}


def harmonic_sound(kind: str, snr_db: float, trials: int) -> dict[str, Any]:
    """f0 with known and with unknown amplitudes, beside the strongest peak taken for the fundamental."""
    sound, f0, start, amplitude = draw_combs(trials, kind, snr_db, seed=3)
    row: dict[str, Any] = {"sound": kind, "snr_db": snr_db, "trials": trials}
    known = in_parts(lambda x, s, a: fit_f0(x, s, SAMPLE_RATE, a), sound, start, amplitude)
    unknown = in_parts(lambda x, s: fit_f0(x, s, SAMPLE_RATE), sound, start)
    for name, (found, _, seconds) in (("known", known), ("unknown", unknown)):
        error = cents(found, f0)
        wrong = (error.abs() > 600) & ((error / 1200 - (error / 1200).round()).abs() < 0.05)
        row |= {
            f"{name}_1_cent": share(error.abs() < 1), f"{name}_50_cents": share(error.abs() < 50),
            f"{name}_octave_errors": share(wrong), f"{name}_seconds": round(seconds, 1),
        }  # fmt: skip
    row["strongest_peak_50_cents"] = share(cents(spectral_peak(sound, SAMPLE_RATE), f0).abs() < 50)
    if snr_db < CLEAN:
        order = torch.arange(1, F0_PARTIALS + 1, dtype=torch.float64)
        power = amplitude.square().sum(-1) / 2 * 10 ** (-snr_db / 10)
        bound = cramer_rao_hz(f0[:, None] * order, amplitude, power, N_SAMPLES, SAMPLE_RATE, harmonic=True)
        row["ceiling"] = round(float(share_within(bound, f0).mean()), 4)
    return row


def pick_peaks(sound: Tensor, partials: int, sample_rate: float, steps: int = 100) -> Tensor:
    """The yardstick without a search: the K highest peaks of a spectrum, polished together; (trials, K) Hz, rising."""
    power = power_spectrum(sound)
    inner = power[:, 1:-1]
    peaks = torch.where((inner > power[:, :-2]) & (inner >= power[:, 2:]), inner, 0.0)
    hz = (peaks.topk(partials).indices + 1) * (sample_rate / (2 * sound.shape[-1]))
    return polish(sound, hz.to(sound), sample_rate, steps, partials=lambda f: f).end.sort(-1).values


def mixture(partials: int, snr_db: float, trials: int) -> dict[str, Any]:
    """Whole trials within a cent, beside peak picking and beside what the Cramér–Rao bound allows."""
    sound, hz, start, amplitude = draw_sines(trials, partials, snr_db, seed=4)
    rows = max(5, ROWS * 4 // partials)
    found, paths, seconds = in_parts(lambda x, s: fit_sinusoids(x, s, SAMPLE_RATE), sound, start, rows=rows)
    picked = torch.cat([pick_peaks(part, partials, SAMPLE_RATE) for part in sound.split(rows)])
    error, by_peaks = cents(found, hz).abs(), cents(picked, hz).abs()
    row: dict[str, Any] = {
        "partials": partials, "snr_db": snr_db, "trials": trials, "whole_1_cent": share((error < 1).all(-1)),
        "components_1_cent": share(error < 1), "whole_50_cents": share((error < 50).all(-1)),
        "peaks_whole": share((by_peaks < 1).all(-1)), "steps": len(paths) - 1, "seconds": round(seconds, 1),
    }  # fmt: skip
    if snr_db < CLEAN:
        power = amplitude.square().sum(-1) / 2 * 10 ** (-snr_db / 10)
        bound = cramer_rao_hz(hz, amplitude, power, N_SAMPLES, SAMPLE_RATE)
        row["ceiling_whole"] = round(float(share_within(bound, hz).prod(-1).mean()), 4)
    return row


def clip(name: str, start_hz: float = 2500.0, hop_s: float = 0.02, window: int = 1024) -> dict[str, Any]:
    """Pitch of a real clip, frame by frame from a wrong start, beside pYIN where that hears a pitch."""
    audio, sample_rate = load_clip(name)
    f0, voiced = estimate_f0(audio, sample_rate, hop_s)
    begin = time.perf_counter()
    found = fit_f0(frames(audio, len(f0), window)[voiced], start_hz, sample_rate).hz.to(f0)
    error = cents(found, f0[voiced])
    return {
        "clip": name, "start_hz": start_hz, "frames": int(voiced.sum()), "within_50_cents": share(error.abs() < 50),
        "octave_errors": share((error.abs() > 600) & ((error / 1200 - (error / 1200).round()).abs() < 0.05)),
        "median_cents": round(float(error.abs().median()), 1), "seconds": round(time.perf_counter() - begin, 1),
    }  # fmt: skip


def frames(audio: Tensor, n_frames: int, window: int) -> Tensor:
    """Pieces of a sound (n_samples,) centred at its frames, (n_frames, window), with zeros beyond the ends."""
    padded = torch.nn.functional.pad(audio, (window // 2, window))
    centres = torch.arange(n_frames) * audio.shape[-1] // n_frames
    return padded[centres[:, None] + torch.arange(window)].double()


def run(path: Path, trials: int = 200) -> None:
    """Run everything and store it as JSON; each row is printed as it comes (about 20 minutes on one quiet core)."""
    few = trials < 200
    table: dict[str, Any] = {
        "settings": f"{SAMPLE_RATE} Hz, {N_SAMPLES} samples, targets and starts {LOW_HZ:g}–{HIGH_HZ:g} Hz, torch "
        f"{torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}",
        "one_sinusoid": [], "limit": [], "harmonic": [], "mixtures": [], "clips": [],
    }  # fmt: skip

    def add(part: str, row: dict[str, Any]) -> None:
        table[part].append(row)
        print(f"{part}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        path.write_text(json.dumps(_plain(table), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    for partials, ratios, count in MIXTURES:
        for snr_db in ratios:
            add("mixtures", mixture(partials, snr_db, trials if few else count))
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
    """Return the stored tables: lists of rows under one_sinusoid, limit, harmonic, mixtures and clips.

    A clean sound has snr_db None.

    Chapter: book/sines/escaping_minima.ipynb
    """
    table: dict[str, Any] = json.loads(data_path("frequency.json").read_text(encoding="utf-8"))
    return table
