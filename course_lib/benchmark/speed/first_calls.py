"""What a fresh process waits for: the library's import, a first sound with loops from disk, and with none there yet."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

# Seconds after `import torch`: the library's import, then a first sound with its gradients (K = 16, 0.25 s).
SCRIPT = """
import time
import torch
start = time.perf_counter()
import course_lib
imported = time.perf_counter()
f0, a, d = (x.requires_grad_() for x in (torch.full((62,), 200.0), torch.ones(62), torch.ones(62, 16)))
course_lib.harmonic_synth(f0, a, d, n_samples=4000, sample_rate=16000).sum().backward()
print(imported - start, time.perf_counter() - imported)
"""


def first_calls_s(rounds: int = 3) -> dict[str, float]:
    """Seconds of the library's import, beyond torch's, and of a first sound and its gradients.

    "first call, cold" compiles the loops, which happens once on a machine; "warm" reads them from disk. Medians; the
    cold one is taken once.
    """
    with tempfile.TemporaryDirectory() as folder:
        _, cold = _run(folder)
        imports, warm = zip(*(_run(folder) for _ in range(rounds)), strict=True)
    found = {
        "import": statistics.median(imports),
        "first call, warm": statistics.median(warm),
        "first call, cold": cold,
    }
    return {name: round(seconds, 3) for name, seconds in found.items()}


def _run(cache: str) -> tuple[float, float]:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"NUMBA_CACHE_DIR": cache, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported, called = map(float, run.stdout.split())
    return imported, called
