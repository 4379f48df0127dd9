"""One training in one process or in many: `torchrun` starts them, and they share each step."""

from __future__ import annotations

import os
import platform

import torch


def join_processes(device: str | torch.device | None = None) -> tuple[int, int, torch.device]:
    """Join the other processes where `torchrun` started several.

    Args:
        device: "cpu", "cuda"…; by default CUDA where there is some, each process on a GPU of its own.

    Returns:
        Rank of this process, number of processes, and the device of this one.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        return 0, 1, device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return torch.distributed.get_rank(), world_size, device


def is_first_process() -> bool:
    """Whether this process is the one that writes files."""
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


def wait_for_all() -> None:
    """Return once every process has come to this point."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def leave_processes() -> None:
    """End what `join_processes` began."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def describe_device(device: torch.device, world_size: int) -> str:
    """What a training ran on, in words: "1 × CPU (x86_64), 2 thread(s)"."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU ({platform.machine()})"
    threads = "" if device.type == "cuda" else f", {torch.get_num_threads()} thread(s)"
    return f"{world_size} × {name}{threads}"
