"""What the inference network sees of a sound: its harmonics, what lies between them, and a mel spectrogram."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from course_lib.analysis.mel import mel_bands

FLOOR_DB = -100.0


FeatureKind = Literal["harmonic", "mel"]


class SpectralFeatures(nn.Module):
    """Levels around every frame, scaled so that −100 dB is 0 and 0 dB is 1.

    kind "harmonic": in a long window (64 ms, so that the harmonics of a low cello stand apart) the level of all
    harmonics together, of each at k·f0, and of what lies between them at (k + ½)·f0; then 64 mel bands of a short
    window (16 ms, for onsets and for noise). kind "mel", as the original: 64 mel bands of an 8 ms window.

    Args:
        sample_rate: Hz.
        frame_rate: frames a second.
        n_harmonics: how many of them.
        kind: "harmonic" or "mel".

    Source: "mel": Wu et al., MIDI-DDSP, 2022. Chapter: book/midi_ddsp/inference.ipynb
    """

    bands: Tensor

    def __init__(self, *, sample_rate: int, frame_rate: int, n_harmonics: int, kind: FeatureKind = "harmonic") -> None:
        super().__init__()
        if kind not in get_args(FeatureKind):
            raise ValueError(f"features must be 'harmonic' or 'mel'; got {kind!r}")
        self.sample_rate, self.hop, self.kind = sample_rate, sample_rate // frame_rate, kind
        self.n_harmonics = n_harmonics
        self.short, self.long, self.n_fft = (256, 1024, 2048) if kind == "harmonic" else (128, 0, 0)
        bands = mel_bands(sample_rate, fft_size=1024, n_bands=64, low_hz=40.0, equal_area=False)
        self.register_buffer("bands", bands.T.contiguous(), persistent=False)

    def as_raw(self) -> Tensor:
        """The linear map from features to raw controls (size, 1 + n_harmonics) that just copies what was measured.

        Far below its upper end `exp_sigmoid` is linear in dB, 20 of them a unit: raw = (level − 6 dB) / 20. Zeros for
        kind "mel", which measured no harmonic.
        """
        n = 1 + self.n_harmonics
        weights = torch.zeros(self.size, n)
        if self.kind == "harmonic":
            weights[:n] = torch.eye(n) * -FLOOR_DB / 20.0
        return weights

    @property
    def size(self) -> int:
        """Numbers a frame."""
        return 64 + (1 + 2 * self.n_harmonics if self.kind == "harmonic" else 0)

    def forward(self, audio: Tensor, f0_hz: Tensor) -> Tensor:
        """Measure audio (batch, n_frames · hop) along f0_hz (batch, n_frames), Hz: (batch, n_frames, size)."""
        n_frames = f0_hz.shape[-1]
        mel = _scaled(self._magnitudes(audio, self.short, 1024)[:, :n_frames].square() @ self.bands, power=True)
        if self.kind == "mel":
            return mel
        long = self._magnitudes(audio, self.long, self.n_fft)[:, :n_frames]
        k = torch.arange(1, self.n_harmonics + 1, device=audio.device, dtype=audio.dtype)
        place = f0_hz.unsqueeze(-1) * torch.cat([k, k + 0.5]) * (self.n_fft / self.sample_rate)  # in bins
        last = long.shape[-1] - 1
        lower = place.clamp(0, last - 1).floor()
        at = lower.long()
        levels = torch.lerp(long.gather(-1, at), long.gather(-1, at + 1), (place - lower).clamp(0, 1))
        levels = torch.where((place > 0) & (place < last), levels, 0.0)
        total = levels[..., : self.n_harmonics].sum(-1, keepdim=True)
        return torch.cat([_scaled(torch.cat([total, levels], -1)), mel], -1)

    def _magnitudes(self, audio: Tensor, window: int, n_fft: int) -> Tensor:
        """(batch, n_frames, n_fft / 2 + 1): a sine of amplitude A shows as A."""
        w = torch.hann_window(window, device=audio.device, dtype=audio.dtype)
        padded = nn.functional.pad(audio, (n_fft // 2, n_fft // 2))
        z = torch.stft(padded, n_fft, self.hop, window, w, center=False, return_complex=True)
        return (z.abs() * (2.0 / w.sum())).transpose(-1, -2)


def _scaled(values: Tensor, power: bool = False) -> Tensor:
    level = (10.0 if power else 20.0) * torch.log10(values.clamp(min=1e-10))
    return level.clamp(min=FLOOR_DB) / -FLOOR_DB + 1.0
