"""Python twins of the live figures: the same numbers, computed with this library in float64.

A figure in the page runs JavaScript. Its `compute(state)` and the function here of the same name must agree, which a
test checks: the figure computes what the library computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from course_lib.analysis.loudness import a_weighting_db
from course_lib.core.envelopes import upsample
from course_lib.core.phase import instantaneous_phase
from course_lib.core.units import amplitude_to_db
from course_lib.display.frequency_twins import deflation, escape, landscape, transport
from course_lib.display.heard_twin import taken_apart
from course_lib.display.knob_twins import note_knobs
from course_lib.display.mixer_twin import mixer
from course_lib.display.noise_twins import noise_bands
from course_lib.display.phrase_twin import phrase_knobs
from course_lib.display.player_twin import player
from course_lib.display.questions import questions_twin
from course_lib.display.roll_twin import note_roll
from course_lib.display.room_twins import room
from course_lib.effects.biquads import biquad_coefficients, pole_radius
from course_lib.effects.cascade import biquad_response
from course_lib.effects.filters import lowpass_response
from course_lib.fitting.losses import spectral_l1, waveform_l1
from course_lib.synths.harmonic import (
    harmonic_frequencies,
    harmonic_synth,
    mask_above_nyquist,
    normalise_distribution,
)
from course_lib.synths.oscillator import sinusoid

State = Mapping[str, Any]


def _f64(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _mse(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).square().mean()


def gain(state: State) -> dict[str, Any]:
    """Loss over the gain, the gradient at the current gain and the next step."""
    loss = {"waveform_l1": waveform_l1, "waveform_mse": _mse, "spectral_l1": spectral_l1}[state["loss"]]
    x = sinusoid(_f64(250.0), _f64(1.0), 256, 16000)
    phase = _f64(math.radians(state["phase_deg"]))
    target = sinusoid(_f64(250.0), _f64(state["target_gain"]), 256, 16000, phase)

    def at(g: float) -> tuple[float, float]:
        gain = _f64(g).requires_grad_()
        value = loss(gain * x, target)
        return value.item(), float(torch.autograd.grad(value, gain)[0])

    gains = [-2 + 4 * i / 160 for i in range(161)]
    curve, slopes = zip(*(at(g) for g in gains), strict=True)
    value, gradient = at(state["gain"])
    steepest = max(map(abs, slopes))
    return {
        "input": x.tolist(),
        "target": target.tolist(),
        "gains": gains,
        "curve": list(curve),
        "loss": value,
        "gradient": gradient,
        "steepest": steepest,
        "next": min(2.0, max(-2.0, state["gain"] - state["step_size"] * gradient / steepest)),
        "lowest": min(zip(gains, curve, strict=True), key=lambda gc: gc[1] + 1e-9 * (gc[0] < 0))[0],
    }


def oscillator(state: State) -> dict[str, Any]:
    """Phase, waveform, phase per sample and period of 20 ms of a sine."""
    f, start = _f64(state["frequency_hz"]), _f64(math.radians(state["phase_deg"]))
    phase = instantaneous_phase(f.expand(320), 16000) + start
    return {
        "phase": (torch.remainder(phase + math.pi, 2 * math.pi) - math.pi).tolist(),
        "wave": sinusoid(f, _f64(state["amplitude"]), 320, 16000, start).tolist(),
        "step": 2 * math.pi * state["frequency_hz"] / 16000,
        "period_ms": 1000 / state["frequency_hz"],
    }


def drawbars(state: State) -> dict[str, Any]:
    """Shares of sixteen drawbars, 20 ms of their sound, and each harmonic's level."""
    shares = normalise_distribution(_f64(state["levels"]))
    amplitude = _f64([state["amplitude"]])
    wave = harmonic_synth(_f64([state["f0_hz"]]), amplitude, shares.unsqueeze(0), 320, 16000)
    return {
        "shares": shares.tolist(),
        "wave": wave.tolist(),
        "level_db": amplitude_to_db(amplitude * shares, floor_db=-60.0).tolist(),
        "peak": wave.abs().max().item(),
        "total": sum(state["levels"]),
    }


def nyquist(state: State) -> dict[str, Any]:
    """Twenty harmonics at 1/k, masked or not: where they fold, and the spectrum of the sound."""
    rate, f0 = state["sample_rate"], _f64([state["f0_hz"]])
    partials = harmonic_frequencies(f0, 20)
    raw = 1 / torch.arange(1, 21, dtype=torch.float64).unsqueeze(0)
    shares = normalise_distribution(mask_above_nyquist(raw, f0, rate) if state["mask"] else raw)
    sound = harmonic_synth(f0, _f64([1.0]), shares, 2048, rate, mask=state["mask"])
    return {
        "partials": partials[0].tolist(),
        "folded": (partials - rate * torch.round(partials / rate)).abs()[0].tolist(),
        "shares": shares[0].tolist(),
        "above": int((partials >= rate / 2).sum()),
        "spectrum_db": amplitude_to_db(_spectrum(sound), floor_db=-80.0).tolist(),
    }


def giant_steps(state: State) -> dict[str, Any]:
    """The decomposition k = Q·p + q, how many steps are formed for every h, and the sum by the synthesizer."""
    n, h = state["n_harmonics"], state["half"]
    k, q = min(state["harmonic"], n), 2 * h + 1

    def steps(half: int) -> tuple[int, int]:
        return min(half, n), max(0, -(-(n - half) // (2 * half + 1)))

    curve = [sum(steps(half)) for half in range(1, 21)]
    shares = normalise_distribution(1 / torch.arange(1, n + 1, dtype=torch.float64).unsqueeze(0))
    return {
        "babies": steps(h)[0],
        "giants": steps(h)[1],
        "steps": sum(steps(h)),
        "k": k,
        "p": (k + h) // q,
        "q": k - q * ((k + h) // q),
        "curve": curve,
        "fewest": min(curve),
        "best": curve.index(min(curve)) + 1,
        "shares": shares[0].tolist(),
        "wave": harmonic_synth(_f64([100.0]), _f64([1.0]), shares, 320, 16000, mask=False).tolist(),
    }


def frame_rate(state: State) -> dict[str, Any]:
    """An envelope known at frames, upsampled; its error, its worst jump, and the spectrum of the tone it shapes."""
    n, swell = state["frame_rate_hz"], state["swell_hz"]
    frames, truth = (0.5 - 0.5 * torch.cos(2 * math.pi * swell * _f64(range(m)) / m) for m in (n, 8192))
    envelope = upsample(frames, 8192, method=state["method"])
    spectrum = _spectrum(envelope * sinusoid(_f64(440.0), _f64(1.0), 8192, 8192))[:1201]
    extra = spectrum[(torch.arange(1201) - 440).abs() > swell + 3].max()
    return {
        "frames": frames.tolist(),
        "envelope": envelope.tolist(),
        "truth": truth.tolist(),
        "spectrum_db": amplitude_to_db(spectrum, floor_db=-120.0).tolist(),
        "jump": envelope.diff().abs().max().item(),
        "error": _mse(envelope, truth).sqrt().item(),
        "zipper_db": amplitude_to_db(extra / spectrum.max(), floor_db=-240.0).item(),
    }


def cutoff(state: State) -> dict[str, Any]:
    """Responses of two low-passes, the loss over the cutoff, its gradient per octave and the next step."""
    frequencies = _f64([20 * 400 ** (i / 199) for i in range(200)])
    goal = lowpass_response(_f64(state["target_hz"]), frequencies)

    def at(cutoff_hz: float) -> tuple[float, float]:
        octaves = _f64(math.log2(cutoff_hz)).requires_grad_()
        value = _mse(lowpass_response(2**octaves, frequencies), goal)
        return value.item(), torch.autograd.grad(value, octaves)[0].item()

    cutoffs = [50 * 160 ** (i / 120) for i in range(121)]
    curve, slopes = zip(*(at(c) for c in cutoffs), strict=True)
    value, gradient = at(state["cutoff_hz"])
    steepest = max(map(abs, slopes))
    following = state["cutoff_hz"] * 2 ** (-state["step_size"] * gradient / steepest)
    return {
        "frequencies": frequencies.tolist(),
        "response": lowpass_response(_f64(state["cutoff_hz"]), frequencies).tolist(),
        "goal": goal.tolist(),
        "cutoffs": cutoffs,
        "curve": list(curve),
        "loss": value,
        "gradient": gradient,
        "steepest": steepest,
        "next_hz": min(8000.0, max(50.0, following)),
        "off_octaves": math.log2(state["cutoff_hz"] / state["target_hz"]),
    }


def weighting(state: State) -> dict[str, Any]:
    """A spectrum of three partials over noise, A-weighted; its level by power, and by averaging decibels."""
    width = 16000 / 512
    curve = a_weighting_db(width * torch.arange(1, 257))
    power = torch.full((256,), 10 ** (state["floor_db"] / 10), dtype=torch.float64)
    for hz, db in zip(state["hz"], state["db"], strict=True):
        at = hz / width - 1
        low, part = math.floor(at), at - math.floor(at)
        power[low] += (1 - part) * 10 ** (db / 10)
        power[low + 1] += part * 10 ** (db / 10)
    spectrum = 10 * torch.log10(power)
    return {
        "spectrum_db": spectrum.tolist(),
        "curve_db": curve.tolist(),
        "weighted_db": (spectrum + curve).tolist(),
        "plain": 10 * math.log10(power.sum()),
        "loudness": 10 * math.log10((power * 10 ** (curve / 10)).sum()),
        "averaged": (spectrum + curve).clamp(min=-120.0).mean().item(),
    }


def history(state: State) -> dict[str, Any]:
    """The chosen record of a fit and how far its spectrum is from the target's."""
    spectra = _f64(state["spectra_db"]).reshape(len(state["steps"]), -1)
    chosen, losses = spectra[state["record"]], state["losses"]
    return {
        "step": state["steps"][state["record"]],
        "loss": losses[state["record"]],
        "spectrum": chosen.tolist(),
        "off_db": (chosen - _f64(state["target_db"])).abs().mean().item(),
        "fall": losses[state["record"]] / max(losses[0], 1e-9),
    }


def biquad(state: State) -> dict[str, Any]:
    """Coefficients, response, poles and zeros of a cookbook filter at 16 kHz, and how long it rings."""
    b, a = biquad_coefficients(
        state["filter"], _f64(state["frequency_hz"]), 16000, _f64(state["q"]), _f64(state["gain_db"])
    )
    frequencies = [20 * 395 ** (i / 239) for i in range(240)]

    def level(hz: list[float]) -> list[float]:
        return (20 * torch.log10(biquad_response(b, a, _f64(hz), 16000).abs().clamp(min=1e-6))).tolist()

    def roots(c: Tensor) -> list[list[float]]:
        first, second, third = c.tolist()
        if abs(first) < 1e-12:
            return []
        half = -second / (2 * first)
        inner = half * half - third / first
        r = math.sqrt(abs(inner))
        return [[half, r], [half, -r]] if inner < 0 else [[half + r, 0.0], [half - r, 0.0]]

    radius = float(pole_radius(a))
    return {
        "coefficients": [*b.tolist(), *a.tolist()[1:]],
        "frequencies": frequencies,
        "response": level(frequencies),
        "poles": roots(a),
        "zeros": roots(b),
        "radius": radius,
        "here": level([state["frequency_hz"]])[0],
        "ring_ms": 1000 * math.log(1000) / (-math.log(radius) * 16000),
    }


def _spectrum(sound: Tensor) -> Tensor:
    """Magnitudes under a Hann window, scaled so that a sine of amplitude 1 peaks at 1."""
    window = torch.hann_window(sound.shape[-1], dtype=sound.dtype)
    return torch.fft.rfft(sound * window * (2 / window.sum())).abs()


TWINS: dict[str, Callable[[State], dict[str, Any]]] = {
    "gain": gain,
    "oscillator": oscillator,
    "landscape": landscape,
    "escape": escape,
    "transport": transport,
    "deflation": deflation,
    "drawbars": drawbars,
    "nyquist": nyquist,
    "giant_steps": giant_steps,
    "frame_rate": frame_rate,
    "cutoff": cutoff,
    "noise_bands": noise_bands,
    "biquad": biquad,
    "room": room,
    "note_knobs": note_knobs,
    "weighting": weighting,
    "history": history,
    "note_roll": note_roll,
    "player": player,
    "taken_apart": taken_apart,
    "mixer": mixer,
    "phrase_knobs": phrase_knobs,
    "questions": questions_twin,
}
