"""What gradient descent finds of an FM sound: index and level, the ratio; the losses over the ratio; a remedy."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.benchmark.tables import data_file, open_table, stored_table, write_table
from course_lib.fitting.landscapes import local_minima
from course_lib.fitting.losses import MultiscaleSpectralLoss, multiscale_spectral_loss, spectral_transport_loss
from course_lib.synths.fm import fm_synth

SUMMARY = "try what gradient descent finds of an FM sound"
COMMAND = "python -m course_lib.benchmark fm"
SAMPLE_RATE, N, F0_HZ = 16_000, 4096, 220.0
AMPLITUDE = 0.6  # of every target
LIMITS = {"2": 2.0, "2π": 2 * math.pi}
INDICES = (0.3, 1.0, 1.5, 4.0, 6.0)
CLOSE = {"index": 0.05, "amplitude": 0.02, "ratio": 0.01}  # an answer that is no further off is found


class Pairs(NamedTuple):
    """Many sounds of one carrier and one modulator: amplitude, index (modulation) and ratio (n,) each."""

    amplitude: Tensor
    modulation: Tensor
    ratio: Tensor


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--out", type=Path, help="file to write; data/fm.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    run(data_file(parser, options.out, "fm.json"))


def sound(pairs: Pairs) -> Tensor:
    """(n, N) samples."""
    n = len(pairs.ratio)
    levels = torch.stack([pairs.amplitude, pairs.modulation], -1).unsqueeze(-2)
    ratios = torch.stack([torch.ones(n), pairs.ratio], -1)
    return fm_synth(torch.full((n, 1), F0_HZ), levels, ratios, "2>1", n_samples=N, sample_rate=SAMPLE_RATE)


def target(index: float, ratio: float) -> Tensor:
    """(N,) samples of the sound to be found."""
    return sound(Pairs(*(torch.tensor([x]) for x in (AMPLITUDE, index, ratio))))[0]


def starts(n: int, max_index: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Amplitudes from 0.1 to 1, and indices from 0.05 to the limit."""
    amplitude, share = torch.rand(2, n, generator=generator)
    return amplitude * 0.9 + 0.1, 0.05 + share * (max_index - 0.05) * 0.98


def find(goal: Tensor, begin: Pairs, max_index: float, *, steps: int, loss: str = "multiscale", free: bool) -> Pairs:
    """Descend from all starts at once: amplitude, and index as a share of its limit; the ratio too if it is free."""
    amplitude, raw = begin.amplitude.clone(), torch.logit(begin.modulation / max_index)
    ratio = begin.ratio.clone()
    moved: list[dict[str, Any]] = [{"params": [amplitude], "lr": 0.04}, {"params": [raw], "lr": 0.25}]
    if free:
        moved.append({"params": [ratio], "lr": 0.03})
    for moving in (amplitude, raw, *([ratio] if free else [])):
        moving.requires_grad_()
    optimiser = torch.optim.Adam(moved)
    pace = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: 0.02 + 0.5 * (1 + math.cos(math.pi * s / steps)))
    distance = MultiscaleSpectralLoss(goal.expand(len(ratio), -1)) if loss == "multiscale" else None
    for _ in range(steps):
        made = sound(Pairs(amplitude, max_index * torch.sigmoid(raw), ratio))
        if distance is not None:
            value = distance(made) * len(ratio)
        else:
            value = spectral_transport_loss(made, goal.expand_as(made), SAMPLE_RATE) * len(ratio) / 100
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        pace.step()
        with torch.no_grad():
            ratio.clamp_(0.1, 12.0)
    return Pairs(amplitude.detach(), (max_index * torch.sigmoid(raw)).detach(), ratio.detach())


def losses(pairs: Pairs, goal: Tensor) -> Tensor:
    """(n,), the multi-scale loss of each."""
    with torch.no_grad():
        made = sound(pairs)
        return multiscale_spectral_loss(made, goal.expand_as(made), reduction="none")


# --- The questions -----------------------------------------------------------------------------------------------


def share_found(index: float, ratio: float, max_index: float, *, n: int = 16, steps: int = 200, seed: int = 0) -> float:
    """Share of starts from which index and amplitude are found, the ratio being known."""
    amplitude, begin = starts(n, max_index, torch.Generator().manual_seed(seed))
    found = find(
        target(index, ratio), Pairs(amplitude, begin, torch.full((n,), ratio)), max_index, steps=steps, free=False
    )
    right = (found.modulation - index).abs() < CLOSE["index"]
    return float((right & ((found.amplitude - AMPLITUDE).abs() < CLOSE["amplitude"])).float().mean())


def ratio_found(loss: str, *, n: int = 32, steps: int = 200, seed: int = 5) -> dict[str, Any]:
    """Share of starts, ratios from 0.5 to 8, from which a ratio of 3 is found."""
    generator = torch.Generator().manual_seed(seed)
    amplitude, begin = starts(n, 2.0, generator)
    ratio = torch.rand(n, generator=generator) * 7.5 + 0.5
    found = find(target(1.5, 3.0), Pairs(amplitude, begin, ratio), 2.0, steps=steps, loss=loss, free=True)
    near = (found.ratio - 3).abs() < CLOSE["ratio"]
    return {"loss": loss, "starts": n, "steps": steps, "found": float(near.float().mean())}


def comb(points: int = 1501) -> dict[str, Any]:
    """The multi-scale loss over the ratio, level and index being right: how many minima, and how wide the true one."""
    ratio = torch.linspace(0.5, 8.0, points)
    full = torch.ones(points)
    curve = losses(Pairs(AMPLITUDE * full, 1.5 * full, ratio), target(1.5, 3.0)).double()
    best = int(curve.argmin())
    low = high = best
    while low > 0 and curve[low - 1] > curve[low]:
        low -= 1
    while high < points - 1 and curve[high + 1] > curve[high]:
        high += 1
    return {
        "points": points, "minima": len(local_minima(curve)), "best": float(ratio[best]),
        "basin": [round(float(ratio[low]), 3), round(float(ratio[high]), 3)],
    }  # fmt: skip


def grid(ratio: float = 3.0, *, steps: int = 150) -> dict[str, Any]:
    """Sixteen ratios from 0.5 to 8, each kept as it is, all fitted at once: which is best, and by how much."""
    goal, ratios = target(1.5, ratio), torch.arange(1, 17) / 2
    half = torch.full((16,), 0.5)
    found = find(goal, Pairs(half, 2 * half, ratios), 2.0, steps=steps, free=False)
    values = losses(found, goal)
    order = values.argsort()
    return {
        "steps": steps, "best": float(ratios[order[0]]),
        "loss": float(values[order[0]]), "second": float(ratios[order[1]]), "second_loss": float(values[order[1]]),
        "index": float(found.modulation[order[0]]), "amplitude": float(found.amplitude[order[0]]),
    }  # fmt: skip


def run(path: Path) -> None:
    """Answer all questions and store the answers."""
    begin = time.process_time()
    table = open_table(path) | {"command": COMMAND, "shares": []}
    for ratio in (1.0, 3.0):
        for index in INDICES:
            row: dict[str, Any] = {"ratio": ratio, "index": index}
            for name, limit in LIMITS.items():
                row[name] = round(share_found(index, ratio, limit), 3) if index <= limit else None
            print(row, flush=True)
            table["shares"].append(row)
    table["comb"], table["grid"] = comb(), grid()
    print(table["comb"], table["grid"], flush=True)
    table["free"] = [ratio_found("multiscale"), ratio_found("transport", steps=150)]
    print(table["free"], flush=True)
    table["cpu_seconds"] = round(time.process_time() - begin)
    write_table(path, table)


def load_fm() -> Any:
    """The stored answers, as `run` wrote them."""
    return stored_table("fm.json")
