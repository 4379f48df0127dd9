"""The tone: the sum of its parts, the same sound wherever it is cut, its gradients, another pitched part, refusals."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_lib import filtered_noise, harmonic_synth, instantaneous_phase, upsample
from course_lib.effects.reverb import reverb
from course_lib.synths.harmonic import harmonic_controls
from course_lib.synths.noise import noise_controls
from course_lib.synths.tone import ToneControls, tone, tone_controls
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone

RATE, HOP = 16_000, 64


def controls(n_frames: int, *lead: int, n_harmonics: int = 12, n_bands: int = 65, seed: int = 0) -> ToneControls:
    """A loud tone that glides, swells and rests, float32."""
    rng = np.random.default_rng(seed)
    t = torch.linspace(0, 1, n_frames, dtype=torch.float64)
    f0 = (200 + 2000 * t + torch.as_tensor(rng.uniform(-50, 50, (*lead, n_frames)))).clamp(min=50.0)
    f0 = torch.where((t > 0.4) & (t < 0.5), 0.0, f0)
    raw = torch.as_tensor(rng.uniform(-1, 3, (*lead, n_frames, 1 + n_harmonics + n_bands)))
    raw[..., 1 + n_harmonics :] += 2.0
    made = tone_controls(raw, f0, n_harmonics=n_harmonics, n_bands=n_bands, sample_rate=RATE)
    return ToneControls(*(x.float() for x in made))


def response(n_taps: int = 3000) -> Tensor:
    decay = torch.exp(-torch.arange(n_taps) / 700.0)
    return 0.05 * decay * (2 * torch.rand(n_taps, generator=torch.Generator().manual_seed(1)) - 1)


def cut(whole: Any, places: list[int]) -> list[Any]:
    ends = [0, *sorted(set(places)), len(whole.f0_hz)]
    return [cut_stretch(whole, slice(a, b)) for a, b in pairwise(ends)]


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_raw_numbers_become_controls_in_order() -> None:
    raw = torch.as_tensor(np.random.default_rng(0).uniform(-5, 5, (2, 7, 1 + 4 + 3)))
    f0 = torch.full((2, 7), 3000.0)
    got = tone_controls(raw, f0, n_harmonics=4, n_bands=3, sample_rate=RATE)
    want = harmonic_controls(raw[..., 0], raw[..., 1:5], f0, RATE)
    for a, b in zip(got, (*want, noise_controls(raw[..., 5:])), strict=True):
        assert torch.equal(a, b)
    silent = tone_controls(raw[..., :5], f0, n_harmonics=4, n_bands=3, sample_rate=RATE)
    assert silent.noise_magnitudes.shape == (2, 7, 3) and not silent.noise_magnitudes.any()
    with pytest.raises(ValueError, match=r"5 \+ 2 numbers a frame"):
        tone_controls(raw, f0, n_harmonics=4, n_bands=2, sample_rate=RATE)


@pytest.mark.parametrize("method", ["fast", "reference"])
def test_a_sound_may_begin_at_any_phase(method: str) -> None:
    got = harmonic_synth(
        torch.full((4,), 1000.0),
        torch.ones(4),
        torch.ones(4, 1),
        n_samples=320,
        sample_rate=RATE,
        method=method,
        turns=0.3,
    )
    want = np.sin(2 * np.pi * (0.3 + 1000 * np.arange(320) / RATE))
    np.testing.assert_allclose(got.numpy(), want, atol=2e-5)


@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
@pytest.mark.parametrize("n_samples", [3200, 3333])
def test_a_tone_is_the_sum_of_what_the_synths_make(lead: tuple[int, ...], n_samples: int) -> None:
    c, room = controls(50, *lead), response()
    parts = tone(c, n_samples=n_samples, sample_rate=RATE, room=room, generator=seeded())
    harmonic = harmonic_synth(*c[:3], n_samples=n_samples, sample_rate=RATE)
    noise = filtered_noise(c.noise_magnitudes, n_samples, seeded())
    assert torch.equal(parts.harmonic, harmonic) and torch.equal(parts.noise, noise)
    assert torch.equal(parts.sound, reverb(harmonic + noise, room))
    taps = np.concatenate([[0.0], room[1:].double().numpy()])
    dry = (harmonic + noise).double().numpy().reshape(-1, n_samples)
    want = np.stack([scipy.signal.fftconvolve(x, taps)[:n_samples] for x in dry]).reshape(*lead, n_samples)
    np.testing.assert_allclose(parts.room.numpy(), want, atol=2e-6)
    assert min(float(x.abs().max()) for x in parts) > 0.1


def test_parts_can_be_left_out() -> None:
    c, draw = controls(20), seeded()
    parts = tone(c, n_samples=1280, sample_rate=RATE, noise=False, generator=draw)
    assert not parts.noise.any() and not parts.room.any() and torch.equal(parts.sound, parts.harmonic)
    assert torch.equal(draw.get_state(), seeded().get_state())  # nothing was drawn
    streamed = next(stream_tone([c], sample_rate=RATE, hop=HOP, noise=False, generator=draw))
    assert torch.equal(streamed.sound, parts.sound) and torch.equal(draw.get_state(), seeded().get_state())


@settings(max_examples=25, deadline=None)
@given(
    places=st.lists(st.integers(1, 199), max_size=12),
    n_bands=st.sampled_from([2, 17, 65, 300]),
    room=st.sampled_from([None, 2, 100, 3000]),
    hop=st.sampled_from([1, 37, 64]),
)
def test_no_cut_can_be_heard(places: list[int], n_bands: int, room: int | None, hop: int) -> None:
    c = controls(200, n_bands=n_bands)
    taps = None if room is None else response(room)
    whole = tone(c, n_samples=200 * hop, sample_rate=RATE, room=taps, generator=seeded())
    pieces = list(stream_tone(cut(c, places), sample_rate=RATE, hop=hop, room=taps, generator=seeded()))
    assert [len(p.harmonic) for p in pieces] == [hop * len(x.f0_hz) for x in cut(c, places)]
    for a, b in zip(join_stretches(pieces), whole, strict=True):
        assert float((a - b).abs().max()) <= 1e-6 * max(1.0, float(b.abs().max()))


def test_frame_by_frame_is_the_same_sound() -> None:
    c, taps = controls(300), response()
    whole = tone(c, n_samples=300 * HOP, sample_rate=RATE, room=taps)
    each = stream_tone(cut(c, list(range(1, 300))), sample_rate=RATE, hop=HOP, room=taps)
    for a, b in zip(join_stretches(list(each)), whole, strict=True):
        assert float((a - b).abs().max()) <= 1e-6


def test_no_phase_is_lost_in_minutes() -> None:
    n = 250 * 180
    c = ToneControls(torch.full((n,), 997.3), torch.full((n,), 0.5), torch.ones(n, 1), torch.zeros(n, 2))
    c.f0_hz[5000:6000] = 0.0  # a rest holds it
    whole = tone(c, n_samples=n * HOP, sample_rate=RATE, noise=False).harmonic
    pieces = stream_tone(cut(c, list(range(777, n, 777))), sample_rate=RATE, hop=HOP, noise=False)
    assert float((torch.cat([p.harmonic for p in pieces]) - whole).abs().max()) <= 1e-6


def test_a_stream_reads_no_further_ahead_than_it_must() -> None:
    read = []

    def stretches() -> Any:
        for number in range(100):
            read.append(number)
            yield controls(25, seed=number)

    sound = stream_tone(stretches(), sample_rate=RATE, hop=HOP, room=response(30_000))
    assert not read
    for number in range(10):
        next(sound)
        assert len(read) == number + 2


@pytest.mark.parametrize("room", [False, True])
def test_gradients_reach_every_control(room: bool) -> None:
    c = ToneControls(*(x.double() for x in controls(6, 2, n_harmonics=3, n_bands=4)))
    f0 = torch.where(c.f0_hz == 0, 300.0, c.f0_hz)
    inputs = [x.detach().requires_grad_() for x in (f0, *c[1:])]
    if room:
        inputs.append(response(20).double().requires_grad_())

    def sound(*values: Tensor) -> Tensor:
        taps = values[4] if room else None
        return tone(ToneControls(*values[:4]), n_samples=40, sample_rate=RATE, room=taps, generator=seeded()).sound

    assert torch.autograd.gradcheck(sound, inputs, atol=1e-5)


class SineControls(NamedTuple):
    """What the smallest pitched part is told."""

    f0_hz: Tensor
    level: Tensor
    noise_magnitudes: Tensor


class Sine:
    """One sine; where a stretch starts is an angle in radians."""

    def sound(self, controls: SineControls, n_samples: int, sample_rate: float, start: Any = None) -> Tensor:
        phase = instantaneous_phase(upsample(controls.f0_hz, n_samples), sample_rate) + (start or 0.0)
        return upsample(controls.level, n_samples) * torch.sin(phase)

    def advance(self, controls: SineControls, hop: int, sample_rate: float, start: Any) -> float:
        n = (len(controls.f0_hz) - 1) * hop
        turn = upsample(controls.f0_hz.double(), n + hop)[:n].sum() * 2 * math.pi / sample_rate
        return ((start or 0.0) + float(turn)) % (2 * math.pi)


def test_another_pitched_part_takes_the_harmonics_place() -> None:
    f0 = 300 + 200 * torch.linspace(0, 1, 80)
    c = SineControls(f0, torch.linspace(0, 0.5, 80), torch.full((80, 9), 0.1))
    whole = tone(c, n_samples=80 * HOP, sample_rate=RATE, pitched=Sine(), room=response(), generator=seeded())
    pieces = list(
        stream_tone(
            cut(c, [1, 30, 31, 70]), sample_rate=RATE, hop=HOP, pitched=Sine(), room=response(), generator=seeded()
        )
    )
    for a, b in zip(join_stretches(pieces), whole, strict=True):
        assert b.abs().max() > 0.01 and float((a - b).abs().max()) <= 1e-6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"f0_hz": -torch.ones(10)}, "negative"),
        ({"f0_hz": torch.full((10,), math.nan)}, "finite"),
        ({"amplitude": torch.full((10,), math.inf)}, "finite"),
        ({"noise_magnitudes": -torch.ones(10, 5)}, "negative"),
        ({"noise_magnitudes": torch.ones(10, 1)}, "two bands"),
    ],
)
def test_senseless_controls_are_refused_whole_and_in_stretches(change: dict[str, Tensor], words: str) -> None:
    bad = controls(10)._replace(**change)
    with pytest.raises(ValueError, match=words):
        tone(bad, n_samples=640, sample_rate=RATE)
    with pytest.raises(ValueError, match=words):
        list(stream_tone([controls(10, n_bands=bad.noise_magnitudes.shape[-1]), bad], sample_rate=RATE, hop=HOP))


def test_stretches_that_are_none_are_refused() -> None:
    good = controls(10)
    for bad, words in (
        (cut_stretch(good, slice(0, 0)), "one frame or more"),
        (controls(10, 2), "one sound"),
        (good._replace(amplitude=good.amplitude[:9]), "as many frames each"),
    ):
        with pytest.raises(ValueError, match=words):
            list(stream_tone([bad], sample_rate=RATE, hop=HOP))
    with pytest.raises(ValueError, match="as many harmonics"):
        list(stream_tone([good, controls(10, n_harmonics=5)], sample_rate=RATE, hop=HOP))
    with pytest.raises(ValueError, match="hop"):
        stream_tone([good], sample_rate=RATE, hop=0)
    with pytest.raises(ValueError, match="room must be"):
        stream_tone([good], sample_rate=RATE, hop=HOP, room=torch.zeros(2, 5))
    assert list(stream_tone([], sample_rate=RATE, hop=HOP)) == []
