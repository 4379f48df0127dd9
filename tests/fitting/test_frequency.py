"""Searches for frequencies: against direct sums, least squares, closed forms and the bound, and whether they arrive."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.benchmark.frequency import draw_combs, draw_sines, noisy
from course_lib.fitting.frequency import (
    DEFAULT_STEPS,
    METHODS,
    cramer_rao_hz,
    fit_f0,
    fit_frequency,
    fit_sinusoids,
    share_within,
)
from course_lib.fitting.frequency.amplitudes import best_amplitudes, projections, resynthesise
from course_lib.fitting.frequency.descent import sign_descent
from course_lib.fitting.frequency.spectra import sines, spectral_peak
from course_lib.fitting.frequency.stages import polish

RATE, N = 16000, 4096
FAILING = ["waveform", "spectrum", "multiscale", "log_frequency"]
ARRIVING = ["transport", "fft_peak"]  # "lag", "surrogate" and "multi_start" arrive often, not always
FEW = {"multiscale": 5, "surrogate": 20, "multi_start": 5}


def direct(hz, amplitude, phase, n=N, rate=RATE):
    """Sinusoids (…, K) added up in NumPy, double precision."""
    t = np.arange(n) / rate
    hz, amplitude, phase = (np.asarray(x, dtype=np.float64)[..., None] for x in (hz, amplitude, phase))
    return torch.from_numpy((amplitude * np.sin(2 * np.pi * hz * t + phase)).sum(-2))


def wrap(angle):
    return (angle + math.pi) % (2 * math.pi) - math.pi


def within(found, truth, limit):
    return cl.cents(found.double(), truth.double()).abs() < limit


def seeded(n, trials, seed=0):
    """Double-precision noise around a sine, with partial frequencies to look at: (sound, hz (trials, 3))."""
    g = torch.Generator().manual_seed(seed)
    sound = torch.randn(trials, n, generator=g, dtype=torch.float64)
    hz = 200 + 7000 * torch.rand(trials, 3, generator=g, dtype=torch.float64)
    return sound, hz


# --- closed-form helpers ---


@pytest.mark.parametrize("n", [64, 65, 257, 1000, 4096])
def test_projections_match_direct_sums(n) -> None:
    sound, hz = seeded(n, 4)
    t = np.arange(n) - (n - 1) / 2
    angle = 2 * np.pi * hz.numpy()[..., None] / RATE * t
    by_cos, by_sin = projections(sound, hz, RATE)
    np.testing.assert_allclose(by_cos, (sound.numpy()[:, None] * np.cos(angle)).sum(-1), rtol=0, atol=1e-9)
    np.testing.assert_allclose(by_sin, (sound.numpy()[:, None] * np.sin(angle)).sum(-1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [200, 1001])
def test_best_amplitudes_match_least_squares(n) -> None:
    sound, hz = seeded(n, 3, seed=1)
    cosines, sines_, explained = best_amplitudes(sound, hz, RATE)
    whole = resynthesise(sound, hz, RATE, torch.ones_like(hz, dtype=torch.bool))
    for i in range(3):
        angle = 2 * np.pi * hz[i].numpy() / RATE * (np.arange(n)[:, None] - (n - 1) / 2)
        matrix = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        expected = np.linalg.lstsq(matrix, sound[i].numpy(), rcond=None)[0]
        np.testing.assert_allclose(torch.cat([cosines[i], sines_[i]]), expected, rtol=1e-5, atol=1e-7)
        fitted = matrix @ expected
        np.testing.assert_allclose(float(explained[i]), (fitted**2).sum(), rtol=1e-6)
        np.testing.assert_allclose(whole[i], fitted, atol=1e-6)


def test_partials_left_out_change_nothing() -> None:
    sound, hz = seeded(300, 2, seed=2)
    used = torch.tensor([[True, False, True], [False, False, True]])
    cosines, sines_, explained = best_amplitudes(sound, hz, RATE, used)
    for i in range(2):
        alone = best_amplitudes(sound[i : i + 1], hz[i : i + 1, used[i]], RATE)
        torch.testing.assert_close(cosines[i, used[i]], alone[0][0])
        torch.testing.assert_close(sines_[i, used[i]], alone[1][0])
        torch.testing.assert_close(explained[i], alone[2][0])
    assert not cosines[~used].any() and not sines_[~used].any()


def test_two_sinusoids_of_one_frequency_share_the_amplitude() -> None:
    tone = direct([[1000.0]], [[0.8]], [[0.3]], n=512)
    cosines, sines_, _ = best_amplitudes(tone, torch.tensor([[1000.0, 1000.0]], dtype=torch.float64), RATE)
    assert torch.isfinite(cosines).all() and torch.isfinite(sines_).all()
    assert torch.hypot(cosines.sum(), sines_.sum()) == pytest.approx(0.8, rel=1e-4)


@pytest.mark.parametrize("hz", [[1.0, 300.0, 7999.0], [RATE / 8 * 1.0, 2000.0 + 1e-7, 0.5]])
def test_amplitudes_at_the_ends_of_the_axis_are_finite(hz) -> None:
    sound, _ = seeded(256, 1)
    found = best_amplitudes(sound, torch.tensor([hz], dtype=torch.float64), RATE)
    assert all(torch.isfinite(x).all() for x in found)


def test_the_slope_of_the_explained_energy_is_right() -> None:
    sound, hz = seeded(100, 2, seed=3)
    assert torch.autograd.gradcheck(lambda f: best_amplitudes(sound, f, RATE)[2], (hz.requires_grad_(),))


def test_polish_arrives_from_half_a_bin_and_keeps_its_history() -> None:
    hz = torch.tensor([440.0, 3210.7], dtype=torch.float64)
    tone = direct(hz[:, None], [[0.5], [0.1]], [[1.0], [-2.0]])
    found, path, losses = polish(tone, hz + 0.5 * RATE / N, RATE, steps=150)
    assert within(found, hz, 1e-2).all() and len(path) == len(losses) == 150 and losses[-1] < 1e-4 < losses[0]
    torch.testing.assert_close(path[-1], found)


def test_sign_descent_settles_a_convex_valley_and_stays_inside() -> None:
    goal = torch.tensor([0.1234, 0.9, 5.0, -5.0], dtype=torch.float64)
    start = torch.full_like(goal, 0.5)
    found, path, _ = sign_descent(lambda x: (x - goal).abs(), start, stride=0.25, steps=60, limits=(0.0, 1.0))
    torch.testing.assert_close(found, goal.clamp(0, 1), rtol=0, atol=1e-6)
    assert (start == 0.5).all() and len(path) == 60 and len({float(p[0]) for p in path}) > 10


def test_spectral_peak_and_sines() -> None:
    hz = torch.tensor([60.0, 1234.5, 6999.0], dtype=torch.float64)
    tone = sines(hz, n_samples=N, sample_rate=RATE)
    assert tone.dtype == torch.float32
    torch.testing.assert_close(tone.double(), direct(hz[:, None], np.ones((3, 1)), np.zeros((3, 1))), atol=1e-6, rtol=0)
    torch.testing.assert_close(spectral_peak(tone.double(), RATE), hz, rtol=0, atol=0.05 * RATE / N)


# --- one sinusoid ---


def test_the_methods_are_the_named_ones() -> None:
    assert set(METHODS) == set(DEFAULT_STEPS) == {*FAILING, *ARRIVING, "lag", "surrogate", "multi_start"}
    assert DEFAULT_STEPS["transport"] <= 210


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("leading", [(), (1,), (2,), (2, 1)])
def test_shapes_precision_and_history(method, leading) -> None:
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(*leading, 255, generator=generator, dtype=torch.float32) - 0.5
    kept = target.clone()
    steps = 3
    found = fit_frequency(target, 1000.0, RATE, method, steps=steps)
    assert found.hz.shape == found.amplitude.shape == found.phase.shape == leading
    assert found.hz.dtype == found.amplitude.dtype == found.phase.dtype == torch.float32
    assert torch.isfinite(found.hz).all() and (found.hz > 0).all() and (found.hz < RATE / 2).all()
    assert (found.amplitude >= 0).all() and (found.phase.abs() <= math.pi + 1e-6).all()
    way = found.history.parameters["hz"]
    extra = method == "fft_peak"  # the peak itself is a step without a gradient
    assert way.shape == (steps + 1 + extra, *leading) and len(found.history.losses) == len(way)
    assert (way[0] == 1000).all() and torch.isfinite(way).all()
    assert all(math.isfinite(loss) for loss in found.history.losses)
    assert not found.hz.requires_grad and torch.equal(target, kept)


@pytest.mark.parametrize("method", METHODS)
def test_double_stays_double_and_starts_broadcast(method) -> None:
    target, _ = seeded(128, 2)
    starts = torch.tensor([[500.0], [600.0], [7000.0]], dtype=torch.float64)
    found = fit_frequency(target, starts, RATE, method, steps=2)
    assert found.hz.shape == (3, 2) and found.hz.dtype == torch.float64
    torch.testing.assert_close(found.history.parameters["hz"][0], starts.expand(3, 2))
    one = fit_frequency(target.numpy()[0], 500.0, RATE, method, steps=2)
    assert one.hz.dtype == torch.float64 and one.hz.ndim == 0


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("multi_start", "fft_peak")])
def test_no_steps_return_the_start(method) -> None:
    tone = direct([[440.0]], [[1.0]], [[0.0]])
    found = fit_frequency(tone, 1000.0, RATE, method, steps=0)
    assert float(found.hz) == pytest.approx(1000, rel=1e-6) and len(found.history.losses) == 1


def test_no_steps_of_the_others() -> None:
    tone = direct([[440.0]], [[1.0]], [[0.0]])
    assert float(fit_frequency(tone, 1000.0, RATE, "fft_peak", steps=0).hz) == pytest.approx(440, abs=0.2)
    assert float(fit_frequency(tone, 1000.0, RATE, "multi_start", steps=0).hz) == pytest.approx(440, abs=RATE / 64)
    assert fit_f0(tone, 1000.0, RATE, [1.0], steps=0).hz == 1000
    assert fit_sinusoids(tone, [300.0, 200.0], RATE, steps=0).hz.tolist() == [[200, 300]]


@pytest.mark.parametrize("snr_db", [math.inf, 20.0])
def test_the_default_arrives_from_anywhere(snr_db) -> None:
    sound, hz, start, _ = draw_sines(40, 1, snr_db, seed=11)
    found = fit_frequency(sound, start[:, 0], RATE)
    assert within(found.hz, hz[:, 0], 1).sum() >= 39
    assert len(found.history.losses) == DEFAULT_STEPS["transport"] + 1 <= 211


@pytest.mark.parametrize("method", FAILING)
def test_the_baselines_fail(method) -> None:
    sound, hz, start, _ = draw_sines(10 if method == "multiscale" else 30, 1, 20.0, seed=12)
    steps = 60 if method == "multiscale" else None
    found = fit_frequency(sound, start[:, 0], RATE, method, steps=steps)
    assert within(found.hz, hz[:, 0], 50).double().mean() <= 0.1


@pytest.mark.parametrize(("method", "least"), [("lag", 16), ("surrogate", 8), ("multi_start", 2), ("fft_peak", 20)])
def test_the_other_remedies_arrive_often(method, least) -> None:
    trials = 8 if method == "multi_start" else 20
    sound, hz, start, _ = draw_sines(trials, 1, math.inf, seed=1)
    found = fit_frequency(sound, start[:, 0], RATE, method, steps=600 if method == "surrogate" else None)
    assert within(found.hz, hz[:, 0], 50).sum() >= least


@pytest.mark.parametrize("method", [*ARRIVING, "lag"])
@pytest.mark.parametrize("phase", [0.0, 2.9, -1.5])
def test_amplitude_and_phase_rebuild_the_sound(method, phase) -> None:
    tone = direct([1234.5], [0.37], [phase])
    found = fit_frequency(tone, 2000.0, RATE, method, steps=420 if method == "lag" else 210)
    assert float(found.amplitude) == pytest.approx(0.37, abs=1e-3)
    assert wrap(float(found.phase) - phase) == pytest.approx(0, abs=1e-2)
    again = cl.sinusoid(found.hz, found.amplitude, n_samples=N, sample_rate=RATE, initial_phase=found.phase)
    torch.testing.assert_close(again, tone, rtol=0, atol=1e-2 if method == "lag" else 1e-3)


@pytest.mark.parametrize("n", [500, 1023, 5000, 16001])
def test_any_length_from_both_ends(n) -> None:
    hz = torch.tensor([333.3, 5000.1, 7000.0], dtype=torch.float64)
    tones = direct(hz[:, None], np.ones((3, 1)), np.full((3, 1), 0.7), n=n)
    for start in (20.0, 7990.0):
        assert within(fit_frequency(tones, start, RATE).hz, hz, 1).all()


@pytest.mark.parametrize("rate", [1.0, 44100.0])
def test_any_sample_rate(rate) -> None:
    tone = direct([0.1234 * rate], [0.5], [0.2], rate=rate)
    assert within(fit_frequency(tone, 0.3 * rate, rate).hz, torch.tensor(0.1234 * rate), 0.1)


@given(st.floats(500, 7500), st.floats(50, 7900), st.floats(1e-6, 1e6), st.floats(-3.1, 3.1), st.sampled_from(ARRIVING))
@settings(max_examples=12)
def test_level_changes_the_amplitude_alone(hz, start, gain, phase, method) -> None:
    tone = direct([hz], [0.5], [phase], n=1024)
    one, other = fit_frequency(tone, start, RATE, method), fit_frequency(gain * tone, start, RATE, method)
    assert float(other.hz) == pytest.approx(float(one.hz), rel=1e-6) == pytest.approx(hz, rel=1e-4)
    assert float(other.amplitude) == pytest.approx(gain * float(one.amplitude), rel=1e-4)
    assert wrap(float(other.phase - one.phase)) == pytest.approx(0, abs=1e-3)


@given(st.integers(-30, 25), st.sampled_from(["known", "unknown", "sinusoids"]))
@settings(max_examples=8)
def test_level_changes_the_amplitudes_alone(exponent, kind) -> None:
    sound, _, start, amplitude = draw_combs(1, "1/k", 20.0, seed=5)
    gain = 10.0**exponent
    search = {
        "known": lambda x: fit_f0(x, start, RATE, amplitude, steps=60),
        "unknown": lambda x: fit_f0(x, start, RATE, steps=60, n_partials=4),
        "sinusoids": lambda x: fit_sinusoids(x, torch.stack([start, start], -1), RATE, steps=60),
    }[kind]
    one, other = search(sound), search(gain * sound)
    torch.testing.assert_close(other.hz, one.hz, rtol=1e-6, atol=0)
    torch.testing.assert_close(other.amplitude / gain, one.amplitude, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_call_gives_the_same_answer_and_rows_do_not_mix(method) -> None:
    sound, _, start, _ = draw_sines(3, 1, 20.0, seed=14)
    sound, steps = sound[:, :1000], FEW.get(method, 20)
    both = [fit_frequency(sound, start[:, 0], RATE, method, steps=steps) for _ in range(2)]
    assert torch.equal(both[0].hz, both[1].hz) and both[0].history.losses == both[1].history.losses
    # A few steps and a wide tolerance: rounding alone sends the baselines elsewhere, sooner or later.
    batch, alone = (
        fit_frequency(x, s, RATE, method, steps=3) for x, s in ((sound, start[:, 0]), (sound[1], start[1, 0]))
    )
    torch.testing.assert_close(alone.history.parameters["hz"], batch.history.parameters["hz"][:, 1], rtol=1e-3, atol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gain", [1e-30, 1e15])
def test_very_quiet_and_very_loud_sounds_stay_finite(method, gain) -> None:
    sound, _ = seeded(256, 2)
    found = fit_frequency(gain * sound, 700.0, RATE, method, steps=5)
    assert all(torch.isfinite(x).all() for x in found[:3])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [1e-3, RATE / 2 - 1e-3])
def test_starts_at_the_edges_are_welcome(method, start) -> None:
    sound, _ = seeded(256, 2)
    found = fit_frequency(sound, start, RATE, method, steps=5)
    assert (found.hz > 0).all() and (found.hz < RATE / 2).all()


# --- harmonic sounds ---


@pytest.mark.parametrize("kind", ["1/k", "missing fundamental", "random partials"])
@pytest.mark.parametrize("snr_db", [math.inf, 0.0])
def test_f0_of_known_partials(kind, snr_db) -> None:
    sound, f0, start, amplitude = draw_combs(30, kind, snr_db, seed=21)
    found = fit_f0(sound, start, RATE, amplitude)
    assert within(found.hz, f0, 50).all()  # no octave errors among them
    assert within(found.hz, f0, 1).sum() >= 29
    assert found.hz.shape == (30,) and found.amplitude.shape == found.phase.shape == (30, 8)
    assert found.history.parameters["hz"].shape == (161, 30) and len(found.history.losses) == 161
    torch.testing.assert_close(found.history.parameters["hz"][0], start)
    torch.testing.assert_close(found.history.parameters["hz"][-1], found.hz)
    if kind == "missing fundamental":
        assert not found.amplitude[:, 0].any()
    if snr_db == math.inf:
        torch.testing.assert_close(found.amplitude, amplitude, rtol=0, atol=2e-3)


def test_the_strongest_peak_is_no_fundamental() -> None:
    sound, f0, _, _ = draw_combs(30, "missing fundamental", math.inf, seed=21)
    assert within(spectral_peak(sound, RATE), f0, 50).double().mean() <= 0.1


@pytest.mark.parametrize("kind", ["1/k", "missing fundamental"])
def test_f0_of_unknown_partials(kind) -> None:
    sound, f0, start, _ = draw_combs(12, kind, 20.0, seed=22)
    found = fit_f0(sound, start, RATE, steps=100)
    assert within(found.hz, f0, 50).sum() >= 11
    assert found.amplitude.shape == (12, 8) and found.history.parameters["hz"].shape == (101, 12)


def test_one_partial_is_a_sinusoid() -> None:
    sound, hz, start, _ = draw_sines(4, 1, 20.0, seed=23)
    found = fit_f0(sound, start[:, 0], RATE, [1.0])
    assert within(found.hz, hz[:, 0], 1).all() and found.amplitude.shape == (4, 1)
    assert found.hz.shape == fit_f0(sound, start[:, 0], RATE, n_partials=1).hz.shape == (4,)


def test_f0_shapes() -> None:
    sound, f0, start, amplitude = draw_combs(2, "1/k", math.inf, seed=24)
    single = fit_f0(sound[0], float(start[0]), RATE, amplitude[0])
    assert single.hz.shape == () and single.amplitude.shape == (8,) and single.history.parameters["hz"].ndim == 1
    shared = fit_f0(sound.float()[:, None], [[300.0, 400.0, 500.0]], RATE, amplitude[0])  # one comb for all
    assert shared.hz.shape == (2, 3) and shared.phase.shape == (2, 3, 8) and shared.hz.dtype == torch.float32
    assert within(shared.hz, f0[:, None].expand(2, 3), 1).all()
    scaled = fit_f0(sound, start, RATE, 5 * amplitude)  # only ratios count
    torch.testing.assert_close(scaled.hz, fit_f0(sound, start, RATE, amplitude).hz)


def test_partials_beyond_nyquist_are_left_out_where_amplitudes_are_unknown() -> None:
    tone = direct([3000.0, 6000.0], [1.0, 0.5], [0.1, 0.2])
    found = fit_f0(tone, 1000.0, RATE, n_partials=8)
    assert within(found.hz, torch.tensor(3000.0), 1) and not found.amplitude[2:].any()


@pytest.mark.parametrize(
    ("amplitudes", "message"),
    [
        (torch.ones(0), "K at least 1"),
        (torch.ones(2, 0), "K at least 1"),
        (1.0, "K at least 1"),
        ([1.0, -0.5], "must not be negative"),
        ([0.0, 0.0], "at least one"),
        ([[1.0, 1.0], [0.0, 0.0]], "at least one"),
        ([1.0, math.nan], "must be finite"),
        (torch.ones(3, 2), "do not fit the leading axes"),
        ([[1.0], [1.0], [1.0]], "do not fit the leading axes"),
        (torch.ones(80), "more partials than the signal can hold"),
        ([0.0] * 79 + [1.0], "more partials than the signal can hold"),
    ],
)
def test_bad_partial_amplitudes(amplitudes, message) -> None:
    with pytest.raises(ValueError, match=message):
        fit_f0(seeded(256, 2)[0], 100.0, RATE, amplitudes)


def test_partials_of_amplitude_0_may_lie_beyond_nyquist() -> None:
    assert fit_f0(seeded(256, 2)[0], 100.0, RATE, [1.0] + [0.0] * 90, steps=2).amplitude.shape == (2, 91)


# --- many sinusoids ---


@pytest.mark.parametrize("partials", [2, 8])
def test_whole_mixtures_are_found(partials) -> None:
    sound, hz, start, amplitude = draw_sines(10, partials, 20.0, seed=4)
    found = fit_sinusoids(sound, start, RATE)
    assert within(found.hz, hz, 1).all() and (found.hz.diff(dim=-1) > 0).all()
    noise = 0.01 * amplitude.square().sum(-1) / 2
    assert (
        (found.hz - hz).abs() < 4.5 * cramer_rao_hz(hz, amplitude, noise_power=noise, n_samples=N, sample_rate=RATE)
    ).all()
    torch.testing.assert_close(found.amplitude, amplitude, rtol=0, atol=0.1)
    assert found.history.parameters["hz"].shape == (160 * partials + 1, 10, partials)
    torch.testing.assert_close(found.history.parameters["hz"][0], start)
    assert len(found.history.losses) == 160 * partials + 1 < 1500
    whole = torch.stack(
        [
            cl.sinusoid(f[:, None], a[:, None], n_samples=N, sample_rate=RATE, initial_phase=p).sum(-2)
            for f, a, p in zip(found.hz, found.amplitude, found.phase, strict=True)
        ]
    )
    left = (sound - whole).square().mean(-1) / sound.square().mean(-1)
    assert (10 * left.log10() < -19).all() and (10 * left.log10() > -21).all()  # the noise, and nothing else


def test_one_of_many_is_one() -> None:
    sound, hz, start, _ = draw_sines(5, 1, 20.0, seed=32)
    many, one = fit_sinusoids(sound, start, RATE), fit_frequency(sound, start[:, 0], RATE)
    assert many.hz.shape == many.amplitude.shape == (5, 1)
    assert within(many.hz[:, 0], one.hz, 0.05).all() and within(one.hz, hz[:, 0], 1).all()
    torch.testing.assert_close(many.amplitude[:, 0], one.amplitude, rtol=1e-3, atol=0)
    assert (wrap(many.phase[:, 0] - one.phase).abs() < 1e-2).all()


@pytest.mark.parametrize("steps", [0, 1, 7, 33, 100, 161])
def test_steps_are_counted_out_exactly(steps) -> None:
    sound, _, start, _ = draw_sines(2, 3, 20.0, seed=33)
    found = fit_sinusoids(sound, start, RATE, steps=steps)
    assert len(found.history.losses) == len(found.history.parameters["hz"]) == steps + 1
    assert (found.hz.diff(dim=-1) >= 0).all()
    for unknown in (None, [1.0, 0.5]):
        assert len(fit_f0(sound, 100.0, RATE, unknown, steps=steps, n_partials=2).history.losses) == steps + 1
    assert len(fit_frequency(sound, 100.0, RATE, steps=steps).history.losses) == steps + 1


def test_mixture_shapes() -> None:
    sound, hz, start, _ = draw_sines(2, 2, math.inf, seed=34)
    single = fit_sinusoids(sound[0].float(), start[0], RATE)
    assert single.hz.shape == single.phase.shape == (2,) and single.hz.dtype == torch.float32
    assert within(single.hz, hz[0], 1).all()
    wide = fit_sinusoids(sound[:, None], start[0].expand(2, 3, 2), RATE, steps=20)
    assert wide.hz.shape == wide.amplitude.shape == (2, 3, 2) and wide.history.parameters["hz"].shape == (21, 2, 3, 2)
    shared = fit_sinusoids(sound, [440.0, 440.0], RATE)  # the same start for all, and twice the same
    assert within(shared.hz, hz, 1).all()
    again = fit_sinusoids(sound, [440.0, 440.0], RATE)
    assert torch.equal(shared.hz, again.hz) and shared.history.losses == again.history.losses


# --- the bound ---


@pytest.mark.parametrize("hz", [500.0, 1000.0, 7000.3])
@pytest.mark.parametrize(("amplitude", "n"), [(1.0, 4096), (0.2, 2000)])
def test_the_bound_of_one_sine(hz, amplitude, n) -> None:
    variance = 24 * 0.3 / (amplitude**2 * n**3) * (RATE / (2 * np.pi)) ** 2
    bound = cramer_rao_hz(
        torch.tensor([hz], dtype=torch.float64), [amplitude], noise_power=0.3, n_samples=n, sample_rate=RATE
    )
    assert bound.dtype == torch.float64 and float(bound) == pytest.approx(math.sqrt(variance), rel=2e-3)


def fisher(changes, noise):
    """Deviations from the Fisher matrix of finite differences: changes(parameters) → sound, around 0."""
    count, step = changes[1], 1e-4
    slopes = np.stack([(changes[0](step * e) - changes[0](-step * e)) / (2 * step) for e in np.eye(count)])
    return np.sqrt(np.linalg.inv(slopes @ slopes.T / noise).diagonal())


def test_the_bound_of_two_close_sines_and_of_a_comb_match_a_numerical_fisher_matrix() -> None:
    n, noise = 1024, 0.1
    t = (np.arange(n) - (n - 1) / 2) / RATE
    hz, a = np.array([1000.0, 1020.0]), np.array([1.0, 0.4])  # 1.3 bins apart

    def two(x):
        angle = 2 * np.pi * (hz + x[:2])[:, None] * t + x[4:, None]
        return ((a + x[2:4])[:, None] * np.sin(angle)).sum(0)

    expected = fisher((two, 6), noise)[:2]
    ours = cramer_rao_hz(torch.from_numpy(hz), torch.from_numpy(a), noise_power=noise, n_samples=n, sample_rate=RATE)
    np.testing.assert_allclose(ours, expected, rtol=1e-4)
    far = cramer_rao_hz(
        torch.tensor([1000.0, 3000.0]).double(), torch.from_numpy(a), noise_power=noise, n_samples=n, sample_rate=RATE
    )
    assert (ours > 1.2 * far).all()  # close neighbours cost

    order, weights = np.array([1, 2, 3]), np.array([0.0, 0.5, 1.0])

    def comb(x):
        angle = 2 * np.pi * order[1:, None] * (300.0 + x[0]) * t + x[3:, None]
        return ((weights[1:] + x[1:3])[:, None] * np.sin(angle)).sum(0)

    ours = cramer_rao_hz(
        torch.from_numpy(300.0 * order),
        torch.from_numpy(weights),
        noise_power=noise,
        n_samples=n,
        sample_rate=RATE,
        harmonic=True,
    )
    assert ours.shape == () and float(ours) == pytest.approx(fisher((comb, 5), noise)[0], rel=1e-4)


def test_the_bound_of_a_comb_in_closed_form() -> None:
    """For partials far apart, each adds its own k² a²."""
    order = torch.arange(1, 6, dtype=torch.float64)
    a = 1 / order
    variance = 24 * 0.2 / (float((order * a).square().sum()) * N**3) * (RATE / (2 * np.pi)) ** 2
    f = 437.0 * torch.stack([order, 1.1 * order])
    bound = cramer_rao_hz(f, a, noise_power=[0.2, 0.2], n_samples=N, sample_rate=RATE, harmonic=True)
    assert bound.shape == (2,)
    np.testing.assert_allclose(bound, math.sqrt(variance), rtol=2e-2)


def test_the_bound_broadcasts() -> None:
    bound = cramer_rao_hz([[100.0, 900.0]], [1.0, 1.0], noise_power=[[0.1], [0.4]], n_samples=N, sample_rate=RATE)
    assert bound.shape == (2, 1, 2) and bound.dtype == torch.float32
    torch.testing.assert_close(bound[1], 2 * bound[0])


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_the_spread_of_a_polished_peak_is_the_bound(snr_db) -> None:
    g = torch.Generator().manual_seed(41)
    hz = torch.full((200, 1), 1234.5, dtype=torch.float64)
    sound = noisy(direct(hz, np.ones((200, 1)), np.linspace(-3, 3, 200)[:, None], n=1024), snr_db, g)
    error = fit_frequency(sound, 100.0, RATE, "fft_peak", steps=200).hz - hz[:, 0]
    bound = float(
        cramer_rao_hz([1234.5], [1.0], noise_power=0.5 * 10 ** (-snr_db / 10), n_samples=1024, sample_rate=RATE)
    )
    assert float(error.std()) == pytest.approx(bound, rel=0.15)
    assert abs(float(error.mean())) < 3 * bound / math.sqrt(200)


def test_share_within_is_the_normal_distribution() -> None:
    d, f = np.array([0.01, 0.1, 1.0, 30.0]), np.array([440.0, 440.0, 1000.0, 50.0])
    for cents in (1.0, 50.0):
        half = f * (2 ** (cents / 1200) - 1)
        expected = scipy.stats.norm.cdf(half / d) - scipy.stats.norm.cdf(-half / d)
        np.testing.assert_allclose(share_within(d, f, cents=cents), expected, rtol=1e-9)


# --- bad input ---

SOUND = seeded(256, 2, seed=9)[0]
SEARCHES = {
    "fit_frequency": lambda x, s, **more: fit_frequency(x, s, more.pop("rate", RATE), **more),
    "fit_f0": lambda x, s, **more: fit_f0(x, s, more.pop("rate", RATE), **more),
    "fit_f0 known": lambda x, s, **more: fit_f0(x, s, more.pop("rate", RATE), [1.0, 0.5], **more),
    "fit_sinusoids": lambda x, s, **more: fit_sinusoids(
        x, torch.as_tensor(s)[..., None], more.pop("rate", RATE), **more
    ),
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize(
    ("target", "start", "more", "message"),
    [
        (torch.zeros(256), 440.0, {}, "target is silent"),
        (torch.cat([SOUND, torch.zeros(1, 256).double()]), 440.0, {}, r"silent in trial \[2\]"),
        (SOUND * math.nan, 440.0, {}, "target must be finite"),
        (SOUND[:, :63], 440.0, {}, "at least 64 sample"),
        (torch.ones(0), 440.0, {}, "at least 64 sample"),
        (torch.tensor(1.0), 440.0, {}, "single number"),
        (torch.arange(256), 440.0, {}, "whole numbers"),
        (SOUND, 0.0, {}, "above 0 Hz"),
        (SOUND, -5.0, {}, "must not be negative"),
        (SOUND, RATE / 2, {}, "below Nyquist"),
        (SOUND, 3.0 * RATE, {}, "below Nyquist"),
        (SOUND, math.nan, {}, "start_hz must be finite"),
        (SOUND, math.inf, {}, "start_hz must be finite"),
        (SOUND, [440.0, 441.0, 442.0], {}, "leading axes do not agree"),
        (SOUND, [440.0, 9000.0], {}, "below Nyquist"),
        (SOUND, 440.0, {"steps": -1}, "steps must be at least 0"),
        (SOUND, 440.0, {"steps": 1.5}, "steps must be a whole number"),
        (SOUND, 440.0, {"rate": 0}, "sample_rate must be positive"),
        (SOUND, 440.0, {"rate": math.nan}, "sample_rate must be positive"),
    ],
)
def test_bad_input_is_refused(search, target, start, more, message) -> None:
    with pytest.raises(ValueError, match=message):
        search(target, start, **more)


@pytest.mark.parametrize("method", ["adam", "", None, ["transport"]])
def test_an_unknown_method_lists_the_names(method) -> None:
    with pytest.raises(ValueError, match="there is no method") as error:
        fit_frequency(SOUND, 440.0, RATE, method)
    assert all(name in str(error.value) for name in METHODS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_sinusoids(SOUND, 440.0, RATE), "one start for each sinusoid"),
        (lambda: fit_sinusoids(SOUND, [], RATE), "start_hz is empty"),
        (lambda: fit_sinusoids(SOUND, torch.ones(2, 0), RATE), "start_hz is empty"),
        (lambda: fit_sinusoids(SOUND, torch.linspace(9, 99, 65), RATE), "more partials than the signal can hold"),
        (lambda: fit_f0(SOUND, 440.0, RATE, n_partials=0), "n_partials must be at least 1"),
        (lambda: fit_f0(SOUND, 440.0, RATE, n_partials=43), "more partials than the signal can hold"),
        (lambda: fit_f0(SOUND, 4000.0, RATE, [1.0, 1.0]), "more partials than the signal can hold"),
    ],
)
def test_a_wrong_number_of_partials_is_refused(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("hz", "amplitude", "noise", "more", "message"),
    [
        ([100.0], [1.0], 0.0, {}, "noise_power must be above 0"),
        ([100.0], [1.0], math.nan, {}, "noise_power must be finite"),
        ([100.0], [0.0], 1.0, {}, "amplitude must be above 0"),
        ([100.0, 200.0], [1.0, 0.0], 1.0, {}, "amplitude must be above 0"),
        ([100.0, 200.0], [0.0, 0.0], 1.0, {"harmonic": True}, "amplitude must be above 0"),
        ([100.0], [-1.0], 1.0, {}, "amplitude must be above 0"),
        ([0.0], [1.0], 1.0, {}, "hz must be above 0"),
        ([8000.0], [1.0], 1.0, {}, "below Nyquist"),
        ([100.0, 100.0], [1.0, 1.0], 1.0, {}, "hz must differ"),
        ([100.0], [1.0, 1.0], 1.0, {}, r"must be \(…, K\)"),
        (100.0, [1.0], 1.0, {}, r"must be \(…, K\)"),
        ([], [], 1.0, {}, "hz is empty"),
        ([[100.0]] * 3, [1.0], [1.0, 2.0], {}, "leading axes do not agree"),
        ([100.0], [1.0], 1.0, {"n_samples": 3}, "n_samples must be at least 4"),
        ([100.0], [1.0], 1.0, {"sample_rate": -1}, "sample_rate must be positive"),
    ],
)
def test_the_bound_refuses_bad_input(hz, amplitude, noise, more, message) -> None:
    with pytest.raises(ValueError, match=message):
        cramer_rao_hz(hz, amplitude, noise_power=noise, **({"n_samples": 256, "sample_rate": RATE} | more))


@pytest.mark.parametrize(
    ("deviation", "hz", "cents", "message"),
    [
        (0.0, 440.0, 1.0, "deviation_hz must be above 0"),
        (math.nan, 440.0, 1.0, "deviation_hz must be finite"),
        (1.0, math.inf, 1.0, "hz must be finite"),
        (1.0, 440.0, 0.0, "cents must be above 0"),
        (1.0, 440.0, math.nan, "cents must be above 0"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], 1.0, "do not agree"),
    ],
)
def test_the_share_refuses_bad_input(deviation, hz, cents, message) -> None:
    with pytest.raises(ValueError, match=message):
        share_within(deviation, hz, cents=cents)
