"""Instruments under the transforms of torch: the sound of plain tensors."""

import copy
import os

import pytest
import torch

import course_lib as cl
from course_lib.synths.tone import ToneControls, tone, tone_controls
from course_lib.synths.tones.wavetable import WavetableToneControls
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
FM_TONE = cl.FmTone()
LOW = rand(2, 4, low=200.0, high=800.0) * (rand(2, 4, seed=5) > 0.3)
GAIN = cl.LinearGain(0.5).requires_grad_(False)
OSCILLATOR = cl.Oscillator(440.0, 1.0, n_samples=37, sample_rate=SR).double()
SYNTH = cl.HarmonicSynth(torch.full((4,), 440.0), 5, n_samples=37, sample_rate=SR).double()
MIXER = cl.WavetableSynth(torch.full((4,), 440.0), n_tables=4, n_harmonics=6, n_samples=37, sample_rate=SR).double()
PARTS = (rand(5, 6, low=-1, seed=7), rand(5, 6, low=-1, seed=8))  # of complex coefficients
ADSR = tuple(torch.tensor(x, dtype=torch.float64) for x in ([0.01, 0.02], 0.6, [0.2, 0.25], 0.21, 0.5, [0.33, 0.4]))
ENVELOPE = cl.AdsrEnvelope(0.0, 0.6, n_frames=9, frame_rate=7).double()
WAVE = {"n_samples": 37, "sample_rate": SR}
SAME = dict.fromkeys(("compile", "export", "trace", "fake", "meta", "arrays"), "the program of the row above")
FITTED = {
    "trace": "torch.jit knows no functional_call",
    "half": "its parameters have a precision of their own",
    "arrays": "parameters are tensors",
}


COMPLEX = {"half": "complex halves hardly exist in PyTorch", "arrays": "complex tensors are made here"}
DRAWN = "a generator draws where it is called"


def there(module, x):
    """The module, or a copy of it, where the tensor lives."""
    return module if not isinstance(x, torch.Tensor) or x.device.type == "cpu" else copy.deepcopy(module).to(x.device)


def harmonic(f0, a, d, mask=True):
    return cl.harmonic_synth(f0, a, d, n_samples=37, sample_rate=SR, mask=mask)


def fitted(f0, a, d):
    """`HarmonicSynth` with these parameters."""
    parameters = {"f0_hz": f0, "raw_amplitude": a, "raw_distribution": d}
    return torch.func.functional_call(there(SYNTH, f0), parameters, ())


def wavetable(f0, a, w, real, imaginary, mask=True):
    tables = torch.complex(real, imaginary)
    return cl.wavetable_synth(f0, a, w, tables, n_samples=37, sample_rate=SR, mask=mask)


def drawn():
    return cl.draw_tables(n_tables=1, n_harmonics=1, generator=torch.Generator().manual_seed(0))


def mixed(f0, raw, tables):
    """`WavetableSynth` with these parameters."""
    return torch.func.functional_call(there(MIXER, f0), {"f0_hz": f0, "raw": raw, "raw_tables": tables}, ())


class Played(torch.nn.Module):
    """A tone without noise, from raw numbers to sound."""

    def __init__(self, tone):
        super().__init__()
        self.tone = tone

    def forward(self, raw, f0):
        controls = self.tone.controls(raw, f0, torch.zeros_like(raw), sample_rate=SR)
        return self.tone.sound(controls, n_samples=37, sample_rate=SR)


BENT, VALUES, WEIGHTS = rand(2, 40, low=-1.2, high=1.2), rand(2, 7, low=-1, seed=1), rand(2, 5, low=-1, seed=2)
CURVE = cl.tanh_curve(3.0)
NEWT = (
    HZ, rand(2, 4, 3, low=0.3), rand(2, 4, 3, low=-0.3, high=0.3), rand(2, 4, 3), rand(5, 3, low=-0.3, high=0.3),
    rand(5, high=6.0), rand(3, 9, low=-1),
)  # fmt: skip
with torch.random.fork_rng():
    torch.manual_seed(0)
    SHAPERS = cl.Shapers(3).double().requires_grad_(False)
    # Straight lines between few points: a finite difference across a bend of a curve says nothing.
    SHAPED = Played(cl.NewtTone(n_shapers=3, n_harmonics=5, n_points=9)).double().requires_grad_(False)
    WAVETABLES = Played(cl.WavetableTone(n_tables=4, n_harmonics=6)).double()
NUMBERS = "text, or a few numbers, in; no tensor that torch would look at"
LEFT_OUT = {
    "FmPatch": NUMBERS,
    "parse_patch": NUMBERS,
    "bessel": NUMBERS,
    "bessel_lines": NUMBERS,
    "make_tone": "it makes a module by its name; the modules have rows of their own",
}
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
    Case("wavetable_synth", wavetable, (RESTS, LEVELS, SHARES, *PARTS), leaves=COMPLEX),
    Case(
        "wavetable_synth unmasked",
        lambda *x: wavetable(*x, mask=False),
        (HZ, LEVELS, SHARES, *PARTS),
        leaves={**SAME, **COMPLEX},
    ),
    Case(
        "wavetable_synth sampled",
        lambda f, a, w, t: cl.wavetable_synth(f, a, w, t, n_samples=37, sample_rate=SR, sampled=True),
        (RESTS, LEVELS, SHARES, rand(5, 12, low=-1, seed=6)),
    ),
    Case("wavetable_controls", lambda raw, f: cl.wavetable_controls(raw, f, SR), (RAW_SHARES, RESTS), half=2),
    Case("WavetableControls", lambda *x: cl.WavetableControls(*x), (HZ, LEVELS, SHARES), half=2,
         leaves={"arrays": "it holds what it is given"}),
    Case("WavetableSynth", mixed, (HZ[0], RAW_SHARES[0], rand(4, 6, 2, low=-1, seed=7)), leaves=FITTED),
    Case("tables_from_samples", lambda x: torch.view_as_real(cl.tables_from_samples(x, 3)), (rand(2, 9),),
         leaves={"half": "complex halves are computed in single"}),
    Case("samples_from_tables", lambda *x: cl.samples_from_tables(torch.complex(*x), 16), PARTS, leaves=COMPLEX),
    Case("normalise_tables", lambda *x: torch.view_as_real(cl.normalise_tables(torch.complex(*x))), PARTS,
         leaves=COMPLEX),
    Case("draw_tables", lambda x: x + drawn().to(x), (rand(2),),
         leaves={"compile": DRAWN, "export": DRAWN, "trace": DRAWN, "vmap": DRAWN, "fake": DRAWN, "arrays": DRAWN}),
    Case(
        "WavetableTone",
        lambda raw, f, tables: torch.func.functional_call(there(WAVETABLES, f), {"tone.raw_tables": tables}, (raw, f)),
        (RAW_SHARES[0], RESTS[0], rand(4, 6, 2, low=-1, seed=7)),
        leaves=FITTED,
    ),
    Case("WavetableToneControls", lambda *x: WavetableToneControls(*x), (HZ, LEVELS, SHARES, BANDS), half=2,
         leaves={"arrays": "it holds what it is given"}),
    Case("adsr", lambda *x: cl.adsr(*x, n_frames=9, frame_rate=7), ADSR),
    Case("adsr cut", lambda r, s: cl.adsr(0.0, 0.2, 0.5, r, s, 0.4, n_frames=9, frame_rate=7),
         (ADSR[3], ADSR[4]), leaves=SAME),
    Case("adsr_controls", lambda raw: cl.adsr_controls(raw, 0.0, 1.0), (rand(2, 4, low=-4, high=4),), half=32),
    Case("AdsrControls", lambda *x: cl.AdsrControls(*x), ADSR, half=2, leaves={"arrays": "it holds what it is given"}),
    Case("AdsrEnvelope", lambda raw: torch.func.functional_call(there(ENVELOPE, raw), {"raw": raw}, ()),
         (rand(4, low=-1),), leaves=FITTED),
    Case("lfo", lambda f, a, p: cl.lfo(f, a, n_frames=11, frame_rate=40, initial_phase=p),
         (rand(2, 3, low=3, high=9), rand(2, 2), rand(2))),
    Case("lfo triangle", lambda f, a: cl.lfo(f, a, n_frames=11, frame_rate=40, shape="triangle"),
         (rand(2, 3, low=3, high=9), rand(2, 2)), leaves=SAME),
    Case("lfo square", lambda f, a: cl.lfo(f, a, n_frames=11, frame_rate=40, shape="square"),
         (rand(2, 3, low=3, high=9), rand(2, 2)), leaves=SAME),
    Case("sawtooth_wave", lambda f, a: cl.sawtooth_wave(f, a, n_harmonics=5, **WAVE), (RESTS, LEVELS)),
    Case("triangle_wave", lambda f, a: cl.triangle_wave(f, a, n_harmonics=5, **WAVE), (RESTS, LEVELS)),
    Case("square_wave", lambda f, a, w: cl.square_wave(f, a, width=w, n_harmonics=5, **WAVE),
         (RESTS, LEVELS, rand(2, 4, low=0.2, high=0.8, seed=6))),
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
        lambda raw, f, m: FM_TONE.sound(FM_TONE.controls(raw, f, m, sample_rate=SR), n_samples=37, sample_rate=SR),
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
    Case("waveshape", cl.waveshape, (BENT, VALUES)),
    Case("waveshape raised", lambda x, v: cl.waveshape(x, v, oversampling=2), (BENT, VALUES)),
    Case(
        "waveshape mean",
        lambda x: cl.waveshape(x, CURVE, antiderivative=CURVE.antiderivative),
        (BENT,),
    ),
    Case("chebyshev_curve", lambda w, x: cl.waveshape(x, cl.chebyshev_curve(w)), (WEIGHTS, 0.8 * BENT)),
    Case("tanh_curve", lambda x: cl.waveshape(x, cl.tanh_curve(2.0)), (BENT,)),
    Case("clip_curve", lambda x: cl.waveshape(x, cl.clip_curve(2.0)), (BENT,)),
    Case("fold_curve", lambda x: cl.waveshape(x, cl.fold_curve(2.0)), (BENT,)),
    Case("Curve", lambda x: cl.waveshape(x, cl.Curve(torch.sin, torch.cos)), (BENT,)),
    Case("newt_controls", cl.newt_controls, (rand(2, 4, 7, low=-4, high=4), HZ), half=4),
    Case("newt_synth", lambda *x: cl.newt_synth(*x, n_samples=37, sample_rate=SR), NEWT),
    Case(
        "newt_synth resting",
        lambda *x: cl.newt_synth(*x, n_samples=37, sample_rate=SR),
        (RESTS, *NEWT[1:]),
        leaves=SAME,
    ),
    Case(
        "NewtTone",
        lambda raw, f: there(SHAPED, f)(raw, f),
        (rand(2, 4, 10, low=-2, high=2), HZ),
        leaves={"half": "its parameters have a precision of their own", "arrays": "parameters are in double precision"},
    ),
    Case("NewtControls", lambda *x: cl.NewtControls(*x), NEWT[:4], half=2,
         leaves={"arrays": "it holds what it is given"}),
    Case(
        "Shapers",
        lambda x: there(SHAPERS, x)(x),
        (rand(3, 9, low=-1),),
        leaves={"half": "its parameters have a precision of their own", "arrays": "parameters are in double precision"},
    ),
]  # fmt: skip


@every(CASES)
def test_torch_stack(case, transform):
    check(case, transform)


@pytest.mark.skipif(not os.environ.get("COURSE_SLOW"), reason="a compiler takes up to a minute a row: COURSE_SLOW=1")
@every([case for case in CASES if case.name in ("harmonic_synth", "additive_synth", "filtered_noise")], ["inductor"])
def test_the_compiler_itself(case, transform):
    check(case, transform)
