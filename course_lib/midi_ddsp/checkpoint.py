"""Trained MIDI-DDSP networks as files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from course_lib.checkpoints import Format, read_tensors, restore, write_tensors
from course_lib.clips import data_path
from course_lib.midi_ddsp.inference import DDSPInference, InferenceConfig

FORMAT = Format("course_lib.midi_ddsp", 1, "MIDI-DDSP")


def save_inference(path: str | Path, model: DDSPInference, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained inference network; an old file is replaced only once the new one is whole.

    Args:
        path: where to.
        model: the network.
        facts: what else should travel with it: the training record, metrics.
        half: store 16-bit numbers, half the size.
    """
    tensors = {name: value.half() if half else value for name, value in model.state_dict().items()}
    write_tensors(Path(path), tensors, {**facts, "kind": "inference", "config": asdict(model.config)}, FORMAT)


def load_inference(path: str | Path | None = None) -> tuple[DDSPInference, dict[str, Any]]:
    """Read a trained inference network.

    Args:
        path: a file from `save_inference`; None: the one that comes with the course.

    Returns:
        The network, float32, in evaluation mode, and the facts stored with it.

    Raises:
        CheckpointError: a missing, foreign or damaged file, another version, weights that do not fit.
    """
    path = data_path("midi_ddsp/inference.safetensors") if path is None else Path(path)
    tensors, facts = read_tensors(path, "inference", FORMAT)

    def configure() -> tuple[InferenceConfig, int]:
        c = InferenceConfig(**facts["config"])
        return c, max(c.hidden**2, c.width**2, c.n_harmonics, c.n_bands, c.n_embedding, c.reverb_taps)

    return restore(configure, DDSPInference, tensors, path).eval(), facts
