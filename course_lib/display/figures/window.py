"""A picture of sound: a window slides over it, and what lies under the window is taken apart into frequencies."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.core.units import amplitude_to_db
from course_lib.display.figures.fields import Choice, Kind, Number, Numbers, State
from course_lib.display.figures.kit.data import as_text
from course_lib.display.figures.kit.numbers import f64
from course_lib.effects.levels import fade_cuts
from course_lib.sounds.clips import clip_info, data_path, load_audio

RATE, N = 16_000, 12_800  # Hz, samples
CLIPS = {"voice": 16_800, "guitar": 0, "drum": 0}  # name: first sample
KNOTS, DRAWN_HZ = 16, 220  # of the drawn wave: points of one period, Hz
TONES_HZ, TONE = (1000, 1100), 0.25  # of the puzzle
CLICKS, CLICK = (4000, 4128, 8800, 8928), 0.9  # samples; 128 are 8 ms
COLUMNS, ROWS, TOP_HZ = 320, 128, 4000  # of the spectrogram
FLOOR_DB = -100
SHORTEST, LONGEST = 6, 12  # windows: powers of two, 64 to 4096 samples


@cache
def clips() -> dict[str, Tensor]:
    """The recorded sounds as whole numbers from 0 to 4095, (N,); 2048 is silence."""
    found = {}
    for name, first in CLIPS.items():
        audio, _ = load_audio(data_path(clip_info(name)["file"]))
        cut = fade_cuts(audio[first : first + N], RATE)
        cut = torch.nn.functional.pad(cut, (0, N - len(cut)))
        found[name] = (2048 + 2047 * cut.double()).round().to(torch.int64)
    return found


def page_data() -> dict[str, Any]:
    """What the script has of them: two numbers of twelve bits in three bytes."""
    packed = {}
    for name, numbers in clips().items():
        a, b = numbers.reshape(-1, 2).numpy().T
        packed[name] = as_text(np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], -1).astype(np.uint8))
    return {"CLIPS_12": packed}


def sound_of(state: State) -> Tensor:
    """The whole sound, (N,), float64."""
    name = state["sound"]
    if name in CLIPS:
        return (clips()[name].double() - 2048) / 2047
    i = torch.arange(N)
    if name == "puzzle":
        hands = [torch.sin(2 * torch.pi * (i * f % RATE).double() / RATE) for f in TONES_HZ]
        sound = TONE * (hands[0] + hands[1])
        sound[list(CLICKS)] += CLICK
        return sound
    place = (i * DRAWN_HZ % RATE).double() / RATE * KNOTS
    k, points = place.floor().long(), f64(state["wave"])
    return points[k] + (place - k) * (points[(k + 1) % KNOTS] - points[k])


def twin(state: State) -> dict[str, Any]:
    """What lies under the window, its spectrum, and the spectrogram of the whole."""
    size, sound = 2 ** state["size_log2"], sound_of(state)
    hann = state["window"] == "hann"
    window = torch.hann_window(size, dtype=torch.float64) if hann else torch.ones(size, dtype=torch.float64)
    padded = torch.nn.functional.pad(sound, (size // 2, size))

    def under(centre: Tensor) -> Tensor:
        return window * padded[centre.unsqueeze(-1) + torch.arange(size)]

    here = under(torch.tensor(int(np.floor(state["at_s"] * RATE + 0.5))))
    hop = N // COLUMNS
    columns = torch.fft.rfft(under(torch.arange(COLUMNS) * hop + hop // 2)).abs() * 2 / window.sum()
    bins = size * TOP_HZ // RATE
    edges = [int(np.floor(r * bins / ROWS + 0.5)) for r in range(ROWS + 1)]
    rows = [columns[:, a : max(a + 1, b)].amax(-1) for a, b in pairwise(edges)]
    return {
        "slice": here.tolist(),
        "spectrum": (torch.fft.rfft(here).abs() * 2 / window.sum())[: bins + 1].tolist(),
        "picture_db": amplitude_to_db(torch.stack(rows, -1), FLOOR_DB).flatten().tolist(),
    }


KIND = Kind(
    title="A window over a sound",
    about="A window slides over a sound, recorded or drawn by hand: the slice under it, the spectrum of the slice, and "
    "where the slice stands in the spectrogram.",
    play_db=-8,
    fields={
        "sound": Choice("voice", (*CLIPS, "puzzle", "drawn")),
        "at_s": Number(0.6, 0, N / RATE),
        "size_log2": Number(9, SHORTEST, LONGEST, whole=True),
        "window": Choice("hann", ("hann", "hard")),
        "scale": Choice("db", ("db", "amplitude")),
        "wave": Numbers(
            (0, 0.5, 0.8, 0.9, 0.85, 0.6, 0.5, 0.5, 0.3, -0.1, -0.3, -0.3, -0.6, -0.9, -0.7, -0.3), -1, 1
        ),
        "point": Number(5, 1, KNOTS, whole=True),
    },
    twin=twin,
    data=page_data,
)  # fmt: skip
