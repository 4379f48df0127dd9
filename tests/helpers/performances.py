"""Made-up recordings and performances to train on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from course_lib import harmonic_synth, loudness_db
from course_lib.midi_ddsp import Performance, write_controls
from course_lib.scores import Note


def tone(seconds: float = 1.0, hz: float = 220.0, level: float = 0.3, n: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """A sound of n equal harmonics, (n_samples,), and its pitch, (n_frames,)."""
    frames = round(seconds * 250)
    shares = torch.zeros(frames, 60)
    shares[:, :n] = 1 / n
    f0 = torch.full((frames,), hz)
    return harmonic_synth(f0, torch.full((frames,), level), shares, frames * 64, 16000), f0


def performance(name: str, instrument: str, seed: int) -> Performance:
    rng = np.random.default_rng(seed)
    sound, f0 = tone(1.2, 220 + 40 * rng.random(), 0.1 + 0.2 * rng.random())
    return Performance(name, instrument, sound, f0, loudness_db(sound, 16000), [Note(0.0, 1.2, 57)])


def write_folder(root: Path, names: tuple[str, ...] = ("violin", "flute")) -> Path:
    for i, name in enumerate(names):
        (root / name).mkdir(parents=True)
        stems = [f"{name}_{part}_00" for part in ("train", "validation", "test")]
        for stem in stems:
            sound, f0 = tone(1.2, 220 + i)
            soundfile.write(root / name / f"{stem}.flac", sound.numpy(), 16000)
            np.save(root / name / f"{stem}.f0.npy", f0.numpy())
            write_controls(root / name / f"{stem}.csv", [Note(0.1, 0.5, 57)], torch.full((1, 6), 0.5))
        split = {stem.split("_")[1]: {stem: "A tune"} for stem in stems}
        (root / name / "performances.json").write_text(json.dumps({"split": split, "command": "made"}))
    return root
