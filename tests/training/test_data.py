"""What is learned from: parts that must be there, and stretches that lie within their recordings."""

from __future__ import annotations

import pytest
import torch

from course_lib.analysis.recordings import Recording
from course_lib.training.data import audio_digest, check_parts, cut_stretches, draw_stretches


def ramps(*lengths: int) -> list[Recording]:
    """Recordings whose frames are numbered, from 1000 times the recording's own number on."""
    numbers = [1000 * i + torch.arange(float(n)) for i, n in enumerate(lengths)]
    return [Recording(str(i), x.repeat_interleave(64), x, -x) for i, x in enumerate(numbers)]


@pytest.mark.parametrize("evenly", [False, True])
def test_stretches_are_cut_from_their_recordings(evenly: bool) -> None:
    recordings = ramps(500, 500, 500)
    places = draw_stretches(
        recordings, batch=64, n_frames=100, generator=torch.Generator().manual_seed(0), evenly=evenly
    )
    audio, f0, loudness = cut_stretches(recordings, places, n_frames=100, hop=64)
    assert f0.shape == loudness.shape == (64, 100) and audio.shape == (64, 6400)
    assert torch.equal(audio[:, ::64], f0) and torch.equal(-loudness, f0)
    assert [(int(x // 1000), int(x % 1000)) for x in f0[:, 0]] == places
    assert len((f0[:, 0] // 1000).unique()) == 3 and bool((f0.diff() == 1).all())
    assert torch.equal(f0 // 1000, (f0[:, :1] // 1000).expand(-1, 100))  # within one recording


@pytest.mark.parametrize(("evenly", "share"), [(False, 1 / 4), (True, 1 / 202)])
def test_long_recordings_are_drawn_more_often(evenly: bool, share: float) -> None:
    places = draw_stretches(
        ramps(100, 300), batch=8000, n_frames=100, generator=torch.Generator().manual_seed(0), evenly=evenly
    )
    assert sum(i == 0 for i, _ in places) / 8000 == pytest.approx(share, abs=0.01)
    assert {at for i, at in places if i == 0} == {0} and {at for i, at in places if i == 1} == set(range(201))


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="1 has 499 frames, fewer than the 500"):
        draw_stretches(ramps(500, 499), batch=1, n_frames=500, generator=torch.Generator())
    with pytest.raises(ValueError, match="batch must be at least 1"):
        draw_stretches(ramps(500), batch=0, n_frames=100, generator=torch.Generator())


@pytest.mark.parametrize("part", ["train", "validation"])
def test_both_parts_are_needed(part: str) -> None:
    whole = {"train": [1], "validation": [2]}
    check_parts(whole, "recordings", "load_recordings")
    for wrong in ({**whole, part: []}, {name: x for name, x in whole.items() if name != part}):
        with pytest.raises(ValueError, match=f"there are no recordings for {part}; see load_recordings"):
            check_parts(wrong, "recordings", "load_recordings")


def test_other_sounds_have_another_digest() -> None:
    parts = {"train": ramps(10), "validation": ramps(20), "test": ramps(30)}
    same, other = {**parts, "test": []}, {**parts, "validation": ramps(21)}
    assert audio_digest(parts) == audio_digest(same) != audio_digest(other)
