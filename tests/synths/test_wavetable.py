"""Wavetables against closed forms in NumPy float64: coefficients, samples, their gradients, aliases and refusals."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.analysis.aliases import alias_db
from course_lib.synths.tone import HARMONICS
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone
from course_lib.synths.wavetable import read_samples

SR = 16_000
D = torch.float64
METHODS = ("kernel", "fast", "reference")


def controls(n_frames=5, n_tables=3, k=7, lead=(), seed=0, top=2500.0, rests=0.0):
    rng = np.random.default_rng(seed)
    f0 = rng.uniform(50, top, (*lead, n_frames))
    f0[rng.uniform(0, 1, f0.shape) < rests] = 0
    a, w = rng.uniform(0, 1, (*lead, n_frames)), rng.dirichlet(np.ones(n_tables), (*lead, n_frames))
    c = rng.uniform(-1, 1, (n_tables, k)) + 1j * rng.uniform(-1, 1, (n_tables, k))
    return [torch.from_numpy(x) for x in (f0, a, w, c)]


def lines(frames, n):
    return np.interp(np.arange(n), np.arange(len(frames)) * n / len(frames), frames)


def numpy_phase(f0, n):
    return 2 * np.pi / SR * np.concatenate([[0.0], np.cumsum(lines(f0, n))[:-1]])


def closed_form(f0, a, w, c, n, mask=True):
    """One sine after the other, with its magnitude and its angle; no rests."""
    f0, a, w, c = (x.numpy() for x in (f0, a, w, c))
    phase, sound = numpy_phase(f0, n), np.zeros(n)
    for k in range(1, c.shape[1] + 1):
        levels = (a[:, None] * w) @ c[:, k - 1] * ((k * f0 < SR / 2) | (not mask))
        sines = [lines(levels.real, n) * np.sin(k * phase), lines(levels.imag, n) * np.cos(k * phase)]
        sound += sum(sines)
    return sound


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("n", [5, 199, 1600])
def test_coefficients_match_the_closed_form(method, mask, n):
    values = controls()
    got = cl.wavetable_synth(*values, n_samples=n, sample_rate=SR, mask=mask, method=method)
    np.testing.assert_allclose(got.numpy(), closed_form(*values, n, mask), atol=1e-9)


def test_a_magnitude_is_an_amplitude_and_an_angle_the_phase_of_the_sine():
    table = torch.polar(torch.tensor([[0.5, 0.2]], dtype=D), torch.tensor([[0.3, -1.1]], dtype=D))
    one = torch.ones(1, dtype=D)
    got = cl.wavetable_synth(440 * one, one, one[None], table, n_samples=500, sample_rate=SR)
    phase = 2 * np.pi * 440 * np.arange(500) / SR
    np.testing.assert_allclose(got, 0.5 * np.sin(phase + 0.3) + 0.2 * np.sin(2 * phase - 1.1), atol=1e-10)


@given(
    n_frames=st.integers(1, 9),
    n_tables=st.integers(1, 4),
    k=st.integers(1, 40),
    extra=st.integers(0, 700),
    lead=st.sampled_from([(), (2,), (2, 1)]),
    rests=st.sampled_from([0.0, 0.4, 1.0]),
    mask=st.booleans(),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60)
def test_all_ways_give_one_sound_and_the_same_gradients(n_frames, n_tables, k, extra, lead, rests, mask, seed):
    values = [x.requires_grad_() for x in controls(n_frames, n_tables, k, lead, seed, rests=rests)]
    found = {}
    for method in METHODS:
        settings = {"n_samples": n_frames + extra, "sample_rate": SR, "turns": 0.3, "mask": mask, "method": method}
        sound = cl.wavetable_synth(*values, **settings)
        assert sound.dtype == D and sound.shape == (*lead, n_frames + extra)
        weight = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, tuple(sound.shape)))
        found[method] = [sound.detach(), *torch.autograd.grad((sound * weight).sum(), values)]
    for method in ("kernel", "fast"):
        for got, want in zip(found[method], found["reference"], strict=True):
            assert float((got - want).abs().max()) <= 1e-9 * max(1.0, float(want.abs().max())), method


def test_tables_of_plain_sines_are_the_harmonic_synthesizer():
    f0, a, w, _ = controls(n_tables=4, top=4000)
    sines = torch.eye(4, dtype=torch.complex128)
    ours = cl.wavetable_synth(f0, a, w, sines, n_samples=777, sample_rate=SR)
    torch.testing.assert_close(ours, cl.harmonic_synth(f0, a, w, n_samples=777, sample_rate=SR), atol=1e-12, rtol=0)


@pytest.mark.parametrize("sampled", [False, True])
def test_the_sound_is_linear_in_amplitude_weights_and_tables(sampled):
    f0, a, w, c = controls()
    t = cl.samples_from_tables(c, 32) if sampled else c
    settings = {"n_samples": 300, "sample_rate": SR, "sampled": sampled}
    parts = [cl.wavetable_synth(f0, a, w[:, i : i + 1], t[i : i + 1], **settings) for i in range(w.shape[-1])]
    torch.testing.assert_close(sum(parts), cl.wavetable_synth(f0, a, w, t, **settings), atol=1e-12, rtol=0)
    louder = cl.wavetable_synth(f0, 3 * a, w, t, **settings)
    torch.testing.assert_close(louder, 3 * sum(parts), atol=1e-12, rtol=0)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_any_invertible_mix_of_the_tables_makes_the_same_sound(sampled, seed):
    f0, a, w, c = controls(seed=seed)
    mix = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (3, 3))) + 2 * torch.eye(3, dtype=D)
    other_w = w @ torch.linalg.inv(mix)  # they need not be positive, nor sum to 1
    t = cl.samples_from_tables(c, 32) if sampled else c
    settings = {"n_samples": 400, "sample_rate": SR, "sampled": sampled}
    one = cl.wavetable_synth(f0, a, w, t, **settings)
    other = cl.wavetable_synth(f0, a, other_w, mix.to(t.dtype) @ t, **settings)
    torch.testing.assert_close(one, other, atol=1e-11, rtol=0)


# --- samples --------------------------------------------------------------------------------------------------


def test_sampled_tables_match_numpys_interpolation():
    f0, a, w, c = controls()
    t = cl.samples_from_tables(c, 50)
    got = cl.wavetable_synth(f0, a, w, t, n_samples=999, sample_rate=SR, sampled=True)
    place = (numpy_phase(f0.numpy(), 999) / (2 * np.pi)) % 1 * 50
    want = np.zeros(999)
    for i in range(3):
        read = np.interp(place, np.arange(51), np.append(t[i].numpy(), t[i, 0]))
        want += lines((a * w[:, i]).numpy(), 999) * read
    np.testing.assert_allclose(got.numpy(), want, atol=1e-9)


def test_the_interpolation_error_falls_as_one_over_length_squared():
    one, saw = torch.ones(1, dtype=D), 1 / torch.arange(1, 11, dtype=D)
    tables = saw[None].to(torch.complex128)
    exact = cl.wavetable_synth(220 * one, one, one[None], tables, n_samples=SR, sample_rate=SR)
    errors = []
    for length in (64, 128, 256, 512, 1024):
        t = cl.samples_from_tables(tables, length)
        read = cl.wavetable_synth(220 * one, one, one[None], t, n_samples=SR, sample_rate=SR, sampled=True)
        errors.append(float((read - exact).square().mean().sqrt()))
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    assert ((3.6 < ratios) & (ratios < 4.1)).all(), ratios
    # A sine read between its samples bows by (2π / L)² / 8 at most.
    sine = torch.ones(1, 1, dtype=torch.complex128)
    read = cl.wavetable_synth(
        219.7 * one, one, one[None], cl.samples_from_tables(sine, 64), n_samples=SR, sample_rate=SR, sampled=True
    )
    bow = float(
        (read - cl.wavetable_synth(219.7 * one, one, one[None], sine, n_samples=SR, sample_rate=SR)).abs().max()
    )
    assert bow == pytest.approx((2 * np.pi / 64) ** 2 / 8, rel=0.01)


def test_a_gradient_reaches_the_two_neighbours_alone():
    table = torch.zeros(1, 16, dtype=D, requires_grad=True)
    shares = torch.ones(1, 1, dtype=D)
    sound = read_samples(torch.tensor([1300.0], dtype=D), shares, table, n_samples=4, sample_rate=SR)
    (grad,) = torch.autograd.grad(sound[3], table)  # 3 · 1300 / 16000 · 16 = 3.9
    assert grad[0].nonzero().flatten().tolist() == [3, 4]
    torch.testing.assert_close(grad[0, 3:5], torch.tensor([0.1, 0.9], dtype=D))


@pytest.mark.parametrize(("length", "k"), [(9, 4), (16, 7), (33, 5)])
def test_samples_and_coefficients_are_there_and_back(length, k):
    _, _, _, c = controls(k=k)
    samples, c = cl.samples_from_tables(c, length), c.numpy()
    phase = 2 * np.pi * np.arange(length) / length
    want = sum(np.abs(c[:, i : i + 1]) * np.sin((i + 1) * phase + np.angle(c[:, i : i + 1])) for i in range(k))
    np.testing.assert_allclose(samples, want, atol=1e-12)
    torch.testing.assert_close(cl.tables_from_samples(samples + 0.7, k), torch.from_numpy(c))  # a constant is dropped


def test_normalised_magnitudes_sum_to_one():
    t = torch.view_as_complex(cl.draw_tables(n_tables=4, n_harmonics=9, generator=torch.Generator().manual_seed(1)))
    t[2] = 0
    sums = cl.normalise_tables(t).abs().sum(-1)
    torch.testing.assert_close(sums, torch.tensor([1.0, 1.0, 0.0, 1.0]))
    torch.testing.assert_close(cl.normalise_tables(t).angle(), t.angle())


# --- aliases, rests, phase ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_aliases_stay_below_80_db_over_the_violins_range(method):
    generator = torch.Generator().manual_seed(0)
    tables = cl.normalise_tables(
        torch.view_as_complex(cl.draw_tables(n_tables=10, n_harmonics=60, generator=generator))
    )
    n = 125
    for midi in (55, 64, 73, 82, 91, 100, 105):
        f0 = cl.midi_to_hz(torch.full((n,), float(midi)))
        weights = torch.full((n, 10), 0.1)
        sound = cl.wavetable_synth(f0, torch.ones(n), weights, tables, n_samples=n * 64, sample_rate=SR, method=method)
        assert alias_db(sound, float(f0[0]), sample_rate=SR) < -80, midi


def test_the_mask_is_what_keeps_them_away():
    saw = (1 / torch.arange(1, 61, dtype=D))[None].to(torch.complex128)
    one = torch.ones(1, dtype=D)
    play = {"n_samples": SR, "sample_rate": SR}
    masked = cl.wavetable_synth(1245.0 * one, one, one[None], saw, **play)
    bare = cl.wavetable_synth(1245.0 * one, one, one[None], saw, mask=False, **play)
    read = cl.wavetable_synth(1245.0 * one, one, one[None], cl.samples_from_tables(saw, 2048), sampled=True, **play)
    assert alias_db(masked, 1245, sample_rate=SR) < -85
    assert -20 < alias_db(bare, 1245, sample_rate=SR) < -8 and -20 < alias_db(read, 1245, sample_rate=SR) < -8


@pytest.mark.parametrize("sampled", [False, True])
def test_a_rest_is_silent_and_holds_the_phase(sampled):
    f0 = torch.tensor([500.0, 500.0, 0.0, 0.0, 500.0, 500.0], dtype=D)
    table = torch.ones(1, 1, dtype=torch.complex128)
    t = cl.samples_from_tables(table, 4096) if sampled else table
    one = torch.ones(6, dtype=D)
    sound = cl.wavetable_synth(f0, one, one[:, None], t, n_samples=600, sample_rate=SR, sampled=sampled)
    want = cl.harmonic_synth(f0, one, one[:, None], n_samples=600, sample_rate=SR)
    assert (sound[200:301] == 0).all()
    torch.testing.assert_close(sound, want, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sampled", [False, True])
def test_an_hour_is_as_exact_as_a_second(sampled):
    f0, table = torch.full((2,), 997.3), torch.ones(1, 1, dtype=torch.complex64)
    t = cl.samples_from_tables(table, 4096) if sampled else table
    turns = 3600 * 997.3 % 1.0
    ones = torch.ones(2)
    late = cl.wavetable_synth(f0, ones, ones[:, None], t, n_samples=400, sample_rate=SR, sampled=sampled, turns=turns)
    want = np.sin(2 * np.pi * ((3600 * 997.3) % 1.0 + float(f0[0]) * np.arange(400) / SR))
    np.testing.assert_allclose(late.numpy(), want, atol=2e-5)


def test_a_pitch_that_is_too_high_is_silent_and_harms_nothing():
    f0 = torch.tensor([220.0, 220.0, 9000.0, 9000.0, 220.0], dtype=D, requires_grad=True)
    ones = torch.ones(5, dtype=D)
    table = torch.ones(1, 3, dtype=torch.complex128)
    sound = cl.wavetable_synth(f0, ones, ones[:, None], table, n_samples=500, sample_rate=SR)
    heard = sound.detach()
    assert (heard[200:301] == 0).all() and float(heard[:100].abs().max()) > 0.5
    assert bool(torch.autograd.grad(sound.square().sum(), f0)[0].isfinite().all())


# --- gradients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_gradients_to_all_four(method):
    values = tuple(x.requires_grad_() for x in controls(3, 2, 4, seed=3))

    def play(*x):
        return cl.wavetable_synth(*x, n_samples=11, sample_rate=SR, method=method)

    assert torch.autograd.gradcheck(play, values, atol=1e-5)
    assert torch.autograd.gradgradcheck(play, values, atol=1e-4)


def test_gradients_of_sampled_tables():
    f0, a, w, c = controls(3, 2, 4, seed=3)
    values = tuple(x.requires_grad_() for x in (f0, a, w, cl.samples_from_tables(c, 12)))
    assert torch.autograd.gradcheck(
        lambda *x: cl.wavetable_synth(*x, n_samples=11, sample_rate=SR, sampled=True), values, eps=1e-7, atol=1e-4
    )


def test_gradients_through_the_whole_path():
    rng = np.random.default_rng(0)
    raw = torch.from_numpy(rng.uniform(-2, 2, (3, 3))).requires_grad_()
    tables = torch.from_numpy(rng.uniform(-1, 1, (2, 4, 2))).requires_grad_()
    f0 = torch.tensor([300.0, 350.0, 2900.0], dtype=D)

    def play(raw, tables):
        t = cl.normalise_tables(torch.view_as_complex(tables))
        return cl.wavetable_synth(*cl.wavetable_controls(raw, f0, SR), t, n_samples=12, sample_rate=SR)

    assert torch.autograd.gradcheck(play, (raw, tables))


# --- controls, module, tone -----------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 500))
@settings(max_examples=30)
def test_weights_sum_to_one(n_frames, n_tables, seed):
    rng = np.random.default_rng(seed)
    raw, f0 = torch.from_numpy(rng.uniform(-6, 6, (n_frames, 1 + n_tables))), torch.full((n_frames,), 440.0)
    c = cl.wavetable_controls(raw, f0, SR)
    torch.testing.assert_close(c.weights.sum(-1), torch.ones(n_frames, dtype=D))
    assert bool((c.weights > 0).all())
    torch.testing.assert_close(c.amplitude, cl.exp_sigmoid(raw[:, 0]))


def test_where_nothing_can_sound_the_amplitude_is_zero():
    c = cl.wavetable_controls(torch.zeros(3, 3), torch.tensor([0.0, 440.0, 8000.0]), SR)
    assert (c.amplitude > 0).tolist() == [False, True, False]


def test_the_module_learns_a_sound():
    torch.manual_seed(0)
    model = cl.WavetableSynth([300.0] * 4, n_tables=2, n_harmonics=5, n_samples=2000, sample_rate=SR)
    assert model.tables().abs().sum(-1).tolist() == pytest.approx([1, 1])
    target = cl.harmonic_synth([300.0] * 4, [0.5] * 4, [[0.5, 0.3, 0.2]] * 4, n_samples=2000, sample_rate=SR)
    history = cl.fit(model, target, torch.nn.functional.mse_loss, steps=150, lr=0.05)
    assert history.losses[-1] < 1e-3 * history.losses[0]
    draw = {"n_tables": 2, "n_harmonics": 5, "n_samples": 2000, "sample_rate": SR}
    one, other = (cl.WavetableSynth([300.0], **draw, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.raw_tables, other.raw_tables)


def tone_controls(tone, n_frames, seed=0):
    rng = np.random.default_rng(seed)
    t = torch.linspace(0, 1, n_frames, dtype=D)
    f0 = torch.where((t > 0.4) & (t < 0.5), 0.0, 200 + 2000 * t).float()
    raw = torch.from_numpy(rng.uniform(-1, 2, (n_frames, tone.n_raw))).float()
    return tone.controls(raw, f0, torch.full((n_frames, 9), 0.01), sample_rate=SR)


@settings(max_examples=20, deadline=None)
@given(places=st.lists(st.integers(1, 119), max_size=8), hop=st.sampled_from([1, 37, 64]))
def test_a_stream_of_the_tone_may_be_cut_anywhere(places, hop):
    torch.manual_seed(1)
    tone = cl.WavetableTone(n_tables=4, n_harmonics=12)
    with torch.no_grad():
        c = tone_controls(tone, 120)
        whole = tone.sound(c, n_samples=120 * hop, sample_rate=SR)
    ends = [0, *sorted(set(places)), 120]
    pieces = [cut_stretch(c, slice(a, b)) for a, b in pairwise(ends)]
    parts = join_stretches(list(stream_tone(pieces, sample_rate=SR, hop=hop, pitched=tone)))
    assert float((parts.harmonic - whole).abs().max()) <= 1e-6 * max(1.0, float(whole.abs().max()))
    assert float(whole.abs().max()) > 0.05


def test_a_fresh_tone_is_about_as_loud_as_harmonics_and_all_of_it_learns():
    levels = []
    for seed in range(8):
        torch.manual_seed(seed)
        tone = cl.WavetableTone()
        assert tone.n_raw == 11 and tone.raw_tables.shape == (10, 60, 2)
        f0, noise = torch.full((50,), 120.0), torch.zeros(50, 65)
        raw = torch.zeros(50, tone.n_raw, requires_grad=True)
        sound = tone.sound(tone.controls(raw, f0, noise, sample_rate=SR), n_samples=3200, sample_rate=SR)
        levels.append(float(sound.detach().square().mean().log10() * 10))
        sound.square().sum().backward()
        assert float(raw.grad.abs().min()) > 0 and float(tone.raw_tables.grad.abs().min()) > 0
    c = cl.harmonic_controls(torch.zeros(50), torch.zeros(50, 60), f0, SR)
    plain = cl.harmonic_synth(*c, n_samples=3200, sample_rate=SR).square().mean().log10() * 10
    assert abs(np.mean(levels) - float(plain)) < 4, (levels, plain)


def test_a_tone_passes_pitch_and_noise_on_and_advances_as_harmonics_do():
    tone = cl.WavetableTone(n_tables=2, n_harmonics=3)
    c = tone_controls(tone, 30)
    assert c._fields[0] == "f0_hz" and c._fields[-1] == "noise_magnitudes" and c.noise_magnitudes.shape == (30, 9)
    ours = tone.advance(c, hop=64, sample_rate=SR, start=0.3)
    assert ours == HARMONICS.advance(c, hop=64, sample_rate=SR, start=0.3)


# --- bad input ------------------------------------------------------------------------------------------------

ONE, SINE = torch.ones(1), torch.ones(1, 2, dtype=torch.complex64)


@pytest.mark.parametrize(
    ("values", "more", "error", "message"),
    [
        ((-ONE, ONE, ONE[None], SINE), {}, ValueError, "f0_hz must not be negative"),
        ((ONE * torch.nan, ONE, ONE[None], SINE), {}, ValueError, "f0_hz must be finite"),
        ((ONE, ONE * torch.inf, ONE[None], SINE), {}, ValueError, "amplitude must be finite"),
        ((ONE, ONE, ONE[None] * torch.nan, SINE), {}, ValueError, "weights must be finite"),
        ((ONE, ONE, ONE[None], SINE * torch.nan), {}, ValueError, "tables must be finite"),
        ((ONE, ONE, ONE, SINE), {}, ValueError, "same n_frames"),
        ((torch.ones(2), ONE, ONE[None], SINE), {}, ValueError, "same n_frames"),
        ((torch.ones(2, 1), torch.ones(3, 1), ONE[None], SINE), {}, ValueError, "leading axes"),
        ((ONE, ONE, torch.ones(1, 3), SINE), {}, ValueError, "one for each of the 3 weights; got .1, 2."),
        ((ONE, ONE, ONE[None], SINE[0]), {}, ValueError, "one for each"),
        ((ONE, ONE, ONE[None], SINE[:, :0]), {}, ValueError, "a coefficient or more"),
        ((ONE, ONE, ONE[None], SINE.real), {}, TypeError, "tables_from_samples"),
        ((ONE, ONE, ONE[None], SINE), {"sampled": True}, TypeError, "tables must be real"),
        ((ONE, ONE, ONE[None], ONE[None]), {"sampled": True}, ValueError, "two samples or more"),
        ((ONE, ONE, ONE[None], ONE[0]), {"sampled": True}, ValueError, "two samples or more"),
        ((9000 * ONE, ONE, ONE[None], SINE), {"mask": False}, ValueError, "must not exceed Nyquist"),
        ((9000 * ONE, ONE, ONE[None], SINE.real), {"sampled": True}, ValueError, "use masked coefficients"),
        ((ONE, ONE, ONE[None], SINE), {"method": "quick"}, ValueError, "unknown method"),
        ((ONE, ONE, ONE[None], SINE), {"n_samples": 0}, ValueError, "n_samples must be at least 1"),
        ((torch.ones(9), torch.ones(9), torch.ones(9, 1), SINE), {}, ValueError, "more frames"),
        ((torch.ones(9), torch.ones(9), torch.ones(9, 1), SINE.real), {"sampled": True}, ValueError, "more frames"),
    ],
)
def test_bad_input(values, more, error, message):
    with pytest.raises(error, match=message):
        cl.wavetable_synth(*values, **{"n_samples": 8, "sample_rate": SR, **more})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.tables_from_samples([0.0, 1.0]), "3 samples or more"),
        (lambda: cl.tables_from_samples([0.0, 1.0, 0.0], 2), "3 samples hold 1 harmonics; got n_harmonics = 2"),
        (lambda: cl.tables_from_samples([0.0, np.nan, 0.0]), "samples must be finite"),
        (lambda: cl.samples_from_tables(SINE, 4), "twice the number of harmonics, 4; got 4"),
        (lambda: cl.normalise_tables(SINE[:, :0]), "a coefficient or more"),
        (lambda: cl.draw_tables(n_tables=0, n_harmonics=4), "n_tables must be at least 1"),
        (lambda: cl.WavetableTone(n_tables=4, n_harmonics=0), "n_harmonics must be at least 1"),
        (lambda: cl.wavetable_controls(torch.zeros(3, 1), torch.ones(3), SR), r"1 \+ n_tables"),
        (lambda: cl.wavetable_controls(torch.zeros(3, 2), torch.ones(4), SR), "same n_frames"),
        (lambda: cl.wavetable_controls(torch.zeros(3, 2) * np.nan, torch.ones(3), SR), "raw must be finite"),
    ],
)
def test_bad_tables(call, message):
    with pytest.raises(ValueError, match=message):
        call()
