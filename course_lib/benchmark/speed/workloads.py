"""What is timed: workloads, passes, and the methods that do the same in different ways."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.kernels.method import Method
from course_lib.synths.harmonic import harmonic_frequencies, harmonic_synth


class Workload(NamedTuple):
    """How much is synthesised. rounds: how often a time is taken by default."""

    batch: int
    seconds: float
    sample_rate: int
    n_harmonics: int
    n_frames: int
    rounds: int


WORKLOADS = {
    "S1": Workload(1, 0.25, 16_000, 16, 62, 200),
    "S2": Workload(1, 1, 16_000, 16, 250, 100),
    "S3": Workload(1, 1, 16_000, 60, 250, 50),
    "W1": Workload(1, 4, 16_000, 100, 1000, 15),
    "W2": Workload(16, 4, 16_000, 100, 1000, 3),
    "W3": Workload(1, 4, 48_000, 60, 1000, 9),
    "W4": Workload(1, 60, 16_000, 100, 15_000, 3),
}
# Which controls get a gradient: sound alone, gradients by amplitude and distribution, and by f0 too.
PASSES = {"forward": (), "forward + backward": (1, 2), "forward + backward + f0": (0, 1, 2)}
Synth = Callable[..., Tensor]


def usual(f0_hz: Tensor, amplitude: Tensor, distribution: Tensor, *, n_samples: int, sample_rate: float) -> Tensor:
    """The usual formulation: each harmonic's frequency and amplitude at sample rate, its own running sum, its sine."""
    partials = harmonic_frequencies(f0_hz, distribution.shape[-1])
    shares = amplitude.unsqueeze(-1) * distribution * (partials < sample_rate / 2)
    omega = 2 * math.pi * _to_samples(partials, n_samples) / sample_rate  # Hz → rad/sample
    return (_to_samples(shares, n_samples) * torch.sin(torch.cumsum(omega, dim=1))).sum(-1)


def plain(f0_hz: Tensor, amplitude: Tensor, distribution: Tensor, *, n_samples: int, sample_rate: float) -> Tensor:
    """The plain one: one running sum of the pitch, times k."""
    k = torch.arange(1, distribution.shape[-1] + 1, device=f0_hz.device)
    shares = amplitude.unsqueeze(-1) * distribution * (f0_hz.unsqueeze(-1) * k < sample_rate / 2)
    omega = 2 * math.pi * _to_samples(f0_hz.unsqueeze(-1), n_samples) / sample_rate  # Hz → rad/sample
    return (_to_samples(shares, n_samples) * torch.sin(torch.cumsum(omega, dim=1) * k)).sum(-1)


def _to_samples(frames: Tensor, n_samples: int) -> Tensor:
    return F.interpolate(frames.transpose(1, 2), size=n_samples, mode="linear").transpose(1, 2)


def ours(method: Method) -> Synth:
    """`harmonic_synth` by one of its methods."""
    return functools.partial(harmonic_synth, method=method)


# "auto" is the kernel on a CPU; where there are no compiled loops it is one of the others.
METHODS: dict[str, Synth] = {
    "usual": usual,
    "plain": plain,
    "reference": ours("reference"),
    "fast": ours("fast"),
    "auto": ours("auto"),
}


def cases(workloads: list[str]) -> list[tuple[str, str, str]]:
    """Workload, pass, method; the reference, which holds phases in 64 bits, only where it is small."""
    small = ("S1", "S2", "S3", "W1")
    return [(w, p, m) for w in workloads for p in PASSES for m in METHODS if m != "reference" or w in small]


def draw_controls(w: Workload, device: str, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """A pitch that wavers between 80 and 400 Hz and random amplitudes, the same ones every time."""
    g = torch.Generator().manual_seed(0)
    time_s = torch.linspace(0, w.seconds, w.n_frames, dtype=torch.float64)
    f0 = 179 * 2 ** (1.16 * torch.sin(time_s + torch.arange(w.batch).unsqueeze(-1)))
    amplitude = torch.rand(w.batch, w.n_frames, generator=g)
    distribution = torch.rand(w.batch, w.n_frames, w.n_harmonics, generator=g) / w.n_harmonics
    return [x.float().to(device, dtype) for x in (f0, amplitude, distribution)]


def make_pass(synth: Synth, controls: list[Tensor], w: Workload, wanted: tuple[int, ...]) -> Callable[[], None]:
    """One forward pass and, if gradients are wanted, one backward."""

    def call() -> None:
        leaves = [x.detach().requires_grad_(i in wanted) for i, x in enumerate(controls)]
        sound = synth(*leaves, n_samples=int(w.seconds * w.sample_rate), sample_rate=w.sample_rate)
        if wanted:
            sound.backward(torch.ones_like(sound))

    return call


def snr_db(synth: Synth, seconds: float, device: str, n_harmonics: int = 20) -> float:
    """How far the error of single precision lies below the sound: against the same method in double precision."""
    w = Workload(1, seconds, 16_000, n_harmonics, int(250 * seconds), 1)
    n = int(seconds * w.sample_rate)
    single = synth(*draw_controls(w, device), n_samples=n, sample_rate=w.sample_rate).double()
    double = synth(*draw_controls(w, device, torch.float64), n_samples=n, sample_rate=w.sample_rate)
    return float(10 * torch.log10(double.square().sum() / (single - double).square().sum()))
