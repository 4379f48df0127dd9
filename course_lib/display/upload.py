"""A small panel for a running kernel: upload a recording, choose an instrument, hear it played."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any


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


def play_file(path: str | Path, instrument: str, octave: int | None = None, loudness_shift_db: float = 0.0) -> None:
    """Transfer a recording to an instrument and show both to listen to; what is wrong with it is said in one line.

    Args:
        path: WAV, FLAC, OGG or MP3; stereo is averaged.
        instrument: as in `transfer`.
        octave: as in `transfer`.
        loudness_shift_db: as in `transfer`.

    Chapter: book/tone_transfer/transfer.ipynb
    """
    from course_lib.clips import load_audio
    from course_lib.display.audio import listen
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
                play_file(path, instrument.value, octave.value, float(shift.value))

    button.on_click(play)
    return widgets.VBox([upload, instrument, octave, shift, button, output])
