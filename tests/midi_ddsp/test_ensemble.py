"""Ensemble: powers and places against closed forms, a mix by hand, rooms, peaks, gradients, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.midi_ddsp.playing.ensemble import CEILING, even_pans, mix, pan_gain, tune_to_bass
from course_lib.scores import Note


def noise(*shape: int, seed: int = 0, scale: float = 0.2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1)


@settings(max_examples=100, deadline=None)
@given(st.floats(-1, 1))
def test_the_power_is_the_same_everywhere_and_the_places_mirror(pan):
    left, right = pan_gain(pan).tolist()
    assert left**2 + right**2 == pytest.approx(1, abs=1e-6)
    assert min(left, right) >= 0
    assert pan_gain(-pan).tolist() == pytest.approx([right, left], abs=1e-6)


def test_the_ends_the_middle_and_the_law():
    assert pan_gain([-1.0, 0.0, 1.0]).flatten().tolist() == pytest.approx([1, 0, 0.5**0.5, 0.5**0.5, 0, 1], abs=1e-6)
    left, right = pan_gain(0.5).tolist()
    assert right / left == pytest.approx(math.tan(3 * math.pi / 8), rel=1e-5)


@pytest.mark.parametrize(("n", "places"), [(1, [0]), (2, [-0.8, 0.8]), (3, [-0.8, 0, 0.8])])
def test_voices_stand_evenly(n, places):
    assert even_pans(n).tolist() == pytest.approx(places)
    assert even_pans(4, width=0.0).tolist() == [0, 0, 0, 0]


def test_a_mix_is_the_sum_of_its_voices_by_hand():
    stems, pans, gains_db = noise(3, 500), [-0.4, 0.1, 0.9], [0.0, -6.0, 3.0]
    want = np.zeros((2, 500))
    for stem, pan, db in zip(stems.numpy(), pans, gains_db, strict=True):
        angle = (pan + 1) * math.pi / 4
        want += np.outer([math.cos(angle), math.sin(angle)], 10 ** (db / 20) * stem)
    np.testing.assert_allclose(mix(stems, pans=pans, gains_db=gains_db).numpy(), want, atol=1e-7)
    apart = sum(mix(stems[i : i + 1], pans=pans[i : i + 1], gains_db=gains_db[i : i + 1]) for i in range(3))
    np.testing.assert_allclose(mix(stems, pans=pans, gains_db=gains_db).numpy(), apart.numpy(), atol=1e-12)


def test_short_voices_end_in_silence():
    long, short = noise(100), noise(60, seed=1)
    got = mix([long, short], pans=[-1, 1])
    assert got.shape == (2, 100)
    torch.testing.assert_close(got[0], long, atol=1e-7, rtol=0)
    torch.testing.assert_close(got[1], torch.cat([short, torch.zeros(40, dtype=short.dtype)]), atol=1e-7, rtol=0)


def test_a_room_is_shared_and_may_differ_from_ear_to_ear():
    stems, room = noise(2, 400), noise(2, 50, seed=3)
    room[:, 0] = 7.0  # has no effect
    dry, wet = mix(stems, pans=[-1, 1]), mix(stems, pans=[-1, 1], room=room)
    for ear in range(2):
        taps = room[ear].numpy().copy()
        taps[0] = 1.0
        want = scipy.signal.fftconvolve(dry[ear].numpy(), taps)[:400]
        np.testing.assert_allclose(wet[ear].numpy(), want, atol=1e-9)
    same = mix(stems, pans=[-1, 1], room=room[0])
    torch.testing.assert_close(same[0], wet[0])


def test_a_loud_mix_is_turned_down_as_a_whole_and_a_soft_one_left_alone():
    stems = noise(4, 2000, scale=0.9)
    soft, loud = mix(0.05 * stems), mix(stems)
    assert loud.abs().max().item() == pytest.approx(CEILING)
    torch.testing.assert_close(loud / loud.abs().max(), soft / soft.abs().max())
    torch.testing.assert_close(soft, 0.5 * mix(0.1 * stems))


def test_gradients_reach_stems_levels_places_and_room():
    leaves = [noise(2, 40), torch.tensor([-0.3, 0.6]), torch.tensor([0.0, -3.0]), noise(2, 9, seed=5)]
    leaves = [x.double().requires_grad_() for x in leaves]

    def sound(stems, pans, gains_db, room):
        return mix(stems, pans=pans, gains_db=gains_db, room=room)

    assert torch.autograd.gradcheck(sound, leaves)
    loud = (20 * leaves[0]).detach().requires_grad_()
    mix(loud).square().sum().backward()
    assert loud.grad is not None and bool(torch.isfinite(loud.grad).all())


@pytest.mark.parametrize("voices", [1, 2, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_type(voices, dtype):
    got = mix(noise(voices, 30).to(dtype))
    assert got.shape == (2, 30) and got.dtype == dtype


@pytest.mark.parametrize(
    ("stems", "options", "part"),
    [
        (noise(10), {}, "n_voices, n_samples"),
        ([], {}, "one or more"),
        ([noise(2, 5)], {}, "one or more"),
        (noise(2, 5), {"pans": [0.0]}, "one number a voice"),
        (noise(2, 5), {"pans": [0.0, 1.2]}, "between -1"),
        (noise(2, 5), {"pans": [0.0, math.nan]}, "finite"),
        (noise(2, 5), {"gains_db": [0.0, 0.0, 0.0]}, "one number a voice"),
        (noise(2, 5), {"gains_db": [0.0, -math.inf]}, "finite"),
        (noise(2, 5), {"room": noise(3, 4)}, "room must be"),
        (torch.full((2, 5), math.nan), {}, "finite"),
    ],
)
def test_what_cannot_be_mixed_is_refused(stems, options, part):
    with pytest.raises(ValueError, match=part):
        mix(stems, **options)


def test_a_width_beyond_the_stage_is_refused():
    with pytest.raises(ValueError, match="width"):
        even_pans(3, width=1.5)


def test_a_retuned_chord_is_a_chord_of_whole_numbers():
    bass = [Note(0.0, 1.0, 50.0), Note(1.0, 1.0, 43.0)]
    upper = [Note(0.0, 1.0, pitch) for pitch in (54.0, 57.0, 62.0, 66.0)]
    ratios = [2 ** ((note.pitch - 50.0) / 12) for voice in upper for note in tune_to_bass([voice], bass)]
    assert ratios == pytest.approx([5 / 4, 3 / 2, 2, 5 / 2])
    (later,) = tune_to_bass([Note(1.0, 0.5, 59.0)], bass)  # over the second bass note: a tenth
    assert later.pitch == pytest.approx(43 + 12 * math.log2(5 / 2))
    assert later[:2] == (1.0, 0.5)


def test_retuning_moves_no_note_by_more_than_a_fifth_of_a_semitone():
    bass = [Note(0.0, 100.0, 43.0)]
    for pitch in range(36, 90):
        (note,) = tune_to_bass([Note(5.0, 1.0, pitch)], bass)
        assert abs(note.pitch - pitch) < 0.2
    alone = [Note(200.0, 1.0, 60.0)]
    assert tune_to_bass(alone, bass) == alone
