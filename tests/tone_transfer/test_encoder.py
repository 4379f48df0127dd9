"""The optional timbre encoder: coefficients against librosa, and a decoder that uses z."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from course_lib.analysis.recordings import Recording
from course_lib.tone_transfer import (
    TimbreEncoder,
    ToneTransfer,
    TransferConfig,
    load_instrument,
    save_instrument,
    train,
)
from course_lib.training.run import Plan

SMALL = TransferConfig(width=8, hidden=12, n_harmonics=6, n_bands=9, reverb_taps=50, n_z=4)


def tone(harmonics: int, seed: int) -> Recording:
    """Two seconds at 220 Hz with so many equal harmonics: same pitch and loudness, another timbre."""
    t = torch.arange(32000) / 16000
    phase = 2 * torch.pi * torch.rand(1, generator=torch.Generator().manual_seed(seed))
    audio = sum(torch.sin(2 * torch.pi * 220 * k * t + phase) for k in range(1, harmonics + 1)) / harmonics**0.5 * 0.2
    return Recording(f"{harmonics}_{seed}", audio, torch.full((500,), 220.0), torch.full((500,), -20.0))


def test_coefficients_are_librosas():
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, 8000).astype(np.float32)
    ours = TimbreEncoder(sample_rate=16000, frame_rate=250).coefficients(torch.from_numpy(sound)[None], 125)[0]
    power = np.abs(librosa.stft(sound, n_fft=1024, hop_length=64, pad_mode="constant")) ** 2
    mel = librosa.feature.melspectrogram(S=power, sr=16000, n_mels=128, fmin=20)
    want = librosa.feature.mfcc(S=np.log(mel + 1e-6), n_mfcc=30, dct_type=2, norm="ortho")[:, :125]
    want[0] *= 2**0.5  # the orthonormal transform halves the power of its first row
    np.testing.assert_allclose(ours, want, atol=2e-3 * np.abs(want).max())


def test_z_has_a_frame_for_each_frame():
    for n in (16000, 16001, 20000):
        z = ToneTransfer(SMALL).encode(torch.rand(2, n) - 0.5)
        assert z.shape == (2, n * 250 // 16000, 4)
    assert ToneTransfer(TransferConfig(width=8, hidden=12)).encode(torch.rand(1, 16000)) is None


def test_level_does_not_reach_z():
    """The coefficients are normalised over time: loudness is another input's business."""
    model = ToneTransfer(SMALL)
    x = torch.rand(1, 16000) - 0.5
    with torch.no_grad():
        torch.testing.assert_close(model.encode(x), model.encode(0.25 * x), atol=0.02, rtol=0.02)


def test_every_weight_learns_the_encoder_s_too():
    model = ToneTransfer(SMALL)
    takes = [tone(2, 0), tone(5, 1)]
    f0, loudness, audio = (torch.stack([getattr(t, k) for t in takes]) for k in ("f0_hz", "loudness_db", "audio"))
    model(f0, loudness, recording=audio + 0.01 * torch.rand_like(audio)).square().sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert silent == []


def test_trains_stores_and_resumes(tmp_path):
    data = {"train": [tone(2, 0), tone(5, 1)], "validation": [tone(3, 2)]}
    plan = Plan(batch=2, stretch_s=0.5, validate_every=2, validation_stretches=2)
    options = {"config": SMALL, "plan": plan, "device": "cpu", "progress": False}
    whole, _ = train(data, tmp_path / "a.safetensors", steps=4, **options)
    train(data, tmp_path / "b.safetensors", steps=2, **options)
    resumed, record = train(data, tmp_path / "b.safetensors", steps=4, **options)
    assert len(record.losses) == 4
    assert set(whole.state_dict()) == set(resumed.state_dict())
    model, _ = load_instrument(tmp_path / "a.safetensors")
    assert model.config.n_z == 4 and model.encoder is not None
    save_instrument(tmp_path / "c.safetensors", model, {})


def test_a_decoder_with_z_wants_it():
    with pytest.raises(ValueError, match="needs z"):
        ToneTransfer(SMALL)(torch.full((1, 250), 220.0), torch.full((1, 250), -20.0))
