"""A small encoder and the steady harmonic tone it drives: what is heard, what is answered, how the two are compared.

Every frame is scaled to power 1, and so is what the synthesizer answers, so that loudness plays no part.
"""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.core.checks import check_audio
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.sounds.clips import load_clip

SAMPLE_RATE, FRAME = 16_000, 2048
LOW_HZ, HIGH_HZ, TOP_HZ = 50.0, 1000.0, 7800.0
BINS = 36  # to the octave: of the spectrum that the encoder sees, and of its grid of pitches
N_PITCHES = int(BINS * math.log2(HIGH_HZ / LOW_HZ)) + 2
N_BINS = int(BINS * math.log2(TOP_HZ / LOW_HZ)) + 10
REACH = 5 * BINS  # the comb spans five octaves: harmonics 1 to 32
HARMONICS, MAX_LAG = 32, 800
CLIPS = ("saxophone", "violin", "trumpet", "voice", "guitar")
WINDOW = torch.hann_window(FRAME)


# --- Sounds -------------------------------------------------------------------------------------------------------


def tone(f0_hz: Tensor, amplitudes: Tensor, phases: Tensor | float = 0.0) -> Tensor:
    """The harmonic synthesizer for one frame of steady pitch: (batch,), (batch, K) → (batch, FRAME).

    sin(a + b) from two short tables, n = 64 q + r: `harmonic_synth` with a thirtieth of the sines.
    """
    step = 2 * math.pi / SAMPLE_RATE * f0_hz[:, None] * torch.arange(1, amplitudes.shape[-1] + 1)  # Hz → rad/sample
    far = step[..., None] * torch.arange(0, FRAME, 64) + (torch.zeros_like(step) + phases)[..., None]
    near, a = step[..., None] * torch.arange(64), amplitudes[..., None]
    return ((a * far.sin()).mT @ near.cos() + (a * far.cos()).mT @ near.sin()).flatten(1)


def unit_power(frames: Tensor) -> Tensor:
    """Scale each frame to power 1."""
    return frames / frames.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-6)


def synthetic_tones(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n frames of power 1 and their pitch (only for evaluation): 50–1000 Hz, up to 40 partials of amplitude k^−p,
    p from 0.5 to 2, each up to 9 dB off, any phases, and white noise 10 to 40 dB below."""
    rng = np.random.default_rng(seed)
    f0, k = LOW_HZ * (HIGH_HZ / LOW_HZ) ** rng.random((n, 1)), np.arange(1, 41)
    a = k ** -rng.uniform(0.5, 2.0, (n, 1)) * 10 ** (rng.uniform(-9, 9, (n, 40)) / 20) * (k * f0 < TOP_HZ)
    phases = rng.uniform(0, 2 * np.pi, (n, 40))
    level = 10 ** (-rng.uniform(10, 40, (n, 1)) / 20)
    noise = torch.from_numpy(rng.random((n, FRAME), dtype=np.float32)) - 0.5
    f0_hz, amplitude, phase, quiet = (torch.from_numpy(x).float() for x in (f0, a, phases, level))
    parts = zip(f0_hz[:, 0].split(256), amplitude.split(256), phase.split(256), strict=True)
    sound = torch.cat([tone(*part) for part in parts])
    return unit_power(unit_power(sound) + quiet * unit_power(noise)), f0_hz[:, 0]


def pitch_frames(audio: Tensor, n_frames: int) -> Tensor:
    """Frames (n_frames, FRAME) of a 16 kHz sound (n_samples,); frame i is centred on sample i·n_samples/n_frames."""
    sound = nn.functional.pad(check_audio(audio), (FRAME // 2, FRAME // 2))
    starts = (torch.arange(n_frames) * audio.shape[-1]).div(n_frames, rounding_mode="floor")
    return unit_power(sound[starts[:, None] + torch.arange(FRAME)])


def quiet_clip(name: str) -> Tensor:
    """A clip without its credit, for the command's own use."""
    with contextlib.redirect_stdout(io.StringIO()):
        return load_clip(name)[0]


def clip_frames(n: int, seed: int) -> Tensor:
    """n frames of the clips at random places, played at speeds from 1/3.4 to 2, so that every pitch occurs."""
    from scipy.signal import resample

    rng = np.random.default_rng(seed)
    sounds = [quiet_clip(name).numpy() for name in CLIPS]
    played = [resample(x, int(len(x) / 2**octaves)) for x in sounds for octaves in np.arange(-1.75, 1.01, 0.25)]
    power = [np.square(x).mean() for x in played]
    frames: list[np.ndarray] = []
    while len(frames) < n:
        i = rng.integers(len(played))
        start = rng.integers(len(played[i]) - FRAME)
        frame = played[i][start : start + FRAME]
        if np.square(frame).mean() > 1e-3 * power[i]:  # not the rests
            frames.append(frame)
    return unit_power(torch.from_numpy(np.array(frames, dtype=np.float32)))


# --- Losses -------------------------------------------------------------------------------------------------------


def autocorrelation(frames: Tensor) -> Tensor:
    """Autocorrelation at lags 1…MAX_LAG, (…, FRAME) → (…, MAX_LAG); what the window takes is given back."""

    def correlate(x: Tensor) -> Tensor:
        return torch.fft.irfft(torch.fft.rfft(x, n=2 * FRAME).abs().square())[..., 1 : MAX_LAG + 1]

    return correlate(frames * WINDOW) / correlate(WINDOW)


def lag_loss(prediction: Tensor, target: Tensor, width: float) -> Tensor:
    """1 − the correlation of two autocorrelations under a Gaussian of `width` samples; lag 0, the noise's, left out."""
    weight = torch.exp(-0.5 * (torch.arange(1, MAX_LAG + 1) / width) ** 2)
    p, t = autocorrelation(prediction), autocorrelation(target)
    norm = ((weight * p * p).sum(-1) * (weight * t * t).sum(-1)).sqrt()
    return (1 - (weight * p * t).sum(-1) / norm.clamp(min=1e-12)).mean()


def transport_loss(prediction: Tensor, target: Tensor, power: float) -> Tensor:
    """Wasserstein-1 distance of the spectra |X|^power, as shares of their sum, along the frequency axis (0 to 1)."""

    def cumulated(x: Tensor) -> Tensor:
        mass = torch.fft.rfft(x * WINDOW).abs().square().clamp(min=1e-12) ** (power / 2)
        return mass.cumsum(-1) / mass.sum(-1, keepdim=True)

    return (cumulated(prediction) - cumulated(target)).abs().mean()


def smooth_multiscale_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Linear magnitudes only, eleven sizes, Gaussian windows that have no side lobes; each size counts the same."""
    total = prediction.new_zeros(())
    for size in (2048, 1536, 1024, 768, 512, 384, 256, 192, 128, 96, 64):
        window = torch.exp(-0.5 * ((torch.arange(size) - size / 2) / (size / 8)) ** 2)
        p, t = (torch.stft(x, size, size // 2, window=window, return_complex=True).abs() for x in (prediction, target))
        total = total + (p - t).abs().mean() / t.mean()
    return total


def reconstruction_loss(name: str, prediction: Tensor, target: Tensor, progress: float) -> Tensor:
    """The loss of a recipe at `progress` 0…1 through the training; the lag window grows over the first 60 %."""
    if name == "lag":
        return lag_loss(prediction, target, 4.0 * 128.0 ** min(1.0, progress / 0.6))
    if name == "wide lag":
        return lag_loss(prediction, target, 512.0)
    if name == "smooth":
        return smooth_multiscale_loss(prediction, target)
    if name == "usual":
        return multiscale_spectral_loss(prediction, target)
    return transport_loss(prediction, target, {"transport": 2.0, "sharpened": 4.0}[name])


# --- The encoder --------------------------------------------------------------------------------------------------


def log_spectrum(frames: Tensor) -> Tensor:
    """Spectrum at N_BINS log-spaced frequencies, from 0 (−60 dB) to 1: (batch, FRAME) → (batch, N_BINS)."""
    at = LOW_HZ * 2 ** (torch.arange(N_BINS) / BINS - 0.25) * 4 * FRAME / SAMPLE_RATE
    magnitude, below = torch.fft.rfft(frames * WINDOW, n=4 * FRAME).abs(), at.long()
    value = magnitude[:, below] + (magnitude[:, below + 1] - magnitude[:, below]) * (at - below)
    return 1 + torch.log10(value / value.amax(1, keepdim=True).clamp(min=1e-6) + 1e-3) / 3


class PitchEncoder(nn.Module):
    """Frame → pitch and harmonic amplitudes. f0 is the mean of a softmax over log-spaced pitches.

    Convolutions along log frequency treat a transposed sound as the same pattern shifted (`equivariant`); without them
    a plain two-layer network of the same size does. amplitudes: "decaying" allows no harmonic to be louder than the
    one below; "free" allows anything and starts at 1/k; "flat" allows anything and starts with equal amplitudes.
    """

    def __init__(self, amplitudes: str = "decaying", equivariant: bool = True) -> None:
        super().__init__()
        self.amplitudes, self.equivariant = amplitudes, equivariant
        if equivariant:
            self.local = nn.Sequential(
                nn.Conv1d(1, 16, 15, padding=7), nn.LeakyReLU(0.1), nn.Conv1d(16, 16, 15, padding=7), nn.LeakyReLU(0.1)
            )
            self.comb = nn.Conv1d(16, 1, REACH + 1)
        else:
            self.plain = nn.Sequential(nn.Linear(N_BINS, 64), nn.LeakyReLU(0.1), nn.Linear(64, N_PITCHES))
        first, last = nn.Linear(N_BINS, 64), nn.Linear(64, HARMONICS)
        with torch.no_grad():
            last.weight *= 0.1  # all sounds start with nearly the same timbre
        self.timbre = nn.Sequential(first, nn.LeakyReLU(0.1), last)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, FRAME) → f0 in Hz (batch,), amplitudes (batch, HARMONICS)."""
        spectrum = log_spectrum(frames)
        if self.equivariant:
            seen = self.local(spectrum[:, None])[:, :, 4:]
            score = self.comb(nn.functional.pad(seen, (0, N_PITCHES + REACH - seen.shape[-1])))[:, 0]
        else:
            score = self.plain(spectrum)
        f0_hz = LOW_HZ * 2 ** ((score.softmax(-1) * torch.arange(N_PITCHES)).sum(-1) / BINS)
        raw, k = self.timbre(spectrum), torch.arange(1, HARMONICS + 1)
        if self.amplitudes == "decaying":
            level = nn.functional.logsigmoid(raw + 2).cumsum(-1)
        else:
            level = raw - k.log() if self.amplitudes == "free" else raw
        return f0_hz, level.exp() * torch.sigmoid((SAMPLE_RATE / 2 - 100 - k * f0_hz[:, None]) / 100)  # no aliasing
