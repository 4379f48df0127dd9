"""FM as a tone's pitched part: the same sound wherever it is cut, as loud as harmonics at first, its gradients."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl
from course_lib.synths.fm_patch import PATCHES
from course_lib.synths.tone import tone, tone_controls
from course_lib.synths.tone_stream import cut_stretch, join_stretches, stream_tone
from course_lib.synths.tones.fm import FmToneControls

RATE, HOP = 16_000, 64
TONES = {
    "trio": cl.FmTone(),
    "brass": cl.FmTone(*PATCHES["brass"], max_index=2.0, alias_db=None),
    "saw": cl.FmTone("3>2>1, 3>3, 4>4", (1, 2, 3.2, 1), alias_db=None),
}


def controls(part: cl.FmTone, n_frames: int, *lead: int, n_bands: int = 9) -> FmToneControls:
    """A tone that glides, moves and rests."""
    rng = np.random.default_rng(0)
    t = torch.linspace(0, 1, n_frames)
    f0 = torch.where((t > 0.4) & (t < 0.5), 0.0, 150 + 600 * t).expand(*lead, n_frames)
    raw = torch.as_tensor(rng.uniform(-1, 3, (*lead, n_frames, part.n_raw))).float()
    noise = torch.as_tensor(rng.uniform(0, 0.02, (*lead, n_frames, n_bands))).float()
    return part.controls(raw, f0, noise, sample_rate=RATE)


def cut(whole: Any, places: list[int]) -> list[Any]:
    ends = [0, *sorted(set(places)), len(whole.f0_hz)]
    return [cut_stretch(whole, slice(a, b)) for a, b in pairwise(ends)]


@pytest.mark.parametrize("name", list(TONES))
def test_it_is_a_part_like_any_other(name: str) -> None:
    part = TONES[name]
    c = controls(part, 20, 2)
    assert c._fields[0] == "f0_hz" and c._fields[-1] == "noise_magnitudes"
    parts = tone(c, n_samples=1280, sample_rate=RATE, pitched=part)
    want = cl.fm_synth(c.f0_hz, c.levels, part.ratios, part.patch, n_samples=1280, sample_rate=RATE)
    assert torch.equal(parts.harmonic, want) and parts.sound.shape == (2, 1280)


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(list(TONES)),
    places=st.lists(st.integers(1, 119), max_size=9),
    hop=st.sampled_from([1, 37, 64]),
)
def test_no_cut_can_be_heard(name: str, places: list[int], hop: int) -> None:
    part = TONES[name]
    c = controls(part, 120)
    whole = tone(c, n_samples=120 * hop, sample_rate=RATE, pitched=part)
    pieces = stream_tone(cut(c, places), sample_rate=RATE, hop=hop, pitched=part)
    for ours, theirs in zip(join_stretches(list(pieces)), whole, strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-5


def test_frame_by_frame_is_the_same_sound() -> None:
    c = controls(TONES["saw"], 100)
    whole = tone(c, n_samples=100 * HOP, sample_rate=RATE, pitched=TONES["saw"])
    each = stream_tone(cut(c, list(range(1, 100))), sample_rate=RATE, hop=HOP, pitched=TONES["saw"])
    assert float((join_stretches(list(each)).harmonic - whole.harmonic).abs().max()) <= 1e-5


def test_minutes_in_pieces_lose_no_phase() -> None:
    """Ratios 3.2 and 8.5 for three minutes, as one sound and in 58 stretches."""
    part, n = TONES["brass"], 250 * 180
    c = FmToneControls(torch.full((n,), 697.3), torch.full((n, 6), 0.3), torch.zeros(n, 2))
    whole = tone(c, n_samples=n * HOP, sample_rate=RATE, pitched=part, noise=False).harmonic
    pieces = stream_tone(cut(c, list(range(777, n, 777))), sample_rate=RATE, hop=HOP, pitched=part, noise=False)
    assert float((torch.cat([p.harmonic for p in pieces]) - whole).abs().max()) <= 1e-5


@pytest.mark.parametrize("f0_hz", [220.0, 440.0, 880.0])
def test_a_fresh_tone_is_as_loud_as_harmonics(f0_hz: float) -> None:
    f0, noise = torch.full((50,), f0_hz), torch.zeros(50, 2)
    harmonics = tone_controls(torch.zeros(50, 61), f0, n_harmonics=60, n_bands=2, sample_rate=RATE)
    want = tone(harmonics, n_samples=3200, sample_rate=RATE).harmonic.square().mean().sqrt()
    for part in TONES.values():
        c = part.controls(torch.zeros(50, part.n_raw), f0, noise, sample_rate=RATE)
        level = part.sound(c, n_samples=3200, sample_rate=RATE).square().mean().sqrt()
        assert abs(20 * float(torch.log10(level / want))) < 6


def test_gradients_reach_all_raw_numbers() -> None:
    for part in TONES.values():
        raw = torch.zeros(10, part.n_raw, requires_grad=True)
        c = part.controls(raw, torch.full((10,), 330.0), torch.zeros(10, 2), sample_rate=RATE)
        part.sound(c, n_samples=640, sample_rate=RATE).square().mean().backward()
        assert raw.grad is not None and bool((raw.grad[1:].abs() > 1e-9).all())
        assert not list(part.state_dict())  # a checkpoint holds what was learned; the ratios are given


def test_ratios_must_fit_the_patch() -> None:
    with pytest.raises(ValueError, match=r"ratios must be \(…, 2\)"):
        cl.FmTone("2>1", (1, 2, 3))
