"""What a live figure plays, heard without a page: its script runs in Node."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from course_lib.display import figures, live
from course_lib.display.figures.fields import Recordings

SCRIPT = """
const { states, files } = JSON.parse(require("fs").readFileSync(0));
// What a browser would decode was decoded before.
globalThis.OfflineAudioContext = class {
  async decodeAudioData(buffer) {
    const found = Buffer.from(files[Buffer.from(buffer).toString("base64")], "base64");
    return { getChannelData: () => new Float32Array(new Uint8Array(found).buffer) };
  }
};
const text = (ear) => Buffer.from(ear.buffer, ear.byteOffset, ear.byteLength).toString("base64");
Promise.all(states.map(async (state) => {
  const numbers = compute(state), view = { path: numbers.path, at: 0 };
  await figure.load?.(state, view);
  return figure.sounds.map((s) => {
    const made = rendered(s, state, numbers, view);
    return { label: s.label, seamless: !!s.loop && !s.phrase, ...made, ears: made.ears.map(text) };
  });
})).then((sounds) => console.log(JSON.stringify(sounds)));
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
            [node, str(script)],
            input=json.dumps({"states": states, "files": _decoded(kind, states)}),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the script of the live figure {kind!r} fails: {done.stderr[-800:]}")
    return [[_heard(sound) for sound in sounds] for sounds in json.loads(done.stdout)]


def _decoded(kind: str, states: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The recordings in some states: FLAC → samples, both as base64."""
    held = [name for name, field in figures.find(kind).fields.items() if isinstance(field, Recordings)]
    texts = {text for state in states for name in held for text in state[name]}
    audio = {text: soundfile.read(io.BytesIO(base64.b64decode(text)), dtype="float32")[0] for text in texts}
    return {text: base64.b64encode(samples.tobytes()).decode() for text, samples in audio.items()}


def _heard(sound: Mapping[str, Any]) -> FigureSound:
    audio = np.stack([np.frombuffer(base64.b64decode(ear), dtype="<f4") for ear in sound["ears"]])
    return FigureSound(sound["label"], audio, sound["rate"], sound["db"] or 0.0, sound["wanted_db"], sound["seamless"])
