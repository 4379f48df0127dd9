"""An encoder that learns pitch by playing back what it hears: no labels and no pitch tracker, only a loss on sound."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.analysis.pitch import estimate_f0
from course_lib.benchmark.encoder import (
    CLIPS,
    FRAME,
    HIGH_HZ,
    LOW_HZ,
    SAMPLE_RATE,
    PitchEncoder,
    clip_frames,
    pitch_frames,
    quiet_clip,
    reconstruction_loss,
    synthetic_tones,
    tone,
    unit_power,
)
from course_lib.benchmark.tables import data_file
from course_lib.sounds.clips import data_path

SUMMARY = "train small encoders to find pitch through the synthesizer, with several losses"
STEPS, BATCH, LR, RECORDS = 1000, 32, 2e-3, 20
HOP_S = 0.01
N_TRAINING, N_TEST, TEST_SEED = 8192, 512, 7


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--steps", type=int, default=STEPS, help="gradient steps of each training")
    parser.add_argument("--seeds", type=int, default=10, help="at most so many seeds of each recipe")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one core each")
    parser.add_argument("--out", type=Path, help="file to write; data/pitch_encoder.npz of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    for name in ("steps", "seeds", "jobs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1; got {getattr(options, name)}")
    run(data_file(parser, options.out, "pitch_encoder.npz"), options.steps, options.seeds, options.jobs)


class Recipe(NamedTuple):
    """What one training uses: its loss, what amplitudes may do, what it hears, whether a shift in pitch is built in."""

    loss: str
    amplitudes: str = "decaying"
    sounds: str = "tones"
    equivariant: bool = True
    seeds: int = 3


RECIPES = {
    "lag": Recipe("lag", seeds=5),
    "lag, not annealed": Recipe("wide lag"),
    "smooth multi-scale": Recipe("smooth"),
    "usual multi-scale": Recipe("usual"),
    "transport": Recipe("transport"),
    "sharpened transport": Recipe("sharpened"),
    "lag, free from 1/k": Recipe("lag", amplitudes="free"),
    "lag, free from flat": Recipe("lag", amplitudes="flat"),
    "lag, plain network": Recipe("lag", equivariant=False),
    "lag, clips only": Recipe("lag", sounds="clips"),
}
STORED_ENCODERS = ("lag", "lag, clips only")


class Accuracy(NamedTuple):
    """Shares of the frames: pitch within 50 cents; the same but for octaves; and the median distance in cents."""

    pitch: float
    chroma: float
    median_cents: float


def accuracy(f0_hz: Tensor, reference_hz: Tensor) -> Accuracy:
    """Raw pitch and chroma accuracy. The difference of the two is the share of octave errors.

    >>> accuracy(torch.tensor([440.0, 220.0, 500.0, 441.0]), torch.tensor([440.0, 440.0, 440.0, 440.0]))[:2]
    (0.5, 0.75)
    """
    off = 1200 * torch.log2(f0_hz / reference_hz)
    folded = (off + 600) % 1200 - 600
    pitch, chroma = (float((x.abs() <= 50).float().mean()) for x in (off, folded))
    return Accuracy(pitch, chroma, float(off.abs().median()))


def train(recipe: Recipe, seed: int, steps: int, record: Callable[[PitchEncoder], None]) -> PitchEncoder:
    """Train an encoder by reconstruction alone; `record` looks at it RECORDS times on the way and at the end.

    A loop of its own, not `course_lib.training.trainer.train_network`: nothing is validated, since no pitch is known in
    training, and the last weights are kept, not the best; the loss depends on how far the training has come; and one
    generator draws all batches, as it did for the encoders that are stored.
    """
    sounds = synthetic_tones(N_TRAINING, 1000 + seed)[0] if recipe.sounds == "tones" else clip_frames(N_TRAINING, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = PitchEncoder(recipe.amplitudes, recipe.equivariant)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(1.0, 0.05 + 0.95 * (1 - i / steps) / 0.3))
    generator = torch.Generator().manual_seed(seed)
    for i in range(steps):
        if i % max(1, steps // RECORDS) == 0:
            record(encoder)
        frames = sounds[torch.randint(len(sounds), (BATCH,), generator=generator)]
        f0_hz, amplitudes = encoder(frames)
        loss = reconstruction_loss(recipe.loss, unit_power(tone(f0_hz, amplitudes)), frames, i / steps)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    record(encoder)
    return encoder


class Evaluation(NamedTuple):
    """What encoders are tested on: name → (frames (n, FRAME), pitch (n,) in Hz)."""

    frames: dict[str, Tensor]
    f0_hz: dict[str, Tensor]


def evaluation_sounds() -> Evaluation:
    """512 new tones, and every voiced frame of the clips with pYIN's pitch, 10 ms apart."""
    frames, pitch = {}, {}
    frames["tones"], pitch["tones"] = synthetic_tones(N_TEST, TEST_SEED)
    for name in CLIPS:
        sound = quiet_clip(name)
        f0_hz, voiced = estimate_f0(sound, SAMPLE_RATE, HOP_S)
        frames[name], pitch[name] = pitch_frames(sound, len(f0_hz))[voiced], f0_hz[voiced]
    return Evaluation(frames, pitch)


def yin_accuracy(tests: Evaluation) -> np.ndarray:
    """What the classical method, YIN, reaches on the same frames: (sounds, 3), as `Accuracy`."""
    import librosa

    rows = []
    for frames, f0_hz in zip(tests.frames.values(), tests.f0_hz.values(), strict=True):
        found = librosa.yin(
            frames.double().numpy(), fmin=LOW_HZ, fmax=HIGH_HZ, sr=SAMPLE_RATE, frame_length=FRAME, center=False
        )
        rows.append(accuracy(torch.from_numpy(found[:, 0]), f0_hz))
    return np.array(rows)


def one_training(job: tuple[str, int, int, Evaluation]) -> tuple[np.ndarray, np.ndarray, float, dict[str, np.ndarray]]:
    """Train one encoder and test it: the accuracy on tones on the way, at the end on all sounds, seconds, weights."""
    name, seed, steps, tests = job
    curve: list[Accuracy] = []

    def test(encoder: PitchEncoder, sound: str = "tones") -> Accuracy:
        with torch.no_grad():
            return accuracy(encoder(tests.frames[sound])[0], tests.f0_hz[sound])

    begin = time.perf_counter()
    encoder = train(RECIPES[name], seed, steps, lambda e: curve.append(test(e)))
    seconds = time.perf_counter() - begin
    final = np.array([test(encoder, sound) for sound in tests.frames])
    weights = {key: value.numpy().astype(np.float16) for key, value in encoder.state_dict().items()}
    return np.array(curve), final, seconds, weights


def run(path: Path, steps: int = STEPS, seeds: int = 10, jobs: int = 1) -> None:
    """Train every recipe with its seeds and store curves, final accuracies, times and two encoders in an .npz file."""
    tests = evaluation_sounds()
    runs = [(name, seed, steps, tests) for name, recipe in RECIPES.items() for seed in range(min(seeds, recipe.seeds))]
    stored: dict[str, np.ndarray] = {
        "settings": np.array(
            f"steps={steps} batch={BATCH} lr={LR} frame={FRAME}, torch {torch.__version__}, {jobs} at a time, "
            f"{1 if jobs > 1 else torch.get_num_threads()} threads each, {platform.machine()}"
        ),
        "yin": yin_accuracy(tests).astype(np.float32),
    }
    results: dict[str, list[tuple[np.ndarray, np.ndarray, float]]] = {name: [] for name in RECIPES}
    # Fresh processes, so that each training has one thread and its times can be compared.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), torch.set_num_threads, (1,)) if jobs > 1 else None
    with pool or nullcontext():
        done = pool.map(one_training, runs) if pool else map(one_training, runs)
        for (name, seed, *_), (curve, final, seconds, weights) in zip(runs, done, strict=True):
            results[name].append((curve, final, seconds))
            clips = " ".join(f"{clip} {row[0]:.2f}/{row[1]:.2f}" for clip, row in zip(CLIPS, final[1:], strict=True))
            print(
                f"{name}, seed {seed}: tones {final[0, 0]:.3f}/{final[0, 1]:.3f} {clips}, {seconds:.0f} s", flush=True
            )
            if name in STORED_ENCODERS and seed == 0:
                stored |= {f"weights/{name}/{key}": value for key, value in weights.items()}
    for name, rows in results.items():
        curves, finals, seconds = zip(*rows, strict=True)
        stored[f"curves/{name}"] = np.array(curves, dtype=np.float32)
        stored[f"finals/{name}"] = np.array(finals, dtype=np.float32)
        stored[f"seconds/{name}"] = np.array(seconds, dtype=np.float32)
    stored["steps"] = np.minimum(np.arange(len(curves[0])) * max(1, steps // RECORDS), steps)
    np.savez_compressed(path, allow_pickle=False, **stored)


class StoredTrainings(NamedTuple):
    """The stored trainings, by recipe.

    sounds: names of the test sounds, new tones first. steps: (n_records,). curves: recipe → (seeds, n_records, 3), on
    new tones. finals: recipe → (seeds, sounds, 3). yin: (sounds, 3). Last axis: as `Accuracy`.
    seconds: recipe → (seeds,). encoders: recipe → the trained encoder of seed 0, where it is stored.
    """

    sounds: tuple[str, ...]
    steps: np.ndarray
    curves: dict[str, np.ndarray]
    finals: dict[str, np.ndarray]
    yin: np.ndarray
    seconds: dict[str, np.ndarray]
    encoders: dict[str, PitchEncoder]


def load_pitch_encoder() -> StoredTrainings:
    """Return the stored trainings and the encoders they kept."""
    with np.load(data_path("pitch_encoder.npz"), allow_pickle=False) as file:
        stored = dict(file)
    encoders = {}
    for name in STORED_ENCODERS:
        encoders[name] = PitchEncoder(RECIPES[name].amplitudes, RECIPES[name].equivariant).eval()
        start = f"weights/{name}/"
        weights = {key.removeprefix(start): value for key, value in stored.items() if key.startswith(start)}
        encoders[name].load_state_dict({key: torch.from_numpy(value).float() for key, value in weights.items()})
    curves, finals, seconds = (
        {name: stored[f"{kind}/{name}"] for name in RECIPES} for kind in ("curves", "finals", "seconds")
    )
    return StoredTrainings(("tones", *CLIPS), stored["steps"], curves, finals, stored["yin"], seconds, encoders)
