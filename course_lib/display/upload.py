"""Small panels for a running kernel: upload a recording or a score, choose an instrument, hear it played."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from course_lib.core.extras import needs_course


def uploaded_file(value: Any) -> tuple[str, bytes] | None:
    """Name and content of the (last) file of an ipywidgets `FileUpload`, whose value differs between versions 7 and 8.

    >>> uploaded_file({"a.wav": {"metadata": {"name": "a.wav"}, "content": b"RIFF"}})
    ('a.wav', b'RIFF')
    >>> uploaded_file(({"name": "a.wav", "content": memoryview(b"RIFF")},))
    ('a.wav', b'RIFF')
    """
    if not value:
        return None
    if isinstance(value, dict):  # version 7
        name = list(value)[-1]
        return name, bytes(value[name]["content"])
    return value[-1]["name"], bytes(value[-1]["content"])


def play_file(path: str | Path, instrument: str, *, octave: int | None = None, loudness_shift_db: float = 0.0) -> None:
    """Transfer a recording to an instrument and show both to listen to; what is wrong with it is said in one line.

    Args:
        path: WAV, FLAC, OGG or MP3; stereo is averaged.
        instrument: as in `transfer`.
        octave: as in `transfer`.
        loudness_shift_db: as in `transfer`.

    Chapter: book/tone_transfer/transfer.ipynb
    """
    from course_lib.display.audio import listen
    from course_lib.sounds.clips import load_audio
    from course_lib.tone_transfer.render import describe, transfer

    try:
        audio, rate = load_audio(path, mono=True, allow_8_bit=True)
        result = transfer(audio, rate, instrument, octave=octave, loudness_shift_db=loudness_shift_db)
    except (ValueError, FileNotFoundError) as error:
        print(f"This cannot be played: {error}")
        return
    for line in (describe(result), *result.remarks):
        print(line)
    listen({"you": audio}, rate)
    listen({instrument: result.audio / max(1.0, float(result.audio.abs().max()))}, result.sample_rate)


def upload_panel() -> Any:
    """Return a panel of ipywidgets: a file, an instrument, octaves, loudness, and a button. Needs a running kernel.

    Chapter: book/tone_transfer/transfer.ipynb
    """
    with needs_course("upload_panel"):
        import ipywidgets as widgets

    from course_lib.tone_transfer.checkpoint import instrument_names

    upload = widgets.FileUpload(accept="audio/*", multiple=False, description="Recording")
    instrument = widgets.Dropdown(options=instrument_names(), description="Instrument")
    octave = widgets.Dropdown(
        options=[("nearest", None), *((f"{n:+d}", n) for n in range(-3, 4))], description="Octave"
    )
    shift = widgets.IntSlider(value=0, min=-20, max=20, description="Louder (dB)")
    button, output = widgets.Button(description="Play"), widgets.Output()

    def play(_: Any) -> None:
        output.clear_output()
        file = uploaded_file(upload.value)
        with output:
            if file is None:
                print("Choose a recording first: one voice, up to ten minutes.")
                return
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"recording{Path(file[0]).suffix}"
                path.write_bytes(file[1])
                play_file(path, instrument.value, octave=octave.value, loudness_shift_db=float(shift.value))

    button.on_click(play)
    return widgets.VBox([upload, instrument, octave, shift, button, output])


def play_midi(
    path: str | Path, instrument: str | None = None, *, seed: int | None = None, most_s: float = 30.0
) -> None:
    """Perform the beginning of a MIDI file and show it to listen to; what is wrong with it is said in one line.

    Args:
        path: of a MIDI file.
        instrument: who plays every voice; None: those nearest to the file's programs.
        seed: of the performance; None: the mean one.
        most_s: how much of it is played, s.

    Chapter: book/midi_ddsp/end_to_end.ipynb
    """
    from course_lib.display.audio import listen
    from course_lib.midi_ddsp import mix, perform, play, synthesise
    from course_lib.midi_ddsp.playing.players import instrument_of, out_of_range
    from course_lib.midi_ddsp.playing.voices import playable
    from course_lib.scores import read_midi

    try:
        score = read_midi(path)
        stems = []
        for number, voice in enumerate(score.voices):
            notes = [note for note in playable(voice.notes)[0] if note.end_s <= most_s]
            player = instrument or instrument_of(voice.program)
            if not notes:
                continue
            beyond = len(out_of_range(notes, player))
            print(f"{voice.name}: {player}, {len(notes)} notes" + (f", {beyond} out of its range" if beyond else ""))
            own = None if seed is None else seed + number
            controls = play(notes, perform(notes, player, seed=own), player, seed=(seed or 0) + number)
            stems.append(synthesise(controls, seed=(seed or 0) + number))
    except (ValueError, FileNotFoundError) as error:
        print(f"This cannot be played: {error}")
        return
    for remark in score.remarks:
        print(remark)
    if not stems:
        print(f"This cannot be played: no note ends within the first {most_s:g} s.")
        return
    sound = mix(stems)
    listen(sound * (0.5 / max(1e-6, float(sound.abs().max()))), 16_000)


def midi_upload_panel() -> Any:
    """Return a panel of ipywidgets: a MIDI file, an instrument, a seed, and a button. Needs a running kernel.

    Chapter: book/midi_ddsp/end_to_end.ipynb
    """
    with needs_course("midi_upload_panel"):
        import ipywidgets as widgets

    from course_lib.midi_ddsp.playing.players import RANGES

    upload = widgets.FileUpload(accept=".mid,.midi", multiple=False, description="MIDI file")
    instrument = widgets.Dropdown(options=[("as in the file", None), *((n, n) for n in RANGES)], description="Player")
    seed = widgets.IntSlider(value=1, min=0, max=99, description="Seed")
    button, output = widgets.Button(description="Play"), widgets.Output()

    def play(_: Any) -> None:
        output.clear_output()
        file = uploaded_file(upload.value)
        with output:
            if file is None:
                print("Choose a MIDI file first; half a minute of it is played.")
                return
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "song.mid"
                path.write_bytes(file[1])
                play_midi(path, instrument.value, seed=seed.value)

    button.on_click(play)
    return widgets.VBox([upload, instrument, seed, button, output])
