"""The rows of the stored tables: what each search finds, beside what is possible at all."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.analysis.pitch import estimate_f0
from course_lib.benchmark.frequency import damped as damped_search
from course_lib.benchmark.frequency.sounds import (
    CLEAN,
    F0_PARTIALS,
    N_SAMPLES,
    SAMPLE_RATE,
    draw_combs,
    draw_sines,
    frames,
    noise_power,
)
from course_lib.core.units import cents
from course_lib.fitting.frequency import (
    FrequencyFit,
    cramer_rao_hz,
    fit_f0,
    fit_frequency,
    fit_sinusoids,
    share_within,
)
from course_lib.fitting.frequency.remedies import Remedy
from course_lib.fitting.frequency.spectra import power_spectrum, spectral_peak
from course_lib.fitting.frequency.stages import polish
from course_lib.sounds.clips import load_clip

ROWS = 100  # trials at once


def in_parts(search: Callable[..., FrequencyFit], *tensors: Tensor, rows: int = ROWS) -> tuple[Tensor, Tensor, float]:
    """Frequencies found, on the way (steps, trials, …), and seconds; some rows at a time bound the memory."""
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


def octave_errors(error_cents: Tensor) -> Tensor:
    """Which errors are octaves, one or more, up or down, within 60 cents."""
    octaves = error_cents / 1200
    return (error_cents.abs() > 600) & ((octaves - octaves.round()).abs() < 0.05)


def one_sinusoid(method: Remedy, snr_db: float, trials: int) -> dict[str, Any]:
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
    bound = cramer_rao_hz(
        hz, torch.ones_like(hz), noise_power=0.5 * 10 ** (-snr_db / 10), n_samples=N_SAMPLES, sample_rate=SAMPLE_RATE
    )
    return row | {"ceiling": round(float(share_within(bound, hz).mean()), 4)}


def harmonic_sound(kind: str, snr_db: float, trials: int) -> dict[str, Any]:
    """f0 with known and with unknown amplitudes, beside the strongest peak taken for the fundamental."""
    sound, f0, start, amplitude = draw_combs(trials, kind, snr_db, seed=3)
    row: dict[str, Any] = {"sound": kind, "snr_db": snr_db, "trials": trials}
    known = in_parts(lambda x, s, a: fit_f0(x, s, SAMPLE_RATE, a), sound, start, amplitude)
    unknown = in_parts(lambda x, s: fit_f0(x, s, SAMPLE_RATE), sound, start)
    for name, (found, _, seconds) in (("known", known), ("unknown", unknown)):
        error = cents(found, f0)
        row |= {
            f"{name}_1_cent": share(error.abs() < 1), f"{name}_50_cents": share(error.abs() < 50),
            f"{name}_octave_errors": share(octave_errors(error)), f"{name}_seconds": round(seconds, 1),
        }  # fmt: skip
    row["strongest_peak_50_cents"] = share(cents(spectral_peak(sound, SAMPLE_RATE), f0).abs() < 50)
    if snr_db < CLEAN:
        order = torch.arange(1, F0_PARTIALS + 1, dtype=torch.float64)
        power = noise_power(amplitude, snr_db)
        bound = cramer_rao_hz(
            f0[:, None] * order,
            amplitude,
            noise_power=power,
            n_samples=N_SAMPLES,
            sample_rate=SAMPLE_RATE,
            harmonic=True,
        )
        row["ceiling"] = round(float(share_within(bound, f0).mean()), 4)
    return row


def pick_peaks(sound: Tensor, partials: int, sample_rate: float, steps: int = 100) -> Tensor:
    """The yardstick without a search: the K highest peaks of a spectrum, polished together; (trials, K) Hz, rising."""
    power = power_spectrum(sound)
    inner = power[:, 1:-1]
    peaks = torch.where((inner > power[:, :-2]) & (inner >= power[:, 2:]), inner, 0.0)
    hz = (peaks.topk(partials).indices + 1) * (sample_rate / (2 * sound.shape[-1]))
    return polish(sound, hz.to(sound), sample_rate, steps=steps, partials=lambda f: f).end.sort(-1).values


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
        power = noise_power(amplitude, snr_db)
        bound = cramer_rao_hz(hz, amplitude, noise_power=power, n_samples=N_SAMPLES, sample_rate=SAMPLE_RATE)
        row["ceiling_whole"] = round(float(share_within(bound, hz).prod(-1).mean()), 4)
    return row


def damped(partials: int, snr_db: float, trials: int, steps: int = damped_search.STEPS) -> dict[str, Any]:
    """The same mixtures by damped complex exponentials, all at once, on a GPU where there is one."""
    sound, hz, start, _ = draw_sines(trials, partials, snr_db, seed=4)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    begin = time.perf_counter()
    found = damped_search.damped_exponentials(sound.to(device), start.to(device), SAMPLE_RATE, steps=steps).cpu()
    error = cents(found.clamp(min=1e-3), hz).abs()
    return {
        "partials": partials, "snr_db": snr_db, "trials": trials, "whole_1_cent": share((error < 1).all(-1)),
        "components_1_cent": share(error < 1), "whole_50_cents": share((error < 50).all(-1)), "steps": steps,
        "seconds": round(time.perf_counter() - begin, 1),
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
    }  # fmt: skip


def clip(name: str, start_hz: float = 2500.0, hop_s: float = 0.02, window: int = 1024) -> dict[str, Any]:
    """Pitch of a real clip, frame by frame from a wrong start, beside pYIN where that hears a pitch."""
    audio, sample_rate = load_clip(name)
    f0, voiced = estimate_f0(audio, sample_rate, hop_s)
    begin = time.perf_counter()
    found = fit_f0(frames(audio, len(f0), window)[voiced], start_hz, sample_rate).hz.to(f0)
    error = cents(found, f0[voiced])
    return {
        "clip": name, "start_hz": start_hz, "frames": int(voiced.sum()), "within_50_cents": share(error.abs() < 50),
        "octave_errors": share(octave_errors(error)),
        "median_cents": round(float(error.abs().median()), 1), "seconds": round(time.perf_counter() - begin, 1),
    }  # fmt: skip
