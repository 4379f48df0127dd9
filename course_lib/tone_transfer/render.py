"""Tone transfer of whole recordings: what was played, moved to where an instrument lives, and played by it.

Long sounds go through in stretches. What a stretch needs of the ones before it, the state of the network, the phase
of the harmonics, the noise and the ringing room, is handed on, so that no boundary can be heard or measured.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib.analysis.loudness import loudness_db as measure_loudness_db
from course_lib.analysis.polyphony import polyphony
from course_lib.analysis.recordings import F_MAX_HZ, F_MIN_HZ
from course_lib.analysis.tracking import track_f0
from course_lib.core.checks import check_audio, check_sample_rate
from course_lib.core.networks import LOUDNESS_FLOOR_DB
from course_lib.core.units import hz_to_midi
from course_lib.sounds.files import FlatTops, clock
from course_lib.synths.tone import ToneControls
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone
from course_lib.tone_transfer.checkpoint import CheckpointError, load_instrument
from course_lib.tone_transfer.data import QUANTILES, sounding_frames
from course_lib.tone_transfer.model import ToneTransfer

LONGEST_S = 600.0
SHORTEST_S = 0.1
STRETCH_S = 8.0
TRACK_MARGIN_S = 0.5  # heard by the tracker before and after each stretch
LONGEST_GAP_S, SHORTEST_NOTE_S, FADE_S = 0.04, 0.04, 0.02

Instrument = tuple[ToneTransfer, dict[str, Any]]


@dataclass(frozen=True)
class Performance:
    """What the ear follows in a recording, `frame_rate` frames a second.

    f0_hz: (n_frames,), without gaps: in rests it leads from one note to the next. confidence: (n_frames,), 0 … 1, of
    the tracker. loudness_db: (n_frames,). gate: (n_frames,), 1 where a note sounds, 0 in rests, with short fades.
    """

    f0_hz: Tensor
    confidence: Tensor
    loudness_db: Tensor
    gate: Tensor

    @property
    def sounding(self) -> Tensor:
        """The inside of notes, (n_frames,), boolean."""
        return self.gate > 0.5


@dataclass(frozen=True)
class TransferResult:
    """A transferred sound, and every step on the way to it.

    audio: (n_samples,), at sample_rate, of the instrument; may go beyond ±1. parts: "harmonic", "noise" and "room",
    which add up to it. heard: the recording as it was. played: the same, moved to the instrument. controls: what the
    network made of it. octave, loudness_scale, loudness_shift_db: how it was moved; a loudness x became
    loudness_scale · x + loudness_shift_db. remarks: what may be wrong with the recording or with the choice.
    """

    audio: Tensor
    sample_rate: int
    parts: dict[str, Tensor]
    heard: Performance
    played: Performance
    controls: ToneControls
    octave: int
    loudness_scale: float
    loudness_shift_db: float
    remarks: list[str] = field(default_factory=list)

    @property
    def times_s(self) -> Tensor:
        """Where the frames lie, (n_frames,), in seconds."""
        n_frames = self.heard.f0_hz.shape[-1]
        return torch.arange(n_frames) * math.ceil(self.audio.shape[-1] / n_frames) / self.sample_rate


def transfer(
    audio: Any,
    sample_rate: float,
    instrument: str | Path | Instrument,
    *,
    octave: int | None = None,
    loudness_shift_db: float = 0.0,
    match: bool = True,
    gate_db: float = -40.0,
    min_confidence: float = 0.5,
    seed: int = 0,
    progress: bool | None = None,
) -> TransferResult:
    """Play a recording of one voice or instrument on another instrument.

    Pitch and loudness are measured, moved to where the instrument lives, and decoded into sound. Frames that are much
    softer than the rest, and frames without a clear pitch, are rests.

    Args:
        audio: (n_samples,), one voice, 0.1 s … 10 min.
        sample_rate: Hz, of the audio.
        instrument: the name of one that comes with the course, a .safetensors file, or what `load_instrument` returned.
        octave: octaves up (down: negative); None takes those that bring the median pitch nearest to the instrument's.
        loudness_shift_db: dB louder or softer, after matching: it changes the tone as playing louder does.
        match: move pitch and loudness to the instrument; False leaves both as they are.
        gate_db: frames this far below the loud ones are rests.
        min_confidence: frames whose pitch is less certain are rests, 0 … 1.
        seed: of the noise.
        progress: a bar; None shows it unless COURSE_PROGRESS=0.

    Returns:
        The sound, as long as the recording, with all that led to it.

    Raises:
        ValueError: silent, too short or too long a sound, NaN, no pitch in it; an unknown instrument, a wrong file.

    Source: Engel et al., DDSP, 2020. Chapter: book/tone_transfer/transfer.ipynb
    """
    if not math.isfinite(loudness_shift_db):
        raise ValueError(f"loudness_shift_db must be a number of dB; got {loudness_shift_db!r}")
    if octave is not None and (octave != int(octave) or abs(octave) > 8):
        raise ValueError(f"octave must be a whole number of octaves from −8 to 8; got {octave!r}")
    model, statistics = _instrument(instrument)
    sound = check_audio(audio)
    if sound.ndim != 1:
        raise ValueError(f"audio must be one channel, (n_samples,); got shape {tuple(sound.shape)}. Average channels")
    sound = sound.detach().cpu().float()
    rate = check_sample_rate(sample_rate)
    tops = FlatTops()
    tops.add(sound.numpy())
    if rate != model.config.sample_rate:
        import soxr

        sound = torch.from_numpy(soxr.resample(sound.numpy(), rate, model.config.sample_rate))
    if progress is None:
        progress = os.environ.get("COURSE_PROGRESS") != "0"
    heard, remarks = listen_to(
        sound, model.config.sample_rate, model.config.frame_rate, gate_db, min_confidence, progress
    )
    if tops.count >= 5:
        remarks.insert(0, clipped_remark(tops.count))
    played, moved = _move(heard, statistics, octave, loudness_shift_db, match, remarks)
    controls = decode(model, played)
    parts = render(model, controls, torch.Generator().manual_seed(seed), progress)
    parts = {name: part[: sound.shape[-1]] for name, part in parts.items()}
    total = parts["harmonic"] + parts["noise"]
    total += parts["room"]
    return TransferResult(total, model.config.sample_rate, parts, heard, played, controls, *moved, remarks)


def clipped_remark(count: int) -> str:
    """The one sentence on a recording that was too loud for its format."""
    return f"the recording is clipped (flat tops in {count} places): loud notes may sound wrong; record it softer"


def _instrument(instrument: str | Path | Instrument) -> tuple[ToneTransfer, dict[str, Any] | None]:
    """The model, and the statistics it carries, looked at closely: they may come from a stranger."""
    model, facts = load_instrument(instrument) if isinstance(instrument, (str, Path)) else instrument
    if model.config.n_z:
        raise CheckpointError("this instrument was made with an encoding z, which tone transfer does not have")
    statistics = facts.get("statistics")
    if statistics is None:
        return model, None
    try:
        lowest, highest = statistics["midi_range"]
        numbers = [statistics["median_midi"], lowest, highest, *(statistics["loudness_db"][q] for q in QUANTILES)]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("not finite")
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the statistics of this instrument cannot be used ({error}); train it again") from error
    return model, statistics


# Listening.


def listen_to(
    audio: Tensor,
    sample_rate: int,
    frame_rate: int,
    gate_db: float = -40.0,
    min_confidence: float = 0.5,
    progress: bool = False,
) -> tuple[Performance, list[str]]:
    """Measure pitch and loudness of a recording, (n_samples,), and find its rests.

    Returns:
        The performance, and remarks on the recording.

    Raises:
        ValueError: silent, too short, too long, or without pitch.
    """
    seconds = audio.shape[-1] / sample_rate
    if seconds < SHORTEST_S - 1e-3:  # resampling may take or add a sample
        raise ValueError(f"the sound is too short to play: {seconds:.3f} s, at least {SHORTEST_S:g} s needed")
    if seconds > LONGEST_S + 1e-3:
        raise ValueError(f"the sound is {clock(seconds)} long and the limit is {clock(LONGEST_S)}: cut it into pieces")
    peak = float(audio.abs().max())
    if peak < 1e-4:
        raise ValueError("the sound is silent" + (f" (its peak is {20 * math.log10(peak):.0f} dB)" if peak else ""))
    hop = sample_rate // frame_rate
    n_frames = -(-audio.shape[-1] // hop)
    level = 20.0 * math.log10(peak)
    audio = torch.nn.functional.pad(audio / peak, (0, n_frames * hop - audio.shape[-1]))
    f0 = torch.zeros(n_frames)
    confidence, loudness = torch.zeros(n_frames), torch.zeros(n_frames)
    margin = round(TRACK_MARGIN_S * frame_rate)
    with tqdm(total=n_frames / frame_rate, disable=not progress, unit="s", desc="listening", leave=False) as bar:
        for own, wide in stretches(n_frames, round(STRETCH_S * frame_rate), margin):
            piece = audio[wide.start * hop : wide.stop * hop]
            inner = slice(own.start - wide.start, own.stop - wide.start)
            loudness[own] = measure_loudness_db(piece, sample_rate, 1.0 / frame_rate, floor_db=-120.0)[inner] + level
            if bool((piece != 0).any()):
                track = track_f0(piece, sample_rate, 1.0 / frame_rate, F_MIN_HZ, F_MAX_HZ)
                f0[own], confidence[own] = track.f0_hz[inner], track.confidence[inner]
            bar.update((own.stop - own.start) / frame_rate)
    loud = sounding_frames(loudness - level, gate_db)
    sure = loud & (confidence >= min_confidence) & (f0 > 0)
    sounds = _tidy(sure, frame_rate)
    sure &= sounds
    chords = polyphony(audio, sample_rate) > 0.5
    if not bool(sure.any()) and chords:
        raise ValueError("several notes sound at once and no single pitch was found: it takes one voice at a time")
    if not bool(sure.any()):
        raise ValueError(
            "no pitch was found in the sound: it takes one voice, or one instrument that plays notes; no drum, no noise"
        )
    remarks = []
    if chords:
        remarks.append(
            "several notes seem to sound at once, and one pitch stands for all: it takes one voice at a time"
        )
    share = float(sounds.sum() / loud.sum())
    if share < 0.5:
        remarks.append(f"only {share:.0%} of what sounds has a clear pitch; the rest became rests")
    return Performance(_bridge(f0, sure), confidence, loudness, _fade(sounds, frame_rate)), remarks


def stretches(n_frames: int, length: int, margin: int) -> Iterator[tuple[slice, slice]]:
    """Cut n_frames into stretches: the frames that each owns, and those with up to `margin` more on either side."""
    for begin in range(0, n_frames, length):
        end = min(begin + length, n_frames)
        yield slice(begin, end), slice(max(0, begin - margin), min(end + margin, n_frames))


def _tidy(sounds: Tensor, frame_rate: int) -> Tensor:
    """Close the shortest gaps, then drop the shortest notes: flickering frames are neither."""
    from scipy.ndimage import binary_closing, binary_opening

    def window(seconds: float) -> np.ndarray:
        return np.ones(max(1, round(seconds * frame_rate)), bool)

    pad = max(len(window(LONGEST_GAP_S)), len(window(SHORTEST_NOTE_S)))
    padded = np.pad(sounds.numpy(), pad, mode="edge")
    closed = binary_closing(padded, window(LONGEST_GAP_S))
    return torch.from_numpy(binary_opening(closed, window(SHORTEST_NOTE_S))[pad:-pad].copy())


def _fade(sounds: Tensor, frame_rate: int) -> Tensor:
    """0 and 1 with fades of FADE_S, centred on the edges of the notes."""
    half = max(1, round(FADE_S * frame_rate))
    window = torch.hann_window(2 * half + 1, periodic=False)[1:-1]
    padded = torch.nn.functional.pad(sounds.float()[None, None], (half - 1, half - 1), mode="replicate")
    return torch.nn.functional.conv1d(padded, (window / window.sum())[None, None])[0, 0].clamp(0.0, 1.0)


def _bridge(f0_hz: Tensor, sure: Tensor) -> Tensor:
    """Lead the pitch from one frame that is sure to the next, in equal ratios; hold it at both ends."""
    where = np.flatnonzero(sure.numpy())
    lines = np.interp(np.arange(len(f0_hz)), where, np.log(f0_hz.double().numpy()[where]))
    return torch.from_numpy(np.exp(lines)).float()


# Moving to where the instrument lives.


def _move(
    heard: Performance,
    statistics: dict[str, Any] | None,
    octave: int | None,
    loudness_shift_db: float,
    match: bool,
    remarks: list[str],
) -> tuple[Performance, tuple[int, float, float]]:
    """Shift pitch by octaves, and loudness by a straight line, to the median and spread of the instrument."""
    if match and statistics is None:
        remarks.append("this instrument carries no statistics: pitch and loudness stay as they are")
    sounds = heard.sounding
    midi, levels = hz_to_midi(heard.f0_hz[sounds]), heard.loudness_db[sounds]
    octaves, scale, shift, ceiling = int(octave or 0), 1.0, 0.0, math.inf
    if match and statistics is not None:
        if octave is None:
            octaves = round((statistics["median_midi"] - float(midi.median())) / 12.0)
        low, middle, high = (float(np.quantile(levels.numpy(), q)) for q in (0.1, 0.5, 0.9))
        target = statistics["loudness_db"]
        scale = float(np.clip((target["90"] - target["10"]) / max(high - low, 1e-3), 0.5, 2.0))
        shift = target["50"] - scale * middle
        ceiling = target["99"]
    if statistics is not None:
        lowest, highest = statistics["midi_range"]
        outside = float(((midi + 12 * octaves < lowest - 1) | (midi + 12 * octaves > highest + 1)).float().mean())
        if outside > 0.2:
            names = " … ".join(note_name(m) for m in (lowest, highest))
            remarks.append(f"{outside:.0%} of the notes lie outside the range of the instrument ({names})")
    loudness = (scale * heard.loudness_db + shift).clamp(max=ceiling) + loudness_shift_db
    rest = LOUDNESS_FLOOR_DB
    loudness = rest + (loudness.clamp(min=rest) - rest) * heard.gate  # in dB: rests fade away as a note that ends does
    played = replace(heard, f0_hz=heard.f0_hz * 2.0**octaves, loudness_db=loudness)
    return played, (octaves, scale, shift + loudness_shift_db)


def note_name(midi: float) -> str:
    """The name of the nearest note.

    >>> note_name(69.3)
    'A4'
    """
    nearest = round(float(midi))
    return f"{'C C♯ D E♭ E F F♯ G A♭ A B♭ B'.split()[nearest % 12]}{nearest // 12 - 1}"


# Playing.


@torch.no_grad()
def decode(model: ToneTransfer, played: Performance, stretch_s: float = STRETCH_S) -> ToneControls:
    """Run the network over a performance of any length; rests are silent.

    Args:
        model: the instrument.
        played: pitch and loudness as it is to play them.
        stretch_s: how much at once; makes no difference to the result.

    Returns:
        Controls of all frames.
    """
    c, state = model.config, None
    n_frames = played.f0_hz.shape[-1]
    whole = ToneControls(
        played.f0_hz.clone(),
        torch.zeros(n_frames),
        torch.zeros(n_frames, c.n_harmonics),
        torch.zeros(n_frames, c.n_bands),
    )
    for own, _ in stretches(n_frames, max(1, round(stretch_s * c.frame_rate)), 0):
        piece, state = model.controls_and_state(played.f0_hz[None, own], played.loudness_db[None, own], state=state)
        gate = played.gate[own]
        whole.amplitude[own] = piece.amplitude[0].cpu() * gate
        whole.distribution[own] = piece.distribution[0].cpu()
        whole.noise_magnitudes[own] = piece.noise_magnitudes[0].cpu() * gate.unsqueeze(-1)
    return whole


@torch.no_grad()
def render(
    model: ToneTransfer,
    controls: ToneControls,
    generator: torch.Generator | None = None,
    progress: bool = False,
    stretch_s: float = STRETCH_S,
) -> dict[str, Tensor]:
    """Turn controls of any length into sound, stretch by stretch: the sound of `ToneTransfer.synthesise`.

    Args:
        model: the instrument.
        controls: of one sound: f0_hz (n_frames,), and so on.
        generator: of the noise; a fixed seed if None.
        progress: show a bar.
        stretch_s: how much at once; makes no difference to the sound.

    Returns:
        {"harmonic", "noise", "room"}, each (n_samples,), whole frames.
    """
    c = model.config
    n_frames = controls.f0_hz.shape[-1]
    length = max(1, round(stretch_s * c.frame_rate))
    cut = (cut_stretch(controls, slice(at, at + length)) for at in range(0, n_frames, length))
    stretches = []
    with tqdm(total=n_frames / c.frame_rate, disable=not progress, unit="s", desc="playing", leave=False) as bar:
        sound = stream_tone(cut, hop=c.sample_rate // c.frame_rate, generator=generator, **model.tone_settings())
        for parts in sound:
            stretches.append(parts)
            bar.update(len(parts.harmonic) / c.sample_rate)
    return join_stretches(stretches)._asdict()


def describe(result: TransferResult) -> str:
    """One line: what was heard, and how it was moved."""
    heard = note_name(float(hz_to_midi(result.heard.f0_hz[result.heard.sounding]).median()))
    played = note_name(float(hz_to_midi(result.played.f0_hz[result.played.sounding]).median()))
    octaves = f"{result.octave:+d} octave{'s' if abs(result.octave) != 1 else ''}" if result.octave else "same octave"
    before, after = (float(p.loudness_db[p.sounding].median()) for p in (result.heard, result.played))
    return f"median pitch {heard} → {played} ({octaves}), median loudness {before:.0f} → {after:.0f} dB"
