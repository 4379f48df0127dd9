"""Trained MIDI-DDSP networks as files, one kind for each of the four networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from course_lib.midi_ddsp.hearing.inference_network import DDSPInference, InferenceConfig
from course_lib.midi_ddsp.playing.expression_generator import ExpressionConfig, ExpressionGenerator
from course_lib.midi_ddsp.playing.pitch_generator import PitchConfig, PitchGenerator
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.sounds.clips import data_path
from course_lib.training.checkpoints import Format, NetworkKind, load_network, save_network

FORMAT = Format("course_lib.midi_ddsp", 1, "MIDI-DDSP")
INFERENCE = NetworkKind(
    "inference",
    FORMAT,
    DDSPInference,
    InferenceConfig,
    lambda c: max(c.hidden**2, c.width**2, c.n_harmonics, c.n_bands, c.n_embedding, c.reverb_taps),
)
PITCH = NetworkKind("pitch", FORMAT, PitchGenerator, PitchConfig, lambda c: max(c.hidden**2, c.width**2, c.n_embedding))
SYNTHESIS = NetworkKind(
    "synthesis",
    FORMAT,
    SynthesisGenerator,
    SynthesisConfig,
    lambda c: max(c.width**2, 3 * c.channels**2 * c.stacks * c.dilations, c.n_harmonics, c.n_bands, c.n_embedding),
)
EXPRESSION = NetworkKind(
    "expression",
    FORMAT,
    ExpressionGenerator,
    ExpressionConfig,
    lambda c: max(c.hidden**2, c.width**2, c.n_embedding),
)


def save_inference(path: str | Path, model: DDSPInference, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained inference network; see `course_lib.training.checkpoints.save_network`."""
    save_network(path, model, facts, INFERENCE, half)


def load_inference(path: str | Path | None = None) -> tuple[DDSPInference, dict[str, Any]]:
    """Read a trained inference network.

    Args:
        path: a file from `save_inference`; None: the one that comes with the course.

    Returns:
        The network, float32, in evaluation mode, and the facts stored with it.

    Raises:
        CheckpointError: a missing, foreign or damaged file, another version, weights that do not fit.

    >>> network, facts = load_inference()
    >>> network.config.sample_rate
    16000
    """
    return _load(path, INFERENCE)


def save_pitch(path: str | Path, model: PitchGenerator, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained pitch generator; as `save_inference`."""
    save_network(path, model, facts, PITCH, half)


def load_pitch(path: str | Path | None = None) -> tuple[PitchGenerator, dict[str, Any]]:
    """Read a trained pitch generator; as `load_inference`."""
    return _load(path, PITCH)


def save_synthesis(path: str | Path, model: SynthesisGenerator, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained synthesis generator; as `save_inference`."""
    save_network(path, model, facts, SYNTHESIS, half)


def load_synthesis(path: str | Path | None = None) -> tuple[SynthesisGenerator, dict[str, Any]]:
    """Read a trained synthesis generator; as `load_inference`."""
    return _load(path, SYNTHESIS)


def save_expression(path: str | Path, model: ExpressionGenerator, facts: dict[str, Any], half: bool = False) -> None:
    """Write a trained expression generator; as `save_inference`."""
    save_network(path, model, facts, EXPRESSION, half)


def load_expression(path: str | Path | None = None) -> tuple[ExpressionGenerator, dict[str, Any]]:
    """Read a trained expression generator; as `load_inference`."""
    return _load(path, EXPRESSION)


def _load(path: str | Path | None, kind: NetworkKind) -> tuple[Any, dict[str, Any]]:
    return load_network(data_path(f"midi_ddsp/{kind.name}.safetensors") if path is None else path, kind)
