"""A room as its impulse response: learned tap by tap, or as a decay with a few numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.core.checks import (
    as_tensor,
    check_audio,
    check_count,
    check_finite,
    check_leading,
    check_sample_rate,
    in_single,
)
from course_lib.core.eager import is_eager
from course_lib.core.noise import white_noise
from course_lib.core.types import ArrayLike
from course_lib.effects.fir import power_of_two

NEPER_DB = 20.0 / math.log(10.0)  # dB in a factor of e


def fft_convolve(audio: ArrayLike, impulse_response: ArrayLike) -> Tensor:
    """Convolve a sound with an impulse response by multiplying their spectra, and keep the sound's length.

    Both are padded first, so that no tail wraps around from the end to the beginning.

    Args:
        audio: (…, n_samples).
        impulse_response: (…, n_taps), of any length; sample 0 is time 0.

    Returns:
        (…, n_samples): the first n_samples of the full convolution, causal.

    Raises:
        ValueError: empty, NaN or infinite input, leading axes that do not agree.

    Chapter: book/shaping/room.ipynb

    >>> fft_convolve([0.5, 0.0, 0.5, 0.25], [1.0, 0.5]).round(decimals=2)
    tensor([0.5000, 0.2500, 0.5000, 0.5000])
    """
    x, h = check_audio(audio), check_audio(impulse_response, "impulse_response")
    check_leading(audio=x.shape[:-1], impulse_response=h.shape[:-1])
    n = int(x.shape[-1])
    h = h[..., :n]  # later taps would only be heard after the end
    dtype = torch.promote_types(x.dtype, h.dtype)
    x, h = in_single(x, h)
    size = power_of_two(n + int(h.shape[-1]) - 1)
    spectrum = torch.fft.rfft(x, n=size) * torch.fft.rfft(h, n=size)
    return torch.fft.irfft(spectrum, n=size)[..., :n].to(dtype)


def reverb(audio: ArrayLike, impulse_response: ArrayLike) -> Tensor:
    """Add a room to a dry sound.

    The direct sound is passed on as it is, so tap 0 of the response is taken as 0: otherwise the dry sound would come
    twice, and the room's first tap and the synth's level would fight over the same loudness.

    Args:
        audio: (…, n_samples), dry.
        impulse_response: (…, n_taps), what the room answers to a click; tap 0 is ignored.

    Returns:
        (…, n_samples), dry + room.

    Raises:
        ValueError: as `fft_convolve`.

    Source: Engel et al., DDSP, 2020, section 3.3. Chapter: book/shaping/room.ipynb

    >>> reverb(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([9.0, 0.0, 0.25]))  # tap 0 is taken as 0
    tensor([1.0000, 0.0000, 0.2500])
    """
    x, h = check_audio(audio), check_audio(impulse_response, "impulse_response")
    room = torch.cat([torch.zeros_like(h[..., :1]), h[..., 1:]], -1)
    return x + fft_convolve(x, room)


def decaying_impulse_response(
    rt60_s: ArrayLike, gain_db: ArrayLike, *, n_taps: int, sample_rate: float, generator: torch.Generator | None = None
) -> Tensor:
    """Noise that dies away exponentially: the diffuse tail of a room in two numbers.

    Args:
        rt60_s: a number or (…), seconds until the tail has fallen by 60 dB, > 0.
        gain_db: a number or (…), energy of the whole tail against the direct sound, dB, if it may ring to its end.
        n_taps: length of the response.
        sample_rate: Hz.
        generator: of the noise; if None a fixed seed, so that the same numbers give the same room. A program that is
            compiled, exported or traced takes none.

    Returns:
        (…, n_taps), tap 0 is 0; differentiable in both numbers.

    Raises:
        ValueError: a decay time that is not above 0, NaN.

    Source: Moorer, About this reverberation business, 1979. Chapter: book/shaping/room.ipynb

    >>> decaying_impulse_response(0.5, -12.0, n_taps=800, sample_rate=16000).shape
    torch.Size([800])
    """
    rate, n = check_sample_rate(sample_rate), check_count(n_taps, "n_taps", minimum=2)
    decay = check_finite(as_tensor(rt60_s, "rt60_s"), "rt60_s")
    gain = check_finite(as_tensor(gain_db, "gain_db"), "gain_db")
    if is_eager(decay) and bool((decay.detach() <= 0).any()):
        raise ValueError(f"rt60_s must be above 0 seconds, such as 0.8; got {decay.detach().min().item():g}")
    check_leading(rt60_s=decay.shape, gain_db=gain.shape)
    dtype = torch.promote_types(decay.dtype, gain.dtype)
    decay, gain = in_single(decay.to(dtype), gain.to(dtype))
    noise = white_noise((n,), generator, decay.double()).to(decay)
    slope = 3.0 * math.log(10.0) / (decay * rate)  # 60 dB in rt60: nepers a sample
    taps = torch.arange(n, device=decay.device, dtype=decay.dtype)
    envelope = torch.exp(-slope.unsqueeze(-1) * taps)
    # Σ exp(−2·slope·n), n ≥ 1, is what the whole tail would weigh.
    energy = torch.exp(-2.0 * slope) / -torch.expm1(-2.0 * slope)
    level = 10.0 ** (gain / 20.0) / energy.sqrt()
    return (level.unsqueeze(-1) * envelope * torch.cat([torch.zeros_like(noise[:1]), noise[1:]])).to(dtype)


class Reverb(nn.Module):
    """A room learned tap by tap: the same for every sound that it is given.

    Args:
        n_taps: length of the response in samples.
        initial: RMS of the first taps; they start as faint decaying noise.
        generator: of that noise; if None a fixed seed.

    Attributes:
        impulse_response: (n_taps,) parameter; tap 0 has no effect.

    Raises:
        ValueError: fewer than two taps.

    Source: Engel et al., DDSP, 2020, section 3.3. Chapter: book/shaping/room.ipynb

    >>> Reverb(n_taps=800)(torch.zeros(100)).shape
    torch.Size([100])
    """

    def __init__(self, n_taps: int, *, initial: float = 1e-3, generator: torch.Generator | None = None) -> None:
        super().__init__()
        n = check_count(n_taps, "n_taps", minimum=2)
        start = decaying_impulse_response(
            float(n), 0.0, n_taps=n, sample_rate=1.0, generator=generator
        )  # down by 60 dB at its end
        self.impulse_response = nn.Parameter(initial * start / start.square().mean().sqrt())

    def forward(self, audio: ArrayLike) -> Tensor:
        """Return dry + room, (…, n_samples)."""
        return reverb(audio, self.impulse_response)


class DecayReverb(nn.Module):
    """A room of two learned numbers: how long it rings and how loud.

    Args:
        n_taps: length of the response in samples.
        sample_rate: Hz.
        rt60_s: decay time at the start, s.
        gain_db: level of the tail at the start, dB.

    Attributes:
        log_rt60: scalar parameter, natural logarithm of seconds, so that no step makes it negative.
        log_gain: scalar parameter, natural logarithm of the level; one step weighs as much as one of log_rt60.

    Raises:
        ValueError: as `decaying_impulse_response`.

    Chapter: book/shaping/room.ipynb

    >>> DecayReverb(n_taps=800, sample_rate=16000)(torch.zeros(100)).shape
    torch.Size([100])
    """

    def __init__(self, *, n_taps: int, sample_rate: float, rt60_s: float = 0.5, gain_db: float = -12.0) -> None:
        super().__init__()
        decaying_impulse_response(rt60_s, gain_db, n_taps=n_taps, sample_rate=sample_rate)
        self.log_rt60 = nn.Parameter(torch.tensor(math.log(rt60_s)))
        self.log_gain = nn.Parameter(torch.tensor(gain_db / NEPER_DB))
        self.n_taps, self.sample_rate = n_taps, sample_rate

    @property
    def rt60_s(self) -> Tensor:
        """Decay time now, s."""
        return self.log_rt60.exp()

    @property
    def gain_db(self) -> Tensor:
        """Level of the tail now, dB."""
        return NEPER_DB * self.log_gain

    @property
    def impulse_response(self) -> Tensor:
        """(n_taps,), what the two numbers stand for now."""
        return decaying_impulse_response(self.rt60_s, self.gain_db, n_taps=self.n_taps, sample_rate=self.sample_rate)

    def forward(self, audio: ArrayLike) -> Tensor:
        """Return dry + room, (…, n_samples)."""
        return reverb(audio, self.impulse_response)
