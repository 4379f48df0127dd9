"""The long fits of "Fitting a real sound" and "Five sounds, five limits", stored as controls, not as sound."""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.analysis.pitch import estimate_f0
from course_lib.benchmark.tables import data_file
from course_lib.fitting.fit import History, fit
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.sounds.clips import data_path, load_clip
from course_lib.synths.harmonic import HarmonicControls, HarmonicSynth, harmonic_synth

SUMMARY = "fit the harmonic synthesizer to the clips of the book"
SOUNDS = ("saxophone", "guitar", "violin", "voice", "drum")
STEPS = 2000
HOP_S = 0.01
MAX_HARMONICS = 60


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--steps", type=int, default=STEPS, help="gradient steps for each sound")
    parser.add_argument("--out", type=Path, help="file to write; data/five_sounds.npz of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    if options.steps < 1:
        parser.error(f"--steps must be at least 1; got {options.steps}")
    run(data_file(parser, options.out, "five_sounds.npz"), options.steps)


class StoredFit(NamedTuple):
    """One stored fit: the clip, the fitted controls and how it went.

    target: (n_samples,). controls: as `harmonic_synth` takes them. losses: (n_records,) at `seconds` (n_records,)
    and `steps` (n_records,) of fitting. sample_rate: Hz. sound: (n_samples,), the fitted synthesizer's.
    """

    target: Tensor
    sound: Tensor
    controls: HarmonicControls
    losses: Tensor
    seconds: Tensor
    steps: Tensor
    sample_rate: int


def fit_harmonics(
    audio: Tensor, sample_rate: int, steps: int, *, lr: float = 0.1, lr_end: float | None = None
) -> tuple[HarmonicSynth, History]:
    """Fit the harmonic synthesizer to a sound: pitch by pYIN, everything else by gradient descent.

    Args:
        audio: (n_samples,).
        sample_rate: Hz.
        steps: gradient steps.
        lr: learning rate.
        lr_end: learning rate at the end; the same if None.

    Returns:
        The fitted synthesizer and the history of the fit.

    Raises:
        ValueError: as `estimate_f0` and `fit`; a sound without any pitch.

    Chapter: book/sines/fitting.ipynb
    """
    f0_hz, voiced = estimate_f0(audio, sample_rate, HOP_S)
    if not bool(voiced.any()):
        raise ValueError("the sound has no pitch in any frame, so a harmonic synthesizer has nothing to hold on to")
    n_harmonics = min(MAX_HARMONICS, int(sample_rate / 2 / f0_hz.min()))
    synth = HarmonicSynth(f0_hz, n_harmonics, n_samples=audio.shape[-1], sample_rate=sample_rate)
    return synth, fit(synth, audio, multiscale_spectral_loss, steps, lr, lr_end=lr_end)


def run(path: Path, steps: int = STEPS) -> None:
    """Fit the five sounds and store their controls, losses and times in an .npz file (about a minute each)."""
    stored: dict[str, np.ndarray] = {
        "settings": np.array(
            f"steps={steps} lr=0.1 to 0.01, hop {HOP_S} s, up to {MAX_HARMONICS} harmonics, torch {torch.__version__}, "
            f"{torch.get_num_threads()} threads, {platform.machine()}"
        )
    }
    for name in SOUNDS:
        audio, sample_rate = load_clip(name)
        begin = time.perf_counter()
        synth, history = fit_harmonics(audio, sample_rate, steps, lr_end=0.01)
        seconds = time.perf_counter() - begin
        controls = synth.controls()
        kept = np.unique(np.geomspace(1, steps + 1, 60).round().astype(int)) - 1
        stored |= {
            f"{name}_f0_hz": controls.f0_hz.numpy(),
            f"{name}_amplitude": controls.amplitude.detach().numpy(),
            # Shares in half precision: eleven bits are 66 dB below a share, far below what is heard.
            f"{name}_distribution": controls.distribution.detach().numpy().astype(np.float16),
            f"{name}_steps": kept,
            f"{name}_losses": np.array(history.losses)[kept].astype(np.float32),
            f"{name}_seconds": (kept * seconds / steps).astype(np.float32),
        }
        print(f"{name}: loss {history.losses[0]:.2f} → {history.final_loss:.2f} in {seconds:.0f} s", flush=True)
    np.savez_compressed(path, allow_pickle=False, **stored)


def load_five_sounds() -> dict[str, StoredFit]:
    """Return the stored fits by clip name; the sound is synthesised from the stored controls.

    Chapter: book/sines/five_sounds.ipynb
    """
    fits = {}
    with np.load(data_path("five_sounds.npz"), allow_pickle=False) as stored:
        for name in SOUNDS:
            target, sample_rate = load_clip(name)
            values = {
                key: torch.from_numpy(stored[f"{name}_{key}"])
                for key in ("f0_hz", "amplitude", "distribution", "losses", "seconds", "steps")
            }
            controls = HarmonicControls(values["f0_hz"], values["amplitude"], values["distribution"].float())
            sound = harmonic_synth(*controls, n_samples=target.shape[-1], sample_rate=sample_rate)
            fits[name] = StoredFit(
                target, sound, controls, values["losses"], values["seconds"], values["steps"], sample_rate
            )
    return fits
