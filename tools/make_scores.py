"""Engrave the course's small scores: `python tools/make_scores.py [FOLDER]`, data/scores by default.

All are in the public domain: Greensleeves (English, 16th century), the Old Hundredth (Louis Bourgeois, Geneva, 1551),
here set for four voices by us, and the first two phrases of Johann Sebastian Bach's chorale "Aus meines Herzens
Grunde", BWV 269.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import argparse
from pathlib import Path

from course_lib.scores import Note, Score, Voice, write_midi

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
GREENSLEEVES = (  # pitch:eighths
    "A4:1 C5:2 D5:1 E5:1.5 F#5:.5 E5:1 D5:2 B4:1 G4:1.5 A4:.5 B4:1 C5:2 A4:1 A4:1.5 G#4:.5 A4:1 B4:2 G#4:1 E4:2 "
    "A4:1 C5:2 D5:1 E5:1.5 F#5:.5 E5:1 D5:2 B4:1 G4:1.5 A4:.5 B4:1 C5:1.5 B4:.5 A4:1 G#4:1.5 F#4:.5 G#4:1 A4:5"
)
OLD_HUNDREDTH = {  # quarters; the eighth and the sixteenth chord are held twice as long
    "soprano": "G4 G4 F#4 E4 D4 G4 A4 B4 B4 B4 B4 A4 G4 C5 B4 A4",
    "alto": "D4 D4 D4 B3 B3 E4 F#4 G4 G4 G4 G4 F#4 D4 G4 G4 F#4",
    "tenor": "B3 B3 A3 G3 G3 C4 D4 D4 D4 D4 E4 D4 B3 E4 D4 D4",
    "bass": "G2 G2 D3 E3 B2 C3 D3 G2 G3 G3 E3 D3 G3 C3 G2 D3",
}
CHORALE = {  # pitch:quarters; | ends a phrase, on a note that is held
    "soprano": ("G4:1 G4:2 D5:1 B4:1.5 A4:.5 G4:1 G4:1.5 A4:.5 B4:1 A4:2 | B4:1 D5:2 C5:1 B4:1 A4:2 G4:2 |"),
    "alto": (
        "D4:1 D4:1 E4:1 D4:1 D4:2 B3:1 E4:.5 D4:.5 E4:.5 F#4:.5 G4:1 F#4:2 | G4:1 D4:1 E4:1 F#4:1 G4:2 F#4:1 D4:2 |"
    ),
    "tenor": (
        "B3:1 B3:1 C4:.5 B3:.5 A3:1 G3:1 F#3:1 G3:1 C4:.5 B3:.5 C4:1 D4:1 D4:2 | "
        "D4:1 A3:1 B3:1 C4:1 D4:1 E4:1 D4:.5 C4:.5 B3:2 |"
    ),
    "bass": (
        "G2:1 G3:1 E3:1 F#3:1 G3:1 D3:1 E3:1 C3:1 B2:.5 A2:.5 G2:1 D3:2 | G2:1 F#2:1 G2:1 A2:1 B2:1 C3:1 D3:1 G2:2 |"
    ),
}
FERMATA, BREATH = 0.75, 0.25  # quarters: how much longer the end of a phrase is held, and the rest behind it
CHORALE_PROGRAMS = {"soprano": 40, "alto": 71, "tenor": 65, "bass": 42}  # violin, clarinet, saxophone, cello
PROGRAMS = {"soprano": 73, "alto": 40, "tenor": 71, "bass": 42}  # flute, violin, clarinet, cello


def pitch(name: str) -> int:
    """MIDI note of a name such as F#4."""
    return STEPS[name[0]] + name.count("#") + 12 * (int(name[-1]) + 1)


def greensleeves(eighth_s: float = 0.3) -> Score:
    """The tune, one voice."""
    notes, at = [], 0.0
    for item in GREENSLEEVES.split():
        name, length = item.split(":")
        notes.append(Note(round(at * eighth_s, 6), round(float(length) * eighth_s, 6), pitch(name), 90))
        at += float(length)
    return Score((Voice("Greensleeves", 40, tuple(notes)),))


def old_hundredth(quarter_s: float = 0.75) -> Score:
    """The first two lines, four voices."""
    voices = []
    for name, line in OLD_HUNDREDTH.items():
        notes, at = [], 0
        for i, tone in enumerate(line.split(), 1):
            length = 2 if i % 8 == 0 else 1
            notes.append(Note(at * quarter_s, length * quarter_s, pitch(tone), 80))
            at += length
        voices.append(Voice(name, PROGRAMS[name], tuple(notes)))
    return Score(tuple(voices))


def chorale(quarter_s: float = 0.64) -> Score:
    """The first two phrases of BWV 269, four voices."""
    voices = []
    for name, line in CHORALE.items():
        notes, at = [], 0.0
        for phrase in line.split("|")[:-1]:
            tones = phrase.split()
            for i, tone in enumerate(tones, 1):
                sounding = length = float(tone.split(":")[1])
                if i == len(tones):
                    sounding, length = length + FERMATA, length + FERMATA + BREATH
                notes.append(Note(at * quarter_s, sounding * quarter_s, pitch(tone.split(":")[0]), 80))
                at += length
        voices.append(Voice(name, CHORALE_PROGRAMS[name], tuple(notes)))
    return Score(tuple(voices))


def main() -> None:
    parser = argparse.ArgumentParser(description="Engrave the course's small scores.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).resolve().parents[1] / "data" / "scores")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_midi(folder / "greensleeves.mid", greensleeves(), tempo_bpm=100)
    write_midi(folder / "old_hundredth.mid", old_hundredth(), tempo_bpm=80)
    write_midi(folder / "chorale.mid", chorale(), tempo_bpm=93.75)


if __name__ == "__main__":
    main()
