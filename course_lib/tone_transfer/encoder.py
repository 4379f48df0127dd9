"""The optional encoder: what a recording sounds like beyond pitch and loudness, in a few slow numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.analysis.mel import mel_bands
from course_lib.core.checks import check_audio, check_count, check_sample_rate, in_single
from course_lib.core.networks import run_gru
from course_lib.core.types import ArrayLike

N_MELS, N_COEFFICIENTS, LOW_HZ, FFT_SIZE = 128, 30, 20.0, 1024


class TimbreEncoder(nn.Module):
    """MFCCs, normalised, through a GRU to n_z numbers a frame.

    With it the decoder may tell vowels, bows or whole instruments apart; without it, one instrument is one decoder.

    Args:
        sample_rate: Hz.
        frame_rate: frames of z a second.
        n_z: numbers a frame.
        hidden: of the GRU.

    Raises:
        ValueError: counts below 1, a sample rate that is not positive.

    Source: Engel et al., DDSP, 2020, appendix B.1: 30 coefficients of 128 mel bands from 20 Hz, z of 16. There the GRU
    has 512 units and runs on 125 frames a second; here it has 64 on the frames of the decoder.
    Chapter: book/tone_transfer/decoder.ipynb
    """

    mel: Tensor
    cosines: Tensor

    def __init__(self, *, sample_rate: int, frame_rate: int, n_z: int = 16, hidden: int = 64) -> None:
        super().__init__()
        rate = check_sample_rate(sample_rate)
        self.hop = check_count(int(rate) // check_count(frame_rate, "frame_rate"), "samples in a frame")
        bank = mel_bands(rate, fft_size=FFT_SIZE, n_bands=N_MELS, low_hz=LOW_HZ)
        place = torch.pi * (torch.arange(N_MELS) + 0.5) / N_MELS
        self.register_buffer("mel", bank, persistent=False)
        self.register_buffer("cosines", torch.cos(torch.arange(N_COEFFICIENTS).unsqueeze(-1) * place), persistent=False)
        self.normalise = nn.InstanceNorm1d(N_COEFFICIENTS)
        self.gru = nn.GRU(N_COEFFICIENTS, check_count(hidden, "hidden"), batch_first=True)
        self.out = nn.Linear(hidden, check_count(n_z, "n_z"))

    def coefficients(self, audio: ArrayLike, n_frames: int) -> Tensor:
        """MFCCs of a sound.

        Args:
            audio: (batch, n_samples).
            n_frames: how many, evenly spaced; frame i is centred at sample i · n_samples / n_frames.

        Returns:
            (batch, 30, n_frames).
        """
        given = check_audio(audio)
        (x,) = in_single(given)
        window = torch.hann_window(FFT_SIZE, device=x.device, dtype=x.dtype)
        spectrum = torch.stft(x, FFT_SIZE, self.hop, window=window, pad_mode="constant", return_complex=True)
        levels = torch.log(self.mel.to(x) @ spectrum.abs().square() + 1e-6)
        return (self.cosines.to(x) @ levels * (2.0 / N_MELS) ** 0.5)[..., :n_frames].to(given.dtype)

    def forward(self, audio: ArrayLike, n_frames: int) -> Tensor:
        """Return z, (batch, n_frames, n_z), of sounds (batch, n_samples)."""
        mfcc = self.normalise(self.coefficients(audio, n_frames))
        return self.out(run_gru(self.gru, mfcc.transpose(1, 2))[0])
