"""One instrument, any tone: each synthesizer can be trained, stored, read, played in stretches, and told apart."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

from course_lib.synths.tones.choose import SETTINGS, TONES
from course_lib.tone_transfer.baselines import FreeControls
from course_lib.tone_transfer.checkpoint import load_instrument, save_instrument
from course_lib.tone_transfer.listening import HeardCurves
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from course_lib.tone_transfer.render import decode, render
from course_lib.training.checkpoints import CheckpointError, write_tensors

SMALL = {"n_harmonics": 8, "n_bands": 9, "width": 8, "hidden": 8, "reverb_taps": 50}
FEW = {"harmonic": {}, "wavetable": {"n_tables": 3}, "newt": {"n_shapers": 2}, "fm": {}}


@pytest.fixture(params=TONES)
def model(request):
    torch.manual_seed(3)
    return ToneTransfer(TransferConfig(tone=request.param, tone_settings=FEW[request.param], **SMALL)).eval()


def curves(n_frames=130):
    generator = torch.Generator().manual_seed(2)
    f0 = 300 + 200 * torch.rand(n_frames, generator=generator)
    return f0, -40 + 30 * torch.rand(n_frames, generator=generator)


def test_the_decoder_gives_as_many_numbers_as_the_tone_wants(model):
    raw, _ = model.raw_and_state(*curves())
    assert raw.shape == (130, model.tone.n_raw + 9)
    controls = model.controls(*curves())
    for one, other in zip(controls, model.controls_of(raw, curves()[0]), strict=True):
        assert torch.equal(one, other)


def test_all_weights_learn(model):
    f0, loudness = curves()
    model.train()(f0, loudness).square().sum().backward()
    names = [name for name, weight in model.named_parameters() if not bool(weight.grad.any())]
    assert names in ([], ["reverb.impulse_response"]), names


def test_it_is_stored_and_read(model, tmp_path):
    path = tmp_path / "mine.safetensors"
    save_instrument(path, model, {"instrument": "mine"})
    again, _ = load_instrument(path)
    assert again.config == model.config and again.config.tone_settings.keys() == SETTINGS[model.config.tone].keys()
    with torch.no_grad():
        torch.testing.assert_close(again(*curves()), model(*curves()), rtol=0, atol=1e-6)


def test_a_whole_recording_is_the_model_s_sound(model):
    f0, loudness = curves()
    gate = torch.ones(130)
    gate[60:80] = 0
    played = HeardCurves(f0, torch.ones(130), loudness, gate)
    controls = decode(model, played, stretch_s=0.1)
    sound = render(model, controls, torch.Generator().manual_seed(0), stretch_s=0.07)
    with torch.no_grad():
        whole = model.synthesise(controls, 130 * 64, torch.Generator().manual_seed(0))
    for name in ("harmonic", "noise", "room"):
        torch.testing.assert_close(sound[name], whole[name], rtol=0, atol=2e-5)
    assert float(sound["harmonic"][61 * 64 + 64 : 79 * 64].abs().max()) < 1e-5, "a rest is silent"


def test_free_controls_begin_where_the_decoder_is(model):
    f0, loudness = curves(20)
    free = FreeControls(model, f0, loudness, 20 * 64)
    with torch.no_grad():
        torch.testing.assert_close(free(), model(f0, loudness, 20 * 64), rtol=0, atol=1e-6)
    free().square().sum().backward()
    assert bool(free.raw.grad.any()) and free.raw.shape == (20, model.tone.n_raw + 9)


def test_an_unknown_tone_or_setting_is_named(tmp_path):
    with pytest.raises(ValueError, match="one of harmonic, wavetable, newt, fm; got 'organ'"):
        TransferConfig(tone="organ")
    with pytest.raises(ValueError, match="no setting 'n_pipes'"):
        ToneTransfer(TransferConfig(tone="wavetable", tone_settings={"n_pipes": 3}))
    config = asdict(TransferConfig(tone="wavetable", tone_settings={"n_tables": 10**9}, **SMALL))
    from course_lib.tone_transfer.checkpoint import FORMAT

    path = tmp_path / "huge.safetensors"
    write_tensors(path, {"x": torch.zeros(4)}, {"kind": "instrument", "config": config}, FORMAT)
    with pytest.raises(CheckpointError, match="more weights"):
        load_instrument(path)


def test_a_file_from_before_there_were_tones_is_harmonic():
    """Configurations that say nothing of a tone are read as they always were."""
    old = {name: value for name, value in asdict(TransferConfig(**SMALL)).items() if not name.startswith("tone")}
    assert TransferConfig(**old).tone == "harmonic"
