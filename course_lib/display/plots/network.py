"""Pictures of networks, drawn from the modules themselves: layers, what flows between them, and how many weights."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from course_lib.core.extras import needs_course
from course_lib.core.types import ArrayLike
from course_lib.display.plots.axes import COLOURS
from course_lib.display.plots.network_parts import Part, network_parts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches: 4.4 across are some 80 pixels an inch on a telephone, where letters of 9 points are 10 pixels high.
WIDTH, LINE, PADDING, GAP, LANE = 4.4, 0.155, 0.07, 0.3, 0.13
POINTS = 9
FACES = {"input": "white", "output": "white", "trained": "#cfe3ec", "fixed": "#e6e6e6"}
EDGES = {"input": COLOURS[1], "output": COLOURS[1], "trained": COLOURS[0], "fixed": COLOURS[5]}


class Box(NamedTuple):
    """Where a part stands, in inches from the top left corner; x is its middle."""

    x: float
    top: float
    bottom: float
    width: float


def plot_network(
    module: nn.Module, inputs: Mapping[str, ArrayLike], ax: Axes | None = None, *, output: str = "output"
) -> Axes:
    """Draw a network from top to bottom: its layers, how many weights each has, and what flows from one to the next.

    The network is run once on the example, and drawn as it ran: `network_parts` says how. Each box names a part as the
    module does. Below the layers stand the weights and, behind an arrow, the shape of what comes out without its
    batch: frames × width.

    Args:
        module: the network, such as a `ToneTransfer`, which is drawn down to the sound.
        inputs: {name, with its unit: example with a batch axis}, in the order in which `forward` takes them.
        ax: where to draw; a new figure of the right height if None.
        output: name of what comes out, with its unit.

    Returns:
        The axes.

    Raises:
        ValueError: no module, no inputs, or inputs that the module cannot run on.

    Chapter: book/tone_transfer/decoder.ipynb

    >>> import torch
    >>> ax = plot_network(nn.Linear(2, 1), {"x": torch.zeros(1, 2)})
    """
    parts = network_parts(module, inputs, output)
    rows = _rows(parts)
    lanes = _lanes(parts, rows)
    left, right = (LANE * (sum(side == s for s in lanes.values()) + 0.5) for side in (-1, 1))
    steps = [(WIDTH - left - right) / len(row) for row in rows]
    widths = {i: min(step - 0.1, 2.8) for row, step in zip(rows, steps, strict=True) for i in row}
    texts = {i: _text(parts[i], int(13.5 * widths[i])) for i in widths}
    needs = {i: sum(map(len, text)) * LINE + 2 * PADDING for i, text in texts.items()}
    boxes: dict[int, Box] = {}
    top = 0.0
    for row, step in zip(rows, steps, strict=True):
        bottom = top + max(needs[i] for i in row)
        for k, i in enumerate(row):
            boxes[i] = Box(
                left + step * (k + 0.5), bottom - needs[i] if parts[i].kind == "input" else top, bottom, widths[i]
            )
        top = bottom + GAP
    ax = _axes(ax, bottom + 0.1)
    _draw_arrows(ax, parts, rows, boxes, lanes)
    for i, part in enumerate(parts):
        _draw_box(ax, part, texts[i], boxes[i])
    _finish(ax, module, parts)
    return ax


def _rows(parts: Sequence[Part]) -> list[list[int]]:
    """Which parts stand beside each other: each below all that it is given, and as near as it can to where it goes."""
    rank = [0] * len(parts)
    for i, part in enumerate(parts):
        rank[i] = 1 + max((rank[j] for j in part.sources), default=-1)
    end = max(rank)
    for i in reversed(range(len(parts))):
        goes_to = [rank[j] for j, part in enumerate(parts) if i in part.sources]
        rank[i] = min(goes_to) - 1 if goes_to else end + (parts[i].kind != "output")
    rows = [[i for i in range(len(parts)) if rank[i] == r] for r in sorted(set(rank))]
    place: dict[int, float] = {}
    for row in reversed(rows):  # above that to which they go, so that few arrows cross
        goals = {i: [place[j] for j, part in enumerate(parts) if i in part.sources] or [0.5] for i in row}
        row.sort(key=lambda i: sum(goals[i]) / len(goals[i]))
        place |= {i: (k + 0.5) / len(row) for k, i in enumerate(row)}
    return rows


def _lanes(parts: Sequence[Part], rows: Sequence[Sequence[int]]) -> dict[int, int]:
    """The parts whose output also goes past the next row, and on which side it does: −1 left, 1 right."""
    row_of = {i: r for r, row in enumerate(rows) for i in row}
    past = {j for i, part in enumerate(parts) for j in part.sources if row_of[i] > row_of[j] + 1}
    place = {i: (row.index(i) + 0.5) / len(row) for row in rows for i in row}
    return {i: -1 if place[i] < 0.5 else 1 for i in sorted(past)}


def _text(part: Part, letters: int) -> tuple[list[str], list[str]]:
    """The lines of a box: its name, bold and so of fewer letters, and what stands below it; short lines share one."""
    flows = " × ".join(f"{n:,}" for n in part.flows) or "one number"
    weights = f"{part.weights:,} weights" if part.weights else "no weights"
    out = {"input": [f"→ {flows}"], "output": [flows]}.get(part.kind, [weights, f"→ {flows}"])
    body = []
    for lines, between in ((part.what.splitlines(), ", "), (out, " ")):
        together = between.join(lines)
        body += [together] if len(together) <= letters else [x for line in lines for x in textwrap.wrap(line, letters)]
    return textwrap.wrap(part.name, int(0.88 * letters)), [line for line in body if line]


def _axes(ax: Axes | None, bottom: float) -> Axes:
    """Axes that measure in inches, from the top left corner down."""
    if ax is None:
        with needs_course("every plot"):
            import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(WIDTH, bottom + 0.85))
        ax = figure.add_axes((0, 0.42 / (bottom + 0.85), 1, bottom / (bottom + 0.85)))
    ax.set(xlim=(0, WIDTH), ylim=(bottom, -0.02))
    ax.axis("off")
    return ax


def _draw_box(ax: Axes, part: Part, text: tuple[list[str], list[str]], box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, top, bottom, width = box
    round_ends = f"round,pad=0,rounding_size={0.14 if part.kind in ('input', 'output') else 0.03}"
    patch = FancyBboxPatch((x - width / 2, top), width, bottom - top, boxstyle=round_ends, zorder=2, linewidth=1.2)
    patch.set(facecolor=FACES[part.kind], edgecolor=EDGES[part.kind])
    ax.add_patch(patch)
    name, body = text
    y = (top + bottom - LINE * (len(name) + len(body))) / 2
    for lines, weight in ((name, "bold"), (body, "normal")):
        for line in lines:
            ax.text(x, y + LINE / 2, line, ha="center", va="center", fontsize=POINTS, weight=weight, color="black")
            y += LINE


def _draw_arrows(
    ax: Axes,
    parts: Sequence[Part],
    rows: Sequence[Sequence[int]],
    boxes: Mapping[int, Box],
    lanes: Mapping[int, int],
) -> None:
    """Straight to the next row; what goes further runs along the side, past the boxes in between."""
    row_of = {i: r for r, row in enumerate(rows) for i in row}
    count = {-1: 0, 1: 0}
    lane_x = {}
    for i, side in lanes.items():
        lane_x[i] = LANE * (count[side] + 0.4) if side < 0 else WIDTH - LANE * (count[side] + 0.4)
        count[side] += 1
    for i, part in enumerate(parts):
        x, top, _, width = boxes[i]
        came = sorted(part.sources, key=lambda j: lane_x[j] if row_of[j] + 1 < row_of[i] else boxes[j][0])
        for k, j in enumerate(came):
            end = x + width * ((k + 1) / (len(came) + 1) - 0.5) * 0.9
            start, below = boxes[j][0], boxes[j][2]
            path = [(start, below), (end, top)]
            if row_of[j] + 1 < row_of[i]:
                out, turn = below + 0.3 * GAP, top - 0.55 * GAP
                path = [(start, below), (start, out), (lane_x[j], out), (lane_x[j], turn), (end, turn), (end, top)]
            ax.plot(*zip(*path[:-1], strict=True), color="0.4", lw=1, zorder=1)
            arrow = {"arrowstyle": "-|>", "color": "0.4", "lw": 1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
            ax.annotate("", path[-1], path[-2], arrowprops=arrow, zorder=1)


def _finish(ax: Axes, module: nn.Module, parts: Sequence[Part]) -> None:
    """The title, with all weights, and what the colours mean."""
    from matplotlib.patches import Patch

    fixed = sum(part.weights for part in parts if part.kind == "fixed")
    trained = sum(part.weights for part in parts if part.kind == "trained")
    words = f"{trained:,} trained weights" + (f", {fixed:,} fixed" if fixed else "")
    ax.set_title(f"{type(module).__name__}: {words}", fontsize=POINTS + 1)
    drawn = {part.kind for part in parts}
    words_of = {"input": "in and out", "trained": "trained", "fixed": "fixed"}
    handles = [Patch(facecolor=FACES[k], edgecolor=EDGES[k], label=w) for k, w in words_of.items() if k in drawn]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, frameon=False, fontsize=POINTS)
