"""Made-up recordings and performances to train on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from course_lib import harmonic_synth, loudness_db, midi_to_hz
from course_lib.midi_ddsp import Annotated, Performance, extract_expression, play_note, synthesise, write_controls
from course_lib.scores import Note, note_frames
from course_lib.synths.tone import ToneControls


def tone(seconds: float = 1.0, hz: float = 220.0, level: float = 0.3, n: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """A sound of n equal harmonics, (n_samples,), and its pitch, (n_frames,)."""
    frames = round(seconds * 250)
    shares = torch.zeros(frames, 60)
    shares[:, :n] = 1 / n
    f0 = torch.full((frames,), hz)
    return harmonic_synth(f0, torch.full((frames,), level), shares, n_samples=frames * 64, sample_rate=16000), f0


def performance(name: str, instrument: str, seed: int) -> Performance:
    rng = np.random.default_rng(seed)
    sound, f0 = tone(1.2, 220 + 40 * rng.random(), 0.1 + 0.2 * rng.random())
    return Performance(name, instrument, sound, f0, loudness_db(sound, 16000), [Note(0.0, 1.2, 57)])


def annotated(name: str, instrument: str, seed: int) -> Annotated:
    """A performance and its exact controls: notes of the rule-based player, one behind the other, with rests."""
    rng = np.random.default_rng(seed)
    notes, parts, at = [], [], 0.1
    rest = play_note(60, duration_s=0.1, expression=(0, 0, 0.5, 0, 0.2, 0))
    silent = rest._replace(amplitude=rest.amplitude * 0 + 1e-7, noise_magnitudes=rest.noise_magnitudes * 0 + 1e-7)
    parts.append(silent)
    for _ in range(4):
        pitch, seconds = int(rng.integers(58, 70)), float(rng.integers(60, 110)) / 250
        knobs = (0.7 + 0.3 * rng.random(), 0.2, rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.9), 0.25, rng.uniform(0.3, 1))
        notes.append(Note(at, seconds, pitch))
        parts += [
            play_note(pitch, duration_s=seconds, expression=knobs),
            silent._replace(f0_hz=torch.full((25,), float(midi_to_hz(pitch)))),
        ]
        at += seconds + 0.1
    controls = ToneControls(*(torch.cat(x) for x in zip(*parts, strict=True)))
    n = len(controls.f0_hz)
    sound = synthesise(controls)
    played = Performance(name, instrument, sound, controls.f0_hz, torch.zeros(n), notes)
    return Annotated(played, controls, note_frames(notes, n).note, extract_expression(controls, notes))


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
