"""Instruments as files that need no Python of ours: `.onnx`, or `.pt2` for PyTorch."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from course_lib.tone_transfer.checkpoint import CheckpointError
from course_lib.tone_transfer.exporting.check import AT_MOST_DB, Check, check_file
from course_lib.tone_transfer.exporting.onnx_file import write_onnx
from course_lib.tone_transfer.exporting.parts import PARTS, describe_file
from course_lib.tone_transfer.exporting.program import write_program
from course_lib.tone_transfer.model import ToneTransfer

__all__ = ["INSTALL", "Check", "check_target", "export_instrument"]
WRITERS = {".onnx": write_onnx, ".pt2": write_program}
INSTALL = 'pip install "ddsp-course[export]"'


def check_target(path: str | Path) -> Path:
    """Return where an instrument is to be written, or raise ValueError while nothing has been computed yet."""
    path = Path(path)
    if path.suffix not in WRITERS:
        raise ValueError(f"{path} must end in {' or '.join(WRITERS)}: the suffix says which kind of file to write")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} in; make it first")
    if path.exists():
        raise ValueError(f"{path} is there already; give another name, or move it away")
    if path.suffix == ".onnx" and importlib.util.find_spec("onnx") is None:
        raise ValueError(f"writing .onnx needs the package onnx: {INSTALL}")
    return path


def export_instrument(
    model: ToneTransfer, facts: dict[str, Any], path: str | Path, part: str = "instrument", *, check: bool = True
) -> Check | None:
    """Write an instrument, or its decoder alone, as a program that runs without this library.

    Args:
        model: the instrument, from `load_instrument`.
        facts: what was stored with it; its name, licence and statistics travel on.
        path: where to, `.onnx` or `.pt2`; nothing may be there yet.
        part: "decoder": pitch and loudness in, controls out, in blocks of any size. "instrument": sound out, of whole
            phrases.
        check: run the file and compare it with the library; it is kept only if it agrees.

    Returns:
        What the check measured; None if it was not asked for, or onnxruntime is not installed.

    Raises:
        ValueError: another suffix or part, a file that is there already, an instrument with an encoder, a package that
            is missing, a result that differs from the library by more than −80 dB.

    Chapter: book/tone_transfer/decoder.ipynb
    """
    path = check_target(path)
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r}; choose one of {', '.join(PARTS)}")
    if model.config.n_z:
        raise CheckpointError("this instrument was made with an encoding z, which an exported file cannot be given")
    if model.config.tone != "harmonic":
        raise CheckpointError(
            f"only instruments that play harmonics can be exported; this one's tone is {model.config.tone!r}"
        )
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    result = None
    try:
        WRITERS[path.suffix](temporary, model, part, describe_file(model.config, facts, part))
        if check and (path.suffix != ".onnx" or importlib.util.find_spec("onnxruntime") is not None):
            result = check_file(temporary, model, part, facts)
            if not result.worst_db <= AT_MOST_DB:
                raise ValueError(
                    f"the file would differ from the library by {result.worst_db:.0f} dB, at most {AT_MOST_DB:.0f} is "
                    "allowed; nothing was written"
                )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return result
