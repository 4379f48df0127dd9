"""Eight notes, six knobs each: a phrase played as it stands and with each knob at four settings, which add up.

`python -m course_lib.display.figures.phrase_knobs` has it played anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.display.figures.fields import Choice, Kind, Number, Numbers, State
from course_lib.display.figures.kit.data import as_text
from course_lib.midi_ddsp.note_controls import CONTROLS
from course_lib.scores import Note, read_midi
from course_lib.sounds.clips import data_path
from course_lib.synths.tone import ToneControls

INSTRUMENT, N_NOTES, SLOWER = "violin", 8, 1.4
NETWORK_FPS = 250
FRAMES, EVERY = 288, 4  # 4.6 s; every fourth frame of the network's
RATE, FPS = 16_000, NETWORK_FPS / EVERY
HOP = 64 * EVERY
HARMONICS, BANDS = 18, 9
SETTINGS = (0.0, 0.3, 0.6, 1.0)
VIBRATO = CONTROLS.index("vibrato")
TURNED = tuple(i for i in range(len(CONTROLS)) if i != VIBRATO)  # that one is a wave, scaled
PLAYERS = 5  # the mean of all players, and four seeds
STEP_DB = 0.5  # of the stored levels
SILENT_DB, QUIET_DB, LOUDEST_DB = -127, -100, -6  # silence; too low to be drawn; what knobs may add up to


class Renditions(NamedTuple):
    """What the page has.

    expression: (5, 8, 6), of each player. wave: (288,) semitones off the note, at vibrato 1. base: levels in dB as the
    first player has it, (288, 27), harmonics, then noise. turned: the same with each control of `TURNED`, of all notes,
    at each setting, (5, 4, 288, 27). float64.
    """

    expression: Tensor
    wave: Tensor
    base: Tensor
    turned: Tensor


def notes() -> list[Note]:
    """The beginning of Greensleeves, slowly."""
    tune = read_midi(data_path("scores/greensleeves.mid")).voices[0].notes[:N_NOTES]
    return [note._replace(onset_s=SLOWER * note.onset_s, duration_s=SLOWER * note.duration_s) for note in tune]


def play_phrase() -> dict[str, np.ndarray]:
    """Have the course's players play it: expression, wave (cents, int8), levels (21, 288, 27), uint8."""
    from course_lib.midi_ddsp.playing.render import perform, play

    line = notes()
    expression = torch.stack([perform(line, INSTRUMENT, seed=seed or None) for seed in range(PLAYERS)])
    expression = expression.clamp(0, 1.2).round(decimals=2)

    def turned(control: int, value: float) -> ToneControls:
        take = expression[0].clone()
        take[:, control] = value
        return play(line, take, INSTRUMENT, n_frames=FRAMES * EVERY)

    played = [play(line, expression[0], INSTRUMENT, n_frames=FRAMES * EVERY)]
    played += [turned(i, value) for i in TURNED for value in SETTINGS]
    shaking = turned(VIBRATO, 1.0)
    wave = 12 * torch.log2(shaking.f0_hz[::EVERY] / pitches_hz())
    return {
        "expression": expression.numpy(),
        "wave": (100 * wave).round().clamp(-127, 127).numpy().astype(np.int8),
        "levels": torch.stack([_levels(c) for c in played]).numpy().astype(np.uint8),
    }


def reduced(controls: ToneControls) -> Tensor:
    """Controls as the page keeps them, before rounding: levels in dB, (288, 27)."""
    harmonics = (controls.amplitude.unsqueeze(-1) * controls.distribution)[:, :HARMONICS]
    power = controls.noise_magnitudes.square()
    width = (power.shape[-1] - 1) // (BANDS - 1)
    middle = power[:, width // 2 : -(width // 2) - 1].unflatten(-1, (BANDS - 2, width)).mean(-1)
    ends = power[:, : width // 2].mean(-1, keepdim=True), power[:, -(width // 2) :].mean(-1, keepdim=True)
    noise = torch.cat([ends[0], middle, ends[1]], -1).sqrt()
    return 20 * torch.log10(torch.cat([harmonics, noise], -1)[::EVERY].clamp(min=1e-7))


def _levels(controls: ToneControls) -> Tensor:
    return (255 + reduced(controls) / STEP_DB).round().clamp(0, 255)


@cache
def owners() -> Tensor:
    """(288,) int64, the note that each frame belongs to, with the rest behind it."""
    starts = torch.tensor([round(note.onset_s * NETWORK_FPS) for note in notes()])
    return (torch.searchsorted(starts, torch.arange(0, FRAMES * EVERY, EVERY), right=True) - 1).clamp(min=0)


def pitches_hz() -> Tensor:
    """(288,), Hz, of the written pitch."""
    written = torch.tensor([note.pitch for note in notes()], dtype=torch.float64)
    return 440 * 2 ** ((written[owners()] - 69) / 12)


@cache
def _stored() -> dict[str, np.ndarray]:
    """What was played once: another processor would round, and draw, a little differently."""
    with np.load(data_path("midi_ddsp/knob_phrase.npz"), allow_pickle=False) as stored:
        return {name: stored[name] for name in ("expression", "wave", "levels")}


@cache
def renditions() -> Renditions:
    """The numbers behind the page's figure, after rounding."""
    stored = {name: torch.from_numpy(x.astype(np.float64)) for name, x in _stored().items()}
    db = (stored["levels"] - 255) * STEP_DB
    turned = db[1:].reshape(len(TURNED), len(SETTINGS), FRAMES, -1)
    return Renditions(stored["expression"].round(decimals=2), stored["wave"] / 100, db[0], turned)


def page_data() -> dict[str, Any]:
    """What the script has of the phrase."""
    stored = _stored()
    phrase = {
        "expression": [round(float(x), 2) for x in stored["expression"].flatten()],
        "pitch": [int(note.pitch) for note in notes()],
        "start": [round(note.onset_s * NETWORK_FPS) for note in notes()],
        "end": [round(note.end_s * NETWORK_FPS) for note in notes()],
        "wave": as_text(stored["wave"]),
        "levels": as_text(stored["levels"]),
    }
    return {"PHRASE": phrase}


def knobs(state: State) -> Tensor:
    """(8, 6): what is set by hand, and what the player has elsewhere (below 0)."""
    player = renditions().expression[int(state["player"])]
    own = torch.tensor([state[name] for name in CONTROLS], dtype=torch.float64).T
    return torch.where(own < 0, player, own)


def edited(state: State) -> ToneControls:
    """The phrase's controls after all knobs, float64.

    The differences between the network's renditions are added up in dB: of the level, of each harmonic's share, which
    then sum to 1 again, and of the noise.
    """
    r, own = renditions(), owners()
    wanted, base = knobs(state)[own], r.expression[0][own]
    db, takes = _apart(r.base), _apart(r.turned)
    for take, i in zip(takes, TURNED, strict=True):
        db = db + _between(take, wanted[:, i]) - _between(take, base[:, i])
    sounding = r.base[:, :HARMONICS].amax(-1) > SILENT_DB
    f0 = pitches_hz() * 2 ** (r.wave * wanted[:, VIBRATO] / 12)
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    shares = torch.where(k * f0.unsqueeze(-1) < RATE / 2, 10 ** (db[:, 1 : 1 + HARMONICS] / 20), 0.0)
    amplitude = torch.where(sounding, 10 ** (db[:, 0].clamp(max=LOUDEST_DB) / 20), 0.0)
    noise = torch.where(
        r.base[:, HARMONICS:] > SILENT_DB, 10 ** (db[:, 1 + HARMONICS :].clamp(max=LOUDEST_DB) / 20), 0.0
    )
    return ToneControls(f0, amplitude, shares / shares.sum(-1, keepdim=True), noise)


def _apart(levels: Tensor) -> Tensor:
    """Levels of harmonics and noise (…, 27) as level of all harmonics, their shares, and noise, dB, (…, 28)."""
    total = 20 * torch.log10((10 ** (levels[..., :HARMONICS] / 20)).sum(-1, keepdim=True))
    return torch.cat([total, levels[..., :HARMONICS] - total, levels[..., HARMONICS:]], -1)


def _between(takes: Tensor, value: Tensor) -> Tensor:
    """Renditions (4, n_frames, n) at the settings, at a value (n_frames,): straight lines, the last one prolonged."""
    settings = torch.tensor(SETTINGS, dtype=torch.float64)
    at = (torch.searchsorted(settings, value.contiguous()) - 1).clamp(0, len(SETTINGS) - 2)
    share = (value - settings[at]) / (settings[at + 1] - settings[at])
    frames = torch.arange(takes.shape[1])
    low, high = takes[at, frames], takes[at + 1, frames]
    return low + share.unsqueeze(-1) * (high - low)


def twin(state: State) -> dict[str, Any]:
    """Curves of the figure, and what is read off the chosen note."""
    c = edited(state)
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    level = 20 * torch.log10(c.amplitude.clamp(min=1e-6))
    centroid = (c.distribution * k).sum(-1)
    cents = 1200 * torch.log2(c.f0_hz / pitches_hz())
    here = (owners() == state["note"] - 1) & (level > QUIET_DB)
    return {
        "knobs": knobs(state).flatten().tolist(),
        "f0": c.f0_hz.tolist(),
        "level_db": level.tolist(),
        "noise_db": (20 * torch.log10(c.noise_magnitudes.square().mean(-1).sqrt().clamp(min=1e-7))).tolist(),
        "mean_db": float(level[here].mean()) if bool(here.any()) else -120.0,
        "centroid": float(centroid[here].mean()) if bool(here.any()) else 0.0,
        "cents": float(cents[owners() == state["note"] - 1].abs().max()),
    }


KIND = Kind(
    title="Eight notes, six knobs each",
    about="A phrase that the chapter's network played as it stands, and again with each knob at 0, 0.3, 0.6 and 1: "
    "turn the six knobs of any note, see its pitch, its level and its noise, and hear the phrase. Between the "
    "settings the page draws straight lines; what several knobs do together it adds up, and the vibrato is the "
    "wave at 1, scaled. Where two knobs bend the same curve, as fluctuation and peak do, that is rough.",
    fields={
        **{name: Numbers((-1.0,) * N_NOTES, -1, 1.25) for name in CONTROLS},
        "note": Number(6, 1, N_NOTES, whole=True),
        "all": Choice(False, (False, True)),
        "player": Choice(0, tuple(range(PLAYERS))),
    },
    twin=twin,
    play_db=21,
    data=page_data,
)


if __name__ == "__main__":
    found = play_phrase()
    np.savez_compressed(
        data_path("midi_ddsp/phrase.npz").with_name("knob_phrase.npz"),
        expression=found["expression"],
        wave=found["wave"],
        levels=found["levels"],
    )
