"""Trained instruments as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from course_lib.sounds.clips import data_path
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.training.checkpoints import CheckpointError, Format, NetworkKind, load_network, save_network

FORMAT = Format("course_lib.tone_transfer", 1, "tone-transfer")


def _counts(settings: dict[str, Any]) -> list[int]:
    """The whole numbers among a tone's settings: how many tables, shapers …, never more than weights."""
    return [value for value in settings.values() if isinstance(value, int)]


INSTRUMENT = NetworkKind(
    "instrument",
    FORMAT,
    ToneTransfer,
    TransferConfig,
    lambda c: max(c.hidden**2, c.width**2, c.n_harmonics, c.n_bands, c.n_z, c.reverb_taps, *_counts(c.tone_settings)),
)


def save_instrument(path: str | Path, model: ToneTransfer, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained instrument; the file that was there is replaced only once the new one is whole.

    Args:
        path: where to.
        model: the instrument.
        facts: what else should travel with it: statistics of its sounds, the training record.
        half: store 16-bit numbers, half the size.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.safetensors"
    >>> save_instrument(path, ToneTransfer(), {"instrument": "untrained"})
    >>> load_instrument(path)[1]["instrument"]
    'untrained'
    """
    save_network(path, model, facts, INSTRUMENT, half)


def load_instrument(path: str | Path) -> tuple[ToneTransfer, dict[str, Any]]:
    """Read a trained instrument.

    Args:
        path: a file from `save_instrument`, or the name of an instrument that comes with the course.

    Returns:
        The model, float32, in evaluation mode, and the facts stored with it.

    Raises:
        CheckpointError: a missing, foreign or damaged file, another version, weights that do not fit.

    >>> model, facts = load_instrument("violin")
    >>> model.config.sample_rate
    16000
    """
    return load_network(_resolve(path), INSTRUMENT)


def instrument_names() -> list[str]:
    """Names of the instruments that come with the course.

    >>> instrument_names()
    ['trumpet', 'violin']
    """
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
