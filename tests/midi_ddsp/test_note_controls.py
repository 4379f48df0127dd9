"""The six note controls against closed forms, and what bad input does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import midi_to_hz
from course_lib.midi_ddsp import CONTROLS, extract_expression, play_note
from course_lib.midi_ddsp.note_controls import (
    VARIANTS,
    _tukey,
    attack_noise,
    brightness,
    vibrato,
    volume,
    volume_fluctuation,
    volume_peak_position,
)
from course_lib.scores import ScoreError
from course_lib.tone_transfer import ToneControls

D = torch.float64


def wave(frames: int, depth: float, hz: float = 5.5, phase: float = 0.0) -> torch.Tensor:
    t = torch.arange(frames, dtype=D) / 250
    return depth * torch.sin(2 * math.pi * hz * t + phase)


def bent(semitones: torch.Tensor, pitch: float = 69) -> torch.Tensor:
    return midi_to_hz(pitch + semitones)


@pytest.mark.parametrize("db, expected", [(-90, 0.0), (-60, 0.5), (-30, 1.0), (0, 1.5)])
def test_volume_is_an_affine_map_of_the_mean_level(db, expected):
    assert float(volume(torch.full((7,), 10 ** (db / 20), dtype=D))) == pytest.approx(expected, abs=1e-12)


def test_volume_is_the_mean_of_db_not_the_db_of_the_mean():
    a = torch.tensor([1e-3, 1e-1], dtype=D)  # −60 and −20 dB
    assert float(volume(a)) == pytest.approx(-40 / 60 + 1.5)


def test_fluctuation_is_the_population_deviation():
    a = 10 ** (torch.tensor([-60.0, -36.0], dtype=D) / 20)
    assert float(volume_fluctuation(a)) == pytest.approx(12 * 2.5 / 60)
    assert float(volume_fluctuation(torch.full((9,), 0.1))) == pytest.approx(0, abs=1e-6)
    flat = torch.full((5,), 0.1, dtype=D)
    flat[2] = 0.2
    db = 20 * np.log10(flat.numpy())
    assert float(volume_fluctuation(flat)) == pytest.approx(float(np.std(db)) * 2.5 / 60)


@pytest.mark.parametrize("length, at", [(100, 30), (50, 0), (10, 9)])
def test_peak_position(length, at):
    a = torch.full((length,), 0.1)
    a[at] = 0.2
    assert float(volume_peak_position(a)) == pytest.approx(at / length)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("length", [100, 150, 200, 300, 600, 900])
def test_a_sine_vibrato_of_a_semitones_gives_3_75_times_a(variant, length):
    for depth in (0.05, 0.2, 0.5):
        value = float(vibrato(bent(wave(length, depth)), 69, frame_rate=250, variant=variant))
        assert value == pytest.approx(3.75 * depth, rel=0.02)


@pytest.mark.parametrize("hz", [3.3, 4.1, 5.5, 6.66, 8.7])
def test_the_mended_vibrato_is_true_at_any_rate_and_length(hz):
    for length in (250, 777, 1500, 4000):
        values = [float(vibrato(bent(wave(length, 0.2, hz, phase)), 69)) for phase in np.linspace(0, 6, 5)]
        assert np.mean(values) == pytest.approx(0.75, rel=0.03)


def test_short_notes_have_none_and_one_frame_more_has_some():
    assert float(vibrato(bent(wave(50, 0.2, 6.0)), 69)) == 0
    assert float(vibrato(bent(wave(51, 0.2, 6.0)), 69)) > 0.3
    assert float(vibrato(bent(wave(1, 0.2)), 69)) == 0


def test_less_than_one_cycle_is_no_vibrato():
    assert float(vibrato(bent(wave(60, 0.2, 3.2)), 69, variant="original")) == 0  # 0.77 cycles


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_glide_alone_is_no_vibrato(variant):
    glide = torch.linspace(-0.5, 0.5, 300, dtype=D)
    assert float(vibrato(bent(glide), 69, frame_rate=250, variant=variant)) == pytest.approx(0, abs=1e-9)


def test_a_glide_hides_a_vibrato_from_the_original_only():
    both = torch.linspace(-0.5, 0.5, 300, dtype=D) + wave(300, 0.1)
    assert float(vibrato(bent(both), 69, variant="original")) == 0
    assert float(vibrato(bent(both), 69)) == pytest.approx(0.375, rel=0.02)


@given(st.floats(-1.2, 1.2), st.floats(0.02, 0.4), st.floats(4.0, 8.0), st.floats(0, 6.28), st.integers(150, 700))
def test_a_glide_does_not_move_the_mended_vibrato(slope, depth, hz, phase, length):
    plain = wave(length, depth, hz, phase)
    sloped = plain + slope * torch.linspace(-0.5, 0.5, length, dtype=D)
    assert float(vibrato(bent(sloped), 69)) == pytest.approx(float(vibrato(bent(plain), 69)), rel=0.02, abs=2e-3)


def test_slips_of_the_tracker_and_rests_count_as_on_the_note():
    f0 = bent(wave(300, 0.2))
    slipped = f0.clone()
    slipped[100:103] *= 2
    slipped[200:203] = 0
    assert float(vibrato(slipped, 69)) == pytest.approx(0.75, rel=0.05)


@pytest.mark.parametrize("k", [1, 6, 12, 60])
def test_a_harmonic_alone_gives_its_number_over_twelve(k):
    h = torch.zeros(20, 60)
    h[:, k - 1] = 1
    assert float(brightness(h)) == pytest.approx(k / 12)


@pytest.mark.parametrize("db, expected", [(-105, 0.0), (-85, 0.5), (-65, 1.0)])
def test_attack_noise_hears_ten_frames_and_only_the_original_has_a_floor(db, expected):
    noise = torch.full((30, 65), 10 ** (db / 20), dtype=D)
    noise[10:] = 1.0  # what comes later does not count
    assert float(attack_noise(noise)) == pytest.approx(expected, abs=1e-9)
    assert float(attack_noise(noise, "original")) == pytest.approx(max(expected, 0.625), abs=1e-9)


def test_the_floor_of_the_original_is_in_volume_too():
    assert float(volume(torch.full((5,), 1e-6), "original")) == pytest.approx(1 / 6)
    assert float(volume(torch.full((5,), 1e-6))) == pytest.approx(-0.5)


@pytest.mark.parametrize("n", [1, 2, 5, 51, 100, 333])
def test_the_window_is_scipys(n):
    assert np.allclose(_tukey(n).numpy(), scipy.signal.windows.tukey(n, 0.5))


@given(
    st.floats(0.3, 1.2),
    st.floats(0.02, 0.5),
    st.floats(0.05, 0.95),
    st.floats(0, 1.5),
    st.floats(0.1, 0.9),
    st.floats(0, 1.5),
    st.floats(0.8, 3.0),
)
def test_what_the_rule_based_player_plays_is_what_is_read(vol, fluct, peak, vib, bright, attack, seconds):
    asked = (vol, fluct, peak, vib, bright, attack)
    controls = play_note(50, duration_s=seconds, expression=asked)
    read = extract_expression(controls, [(0, seconds, 50)])[0].tolist()
    for name, a, b in zip(CONTROLS, asked, read, strict=True):
        tolerance = 0.05 * a + 0.01 if name == "vibrato" else 0.02
        assert b == pytest.approx(a, abs=tolerance), name


def test_notes_own_their_frames_up_to_the_next_onset_or_rest():
    low, high = (
        play_note(60, duration_s=0.4, expression=(0.6, 0.1, 0.5, 0, 0.2, 0.3)),
        play_note(64, duration_s=0.4, expression=(0.9, 0.1, 0.5, 0, 0.4, 0.9)),
    )
    joined = ToneControls(*(torch.cat(pair) for pair in zip(low, high, strict=True)))
    both = extract_expression(joined, [(0, 0.7, 60), (0.4, 0.4, 64)])  # the first is cut by the second
    alone = torch.cat([extract_expression(low, [(0, 0.4, 60)]), extract_expression(high, [(0, 0.4, 64)])])
    assert torch.allclose(both, alone, atol=1e-6)


def test_a_note_behind_the_end_has_no_expression_and_order_does_not_matter():
    controls = play_note(60, duration_s=0.4)
    rows = extract_expression(controls, [(5.0, 1.0, 60), (0, 0.4, 60)])
    assert torch.isfinite(rows[0]).all() and rows[1].isnan().all()
    assert extract_expression(controls, []).shape == (0, 6)


def test_gradients_reach_the_controls():
    controls = play_note(60, duration_s=0.5, expression=(0.8, 0.2, 0.4, 0.5, 0.3, 0.5))
    f0, amplitude, shares, noise = (x.double().requires_grad_() for x in controls)

    def five(f, a, h, n):
        row = extract_expression(ToneControls(f, a, h, n), [(0, 0.5, 60)])[0]
        return row[[0, 1, 4, 5]]  # the peak's place has no gradient, and the vibrato's spectrum has kinks

    assert torch.autograd.gradcheck(five, (f0, amplitude, shares, noise), eps=1e-9, atol=1e-3, fast_mode=True)
    extract_expression(ToneControls(f0, amplitude, shares, noise), [(0, 0.5, 60)])[0, 3].backward()
    assert torch.isfinite(f0.grad).all() and f0.grad.abs().max() > 0


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: volume(torch.zeros(0)), "n_frames"),
        (lambda: volume(torch.zeros(2, 3)), "n_frames"),
        (lambda: volume(torch.tensor([math.nan])), "finite"),
        (lambda: volume(torch.ones(3), "best"), "mended, original"),
        (lambda: brightness(torch.ones(3)), "n_harmonics"),
        (lambda: attack_noise(torch.ones(3)), "n_bands"),
        (lambda: vibrato(torch.full((60,), -1.0), 69), "negative"),
        (lambda: extract_expression(play_note(60, duration_s=0.4), [(0, 0.0, 60)]), "duration"),
        (lambda: extract_expression(play_note(60, duration_s=0.4), [(0, 0.4, 200)]), "0 and 127"),
        (lambda: extract_expression(play_note(60, duration_s=0.4), [(0, 0.4)]), "note 1"),
        (
            lambda: extract_expression(play_note(60, duration_s=0.4)._replace(amplitude=torch.ones(3)), []),
            "as many frames",
        ),
        (lambda: play_note(60, duration_s=0.4, expression=(1, 2)), "six"),
        (lambda: play_note(60, duration_s=0.4, expression=(1, 0, 0, 0, math.nan, 0)), "six"),
        (lambda: play_note(60, duration_s=0.0), "at least 1"),
        (lambda: play_note(127, duration_s=0.4), "lower note"),
        (lambda: play_note(100, duration_s=0.4, expression=(0.8, 0.2, 0.4, 0.3, 1.0, 0.5)), "brightness"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_bad_notes_are_score_errors():
    with pytest.raises(ScoreError):
        extract_expression(play_note(60, duration_s=0.4), [(-1.0, 0.4, 60)])


@pytest.mark.parametrize("step", [-2.0, -1.0, 1.0, 2.0])
def test_a_neighbour_that_rings_on_neither_hides_a_vibrato_nor_passes_for_one(step):
    ringing = torch.cat([torch.full((12,), step, dtype=D), wave(188, 0.2)])
    assert float(vibrato(bent(ringing), 69)) == pytest.approx(0.75, rel=0.1)
    still = torch.cat([torch.full((12,), step, dtype=D), torch.zeros(180, dtype=D), torch.full((8,), -step, dtype=D)])
    assert float(vibrato(bent(still), 69)) < 0.02


def test_a_note_that_was_never_heard_has_no_vibrato():
    for variant in VARIANTS:
        assert float(vibrato(torch.zeros(100), 69, variant=variant)) == 0
        assert float(vibrato(torch.full((100,), 880.0), 57, variant=variant)) == 0  # two octaves off
    half = torch.cat([torch.zeros(60), torch.full((40,), 440.0)])
    assert float(vibrato(half, 69)) == pytest.approx(0, abs=1e-6)


def test_what_reads_values_says_so_in_a_line():
    with pytest.raises(NotImplementedError, match="vibrato looks for slips and for the best rate: it reads values"):
        torch.vmap(lambda f0: vibrato(f0, 69.0))(torch.full((2, 60), 440.0))
