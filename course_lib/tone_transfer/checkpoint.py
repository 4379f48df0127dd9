"""Trained instruments as files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from course_lib.sounds.clips import data_path
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.training.checkpoints import CheckpointError, Format, read_tensors, restore, write_tensors

FORMAT = Format("course_lib.tone_transfer", 1, "tone-transfer")


def save_instrument(path: str | Path, model: ToneTransfer, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained instrument; the file that was there is replaced only once the new one is whole.

    Args:
        path: where to.
        model: the instrument.
        facts: what else should travel with it: statistics of its sounds, the training record.
        half: store 16-bit numbers, half the size.
    """
    tensors = model.state_dict()
    if half:
        tensors = {name: value.half() for name, value in tensors.items()}
    write_tensors(Path(path), tensors, {**facts, "kind": "instrument", "config": asdict(model.config)}, FORMAT)


def load_instrument(path: str | Path) -> tuple[ToneTransfer, dict[str, Any]]:
    """Read a trained instrument.

    Args:
        path: a file from `save_instrument`, or the name of an instrument that comes with the course.

    Returns:
        The model, float32, in evaluation mode, and the facts stored with it.

    Raises:
        CheckpointError: a missing, foreign or damaged file, another version, weights that do not fit.
    """
    tensors, facts = read_tensors(_resolve(path), "instrument", FORMAT)
    model = model_from(tensors, facts, path)
    return model.eval(), facts


def model_from(tensors: dict[str, Tensor], facts: dict[str, Any], path: str | Path) -> ToneTransfer:
    """Build the model that a checkpoint describes, or say what does not fit."""

    def configure() -> tuple[TransferConfig, int]:
        c = TransferConfig(**facts["config"])
        return c, max(c.hidden**2, c.width**2, c.n_harmonics, c.n_bands, c.n_z, c.reverb_taps)

    return restore(configure, ToneTransfer, tensors, path)


def instrument_names() -> list[str]:
    """Names of the instruments that come with the course."""
    return sorted(json.loads(data_path("instruments/cards.json").read_text(encoding="utf-8")))


def _resolve(path: str | Path) -> Path:
    """A path as it is; a bare name that is no file means one of ours."""
    if Path(path).suffix or Path(path).is_file():
        return Path(path)
    if str(path) in instrument_names():
        return data_path(f"instruments/{path}.safetensors")
    raise CheckpointError(
        f"unknown instrument {str(path)!r}; choose one of {', '.join(instrument_names())}, or give a .safetensors file"
    )
