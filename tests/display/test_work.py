"""Sounds made beside the page: by a worker made of the figure's own script, or piece by piece where there is none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from course_lib import live_figure
from course_lib.display import live
from course_lib.display.figures.hear import figure_sounds
from tests.helpers.figures import READ, run_node

# Node has workers of another make: this one takes the text of a blob, as a browser's does.
WORKER = """
const threads = require("worker_threads"), { resolveObjectURL } = require("buffer");
const SHIM = `const { parentPort } = require("worker_threads"); globalThis.postMessage = (...a) =>
  parentPort.postMessage(...a);
  globalThis.addEventListener = (_, f) => parentPort.on("message", (data) => f({ data }));`;
let workers = 0;
globalThis.Worker = class {
  constructor(url) {
    workers++;
    this.inner = resolveObjectURL(url).text().then((text) => {
      const inner = new threads.Worker(SHIM + text, { eval: true });
      inner.on("message", (data) => this.onmessage({ data }));
      inner.on("error", (e) => this.onerror(e));
      return inner;
    });
  }
  postMessage(...a) { this.inner.then((w) => w.postMessage(...a)); }
  terminate() { this.inner.then((w) => w.terminate()); }
};
"""
RUN = """
const kind = whole(), { figure } = kind, numbers = figure.compute(data), shares = [];
const s = figure.sounds[0], shop = figure.workshop(figure, whole);
(async () => {
  const [first, dropped, last] = await Promise.all(
    [0, 1, 2].map(() => shop.make(s, data, numbers, (share) => shares.push(share))));
  shop.close();
  console.log(JSON.stringify({ workers: typeof workers === "undefined" ? 0 : workers, shares, db: last.db,
    first: first === null, dropped: dropped === null, ears: last.ears.map((x) => [...x.slice(0, 30000)]) }));
})();
"""


@pytest.mark.parametrize("kind", ["mixer", "player"])
@pytest.mark.parametrize("setting", ["", WORKER, "globalThis.Worker = class { constructor() { throw Error(); } };"])
def test_a_sound_is_the_same_wherever_it_is_made(kind: str, setting: str) -> None:
    state = live_figure(kind).state
    made: dict[str, Any] = run_node(f"{live._whole(kind)}\n{setting}{READ}{RUN}", state)
    assert made["workers"] == (setting == WORKER)
    assert made["shares"] == sorted(made["shares"]) and len(made["shares"]) >= 3
    assert made["first"] and made["dropped"], "only the newest of several wishes is worth the work"
    want = figure_sounds(kind, state)[0][0]
    assert made["db"] == pytest.approx(want.gain_db)
    np.testing.assert_allclose(np.array(made["ears"]), want.audio[:, :30000], atol=1e-6)


def test_a_worker_that_fails_is_done_without() -> None:
    broken = "globalThis.Worker = class { postMessage() { setTimeout(() => this.onerror({})); } terminate() {} };"
    state = live_figure("player").state
    made = run_node(f"{live._whole('player')}\n{broken}{READ}{RUN}", state)
    assert max(map(abs, made["ears"][0])) > 0.1 and json.dumps(made["shares"]) == "[0, 0.2, 0.5]"
