"""The instruments that come with the course: small, documented, and as good on unheard recordings as the page says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from course_lib.analysis.recordings import read_recording
from course_lib.sounds.clips import data_path
from course_lib.tone_transfer import load_instrument
from course_lib.tone_transfer.baselines import MeanTimbre, loudness_correlation, pitch_error_cents
from course_lib.tone_transfer.checkpoint import instrument_names

CARDS = json.loads(data_path("instruments/cards.json").read_text(encoding="utf-8"))
TABLE = json.loads(data_path("tone_transfer.json").read_text(encoding="utf-8"))
SR = 16000


@pytest.fixture(scope="module", params=instrument_names())
def instrument(request):
    return (request.param, *load_instrument(request.param))


@pytest.fixture(scope="module")
def takes():
    """Test recordings by instrument, six seconds each."""
    return {
        name: [
            read_recording(path, sample_rate=SR, frame_rate=250)
            for path in sorted(data_path(f"performances/{name}/performances.json").parent.glob("*_test_*.flac"))
        ]
        for name in instrument_names()
    }


def test_there_are_two_or_more():
    assert len(instrument_names()) >= 2


def test_is_small(instrument):
    name, model, _ = instrument
    assert data_path(f"instruments/{name}.safetensors").stat().st_size < 2_000_000
    assert sum(p.numel() for p in model.parameters()) <= 300_000


def test_says_how_it_was_made(instrument):
    name, _, facts = instrument
    card = CARDS[name]
    assert facts["recipe"].startswith("python tools/make_performances.py")
    assert facts["command"].startswith("python -m course_lib train")
    assert facts["training"]["seconds"] > 0 and facts["training"]["device"] and facts["training"]["steps"] >= 1000
    low, high = facts["statistics"]["midi_range"]
    assert low < facts["statistics"]["median_midi"] < high
    assert card["validation_loss"] == facts["training"]["validation_loss"] < 6
    assert card == {
        **{key: facts[key] for key in ("recipe", "command")},
        **{key: facts["training"][key] for key in ("steps", "seconds", "device", "torch", "validation_loss")},
    }


def test_follows_loudness_and_pitch(instrument, takes):
    name, model, _ = instrument
    for take in takes[name]:
        with torch.no_grad():
            sound = model(take.f0_hz, take.loudness_db)
        assert (
            loudness_correlation(sound, take.loudness_db, SR) > 0.93
        )  # the mean over all test recordings is above 0.95
        off = pitch_error_cents(sound, take.f0_hz, SR, take.loudness_db).abs()
        assert len(off) > 100 and off.median() < 5 and (off < 10).float().mean() > 0.95


@pytest.mark.parametrize("side", ["below", "above"])
def test_follows_pitch_where_it_was_never_trained(instrument, takes, side):
    """The whole take is moved out of the range of all recordings that the instrument learned from."""
    name, model, facts = instrument
    take = takes[name][0]
    low, high = facts["statistics"]["midi_range"]
    midi = 69 + 12 * torch.log2(take.f0_hz / 440)
    shift = low - 1 - float(midi.max()) if side == "below" else high + 1 - float(midi.min())
    f0 = take.f0_hz * 2 ** (shift / 12)
    with torch.no_grad():
        sound = model(f0, take.loudness_db)
    off = pitch_error_cents(sound, f0, SR, take.loudness_db).abs()
    assert len(off) > 100 and off.median() < 5 and (off < 10).float().mean() > 0.9


def test_louder_is_louder_and_another_colour(instrument, takes):
    name, model, _ = instrument
    take = takes[name][0]
    with torch.no_grad():
        soft, loud = (model.controls(take.f0_hz, take.loudness_db + db) for db in (-15.0, 0.0))
    assert loud.amplitude.mean() > 2 * soft.amplitude.mean()
    assert (loud.distribution - soft.distribution).abs().sum(-1).mean() > 0.02


def test_beats_the_mean_timbre(instrument, takes):
    from course_lib import multiscale_spectral_loss

    name, model, _ = instrument
    floor = MeanTimbre(model, takes[name])  # generous: averaged over the very recordings it is judged by
    for take in takes[name]:
        with torch.no_grad():
            ours = model(take.f0_hz, take.loudness_db)
            plain = model.synthesise(floor.controls(take.f0_hz, take.loudness_db), len(take.audio))["sound"]
        losses = [float(multiscale_spectral_loss(x[8000:], take.audio[8000:])) for x in (ours, plain)]
        assert losses[0] < losses[1]


def test_the_stored_table_holds_what_the_page_says():
    assert set(TABLE["instruments"]) == set(instrument_names())
    for name, row in TABLE["instruments"].items():
        assert row["direct_fit"] < row["decoder"] < row["mean_timbre"], name
        assert row["loudness_r"] > 0.95 and min(row["each"]["loudness_r"]) > 0.9
        for part in ("pitch_inside", "pitch_outside"):
            assert row[part]["median_cents"] < 10 and row[part]["within_10_cents"] > 0.9
        for part in ("noise", "reverb", "loudness"):
            assert row[f"switched_off_{part}"] > row["decoder"]
    losses = TABLE["ablation"]["loss"]
    assert set(losses) == {"nothing", "noise", "reverb", "loudness"}
    assert losses["nothing"] == min(losses.values())


def test_the_known_room_is_near_to_what_was_learned(instrument):
    name, model, _ = instrument
    true = torch.from_numpy(np.load(data_path(f"performances/{name}/room.npy")))
    learned = model.reverb.impulse_response.detach().clone()
    learned[0] = 0
    early, truth = (10 * torch.log10(x[:1600].square().sum()) for x in (learned, true))
    assert abs(float(early - truth)) < 6
    assert float(torch.corrcoef(torch.stack([learned[:800], true[:800]]))[0, 1]) > 0.2
