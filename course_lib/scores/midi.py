"""MIDI files in and out."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from pathlib import Path

from course_lib.scores.chunks import MAX_BYTES, NOTE_OFF, NOTE_ON, PROGRAM, Chunks, Event, join_chunks, read_chunks
from course_lib.scores.notes import Note, Score, ScoreError, Voice, check_notes
from course_lib.scores.voices import separate_voices

LONGEST_S = 7200.0
DRUMS = 9  # channel 10, counted from 0
TICKS_PER_BEAT = 960
PARTS = [channel for channel in range(16) if channel != DRUMS]
Part = tuple[int, int, int]  # track, channel, program


def read_midi(source: str | Path | bytes) -> Score:
    """Read a MIDI file as voices that play one note at a time.

    Types 0 and 1, with beats or film frames as time. A part is what one track plays in one channel with one program;
    the program is the track's last in that channel, or else the last any track set there, or else 0. A note-off ends
    the earliest of the notes of its pitch that sound; a note-on of velocity 0 is a note-off. Where a part plays
    several notes at once, `separate_voices` makes voices of it. Pedals, bends and controllers are passed over.

    Args:
        source: path of a .mid file, or its bytes.

    Returns:
        The voices in order of track and channel. Remarks say what was left out or mended: drums (channel 10), notes
        that never ended (they end with their track), notes of no length, parts that became several voices.

    Raises:
        FileNotFoundError: no such file.
        ScoreError: not a MIDI file, cut off, damaged, a tempo of 0, no notes but drums or none at all, or more than
            8 MB, 200,000 notes, two hours, or 64 notes at once in a part.

    Source: MIDI Association, Standard MIDI Files 1.0, RP-001. Chapter: book/midi_ddsp/notes_to_sound.ipynb

    >>> from course_lib.sounds.clips import data_path
    >>> score = read_midi(data_path("scores/chorale.mid"))
    >>> len(score.voices)
    4
    """
    if isinstance(source, bytes | bytearray):
        return _score(read_chunks(bytes(source)))
    path = Path(source)
    if path.is_dir():
        raise ScoreError(f"{path} is a folder; give one MIDI file")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; give the path of a MIDI file")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScoreError(f"{path} cannot be read ({error.strerror}); check whose it is") from error
    try:
        return _score(read_chunks(data))
    except ScoreError as error:
        raise ScoreError(f"{path.name}: {error}") from error


def _score(chunks: Chunks) -> Score:
    clock = _Clock(chunks)
    parts, remarks = _pair(chunks, clock)
    voices: list[Voice] = []
    names = Counter(track for track, _, _ in parts)
    for (track, channel, program), notes in sorted(parts.items()):
        name = chunks.tracks[track].name or f"Track {track + 1}"
        if names[track] > 1:
            name = f"{name}, channel {channel + 1}, program {program}"
        lines = separate_voices(notes)
        if len(lines) > 1:
            remarks.append(f"{name} plays several notes at once and became {len(lines)} voices")
        for number, line in enumerate(lines, 1):
            voices.append(Voice(f"{name}, voice {number}" if len(lines) > 1 else name, program, tuple(line)))
    if not voices:
        why = f" ({'; '.join(remarks)})" if remarks else ""
        raise ScoreError(f"the file holds no notes that can be played{why}; give a file with a melody")
    return Score(tuple(voices), tuple(remarks))


class _Clock:
    """Ticks to seconds through every change of tempo, in whole numbers until the last division."""

    def __init__(self, chunks: Chunks) -> None:
        self.ticks, self.tempi, self.sums = [0], [500_000], [0]
        self.unit = chunks.ticks_per_beat * 1_000_000
        if chunks.tick_s is not None:  # a tick is a stretch of time; tempi say nothing
            self.tempi, self.unit = [chunks.tick_s.numerator], chunks.tick_s.denominator
            return
        changes = [change for track in chunks.tracks for change in track.tempi]
        for tick, tempo in sorted(changes, key=lambda change: change[0]):
            if tempo == 0:
                raise ScoreError("the file sets a tempo of 0 microseconds a beat, infinitely quick; set a real tempo")
            self.sums.append(self.sums[-1] + (tick - self.ticks[-1]) * self.tempi[-1])
            self.ticks.append(tick)
            self.tempi.append(tempo)

    def count(self, tick: int) -> int:
        """Time of a tick, in 1/unit of a second."""
        i = bisect_right(self.ticks, tick) - 1
        return self.sums[i] + (tick - self.ticks[i]) * self.tempi[i]


def _pair(chunks: Chunks, clock: _Clock) -> tuple[dict[Part, list[Note]], list[str]]:
    """Notes from their ons and offs, by part, and remarks."""
    events = [(number, event) for number, track in enumerate(chunks.tracks) for event in track.events]
    events.sort(key=lambda item: item[1].tick)  # stable: tracks in order, and each in its own
    programs: dict[tuple[int, int], int] = {}
    sounding: dict[tuple[int, int, int], deque[tuple[int, int, int]]] = defaultdict(deque)
    parts: dict[Part, list[Note]] = defaultdict(list)
    left_out: Counter[str] = Counter()

    def close(track: int, channel: int, pitch: int, end: int) -> None:
        start, velocity, program = sounding[track, channel, pitch].popleft()
        begin = clock.count(start)
        length = clock.count(end) - begin
        if length <= 0:
            left_out["of no length left out"] += 1
            return
        if begin + length > LONGEST_S * clock.unit:
            raise ScoreError(f"the music lasts longer than {LONGEST_S / 3600:g} hours, the most that is read; cut it")
        note = Note(begin / clock.unit, length / clock.unit, float(pitch), velocity)
        parts[track, channel, program].append(note)

    for track, event in events:
        tick, kind, channel, value, velocity = event
        if kind == PROGRAM:
            programs[track, channel] = programs[-1, channel] = value
        elif kind == NOTE_ON and velocity > 0:
            if channel == DRUMS:
                left_out["of drums (channel 10) left out"] += 1
                continue
            program = programs.get((track, channel), programs.get((-1, channel), 0))
            sounding[track, channel, value].append((tick, velocity, program))
        elif sounding.get((track, channel, value)):
            close(track, channel, value, tick)
    for (track, channel, pitch), waiting in sounding.items():
        while waiting:
            left_out["never ended and end with their track"] += 1
            close(track, channel, pitch, chunks.tracks[track].end)
    return parts, [*chunks.remarks, *(f"{count} note(s) {what}" for what, count in left_out.items())]


def write_midi(path: str | Path, score: Score, tempo_bpm: float = 120.0) -> None:
    """Write a score as a MIDI file of type 1: a track for the tempo, then one for each voice.

    `read_midi` reads the same notes back, within a tick (1/960 beat, 0.52 ms at 120 beats a minute); pitches are
    rounded to semitones. Voices take the channels in turn, without the drums' one, and share them from the 16th on. The
    file that was there stays until this one is whole.

    Args:
        path: must end in .mid or .midi.
        score: one voice at least; overlaps within a voice are cut.
        tempo_bpm: beats a minute, 4 … 1000; of notation only, the seconds stay.

    Raises:
        ScoreError: no notes, notes as `check_notes` refuses them, another suffix, no such folder, a tempo or program
            out of range, more than two hours.

    >>> import tempfile
    >>> from course_lib import Note, Score, Voice
    >>> path = Path(tempfile.mkdtemp()) / "a.mid"
    >>> write_midi(path, Score((Voice("solo", 40, (Note(0.0, 0.5, 69),)),)))
    >>> read_midi(path).voices[0].notes[0].pitch
    69.0
    """
    path = Path(path)
    if path.suffix.lower() not in (".mid", ".midi") or path.is_dir() or not path.parent.is_dir():
        raise ScoreError(f"{path} must be a file ending in .mid, in a folder that exists")
    if not (isinstance(tempo_bpm, int | float) and 4 <= tempo_bpm <= 1000):
        raise ScoreError(f"tempo_bpm must lie between 4 and 1000 beats a minute; got {tempo_bpm!r}")
    if score.duration_s == 0.0 or not score.duration_s <= LONGEST_S:
        raise ScoreError(f"a score needs a note, and may last two hours; this one lasts {score.duration_s:g} s")
    tempo = round(60e6 / tempo_bpm)
    ticks_a_second = 1e6 * TICKS_PER_BEAT / tempo
    tracks = [
        (str(voice.name), _events(voice, PARTS[number % len(PARTS)], ticks_a_second))
        for number, voice in enumerate(score.voices)
    ]
    data = join_chunks(tracks, ticks_per_beat=TICKS_PER_BEAT, tempo=tempo)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _events(voice: Voice, channel: int, ticks_a_second: float) -> list[Event]:
    if isinstance(voice.program, bool) or not isinstance(voice.program, int) or not 0 <= voice.program <= 127:
        raise ScoreError(f"the program of {voice.name!r} must be a whole number, 0 … 127; got {voice.program!r}")
    notes = check_notes(voice.notes)
    starts: list[int] = []
    for note in notes:  # two notes never begin on one tick
        starts.append(max(round(note.onset_s * ticks_a_second), starts[-1] + 1 if starts else 0))
    events = [Event(0, PROGRAM, channel, voice.program)]
    for note, start, following in zip(notes, starts, [*starts[1:], math.inf], strict=True):
        end = int(min(max(round(note.end_s * ticks_a_second), start + 1), following))
        pitch, velocity = round(note.pitch), min(max(round(note.velocity), 1), 127)
        events += [Event(start, NOTE_ON, channel, pitch, velocity), Event(end, NOTE_OFF, channel, pitch, 64)]
    return events
