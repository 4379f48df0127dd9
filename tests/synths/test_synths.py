"""Instruments against closed forms in NumPy float64, their gradients, their contracts, and bad input."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl

SR = 16_000
D = torch.float64


def numpy_phase(f, rate=SR):
    return 2 * np.pi / rate * np.concatenate([[0.0], np.cumsum(f)[:-1]])


def numpy_upsample(frames, n):
    return np.interp(np.arange(n), np.arange(len(frames)) * n / len(frames), frames)


# --- gain -----------------------------------------------------------------------------------------------------


def test_gain_multiplies_and_learns():
    gain = cl.LinearGain(0.5)
    x = torch.rand(2, 3, 8)
    torch.testing.assert_close(gain(x), 0.5 * x)
    gain(x).sum().backward()
    assert float(gain.gain.grad) == pytest.approx(float(x.sum()), rel=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_gain_must_be_finite(bad):
    with pytest.raises(ValueError, match="gain must be a finite number"):
        cl.LinearGain(bad)


@pytest.mark.parametrize("bad", [torch.ones(0), torch.tensor(1.0), torch.tensor([float("nan")])])
def test_gain_refuses_what_is_no_sound(bad):
    with pytest.raises(ValueError, match="audio"):
        cl.LinearGain()(bad)


# --- oscillator -----------------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000), st.floats(-4, 4))
@settings(max_examples=40)
def test_sinusoid_matches_the_closed_form(f_frames, a_frames, seed, start):
    rng = np.random.default_rng(seed)
    f, a, n = rng.uniform(20, 7900, f_frames), rng.uniform(0, 1, a_frames), 257
    expected = numpy_upsample(a, n) * np.sin(numpy_phase(numpy_upsample(f, n)) + start)
    ours = cl.sinusoid(torch.from_numpy(f), torch.from_numpy(a), n_samples=n, sample_rate=SR, initial_phase=start)
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-9)


def test_sinusoid_takes_plain_numbers_and_batches():
    assert cl.sinusoid(440.0, 0.5, n_samples=100, sample_rate=SR).shape == (100,)
    batch = cl.sinusoid(
        torch.full((3, 2, 4), 440.0),
        torch.rand(3, 2, 5),
        n_samples=100,
        sample_rate=SR,
        initial_phase=torch.zeros(3, 2),
    )
    assert batch.shape == (3, 2, 100)
    one = cl.sinusoid(
        torch.full((2, 1), 440.0), 1.0, n_samples=50, sample_rate=SR, initial_phase=torch.tensor([0.0, 1.0])
    )
    torch.testing.assert_close(one[1], cl.sinusoid(440.0, 1.0, n_samples=50, sample_rate=SR, initial_phase=1.0))


def test_a_rest_is_silent_and_holds_the_phase():
    f = torch.tensor([440.0] * 4 + [0.0] * 4 + [440.0] * 4, dtype=D)
    sound = cl.sinusoid(f, torch.ones(12, dtype=D), n_samples=1200, sample_rate=SR, initial_phase=0.7)
    assert (sound[400:700] == 0).all() and sound[:300].abs().max() > 0.9 and sound[900:].abs().max() > 0.9
    held = cl.instantaneous_phase(cl.upsample(f, 1200), SR)
    assert (held[401:700] == held[401]).all()


def test_beside_a_rest_the_pitch_is_kept_while_the_sound_fades():
    f = torch.tensor([0.0, 440.0, 440.0, 0.0, 0.0], dtype=D)
    expected = torch.tensor([0.0] + [440.0] * 29 + [0.0] * 20, dtype=D)
    torch.testing.assert_close(cl.upsample_frequency(f, 50), expected)
    torch.testing.assert_close(cl.upsample_frequency(f[:, None], 50, dim=-2)[:, 0], expected)
    fade = cl.sinusoid(f[:2], 1.0, n_samples=3200, sample_rate=SR)[:1600]  # the hop from the rest to the note
    spectrum = torch.fft.rfft(fade * torch.hann_window(1600, dtype=D)).abs()
    assert abs(float(spectrum.argmax()) * SR / 1600 - 440) <= 10
    glide = torch.tensor([300.0, 500.0, 400.0], dtype=D)
    torch.testing.assert_close(cl.upsample_frequency(glide, 33), cl.upsample(glide, 33))


def test_precision_is_promoted_whatever_the_hop():
    for n in (100, 101):
        sound = cl.harmonic_synth(
            torch.full((4,), 200.0), torch.ones(4, dtype=D), torch.ones(4, 1), n_samples=n, sample_rate=SR
        )
        assert sound.dtype == D


def test_leading_axes_that_do_not_agree_are_named():
    f, two, three = torch.full((4,), 200.0), torch.ones(2, 4), torch.ones(3, 4)
    for call in (
        lambda: cl.harmonic_synth(two * 200, three, torch.ones(4, 1), n_samples=100, sample_rate=SR),
        lambda: cl.harmonic_controls(two, torch.ones(3, 4, 2), two * 200, SR),
        lambda: cl.additive_synth(torch.ones(2, 4, 1), torch.ones(3, 4, 1), n_samples=100, sample_rate=SR),
        lambda: cl.sinusoid(f, two, n_samples=100, sample_rate=SR, initial_phase=torch.zeros(3)),
        lambda: cl.lowpass(torch.ones(2, 8), torch.tensor([100.0, 200.0, 300.0]), sample_rate=SR),
    ):
        with pytest.raises(ValueError, match="leading axes do not agree"):
            call()
    with pytest.raises(ValueError, match="must not be negative"):
        cl.harmonic_frequencies([-3.0], 2)


def test_sinusoid_gradients():
    f = torch.tensor([440.0, 500.0], dtype=D, requires_grad=True)
    a = torch.tensor([0.5, 0.2, 0.7], dtype=D, requires_grad=True)
    p = torch.tensor(0.3, dtype=D, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *x: cl.sinusoid(x[0], x[1], n_samples=12, sample_rate=SR, initial_phase=x[2]), (f, a, p)
    )


@pytest.mark.parametrize(
    ("f", "a", "n", "rate", "message"),
    [
        (-1.0, 1.0, 10, SR, "must not be negative"),
        (float("nan"), 1.0, 10, SR, "frequency_hz must be finite"),
        (8000.0, 1.0, 10, SR, "below Nyquist"),
        (9000.0, 1.0, 10, SR, "got 9000 Hz"),
        (440.0, float("nan"), 10, SR, "amplitude must be finite"),
        (440.0, 1.0, 0, SR, "n_samples must be at least 1"),
        (440.0, 1.0, 10, 0, "sample_rate must be positive"),
        (torch.ones(11), 1.0, 10, SR, "more frames"),
        (torch.ones(0), 1.0, 10, SR, "empty"),
    ],
)
def test_sinusoid_bad_input(f, a, n, rate, message):
    with pytest.raises(ValueError, match=message):
        cl.sinusoid(f, a, n_samples=n, sample_rate=rate)


def test_oscillator_learns_only_what_it_is_told():
    osc = cl.Oscillator(440.0, 0.5, n_samples=100, sample_rate=SR, learn=("amplitude", "phase"))
    assert [n for n, p in osc.named_parameters() if p.requires_grad] == ["amplitude", "initial_phase"]
    torch.testing.assert_close(osc(), cl.sinusoid(440.0, 0.5, n_samples=100, sample_rate=SR))
    with pytest.raises(ValueError, match="learn takes"):
        cl.Oscillator(440.0, 0.5, n_samples=100, sample_rate=SR, learn=("pitch",))
    with pytest.raises(ValueError, match="below Nyquist"):
        cl.Oscillator(8000.0, 0.5, n_samples=100, sample_rate=SR)


# --- additive -------------------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=30)
def test_additive_matches_a_sum_of_closed_forms(n_frames, k, seed):
    rng = np.random.default_rng(seed)
    f, a, n = rng.uniform(0.1, 10_000, (n_frames, k)), rng.uniform(-1, 1, (n_frames, k)), 211
    masked = np.where(f < SR / 2, a, 0)
    expected = sum(numpy_upsample(masked[:, i], n) * np.sin(numpy_phase(numpy_upsample(f[:, i], n))) for i in range(k))
    ours = cl.additive_synth(torch.from_numpy(f), torch.from_numpy(a), n_samples=n, sample_rate=SR)
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-9)


def test_additive_is_silent_at_nyquist_above_and_in_rests():
    f = torch.tensor([[8000.0, 12_000.0, 0.0]])
    assert (cl.additive_synth(f, torch.ones(1, 3), n_samples=64, sample_rate=SR) == 0).all()


def test_additive_leading_axes_and_gradient():
    f = (torch.rand(2, 3, 4, dtype=D) * 900 + 100).requires_grad_()
    a = torch.rand(2, 3, 4, dtype=D, requires_grad=True)
    assert cl.additive_synth(f, a, n_samples=20, sample_rate=SR).shape == (2, 20)
    assert torch.autograd.gradcheck(lambda x, y: cl.additive_synth(x, y, n_samples=9, sample_rate=SR), (f, a))


@pytest.mark.parametrize(
    ("f", "a", "message"),
    [
        (torch.ones(3), torch.ones(3), "must share"),
        (torch.ones(2, 3), torch.ones(3, 2), r"got \(2, 3\) and \(3, 2\)"),
        (-torch.ones(2, 3), torch.ones(2, 3), "must not be negative"),
        (torch.ones(2, 3), torch.full((2, 3), float("inf")), "amplitudes must be finite"),
        (torch.ones(99, 3), torch.ones(99, 3), "more frames"),
    ],
)
def test_additive_bad_input(f, a, message):
    with pytest.raises(ValueError, match=message):
        cl.additive_synth(f, a, n_samples=50, sample_rate=SR)


# --- harmonic -------------------------------------------------------------------------------------------------


def random_controls(n_frames=5, k=7, lead=(), seed=0, top=2500.0):
    g = torch.Generator().manual_seed(seed)
    f0 = torch.rand(*lead, n_frames, generator=g, dtype=D) * (top - 50) + 50
    raw_a = torch.rand(*lead, n_frames, generator=g, dtype=D) * 8 - 4
    raw_d = torch.rand(*lead, n_frames, k, generator=g, dtype=D) * 8 - 4
    return f0, raw_a, raw_d


@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 500))
@settings(max_examples=40)
def test_controls_sum_to_one_and_stay_below_nyquist(n_frames, k, seed):
    f0, raw_a, raw_d = random_controls(n_frames, k, seed=seed, top=7900)
    c = cl.harmonic_controls(raw_a, raw_d, f0, SR)
    torch.testing.assert_close(c.distribution.sum(-1), torch.ones(n_frames, dtype=D))
    partials = f0[:, None] * torch.arange(1, k + 1)
    assert (c.distribution[partials >= SR / 2] == 0).all() and (c.distribution[partials < SR / 2] > 0).all()
    torch.testing.assert_close(c.amplitude, cl.exp_sigmoid(raw_a))


def test_all_masked_frames_and_rests_are_all_zeros_and_silent():
    f0 = torch.tensor([8000.0, 9000.0, 0.0])
    c = cl.harmonic_controls(torch.zeros(3), torch.zeros(3, 4), f0, SR)
    assert (c.distribution == 0).all()
    sound = cl.harmonic_synth(*c, n_samples=300, sample_rate=SR)
    assert (sound == 0).all() and torch.isfinite(sound).all()


def test_each_constraint_can_be_switched_off():
    f0, raw_a, raw_d = torch.tensor([3000.0]), torch.tensor([0.5]), torch.tensor([[1.0, 2.0, 3.0]])
    off = cl.harmonic_controls(raw_a, raw_d, f0, SR, scale=False, mask=False, normalise=False)
    assert off.amplitude.tolist() == [0.5] and off.distribution.tolist() == [[1.0, 2.0, 3.0]]
    masked = cl.harmonic_controls(raw_a, raw_d, f0, SR, scale=False, normalise=False)
    assert masked.distribution.tolist() == [[1.0, 2.0, 0.0]]
    shared = cl.harmonic_controls(raw_a, raw_d, f0, SR, scale=False, mask=False)
    torch.testing.assert_close(shared.distribution, torch.tensor([[1 / 6, 2 / 6, 3 / 6]]))


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 500))
@settings(max_examples=30)
def test_harmonic_synth_matches_the_closed_form(n_frames, k, seed):
    f0, raw_a, raw_d = random_controls(n_frames, k, seed=seed)
    c, n = cl.harmonic_controls(raw_a, raw_d, f0, SR), 199
    phase = numpy_phase(numpy_upsample(f0.numpy(), n))
    product = (c.amplitude[:, None] * c.distribution).numpy()
    expected = sum(numpy_upsample(product[:, i], n) * np.sin((i + 1) * phase) for i in range(k))
    np.testing.assert_allclose(cl.harmonic_synth(*c, n_samples=n, sample_rate=SR).numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("hop", [1, 2, 64])
def test_whole_hops_sound_like_any_hop(hop):
    f0, raw_a, raw_d = random_controls(6, 9, lead=(2,), seed=4)
    c = cl.harmonic_controls(raw_a, raw_d, f0, SR)
    shares = (c.amplitude[..., None] * c.distribution).transpose(-1, -2)
    k = torch.arange(1, 10)
    phase = cl.instantaneous_phase(cl.upsample(f0, 6 * hop), SR)
    expected = (cl.upsample(shares, 6 * hop) * torch.sin(phase[:, None, :] * k[:, None])).sum(-2)
    torch.testing.assert_close(cl.harmonic_synth(*c, n_samples=6 * hop, sample_rate=SR), expected, atol=1e-12, rtol=0)


def test_harmonic_equals_additive_with_locked_frequencies():
    f0, raw_a, raw_d = random_controls(top=900)
    c = cl.harmonic_controls(raw_a, raw_d, f0, SR)
    additive = cl.additive_synth(
        cl.harmonic_frequencies(f0, 7), c.amplitude[..., None] * c.distribution, n_samples=400, sample_rate=SR
    )
    torch.testing.assert_close(cl.harmonic_synth(*c, n_samples=400, sample_rate=SR), additive, atol=1e-9, rtol=0)


def test_nothing_aliases_unless_it_is_asked_to():
    f0, d = torch.tensor([3000.0], dtype=D), torch.full((1, 4), 0.25, dtype=D)
    freqs = np.fft.rfftfreq(1600, 1 / SR)

    def level(sound, hz):
        return np.abs(np.fft.rfft(sound.numpy() * np.hanning(1600)))[np.argmin(abs(freqs - hz))]

    clean = cl.harmonic_synth(f0, torch.ones(1, dtype=D), d, n_samples=1600, sample_rate=SR)
    dirty = cl.harmonic_synth(f0, torch.ones(1, dtype=D), d, n_samples=1600, sample_rate=SR, mask=False)
    assert level(clean, 7000) < 1e-3 * level(clean, 3000)  # 9 kHz would fold to 7 kHz
    assert level(dirty, 7000) > 0.5 * level(dirty, 3000)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_harmonic_leading_axes(lead):
    f0, raw_a, raw_d = random_controls(lead=lead)
    c = cl.harmonic_controls(raw_a, raw_d, f0, SR)
    sound = cl.harmonic_synth(*c, n_samples=333, sample_rate=SR)
    assert sound.shape == (*lead, 333) and sound.dtype == D
    if lead:
        first = (0,) * len(lead)
        torch.testing.assert_close(
            sound[first], cl.harmonic_synth(*(x[first] for x in c), n_samples=333, sample_rate=SR)
        )


def test_harmonic_gradients_to_every_control():
    f0, raw_a, raw_d = (x.requires_grad_() for x in random_controls(3, 4, seed=3))
    assert torch.autograd.gradcheck(
        lambda f, a, d: cl.harmonic_synth(*cl.harmonic_controls(a, d, f, SR), n_samples=11, sample_rate=SR),
        (f0, raw_a, raw_d),
    )


def test_a_frame_with_no_harmonic_left_has_no_nan_gradient():
    raw_d = torch.zeros(1, 3, requires_grad=True)
    cl.harmonic_controls(torch.zeros(1), raw_d, torch.tensor([8000.0]), SR).distribution.sum().backward()
    assert (raw_d.grad == 0).all()


@pytest.mark.parametrize(
    ("f0", "a", "d", "message"),
    [
        ([-1.0], [1.0], [[1.0]], "f0_hz must not be negative"),
        ([float("nan")], [1.0], [[1.0]], "f0_hz must be finite"),
        ([440.0], [float("nan")], [[1.0]], "amplitude must be finite"),
        ([440.0], [1.0], [[float("inf")]], "distribution must be finite"),
        ([440.0, 440.0], [1.0], [[1.0]], "same n_frames"),
        ([440.0], [1.0, 1.0], [[1.0]], "n_frames of f0_hz"),
        ([440.0], [1.0], [1.0], "n_frames, n_harmonics"),
        ([440.0] * 200, [1.0] * 200, [[1.0]] * 200, "more frames"),
    ],
)
def test_harmonic_bad_input(f0, a, d, message):
    with pytest.raises(ValueError, match=message):
        cl.harmonic_synth(torch.tensor(f0), torch.tensor(a), torch.tensor(d), n_samples=100, sample_rate=SR)


@pytest.mark.parametrize("method", ["fast", "reference"])
@pytest.mark.parametrize("too_high", [8000.0, 9000.0, 40_000.0])
def test_a_frame_whose_pitch_is_too_high_is_silent_and_harms_nothing_else(method, too_high):
    f0 = torch.tensor([[220.0, 220.0, too_high, too_high, 220.0], [330.0] * 5], dtype=D, requires_grad=True)
    a, d = torch.ones(2, 5, dtype=D), torch.full((2, 5, 3), 1 / 3, dtype=D)
    sound = cl.harmonic_synth(f0, a, d, n_samples=500, sample_rate=SR, method=method)
    assert (sound[0, 200:301] == 0).all()  # from the first such frame to the second
    assert sound[0, :100].abs().max() > 0.5 and sound[0, 400:].abs().max() > 0.5
    alone = cl.harmonic_synth(f0[1], a[1], d[1], n_samples=500, sample_rate=SR, method=method)
    torch.testing.assert_close(sound[1], alone, atol=1e-12, rtol=0)
    assert bool(torch.isfinite(torch.autograd.grad(sound.square().sum(), f0)[0]).all())


def test_what_is_not_masked_must_stay_below_nyquist():
    one, shares = torch.tensor([1.0]), torch.tensor([[1.0]])
    with pytest.raises(ValueError, match=r"must not exceed Nyquist.*got 9000 Hz.*leave mask=True"):
        cl.harmonic_synth(torch.tensor([9000.0]), one, shares, n_samples=100, sample_rate=SR, mask=False)
    sound = cl.harmonic_synth(torch.tensor([9000.0]), one, 0 * shares, n_samples=100, sample_rate=SR, mask=False)
    assert (sound == 0).all()


def test_negative_shares_are_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        cl.normalise_distribution([[-1.0, 2.0]])


def test_module_makes_the_sound_of_its_controls():
    synth = cl.HarmonicSynth(torch.full((5,), 220.0), 6, n_samples=400, sample_rate=SR)
    torch.testing.assert_close(synth(), cl.harmonic_synth(*synth.controls(), n_samples=400, sample_rate=SR))
    synth().square().sum().backward()
    assert synth.raw_amplitude.grad.abs().sum() > 0 and synth.raw_distribution.grad.abs().sum() > 0
    assert synth.state_dict().keys() == {"f0_hz", "raw_amplitude", "raw_distribution"}
    other = cl.HarmonicSynth(torch.full((5,), 330.0), 6, n_samples=400, sample_rate=SR, initial=1.0)
    synth.load_state_dict(other.state_dict())
    torch.testing.assert_close(synth(), other())
    torch.testing.assert_close(pickle.loads(pickle.dumps(synth))(), other())


def test_module_is_silent_where_its_pitch_is_too_high():
    synth = cl.HarmonicSynth([220.0, 9000.0, 9000.0, 220.0], 6, n_samples=400, sample_rate=SR)
    assert (synth()[100:201] == 0).all() and synth()[:50].abs().max() > 0.1
    with pytest.raises(ValueError, match="must stay below Nyquist"):
        cl.HarmonicSynth([9000.0, 8000.0], 6, n_samples=400, sample_rate=SR)


@pytest.mark.parametrize(
    ("f0", "k", "n", "message"),
    [(9000.0, 3, 10, "below Nyquist"), (220.0, 0, 10, "n_harmonics"), ([220.0] * 11, 3, 10, "n_samples")],
)
def test_module_bad_input(f0, k, n, message):
    with pytest.raises(ValueError, match=message):
        cl.HarmonicSynth(f0, k, n_samples=n, sample_rate=SR)
