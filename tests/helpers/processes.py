"""Training in two processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.helpers import ROOT

ONE_PROCESS = pytest.mark.skipif(
    sys.platform == "win32" or not torch.distributed.is_available(), reason="this PyTorch is for one process"
)
BEFORE = """
import os
import sys
import torch
from pathlib import Path
from course_lib.training.processes import leave_processes
torch.set_num_threads(1)
folder, rank = Path(sys.argv[1]), os.environ["RANK"]
"""
EACH = """
out = folder / "NUMBER.safetensors"
TRAINING
weights = torch.cat([p.detach().ravel() for p in model.parameters()])
torch.save([weights, torch.tensor(record.losses)], folder / f"NUMBER_{rank}.pt")
"""


def learn_together(folder: Path, *trainings: str, at_the_end: str = "leave_processes()") -> list[Path]:
    """Run trainings, one after the other, in two processes under torchrun; assert that both end with one network.

    Args:
        folder: where files go.
        trainings: code; each trains on the CPU, writes to the path `out`, and leaves `model` and `record` behind.
        at_the_end: code that ends the two processes' being together.

    Returns:
        The file that each training wrote.
    """
    script = folder / "together.py"
    parts = [EACH.replace("NUMBER", str(i)).replace("TRAINING", code) for i, code in enumerate(trainings)]
    script.write_text("\n".join([BEFORE, *parts, at_the_end]))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COURSE_PROGRESS": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(script), str(folder)], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    for i in range(len(trainings)):
        (w0, losses0), (w1, losses1) = (torch.load(folder / f"{i}_{rank}.pt") for rank in (0, 1))
        # One network, though each process saw other examples.
        assert torch.isfinite(w0).all() and torch.equal(w0, w1) and not torch.equal(losses0, losses1)
    return [folder / f"{i}.safetensors" for i in range(len(trainings))]
