"""Effects under the transforms of torch, in half precision and from odd arrays: the numbers of plain tensors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import course_lib as cl
from tests.helpers.torch_stack import Case, check, every, rand

SR = 16_000
AUDIO = rand(2, 60, low=-0.5, high=0.5)
TAPS = rand(2, 9, low=-0.5, high=0.5, seed=1)
BANDS = rand(2, 9, low=0.2, high=1.2, seed=2)
MOVING = rand(2, 4, 9, low=0.2, high=1.2, seed=2)
UNEVEN = rand(2, 7, 9, low=0.2, high=1.2, seed=2)
HZ, Q, GAIN_DB = (
    rand(3, low=900.0, high=4000.0),
    rand(3, low=0.5, high=2.0, seed=1),
    rand(3, low=-9.0, high=9.0, seed=2),
)
DECAY = 10.0 ** (-rand(2, 40, low=2.9, high=3.1) * torch.arange(40) / 30)

SINGLE = {"half": "coefficients in half precision would be another filter: they stay single (see below)"}
PLAIN_NUMBER = dict.fromkeys(
    ("compile", "export", "trace", "grad", "vmap", "jvp", "meta", "fake"), "it reads values, so it cannot be compiled"
)
NO_GRADIENT = {"twice": "a plain number", "half": "a plain number, in double precision"}

MODULE = {"trace": "functional_call knows no traced functions (see below)", "arrays": "parameters are tensors"}
EQ = cl.ParametricEQ(sample_rate=SR, n_peaks=1)
ROOM, DECAYING = cl.Reverb(9), cl.DecayReverb(n_taps=9, sample_rate=SR)


def filtered(audio: Tensor, frequency: Tensor, q: Tensor, gain: Tensor) -> Tensor:
    b, a = cl.biquad_coefficients("peaking", frequency, q=q, gain_db=gain, sample_rate=SR)
    return cl.filter_by_sampling(audio, b, a, fft_size=1024)


def equalised(audio: Tensor, *raw: Tensor) -> Tensor:
    """The module with other parameters in place of its own, as `torch.func` has it."""
    names = ("raw_frequency", "raw_gain", "raw_q")
    return torch.func.functional_call(EQ, dict(zip(names, raw, strict=True)), (audio,))


def learned_room(audio: Tensor, taps: Tensor) -> Tensor:
    return torch.func.functional_call(ROOM, {"impulse_response": taps}, (audio,))


def decaying_room(audio: Tensor, log_rt60: Tensor, log_gain: Tensor) -> Tensor:
    return torch.func.functional_call(DECAYING, {"log_rt60": log_rt60, "log_gain": log_gain}, (audio,))


LEFT_OUT = {"rfft_frequencies": "made from two numbers"}
CASES = [
    Case("raise_rate", lambda x: cl.raise_rate(x, 2), (AUDIO,)),
    Case("lower_rate", lambda x: cl.lower_rate(x, 2), (AUDIO,)),
    Case("fir_filter", cl.fir_filter, (AUDIO, BANDS)),
    Case("fir_filter even", lambda x, m: cl.fir_filter(x, m, time_varying=True), (AUDIO, MOVING)),
    Case("fir_filter uneven", lambda x, m: cl.fir_filter(x, m, time_varying=True), (AUDIO, UNEVEN)),
    Case("zero_phase_response", cl.zero_phase_response, (BANDS,)),
    Case(
        "lowpass_response",
        lambda cutoff, f: cl.lowpass_response(cutoff, frequencies_hz=f),
        (HZ, rand(5, high=8000.0)),
    ),
    Case("apply_response", cl.apply_response, (AUDIO, rand(61))),
    Case("lowpass", lambda x, f: cl.lowpass(x, f, sample_rate=SR), (AUDIO, HZ[:2])),
    Case("fft_convolve", cl.fft_convolve, (AUDIO, TAPS)),
    Case("reverb", cl.reverb, (AUDIO, TAPS)),
    Case(
        "decaying_impulse_response",
        lambda rt60, gain: cl.decaying_impulse_response(rt60, gain, n_taps=50, sample_rate=SR),
        (rand(2, low=0.002, high=0.01), rand(2, low=-20.0, high=0.0, seed=1)),
    ),
    Case(
        "biquad_coefficients",
        lambda f, q, gain: cl.biquad_coefficients("lowshelf", f, sample_rate=SR, q=q, gain_db=gain),
        (HZ, Q, GAIN_DB),
        leaves=SINGLE,
    ),
    Case("stable_denominator", cl.stable_denominator, (rand(4, 2, low=-3, high=3),), leaves=SINGLE),
    Case(
        "pole_radius",
        cl.pole_radius,
        (torch.cat([torch.ones(4, 1).double(), rand(4, 2)], -1),),
        leaves=dict.fromkeys(("grad", "jvp", "twice"), "detached") | {"half": "always in double precision"},
    ),
    Case(
        "biquad_response",
        lambda b, a, f: cl.biquad_response(b, cl.stable_denominator(a), f, sample_rate=SR),
        (rand(3, 3), rand(3, 2, low=-2, high=2), rand(5, low=10.0, high=7000.0)),
    ),
    Case("filter_by_sampling", filtered, (AUDIO, HZ, Q, GAIN_DB)),
    Case(
        "ParametricEQ",
        equalised,
        (AUDIO, *rand(3, 3, low=-1, high=1)),
        leaves=MODULE,
    ),
    Case(
        "filter_recursively",
        lambda x, b, a: cl.filter_recursively(x, b, torch.nn.functional.pad(torch.as_tensor(a), (1, 0), value=1.0)),
        (AUDIO[:, :8], rand(2, 1, 3), rand(2, 1, 2, low=-0.2, high=0.2)),
        leaves={"arrays": "b has a case of its own in biquad_response"},
    ),
    Case("Reverb", learned_room, (AUDIO, TAPS[0]), leaves=MODULE),
    Case(
        "DecayReverb",
        decaying_room,
        (AUDIO, torch.tensor(-5.0).double(), torch.tensor(-1.0).double()),
        leaves=MODULE | {"half": "its two numbers are logarithms: rounded, they are another room"},
    ),
    Case("fade_cuts", lambda x: cl.fade_cuts(x, sample_rate=1000, fade_s=0.01), (AUDIO,)),
    Case("energy_decay_db", cl.energy_decay_db, (DECAY,)),
    Case("measure_rt60", lambda h: cl.measure_rt60(h, sample_rate=1000), (DECAY,)),
    Case(
        "active_rms_db",
        lambda x: torch.tensor(cl.active_rms_db(x, sample_rate=SR)),
        (AUDIO,),
        PLAIN_NUMBER,
        NO_GRADIENT,
    ),
    Case(
        "gain_to_level",
        lambda x: torch.tensor(cl.gain_to_level([x], sample_rate=SR, level_db=-20)),
        (AUDIO,),
        PLAIN_NUMBER,
        NO_GRADIENT,
    ),
    Case(
        "shoebox_impulse_response",
        lambda *places: cl.shoebox_impulse_response(*places, 0.5, n_taps=20, sample_rate=SR),
        (torch.tensor([4.0, 3.0, 2.5]).double(), torch.ones(3).double(), torch.tensor([2.0, 1.5, 1.5]).double()),
        PLAIN_NUMBER,
        {"twice": "delays are rounded to samples", "half": "always in double precision", "cuda": "made on the CPU"},
    ),
]


@every(CASES)
def test_torch_stack(case, transform):
    check(case, transform)


def test_an_equaliser_is_traced_as_a_module():
    eq = cl.ParametricEQ(sample_rate=SR, n_peaks=1).double()
    with torch.no_grad():
        eq.raw_gain.fill_(0.5)
        traced = torch.jit.trace(eq, (AUDIO,))
        torch.testing.assert_close(traced(AUDIO.flip(-1)), eq(AUDIO.flip(-1)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("n_peaks", [0, 3])
def test_an_equaliser_knows_how_long_it_may_ring(n_peaks):
    eq, g = cl.ParametricEQ(sample_rate=SR, n_peaks=n_peaks, max_gain_db=18.0), torch.Generator().manual_seed(0)
    for _ in range(50):
        with torch.no_grad():
            for raw in eq.parameters():
                raw.copy_(12 * torch.rand(raw.shape, generator=g) - 6)
            assert float(cl.pole_radius(eq.coefficients()[1]).max()) <= eq.slowest_pole < 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_filters_in_half_precision_are_computed_in_single(dtype):
    """A low-pass at 20 Hz has its poles so near the circle that half precision would put them outside."""
    b, a = cl.biquad_coefficients("lowpass", torch.tensor(20.0, dtype=dtype), sample_rate=SR)
    assert b.dtype == a.dtype == torch.float32 and float(cl.pole_radius(a)) < 1 <= float(cl.pole_radius(a.to(dtype)))
    assert cl.filter_by_sampling(AUDIO.to(dtype), b, a).dtype == dtype
    eq = cl.ParametricEQ(sample_rate=SR).to(dtype)
    torch.testing.assert_close(eq(AUDIO.to(dtype)), AUDIO.to(dtype), atol=0.01, rtol=0)
    raw = torch.tensor([[9.0, 9.0], [-9.0, 9.0], [0.0, 9.0]], dtype=dtype)
    assert (cl.pole_radius(cl.stable_denominator(raw)) < 1).all()


def test_a_transform_is_given_where_the_poles_cannot_be_looked_at():
    b, a = cl.biquad_coefficients("lowpass", 1000.0, sample_rate=SR)
    with pytest.raises(ValueError, match="fft_size must be given"):
        torch.func.grad(lambda x: cl.filter_by_sampling(x, b, a).sum())(AUDIO)


def test_one_compiled_effect_takes_sounds_of_any_length():
    torch._dynamo.reset()
    filters = BANDS[0]
    compiled = torch.compile(
        lambda x: cl.fft_convolve(cl.fir_filter(x, filters), x[..., :9]), fullgraph=True, backend="aot_eager"
    )
    for n in (20, 33, 60):
        x = AUDIO[..., :n]
        torch.testing.assert_close(compiled(x), cl.fft_convolve(cl.fir_filter(x, filters), x[..., :9]))
