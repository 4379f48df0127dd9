"""Times: medians of rounds in which the methods take turns."""

from __future__ import annotations

import functools
import importlib
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.benchmark.speed.workloads import METHODS, PASSES, WORKLOADS, cases, draw_controls, make_pass
from course_lib.effects.cascade import filter_by_sampling
from course_lib.effects.recursion import filter_recursively
from course_lib.fitting.losses import FFT_SIZES, MultiscaleSpectralLoss, multiscale_spectral_loss
from course_lib.kernels.method import Method
from course_lib.synths.additive import additive_synth
from course_lib.synths.harmonic import harmonic_frequencies

METHODS_OF_PARTIALS: tuple[Method, ...] = ("reference", "fast", "auto")


def take_turns(calls: Mapping[str, Callable[[], Any]], rounds: int, device: str = "cpu") -> dict[str, float]:
    """Median milliseconds of each call, the calls taking turns, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds + 1):
        for name, call in calls.items():
            start = _now_s(device)
            call()
            end = _now_s(device)
            if i:
                taken[name].append(1e3 * (end - start))
    return {name: statistics.median(values) for name, values in taken.items()}


def _now_s(device: str) -> float:
    """CPU seconds of this process; on CUDA, a clock read once all kernels are done."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def time_harmonic(workloads: list[str], rounds: int | None, device: str) -> dict[tuple[str, str, str], float]:
    """Milliseconds of every workload, pass and method."""
    times: dict[tuple[str, str, str], float] = {}
    for name in workloads:
        w = WORKLOADS[name]
        for which, wanted in PASSES.items():
            controls = draw_controls(w, device)
            methods = [method for _, p, method in cases([name]) if p == which]
            calls = {method: make_pass(METHODS[method], controls, w, wanted) for method in methods}
            for method, ms in take_turns(calls, rounds or w.rounds, device).items():
                times[name, which, method] = ms
    return times


def time_losses(batch: int, rounds: int, device: str) -> dict[str, float]:
    """Milliseconds of the multi-scale loss and its gradient, 4 s at 16 kHz, six transforms."""
    g = torch.Generator().manual_seed(1)
    target, start = (torch.rand(2, batch, 64_000, generator=g) - 0.5).to(device)
    prediction = start.requires_grad_()
    fixed = MultiscaleSpectralLoss(target)
    losses: dict[str, Callable[[], Tensor]] = {
        "multiscale_spectral_loss": lambda: multiscale_spectral_loss(prediction, target),
        "MultiscaleSpectralLoss": lambda: fixed(prediction),
    }
    try:
        peer = importlib.import_module("auraloss").freq.MultiResolutionSTFTLoss(
            list(FFT_SIZES), [n // 4 for n in FFT_SIZES], list(FFT_SIZES), w_sc=0.0, w_log_mag=1.0, w_lin_mag=1.0
        )
        losses["auraloss"] = lambda: peer(prediction.unsqueeze(1), target.unsqueeze(1))
    except ImportError:
        pass
    calls = {name: (lambda loss=loss: torch.autograd.grad(loss(), prediction)) for name, loss in losses.items()}
    return {name: round(ms, 2) for name, ms in take_turns(calls, rounds, device).items()}


def time_additive(rounds: int, device: str) -> dict[str, float]:
    """Milliseconds of `additive_synth` and its gradients on W1 with free partials, by method."""
    w = WORKLOADS["W1"]
    f0, amplitude, distribution = (x[0] for x in draw_controls(w, device))
    partials = harmonic_frequencies(f0, w.n_harmonics).requires_grad_()
    shares = (amplitude.unsqueeze(-1) * distribution).requires_grad_()

    def call(method: Method) -> None:
        sound = additive_synth(
            partials, shares, n_samples=int(w.seconds * w.sample_rate), sample_rate=w.sample_rate, method=method
        )
        torch.autograd.grad(sound.sum(), (partials, shares))

    calls: dict[str, Callable[[], None]] = {m: functools.partial(call, m) for m in METHODS_OF_PARTIALS}
    return {name: round(ms, 1) for name, ms in take_turns(calls, rounds, device).items()}


def time_recursion(rounds: int, device: str) -> dict[str, float]:
    """Milliseconds of one biquad over a second at 44.1 kHz and its gradients by sound and coefficients."""
    g = torch.Generator().manual_seed(2)
    sound = (torch.rand(1, 44_100, generator=g) - 0.5).to(device).requires_grad_()
    b = torch.tensor([0.2, 0.3, 0.1], device=device, requires_grad=True)
    a = torch.tensor([1.0, -1.6, 0.8], device=device, requires_grad=True)
    filters: dict[str, Callable[[], Tensor]] = {
        "filter_recursively": lambda: filter_recursively(sound, b, a),
        "filter_by_sampling": lambda: filter_by_sampling(sound, b, a),
    }
    try:
        lpc = importlib.import_module("torchlpc").sample_wise_lpc

        def peer() -> Tensor:
            taps = F.conv1d(F.pad(sound, (2, 0)).unsqueeze(1), b.flip(0).view(1, 1, 3))[:, 0]
            return lpc(taps, a[1:].expand(1, sound.shape[-1], 2))

        filters["torchlpc"] = peer
    except ImportError:
        pass
    calls = {name: (lambda run=run: torch.autograd.grad(run().sum(), (sound, b, a))) for name, run in filters.items()}
    return {name: round(ms, 2) for name, ms in take_turns(calls, rounds, device).items()}


def device_name(device: str) -> str:
    """The GPU, or the processor as /proc/cpuinfo calls it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, one thread"
