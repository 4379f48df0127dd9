"""The pitched part of an instrument, chosen by name: every one keeps the same contract."""

from __future__ import annotations

import itertools

import pytest
import torch

import course_lib as cl
from course_lib.synths.tone import controls_of, tone
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone
from course_lib.synths.tones.choose import SETTINGS, TONES, make_tone

SR, HOP, F, BANDS = 16_000, 64, 40, 9


def raw_and_pitch(part, seed=0):
    generator = torch.Generator().manual_seed(seed)
    raw = 2 * torch.rand(F, part.n_raw + BANDS, generator=generator) - 1
    f0 = 300 + 200 * torch.rand(F, generator=generator)
    return raw, f0


@pytest.fixture(params=TONES)
def part(request):
    torch.manual_seed(1)
    return make_tone(request.param)


def test_controls_carry_pitch_first_and_noise_last(part):
    raw, f0 = raw_and_pitch(part)
    controls = controls_of(part, raw, f0, n_bands=BANDS, sample_rate=SR)
    assert controls._fields[0] == "f0_hz" and controls._fields[-1] == "noise_magnitudes"
    assert torch.equal(controls.f0_hz, f0) and controls.noise_magnitudes.shape == (F, BANDS)
    assert all(x.shape[0] == F for x in controls)


@torch.no_grad()
def test_a_tone_can_be_made_louder_and_silent(part):
    raw, f0 = raw_and_pitch(part)
    controls = controls_of(part, raw, f0, n_bands=BANDS, sample_rate=SR)
    sound = part.sound(controls, n_samples=F * HOP, sample_rate=SR)
    assert 0.01 < float(sound.square().mean().sqrt()) < 1, "a fresh tone can be heard, and is no scream"
    doubled = part.sound(part.scaled(controls, torch.full((F,), 2.0)), n_samples=F * HOP, sample_rate=SR)
    torch.testing.assert_close(doubled, 2 * sound, rtol=1e-3, atol=1e-4)
    silent = part.scaled(controls, torch.zeros(F))
    assert float(part.sound(silent, n_samples=F * HOP, sample_rate=SR).abs().max()) < 1e-6
    assert torch.equal(silent.noise_magnitudes, controls.noise_magnitudes)
    torch.testing.assert_close(part.level(part.scaled(controls, torch.full((F,), 2.0))), 2 * part.level(controls))
    assert part.level(controls).shape == (F,)


def test_gradients_reach_every_raw_number_and_every_weight(part):
    raw, f0 = raw_and_pitch(part)
    raw.requires_grad_()
    f0 = f0 / 4  # all harmonics lie below Nyquist
    controls = controls_of(part, raw, f0, n_bands=BANDS, sample_rate=SR)
    tone(controls, n_samples=F * HOP, sample_rate=SR, pitched=part).sound.square().sum().backward()
    assert bool(torch.isfinite(raw.grad).all()) and bool((raw.grad != 0).any(0).all())
    if isinstance(part, torch.nn.Module):
        for name, weight in part.named_parameters():
            assert bool(torch.isfinite(weight.grad).all()) and bool(weight.grad.any()), name


@pytest.mark.parametrize("cuts", [[7, 20], [1, 2, 3], [39], [16, 17]])
def test_a_stream_cut_anywhere_is_the_whole(part, cuts):
    raw, f0 = raw_and_pitch(part)
    with torch.no_grad():
        controls = controls_of(part, raw, f0, n_bands=BANDS, sample_rate=SR)
        whole = tone(controls, n_samples=F * HOP, sample_rate=SR, pitched=part)
        edges = [0, *cuts, F]
        pieces = [cut_stretch(controls, slice(a, b)) for a, b in itertools.pairwise(edges)]
        streamed = join_stretches(list(stream_tone(pieces, sample_rate=SR, hop=HOP, pitched=part)))
    torch.testing.assert_close(streamed.harmonic, whole.harmonic, rtol=0, atol=2e-5)


def test_leading_axes_and_the_pitch(part):
    raw, f0 = raw_and_pitch(part)
    batch = controls_of(part, raw.expand(2, 3, F, -1), f0.expand(2, 3, F), n_bands=BANDS, sample_rate=SR)
    sound = part.sound(batch, n_samples=F * HOP, sample_rate=SR)
    one = part.sound(controls_of(part, raw, f0, n_bands=BANDS, sample_rate=SR), n_samples=F * HOP, sample_rate=SR)
    assert sound.shape == (2, 3, F * HOP)
    torch.testing.assert_close(sound[1, 2], one, rtol=0, atol=1e-5)
    steady = torch.full((250,), 441.3)
    controls = controls_of(part, raw[:1].expand(250, -1), steady, n_bands=BANDS, sample_rate=SR)
    heard = part.sound(controls, n_samples=16_000, sample_rate=SR)
    f, voiced = cl.estimate_f0(heard.detach(), sample_rate=SR)
    assert float((f[voiced] / 441.3 - 1).abs().median()) < 5e-3


@pytest.mark.parametrize("name", TONES)
def test_settings_are_those_of_the_tone(name):
    assert make_tone(name, **SETTINGS[name]).n_raw > 1
    with pytest.raises(ValueError, match="no setting 'wings'"):
        make_tone(name, wings=2)
    with pytest.raises(ValueError, match="one of harmonic, wavetable"):
        make_tone("theremin")
