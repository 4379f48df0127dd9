"""Mel bands against librosa, to the bit: stored networks were trained with them."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from course_lib.analysis.mel import hz_to_mel, mel_bands, mel_to_hz


@pytest.mark.parametrize(
    "rate, size, n, low", [(16000, 1024, 128, 20.0), (16000, 1024, 64, 40.0), (44100, 2048, 40, 0.0)]
)
@pytest.mark.parametrize("equal_area", [True, False])
def test_bands_are_librosas(rate: int, size: int, n: int, low: float, equal_area: bool) -> None:
    norm = "slaney" if equal_area else None
    want = librosa.filters.mel(sr=rate, n_fft=size, n_mels=n, fmin=low, fmax=rate / 2, norm=norm)
    got = mel_bands(rate, fft_size=size, n_bands=n, low_hz=low, equal_area=equal_area)
    assert np.array_equal(got.numpy(), want)


def test_scale_and_back() -> None:
    frequencies = np.array([0.0, 440.0, 1000.0, 6400.0])
    assert np.allclose(mel_to_hz(np.array([hz_to_mel(f) for f in frequencies])), frequencies)
    assert hz_to_mel(1000.0) == pytest.approx(15.0) and hz_to_mel(6400.0) == pytest.approx(42.0)


@pytest.mark.parametrize("low", [-1.0, 8000.0, float("nan")])
def test_a_band_lies_between_0_and_nyquist(low: float) -> None:
    with pytest.raises(ValueError, match="low_hz must lie between 0 and"):
        mel_bands(16000, fft_size=1024, n_bands=64, low_hz=low)
