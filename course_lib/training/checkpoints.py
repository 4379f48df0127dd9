"""Checkpoints as safetensors: numbers and text only, so that one from a stranger cannot run code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor


class CheckpointError(ValueError):
    """A file that is not a checkpoint of this model, or not of this version."""


class Format(NamedTuple):
    """Who wrote a file, the version of its layout, and what to call such files in a message."""

    name: str
    version: int
    title: str


class NetworkKind(NamedTuple):
    """One kind of network that is kept in files.

    Args:
        name: stored in the file.
        form: of the file.
        network: builds the network from its configuration.
        config: builds the configuration, a dataclass, from what the file says.
        fewest_weights: a lower bound of the number of weights of a network of that configuration, quickly found: one
            that is too low is harmless, one that is too high refuses good files.
    """

    name: str
    form: Format
    network: Callable[[Any], Any]
    config: Callable[..., Any]
    fewest_weights: Callable[[Any], int]


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


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any], form: Format) -> None:
    """Write tensors, and facts as JSON beside them in the file's own header."""
    header = {"format": form.name, "version": str(form.version), "facts": json.dumps(facts)}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomically(path, save(plain, header))


def read_tensors(path: str | Path, kind: str, form: Format) -> tuple[dict[str, Tensor], dict[str, Any]]:
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
            if header.get("format") != form.name:
                raise CheckpointError(
                    f"{path} is not a {form.title} checkpoint: its format is {header.get('format')!r}"
                )
            if header.get("version") != str(form.version):
                raise CheckpointError(
                    f"{path} has format version {header.get('version')}, this course_lib reads version {form.version}: "
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


def save_network(path: str | Path, model: Any, facts: dict[str, Any], kind: NetworkKind, half: bool = False) -> None:
    """Write a trained network; the file that was there is replaced only once the new one is whole.

    Args:
        path: where to.
        model: the network, with its `config`.
        facts: what else should travel with it: the training record, metrics.
        kind: of the network.
        half: store 16-bit numbers, half the size.
    """
    tensors = {name: value.half() if half else value for name, value in model.state_dict().items()}
    write_tensors(Path(path), tensors, {**facts, "kind": kind.name, "config": asdict(model.config)}, kind.form)


def load_network(path: str | Path, kind: NetworkKind) -> tuple[Any, dict[str, Any]]:
    """Read what `save_network` wrote.

    Returns:
        The network, float32, in evaluation mode, and the facts stored with it.

    Raises:
        CheckpointError: a missing, foreign or damaged file, another version, a description that makes no sense or does
            not fit the weights, weights that are not finite.
    """
    tensors, facts = read_tensors(path, kind.name, kind.form)
    try:
        config = kind.config(**facts["config"])
        n_weights = sum(value.numel() for value in tensors.values())
        # What a file claims must not make us ask for more memory than what it holds.
        if kind.fewest_weights(config) > n_weights:
            raise ValueError(f"it claims more weights than its {n_weights}")
        model = kind.network(config)
        model.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"the weights in {path} do not fit the model it describes ({reason})") from error
    if not all(bool(torch.isfinite(value).all()) for value in model.state_dict().values()):
        raise CheckpointError(f"{path} holds weights that are not finite")
    return model.eval(), facts
