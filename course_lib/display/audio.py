"""Listening: players that never change the level; several sounds share one, which keeps the place between them."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from course_lib.core.checks import check_audio, check_sample_rate
from course_lib.core.extras import needs_course
from course_lib.core.types import ArrayLike, Labelled
from course_lib.display.figures.bundle import bundle_file
from course_lib.display.players.facts import equal_loudness_db, outlines
from course_lib.effects.levels import fade_cuts, gain_to_level

PLAYER = Path(__file__).parent / "players" / "group.js"
# Singles have no script; what begins to sound stops the others, as a group does.
ALONE = "for(const a of document.querySelectorAll('audio'))if(a!==this)a.pause()"


def encode_audio(audio: ArrayLike, sample_rate: float, *, bits: int = 16) -> tuple[bytes, int]:
    """Encode sound losslessly for a page.

    Args:
        audio: (n_samples,), or (2, n_samples) for left and right; full scale ±1, louder samples are clipped.
        sample_rate: Hz.
        bits: 8 … 16; with fewer a page is lighter, and the noise of rounding lies 6 dB a bit higher.

    Returns:
        A 16-bit FLAC file's bytes, and the number of samples that were clipped.

    Raises:
        ValueError: not one sound, empty, NaN or infinite samples, bits out of range.
    """
    import soundfile

    if not 8 <= bits <= 16:
        raise ValueError(f"bits must lie between 8 and 16; got {bits!r}")
    sound = check_audio(audio).detach().cpu()
    if sound.ndim > 1 and sound.numel() == sound.shape[-1]:
        sound = sound.reshape(-1)
    if sound.ndim != 1 and not (sound.ndim == 2 and len(sound) == 2):
        raise ValueError(
            f"listen plays one sound of shape (n_samples,), or (2, n_samples) in stereo; got {tuple(sound.shape)}. "
            "Pick one of the batch, or pass a dict of sounds"
        )
    samples = sound.double().numpy()
    clipped = int((np.abs(samples) > 1.0).sum())
    buffer = io.BytesIO()
    rate = round(check_sample_rate(sample_rate))
    if bits < 16:
        samples = np.round(samples * 2 ** (bits - 1)) / 2 ** (bits - 1)
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0).T, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue(), clipped


def _signed_db(gain: float) -> str:
    return f"{20 * math.log10(gain):+.1f}".replace("-", "−")


def listen_html(
    sound: Labelled,
    sample_rate: float,
    *,
    bits: int = 16,
    level_db: float | None = None,
    fade_s: float = 0.01,
) -> str:
    """Return the player as HTML: an `<audio>` element a sound, which for several sounds a script makes into one."""
    named = dict(sound) if isinstance(sound, Mapping) else {"sound": sound}
    if not named:
        raise ValueError("listen got an empty dict: give it at least one {label: sound}")
    sounds = {label: fade_cuts(check_audio(audio), sample_rate, fade_s=fade_s) for label, audio in named.items()}
    note = ""
    if level_db is not None:
        gain = gain_to_level(list(sounds.values()), sample_rate, level_db=level_db)
        sounds = {label: gain * audio for label, audio in sounds.items()}
        note = f"<small>played at {_signed_db(gain)} dB</small>"
    encoded = [encode_audio(audio, sample_rate, bits=bits) for audio in sounds.values()]
    several = len(sounds) > 1
    facts = [""] * len(sounds)
    if several:
        group = list(sounds.values())
        gains, rows = equal_loudness_db(group, sample_rate), outlines(group)
        facts = [
            f" data-seconds='{x.shape[-1] / sample_rate:.6g}' data-peaks='{row}' data-gain='{gain_db:g}'"
            for x, row, gain_db in zip(group, rows, gains, strict=True)
        ]
    rows = [_row(str(label), *enc, fact, several) for label, enc, fact in zip(sounds, encoded, facts, strict=True)]
    if not several:
        return rows[0] + note
    script = bundle_file(PLAYER, "define")
    tag = f"ddsp-listen-{hashlib.sha256(script.encode()).hexdigest()[:8]}"
    children = f"{''.join(rows)}{note}<template></template>"  # the script waits for the template
    return (
        f"<{tag} data-rate='{round(sample_rate)}' style='display:block'>{children}</{tag}>"
        f"<script>(()=>{{\nif(customElements.get('{tag}'))return;\n{script}\ndefine('{tag}');\n}})();</script>"
    )


def _row(label: str, data: bytes, clipped: int, facts: str, several: bool) -> str:
    """One sound: its label, its own player, and how much of it clips."""
    name = html.escape(label, quote=True)
    caption = f"<span style='min-width:9em'>{name}</span>" if several else ""
    alone = html.escape(ALONE, quote=True)
    warning = f"<strong>clips: {clipped} samples over full scale</strong>" if clipped else ""
    return (
        f"<div style='display:flex;flex-wrap:wrap;align-items:center;gap:.5em;margin:.25em 0'>{caption}"
        f"<audio controls preload='metadata' aria-label='{name}' style='max-width:100%' onplay=\"{alone}\"{facts} "
        f"src='data:audio/flac;base64,{base64.b64encode(data).decode()}'></audio>{warning}</div>"
    )


def listen(
    sound: Labelled,
    sample_rate: float,
    *,
    bits: int = 16,
    level_db: float | None = None,
    fade_s: float = 0.01,
) -> None:
    """Show a player for a sound, or one for several that run together, of which one is heard.

    The level is not changed unless asked for: what is quieter sounds quieter. Where a sound goes over full scale the
    player says how many samples clip. An edge at which a sound was cut is faded, so that it does not click.

    Several sounds are tabs of one player. Switching between them, by mouse, by the arrow keys or with 1 … 9, keeps the
    place; a sound that is over by then begins again. Space plays and pauses, and a click on the strip goes to that
    place. *Equal loudness* turns sounds up or down until they are as loud as each other (K-weighted as in
    ITU-R BS.1770), none over full scale, and says by how much. *Can you hear it?* is a blind test of two of them (ABX):
    in each of ten rounds X is one of the two, drawn anew; 1, 2 and 3 play A, X and B, the keys A and B answer, and the
    score comes with how often guessing would reach it. Without a script all are players of their own.

    Args:
        sound: (n_samples,), or (2, n_samples) for left and right, full scale ±1; or {label: sound}.
        sample_rate: Hz.
        bits: 8 … 16 a sample; fewer make a lighter page.
        level_db: active RMS (see `active_rms_db`) of the loudest of the sounds, reached by one gain for all of them,
            which the player states; None leaves the level alone. The book's examples are played at −20 dB unless
            level is the lesson.
        fade_s: length of the fades, s; 0 for a click that begins at sample 0.

    Raises:
        ValueError: empty sound or dict, more than one sound in a tensor, NaN, a sample rate that is not positive, bits
            out of range, a negative fade.

    Chapter: book/intro.ipynb

    >>> import torch
    >>> listen(torch.zeros(800), sample_rate=16000)
    <IPython.core.display.HTML object>
    """
    with needs_course("listen"):
        from IPython.display import HTML, display

    display(HTML(listen_html(sound, sample_rate, bits=bits, level_db=level_db, fade_s=fade_s)))
