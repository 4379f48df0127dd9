"""The instruments that come with the course, on recordings that they never learned from."""

from __future__ import annotations

import pytest
import torch

from course_lib import load_clip, loudness_db
from course_lib.analysis.recordings import Recording, read_recording
from course_lib.analysis.tracking import track_f0
from course_lib.tone_transfer import ToneTransfer, load_instrument, transfer
from course_lib.tone_transfer.checkpoint import instrument_names
from course_lib.tone_transfer.data import sounding_frames
from tests.helpers import ROOT

PERFORMANCES = ROOT / "data" / "performances"


@pytest.fixture(scope="module", params=instrument_names())
def shipped(request: pytest.FixtureRequest) -> tuple[ToneTransfer, list[Recording]]:
    held_out = [
        read_recording(p, sample_rate=16_000, frame_rate=250)
        for p in sorted((PERFORMANCES / request.param).glob("*_test_*.flac"))
    ]
    assert held_out
    return load_instrument(request.param)[0], held_out


@torch.no_grad()
def play(model: ToneTransfer, r: Recording, octave: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    f0 = r.f0_hz * 2.0**octave
    return f0, model.synthesise(model.controls(f0, r.loudness_db), len(r.audio))


@pytest.mark.parametrize("octave", [-1, 0, 1])  # an octave away, half of the notes lie where it never played
def test_pitch_is_what_was_asked_for(shipped: tuple[ToneTransfer, list[Recording]], octave: int) -> None:
    model, held_out = shipped
    for r in held_out:
        f0, parts = play(model, r, octave)
        heard = track_f0(parts["harmonic"], 16_000, 0.004, f_min_hz=50.0, f_max_hz=3000.0).f0_hz
        cents = 1200 * torch.log2(heard / f0)[sounding_frames(r.loudness_db)]
        assert float(cents.abs().median()) < 10, r.name
        assert float((cents.abs() < 10).float().mean()) > 0.85, r.name


def test_loudness_follows_what_was_asked_for(shipped: tuple[ToneTransfer, list[Recording]]) -> None:
    model, held_out = shipped
    wanted = torch.cat([r.loudness_db for r in held_out])
    heard = torch.cat([loudness_db(play(model, r, 0)[1]["sound"], 16_000) for r in held_out])
    sounds = torch.cat([sounding_frames(r.loudness_db) for r in held_out])
    assert float(torch.corrcoef(torch.stack([wanted[sounds], heard[sounds]]))[0, 1]) > 0.95
    assert abs(float((heard - wanted)[sounds].median())) < 3


@pytest.mark.parametrize("name", instrument_names())
def test_a_voice_becomes_it(name: str) -> None:
    voice, rate = load_clip("voice")
    result = transfer(voice, rate, name, progress=False)
    core = result.heard.gate == 1
    assert not result.remarks and 0.02 < float(result.audio.abs().max()) <= 1.0
    n = len(core) * 64
    heard = loudness_db(torch.nn.functional.pad(result.audio, (0, n - len(result.audio))), 16_000)
    assert float(torch.corrcoef(torch.stack([heard[core], result.played.loudness_db[core]]))[0, 1]) > 0.8
    silent = result.heard.gate == 0
    assert float(result.controls.amplitude[silent].max()) == 0.0
