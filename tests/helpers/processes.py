"""Training in two processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from tests.helpers import ROOT

BEFORE = """
import sys
import torch
from pathlib import Path
from course_lib.training.trainer import leave_processes
torch.set_num_threads(1)
out = Path(sys.argv[1]) / "both.safetensors"
"""
AFTER = """
rank = torch.distributed.get_rank()
losses = torch.tensor(record.losses)
torch.save([torch.cat([p.detach().ravel() for p in model.parameters()]), losses], out.with_name(f"{rank}.pt"))
leave_processes()
"""


def learn_together(folder: Path, training: str) -> Path:
    """Run code in two processes under torchrun and assert that both end with one network.

    Args:
        folder: where files go.
        training: trains on the CPU, writes to the path `out`, and leaves `model` and `record` behind.

    Returns:
        The file that was written.
    """
    script = folder / "together.py"
    script.write_text(BEFORE + training + AFTER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(script), str(folder)], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    (w0, losses0), (w1, losses1) = (torch.load(folder / f"{rank}.pt") for rank in (0, 1))
    assert torch.isfinite(w0).all() and torch.equal(w0, w1) and not torch.equal(losses0, losses1)
    return folder / "both.safetensors"
