"""Everything that can be heard in one recording: pitch, the synthesizer's controls, notes, and how they were played."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.analysis.loudness import loudness_db
from course_lib.analysis.partials import remove_harmonics
from course_lib.analysis.tracking import track_f0
from course_lib.core.checks import as_tensor, check_audio
from course_lib.core.types import ArrayLike
from course_lib.midi_ddsp.checkpoint import load_inference
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference
from course_lib.midi_ddsp.note_controls import extract_expression
from course_lib.scores.notes import Note, Notes, check_notes
from course_lib.scores.segmentation import notes_from_pitch
from course_lib.synths.tone import ToneControls
from course_lib.synths.tone_stream import cut_stretch, join_stretches

STRETCH_S = 20.0
CONTEXT_S = 1.0  # heard before and after each stretch, since the network looks both ways
F_MIN_HZ, F_MAX_HZ = 60.0, 2200.0
SURE = 0.5  # confidence of the tracker from which a frame counts as voiced
QUIET_DB = -45.0  # against the loudest frame: no note is heard below


class Heard(NamedTuple):
    """What was heard in a recording.

    controls: frame by frame, see `ToneControls`. notes: given, or found in the pitch curve. expression: (n_notes, 6).
    sound: what the controls sound like, (n_samples,). residual: the recording less its harmonics (`remove_harmonics`).
    """

    controls: ToneControls
    notes: list[Note]
    expression: Tensor
    sound: Tensor
    residual: Tensor


def hear(
    audio: ArrayLike,
    sample_rate: float,
    notes: Notes | None = None,
    *,
    f0_hz: ArrayLike | None = None,
    instrument: str | None = None,
    network: DDSPInference | None = None,
) -> Heard:
    """Hear, in a recording of one voice, its synthesis controls and its notes' expression.

    Works a stretch of 20 s at a time, so a long recording needs little memory beyond its own.

    Args:
        audio: (n_samples,), one voice.
        sample_rate: Hz; the network's own, 16000 (`load_audio(path, 16000)` brings a file there).
        notes: what was played; None: found in the pitch (`notes_from_pitch`).
        f0_hz: (n_frames,), Hz, 250 frames a second, where it is known; None: tracked (`track_f0`).
        instrument: its name, where the network knows it.
        network: from `load_inference`; None: the one that comes with the course.

    Returns:
        Heard; the sound is cut to whole frames (4 ms).

    Raises:
        ValueError: silence, NaN, a sound too short to have a pitch, another sample rate, notes that are none, an
            f0_hz of the wrong length.

    Chapter: book/midi_ddsp/inference.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> hear(tone, sample_rate=16000, notes=[(0.0, 0.5, 69)]).expression.shape
    torch.Size([1, 6])
    """
    model = load_inference()[0] if network is None else network
    c = model.config
    if sample_rate != c.sample_rate:
        raise ValueError(f"the network hears {c.sample_rate} Hz; got {sample_rate:g} Hz. Resample the sound first")
    if instrument is not None and instrument not in c.instruments:
        raise ValueError(f"the network knows {', '.join(c.instruments)}; got {instrument!r}. Leave it out for others")
    hop = c.sample_rate // c.frame_rate
    sound = check_audio(audio, allow_silence=False, minimum=c.sample_rate // 10).float()
    if sound.ndim != 1:
        raise ValueError(f"audio must be (n_samples,), one voice; got shape {tuple(sound.shape)}")
    n_frames = len(sound) // hop
    sound = sound[: n_frames * hop]
    loudness = loudness_db(sound, c.sample_rate, 1.0 / c.frame_rate)
    if f0_hz is None:
        track = track_f0(sound, c.sample_rate, 1.0 / c.frame_rate, f_min_hz=F_MIN_HZ, f_max_hz=F_MAX_HZ)
        f0, voiced = track.f0_hz, track.confidence >= SURE
    else:
        f0 = as_tensor(f0_hz, "f0_hz").float()
        if f0.shape != (n_frames,):
            raise ValueError(f"f0_hz must be ({n_frames},), a number a frame; got shape {tuple(f0.shape)}")
        voiced = f0 > 0
    if notes is None:
        played = notes_from_pitch(f0, voiced & (loudness > loudness.max() + QUIET_DB), c.frame_rate)
    else:
        played = check_notes(notes)
    instrument_id = model.indices([instrument])
    length, context = round(STRETCH_S * c.frame_rate), round(CONTEXT_S * c.frame_rate)
    stretches, residual = [], []
    for start in range(0, n_frames, length):
        a, b = max(0, start - context), min(n_frames, start + length + context)
        inputs = sound[None, a * hop : b * hop], f0[None, a:b], loudness[None, a:b]
        with torch.no_grad():
            wide = ToneControls(*(x[0] for x in model.controls(*inputs, instrument_id)))
        stretches.append(cut_stretch(wide, slice(start - a, start - a + length)))
        rest = remove_harmonics(sound[a * hop : b * hop], f0[a:b], c.n_harmonics, sample_rate=c.sample_rate)
        residual.append(rest[(start - a) * hop :][: length * hop])
    controls = join_stretches(stretches)
    with torch.no_grad():
        parts = model.synthesise(ToneControls(*(x.unsqueeze(0) for x in controls)), instrument_id)
    expression = extract_expression(controls, played, c.frame_rate)
    return Heard(controls, played, expression, parts["sound"][0], torch.cat(residual))
