"""Frequency modulation: Bessel lines, a plain loop, gradients, stretches, long sounds, aliases, bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

import course_lib as cl
from course_lib.analysis.aliases import alias_db
from course_lib.core.envelopes import upsample_frequency
from course_lib.kernels.method import compiled_loops
from course_lib.synths.fm import BLENDS, FM_METHODS, Feedback, FmMethod, FmStart, fm_advance
from course_lib.synths.fm_patch import PATCHES

RATE = 16_000
F64 = torch.float64
METHODS = [m for m in FM_METHODS if m == "reference" or (m == "kernel" and compiled_loops())]
GRAPHS = {
    "pair": ("2>1", (1, 3.2)),
    "stack": ("3>2>1, 5>4", (1, 1, 2.5, 0.5, 14)),
    "shared": ("4>2>1, 4>3>1, 5, 3>3", (1, 2, 1, 0.5, 0)),
    "saw": ("1>1, 2>2>3", (1, 1, 2)),
    "alone": ("1, 2", (1, 1.5)),
}


def drawn(n_frames: int, n_operators: int, *lead: int, seed: int = 0, rests: bool = True) -> tuple[Tensor, Tensor]:
    """f0 with a rest in it, and levels."""
    rng = np.random.default_rng(seed)
    f0 = rng.uniform(100, 900, (*lead, n_frames))
    if rests:
        f0[..., n_frames // 3] = 0
    return torch.as_tensor(f0), torch.as_tensor(rng.uniform(0, 1.8, (*lead, n_frames, n_operators)))


def plain_loop(f0: NDArray, levels: NDArray, ratios: Any, patch: str, n: int, blend: tuple[float, float]) -> NDArray:
    """Sample by sample, operator by operator, in NumPy float64; of the library it has the patch and the upsamplers."""
    read = cl.parse_patch(patch)
    n_ops = read.n_operators
    level = levels * (f0[:, None] * np.asarray(ratios) < RATE / 2)
    level[f0 == 0] = 0
    level = cl.upsample(torch.as_tensor(level), n, dim=-2).numpy()
    hertz = upsample_frequency(torch.as_tensor(f0), n).numpy()
    turns = np.concatenate([[0.0], np.cumsum(hertz / RATE)])
    y = np.zeros((n + 2, n_ops))
    sound = np.zeros(n)
    for i in range(n):
        for o in read.order:
            angle = 2 * np.pi * ratios[o - 1] * turns[i] + sum(y[i + 2, m - 1] for m in read.modulators[o - 1])
            if o in read.feedback:
                angle += blend[0] * y[i + 1, o - 1] + blend[1] * y[i, o - 1]
            y[i + 2, o - 1] = level[i, o - 1] * np.sin(angle)
        sound[i] = sum(y[i + 2, c - 1] for c in read.carriers)
    return sound


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("feedback", list(BLENDS))
@pytest.mark.parametrize("graph", list(GRAPHS))
def test_any_graph_is_the_plain_loop(graph: str, feedback: Feedback, method: FmMethod) -> None:
    patch, ratios = GRAPHS[graph]
    f0, levels = drawn(9, len(ratios))
    got = cl.fm_synth(f0, levels, ratios, patch, n_samples=700, sample_rate=RATE, feedback=feedback, method=method)
    want = plain_loop(f0.numpy(), levels.numpy(), ratios, patch, 700, BLENDS[feedback])
    np.testing.assert_allclose(got, want, atol=1e-9)


@pytest.mark.parametrize("index", [0.3, 1.7, 4.0])
@pytest.mark.parametrize(("carrier", "modulator"), [(1, 1), (1, 3), (2, 1), (1, 2), (4, 1)])
def test_sidebands_are_folded_bessel_lines(carrier: int, modulator: int, index: float) -> None:
    f0 = 100.0
    sound = cl.fm_synth(
        torch.tensor([f0]), torch.tensor([[1.0, index]]), (carrier, modulator), "2>1", n_samples=RATE, sample_rate=RATE
    )
    # A second of whole cycles: the sine part of line m is −2/N of the imaginary part at 100·m Hz.
    found = -np.fft.rfft(sound.double().numpy()).imag[:: int(f0)] / (RATE / 2)
    want = np.zeros(81)
    for n in range(-40, 41):
        line = carrier + n * modulator  # a negative frequency comes back positive, turned over
        if 0 < abs(line) <= 80:
            want[abs(line)] += np.sign(line) * scipy.special.jv(n, index)
    np.testing.assert_allclose(found[1:80], want[1:80], atol=1e-4)
    lines = cl.bessel_lines(index, carrier=carrier, modulator=modulator)
    ours = np.zeros(81)
    ours[lines.ratios[lines.ratios <= 80].long()] = lines.amplitudes[lines.ratios <= 80]
    np.testing.assert_allclose(ours, want, atol=2e-9)


def test_lines_fold_at_nyquist_too() -> None:
    """Of f0 = 500 Hz the sixteenth multiple is Nyquist: what lies beyond comes back from there."""
    sound = cl.fm_synth([500.0], [[1.0, 3.0]], (11, 3), "2>1", n_samples=RATE, sample_rate=RATE)
    found = -np.fft.rfft(sound.double().numpy()).imag[::500] / (RATE / 2)
    lines = cl.bessel_lines(3.0, carrier=11, modulator=3, nyquist=16)
    want = np.zeros(17)
    want[lines.ratios.long()] = lines.amplitudes
    np.testing.assert_allclose(found[1:16], want[1:16], atol=1e-4)
    assert float(lines.ratios.max()) < 16 and float(cl.bessel_lines(3.0, carrier=11, modulator=3).ratios.max()) > 16
    np.testing.assert_allclose(cl.bessel(2.5)[:20], scipy.special.jv(np.arange(20), 2.5), atol=1e-12)


def test_feedback_of_one_is_nearly_a_saw() -> None:
    """y = β sin(φ + y) has harmonics 2 J_n(nβ) / n; the delay of a sample or two matters little to the lowest."""
    sound = cl.fm_synth(torch.tensor([50.0]), torch.ones(1, 1), (1,), "1>1", n_samples=48_000, sample_rate=48_000)
    lines = np.abs(np.fft.rfft(sound[-4800:].double().numpy()))[5::5] / 2400
    n = np.arange(1, 5)
    np.testing.assert_allclose(lines[:4], 2 * scipy.special.jv(n, n) / n, rtol=0.03)


def test_the_mean_of_two_samples_does_not_hunt() -> None:
    """Between an index of 1 and 2: with the last sample alone every other sample jumps, with the mean of two none."""
    top = {}
    for feedback in BLENDS:
        sound = cl.fm_synth([220.0], [[1.5]], (1,), "1>1", n_samples=RATE, sample_rate=RATE, feedback=feedback)  # type: ignore[arg-type]
        energy = np.abs(np.fft.rfft(sound[4000:].double().numpy() * np.blackman(RATE - 4000))) ** 2
        top[feedback] = 10 * np.log10(energy[5250:].sum() / energy.sum())  # above 7 kHz
    assert top["last"] > -6 and top["mean"] < -45, top


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("graph", list(GRAPHS))
def test_the_gradient_is_right(graph: str, method: FmMethod) -> None:
    patch, ratios = GRAPHS[graph]
    f0, levels = drawn(4, len(ratios), 2)
    levels = levels * 0.6 + 0.1
    r = torch.tensor(ratios, dtype=F64)

    def synthesise(f0: Tensor, levels: Tensor, r: Tensor) -> Tensor:
        rest = torch.ones_like(f0)
        rest[..., 1] = 0  # stays a rest when f0 is moved
        return cl.fm_synth(f0 * rest, levels, r, patch, n_samples=50, sample_rate=RATE, method=method)

    f0 = f0.clamp(min=100)
    steep = [x.clone().requires_grad_() for x in (f0, levels)]
    # A ratio of 0 is a border: a step below it is refused.
    r.requires_grad_(bool((r > 0).all()))
    assert torch.autograd.gradcheck(synthesise, (*steep, r), atol=1e-5)


def test_controls_have_the_right_gradient() -> None:
    patch, ratios = PATCHES["trio"]
    f0, raw = drawn(4, 6, rests=False)
    f0 = f0 * 4  # the limits are at work
    f0, raw = f0.requires_grad_(), (raw - 1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda f0, raw: cl.fm_controls(raw, f0, ratios, patch, sample_rate=RATE).levels, (f0, raw)
    )


@settings(max_examples=25, deadline=None)
@given(
    graph=st.sampled_from(list(GRAPHS)), n_frames=st.integers(1, 9), extra=st.integers(0, 200), seed=st.integers(0, 99)
)
def test_kernel_and_formula_agree_and_stay_in_range(graph: str, n_frames: int, extra: int, seed: int) -> None:
    patch, ratios = GRAPHS[graph]
    f0, levels = drawn(n_frames, len(ratios), 2, seed=seed)
    size: dict[str, Any] = {"n_samples": n_frames + extra, "sample_rate": RATE}
    sounds = [cl.fm_synth(f0, levels, ratios, patch, **size, method=method) for method in METHODS]
    torch.testing.assert_close(sounds[0], sounds[-1], atol=1e-9, rtol=0)
    loudest = levels[..., [c - 1 for c in cl.parse_patch(patch).carriers]].sum(-1).max()
    assert float(sounds[0].abs().max()) <= float(loudest) + 1e-9
    half = cl.fm_synth(f0[0].float(), levels[0].float(), ratios, patch, **size)
    torch.testing.assert_close(half.double(), sounds[0][0], atol=2e-3, rtol=0)


def test_a_rest_is_silent_and_holds_the_phase() -> None:
    f0 = torch.tensor([400.0, 0.0, 0.0, 0.0, 400.0, 400.0], dtype=F64)
    levels = torch.tensor([[1.0, 1.5]] * 6, dtype=F64)
    sound = cl.fm_synth(f0, levels, (1, 1.5), "2>1", n_samples=2400, sample_rate=RATE)
    assert not sound[400:1200].any()
    whole = cl.fm_synth(torch.full((6,), 400.0, dtype=F64), levels, (1, 1.5), "2>1", n_samples=2400, sample_rate=RATE)
    # 400 samples before the rest and all that follow it but its last 400, over which the note fades in.
    torch.testing.assert_close(sound[1600:], whole[1600 - 801 : -801], atol=1e-9, rtol=0)


def test_operators_above_nyquist_are_silent() -> None:
    high = cl.fm_synth([6000.0], [[0.5, 3.0]], (1, 2), "2>1", n_samples=400, sample_rate=RATE)
    sine = cl.sinusoid(6000.0, 0.5, n_samples=400, sample_rate=RATE)
    torch.testing.assert_close(high, sine, atol=1e-6, rtol=0)


def test_an_hour_is_as_exact_as_a_second() -> None:
    """Ratio 3.2 in whole turns: no wrapping of the common phase, no rounding of the ratio."""
    patch, ratios = PATCHES["brass"]
    f0, levels = torch.full((3,), 997.3), torch.full((3, 6), 0.4)
    start = None
    hop = 20_000_000  # an hour and some at 16 kHz in three frames
    start = fm_advance(f0, levels, ratios, patch, hop=hop, sample_rate=RATE)
    turns = 2 * hop * float(f0[0].double()) / RATE
    exact = [math.fmod(2 * hop * (float(f0[0].double()) * r / RATE), 1.0) for r in ratios]
    assert turns > 1e6
    off = (start.turns - torch.tensor(exact, dtype=F64) + 0.5) % 1.0 - 0.5
    assert float(off.abs().max()) < 1e-7


@settings(max_examples=20, deadline=None)
@given(
    graph=st.sampled_from(list(GRAPHS)), cut=st.integers(1, 18), hop=st.sampled_from([1, 7, 64]), seed=st.integers(0, 9)
)
def test_a_sound_in_two_stretches_is_the_whole(graph: str, cut: int, hop: int, seed: int) -> None:
    patch, ratios = GRAPHS[graph]
    f0, levels = drawn(20, len(ratios), 2, seed=seed)
    whole = cl.fm_synth(f0, levels, ratios, patch, n_samples=20 * hop, sample_rate=RATE)
    led = slice(0, cut + 1)  # a stretch is led to the first frame of the next
    first = cl.fm_synth(f0[:, led], levels[:, led], ratios, patch, n_samples=(cut + 1) * hop, sample_rate=RATE)
    start = fm_advance(f0[:, led], levels[:, led], ratios, patch, hop=hop, sample_rate=RATE)
    rest = cl.fm_synth(
        f0[:, cut:], levels[:, cut:], ratios, patch, n_samples=(20 - cut) * hop, sample_rate=RATE, start=start
    )
    torch.testing.assert_close(torch.cat([first[:, : cut * hop], rest], -1), whole, atol=1e-9, rtol=0)


def test_leading_axes_broadcast() -> None:
    f0, levels = drawn(5, 2, 3)
    ratios = torch.tensor([[[1.0, 1.0]], [[1.0, 3.0]]], dtype=F64)  # (2, 1, 2)
    many = cl.fm_synth(f0, levels, ratios, "2>1", n_samples=90, sample_rate=RATE)
    assert many.shape == (2, 3, 90)
    one = cl.fm_synth(f0[1], levels[1], ratios[1, 0], "2>1", n_samples=90, sample_rate=RATE)
    torch.testing.assert_close(many[1, 1], one)


# --- Index limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f0_hz", [220.3, 440.3, 880.7, 1245.3, 1760.9, 2490.7, 3500.3])
@pytest.mark.parametrize("name", ["pair", "trio", "strings", "brass"])
def test_limited_indices_do_not_alias(name: str, f0_hz: float) -> None:
    """All modulators at their limits, an octave above the violin's range too."""
    patch, ratios = PATCHES[name]
    f0, raw = torch.full((128,), f0_hz, dtype=F64), torch.full((128, len(ratios)), 20.0, dtype=F64)
    at: dict[str, Any] = {"n_samples": 16_384, "sample_rate": RATE}
    limited = cl.fm_controls(raw, f0, ratios, patch, sample_rate=RATE).levels
    pitch = f0_hz / 10 if name == "brass" else f0_hz
    assert alias_db(cl.fm_synth(f0, limited, ratios, patch, **at), pitch, sample_rate=RATE) < -75 - 5 * (name != "pair")
    free = cl.fm_controls(raw, f0, ratios, patch, sample_rate=RATE, alias_db=None).levels
    if f0_hz > 1000:
        assert alias_db(cl.fm_synth(f0, free, ratios, patch, **at), pitch, sample_rate=RATE) > -30


def test_the_trio_is_clean_over_its_range_and_an_octave_above() -> None:
    patch, ratios = PATCHES["trio"]
    for midi in range(55, 113):
        f0_hz = 440 * 2 ** ((midi - 69) / 12) * 1.0007
        f0 = torch.full((64,), f0_hz, dtype=F64)
        levels = cl.fm_controls(torch.full((64, 6), 20.0, dtype=F64), f0, ratios, patch, sample_rate=RATE).levels
        sound = cl.fm_synth(f0, levels, ratios, patch, n_samples=16_384, sample_rate=RATE)
        assert alias_db(sound, f0_hz, sample_rate=RATE) < -80, f"MIDI {midi}"


def test_carsons_rule_is_not_enough() -> None:
    """98 % of the power is an alias of −17 dB: what is beyond Carson's band is heard."""
    f0 = 1245.3
    carson = (RATE / 2 - f0) / f0 - 1
    limit = float(cl.index_limits([f0], (1, 1), "2>1", sample_rate=RATE)[0, 1])
    heard = {}
    for name, index in {"Carson": carson, "limit": limit}.items():
        sound = cl.fm_synth([f0], [[1.0, index]], (1, 1), "2>1", n_samples=16_384, sample_rate=RATE)
        heard[name] = alias_db(sound, f0, sample_rate=RATE)
    assert heard["Carson"] > -35 and heard["limit"] < -80, heard


def test_limits_at_rests_and_beyond_nyquist_are_finite() -> None:
    limits = cl.index_limits([0.0, 100.0, 7999.0, 9000.0], (1, 0, 3), "3>2>1", sample_rate=RATE)
    assert bool((limits[:, 1:] >= 0).all() and limits[:, 1:].isfinite().all() and limits[:, 0].isinf().all())


def test_controls_are_scaled() -> None:
    levels = cl.fm_controls([[0.0, 0.0]], [440.0], (1, 1), "2>1", sample_rate=RATE, max_index=3.0).levels
    torch.testing.assert_close(levels, torch.tensor([[float(cl.exp_sigmoid(0.0)), 1.5]]))
    calm = cl.fm_controls([[20.0, 20.0]], [110.0], (1, 1), "1>1, 2>2", sample_rate=RATE, max_index=3.0).levels
    torch.testing.assert_close(calm, torch.full((1, 2), 1.5))  # feedback stays where it is no noise


# --- The module, and bad input --------------------------------------------------------------------------------------


def test_a_module_finds_index_and_level() -> None:
    torch.manual_seed(0)
    at: dict[str, Any] = {"n_samples": 4096, "sample_rate": RATE}
    target = cl.fm_synth([220.0], [[0.6, 1.0]], (1, 3), "2>1", **at)
    module = cl.FmSynth([220.0], (1, 3), "2>1", max_index=2.0, **at)
    cl.fit(module, target, cl.multiscale_spectral_loss, steps=150, lr=0.1)
    found = module.controls().levels.detach()
    torch.testing.assert_close(found, torch.tensor([[0.6, 1.0]]), atol=0.03, rtol=0)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"levels": [[1.0, -0.5]]}, "index of an operator must not be negative; got -0.5: operator 2 modulates"),
    ({"levels": [[1.0, 0.5, 0.5]]}, r"levels \(…, n_frames, 2\), one for each operator of the patch"),
    ({"levels": [[1.0, math.nan]]}, "levels must be finite"),
    ({"levels": [1.0, 0.5]}, r"got \(1,\) and \(2,\)"),
    ({"ratios": (1,)}, r"ratios must be \(…, 2\), one for each operator of the patch; got shape \(1,\)"),
    ({"ratios": (1, -1)}, "ratios must not be negative; got -1"),
    ({"ratios": (1, math.inf)}, "ratios must be finite"),
    ({"f0_hz": [-1.0]}, "f0_hz must not be negative"),
    ({"f0_hz": 440.0}, r"f0_hz must be \(…, n_frames\)"),
    ({"patch": "1>2>1"}, "wait for each other"),
    ({"n_samples": 0}, "n_samples must be at least 1"),
    ({"method": "fast"}, "unknown method 'fast'; choose one of auto, kernel, reference"),
    ({"feedback": "none"}, "unknown feedback 'none'; choose one of mean, last"),
    ({"f0_hz": [1.0] * 9, "levels": [[1.0, 0.0]] * 9, "n_samples": 8}, r"more frames \(9\) than samples \(8\)"),
]


@pytest.mark.parametrize(("changed", "said"), BAD)
def test_bad_input_says_the_rule(changed: dict[str, Any], said: str) -> None:
    good: dict[str, Any] = {"f0_hz": [440.0], "levels": [[1.0, 0.5]], "ratios": (1, 1), "patch": "2>1", "n_samples": 8}
    given = good | changed
    f0_hz, levels, ratios, patch = (given.pop(k) for k in ("f0_hz", "levels", "ratios", "patch"))
    with pytest.raises(ValueError, match=said):
        cl.fm_synth(f0_hz, levels, ratios, patch, sample_rate=RATE, **given)


def test_bad_controls_say_the_rule() -> None:
    with pytest.raises(ValueError, match="max_index must be a number of radians, 0 or more; got -1"):
        cl.fm_controls([[0.0, 0.0]], [440.0], (1, 1), "2>1", sample_rate=RATE, max_index=-1)
    with pytest.raises(ValueError, match=r"raw \(…, n_frames, 2\), one for each operator"):
        cl.fm_controls([[0.0]], [440.0], (1, 1), "2>1", sample_rate=RATE)
    with pytest.raises(ValueError, match="alias_db must be below 0"):
        cl.index_limits([440.0], (1, 1), "2>1", sample_rate=RATE, alias_db=3)
    for numbers, said in {
        (-1, 1, 1): "carrier must be a ratio, 0 or more; got -1",
        (1, math.nan, 1): "modulator must be a ratio",
        (1, 1, -1): "index must not be negative",
        (1, 1, 101): "index must lie between -100 and 100",
    }.items():
        with pytest.raises(ValueError, match=said):
            cl.bessel_lines(numbers[2], carrier=numbers[0], modulator=numbers[1])
    with pytest.raises(ValueError, match="nyquist must be a ratio above 0"):
        cl.bessel_lines(1, carrier=1, modulator=1, nyquist=0)


def test_a_start_is_handed_on() -> None:
    start = FmStart(torch.tensor([0.25], dtype=F64), torch.zeros(0, 2, dtype=F64))
    sound = cl.fm_synth([1000.0], [[1.0]], (1,), "1", n_samples=4, sample_rate=RATE, start=start)
    np.testing.assert_allclose(sound, np.cos(2 * np.pi * np.arange(4) / 16), atol=1e-6)
