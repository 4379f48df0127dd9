"""Listening: players that never change the level, and an A/B switch that keeps the place."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from course_lib.core.checks import check_audio, check_sample_rate
from course_lib.effects.levels import fade_cuts, gain_to_level

# Moves playback to the next player at the same moment in time; without it the players still work one by one.
_SWITCH = """(() => {
  const name = 'TAG';
  if (customElements.get(name)) return;
  customElements.define(name, class extends HTMLElement {
    connectedCallback() {
      const players = [...this.querySelectorAll('audio')], button = this.querySelector('button');
      if (!button || this.ready) return;
      this.ready = true;
      let current = -1;
      players.forEach((p, i) => p.addEventListener('play', () => {
        current = i;
        players.forEach((q) => { if (q !== p) q.pause(); });
        const next = players[(i + 1) % players.length];
        button.textContent = 'Switch to ' + next.getAttribute('aria-label');
      }));
      button.hidden = false;
      button.addEventListener('click', () => {
        const from = players[current], to = players[(current + 1) % players.length];
        const going = from && !from.paused && !from.ended;
        to.currentTime = going ? from.currentTime : 0;
        to.play();
      });
    }
  });
})();"""
_TAG = "ddsp-listen-" + hashlib.sha256(_SWITCH.encode()).hexdigest()[:8]


def encode_audio(audio: Any, sample_rate: float, bits: int = 16) -> tuple[bytes, int]:
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
    sound: Tensor | Mapping[str, Any],
    sample_rate: float,
    bits: int = 16,
    *,
    level_db: float | None = None,
    fade_s: float = 0.01,
) -> str:
    """Return the player, or one player per label with a switch, as HTML."""
    sounds = dict(sound) if isinstance(sound, Mapping) else {"sound": sound}
    if not sounds:
        raise ValueError("listen got an empty dict: give it at least one {label: sound}")
    sounds = {label: fade_cuts(check_audio(audio), sample_rate, fade_s) for label, audio in sounds.items()}
    note = ""
    if level_db is not None:
        gain = gain_to_level(list(sounds.values()), sample_rate, level_db)
        sounds = {label: gain * audio for label, audio in sounds.items()}
        note = f"<div style='font-size:.85em;opacity:.8'>played at {_signed_db(gain)} dB</div>"
    rows = []
    for label, audio in sounds.items():
        data, clipped = encode_audio(audio, sample_rate, bits)
        name = html.escape(str(label), quote=True)
        caption = f"<span style='display:inline-block;min-width:9em'>{name}</span>" if len(sounds) > 1 else ""
        warning = ""
        if clipped:
            warning = f" <strong>clips: {clipped} samples over full scale</strong>"
        rows.append(
            f"<div style='display:flex;flex-wrap:wrap;align-items:center;gap:.5em;margin:.25em 0'>{caption}"
            f"<audio controls preload='metadata' aria-label='{name}' style='max-width:100%' "
            f"src='data:audio/flac;base64,{base64.b64encode(data).decode()}'></audio>{warning}</div>"
        )
    if len(sounds) == 1:
        return rows[0] + note
    first = html.escape(str(next(iter(sounds))))
    button = f"<button type='button' hidden style='padding:.3em .8em'>Switch to {first}</button>"
    script = _SWITCH.replace("TAG", _TAG)
    return f"<{_TAG} style='display:block'>{''.join(rows)}{button}{note}</{_TAG}><script>{script}</script>"


def listen(
    sound: Tensor | Mapping[str, Any],
    sample_rate: float,
    bits: int = 16,
    *,
    level_db: float | None = None,
    fade_s: float = 0.01,
) -> None:
    """Show a player for a sound, or for several with a switch between them (A/B).

    The level is not changed unless asked for: what is quieter sounds quieter. Where a sound goes over full scale the
    player says how many samples clip. An edge at which a sound was cut is faded, so that it does not click.

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
    """
    from IPython.display import HTML, display

    display(HTML(listen_html(sound, sample_rate, bits, level_db=level_db, fade_s=fade_s)))
