"""What a live figure plays, heard without a page: its script runs in Node."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course_lib.display import live

SCRIPT = """
const fs = require("fs"), states = JSON.parse(fs.readFileSync(0));
const text = (ear) => Buffer.from(ear.buffer, ear.byteOffset, ear.byteLength).toString("base64");
console.log(JSON.stringify(states.map((state) => {
  const numbers = compute(state), view = { path: numbers.path, at: 0 };
  return figure.sounds.map((s) => {
    const start = performance.now(), made = rendered(s, state, numbers, view);
    return { label: s.label, seamless: !!s.loop && !s.phrase, ms: performance.now() - start,
      ...made, ears: made.ears.map(text) };
  });
})));
"""


@dataclass(frozen=True)
class FigureSound:
    """One of the sounds of a live figure, as its player gets it.

    audio: (n_channels, n_samples), full scale ±1, float32. gain_db: at which it is played; wanted_db: at which it would
    be, were there room below full scale. seamless: a loop whose end goes on in its beginning.
    """

    label: str
    audio: np.ndarray
    sample_rate: int
    gain_db: float
    wanted_db: float
    seamless: bool


def figure_sounds(kind: str, *states: Mapping[str, Any]) -> list[list[FigureSound]]:
    """Return all sounds of a live figure in each of some full states.

    Raises:
        RuntimeError: there is no Node.js, or the figure's script fails.
    """
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("the sounds of live figures are made by their scripts, which need Node.js: install nodejs")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.cjs"
        script.write_text(live.node_module(kind) + SCRIPT, encoding="utf-8")
        done = subprocess.run(
            [node, str(script)], input=json.dumps(states), capture_output=True, text=True, timeout=240, check=False
        )
    if done.returncode:
        raise RuntimeError(f"the script of the live figure {kind!r} fails: {done.stderr[-800:]}")
    return [[_heard(sound) for sound in sounds] for sounds in json.loads(done.stdout)]


def _heard(sound: Mapping[str, Any]) -> FigureSound:
    audio = np.stack([np.frombuffer(base64.b64decode(ear), dtype="<f4") for ear in sound["ears"]])
    return FigureSound(sound["label"], audio, sound["rate"], sound["db"] or 0.0, sound["wanted_db"], sound["seamless"])
