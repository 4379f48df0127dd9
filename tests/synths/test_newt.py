"""The NEWT against a formula in NumPy: its gradients, aliases, tables against networks, a stream, bad input."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.analysis.aliases import alias_db
from course_lib.effects.oversampling import early_taps
from course_lib.synths.newt import exciter_waves, newt_raised
from course_lib.synths.tone import tone, tone_controls
from course_lib.synths.tone_stream import cut_stretch, stream_tone
from course_lib.synths.tones.newt import NewtTone

D = torch.float64
RATE, HOP = 16_000, 64


def parts(*lead: int, frames: int = 4, n_shapers: int = 3, n_harmonics: int = 5, seed: int = 0) -> list[torch.Tensor]:
    """f0, gain, bias, level, mix, phases, curves: some harmonics too high, a rest."""
    rng = np.random.default_rng(seed)
    f0 = rng.uniform(300, 3000, (*lead, frames))
    f0[..., -2:-1] = 0.0
    controls = [rng.uniform(low, 1.5, (*lead, frames, n_shapers)) for low in (0.2, -0.5, 0.0)]
    mix, phases = rng.uniform(-0.3, 0.3, (n_harmonics, n_shapers)), rng.uniform(0, 6, n_harmonics)
    return [torch.from_numpy(x) for x in (f0, *controls, mix, phases, rng.uniform(-1, 1, (n_shapers, 9)))]


def numpy_newt(values: list[torch.Tensor], n_samples: int, factor: int) -> np.ndarray:
    """One sound, exciters as sums of sines."""
    f0, gain, bias, level, mix, phases, curves = (x.detach().numpy() for x in values)
    frames, size, rate = len(f0), factor * n_samples, factor * RATE

    def up(x: np.ndarray) -> np.ndarray:
        return np.interp(np.arange(size), np.arange(frames) * size / frames, x)

    sounding = up((f0 > 0).astype(float))
    pitch = np.where(sounding > 0, up(f0) / np.where(sounding > 0, sounding, 1), 0)
    phase = 2 * np.pi / rate * np.concatenate([[0], np.cumsum(pitch)[:-1]])
    sound = np.zeros(size)
    for m in range(len(curves)):
        e = np.zeros(size)
        for k in range(1, len(mix) + 1):
            heard = (k * f0 < RATE / 4) | (k == 1)
            e += mix[k - 1, m] * up(heard.astype(float)) * np.sin(k * phase + phases[k - 1])
        grid, heard = np.linspace(-1, 1, curves.shape[1]), (f0 > 0) & (f0 < RATE / 2)
        shaped = np.interp(up(gain[:, m]) * e + up(bias[:, m]), grid, curves[m])
        levels = level[:, m] * heard
        sound += up(levels) * shaped - up(levels * np.interp(bias[:, m], grid, curves[m]))
    if factor == 1:
        return sound
    return np.convolve(sound, early_taps(factor).numpy())[:size:factor]


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(60, 300), st.sampled_from([1, 2, 3]), st.integers(0, 99))
def test_it_is_the_formula(frames: int, n_samples: int, factor: int, seed: int) -> None:
    values = parts(frames=frames, seed=seed)
    expected = numpy_newt(values, n_samples, factor)
    for method in ("kernel", "reference"):
        sound = cl.newt_synth(*values, n_samples=n_samples, sample_rate=RATE, oversampling=factor, method=method)
        np.testing.assert_allclose(sound, expected, atol=5e-6)  # exciters are read from tables


def test_exciters_read_from_tables_are_exact_to_100_db() -> None:
    """Sixty harmonics: the cubic lines between 2,048 places err by less than a hundred-thousandth."""
    phases, mix = 6.28 * torch.rand(60, dtype=D), torch.ones(60, 1, dtype=D) / 60
    straight, one = torch.tensor([[-1.0, 1.0]], dtype=D), torch.ones(1, 1, dtype=D)
    values = [torch.tensor([50.1], dtype=D), one, 0 * one, one, mix, phases, straight]
    sound = newt_raised(*values, n_samples=4000, sample_rate=RATE, oversampling=1)
    angle = 2 * math.pi * 50.1 / RATE * torch.arange(4000, dtype=D)
    expected = sum(mix[k - 1] * torch.sin(k * angle + phases[k - 1]) for k in range(1, 61))
    assert float((sound - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize("lead", [(), (2,), (2, 2)])
def test_the_loop_and_the_formula_agree_with_gradients(lead: tuple[int, ...]) -> None:
    values = [x.requires_grad_() for x in parts(*lead)]
    found = []
    for method in ("kernel", "reference"):
        sound = cl.newt_synth(*values, n_samples=70, sample_rate=RATE, method=method)
        assert sound.shape == (*lead, 70)
        found.append([sound, *torch.autograd.grad((sound * torch.arange(70)).sum(), values)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_the_gradient_is_right_for_all_seven() -> None:
    values = parts(frames=3, n_shapers=2, n_harmonics=3)
    values[0] = torch.tensor([900.0, 1500.0, 700.0], dtype=D)  # a rest has no neighbours to compare with
    values = [x.requires_grad_() for x in values]

    def synthesise(*values: torch.Tensor) -> torch.Tensor:
        return cl.newt_synth(*values, n_samples=25, sample_rate=RATE)

    assert torch.autograd.gradcheck(synthesise, values, atol=1e-5)


def test_threads_change_nothing() -> None:
    values = [x.requires_grad_() for x in parts(frames=50, n_shapers=8)]

    def run() -> list[torch.Tensor]:
        sound = cl.newt_synth(*values, n_samples=60_000, sample_rate=RATE)
        return [sound, *torch.autograd.grad(sound.square().sum(), values)]

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = run()
        torch.set_num_threads(3)
        for a, b in zip(run(), one, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    finally:
        torch.set_num_threads(before)


def test_a_silent_exciter_and_a_rest_are_silent() -> None:
    f0, gain, bias, level, mix, phases, curves = parts(frames=9)
    held = bias[:1].expand(9, -1)
    still = cl.newt_synth(f0, 0 * gain, held, level, mix, phases, curves, n_samples=400, sample_rate=RATE)
    assert float(still.abs().max()) < 1e-12
    rests = torch.tensor([400.0, 0, 0, 0, 0, 0, 0, 0, 500.0], dtype=D)
    sound = cl.newt_synth(rests, gain, bias, level, mix, phases, curves, n_samples=9 * 300, sample_rate=RATE)
    assert float(sound[300 + 130 : 7 * 300].abs().max()) < 1e-9 and float(sound[:300].abs().max()) > 0.01
    high = cl.newt_synth(rests * 0 + 8000, gain, bias, level, mix, phases, curves, n_samples=900, sample_rate=RATE)
    assert not high.any()


def test_an_hour_is_as_exact_as_a_second() -> None:
    """The phase where a later stretch begins is handed on in turns."""
    values = parts(frames=1)
    values[0] = torch.tensor([400.0], dtype=D)
    one, other = (newt_raised(*values, n_samples=200, sample_rate=RATE, turns=t) for t in (0.0, 3600 * 400.0))
    torch.testing.assert_close(one, other, atol=1e-8, rtol=0)


def test_raw_numbers_become_controls() -> None:
    raw = torch.as_tensor(np.random.default_rng(0).uniform(-50, 50, (2, 7, 13)))
    made = cl.newt_controls(raw, torch.full((2, 7), 440.0))
    assert made.gain.shape == made.bias.shape == made.level.shape == (2, 7, 4)
    assert float(made.gain.min()) >= 0 and float(made.gain.max()) <= 2
    assert float(made.bias.abs().max()) <= 0.5 and float(made.level.min()) >= 0
    torch.testing.assert_close(made.level, cl.exp_sigmoid(raw[..., :1]) * 2 * torch.sigmoid(raw[..., 9:]))
    still = cl.newt_controls(torch.zeros(1, 4), [440.0])
    assert (float(still.gain), float(still.bias)) == (1.0, 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_table_says_what_its_network_says(seed: int) -> None:
    """As FastNEWT means it: the index scaled by one less than the table is long, for the last value belongs to 1."""
    torch.manual_seed(seed)
    shapers = cl.Shapers(8)
    x = torch.rand(8, 5000) * 2 - 1
    with torch.no_grad():
        said, table = shapers(x), shapers.curves()
        assert float((cl.waveshape(x, table) - said).abs().max()) < 1e-4
        place = (x + 1) / 2 * 2048  # the published index
        left = place.floor().long().clamp(max=2047)
        right = (left + 1).clamp(max=2047)
        published = table.gather(1, left) + (place - left) * (table.gather(1, right) - table.gather(1, left))
        assert float((published - said).abs().max()) > 1e-4
        assert torch.equal(cl.waveshape(x + 5, table), table[:, -1:].expand(-1, 5000))  # held outside


def test_networks_learn_through_their_table() -> None:
    torch.manual_seed(0)
    shapers = cl.Shapers(2).double()
    x = torch.rand(2, 400, dtype=D) * 2 - 1
    through, asked = (
        torch.autograd.grad(y.square().sum(), list(shapers.parameters()))
        for y in (cl.waveshape(x, shapers.curves(8192)), shapers(x))
    )
    for a, b in zip(through, asked, strict=True):
        assert float((a - b).abs().max()) < 1e-3 * float(b.abs().max() + 1)


# --- as a tone ------------------------------------------------------------------------------------------------


def steady(part: NewtTone, hertz: float, raw: float = 0.0, frames: int = 300) -> torch.Tensor:
    numbers = torch.full((frames, part.n_raw), raw)
    controls = part.controls(numbers, torch.full((frames,), hertz), torch.zeros(frames, 2), sample_rate=RATE)
    with torch.no_grad():
        sound = part.sound(controls, n_samples=frames * HOP, sample_rate=RATE)[1500:]
    return sound - sound.mean()


@pytest.mark.parametrize("hertz", [196.3, 440.3, 880.3, 1760.3])
def test_aliases_lie_60_db_below_even_at_full_gain(hertz: float) -> None:
    for seed in range(4):
        torch.manual_seed(seed)
        two = NewtTone()
        for raw in (0.0, 10.0):  # gains of 1, and of 2, which is the most
            if raw:
                two_loud = steady(two, hertz, raw)
                assert alias_db(two_loud, hertz, sample_rate=RATE) < -50
            else:
                assert alias_db(steady(two, hertz), hertz, sample_rate=RATE) < -70
        one = NewtTone(oversampling=1)
        one.load_state_dict(two.state_dict())
        assert (
            alias_db(steady(one, hertz), hertz, sample_rate=RATE)
            > alias_db(steady(two, hertz), hertz, sample_rate=RATE) + 3
        )


def test_a_fresh_tone_is_about_as_loud_as_harmonics_are() -> None:
    frames, levels = 300, []
    raw = tone_controls(
        torch.zeros(frames, 61), torch.full((frames,), 440.0), n_harmonics=60, n_bands=2, sample_rate=RATE
    )
    harmonics = tone(raw, n_samples=frames * HOP, sample_rate=RATE, noise=False).sound.square().mean().sqrt()
    for seed in range(6):
        torch.manual_seed(seed)
        levels.append(float(steady(NewtTone(), 440.0).square().mean().sqrt() / harmonics))
    assert 0.5 < float(np.median(levels)) < 2 and 0.2 < min(levels) and max(levels) < 4


@pytest.mark.parametrize("hop", [1, 37, 64])
@pytest.mark.parametrize("oversampling", [1, 2])
def test_no_cut_can_be_heard(hop: int, oversampling: int) -> None:
    torch.manual_seed(0)
    part, rng, n = NewtTone(4, n_harmonics=20, oversampling=oversampling), np.random.default_rng(hop), 90
    f0 = torch.from_numpy(rng.uniform(200, 1500, n))
    f0[10:13] = f0[40:60] = 0.0
    raw = torch.from_numpy(rng.uniform(-2, 2, (n, part.n_raw)))
    controls = part.double().controls(raw, f0, torch.full((n, 5), 0.01, dtype=D), sample_rate=RATE)
    whole = tone(controls, n_samples=n * hop, sample_rate=RATE, pitched=part).sound
    for places in ([1, 11, 12, 41, 59, 61], list(range(1, n)), [50]):
        pieces = [cut_stretch(controls, slice(a, b)) for a, b in pairwise([0, *places, n])]
        streamed = stream_tone(pieces, sample_rate=RATE, hop=hop, pitched=part)
        assert float((torch.cat([p.sound for p in streamed]) - whole).detach().abs().max()) < 1e-6


def test_all_of_it_learns() -> None:
    torch.manual_seed(0)
    part = NewtTone(3, n_harmonics=10)
    raw = torch.zeros(2, 20, part.n_raw, requires_grad=True)
    controls = part.controls(raw, torch.full((2, 20), 300.0), torch.zeros(2, 20, 2), sample_rate=RATE)
    part.sound(controls, n_samples=20 * HOP, sample_rate=RATE).square().mean().backward()
    for x in (raw, *part.parameters()):
        assert x.grad is not None and bool(x.grad.isfinite().all())
    assert all(float(x.grad.abs().max()) > 0 for x in (raw, part.mix, *part.shapers.weights))


def test_the_same_seed_makes_the_same_tone() -> None:
    torch.manual_seed(5)
    one = NewtTone(4, n_harmonics=12)
    torch.manual_seed(5)
    other = NewtTone(4, n_harmonics=12)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_bad_input_says_the_rule() -> None:
    values = parts()
    nan = float("nan")
    for i, (bad, words) in enumerate(
        [
            (-values[0], "must not be negative"),
            (values[1][:2], "gain, bias and level must be"),
            (values[2] * nan, "bias must be finite"),
            (values[3][..., :2], "with f0_hz"),
            (values[4][0], r"mix must be \(K, M\)"),
            (values[5][:2], r"phases \(K,\)"),
            (values[6][:, :1], "two values or more"),
        ]
    ):
        with pytest.raises(ValueError, match=words):
            cl.newt_synth(*values[:i], bad, *values[i + 1 :], n_samples=100, sample_rate=RATE)
    with pytest.raises(ValueError, match="oversampling must be at least 1"):
        cl.newt_synth(*values, n_samples=100, sample_rate=RATE, oversampling=0)
    with pytest.raises(ValueError, match="more frames"):
        cl.newt_synth(*values, n_samples=3, sample_rate=RATE)
    with pytest.raises(ValueError, match="1 \\+ 3 · n_shapers"):
        cl.newt_controls(torch.zeros(4, 6), torch.ones(4))
    with pytest.raises(ValueError, match="raw must be finite"):
        cl.newt_controls(torch.full((4, 7), nan), torch.ones(4))
    with pytest.raises(ValueError, match="depth must be at least 2"):
        cl.Shapers(3, depth=1)
    with pytest.raises(ValueError, match="n_points must be at least 2"):
        cl.Shapers(3).curves(1)
    with pytest.raises(ValueError, match="n_shapers must be at least 1"):
        NewtTone(0)


def test_frames_share_the_waves_of_as_many_harmonics() -> None:
    which, waves = exciter_waves(
        torch.tensor([[100.0, 900.0], [5000.0, 100.0]]), torch.ones(8, 2), torch.zeros(8), 4000.0
    )
    assert which.tolist() == [[2, 1], [0, 2]] and waves.shape == (3, 257, 2, 2)
    assert waves[0, :, 0, 0].abs().max() == pytest.approx(1.0)  # one harmonic is always there
