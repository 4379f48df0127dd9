"""Levels for listening: how loud a sound is while it sounds, one gain for a group, and short fades where it was cut."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.core.checks import check_audio, check_eager, check_sample_rate, in_single
from course_lib.core.types import ArrayLike

BLOCK_S = 0.05
SOUNDING_DB = 40.0  # a block this far below the loudest one is a rest or a tail, and plays no part in the level
CUT = 1e-3  # an edge above this part of the peak was cut: it clicks
FULL_SCALE = 0.99


def active_rms_db(audio: ArrayLike, sample_rate: float) -> float:
    """Measure how loud a sound is while it sounds: RMS over its blocks of 50 ms, without rests and tails.

    Without them a plucked note and a held one of equal level while they sound would be far apart. The idea is that of
    ITU-T P.56, active speech level; blocks more than 40 dB below the loudest are left out.

    Args:
        audio: (…, n_samples), full scale ±1; channels are taken together.
        sample_rate: Hz.

    Returns:
        Level in dB relative to an RMS of 1; −120 in silence.

    Raises:
        ValueError: empty, NaN or infinite sound, or a sample rate that is not positive.

    Chapter: book/notation.ipynb

    >>> round(active_rms_db(torch.ones(8000), 16000), 1)
    0.0
    """
    sound = check_audio(audio)
    check_eager("active_rms_db returns a plain number", sound)
    sound = sound.detach().double()
    sound = sound.reshape(-1, sound.shape[-1])
    size = min(max(1, round(BLOCK_S * check_sample_rate(sample_rate))), sound.shape[-1])
    blocks = sound[:, : sound.shape[-1] // size * size].reshape(len(sound), -1, size)
    power = blocks.square().mean(dim=(0, 2))
    if float(power.max()) <= 1e-12:
        return -120.0
    sounding = power > power.max() * 10.0 ** (-SOUNDING_DB / 10.0)
    return 10.0 * math.log10(float(power[sounding].mean()))


def gain_to_level(sounds: list[Tensor], sample_rate: float, *, level_db: float) -> float:
    """Find the one gain that brings the loudest of some sounds to a level; none of them is driven over full scale.

    Args:
        sounds: each (…, n_samples), full scale ±1.
        sample_rate: Hz.
        level_db: wanted active RMS of the loudest, dB; see `active_rms_db`.

    Returns:
        A linear factor for all of them, so that their relative levels stay; 1 where all are silent.

    Raises:
        ValueError: no sound, or one that is empty, NaN or infinite.

    Chapter: book/notation.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> round(gain_to_level([tone], sample_rate=16000, level_db=-20.0), 3)
    0.283
    """
    if not sounds:
        raise ValueError("gain_to_level needs at least one sound; got none")
    check_eager("gain_to_level returns a plain number", *sounds)
    loudest = max(active_rms_db(x, sample_rate) for x in sounds)
    if loudest <= -120.0:
        return 1.0
    peak = max(float(check_audio(x).detach().abs().max()) for x in sounds)
    return min(10.0 ** ((level_db - loudest) / 20.0), FULL_SCALE / peak)


def fade_cuts(audio: ArrayLike, sample_rate: float, *, fade_s: float = 0.01) -> Tensor:
    """Fade a sound in and out over a few milliseconds where it was cut: a raised cosine, so that it does not click.

    An edge that is silent already is left as it is, and so is a sound shorter than four fades. A clap that begins at
    sample 0 would lose its attack: put a little silence before it, or fade over 0 s.

    Args:
        audio: (…, n_samples).
        sample_rate: Hz.
        fade_s: length of each fade, s.

    Returns:
        Sound of the same shape.

    Raises:
        ValueError: empty, NaN or infinite sound, or a negative time.

    Chapter: book/notation.ipynb

    >>> fade_cuts(torch.ones(8000), sample_rate=16000)[[0, 4000]]
    tensor([0., 1.])
    """
    sound = check_audio(audio)
    if not (math.isfinite(fade_s) and fade_s >= 0):
        raise ValueError(f"fade_s must be a time in seconds, 0 or more; got {fade_s!r}")
    n = round(fade_s * check_sample_rate(sample_rate))
    if n == 0 or sound.shape[-1] < 4 * n:
        return sound
    size = sound.detach().abs()
    edge = CUT * size.max()
    starts_cut, ends_cut = (size[..., 0] > edge).any(), (size[..., -1] > edge).any()
    (exact,) = in_single(sound)
    rise = 0.5 - 0.5 * torch.cos(math.pi * torch.arange(n, dtype=exact.dtype, device=exact.device) / n)
    middle = rise.new_ones(sound.shape[-1] - 2 * n)
    window = torch.cat([torch.where(starts_cut, rise, 1.0), middle, torch.where(ends_cut, rise.flip(0), 1.0)])
    return (exact * window).to(sound.dtype)
