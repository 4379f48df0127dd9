"""What several commands read alike."""

from __future__ import annotations

import argparse

PROGRAM = "python -m course_lib"


def seed(text: str) -> int:
    """A seed from the command line."""
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 2147483647; got {text}")
    return value


def check_device(device: str | None) -> None:
    """Raise ValueError unless PyTorch can compute on this device."""
    import torch

    try:
        kind = None if device is None else torch.device(device).type
    except RuntimeError as error:
        raise ValueError(f"--device {device}: {error}") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {device}: there is no CUDA device that this PyTorch can use")
