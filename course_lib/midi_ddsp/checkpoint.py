"""Trained MIDI-DDSP networks as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from course_lib.midi_ddsp.hearing.inference_network import DDSPInference, InferenceConfig
from course_lib.midi_ddsp.playing.expression_generator import ExpressionConfig, ExpressionGenerator
from course_lib.midi_ddsp.playing.pitch_generator import PitchConfig, PitchGenerator
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.sounds.clips import data_path
from course_lib.training.checkpoints import Format, read_tensors, restore, write_tensors

FORMAT = Format("course_lib.midi_ddsp", 1, "MIDI-DDSP")


def save_inference(path: str | Path, model: DDSPInference, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained inference network; an old file is replaced only once the new one is whole.

    Args:
        path: where to.
        model: the network.
        facts: what else should travel with it: the training record, metrics.
        half: store 16-bit numbers, half the size.
    """
    _save(path, model, "inference", facts, half)


def load_inference(path: str | Path | None = None) -> tuple[DDSPInference, dict[str, Any]]:
    """Read a trained inference network.

    Args:
        path: a file from `save_inference`; None: the one that comes with the course.

    Returns:
        The network, float32, in evaluation mode, and the facts stored with it.

    Raises:
        CheckpointError: a missing, foreign or damaged file, another version, weights that do not fit.
    """

    def least(c: InferenceConfig) -> int:
        return max(c.hidden**2, c.width**2, c.n_harmonics, c.n_bands, c.n_embedding, c.reverb_taps)

    return _load(path, "inference", InferenceConfig, DDSPInference, least)


def save_pitch(path: str | Path, model: PitchGenerator, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained pitch generator; as `save_inference`."""
    _save(path, model, "pitch", facts, half)


def load_pitch(path: str | Path | None = None) -> tuple[PitchGenerator, dict[str, Any]]:
    """Read a trained pitch generator; as `load_inference`."""
    return _load(path, "pitch", PitchConfig, PitchGenerator, lambda c: max(c.hidden**2, c.width**2, c.n_embedding))


def save_synthesis(path: str | Path, model: SynthesisGenerator, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained synthesis generator; as `save_inference`."""
    _save(path, model, "synthesis", facts, half)


def load_synthesis(path: str | Path | None = None) -> tuple[SynthesisGenerator, dict[str, Any]]:
    """Read a trained synthesis generator; as `load_inference`."""

    def least(c: SynthesisConfig) -> int:
        return max(c.width**2, 3 * c.channels**2 * c.stacks * c.dilations, c.n_harmonics, c.n_bands, c.n_embedding)

    return _load(path, "synthesis", SynthesisConfig, SynthesisGenerator, least)


def save_expression(path: str | Path, model: ExpressionGenerator, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained expression generator; as `save_inference`."""
    _save(path, model, "expression", facts, half)


def load_expression(path: str | Path | None = None) -> tuple[ExpressionGenerator, dict[str, Any]]:
    """Read a trained expression generator; as `load_inference`."""

    def least(c: ExpressionConfig) -> int:
        return max(c.hidden**2, c.width**2, c.n_embedding)

    return _load(path, "expression", ExpressionConfig, ExpressionGenerator, least)


def _save(path: str | Path, model: Any, kind: str, facts: dict[str, Any], half: bool) -> None:
    tensors = {name: value.half() if half else value for name, value in model.state_dict().items()}
    write_tensors(Path(path), tensors, {**facts, "kind": kind, "config": asdict(model.config)}, FORMAT)


def _load(
    path: str | Path | None,
    kind: str,
    config: Callable[..., Any],
    build: Callable[[Any], Any],
    least: Callable[[Any], int],
) -> tuple[Any, dict[str, Any]]:
    """`least` weights that a file which describes such a network must at least hold."""
    path = data_path(f"midi_ddsp/{kind}.safetensors") if path is None else Path(path)
    tensors, facts = read_tensors(path, kind, FORMAT)

    def configure() -> tuple[Any, int]:
        c = config(**facts["config"])
        return c, least(c)

    return restore(configure, build, tensors, path).eval(), facts
