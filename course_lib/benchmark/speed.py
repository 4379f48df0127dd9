"""Time, memory and exactness of the fast harmonic synthesizer and the multi-scale loss, beside how it is usually done.

Times are medians of rounds in which the methods take turns, in CPU seconds of one thread. Memory is the peak of the
resident set above what the inputs need, each case in a process of its own after a small warm-up; on CUDA, the peak of
the allocator. The allocator is the default one, as users have it: much of the usual formulation's time on the larger
workloads is spent on getting fresh pages for its large tensors.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import json
import math
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.benchmark import data_file
from course_lib.fitting.losses import FFT_SIZES, MultiscaleSpectralLoss, multiscale_spectral_loss
from course_lib.sounds.clips import data_path
from course_lib.synths.additive import additive_synth
from course_lib.synths.harmonic import harmonic_frequencies, harmonic_synth

SUMMARY = "time and measure the fast synthesizer and losses (about five minutes)"


class Workload(NamedTuple):
    """How much is synthesised. rounds: how often a time is taken by default."""

    batch: int
    seconds: float
    sample_rate: int
    n_harmonics: int
    n_frames: int
    rounds: int


WORKLOADS = {
    "W1": Workload(1, 4, 16_000, 100, 1000, 15),
    "W2": Workload(16, 4, 16_000, 100, 1000, 3),
    "W3": Workload(1, 4, 48_000, 60, 1000, 9),
    "W4": Workload(1, 60, 16_000, 100, 15_000, 3),
}
# Which controls get a gradient: sound alone, gradients by amplitude and distribution, and by f0 too.
PASSES = {"forward": (), "forward + backward": (1, 2), "forward + backward + f0": (0, 1, 2)}
Synth = Callable[..., Tensor]


def usual(mode: str) -> Synth:
    """The usual formulation: all controls at sample rate, a running sum, K sines a sample.

    mode: how controls are upsampled, "nearest" or "linear".
    """

    def synth(f0_hz: Tensor, amplitude: Tensor, distribution: Tensor, n_samples: int, sample_rate: float) -> Tensor:
        def to_samples(frames: Tensor) -> Tensor:
            return F.interpolate(frames.transpose(1, 2), size=n_samples, mode=mode).transpose(1, 2)

        partials = harmonic_frequencies(f0_hz, distribution.shape[-1])
        shares = amplitude.unsqueeze(-1) * distribution * (partials < sample_rate / 2)
        omega = 2 * math.pi * to_samples(f0_hz.unsqueeze(-1)) / sample_rate  # Hz → rad/sample
        k = torch.arange(1, distribution.shape[-1] + 1, device=f0_hz.device)
        return (to_samples(shares) * torch.sin(torch.cumsum(omega, dim=1) * k)).sum(-1)

    return synth


def reference(f0_hz: Tensor, amplitude: Tensor, distribution: Tensor, n_samples: int, sample_rate: float) -> Tensor:
    """`harmonic_synth` by its readable method."""
    return harmonic_synth(f0_hz, amplitude, distribution, n_samples, sample_rate, method="reference")


METHODS: dict[str, Synth] = {
    "usual, held": usual("nearest"),
    "usual, linear": usual("linear"),
    "reference": reference,
    "fast": harmonic_synth,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS), metavar="W")
    parser.add_argument("--rounds", type=int, help="how often each time is taken; 3 to 15 by default")
    parser.add_argument("--device", choices=("cpu", "cuda"), action="append", help="cpu, and cuda if there is one")
    parser.add_argument("--out", type=Path, help="file to write; data/speed.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}")
    devices = options.device or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    if "cuda" in devices and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no CUDA device here; leave it out")
    path = data_file(parser, options.out, "speed.json")
    # Results of other devices stay; those of the same device are replaced.
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    for device in devices:
        result = run(device, options.workloads, options.rounds)
        kept = [r for r in kept if r["device"] != result["device"]] + [result]
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(table(result), flush=True)


def run(device: str, workloads: list[str], rounds: int | None = None) -> dict[str, Any]:
    """Measure everything on one device, one thread; the record that is stored."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        peaks = {key: peak_mb(device, *key) for key in _cases(workloads)}
        times: dict[tuple[str, str, str], float] = {}
        for name in workloads:
            for which in PASSES:
                methods = [m for w, p, m in _cases(workloads) if (w, p) == (name, which)]
                controls = _controls(WORKLOADS[name], device)
                calls = {m: _pass(METHODS[m], controls, WORKLOADS[name], PASSES[which]) for m in methods}
                for method, ms in take_turns(calls, rounds or WORKLOADS[name].rounds, device).items():
                    times[name, which, method] = ms
        return {
            "device": _device_name(device),
            "torch": torch.__version__,
            "harmonic": [
                {
                    "workload": w,
                    "pass": p,
                    "method": m,
                    "ms": round(times[w, p, m], 2),
                    "peak_mb": round(peaks[w, p, m], 1),
                }
                for w, p, m in times
            ],
            "snr_db": {m: [round(snr_db(METHODS[m], s, device)) for s in (4, 60)] for m in ("usual, held", "fast")},
            "loss": {str(batch): _losses(batch, rounds or 9, device) for batch in (1, 16)},
            "additive": _additive(rounds or 5, device),
        }
    finally:
        torch.set_num_threads(before)


def _cases(workloads: list[str]) -> list[tuple[str, str, str]]:
    """Workload, pass, method; the reference, which holds phases in 64 bits, only where it is small."""
    return [(w, p, m) for w in workloads for p in PASSES for m in METHODS if m != "reference" or w == "W1"]


def _controls(w: Workload, device: str, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """A pitch that wavers between 80 and 400 Hz and random amplitudes, the same ones every time."""
    g = torch.Generator().manual_seed(0)
    time_s = torch.linspace(0, w.seconds, w.n_frames, dtype=torch.float64)
    f0 = 179 * 2 ** (1.16 * torch.sin(time_s + torch.arange(w.batch).unsqueeze(-1)))
    amplitude = torch.rand(w.batch, w.n_frames, generator=g)
    distribution = torch.rand(w.batch, w.n_frames, w.n_harmonics, generator=g) / w.n_harmonics
    return [x.float().to(device, dtype) for x in (f0, amplitude, distribution)]


def _pass(synth: Synth, controls: list[Tensor], w: Workload, wanted: tuple[int, ...]) -> Callable[[], None]:
    """One forward pass and, if gradients are wanted, one backward."""

    def call() -> None:
        leaves = [x.detach().requires_grad_(i in wanted) for i, x in enumerate(controls)]
        sound = synth(*leaves, int(w.seconds * w.sample_rate), w.sample_rate)
        if wanted:
            sound.backward(torch.ones_like(sound))

    return call


def take_turns(calls: Mapping[str, Callable[[], Any]], rounds: int, device: str = "cpu") -> dict[str, float]:
    """Median milliseconds of each call, the calls taking turns, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds + 1):
        for name, call in calls.items():
            if device == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter() if device == "cuda" else time.process_time()
            call()
            if device == "cuda":
                torch.cuda.synchronize()
            end = time.perf_counter() if device == "cuda" else time.process_time()
            if i:
                taken[name].append(1e3 * (end - start))
    return {name: statistics.median(values) for name, values in taken.items()}


def peak_mb(device: str, workload: str, which: str, method: str) -> float:
    """Peak memory of one pass above its inputs, in megabytes; NaN where the system does not tell."""
    if device == "cuda":
        call = _pass(METHODS[method], _controls(WORKLOADS[workload], device), WORKLOADS[workload], PASSES[which])
        call()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    if not Path("/proc/self/clear_refs").exists():
        return math.nan
    context = multiprocessing.get_context("forkserver")  # forks of a process that has only imported
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_peak_in_process, args=(sender, WORKLOADS[workload], PASSES[which], method))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError as error:
        raise RuntimeError(
            f"the process that measures {workload}, {which}, {method} has died; out of memory?"
        ) from error
    finally:
        process.join()


def _peak_in_process(sender: Any, w: Workload, wanted: tuple[int, ...], method: str) -> None:
    torch.set_num_threads(1)
    small = w._replace(batch=1, seconds=0.1, n_frames=25)
    _pass(METHODS[method], _controls(small, "cpu"), small, wanted)()
    call = _pass(METHODS[method], _controls(w, "cpu"), w, wanted)
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)  # what the imports left free would hide the first megabytes
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak so far
    before = _status_kb("VmRSS")
    call()
    sender.send((_status_kb("VmHWM") - before) * 1024 / 1e6)


def _status_kb(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def snr_db(synth: Synth, seconds: float, device: str, n_harmonics: int = 20) -> float:
    """How far the error of single precision lies below the sound: against the same method in double precision."""
    w = Workload(1, seconds, 16_000, n_harmonics, int(250 * seconds), 1)
    n = int(seconds * w.sample_rate)
    single = synth(*_controls(w, device), n, w.sample_rate).double()
    double = synth(*_controls(w, device, torch.float64), n, w.sample_rate)
    return float(10 * torch.log10(double.square().sum() / (single - double).square().sum()))


def _losses(batch: int, rounds: int, device: str) -> dict[str, float]:
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


def _additive(rounds: int, device: str) -> dict[str, float]:
    """Milliseconds of `additive_synth` and its gradients on W1 with free partials, by method."""
    w = WORKLOADS["W1"]
    f0, amplitude, distribution = (x[0] for x in _controls(w, device))
    partials = harmonic_frequencies(f0, w.n_harmonics).requires_grad_()
    shares = (amplitude.unsqueeze(-1) * distribution).requires_grad_()

    def call(method: str) -> None:
        sound = additive_synth(partials, shares, int(w.seconds * w.sample_rate), w.sample_rate, method=method)
        torch.autograd.grad(sound.sum(), (partials, shares))

    calls = {method: (lambda method=method: call(method)) for method in ("reference", "fast")}
    return {name: round(ms, 1) for name, ms in take_turns(calls, rounds, device).items()}


def _device_name(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, one thread"


def load_speed() -> list[dict[str, Any]]:
    """Return the stored results, one for each device.

    Chapter: book/sines/making_it_fast.ipynb
    """
    return json.loads(data_path("speed.json").read_text(encoding="utf-8"))


def table(result: dict[str, Any]) -> str:
    """A result as text: time and memory of each method, and in how many times less the fast one does it."""
    lines = [f"{result['device']}, torch {result['torch']}"]
    rows = result["harmonic"]
    for fast in (row for row in rows if row["method"] == "fast"):
        lines.append(f"{fast['workload']} {fast['pass']}: {fast['ms']:.1f} ms, {fast['peak_mb']:.0f} MB")
        for row in rows:
            if (row["workload"], row["pass"]) == (fast["workload"], fast["pass"]) and row is not fast:
                slower, larger = row["ms"] / fast["ms"], row["peak_mb"] / max(fast["peak_mb"], 0.1)
                lines.append(
                    f"    {row['method']:14} {row['ms']:8.1f} ms {row['peak_mb']:6.0f} MB: "
                    f"{slower:.1f} × the time, {larger:.0f} × the memory"
                )
    for method, (short, long) in result["snr_db"].items():
        lines.append(f"signal to noise, {method}: {short} dB at 4 s, {long} dB at 60 s")
    for batch, times in result["loss"].items():
        ratios = ", ".join(f"{name} {ms:.1f} ms" for name, ms in times.items())
        lines.append(f"multi-scale loss and gradient, batch {batch}: {ratios}")
    lines.append("additive_synth: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in result["additive"].items()))
    return "\n".join(lines)
