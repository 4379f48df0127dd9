"""Ensemble: several dry voices become one sound for two ears."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_count, check_finite
from course_lib.core.types import ArrayLike
from course_lib.effects.reverb import reverb
from course_lib.scores.notes import Note, check_notes

WIDTH = 0.8
CEILING = 0.99
# Frequency ratios of the intervals of 0 … 11 semitones, of small whole numbers.
PURE = (1, 16 / 15, 9 / 8, 6 / 5, 5 / 4, 4 / 3, 45 / 32, 3 / 2, 8 / 5, 5 / 3, 9 / 5, 15 / 8)


def pan_gain(pan: ArrayLike) -> Tensor:
    """Return how much of a voice goes to the left and to the right, so that its power is the same everywhere.

    Args:
        pan: a number or (…), −1 (left) to 1 (right).

    Returns:
        (…, 2); the squares add up to 1.

    Raises:
        ValueError: a place beyond −1 … 1.

    Chapter: book/midi_ddsp/chorale.ipynb

    >>> pan_gain([-1.0, 0.0]).round(decimals=2)
    tensor([[1.0000, 0.0000],
            [0.7100, 0.7100]])
    """
    place = check_finite(as_tensor(pan, "pan"), "pan")
    if bool((place.detach().abs() > 1).any()):
        raise ValueError(f"pan must lie between -1 (left) and 1 (right); got {place.detach().tolist()!r:.80}")
    quarter = math.pi / 4
    return torch.stack([(quarter * (1 - place)).sin(), (quarter * (1 + place)).sin()], -1)


def even_pans(n_voices: int, *, width: float = WIDTH) -> Tensor:
    """Return places from left to right, as far apart as possible: (n_voices,), −width … width; one stands in front.

    >>> even_pans(3)
    tensor([-0.8000,  0.0000,  0.8000])
    """
    n = check_count(n_voices, "n_voices")
    if not 0 <= width <= 1:
        raise ValueError(f"width must lie between 0 (all in one place) and 1; got {width!r}")
    return torch.linspace(-width, width, n) if n > 1 else torch.zeros(1)


def mix(
    stems: Tensor | Sequence[ArrayLike],
    *,
    pans: ArrayLike | None = None,
    gains_db: ArrayLike | None = None,
    room: ArrayLike | None = None,
) -> Tensor:
    """Mix voices: a level and a place for each, one room for all.

    Args:
        stems: (n_voices, n_samples), or sounds (n_samples,) that may differ in length; the short ones end in silence.
        pans: (n_voices,), −1 (left) to 1 (right); None: evenly from left to right, in the order of the stems.
        gains_db: (n_voices,), dB; None: as they are.
        room: impulse response, (n_taps,) or (2, n_taps) for the two ears; tap 0 is ignored, as in `reverb`.

    Returns:
        (2, n_samples), left and right. Where a sample would lie beyond ±0.99, the whole mix is turned down, so that
        balance and waveform stay.

    Raises:
        ValueError: no voices, as many places or gains as there are not voices, a room for neither one nor two ears,
            a gain that is not finite, NaN.

    Chapter: book/midi_ddsp/chorale.ipynb

    >>> mix([[0.5, 0.0], [0.0, 0.25]], pans=[-1, 1])
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    voices = _as_voices(stems)
    n_voices = len(voices)
    places = even_pans(n_voices) if pans is None else as_tensor(pans, "pans")
    levels = torch.zeros(n_voices) if gains_db is None else check_finite(as_tensor(gains_db, "gains_db"), "gains_db")
    for name, values in (("pans", places), ("gains_db", levels)):
        if values.shape != (n_voices,):
            raise ValueError(f"{name} must be ({n_voices},), one number a voice; got {tuple(values.shape)}")
    gains = pan_gain(places) * 10.0 ** (levels.unsqueeze(-1) / 20.0)
    stereo = gains.to(voices).T @ voices
    if room is not None:
        response = as_tensor(room, "room")
        if response.ndim not in (1, 2) or (response.ndim == 2 and len(response) != 2):
            raise ValueError(f"room must be (n_taps,) or (2, n_taps); got {tuple(response.shape)}")
        stereo = reverb(stereo, response.to(stereo))
    peak = stereo.abs().max()
    return stereo * (CEILING / peak) if float(peak.detach()) > CEILING else stereo


def tune_to_bass(notes: Iterable[Note], bass: Iterable[Note]) -> list[Note]:
    """Retune a voice so that it makes pure intervals with the bass that sounds when each of its notes begins.

    Args:
        notes: of one voice, equally tempered.
        bass: of the lowest one, which stays as it is.

    Returns:
        The notes, in order of onset, with pitches between the keys; where no bass sounds they stay.

    Raises:
        ScoreError: notes that are none.

    Source: the ratios of just intonation, as in Helmholtz, 1863. Chapter: book/midi_ddsp/chorale.ipynb

    >>> round(tune_to_bass([Note(0.0, 1.0, 66.0)], [Note(0.0, 1.0, 50.0)])[0].pitch, 3)  # a tenth
    65.863
    """
    below = check_notes(bass)
    tuned = []
    for note in check_notes(notes):
        root = next((b.pitch for b in reversed(below) if b.onset_s <= note.onset_s + 1e-6 < b.end_s), note.pitch)
        octaves, step = divmod(round(note.pitch - root), 12)
        tuned.append(note._replace(pitch=root + 12 * (octaves + math.log2(PURE[step]))))
    return tuned


def _as_voices(stems: Tensor | Sequence[ArrayLike]) -> Tensor:
    """(n_voices, n_samples)."""
    if isinstance(stems, Tensor):
        voices = check_audio(stems, "stems")
        if voices.ndim != 2:
            raise ValueError(f"stems must be (n_voices, n_samples); got {tuple(voices.shape)}")
        return voices
    rows = [check_audio(stem, f"stem {number}") for number, stem in enumerate(stems, 1)]
    if not rows or any(row.ndim != 1 for row in rows):
        shapes = ", ".join(str(tuple(row.shape)) for row in rows) or "none"
        raise ValueError(f"stems must be sounds (n_samples,), one or more; got {shapes}")
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
