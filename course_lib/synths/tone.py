"""A tone: harmonics, filtered noise and a room from named controls. `tone_stream` makes it a stretch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor
from course_lib.core.frame_phase import frame_lines, frame_phase, frames_of
from course_lib.core.types import ArrayLike
from course_lib.effects.reverb import fft_convolve
from course_lib.synths.harmonic import harmonic_controls, harmonic_synth
from course_lib.synths.noise import filtered_noise, noise_controls


class ToneControls(NamedTuple):
    """What the instrument is told, frame by frame: the harmonic synth's three controls and the noise's magnitudes.

    f0_hz: (…, n_frames), Hz. amplitude: (…, n_frames), linear. distribution: (…, n_frames, n_harmonics), sums to 1.
    noise_magnitudes: (…, n_frames, n_bands), linear.

    >>> ToneControls(torch.ones(9), torch.ones(9), torch.ones(9, 4), torch.ones(9, 2)).noise_magnitudes.shape
    torch.Size([9, 2])
    """

    f0_hz: Tensor
    amplitude: Tensor
    distribution: Tensor
    noise_magnitudes: Tensor


class ToneParts(NamedTuple):
    """The parts of a sound, (…, n_samples) each; one that was left out is silent.

    harmonic: what follows the pitch. noise: filtered noise. room: what the room adds to both.
    """

    harmonic: Tensor
    noise: Tensor
    room: Tensor

    @property
    def sound(self) -> Tensor:
        """All of them together, (…, n_samples)."""
        return self.harmonic + self.noise + self.room


def phase_of_last_frame(f0_hz: Tensor, *, hop: int, sample_rate: float, turns: float = 0.0) -> float:
    """Phase in turns at which the last of the frames f0_hz (n_frames,) begins, where the first begins at `turns`.

    >>> phase_of_last_frame(torch.tensor([440.0, 440.0]), hop=10, sample_rate=16_000)
    0.275
    """
    frames = frames_of(n_frames=len(f0_hz), n_samples=len(f0_hz) * hop, device=f0_hz.device)
    step, bend = frame_lines(f0_hz, frames, sample_rate)
    phase = frame_phase(step[None], bend[None], (f0_hz == 0)[None], frames).start
    return (turns + float(phase[-1])) % 1.0


class PitchedPart(Protocol):
    """What an instrument needs of the part that follows the pitch, so that another can take its place.

    Its controls are a named tuple like `ToneControls`: of tensors with their frames on the axis behind the batch, with
    f0_hz first and noise_magnitudes last, and whatever else the part needs.

    n_raw: how many raw numbers a frame it is controlled by.
    """

    @property
    def n_raw(self) -> int: ...

    def controls(self, raw: Tensor, f0_hz: Tensor, noise_magnitudes: Tensor, *, sample_rate: float) -> Any:
        """Controls of raw numbers (…, n_frames, n_raw); pitch (…, n_frames) and noise are passed on."""

    def scaled(self, controls: Any, gain: Tensor) -> Any:
        """These controls with the pitched part `gain` (…, n_frames) times as loud; the noise stays."""

    def level(self, controls: Any) -> Tensor:
        """How loud each frame is (…, n_frames), linear: what rises and falls where the tone does."""

    def sound(self, controls: Any, *, n_samples: int, sample_rate: float, start: Any = None) -> Tensor:
        """(…, n_samples) of controls (…, n_frames, …); `start` is None at the beginning of a sound."""

    def advance(self, controls: Any, *, hop: int, sample_rate: float, start: Any) -> Any:
        """`start` for a stretch that begins with the last frame of these controls (n_frames, …)."""


@dataclass(frozen=True)
class HarmonicPart:
    """The harmonic synthesizer as a tone's pitched part; a stretch starts at a phase, in turns."""

    n_harmonics: int = 60

    @property
    def n_raw(self) -> int:
        """Amplitude, and a share for each harmonic."""
        return 1 + self.n_harmonics

    def controls(self, raw: Tensor, f0_hz: Tensor, noise_magnitudes: Tensor, *, sample_rate: float) -> ToneControls:
        """`harmonic_controls` of raw numbers, beside the noise."""
        harmonic = harmonic_controls(raw[..., 0], raw[..., 1:], f0_hz, sample_rate)
        return ToneControls(*harmonic, noise_magnitudes)

    def scaled(self, controls: ToneControls, gain: Tensor) -> ToneControls:
        """The amplitude is what is scaled."""
        return controls._replace(amplitude=controls.amplitude * gain)

    def level(self, controls: ToneControls) -> Tensor:
        """The amplitude."""
        return controls.amplitude

    def sound(
        self, controls: ToneControls, *, n_samples: int, sample_rate: float, start: float | None = None
    ) -> Tensor:
        """`harmonic_synth` of these controls, from this phase on."""
        f0_hz, amplitude, distribution, _ = controls
        return harmonic_synth(
            f0_hz, amplitude, distribution, n_samples=n_samples, sample_rate=sample_rate, turns=start or 0.0
        )

    def advance(self, controls: ToneControls, *, hop: int, sample_rate: float, start: float | None) -> float:
        """Phase at which the last frame begins, in turns."""
        return phase_of_last_frame(controls.f0_hz, hop=hop, sample_rate=sample_rate, turns=start or 0.0)


HARMONICS = HarmonicPart()


def tone_controls(
    raw: ArrayLike, f0_hz: ArrayLike, *, n_harmonics: int, n_bands: int, sample_rate: float
) -> ToneControls:
    """Turn raw numbers, as a network gives them, into controls.

    Args:
        raw: (…, n_frames, 1 + n_harmonics + n_bands), any real number: amplitude, distribution, noise; or
            (…, n_frames, 1 + n_harmonics) for a tone without noise.
        f0_hz: (…, n_frames), Hz; passed on untouched.
        n_harmonics, n_bands: how many.
        sample_rate: Hz.

    Returns:
        ToneControls: see `harmonic_controls` and `noise_controls`; the magnitudes are 0 without noise.

    Raises:
        ValueError: as `harmonic_controls`; a number of raw numbers that is neither of the two.

    Source: Engel et al., DDSP, 2020, appendix B. Chapter: book/tone_transfer/decoder.ipynb

    >>> raw, f0_hz = torch.zeros(10, 7), torch.full((10,), 440.0)
    >>> tone_controls(raw, f0_hz, n_harmonics=4, n_bands=2, sample_rate=16000).noise_magnitudes.shape
    torch.Size([10, 2])
    """
    return controls_of(HarmonicPart(n_harmonics), raw, f0_hz, n_bands=n_bands, sample_rate=sample_rate)


def controls_of(pitched: PitchedPart, raw: ArrayLike, f0_hz: ArrayLike, *, n_bands: int, sample_rate: float) -> Any:
    """As `tone_controls`, for any pitched part.

    Args:
        pitched: what the first n_raw numbers of a frame are for; those behind them are the noise's.
        raw, f0_hz, n_bands, sample_rate: as `tone_controls`.

    Returns:
        The part's controls, with noise_magnitudes (…, n_frames, n_bands).

    Raises:
        ValueError: as the part's own controls; a number of raw numbers that fits neither with nor without noise.

    >>> controls_of(HARMONICS, torch.zeros(10, 63), torch.ones(10), n_bands=2, sample_rate=16000).distribution.shape
    torch.Size([10, 60])
    """
    numbers = as_tensor(raw, "raw")
    size, n_raw = numbers.shape[-1] if numbers.ndim else 0, pitched.n_raw
    if size not in (n_raw, n_raw + n_bands):
        raise ValueError(
            f"raw must hold {n_raw} + {n_bands} numbers a frame, or {n_raw} without noise; got "
            f"shape {tuple(numbers.shape)}"
        )
    if size == n_raw:
        noise = numbers.new_zeros(*numbers.shape[:-1], n_bands)
    else:
        noise = noise_controls(numbers[..., n_raw:])
    return pitched.controls(numbers[..., :n_raw], as_tensor(f0_hz, "f0_hz"), noise, sample_rate=sample_rate)


def tone(
    controls: Any,
    *,
    n_samples: int,
    sample_rate: float,
    pitched: PitchedPart = HARMONICS,
    noise: bool = True,
    room: ArrayLike | None = None,
    generator: torch.Generator | None = None,
) -> ToneParts:
    """Synthesise a tone from its controls, part by part, with gradients to all of them.

    Args:
        controls: ToneControls (…, n_frames, …), or those of another pitched part.
        n_samples: length of the sound.
        sample_rate: Hz.
        pitched: what follows the pitch.
        noise: False leaves the noise out, and draws none.
        room: impulse response, (n_taps,) or (…, n_taps); tap 0 is ignored, as in `reverb`. None: dry.
        generator: of the noise; a fixed seed if None.

    Returns:
        ToneParts.

    Raises:
        ValueError: as `harmonic_synth`, `filtered_noise` and `reverb`.

    Source: Engel et al., DDSP, 2020. Chapter: book/tone_transfer/decoder.ipynb

    >>> still = ToneControls(torch.tensor([2000.0]), torch.tensor([0.5]), torch.ones(1, 1), torch.zeros(1, 2))
    >>> tone(still, n_samples=4, sample_rate=16_000).sound
    tensor([0.0000, 0.3536, 0.5000, 0.3536])
    """
    harmonic = pitched.sound(controls, n_samples=n_samples, sample_rate=sample_rate)
    if noise:
        hiss = filtered_noise(controls.noise_magnitudes, n_samples, generator)
    else:
        hiss = torch.zeros_like(harmonic)
    if room is None:
        return ToneParts(harmonic, hiss, torch.zeros_like(harmonic))
    return ToneParts(harmonic, hiss, fft_convolve(harmonic + hiss, without_direct_sound(room)))


def without_direct_sound(room: ArrayLike) -> Tensor:
    """An impulse response with 0 as tap 0: the dry sound is passed on as it is.

    >>> without_direct_sound(torch.ones(3))
    tensor([0., 1., 1.])
    """
    response = as_tensor(room, "room")
    return torch.cat([torch.zeros_like(response[..., :1]), response[..., 1:]], -1)
