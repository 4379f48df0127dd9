"""MIDI files against times computed another way, files that are broken, voices, and what is written and read again.

`python tests/scores/test_midi.py 10000` reads that many mutated files and says what became of them.
"""

import io
import itertools
import random
import struct
import sys
import time
from fractions import Fraction

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.scores import Note, Score, ScoreError, Voice, check_notes, read_midi, separate_voices, write_midi
from course_lib.scores.chunks import MAX_BYTES, MAX_NOTES

END = b"\xff\x2f\x00"


def variable(value):
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)


def track(*events):
    """A track from (delta, bytes)."""
    body = b"".join(variable(delta) + data for delta, data in events)
    return b"MTrk" + struct.pack(">I", len(body)) + body


def midi(*tracks, kind=1, division=480, n_tracks=None):
    header = struct.pack(">HHH", kind, len(tracks) if n_tracks is None else n_tracks, division)
    return b"MThd" + struct.pack(">I", 6) + header + b"".join(tracks)


def tempo(microseconds):
    return b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def on(pitch, velocity=90, channel=0):
    return bytes([0x90 | channel, pitch, velocity])


def off(pitch, channel=0):
    return bytes([0x80 | channel, pitch, 64])


def program(number, channel=0):
    return bytes([0xC0 | channel, number])


def only(score):
    assert len(score.voices) == 1
    return score.voices[0].notes


TUNE = track((0, on(60)), (480, off(60)), (0, on(62)), (240, off(62)), (240, on(64)), (960, off(64)), (0, END))
NOTE = ((0, on(60)), (480, off(60)))
WHOLE = [(0.0, 0.5, 60.0, 90), (0.5, 0.25, 62.0, 90), (1.0, 1.0, 64.0, 90)]
RICH = midi(
    track((0, b"\xff\x58\x04\x04\x02\x18\x08"), (0, tempo(600_000)), (960, tempo(400_000)), (0, END)),
    track(
        *((0, b"\xff\x03\x05Flute"), (0, program(73)), (0, on(72)), (240, b"\x48\x00"), (0, b"\x4a\x50")),
        *((480, b"\x4a\x00"), (0, b"\xb0\x40\x7f"), (10, b"\xe0\x00\x40"), (0, b"\xf0\x03\x01\x02\xf7"), (0, END)),
    ),
    track(
        *((0, program(42, 1)), (0, on(48, 80, 1)), (0, on(55, 70, 1)), (700, off(48, 1)), (0, off(55, 1))),
        *((0, on(36, 99, 9)), (10, off(36, 9)), (5, b"\xff\x60\x01\x00"), (100, on(50, 60, 1)), (50, END)),
    ),
)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_seconds_at_120_beats_a_minute(kind):
    score = read_midi(midi(TUNE, kind=kind))
    assert only(score) == tuple(WHOLE) and score.duration_s == 2.0 and score.remarks == ()
    assert score.voices[0].name == "Track 1" and score.voices[0].program == 0


def test_running_status_and_velocity_0():
    running = track((0, on(60)), (480, b"\x3c\x00"), (0, b"\x3e\x5a"), (240, b"\x3e\x00"), (0, END))
    assert only(read_midi(midi(running))) == tuple(WHOLE[:2])
    across = track((0, on(60)), (0, b"\xff\x01\x01a"), (480, b"\x3c\x00"), (0, END))  # not allowed, and common
    assert only(read_midi(midi(across))) == (WHOLE[0],)


def test_tempo_changes_hold_for_all_tracks():
    conductor = track((0, tempo(1_000_000)), (480, tempo(250_000)), (0, END))
    # 240 ticks of a slow beat; 480 that begin slow and end quick: 240 · 1/480 s + 240 · 0.25/480 s.
    played = track((240, on(60)), (480, off(60)), (0, on(61)), (480, off(61)), (0, END))
    for tracks in ((conductor, played), (played, conductor)):
        notes = only(read_midi(midi(*tracks)))
        assert notes == ((0.5, 0.625, 60.0, 90), (1.125, 0.25, 61.0, 90))


def test_last_of_two_tempi_on_a_tick_counts():
    assert only(read_midi(midi(track((0, tempo(9)), (0, tempo(1_000_000))), TUNE)))[0].duration_s == 1.0


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 0xFFFFFF)), max_size=8),
    st.lists(st.tuples(st.integers(0, 700), st.integers(1, 700), st.integers(0, 127)), min_size=1, max_size=8),
    st.integers(1, 0x7FFF),
)
@settings(max_examples=150, deadline=None)
def test_tempo_map_tick_by_tick(tempi, notes, division):
    changes, at = {}, 0
    for delta, value in tempi:
        at += delta
        changes[at] = value
    events, starts, at = [], [], 0
    for rest, length, pitch in notes:
        events += [(rest, on(pitch)), (length, off(pitch))]
        starts.append((at + rest, at + rest + length))
        at += rest + length
    seconds, current = [Fraction(0)], 500_000
    for tick in range(at):
        current = changes.get(tick, current)
        seconds.append(seconds[-1] + Fraction(current, division * 1_000_000))
    data = midi(track(*((delta, tempo(value)) for delta, value in tempi)), track(*events), division=division)
    if seconds[at] > 7200:
        with pytest.raises(ScoreError, match="2 hours"):
            read_midi(data)
        return
    for note, (start, end) in zip(only(read_midi(data)), starts, strict=True):
        assert note.onset_s == pytest.approx(float(seconds[start]), rel=1e-12)
        assert note.duration_s == pytest.approx(float(seconds[end] - seconds[start]), rel=1e-12)


def test_the_same_seconds_as_mido():
    rng = random.Random(3)
    file = mido.MidiFile(ticks_per_beat=192)
    for channel in range(4):
        file.tracks.append(mido.MidiTrack([mido.Message("program_change", channel=channel, program=channel)]))
        for _ in range(200):
            if rng.random() < 0.1:
                file.tracks[-1].append(mido.MetaMessage("set_tempo", tempo=rng.randint(10**5, 10**6), time=7))
            pitch, length = rng.randint(40, 90), rng.randint(1, 300)
            file.tracks[-1] += [
                mido.Message("note_on", channel=channel, note=pitch, time=rng.randint(0, 90)),
                mido.Message("note_off", channel=channel, note=pitch, time=length),
            ]
    now, began, expected = 0.0, {}, []
    for message in file:
        now += message.time
        if message.type == "note_on":
            began[message.channel] = now
        elif message.type == "note_off":
            expected.append((message.channel, began[message.channel], now, message.note))
    buffer = io.BytesIO()
    file.save(file=buffer)
    data = buffer.getvalue()
    found = [(v.program, n.onset_s, n.end_s, n.pitch) for v in read_midi(data).voices for n in v.notes]
    assert len(found) == 800
    for one, other in zip(sorted(found), sorted(expected), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize(("frames", "rate"), [(24, 24.0), (25, 25.0), (29, 30000 / 1001), (30, 30.0)])
def test_film_frames(frames, rate):
    data = midi(
        track((0, tempo(9)), (40, on(60)), (400, off(60)), (0, END)), division=(256 - frames) << 8 | 40
    )  # the tempo counts for nothing
    assert only(read_midi(data))[0] == pytest.approx((1 / rate, 10 / rate, 60, 90), rel=1e-12)


def test_tracks_channels_programs():
    score = read_midi(RICH)
    assert [(v.name, v.program, len(v.notes)) for v in score.voices] == [
        ("Flute", 73, 2), ("Track 3, voice 1", 42, 2), ("Track 3, voice 2", 42, 1),
    ]  # fmt: skip
    assert [n.pitch for n in score.voices[1].notes] == [55, 50] and score.voices[2].notes[0].pitch == 48
    text = "\n".join(score.remarks)
    assert "1 note(s) of drums (channel 10) left out" in text and "1 note(s) never ended" in text
    assert "Track 3 plays several notes at once and became 2 voices" in text
    # 710 ticks at 600 then 400 ms a beat; a meta event unknown to anyone keeps its 5 ticks.
    last = score.voices[1].notes[1]
    assert last.onset_s == pytest.approx(815 / 480 * 0.6) and last.duration_s == pytest.approx(50 / 480 * 0.6)


def test_type_0_is_split_by_channel_and_program():
    data = midi(
        track(
            *((0, program(40)), (0, program(56, 3)), (0, on(60)), (0, on(67, 90, 3)), (480, off(60)), (0, off(67, 3))),
            *((0, program(73)), (0, on(62)), (480, off(62)), (0, END)),
        ),
        kind=0,
    )
    assert [(v.program, [n.pitch for n in v.notes]) for v in read_midi(data).voices] == [
        (40, [60]), (73, [62]), (56, [67]),
    ]  # fmt: skip


def test_programs_of_a_channel_reach_other_tracks_but_not_past_their_own():
    setup, own, other = (track((0, program(p)), *e) for p, e in ((10, ()), (20, NOTE), (30, NOTE)))
    assert [v.program for v in read_midi(midi(setup, TUNE)).voices] == [10]
    assert [v.program for v in read_midi(midi(own, other)).voices] == [20, 30]
    assert [v.program for v in read_midi(midi(own, track(*NOTE))).voices] == [20, 20]  # a second hand


def test_first_on_is_ended_by_first_off():
    data = midi(track((0, on(60, 50)), (480, on(60, 60)), (0, off(60)), (480, off(60)), (0, END)))
    assert only(read_midi(data)) == ((0, 0.5, 60, 50), (0.5, 0.5, 60, 60))


def test_notes_of_no_length_and_stray_offs():
    score = read_midi(midi(track((0, off(50)), (0, on(60)), (0, off(60)), (0, on(62)), (480, off(62)), (0, END))))
    assert only(score) == ((0, 0.5, 62, 90),) and score.remarks == ("1 note(s) of no length left out",)


def test_other_chunks_a_wrong_count_and_riff_are_borne():
    odd = b"XFIH" + struct.pack(">I", 3) + b"abc"
    data = midi(odd, TUNE, n_tracks=3)
    assert only(read_midi(data)) == tuple(WHOLE) and "promises 3 track(s), 1 were found" in read_midi(data).remarks[0]
    plain = midi(TUNE)
    riff = b"RIFF" + struct.pack("<I", len(plain) + 12) + b"RMIDdata" + struct.pack("<I", len(plain)) + plain
    assert only(read_midi(riff)) == tuple(WHOLE)
    assert only(read_midi(plain + b"abc")) == tuple(WHOLE)


@pytest.mark.parametrize("name", [b"Fl\xc3\xb6te", b"Fl\xf6te", b"Fl\xf6te\n\0"])
def test_names(name):
    named = track((0, b"\xff\x03" + variable(len(name)) + name), (0, on(60)), (480, off(60)))
    assert read_midi(midi(named)).voices[0].name == "Flöte"
    long = b"\xff\x03" + variable(5000) + b"a" * 5000
    assert len(read_midi(midi(track((0, long), (0, on(60)), (480, off(60))))).voices[0].name) == 80


def test_meta_events_that_make_no_sense_do_not_matter():
    nonsense = [b"\xff\x59\x02\x70\x70", b"\xff\x54\x05\xff\0\0\0\0", b"\xff\x51\x01\x05", b"\xff\x00\x01\x00"]
    for event in nonsense:
        score = read_midi(midi(track((480, event), (0, on(60)), (480, off(60)), (0, END))))
        assert only(score) == ((0.5, 0.5, 60, 90),)


BROKEN = {
    "empty": (b"", "is empty"),
    "garbage": (bytes(range(256)) * 9, "not a MIDI file"),
    "text": (b"MIDI", "not a MIDI file"),
    "only a header": (midi(), "no notes"),
    "half a header": (b"MThd\0\0", "within its header"),
    "short header": (b"MThd\0\0\0\2\0\1" + bytes(9), "within its header"),
    "cut off": (midi(TUNE)[:-9], "ends before its track 1 does"),
    "huge track": (midi(b"MTrk\xff\xff\xff\xff" + bytes(20)), "ends before its track 1 does"),
    "cut message": (midi(track((0, b"\x90\x3c"))), "middle of a message"),
    "cut delta": (midi(track((0, on(60)), (300, b""))), "middle of a message|no notes"),
    "long meta": (midi(track((0, b"\xff\x01\x7fabc"))), "middle of a message"),
    "long sysex": (midi(track((0, b"\xf0\x7fabc"))), "middle of a message"),
    "endless delta": (midi(track((0, on(60)), (0, b"\xff" * 100_000))), "four bytes|middle of a message"),
    "no status": (midi(track((0, b"\x3c\x40"))), "no MIDI file may hold"),
    "realtime": (midi(track((0, b"\xf8"))), "no MIDI file may hold"),
    "value": (midi(track((0, b"\x90\x3c\xff"))), "above 127"),
    "type 2": (midi(TUNE, TUNE, kind=2), "type 2"),
    "type 7": (midi(TUNE, kind=7), "type 7"),
    "no division": (midi(TUNE, division=0), "0 ticks"),
    "no film division": (midi(TUNE, division=(256 - 25) << 8), "ticks of 25 frames"),
    "film of 50 frames": (midi(TUNE, division=(256 - 50) << 8 | 4), "of 50 frames"),
    "tempo 0": (midi(track((0, tempo(0))), TUNE), "tempo of 0"),
    "drums only": (midi(track((0, on(36, 90, 9)), (9, off(36, 9)))), "no notes.*1 note.*drums"),
    "no length": (midi(track((0, on(36)), (0, off(36)))), "no notes.*no length"),
    "no notes": (midi(track((0, program(3)), (0, END))), "no notes"),
    "too long": (midi(track((0, on(60)), (0xFFFFFFF, off(60)))), "2 hours"),
    "too far": (midi(track((0xFFFFFFF, on(60)), (1, off(60)))), "2 hours"),
    "many tracks": (midi(*[track((0, END))] * 1025), "1024 tracks"),
    "chord of 65": (midi(track(*[(1, on(i)) for i in range(65)], (900, END))), "more than 64"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_told_in_one_line(name, tmp_path):
    data, said = BROKEN[name]
    path = tmp_path / "broken.mid"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        with pytest.raises(ScoreError, match=said) as caught:
            read_midi(source)
        assert "\n" not in str(caught.value) and 20 < len(str(caught.value)) < 300
    assert str(caught.value).startswith("broken.mid: ")


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="give the path"):
        read_midi(tmp_path / "none.mid")
    with pytest.raises(ScoreError, match="is a folder"):
        read_midi(tmp_path)


def test_10_000_notes_and_the_limits():
    many = [event for i in range(10_000) for event in ((1, on(i % 100)), (20, off(i % 100)))]
    began = time.perf_counter()
    assert len(only(read_midi(midi(track(*many))))) == 10_000
    assert time.perf_counter() - began < 5
    body = (b"\x01" + on(60) + b"\x01" + off(60)) * (MAX_NOTES + 1)
    with pytest.raises(ScoreError, match="200,000 notes"):
        read_midi(midi(b"MTrk" + struct.pack(">I", len(body)) + body))
    with pytest.raises(ScoreError, match="8 MB"):
        read_midi(midi(TUNE) + bytes(MAX_BYTES))
    heap = (b"\x00" + on(60)) * 20_000 + (b"\x01" + off(60)) * 20_000  # all at once, on one key
    with pytest.raises(ScoreError, match="more than 64"):
        read_midi(midi(b"MTrk" + struct.pack(">I", len(heap)) + heap))


def test_voices_by_the_rule():
    legato = [(0.0, 1.04, 60), (1.0, 1.0, 62)]
    assert separate_voices(legato) == [[Note(0.0, 1.0, 60), Note(1.0, 1.0, 62)]]
    assert [len(v) for v in separate_voices([(0.0, 1.1, 60), (1.0, 1.0, 62)])] == [1, 1]
    assert [len(v) for v in separate_voices(legato, legato_s=0.01)] == [1, 1]
    assert len(separate_voices([(0.0, 1.0, 60), (1.0, 1.0, 62)], legato_s=0)) == 1
    # Overlaps of 40 ms: most of a note of 60 ms, little of one of 100.
    assert len(separate_voices([(0.0, 0.06, 60), (0.02, 0.5, 62)])) == 2
    assert separate_voices([(0.0, 0.1, 60), (0.06, 0.5, 62)]) == [[Note(0.0, 0.06, 60), Note(0.06, 0.5, 62)]]
    chords = [(t, 1.0, p) for t, chord in enumerate([(48, 64, 67, 72), (50, 65, 69, 74)]) for p in chord]
    assert [[n.pitch for n in v] for v in separate_voices(chords)] == [[72, 74], [67, 69], [64, 65], [48, 50]]
    assert len(separate_voices([(0, 0.01, 60), (0, 0.01, 61)])) == 2  # a chord, however short
    assert separate_voices([]) == []


NOTES = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0.001, 3), st.integers(30, 90), st.integers(1, 127)), max_size=25
)


@given(NOTES, st.sampled_from([0.0, 0.05, 0.5]))
@settings(max_examples=200, deadline=None)
def test_voices_hold_every_note_once_and_nothing_overlaps(notes, legato_s):
    voices = separate_voices(notes, legato_s)
    assert sorted((n.onset_s, n.pitch, n.velocity) for v in voices for n in v) == sorted(
        (a, p, v) for a, _, p, v in notes
    )
    whole = check_notes(notes)
    for number, voice in enumerate(voices):
        for one, other in itertools.pairwise(voice):
            assert one.onset_s < other.onset_s and one.end_s <= other.onset_s + 1e-9
        for note in voice:
            assert note.duration_s > 0
            for above in voices[:number]:  # why it is not there: something at least as high sounds meanwhile
                assert any(
                    o.pitch >= note.pitch and o.onset_s < _end(whole, note) and _end(whole, o) > note.onset_s
                    for o in above
                )


def _end(whole, note):
    """Where a note ended before it was cut."""
    return max(n.end_s for n in whole if (n.onset_s, n.pitch) == (note.onset_s, note.pitch))


@pytest.mark.parametrize("legato_s", [-1, float("nan"), float("inf"), "5"])
def test_bad_legato(legato_s):
    with pytest.raises(ValueError, match="legato_s"):
        separate_voices([(0, 1, 60)], legato_s)


LINES = st.lists(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.002, 2), st.integers(0, 127), st.integers(1, 127)), min_size=1,
             max_size=12),
    min_size=1, max_size=20,
)  # fmt: skip


@given(LINES, st.floats(4, 1000), st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_written_and_read_again(tmp_path_factory, lines, tempo_bpm, name):
    voices = []
    for number, line in enumerate(lines):
        at, notes = 0.0, []
        for rest, length, pitch, velocity in line:
            notes.append(Note(at + rest, length, float(pitch), velocity))
            at += rest + length
        voices.append(Voice(f"Line {number} {name}", number * 5, tuple(notes)))
    path = tmp_path_factory.getbasetemp() / "round.mid"
    write_midi(path, Score(tuple(voices)), tempo_bpm)
    again = read_midi(path)
    tick = 60 / tempo_bpm / 960
    assert again.remarks == () and [v.program for v in again.voices] == [v.program for v in voices]
    for one, other in zip(voices, again.voices, strict=True):
        assert other.name.startswith(one.name.split()[0]) and len(one.notes) == len(other.notes)
        for a, b in zip(one.notes, other.notes, strict=True):
            assert a[2:] == b[2:]
            # A note shorter than a tick takes one, and moves its neighbour on.
            assert abs(a.onset_s - b.onset_s) < tick * (0.51 if tick < 0.002 else 13)
            assert abs(a.end_s - b.end_s) < tick * (1.01 if tick < 0.002 else 13)


def test_written_file_is_plain(tmp_path):
    path = tmp_path / "tune.mid"
    notes = (Note(0, 1, 60.4), Note(0.9, 0.5, 62.0, 300), Note(0.9, 0.5, 64.0))
    write_midi(path, Score((Voice("Flöte", 73, notes), Voice("Cello \ud800", 42, (Note(0.5, 1, 48),)))), 90)
    file = mido.MidiFile(path, charset="utf-8")
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (1, 960, 3)
    assert file.length == pytest.approx(1.5, abs=1e-3) and file.tracks[1].name == "Flöte"
    score = read_midi(path)
    assert [n.pitch for n in score.voices[0].notes] == [60, 62, 64] and score.voices[0].notes[1].velocity == 127
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("score", "file", "bpm", "said"),
    [
        (Score(()), "a.mid", 120, "needs a note"),
        (Score((Voice("a", 0, ()),)), "a.mid", 120, "needs a note"),
        (Score((Voice("a", 0, (Note(8000, 1, 60),)),)), "a.mid", 120, "two hours"),
        (Score((Voice("a", 0, (Note(float("nan"), 1, 60),)),)), "a.mid", 120, "needs a note"),
        (Score((Voice("a", 0, (Note(-0.5, 1, 60),)),)), "a.mid", 120, "onset"),
        (Score((Voice("a", 128, (Note(0, 1, 60),)),)), "a.mid", 120, "program"),
        (Score((Voice("a", 0, (Note(0, 1, 60),)),)), "a.wav", 120, "ending in .mid"),
        (Score((Voice("a", 0, (Note(0, 1, 60),)),)), "none/a.mid", 120, "folder that exists"),
        (Score((Voice("a", 0, (Note(0, 1, 60),)),)), "a.mid", 0, "tempo_bpm"),
        (Score((Voice("a", 0, (Note(0, 1, 60),)),)), "a.mid", float("nan"), "tempo_bpm"),
    ],
)
def test_what_cannot_be_written(tmp_path, score, file, bpm, said):
    with pytest.raises(ScoreError, match=said):
        write_midi(tmp_path / file, score, bpm)
    assert not list(tmp_path.iterdir())


def seeds():
    dense = track(*[e for i in range(60) for e in ((3, on(40 + i % 40)), (0, b"\x50\x30"), (9, b"\x50\x00"))], (9, END))
    return [midi(TUNE), RICH, midi(TUNE, TUNE, division=0xE728), midi(dense, kind=0), midi(track((0, tempo(3))), dense)]


def mutated(rng):
    data = bytearray(rng.choice(seeds()))
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        kind, at = rng.randrange(6), rng.randrange(len(data)) if data else 0
        if kind == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 40))
        elif kind == 4:
            del data[at : at + rng.randrange(1, 20)]
        else:  # a length of a chunk, or of the header
            places = [i + 4 for i in range(len(data) - 8) if data[i : i + 4] in (b"MTrk", b"MThd")]
            if places:
                place = rng.choice(places)
                data[place : place + 4] = rng.choice(
                    (bytes(4), b"\xff" * 4, rng.randbytes(4), bytes(3) + rng.randbytes(1))
                )
    last = data.rfind(b"MTrk")
    if last >= 0 and rng.random() < 0.5:  # so that what lies within the last track is met too
        data[last + 4 : last + 8] = struct.pack(">I", max(len(data) - last - 8, 0))
    return bytes(data)


def fuzz(n_files, seed=0):
    """Read mutated files: how many gave notes, how many an error with a message, and the longest time, seconds."""
    rng, notes, errors, longest = random.Random(seed), 0, 0, 0.0
    for number in range(n_files):
        data = mutated(rng)
        began = time.perf_counter()
        try:
            score = read_midi(data)
        except ScoreError as error:
            assert str(error) and "\n" not in str(error)
            errors += 1
        except Exception as error:
            raise AssertionError(f"file {number} of seed {seed}: {error!r}") from error
        else:
            assert score.voices and all(check_notes(v.notes) == list(v.notes) for v in score.voices)
            assert 0 < score.duration_s <= 7200.001
            notes += 1
        longest = max(longest, time.perf_counter() - began)
    return notes, errors, longest


def test_500_mutated_files():
    notes, errors, longest = fuzz(500, seed=1)
    assert notes + errors == 500 and notes > 50 and errors > 50 and longest < 2


def test_names_at_the_top():
    assert cl.read_midi is read_midi and cl.Note is Note and issubclass(cl.ScoreError, ValueError)


if __name__ == "__main__":
    began = time.perf_counter()
    given_notes, given_errors, slowest = fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(f"{given_notes} gave notes, {given_errors} an error with a message; slowest {slowest * 1e3:.1f} ms; "
          f"{time.perf_counter() - began:.1f} s in all")  # fmt: skip
