"""Checkpoints as safetensors: numbers and text only, so that one from a stranger cannot run code."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from course_lib.clips import data_path
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig

FORMAT, VERSION = "course_lib.tone_transfer", 1


class CheckpointError(ValueError):
    """A file that is not a checkpoint of this model, or not of this version."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the whole new one, also if the power fails midway."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors, and facts as JSON beside them in the file's own header."""
    header = {"format": FORMAT, "version": str(VERSION), "facts": json.dumps(facts)}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomically(path, save(plain, header))


def read_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises:
        CheckpointError: no such file, another format, another version, another kind, or a file cut short.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} is not a tone-transfer checkpoint: its format is {header.get('format')!r}"
                )
            if header.get("version") != str(VERSION):
                raise CheckpointError(
                    f"{path} has format version {header.get('version')}, this course_lib reads version {VERSION}: "
                    "train it again, or install the course_lib that wrote it"
                )
            facts = json.loads(header["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is no safetensors checkpoint, or it is damaged ({error})") from error
    if not isinstance(facts, dict) or facts.get("kind") != kind:
        found = facts.get("kind") if isinstance(facts, dict) else facts
        raise CheckpointError(f"{path} holds {found!r}, not {kind!r}")
    return tensors, facts


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
    write_tensors(Path(path), tensors, {**facts, "kind": "instrument", "config": asdict(model.config)})


def load_instrument(path: str | Path) -> tuple[ToneTransfer, dict[str, Any]]:
    """Read a trained instrument.

    Args:
        path: a file from `save_instrument`, or the name of an instrument that comes with the course.

    Returns:
        The model, float32, in evaluation mode, and the facts stored with it.

    Raises:
        CheckpointError: a missing, foreign or damaged file, another version, weights that do not fit.
    """
    tensors, facts = read_tensors(_resolve(path), "instrument")
    model = model_from(tensors, facts, path)
    return model.eval(), facts


def model_from(tensors: dict[str, Tensor], facts: dict[str, Any], path: str | Path) -> ToneTransfer:
    """Build the model that a checkpoint describes, or say what does not fit."""
    try:
        config = c = TransferConfig(**facts["config"])
        # What a file claims must not make us ask for more memory than what it holds.
        weights = sum(value.numel() for value in tensors.values())
        if max(c.hidden**2, c.width**2, c.n_harmonics, c.n_bands, c.n_z, c.reverb_taps) > weights:
            raise ValueError(f"it claims more weights than its {weights}")
        model = ToneTransfer(config)
        model.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"the weights in {path} do not fit the model it describes ({reason})") from error
    if not all(bool(torch.isfinite(value).all()) for value in model.state_dict().values()):
        raise CheckpointError(f"{path} holds weights that are not finite")
    return model


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
