"""Units against librosa and closed forms, their gradients, and bad input."""

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import course_lib as cl

HZ = st.floats(1e-3, 96_000, allow_nan=False)


@given(HZ)
def test_hz_to_midi_matches_librosa_and_comes_back(hz):
    midi = cl.hz_to_midi(torch.tensor(hz, dtype=torch.float64))
    assert float(midi) == pytest.approx(float(librosa.hz_to_midi(hz)), abs=1e-9)
    assert float(cl.midi_to_hz(midi)) == pytest.approx(hz, rel=1e-12)


def test_a_rest_has_midi_zero_and_a_finite_gradient():
    f = torch.tensor([0.0, 440.0], dtype=torch.float64, requires_grad=True)
    midi = cl.hz_to_midi(f)
    midi.sum().backward()
    assert midi[0] == 0 and midi[1] == 69
    assert torch.isfinite(f.grad).all() and f.grad[0] == 0


@given(HZ, HZ)
def test_cents_is_antisymmetric_and_counts_octaves(a, b):
    assert float(cl.cents(a, b)) == pytest.approx(-float(cl.cents(b, a)), abs=1e-2)
    assert float(cl.cents(2.0 * a, a)) == pytest.approx(1200.0, abs=1e-3)


@given(st.floats(-119, 40))
def test_decibels_come_back(level_db):
    x = torch.tensor(level_db, dtype=torch.float64)
    assert float(cl.amplitude_to_db(cl.db_to_amplitude(x))) == pytest.approx(level_db, abs=1e-9)


def test_silence_has_the_floor_not_minus_infinity():
    assert cl.amplitude_to_db(torch.zeros(2), floor_db=-80.0).tolist() == [-80.0, -80.0]


def test_exp_sigmoid_matches_the_published_values():
    x = np.linspace(-30, 30, 301)
    expected = 2 * (1 / (1 + np.exp(-x))) ** np.log(10) + 1e-7
    np.testing.assert_allclose(cl.exp_sigmoid(torch.from_numpy(x)).numpy(), expected, rtol=1e-12)
    assert float(cl.exp_sigmoid(0.0)) == pytest.approx(0.405, abs=5e-4)
    assert float(cl.exp_sigmoid(-5.0)) == pytest.approx(1.99e-5, rel=2e-2)


@pytest.mark.parametrize(
    "function", [cl.hz_to_midi, cl.midi_to_hz, cl.db_to_amplitude, cl.amplitude_to_db, cl.exp_sigmoid]
)
def test_gradients(function):
    x = torch.tensor([0.3, 1.7, 55.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x,))


def test_cents_gradient():
    f = torch.tensor([110.0, 440.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cl.cents(x, 220.0), (f,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.hz_to_midi(-1.0), "must not be negative; got -1"),
        (lambda: cl.hz_to_midi(float("nan")), "must be finite"),
        (lambda: cl.cents(0.0, 440.0), "must be positive"),
        (lambda: cl.cents(440.0, -1.0), "reference_hz must be positive"),
        (lambda: cl.midi_to_hz(float("inf")), "must be finite"),
        (lambda: cl.exp_sigmoid(0.0, exponent=0.0), "exponent must be above 0"),
    ],
)
def test_bad_input_names_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("bad", ["a4", object(), torch.tensor(1j)])
def test_what_is_not_a_number_is_a_type_error(bad):
    with pytest.raises(TypeError, match="frequency_hz must be"):
        cl.hz_to_midi(bad)
