"""The bytes of a MIDI file: chunks, delta times, running status, with a limit on everything a file can promise."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from course_lib.scores.notes import ScoreError

MAX_BYTES = 8_000_000
MAX_NOTES = 200_000
MAX_MESSAGES = 500_000  # of those that are kept: notes on and off, programs, tempi
MAX_TRACKS = 1024
N_DATA = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}  # bytes that follow a status
NOTE_OFF, NOTE_ON, PROGRAM = KEPT = (0x80, 0x90, 0xC0)
TRACK_NAME, END_OF_TRACK, SET_TEMPO = 0x03, 0x2F, 0x51
DAMAGED = "the file is damaged: export or download it again"
FRAMES_A_SECOND = {24: Fraction(24), 25: Fraction(25), 29: Fraction(30000, 1001), 30: Fraction(30)}


class Event(NamedTuple):
    """A message at a tick: kind NOTE_ON or NOTE_OFF with value (pitch) and velocity, or PROGRAM with value."""

    tick: int
    kind: int
    channel: int
    value: int
    velocity: int = 0


@dataclass
class Track:
    """What is kept of one track: events and (tick, microseconds a beat) in order, the tick it ends at, its name."""

    events: list[Event] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0
    name: str = ""


@dataclass(frozen=True)
class Chunks:
    """A file: its tracks, and what a tick is: 1/ticks_per_beat of a beat, or tick_s seconds whatever the tempo."""

    tracks: list[Track]
    ticks_per_beat: int
    tick_s: Fraction | None
    remarks: list[str]


def read_chunks(data: bytes) -> Chunks:
    """Take a MIDI file apart.

    Raises:
        ScoreError: not a MIDI file, cut off, damaged, or beyond the limits above.
    """
    if len(data) > MAX_BYTES:
        raise ScoreError(f"the file has more than {MAX_BYTES // 1_000_000} MB, the most that is read; cut it in pieces")
    if not data:
        raise ScoreError("the file is empty; export or download it again")
    if data[:4] == b"RIFF" and data[8:16] == b"RMIDdata":
        data = data[20:]
    if data[:4] != b"MThd":
        raise ScoreError("this is not a MIDI file (it does not begin with MThd); give a Standard MIDI File, .mid")
    size = int.from_bytes(data[4:8], "big")
    if size < 6 or len(data) < 8 + size:
        raise ScoreError("the file is cut off or damaged within its header; export or download it again")
    kind, promised, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if kind > 2 or (kind == 2 and promised > 1):
        what = "2, independent patterns without a common time" if kind == 2 else f"{kind}, which is unknown"
        raise ScoreError(f"the MIDI file is of type {what}; save it as type 1")
    tick_s = _smpte_tick(division) if division & 0x8000 else None
    if division & 0x7FFF == 0:
        raise ScoreError("the file divides a beat into 0 ticks, so that no time can be told; export it again")
    remarks: list[str] = []
    tracks: list[Track] = []
    at, budget = 8 + size, [MAX_MESSAGES, MAX_NOTES]
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        at += 8
        if at + size > len(data):
            raise ScoreError(
                f"the file ends before its track {len(tracks) + 1} does: it is cut off or damaged; "
                "export or download it again"
            )
        if name == b"MTrk":
            if len(tracks) == MAX_TRACKS:
                raise ScoreError(f"the file has more than {MAX_TRACKS} tracks; merge or delete some")
            tracks.append(_read_track(data[at : at + size], len(tracks) + 1, budget))
        at += size
    if len(tracks) != promised:
        remarks.append(f"the file's header promises {promised} track(s), {len(tracks)} were found")
    return Chunks(tracks, division & 0x7FFF, tick_s, remarks)


def _smpte_tick(division: int) -> Fraction:
    """Seconds of a tick where the header states film frames a second and ticks a frame."""
    frames, ticks = 256 - (division >> 8), division & 0xFF
    if frames not in FRAMES_A_SECOND or ticks == 0:
        raise ScoreError(f"the file counts time in {ticks} ticks of {frames} frames a second, which no MIDI file may")
    return 1 / (FRAMES_A_SECOND[frames] * ticks)


def _read_track(data: bytes, number: int, budget: list[int]) -> Track:
    track, at, tick, status = Track(), 0, 0, 0
    try:
        while at < len(data):
            delta, at = _variable(data, at)
            tick += delta
            track.end = tick
            first = data[at]
            if first == 0xFF:
                kind = data[at + 1]
                length, at = _variable(data, at + 2)
                payload, at = data[at : at + length], at + length
                if at > len(data):
                    raise IndexError
                if kind == END_OF_TRACK:
                    break
                if kind == TRACK_NAME and not track.name:
                    track.name = _text(payload)
                elif kind == SET_TEMPO and length >= 3:
                    track.tempi.append((tick, int.from_bytes(payload[:3], "big")))
                    budget[0] -= 1
            elif first in (0xF0, 0xF7):
                length, at = _variable(data, at + 1)
                at += length
                if at > len(data):
                    raise IndexError
            else:
                if first >= 0x80:
                    status, at = first, at + 1
                if not 0x80 <= status < 0xF0:
                    raise ScoreError(f"track {number} holds a message no MIDI file may hold, at byte {at}; {DAMAGED}")
                kind = status & 0xF0
                message, at = data[at : at + N_DATA[kind]], at + N_DATA[kind]
                if at > len(data):
                    raise IndexError
                if max(message) > 127:
                    raise ScoreError(f"track {number} holds a message with a value above 127, at byte {at}; {DAMAGED}")
                if kind in KEPT:
                    track.events.append(Event(tick, kind, status & 0x0F, *message))
                    budget[0] -= 1
                    budget[1] -= kind == 0x90 and message[1] > 0
            if min(budget) < 0:
                raise ScoreError(
                    f"the file has more than {MAX_NOTES:,} notes, or too many other messages; cut it in pieces"
                )
    except IndexError:
        raise ScoreError(f"track {number} ends in the middle of a message; {DAMAGED}") from None
    return track


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to four bytes, seven bits in each, and where it ends."""
    value = 0
    for i in range(at, at + 4):
        value = value << 7 | data[i] & 0x7F
        if data[i] < 0x80:
            return value, i + 1
    raise ScoreError(f"a length or time takes more than four bytes; {DAMAGED}")


def _text(payload: bytes) -> str:
    """A name in UTF-8, or else Latin 1, as MIDI says nothing of the two; one line of at most 80 letters."""
    try:
        text = payload[:320].decode("utf-8")
    except UnicodeDecodeError:
        text = payload[:320].decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:80]


def join_chunks(tracks: list[tuple[str, list[Event]]], *, ticks_per_beat: int, tempo: int) -> bytes:
    """The bytes of a file of type 1: a track for the tempo (microseconds a beat), then each (name, events in order)."""
    bodies = [_meta(0, SET_TEMPO, tempo.to_bytes(3, "big"))]
    for name, events in tracks:
        body, now = bytearray(_meta(0, TRACK_NAME, name.encode("utf-8", "replace"))), 0
        for event in events:
            values = (event.value, event.velocity)[: N_DATA[event.kind]]
            body += _digits(event.tick - now) + bytes([event.kind | event.channel, *values])
            now = event.tick
        bodies.append(bytes(body))
    data = b"MThd\0\0\0\6\0\1" + len(bodies).to_bytes(2, "big") + ticks_per_beat.to_bytes(2, "big")
    for part in bodies:
        whole = part + _meta(0, END_OF_TRACK, b"")
        data += b"MTrk" + len(whole).to_bytes(4, "big") + whole
    return data


def _meta(delta: int, kind: int, payload: bytes) -> bytes:
    return _digits(delta) + bytes([0xFF, kind]) + _digits(len(payload)) + payload


def _digits(value: int) -> bytes:
    """The inverse of `_variable`."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))
