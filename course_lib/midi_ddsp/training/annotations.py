"""Annotations: what the inference network hears in every performance, from which the other networks learn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib.midi_ddsp.checkpoint import load_inference
from course_lib.midi_ddsp.data import Performance
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference
from course_lib.midi_ddsp.note_controls import extract_expression
from course_lib.scores.notes import note_frames
from course_lib.synths.tone import ToneControls
from course_lib.training.checkpoints import CheckpointError, Format, read_tensors, write_tensors
from course_lib.training.data import LEARNED_FROM, check_parts, digest

FORMAT = Format("course_lib.midi_ddsp.annotations", 1, "annotations")


@dataclass(frozen=True)
class Annotated:
    """A performance and what was heard in it.

    controls: (n_frames, …), f0_hz being the performance's own. note_index: (n_frames,) int64, number of the note, −1 in
    rests. expression: (n_notes, 6), read off the controls; NaN for a note without a frame.
    """

    performance: Performance
    controls: ToneControls
    note_index: Tensor
    expression: Tensor


def annotate(
    performances: Sequence[Performance],
    network: DDSPInference | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
) -> list[Annotated]:
    """Hear synthesis controls and expression in every performance.

    Args:
        performances: from `load_performances`.
        network: from `load_inference`; None: the one that comes with the course.
        cache: a folder that keeps what was heard, so that it is heard only once (4 MB a minute); made if missing.
        progress: show a bar.

    Returns:
        One `Annotated` a performance, in the same order.

    Chapter: book/midi_ddsp/playing.ipynb
    """
    model = load_inference()[0] if network is None else network
    key = hashlib.sha256()
    for value in model.state_dict().values():
        key.update(value.cpu().numpy().tobytes())
    found = []
    for performance in tqdm(performances, disable=not progress, unit="performance"):
        file = None if cache is None else Path(cache) / f"{performance.name}.safetensors"
        sound = hashlib.sha256(key.digest() + performance.audio.numpy().tobytes() + performance.f0_hz.numpy().tobytes())
        found.append(_annotate(performance, model, file, sound.hexdigest()))
    return found


def _annotate(performance: Performance, model: DDSPInference, file: Path | None, key: str) -> Annotated:
    n_frames = len(performance.f0_hz)
    controls = None
    if file is not None and file.is_file():
        try:
            tensors, facts = read_tensors(file, "annotation", FORMAT)
            if facts["key"] == key:
                controls = ToneControls(*(tensors[name].float() for name in ToneControls._fields))
        except (CheckpointError, KeyError):
            controls = None  # damaged: hear it again
    if controls is None:
        hop = model.config.sample_rate // model.config.frame_rate
        with torch.no_grad():
            heard = model.controls(
                performance.audio[None, : n_frames * hop],
                performance.f0_hz[None],
                performance.loudness_db[None],
                model.indices([performance.instrument]),
            )
        controls = ToneControls(*(x[0] for x in heard))
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            tensors = {name: value.contiguous() for name, value in controls._asdict().items()}
            write_tensors(file, tensors, {"kind": "annotation", "key": key}, FORMAT)
    note_index = note_frames(performance.notes, n_frames, frame_rate=model.config.frame_rate).note
    expression = extract_expression(controls, performance.notes, model.config.frame_rate)
    return Annotated(performance, controls, note_index, expression)


def known_instruments(annotated: Mapping[str, Sequence[Annotated]]) -> tuple[str, ...]:
    """The instruments that are learned from, in order; ValueError without performances for training or validation."""
    check_parts(annotated, "performances", "annotate")
    return tuple(sorted({a.performance.instrument for a in annotated["train"]}))


def annotations_digest(annotated: Mapping[str, Sequence[Annotated]]) -> str:
    """A digest of everything a generator learns from; see `course_lib.training.data.digest`."""
    return digest(
        (f"{part} {a.performance.name}", torch.cat([a.expression.flatten(), a.performance.f0_hz]))
        for part in LEARNED_FROM
        for a in annotated[part]
    )
