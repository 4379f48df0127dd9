"""Tone transfer of whole recordings: what was played, moved to where an instrument lives, and played by it.

Long sounds go through in stretches. What a stretch needs of the ones before it, the state of the network and what
`stream_tone` hands on, goes with it, so that no boundary can be heard or measured.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib.core.checks import check_audio, check_sample_rate
from course_lib.core.types import ArrayLike
from course_lib.core.units import hz_to_midi
from course_lib.sounds.files import FlatTops
from course_lib.synths.tone import ToneControls
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone
from course_lib.tone_transfer.checkpoint import CheckpointError, load_instrument
from course_lib.tone_transfer.listening import STRETCH_S, HeardCurves, listen_to, stretches
from course_lib.tone_transfer.matching import check_statistics, match_to, note_name
from course_lib.tone_transfer.model import ToneTransfer

CLIPPED_TOPS = 5  # flat tops from which a recording counts as clipped: one or two may be chance

Instrument = tuple[ToneTransfer, dict[str, Any]]


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
    heard: HeardCurves
    played: HeardCurves
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
    audio: ArrayLike,
    sample_rate: float,
    instrument: str | Path | Instrument,
    *,
    octave: int | None = None,
    loudness_shift_db: float = 0.0,
    match: bool = True,
    gate_db: float = -40.0,
    min_confidence: float = 0.5,
    seed: int = 0,
    flat_tops: int | None = None,
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
        flat_tops: in how many places the recording is clipped, where the file was looked at (`read_sound`); None: they
            are counted in the audio.
        progress: a bar; None shows it unless COURSE_PROGRESS=0.

    Returns:
        The sound, as long as the recording, with all that led to it.

    Raises:
        ValueError: silent, too short or too long a sound, NaN, no pitch in it; an unknown instrument, a wrong file.

    Source: Engel et al., DDSP, 2020. Chapter: book/tone_transfer/transfer.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> transfer(tone, sample_rate=16000, instrument="trumpet", progress=False).audio.shape
    torch.Size([8000])
    """
    if not math.isfinite(loudness_shift_db):
        raise ValueError(f"loudness_shift_db must be a number of dB; got {loudness_shift_db!r}")
    if octave is not None and (octave != int(octave) or abs(octave) > 8):
        raise ValueError(f"octave must be a whole number of octaves from −8 to 8; got {octave!r}")
    model, facts = load_instrument(instrument) if isinstance(instrument, (str, Path)) else instrument
    if model.config.n_z:
        raise CheckpointError("this instrument was made with an encoding z, which tone transfer does not have")
    statistics, c = check_statistics(facts), model.config
    sound = check_audio(audio)
    if sound.ndim != 1:
        raise ValueError(f"audio must be one channel, (n_samples,); got shape {tuple(sound.shape)}. Average channels")
    sound = sound.detach().cpu().float()
    rate = check_sample_rate(sample_rate)
    if flat_tops is None:
        tops = FlatTops()
        tops.add(sound.numpy())
        flat_tops = tops.count
    if rate != c.sample_rate:
        import soxr

        sound = torch.from_numpy(soxr.resample(sound.numpy(), rate, c.sample_rate))
    if progress is None:
        progress = os.environ.get("COURSE_PROGRESS") != "0"
    heard, remarks = listen_to(
        sound,
        sample_rate=c.sample_rate,
        frame_rate=c.frame_rate,
        gate_db=gate_db,
        min_confidence=min_confidence,
        progress=progress,
    )
    if flat_tops >= CLIPPED_TOPS:
        remarks.insert(
            0,
            f"the recording is clipped (flat tops in {flat_tops} places): loud notes may sound wrong; record it softer",
        )
    moved = match_to(statistics, heard, octave=octave, loudness_shift_db=loudness_shift_db, match=match)
    controls = decode(model, moved.played)
    parts = render(model, controls, torch.Generator().manual_seed(seed), progress=progress)
    parts = {name: part[: sound.shape[-1]] for name, part in parts.items()}
    total = parts["harmonic"] + parts["noise"]
    total += parts["room"]
    return TransferResult(
        audio=total,
        sample_rate=c.sample_rate,
        parts=parts,
        heard=heard,
        played=moved.played,
        controls=controls,
        octave=moved.octave,
        loudness_scale=moved.loudness_scale,
        loudness_shift_db=moved.loudness_shift_db,
        remarks=remarks + moved.remarks,
    )


@torch.no_grad()
def decode(model: ToneTransfer, played: HeardCurves, stretch_s: float = STRETCH_S) -> ToneControls:
    """Run the network over curves of any length; rests are silent.

    Args:
        model: the instrument.
        played: pitch and loudness as it is to play them.
        stretch_s: how much at once; makes no difference to the result.

    Returns:
        Controls of all frames.
    """
    state, pieces = None, []
    n_frames = played.f0_hz.shape[-1]
    for own, _ in stretches(n_frames=n_frames, length=max(1, round(stretch_s * model.config.frame_rate)), margin=0):
        batch, state = model.controls_and_state(played.f0_hz[None, own], played.loudness_db[None, own], state=state)
        piece = type(batch)(*(value[0].cpu() for value in batch))
        gate = played.gate[own].to(piece.f0_hz)
        piece = model.tone.scaled(piece, gate)
        pieces.append(piece._replace(noise_magnitudes=piece.noise_magnitudes * gate.unsqueeze(-1)))
    return join_stretches(pieces)


@torch.no_grad()
def render(
    model: ToneTransfer,
    controls: ToneControls,
    generator: torch.Generator | None = None,
    *,
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
