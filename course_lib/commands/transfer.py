"""`python -m course_lib transfer IN OUT --instrument NAME`: play a recording on another instrument."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from course_lib.commands.arguments import PROGRAM, seed
from course_lib.sounds.files import blocks_at, check_output, clock, read_sound, write_sound
from course_lib.tone_transfer.checkpoint import instrument_names, load_instrument
from course_lib.tone_transfer.listening import LONGEST_S
from course_lib.tone_transfer.render import describe, transfer


def add(t: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    t.add_argument("input", type=Path, help="WAV, FLAC, OGG or MP3; any rate, mono or stereo, one voice, up to 10 min")
    t.add_argument("output", type=Path, help="WAV, FLAC or OGG, as the suffix says")
    t.add_argument("--instrument", required=True, help=f"{_known()} or a .safetensors file")
    t.add_argument(
        "--octave",
        type=int,
        metavar="N",
        help="octaves up (+1) or down (-1), instead of those that come nearest to the instrument",
    )
    t.add_argument("--loudness-shift", type=float, default=0.0, metavar="DB", help="play louder (+6) or softer (-6)")
    t.add_argument("--no-match", action="store_true", help="leave pitch and loudness where they are")
    t.add_argument("--seed", type=seed, default=0, help="of the noise")
    t.add_argument("--parts", type=Path, metavar="DIR", help="also write harmonic, noise and room by themselves")
    t.add_argument("--sample-rate", type=int, metavar="HZ", help="of the output; the instrument's own if left out")
    t.set_defaults(run=run)


def _known() -> str:
    try:
        return ", ".join(instrument_names())
    except OSError:
        return "a name"


def run(options: argparse.Namespace) -> None:
    """Everything that can be refused is refused before the first second is computed."""
    output = check_output(options.output)
    if output.exists() and options.input.exists() and output.samefile(options.input):
        raise ValueError(f"{output} is the recording itself; give another name for the result")
    outputs = {"": output}
    if options.parts is not None:
        if options.parts.exists() and not options.parts.is_dir():
            raise ValueError(f"{options.parts} is a file; --parts takes a folder")
        outputs |= {name: options.parts / f"{name}{output.suffix}" for name in ("harmonic", "noise", "room")}
    resolved = [path.resolve() for path in (options.input, *outputs.values())]
    if len(set(resolved)) < len(resolved):
        raise ValueError(f"{output}, the recording and the parts need different names")
    model, facts = load_instrument(options.instrument)
    own_rate = model.config.sample_rate
    rate = own_rate if options.sample_rate is None else options.sample_rate
    if not 8_000 <= rate <= 192_000:
        raise ValueError(f"--sample-rate must lie between 8000 and 192000 Hz; got {rate}")
    sound = read_sound(options.input, sample_rate=own_rate, longest_s=LONGEST_S)
    try:
        result = transfer(
            sound.audio,
            own_rate,
            (model, facts),
            octave=options.octave,
            loudness_shift_db=options.loudness_shift,
            match=not options.no_match,
            seed=options.seed,
            flat_tops=sound.flat_tops,
            progress=None if sys.stderr.isatty() else False,
        )
    except ValueError as error:
        raise ValueError(f"{options.input}: {error}") from error
    for remark in result.remarks:
        _say(remark)
    sounds = {path: (result.parts[name] if name else result.audio).numpy() for name, path in outputs.items()}
    if options.parts is not None:
        options.parts.mkdir(parents=True, exist_ok=True)
    blocks = (block for samples in sounds.values() for block in blocks_at(samples, sample_rate=own_rate, new_rate=rate))
    peak = max(float(np.abs(block).max(initial=0.0)) for block in blocks)
    if peak > 1.0:
        _say(f"the sound went {20 * np.log10(peak):.1f} dB beyond full scale and was turned down to fit")
    for path, samples in sounds.items():
        write_sound(path, samples, own_rate, new_rate=rate, gain=1.0 if peak <= 1.0 else 0.999 / peak)
    print(f"{output}: {clock(len(result.audio) / own_rate)} at {rate} Hz; {describe(result)}")


def _say(remark: str) -> None:
    print(f"{PROGRAM} transfer: {remark}", file=sys.stderr)
