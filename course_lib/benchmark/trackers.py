"""Pitch trackers compared on sounds whose pitch is known: how far off, how often by an octave, how long they take."""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.partials import measure_harmonics
from course_lib.analysis.pitch import estimate_f0
from course_lib.analysis.tracking import track_f0
from course_lib.benchmark.encoder import PitchEncoder, pitch_frames, quiet_clip
from course_lib.benchmark.pitch_encoder import load_pitch_encoder
from course_lib.benchmark.tables import data_file, stored_table, write_table
from course_lib.core.extras import needs_course
from course_lib.core.units import cents
from course_lib.synths.harmonic import harmonic_synth

SUMMARY = "compare pitch trackers on sounds whose pitch is known"
SAMPLE_RATE, HOP_S, SPAN_HZ = 16_000, 0.004, (65.0, 1000.0)
SNR_DB: tuple[float | None, ...] = (None, 20.0, 10.0, 0.0)
DOUBLING_DB = tuple(range(-40, 5, 5))  # level of the partials between the harmonics
Track = Callable[[Tensor], tuple[Tensor, Tensor]]


class Sound(NamedTuple):
    """A sound at 16 kHz and its true pitch, every 4 ms; voiced: where there is one."""

    audio: Tensor
    f0_hz: Tensor
    voiced: Tensor


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--out", type=Path, help="file to write; data/trackers.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    run(data_file(parser, options.out, "trackers.json"))


# --- Sounds -------------------------------------------------------------------------------------------------------


def tone(f0_hz: Tensor, shares: Tensor) -> Sound:
    """A tone with these harmonics, one row of shares or one for every frame."""
    shares = (shares / shares.sum(-1, keepdim=True)).expand(len(f0_hz), -1)
    n = len(f0_hz) * round(HOP_S * SAMPLE_RATE)
    audio = harmonic_synth(f0_hz, torch.full_like(f0_hz, 0.8), shares, n_samples=n, sample_rate=SAMPLE_RATE)
    return Sound(audio, f0_hz, torch.ones_like(f0_hz, dtype=torch.bool))


def glide(seconds: float = 1.5) -> Sound:
    """440 Hz down to 220 Hz, ten harmonics of amplitude 1/k."""
    i = torch.arange(round(seconds / HOP_S))
    return tone(440.0 * 2.0 ** (-i / len(i)), 1.0 / torch.arange(1, 11))


def vibrato(seconds: float = 1.5) -> Sound:
    """440 Hz ± 50 cents, 5.5 times a second, ten harmonics of amplitude 1/k."""
    t = torch.arange(round(seconds / HOP_S)) * HOP_S
    return tone(440.0 * 2.0 ** (torch.sin(2 * torch.pi * 5.5 * t) / 24), 1.0 / torch.arange(1, 11))


def sung() -> Sound:
    """The sung clip, played again by the harmonic synthesizer, so its pitch is known; silent where pYIN hears none.

    The pitch is pYIN's, smoothed over 60 ms, since pYIN's own steps of ten cents are no singer's.
    """
    voice = quiet_clip("voice")
    f0_hz, voiced = estimate_f0(voice, SAMPLE_RATE, HOP_S)
    window = torch.hann_window(17)[None, None, 1:]
    logs = torch.nn.functional.pad(f0_hz.log()[None, None], (8, 7), mode="replicate")
    f0_hz = torch.nn.functional.conv1d(logs, window / window.sum())[0, 0].exp()
    amplitudes = measure_harmonics(voice, f0_hz, 30, sample_rate=SAMPLE_RATE) * voiced[:, None]
    total = amplitudes.sum(-1)
    shares = amplitudes / total.clamp(min=1e-9)[:, None]
    return Sound(harmonic_synth(f0_hz, total, shares, n_samples=len(voice), sample_rate=SAMPLE_RATE), f0_hz, voiced)


def doubled(between_db: float, seconds: float = 1.0) -> Sound:
    """220 Hz with twelve harmonics 1/k, and between them weaker partials of 110 Hz: every other period differs."""
    k = torch.arange(1, 25)
    shares = torch.where(k % 2 == 0, 1.0, 10 ** (between_db / 20)) / k
    found = tone(torch.full((round(seconds / HOP_S),), 110.0), shares)
    return found._replace(f0_hz=2 * found.f0_hz)


SOUNDS: dict[str, Callable[[], Sound]] = {"glide": glide, "vibrato": vibrato, "sung": sung}


def with_noise(sound: Sound, snr_db: float | None, seed: int = 0) -> Sound:
    """White noise so many dB below the sound's mean power."""
    if snr_db is None:
        return sound
    noise = torch.rand(len(sound.audio), generator=torch.Generator().manual_seed(seed)) - 0.5
    gain = (sound.audio.square().mean() / noise.square().mean()).sqrt() * 10 ** (-snr_db / 20)
    return sound._replace(audio=sound.audio + gain * noise)


# --- Trackers -----------------------------------------------------------------------------------------------------


def by_yin(audio: Tensor) -> tuple[Tensor, Tensor]:
    """librosa's YIN, frames of 64 ms. It always answers."""
    n_frames = round(len(audio) / (HOP_S * SAMPLE_RATE))
    with needs_course("the benchmark of pitch trackers"):
        import librosa

    found = librosa.yin(
        audio.numpy(), fmin=SPAN_HZ[0], fmax=SPAN_HZ[1], sr=SAMPLE_RATE, frame_length=1024, hop_length=64
    )
    return torch.from_numpy(found[:n_frames]).float(), torch.ones(n_frames, dtype=torch.bool)


def by_pyin(audio: Tensor) -> tuple[Tensor, Tensor]:
    """librosa's pYIN, as `estimate_f0` calls it."""
    return estimate_f0(audio, SAMPLE_RATE, HOP_S, f_min_hz=SPAN_HZ[0], f_max_hz=SPAN_HZ[1])


def by_track_f0(audio: Tensor) -> tuple[Tensor, Tensor]:
    """Our own."""
    f0_hz, confidence = track_f0(audio, SAMPLE_RATE, HOP_S, f_min_hz=SPAN_HZ[0], f_max_hz=SPAN_HZ[1])
    return f0_hz, confidence >= 0.5


def by_encoder(encoder: PitchEncoder) -> Track:
    """The little network that learned pitch by playing back what it hears; it always answers."""

    def track(audio: Tensor) -> tuple[Tensor, Tensor]:
        frames = pitch_frames(audio, round(len(audio) / (HOP_S * SAMPLE_RATE)))
        with torch.no_grad():
            f0_hz = torch.cat([encoder(part)[0] for part in frames.split(256)])
        return f0_hz, torch.ones_like(f0_hz, dtype=torch.bool)

    return track


def by_swift_f0() -> Track:
    """SwiftF0, a network trained on labelled sound (pip install swift-f0); its frames lie 16 ms apart."""
    from swift_f0 import SwiftF0

    network = SwiftF0(threads=1)

    def track(audio: Tensor) -> tuple[Tensor, Tensor]:
        n_frames = round(len(audio) / (HOP_S * SAMPLE_RATE))
        found = network.detect(audio.numpy(), SAMPLE_RATE, *SPAN_HZ)
        at = np.arange(n_frames) * HOP_S
        sure = np.interp(at, found.timestamps, found.confidence)
        f0_hz = np.exp(np.interp(at, found.timestamps, np.log(np.maximum(found.pitch_hz, 1.0))))
        return torch.from_numpy(f0_hz).float(), torch.from_numpy(sure >= 0.5)

    return track


def trackers() -> dict[str, Track]:
    """The trackers to compare, by name; SwiftF0 only where it is installed."""
    chosen: dict[str, Track] = {"librosa.yin": by_yin, "pYIN": by_pyin, "track_f0": by_track_f0}
    chosen["little encoder"] = by_encoder(load_pitch_encoder().encoders["lag"])
    if importlib.util.find_spec("swift_f0") is not None:
        chosen["SwiftF0"] = by_swift_f0()
    return chosen


# --- Comparison ---------------------------------------------------------------------------------------------------


def errors(track: Track, sound: Sound) -> dict[str, float]:
    """How far off a tracker is, over the frames that have a pitch (40 ms at either end left out).

    median_cents; gross: share more than 50 cents off; octave: share 50 cents around an octave up or down; heard: share
    called voiced; invented: share of the frames without pitch called voiced.
    """
    f0_hz, called = track(sound.audio)
    inner = torch.zeros_like(sound.voiced)
    inner[10:-10] = True
    true, rest = sound.voiced & inner, ~sound.voiced & inner
    off = cents(f0_hz[true].clamp(min=1.0), sound.f0_hz[true]).abs()
    return {
        "median_cents": float(off.median()),
        "gross": float((off > 50).float().mean()),
        "octave": float(((off - 1200).abs() < 50).float().mean()),
        "heard": float(called[true].float().mean()),
        "invented": float(called[rest].float().mean()) if rest.any() else 0.0,
    }


def octaves_down(track: Track, between_db: float) -> float:
    """Share of frames in which a tracker hears a doubled period as an octave lower."""
    sound = doubled(between_db)
    off = cents(track(sound.audio)[0][10:-10].clamp(min=1.0), sound.f0_hz[10:-10])
    return float(((off + 1200).abs() < 50).float().mean())


def seconds_per_second(track: Track) -> float:
    """Processor time a tracker takes for a second of the sung clip, the best of three."""
    audio, times = quiet_clip("voice"), []
    for _ in range(3):
        begin = time.process_time()
        track(audio)
        times.append(time.process_time() - begin)
    return min(times) * SAMPLE_RATE / len(audio)


def run(path: Path) -> None:
    """Compare all trackers and store the tables."""
    torch.set_num_threads(1)
    table: dict[str, Any] = {"errors": [], "octaves_down": [], "seconds_per_second": {}}
    sounds = {name: make() for name, make in SOUNDS.items()}
    for name, track in trackers().items():
        for label, sound in sounds.items():
            for snr_db in SNR_DB:
                row = errors(track, with_noise(sound, snr_db))
                row = {key: round(value, 4) for key, value in row.items()}
                table["errors"].append({"tracker": name, "sound": label, "snr_db": snr_db, **row})
                print(table["errors"][-1], flush=True)
        for between_db in DOUBLING_DB:
            share = round(octaves_down(track, between_db), 4)
            table["octaves_down"].append({"tracker": name, "between_db": between_db, "share": share})
        table["seconds_per_second"][name] = round(seconds_per_second(track), 4)
    write_table(path, table)


def load_trackers() -> dict[str, Any]:
    """Return the stored tables: errors and octaves_down (lists of rows), seconds_per_second (by tracker, one core)."""
    return stored_table("trackers.json")
