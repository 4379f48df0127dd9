"""Five small jobs in the words of each library: a script that the Python of another environment runs.

`PYTHON jobs.py LIBRARY` prints one line of JSON: the versions, and for each job that the library can do what came out,
how long it took (s of one core) and what became of the gradient. It needs nothing of this package, and each library
only where it is asked for.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

RATE, F0_HZ = 44_100, 1245.0
GAIN_DB, CENTRE_HZ, Q = 9.0, 1000.0, 2.0  # the filter whose gain is to be found, from 0 dB
Job = Callable[[], dict[str, Any]]
PACKAGES = {"dasp": "dasp-pytorch", "course_lib": "ddsp-course"}


def alias_db(sound: Any, f0_hz: float = F0_HZ) -> float:
    """Energy away from the harmonics of f0, beside the whole, in dB, seen through a Blackman–Harris window."""
    import numpy as np

    x = np.asarray(sound, np.float64).reshape(-1)
    turn = 2 * np.pi * np.arange(len(x)) / len(x)
    terms = zip((0.35875, -0.48829, 0.14128, -0.01168), range(4), strict=True)
    energy = np.abs(np.fft.rfft(x * sum(a * np.cos(k * turn) for a, k in terms))) ** 2
    hz = np.arange(len(energy)) * RATE / len(x)
    harmonic = np.maximum(np.round(hz / f0_hz), 1)
    near = (np.abs(hz - harmonic * f0_hz) < 8 * RATE / len(x)) | (hz < 8 * RATE / len(x))
    return round(float(10 * np.log10(energy[~near].sum() / energy.sum() + 1e-20)), 1)


def took(play: Callable[[], Any], times: int = 2) -> float:
    """Processor seconds of a call after a first one, the best of some."""
    play()
    best = math.inf
    for _ in range(times):
        begin = time.process_time()
        play()
        best = min(best, time.process_time() - begin)
    return round(best, 2)


def noise(*shape: int) -> Any:
    import torch

    return 0.2 * (2 * torch.rand(*shape, generator=torch.Generator().manual_seed(0)) - 1)


def fit_gain(play: Callable[[Any], Any], start: float, asked: float, steps: int = 150, rate: float = 0.3) -> Any:
    """Find one number from the log spectrum of what is played with it: asked, found, seconds."""
    import torch

    def spectrum(x: Any) -> Any:
        return torch.fft.rfft(x).abs().add(1e-3).log()

    with torch.no_grad():
        target = spectrum(play(torch.tensor(asked)))
    knob = torch.tensor(start, requires_grad=True)
    optimiser, begin = torch.optim.Adam([knob], rate), time.process_time()
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
        loss = (spectrum(play(knob)) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    seconds = round(time.process_time() - begin, 2)
    return {"asked": asked, "found": round(float(knob.detach()), 3), "seconds": seconds}


def words(gradient: Any) -> str:
    """What became of a gradient: "finite", "0", "NaN" or "none"."""
    if gradient is None:
        return "none"
    value = float(gradient.abs().sum())
    return "finite" if math.isfinite(value) and value > 0 else "0" if value == 0 else "NaN"


def on_course_lib() -> dict[str, Job]:
    import torch

    import course_lib as cl

    def tone() -> dict[str, Any]:
        size: dict[str, Any] = {"n_samples": RATE, "sample_rate": RATE}
        return {
            "alias_db": alias_db(cl.sawtooth_wave([F0_HZ], **size)),
            "seconds": took(lambda: cl.sawtooth_wave([F0_HZ], **size)),
        }

    def voice() -> dict[str, Any]:
        f0, shares = torch.full((128, 400), 220.0), torch.softmax(-torch.arange(40.0) / 6, 0).expand(128, 400, -1)
        loud = cl.adsr(0.0, 3.0, torch.linspace(0.01, 0.2, 128), 0.2, 0.6, 0.5, n_frames=400, frame_rate=100)
        size: dict[str, Any] = {"n_samples": 4 * RATE, "sample_rate": RATE}
        return {"seconds": took(lambda: cl.harmonic_synth(f0, loud, shares, **size), 1)}

    def adsr() -> dict[str, Any]:
        size: dict[str, Any] = {"n_frames": 500, "frame_rate": 250}
        curve, starts = cl.adsr(0.0, 1.0, 0.08, 0.2, 0.6, 0.3, **size), torch.Generator().manual_seed(0)
        model = cl.AdsrEnvelope(torch.zeros(20), 1.0, raw=4 * torch.rand(20, 4, generator=starts) - 2, **size)
        optimiser, begin = torch.optim.Adam(model.parameters(), 0.05), time.process_time()
        for _ in range(400):
            off = (model() - curve).abs().mean(-1)
            optimiser.zero_grad()
            off.sum().backward()
            optimiser.step()
        return {
            "found": int((off < 0.005).sum()),
            "starts": 20,
            "nan": 0,
            "seconds": round(time.process_time() - begin, 2),
        }

    def filters() -> dict[str, Any]:
        x = noise(RATE)

        def play(gain: Any) -> Any:
            b, a = cl.biquad_coefficients("peaking", CENTRE_HZ, RATE, q=Q, gain_db=gain)
            return cl.filter_by_sampling(x, b, a)

        return fit_gain(play, 0.0, GAIN_DB)

    def dynamics() -> dict[str, Any]:
        x, decay = noise(2, RATE), torch.tensor(0.8, requires_grad=True)

        def play() -> Any:
            return cl.reverb(x, cl.decaying_impulse_response(decay, -12.0, n_taps=RATE, sample_rate=RATE))

        play().square().mean().backward()
        return {"effect": "room", "gradient": words(decay.grad), "seconds": took(play)}

    return {"tone": tone, "voice": voice, "adsr": adsr, "filter": filters, "dynamics": dynamics}


def on_torchsynth() -> dict[str, Job]:
    import torch
    from torchsynth.config import SynthConfig
    from torchsynth.module import ADSR, SquareSawVCO
    from torchsynth.synth import Voice

    def plain(x: Any) -> Any:
        return x.as_subclass(torch.Tensor)

    def config(batch: int, seconds: float) -> Any:
        made = SynthConfig(batch_size=batch, reproducible=False, buffer_size_seconds=seconds)
        made.no_grad = False  # past the guard: asked for in the usual way, gradients are refused
        return made

    def refusal() -> str:
        try:
            SynthConfig(no_grad=False)
        except ValueError:
            return "ValueError"
        return "none"

    def tone() -> dict[str, Any]:
        saw = SquareSawVCO(config(1, 1.0), tuning=torch.zeros(1), mod_depth=torch.zeros(1), shape=torch.ones(1))
        midi = torch.tensor([69 + 12 * math.log2(F0_HZ / 440)])
        with torch.no_grad():
            return {"alias_db": alias_db(plain(saw(midi))), "seconds": took(lambda: saw(midi))}

    def voice() -> dict[str, Any]:
        bank, one = Voice(), config(2, 1.0)
        seconds = took(lambda: bank(0), 1)
        nan = []
        for draw in range(10):
            torch.manual_seed(draw)
            small = Voice(one)
            plain(small.output()).square().mean().backward()
            nan.append(sum(words(p.grad) == "NaN" for p in small.parameters()))
        n = len(list(small.parameters()))
        return {
            "seconds": seconds,
            "refused": refusal(),
            "gradients": n,
            "draws": 10,
            "draws_with_nan": sum(map(bool, nan)),
        }

    def adsr() -> dict[str, Any]:
        target, model = ADSR(config(20, 2.0)), ADSR(config(20, 2.0))
        limits = {"attack": 0.3, "decay": 0.4, "sustain": 0.6, "release": 0.5, "alpha": 0.5}
        starts = torch.Generator().manual_seed(0)
        for name, value in limits.items():
            target.torchparameters[name].data = torch.full((20,), value)
            model.torchparameters[name].data = torch.rand(20, generator=starts)
        with torch.no_grad():
            curve = plain(target(torch.ones(20)))
        optimiser, begin = torch.optim.Adam(model.parameters(), 0.02), time.process_time()
        broken = torch.zeros(20, dtype=torch.bool)
        for _ in range(400):
            off = (plain(model(torch.ones(20))) - curve).abs().mean(-1)
            optimiser.zero_grad()
            off.sum().backward()
            for p in model.parameters():
                if p.grad is not None:
                    broken |= ~p.grad.isfinite()
            optimiser.step()
            for p in model.parameters():
                p.data.clamp_(0, 1)
        seconds = round(time.process_time() - begin, 2)
        return {"found": int((off < 0.005).sum()), "starts": 20, "nan": int(broken.sum()), "seconds": seconds}

    return {"tone": tone, "voice": voice, "adsr": adsr}


def on_synthax() -> dict[str, Job]:
    import jax
    import jax.numpy as jnp
    from synthax.config import SynthConfig
    from synthax.synth import ParametricSynth, Voice

    def voice() -> dict[str, Any]:
        bank = Voice(config=SynthConfig(batch_size=128, sample_rate=RATE, buffer_size_seconds=4.0))
        knobs, play = jax.jit(bank.init)(jax.random.PRNGKey(0)), jax.jit(bank.apply)
        begin = time.process_time()
        play(knobs).block_until_ready()
        first = time.process_time() - begin
        seconds = took(lambda: play(knobs).block_until_ready(), 1)
        out: dict[str, Any] = {"seconds": seconds, "compile_s": round(first - seconds, 1)}
        parts = {"sine": 1, "square_saw": 0, "fm_sine": 1, "fm_square_saw": 0}
        small = SynthConfig(batch_size=2, sample_rate=16_000, buffer_size_seconds=1.0)
        for name, synth in {
            "Voice": Voice(config=small),
            "ParametricSynth": ParametricSynth(config=small, **parts),
        }.items():
            p = jax.jit(synth.init)(jax.random.PRNGKey(1))
            slopes = jax.tree_util.tree_leaves(
                jax.jit(jax.grad(lambda p, synth=synth: jnp.mean(synth.apply(p) ** 2)))(p)
            )
            out[name] = {"gradients": len(slopes), "nan": sum(bool(jnp.isnan(x).any()) for x in slopes)}
        return out

    return {"voice": voice}


def on_dasp() -> dict[str, Job]:
    import dasp_pytorch
    import torch
    from dasp_pytorch import functional, signal

    def one(x: float) -> Any:
        return torch.tensor([x])

    def filters() -> dict[str, Any]:
        x = noise(1, 1, RATE)

        def play(gain: Any) -> Any:
            b, a = signal.biquad(gain.reshape(1), one(CENTRE_HZ), one(Q), RATE, "peaking")
            return signal.lfilter_via_fsm(x, b, a)

        return fit_gain(play, 0.0, GAIN_DB)

    def dynamics() -> dict[str, Any]:
        x = noise(1, 1, 16_000)

        def squash(release_ms: float, threshold: Any, knee: float) -> Any:
            return functional.compressor(
                x, 16_000, threshold, one(4.0), one(10.0), one(release_ms), one(knee), one(0.0)
            )

        out: dict[str, Any] = {"effect": "compressor, room"}
        out["release_changes"] = float((squash(5.0, one(-30.0), 6.0) - squash(500.0, one(-30.0), 6.0)).abs().max())
        for knee in (6.0, 0.0):
            threshold = one(-30.0).requires_grad_()
            squash(100.0, threshold, knee).square().mean().backward()
            out[f"knee_{knee:g}"] = words(threshold.grad)
        out["gradient"] = out["knee_6"]
        try:
            dasp_pytorch.Distortion().process_normalized(x, torch.tensor([[0.5]]))
            out["distortion"] = "works"
        except Exception as error:
            out["distortion"] = type(error).__name__
        ranges = dasp_pytorch.ParametricEQ(16_000).param_ranges
        out["eq_down"] = {k: list(v) for k, v in ranges.items() if v[0] > v[1]}
        room, stereo = dasp_pytorch.NoiseShapedReverb(RATE), noise(1, 2, RATE)
        settings = torch.full((1, 25), 0.5)
        first, again = (room.process_normalized(stereo, settings) for _ in range(2))
        out["room_differs"] = bool((first - again).abs().max() > 1e-3)
        out["seconds"] = took(lambda: room.process_normalized(stereo, settings), 1)
        return out

    return {"filter": filters, "dynamics": dynamics}


def on_diffsptk() -> dict[str, Job]:
    import diffsptk
    import torch

    def tone() -> dict[str, Any]:
        pulses = diffsptk.ExcitationGeneration(80)
        pitch = torch.full((RATE // 80 + 1,), RATE / F0_HZ)  # samples a period
        return {"alias_db": alias_db(pulses(pitch)[:RATE]), "seconds": took(lambda: pulses(pitch))}

    def filters() -> dict[str, Any]:
        x, filtered = noise(4410), diffsptk.AllPoleDigitalFilter(2, 441)
        ring = torch.tensor([-1.6, 0.81])

        def play(gain: Any) -> Any:
            frames = torch.cat([10 ** (gain.reshape(1) / 20), ring]).expand(10, 3)
            return filtered(x, frames)

        return fit_gain(play, 0.0, GAIN_DB)

    def dynamics() -> dict[str, Any]:
        x = noise(1, RATE)

        def squash(release_ms: float) -> Any:
            return diffsptk.DynamicRangeCompression(
                sample_rate=RATE, threshold=-30, ratio=4, attack_time=10, release_time=release_ms, learnable=True
            )

        module = squash(100.0)
        module(x).square().mean().backward()
        said = {words(p.grad) for p in module.parameters()}
        changes = float((squash(5.0)(x) - squash(500.0)(x)).detach().abs().max())
        gradient = "NaN" if "NaN" in said else "finite"
        return {
            "effect": "compressor",
            "gradient": gradient,
            "release_changes": changes,
            "seconds": took(lambda: module(x)),
        }

    return {"tone": tone, "filter": filters, "dynamics": dynamics}


def on_grafx() -> dict[str, Job]:
    import torch
    from grafx.processors.dynamics import Compressor
    from grafx.processors.eq import ParametricEqualizer
    from grafx.processors.reverb import STFTMaskedNoiseReverb

    def filters() -> dict[str, Any]:
        x, eq = noise(1, 1, RATE), ParametricEqualizer(num_filters=1, use_shelving_filters=False)
        w0 = torch.tensor(2 * CENTRE_HZ / RATE).logit().reshape(1, 1, 1)
        q_inv = torch.tensor(1 / Q).reshape(1, 1, 1).log()

        def play(gain: Any) -> Any:
            return eq(x, w0, q_inv, gain.reshape(1, 1, 1) * (math.log(10) / 20))

        return fit_gain(play, 0.0, GAIN_DB)

    def dynamics() -> dict[str, Any]:
        x, room = noise(1, 2, RATE), STFTMaskedNoiseReverb(ir_len=RATE)
        squash = Compressor()
        knobs = {k: torch.zeros(1, n, requires_grad=True) for k, n in squash.parameter_size().items()}
        squash(x, **knobs).square().mean().backward()
        said = {k: words(v.grad) for k, v in knobs.items()}
        settings = {k: torch.zeros(1, *n) for k, n in room.parameter_size().items()}
        gradient = "NaN" if "NaN" in said.values() else "finite"
        return {
            "effect": "compressor, room",
            "gradient": gradient,
            "knobs": said,
            "seconds": took(lambda: room(x, **settings), 1),
        }

    return {"filter": filters, "dynamics": dynamics}


def on_flamo() -> dict[str, Job]:
    import torch
    from flamo.processor import dsp, system

    n_fft = 2**16

    def ends() -> Any:
        return dsp.FFT(n_fft), dsp.iFFT(n_fft)

    def filters() -> dict[str, Any]:
        x = torch.fft.rfft(noise(n_fft))

        def play(cut: Any) -> Any:  # its gain is 10^(−softplus(x)): it only cuts
            shelf = dsp.parallelSVF(size=(1,), filter_type="lowshelf", nfft=n_fft, fs=RATE)
            rest = torch.zeros_like(shelf.param)[:1]
            raw = torch.cat([rest, rest, cut.expand_as(rest), rest, rest])
            return torch.fft.irfft(x * shelf.freq_response(raw)[:, 0])

        found = fit_gain(play, -3.0, math.log(math.expm1(GAIN_DB / 20)))
        cuts = {k: round(-20 * math.log1p(math.exp(found[k])), 3) for k in ("asked", "found")}
        return cuts | {"seconds": found["seconds"]}

    def dynamics() -> dict[str, Any]:
        there, back = ends()
        lines = dsp.parallelDelay(size=(4,), max_len=2000, nfft=n_fft, fs=RATE, isint=True)
        mix = dsp.Matrix(size=(4, 4), nfft=n_fft, matrix_type="orthogonal", requires_grad=True)
        decay = dsp.parallelGain(size=(4,), nfft=n_fft, requires_grad=True)
        decay.assign_value(torch.full((4,), 0.9))
        loop = system.Recursion(fF=lines, fB=system.Series(mix, decay))
        x = noise(1, n_fft, 1).expand(1, n_fft, 4)

        def play() -> Any:
            with torch.no_grad():
                return back(loop(there(x)))

        back(loop(there(x))).square().mean().backward()
        said = [words(decay.param.grad), words(mix.param.grad)]
        gradient = "NaN" if "NaN" in said else "finite"
        return {"effect": "room", "gradient": gradient, "seconds": took(play)}

    return {"filter": filters, "dynamics": dynamics}


def on_torchlpc() -> dict[str, Job]:
    import torch
    from torchlpc import sample_wise_lpc

    def filters() -> dict[str, Any]:
        x, ring = noise(1, RATE), torch.tensor([-1.6, 0.81]).expand(1, RATE, 2)
        return fit_gain(lambda gain: 10 ** (gain / 20) * sample_wise_lpc(x, ring), 0.0, GAIN_DB, steps=150)

    return {"filter": filters}


LIBRARIES: dict[str, Callable[[], dict[str, Job]]] = {
    "course_lib": on_course_lib,
    "torchsynth": on_torchsynth,
    "synthax": on_synthax,
    "dasp": on_dasp,
    "diffsptk": on_diffsptk,
    "grafx": on_grafx,
    "flamo": on_flamo,
    "torchlpc": on_torchlpc,
}


def run(name: str) -> dict[str, Any]:
    """The versions and the five jobs of one library."""
    found: dict[str, Any] = {"versions": {}, "jobs": {}}
    for package in (PACKAGES.get(name, name), "torch", "jax", "numpy"):
        try:
            found["versions"][package] = importlib.metadata.version(package).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    for job, do in LIBRARIES[name]().items():
        found["jobs"][job] = do()
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.environ["JAX_PLATFORMS"] = "cpu"
    if sys.argv[1] != "synthax":
        import torch

        torch.set_num_threads(1)
    print(json.dumps(run(sys.argv[1])))
