"""Instruments under the transforms of torch: the sound of plain tensors."""

import copy
import os

import pytest
import torch

import course_lib as cl
from course_lib.synths.tone import ToneControls, tone, tone_controls
from tests.helpers.torch_stack import Case, check, every, rand

SR = 16_000
HZ = rand(2, 4, low=300.0, high=3000.0)  # some harmonics lie above Nyquist
RESTS = HZ * (rand(2, 4, seed=5) > 0.3)
LEVELS, RAW = rand(2, 4, seed=1), rand(2, 4, low=-4, high=4, seed=1)
SHARES, RAW_SHARES = rand(2, 4, 5, seed=2), rand(2, 4, 5, low=-4, high=4, seed=2)
PARTIALS = rand(2, 4, 5, low=100.0, high=9000.0, seed=3)
BANDS = rand(2, 4, 5, seed=4)
FM = ("3>2>1, 4>1, 5", (1, 2.5, 0.5, 14, 3))  # 14 times f0 lies above Nyquist now and then
FM_SYNTH = cl.FmSynth(torch.full((4,), 440.0), FM[1], FM[0], n_samples=37, sample_rate=SR).double()
TONE = cl.FmTone()
LOW = rand(2, 4, low=200.0, high=800.0) * (rand(2, 4, seed=5) > 0.3)
GAIN = cl.LinearGain(0.5).requires_grad_(False)
OSCILLATOR = cl.Oscillator(440.0, 1.0, n_samples=37, sample_rate=SR).double()
SYNTH = cl.HarmonicSynth(torch.full((4,), 440.0), 5, n_samples=37, sample_rate=SR).double()
SAME = dict.fromkeys(("compile", "export", "trace", "fake", "meta", "arrays"), "the program of the row above")
FITTED = {
    "trace": "torch.jit knows no functional_call",
    "half": "its parameters have a precision of their own",
    "arrays": "parameters are tensors",
}


def there(module, x):
    """The module, or a copy of it, where the tensor lives."""
    return module if not isinstance(x, torch.Tensor) or x.device.type == "cpu" else copy.deepcopy(module).to(x.device)


def harmonic(f0, a, d, mask=True):
    return cl.harmonic_synth(f0, a, d, n_samples=37, sample_rate=SR, mask=mask)


def fitted(f0, a, d):
    """`HarmonicSynth` with these parameters."""
    parameters = {"f0_hz": f0, "raw_amplitude": a, "raw_distribution": d}
    return torch.func.functional_call(there(SYNTH, f0), parameters, ())


CASES = [
    Case("sinusoid", lambda f, a: cl.sinusoid(f, a, n_samples=37, sample_rate=SR), (HZ, rand(2, 3))),
    Case(
        "sinusoid resting",
        lambda f, a, p: cl.sinusoid(f, a, n_samples=37, sample_rate=SR, initial_phase=p),
        (RESTS, rand(2, 1), rand(2)),
        leaves=SAME,
    ),
    Case("sinusoid number", lambda a: cl.sinusoid(440.0, a, n_samples=37, sample_rate=SR), (rand(3),)),
    Case(
        "Oscillator",
        lambda f: torch.func.functional_call(there(OSCILLATOR, f), {"frequency_hz": f}, ()),
        (HZ[0],),
        leaves=FITTED,
    ),
    Case(
        "additive_synth",
        lambda f, a: cl.additive_synth(f, a, n_samples=37, sample_rate=SR),
        (PARTIALS * (PARTIALS > 700), SHARES),
    ),
    Case("harmonic_synth", harmonic, (RESTS, LEVELS, SHARES)),
    Case("harmonic_synth sounding", harmonic, (HZ, LEVELS, SHARES), leaves=SAME),
    Case("harmonic_synth unmasked", lambda f, a, d: harmonic(f, a, d, mask=False), (HZ, LEVELS, SHARES), leaves=SAME),
    Case("harmonic_synth too-high", harmonic, (torch.where(HZ > 2000, 9000.0, HZ), LEVELS, SHARES), leaves=SAME),
    Case("harmonic_controls", lambda a, d, f: cl.harmonic_controls(a, d, f, SR), (RAW, RAW_SHARES, RESTS), half=2),
    Case(
        "harmonic_controls bare",
        lambda a, d, f: cl.harmonic_controls(a, d, f, SR, scale=False, mask=False, normalise=False),
        (LEVELS, SHARES, RESTS),
        half=2,
        leaves=SAME,
    ),
    Case("HarmonicControls", lambda *x: cl.HarmonicControls(*x), (HZ, LEVELS, SHARES), half=2,
         leaves={"arrays": "it holds what it is given"}),
    Case("harmonic_frequencies", lambda f: cl.harmonic_frequencies(f, 3), (HZ,), half=2),
    Case("scale_parameters", cl.scale_parameters, (RAW,), half=2),
    Case("mask_above_nyquist", lambda d, f: cl.mask_above_nyquist(d, f, SR), (SHARES, RESTS), half=2),
    Case("normalise_distribution", cl.normalise_distribution, (SHARES * (LEVELS > 0.5).unsqueeze(-1),), half=2),
    Case(
        "HarmonicSynth",
        fitted,
        (HZ[0], RAW[0], RAW_SHARES[0]),
        leaves=FITTED,
    ),
    Case(
        "fm_synth",
        lambda f, x: cl.fm_synth(f, x, FM[1], FM[0], n_samples=37, sample_rate=SR),
        (LOW, SHARES),
        half=64,
    ),
    Case(
        "fm_synth feedback",
        lambda f, x, r: cl.fm_synth(f, x, r, "3>2>1, 4>1, 5>5, 3>3", n_samples=12, sample_rate=SR),
        (LOW, SHARES, rand(5, low=0.5, high=3.0, seed=6)),
        half=256,
    ),
    Case(
        "fm_controls",
        lambda x, f: cl.fm_controls(x, f, FM[1], FM[0], sample_rate=SR),
        (RAW_SHARES, LOW),
        half=4,
        leaves={"jvp": "a limit has a corner where a modulator's room is shared out"},
    ),
    Case("FmControls", lambda *x: cl.FmControls(*x), (HZ, SHARES), half=2,
         leaves={"arrays": "it holds what it is given"}),
    Case("index_limits", lambda f: cl.index_limits(f, FM[1], FM[0], sample_rate=SR)[..., 1:4], (LOW,)),
    Case(
        "FmSynth",
        lambda f, raw: torch.func.functional_call(there(FM_SYNTH, f), {"f0_hz": f, "raw": raw}, ()),
        (LOW[0], RAW_SHARES[0]),
        leaves=FITTED,
    ),
    Case(
        "FmTone",
        lambda raw, f, m: TONE.sound(TONE.controls(raw, f, m, sample_rate=SR), n_samples=37, sample_rate=SR),
        (rand(2, 4, 6, low=-4, high=4), LOW, BANDS),
        half=64,
        leaves={"jvp": "a limit has a corner where max_index takes over", "arrays": "controls are tensors"},
    ),
    Case("LinearGain", lambda x: there(GAIN, x)(x), (rand(2, 9, low=-1),), half=2),
    Case("noise_controls", cl.noise_controls, (RAW,), half=2),
    Case("filtered_noise", lambda m: cl.filtered_noise(m, 37), (BANDS,)),
    Case("filtered_noise even", lambda m: cl.filtered_noise(m, 36), (BANDS,)),
    Case(
        "tone_controls",
        lambda raw, f: tone_controls(raw, f, n_harmonics=3, n_bands=2, sample_rate=SR),
        (rand(2, 4, 6, low=-4, high=4), RESTS),
        half=2,
    ),
    Case(
        "tone",
        lambda f, a, d, m, room: tone(ToneControls(f, a, d, m), n_samples=37, sample_rate=SR, room=room),
        (RESTS, LEVELS, SHARES, BANDS, rand(6, low=-1)),
        leaves={"arrays": "controls are tensors"},
    ),
]  # fmt: skip

LEFT_OUT = {
    "FmPatch": "a wiring, read from text",
    "parse_patch": "it reads text",
    "bessel": "of a plain number",
    "bessel_lines": "of plain numbers",
}


@every(CASES)
def test_torch_stack(case, transform):
    check(case, transform)


@pytest.mark.skipif(not os.environ.get("COURSE_SLOW"), reason="a compiler takes up to a minute a row: COURSE_SLOW=1")
@every([case for case in CASES if case.name in ("harmonic_synth", "additive_synth", "filtered_noise")], ["inductor"])
def test_the_compiler_itself(case, transform):
    check(case, transform)
