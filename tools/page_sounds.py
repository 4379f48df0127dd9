"""Measure every sound of the book's pages, and say which of them are too loud, too quiet, clip or click.

python3 tools/page_sounds.py                                        every page
python3 tools/page_sounds.py book/first_steps/gain.ipynb …          only these

Sounds are read from the notebooks' stored outputs; those of live figures are made by their scripts, in Node. A row says
page and cell, label, seconds, level while it sounds (active RMS, dB), peak, level of the first and last 10 ms, bits a
sample and spectral centroid. What breaks the rules is said below the table, and the command ends with status 1:

- the loudest sound of a player lies within 3 dB of −20 dB, that of a live figure within 8 dB as its cell sets it up (as
  it begins by itself, within 3: `tests/display/test_figure_levels.py`). Peaks at full scale may keep it below that;
- nothing clips; a sound begins and ends in silence, or is faded over 10 ms;
- rounding to few bits stays 45 dB below the sound; a player holds at most 20 s of sound.

A cell in which level itself is what is taught carries the tag `level-is-taught`: it may be of any level, and may clip.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import base64
import html
import io
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from course_lib import active_rms_db, live_figure
from course_lib.display import figures
from course_lib.display.figures.fields import Recordings
from course_lib.display.figures.hear import figure_sounds
from tools import execute

TAUGHT = "level-is-taught"
LEVEL_DB, OFF_DB, FIGURE_OFF_DB = -20.0, 3.0, 8.0
EDGE_S, EDGE = 0.01, 1.5e-3  # of a fade; the part of the peak that an edge may reach
ROUNDING_DB = 45.0
MOST_S = 20.5
EMBEDDED = re.compile(r"data:audio/[\w.+-]+;base64,([A-Za-z0-9+/=]+)")
NAMED = re.compile(r"""aria-label=(['"])(.*?)\1""")
FIGURE = re.compile(r"<ddsp-([a-z-]+)-[0-9a-f]{8} data-state='([^']*)'")


@dataclass(frozen=True)
class Sound:
    """A sound as it is played. audio: (n_channels, n_samples), full scale ±1. bits: a sample; 0: never rounded."""

    label: str
    audio: np.ndarray
    sample_rate: int
    bits: int = 0
    seamless: bool = False


@dataclass(frozen=True)
class Group:
    """The sounds of one output. taught: level is the lesson. live: of a live figure. broken: why there are none."""

    page: str
    cell: str
    sounds: list[Sound]
    taught: bool = False
    live: bool = False
    broken: str = ""


# --- Reading ------------------------------------------------------------------------------------------------------


def groups_of(path: Path) -> list[Group]:
    """All sounds of a notebook's stored outputs, output by output."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [
        group
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if (shown := output.get("data", {}).get("text/html"))
        for group in _groups_of_output(path.stem, cell, shown if isinstance(shown, str) else "".join(shown))
    ]


def _groups_of_output(page: str, cell: dict[str, Any], shown: str) -> list[Group]:
    where, taught = cell.get("id", "?"), TAUGHT in cell["metadata"].get("tags", [])
    found: dict[str, Sound] = {}
    for match in EMBEDDED.finditer(shown):
        names = NAMED.findall(shown, max(0, match.start() - 400), match.start())
        label = html.unescape(names[-1][1]) if names else f"sound {len(found) + 1}"
        found.setdefault(match[1], _embedded(label, base64.b64decode(match[1])))
    groups = [Group(page, where, list(found.values()), taught)] if found else []
    for kind, state in FIGURE.findall(shown):
        about = figures.find(kind.replace("-", "_"))
        if kind == "questions" or any(isinstance(field, Recordings) for field in about.fields.values()):
            continue  # silent, or measured above
        group = Group(page, where, [], taught or bool(about.level_is_taught), live=True)
        groups.append(_with_sounds(group, kind.replace("-", "_"), json.loads(html.unescape(state))))
    return groups


def _embedded(label: str, file: bytes) -> Sound:
    whole, rate = soundfile.read(io.BytesIO(file), dtype="int16", always_2d=True)
    common = int(np.bitwise_or.reduce(whole.reshape(-1).astype(np.int64)))
    unused = (common & -common).bit_length() - 1 if common else 0
    return Sound(label, whole.T / 32768, rate, bits=16 - min(unused, 15))


def _with_sounds(group: Group, kind: str, state: dict[str, Any]) -> Group:
    try:
        full = live_figure(kind, **state).state
    except ValueError as error:
        return Group(group.page, group.cell, [], group.taught, True, f"run the cell again: {error}")
    heard = figure_sounds(kind, full)[0]
    sounds = [Sound(s.label, s.audio.astype(float), s.sample_rate, seamless=s.seamless) for s in heard]
    return Group(group.page, group.cell, sounds, group.taught, live=True)


# --- Measuring ----------------------------------------------------------------------------------------------------


def decibels(value: float) -> float:
    return 20 * math.log10(max(value, 1e-6))


def level_db(sound: Sound) -> float:
    """Active RMS, without the mean: nobody hears that."""
    heard = sound.audio - sound.audio.mean(axis=-1, keepdims=True)
    return active_rms_db(torch.from_numpy(np.ascontiguousarray(heard)), sound.sample_rate)


def peak(sound: Sound) -> float:
    return float(np.abs(sound.audio).max())


def edges_db(sound: Sound) -> tuple[float, float]:
    """RMS of the first and of the last 10 ms."""
    n = max(1, round(EDGE_S * sound.sample_rate))
    begin, end = (float(np.sqrt(np.square(part).mean())) for part in (sound.audio[:, :n], sound.audio[:, -n:]))
    return decibels(begin), decibels(end)


def rounding_db(bits: int) -> float:
    """RMS of the noise that rounding to so many bits makes."""
    return decibels(2.0 ** (1 - bits) / math.sqrt(12))


def centroid_hz(sound: Sound) -> float:
    power = np.square(np.abs(np.fft.rfft(sound.audio.mean(axis=0))))
    hz = np.fft.rfftfreq(sound.audio.shape[-1], 1 / sound.sample_rate)
    return float((hz * power).sum() / max(power.sum(), 1e-20))


def seconds(sound: Sound) -> float:
    return sound.audio.shape[-1] / sound.sample_rate


# --- The rules ----------------------------------------------------------------------------------------------------


def wrong_level(group: Group) -> list[str]:
    if group.taught:
        return []
    judged = group.sounds[:1] if group.live else group.sounds
    loudest = max(judged, key=level_db)
    level, room = level_db(loudest), FIGURE_OFF_DB if group.live else OFF_DB
    at_full_scale = max(map(peak, group.sounds)) > 0.95  # no louder without clipping
    if level > LEVEL_DB + room or (level < LEVEL_DB - room and not at_full_scale):
        which = "first" if group.live else "loudest"
        return [f"the {which} sound is at {level:.1f} dB, not within {room:g} dB of {LEVEL_DB:g}"]
    return []


def clipped(group: Group) -> list[str]:
    over = [s.label for s in group.sounds if int((np.abs(s.audio) >= 0.9999).sum()) > 2]
    return [] if group.taught or not over else [f"clips: {', '.join(over)}"]


def clicks(group: Group) -> list[str]:
    found = []
    for s in group.sounds:
        if s.seamless or s.audio.shape[-1] < 4 * EDGE_S * s.sample_rate:
            continue
        most = EDGE * peak(s) + (2.0 ** (1 - s.bits) if s.bits else 0)
        for name, at in (("begins", 0), ("ends", -1)):
            if np.abs(s.audio[:, at]).max() > most:
                found.append(f"{name} with a click: {s.label}")
    return found


def rounded(group: Group) -> list[str]:
    coarse = [s for s in group.sounds if 0 < s.bits < 16 and rounding_db(s.bits) > level_db(s) - ROUNDING_DB]
    return (
        []
        if group.taught
        else [f"{s.bits} bits are too few for a sound at {level_db(s):.0f} dB: {s.label}" for s in coarse]
    )


def long(group: Group) -> list[str]:
    total = sum(map(seconds, group.sounds))
    return [] if group.live or total <= MOST_S else [f"{total:.0f} s of sound in one player"]


RULES = (wrong_level, clipped, clicks, rounded, long)


def complaints(group: Group) -> list[str]:
    """What of a group breaks the rules, each with its page and cell."""
    found = [group.broken] if group.broken else [text for rule in RULES for text in rule(group)]
    return [f"{group.page} {group.cell}: {text}" for text in found]


# --- The table ----------------------------------------------------------------------------------------------------

HEAD = (
    f"{'page':21s} {'cell':22s} {'label':30s} {'s':>5s} {'level':>6s} {'peak':>6s} {'begin':>6s} {'end':>6s} bits    Hz"
)


def rows(group: Group) -> list[str]:
    """A line for each sound; `~` marks a live figure's, `*` those whose level is taught."""
    lines = []
    for s in group.sounds:
        begin, end = edges_db(s)
        where = f"{group.page[:21]:21s} {('~' * group.live + group.cell)[:22]:22s} {s.label[:30]:30s}"
        lines.append(
            f"{where} {seconds(s):5.2f} {level_db(s):6.1f} {decibels(peak(s)):6.1f} {begin:6.1f} {end:6.1f} "
            f"{s.bits or '–':>4} {centroid_hz(s):5.0f}{' *' if group.taught else ''}"
        )
    return lines


def main(arguments: list[str]) -> int:
    paths = [Path(name) for name in arguments] or execute.chapters()
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        print(f"no such notebook: {', '.join(missing)}", file=sys.stderr)
        return 2
    print(HEAD)
    wrong: list[str] = []
    count = 0
    for path in paths:
        for group in groups_of(path):
            count += len(group.sounds)
            wrong += complaints(group)
            print(*rows(group), sep="\n", end="\n" if group.sounds else "")
    print(f"\n{count} sounds on {len(paths)} pages; {len(wrong) or 'no'} complaints", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
