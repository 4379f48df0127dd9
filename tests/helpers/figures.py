"""Running a figure's script in Node, and drawing states to run it with."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from course_lib import harmonic_synth, live_figure
from course_lib.display import figures, live
from course_lib.display.figures.fields import Choice, Numbers, Recordings
from course_lib.effects.fir import shape_noise
from course_lib.synths.tone import ToneControls


def run_node(script: str, data: Any) -> Any:
    """What `script` prints as JSON, given `data` as JSON on stdin."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("Node.js is missing, and with it the proof that page and library agree: apt-get install nodejs")
    with tempfile.TemporaryDirectory() as folder:  # a file, for a script with weights is too long for an argument
        path = Path(folder) / "script.cjs"
        path.write_text(script, encoding="utf-8")
        done = subprocess.run(
            [node, str(path)], input=json.dumps(data), capture_output=True, text=True, timeout=240, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def page_noise(n_samples: int) -> torch.Tensor:
    """The white noise of kit/hiss.js, (n_samples,), float64."""
    seed, white = 1, []
    for _ in range(n_samples):
        seed = seed * 48271 % 2147483647
        white.append(3**0.5 * (2 * seed / 2147483647 - 1))
    return torch.tensor(white, dtype=torch.float64)


READ = 'const data = JSON.parse(require("fs").readFileSync(0));'


def random_state(kind: str, rng: random.Random) -> dict[str, Any]:
    """A valid state, every field drawn from its range."""

    def draw(field: Any) -> Any:
        if isinstance(field, Choice):
            return rng.choice(field.options)
        if isinstance(field, Recordings):
            return rng.sample(field.default, len(field.default))
        if isinstance(field, Numbers):
            return [rng.uniform(field.low, field.high) for _ in field.default]
        return rng.randint(int(field.low), int(field.high)) if field.whole else rng.uniform(field.low, field.high)

    return live_figure(kind, **{name: draw(field) for name, field in figures.find(kind).fields.items()}).state


def edge_states(kind: str) -> list[dict[str, Any]]:
    """All lower ends, all upper ends."""
    ends = []
    for end in ("low", "high"):
        state = {}
        for name, field in figures.find(kind).fields.items():
            if isinstance(field, Choice):
                state[name] = field.options[0 if end == "low" else -1]
            elif isinstance(field, Recordings):
                state[name] = list(field.default)
            else:
                value = getattr(field, end)
                state[name] = [value] * len(field.default) if isinstance(field, Numbers) else value
        ends.append(live_figure(kind, **state).state)
    return ends


def assert_page_sounds_as_the_library(
    kind: str, state: dict[str, Any], controls: ToneControls, part: int, n_samples: int
) -> None:
    """The harmonics (part 0) or the noise (1) that a figure's script makes of a state are those of these controls."""
    page = run_node(
        f"{live.node_module(kind)}{READ}const n = compute(data).heard;"
        f"console.log(JSON.stringify([...{('harmonics', 'hiss')[part]}(n)]));",
        state,
    )
    if part == 0:
        ours = harmonic_synth(
            controls.f0_hz, controls.amplitude, controls.distribution, n_samples=n_samples, sample_rate=16000
        )
    else:
        ours = shape_noise(page_noise(n_samples), controls.noise_magnitudes)
    sound = torch.tensor(page)
    assert sound.shape == ours.shape == (n_samples,) and ours.abs().max() > 1e-5
    assert (sound - ours).abs().max() < 1e-4 * ours.abs().max() + 1e-7
