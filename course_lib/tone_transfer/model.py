"""The whole instrument: decoder, a synthesizer for what has the pitch, filtered noise, room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.core.checks import as_tensor, check_count, check_sample_rate
from course_lib.core.networks import scale_inputs
from course_lib.core.types import ArrayLike
from course_lib.effects.reverb import Reverb
from course_lib.synths.tone import ToneControls, controls_of, tone
from course_lib.synths.tones.choose import SETTINGS, TONES, ToneName, make_tone
from course_lib.tone_transfer.decoder import ToneDecoder
from course_lib.tone_transfer.encoder import TimbreEncoder


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """Everything that fixes the shape of a `ToneTransfer`.

    tone: what plays the pitched part. tone_settings: what else it takes, by name (`make_tone`). use_noise, use_reverb
    and use_loudness switch a part off for good: a model without it is trained without it.
    """

    sample_rate: int = 16_000
    frame_rate: int = 250
    n_harmonics: int = 60
    n_bands: int = 65
    width: int = 64
    hidden: int = 128
    n_z: int = 0
    reverb_taps: int = 8_000
    use_noise: bool = True
    use_reverb: bool = True
    use_loudness: bool = True
    tone: ToneName = "harmonic"
    tone_settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_sample_rate(self.sample_rate)
        if self.tone not in TONES:
            raise ValueError(f"tone must be one of {', '.join(TONES)}; got {self.tone!r}")
        object.__setattr__(self, "tone_settings", {**SETTINGS[self.tone], **self.tone_settings})
        for name in ("frame_rate", "n_harmonics", "width", "hidden"):
            check_count(getattr(self, name), name)
        for name in ("n_bands", "reverb_taps"):
            check_count(getattr(self, name), name, minimum=2)
        check_count(self.n_z, "n_z", minimum=0)
        if self.sample_rate % self.frame_rate:
            raise ValueError(f"frame_rate must divide sample_rate {self.sample_rate}; got {self.frame_rate}")


class ToneTransfer(nn.Module):
    """An instrument that plays any pitch and loudness curve it is given.

    Args:
        config: its shape; the default has about 180,000 weights and half a second of room.

    Raises:
        ValueError: a configuration that makes no sense.

    Source: Engel et al., DDSP, 2020. Chapter: book/tone_transfer/decoder.ipynb
    """

    def __init__(self, config: TransferConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or TransferConfig()
        self.tone = make_tone(c.tone, n_harmonics=c.n_harmonics, **c.tone_settings)
        n_outputs = self.tone.n_raw + (c.n_bands if c.use_noise else 0)
        self.decoder = ToneDecoder(n_outputs, width=c.width, hidden=c.hidden, n_z=c.n_z)
        self.reverb = Reverb(c.reverb_taps) if c.use_reverb else None
        self.encoder = TimbreEncoder(sample_rate=c.sample_rate, frame_rate=c.frame_rate, n_z=c.n_z) if c.n_z else None

    def encode(self, audio: ArrayLike) -> Tensor | None:
        """Encode sounds (batch, n_samples) as z, (batch, n_frames, n_z); None for a model without an encoder."""
        if self.encoder is None:
            return None
        x = as_tensor(audio, "audio").to(self.decoder.raw.weight)
        return self.encoder(x, x.shape[-1] * self.config.frame_rate // self.config.sample_rate)

    def controls(self, f0_hz: ArrayLike, loudness_db: ArrayLike, z: Tensor | None = None) -> ToneControls:
        """Decode pitch and loudness into controls that can be printed, plotted and changed.

        Args:
            f0_hz: (…, n_frames), Hz, `frame_rate` frames a second; 0 is a rest.
            loudness_db: (…, n_frames), dB, as `course_lib.loudness_db` measures it.
            z: (…, n_frames, n_z) for a model with an encoder.

        Returns:
            ToneControls of the same frames (those of another tone, if the instrument has one); f0_hz is passed on
            untouched.

        Raises:
            ValueError: as `scale_inputs`.
        """
        return self.controls_and_state(f0_hz, loudness_db, z)[0]

    def controls_and_state(
        self, f0_hz: ArrayLike, loudness_db: ArrayLike, z: Tensor | None = None, state: Tensor | None = None
    ) -> tuple[ToneControls, Tensor]:
        """As `controls`, for long sounds a stretch at a time: `state` is what the stretch before returned."""
        c = self.config
        inputs = scale_inputs(f0_hz, loudness_db).to(self.decoder.raw.weight)
        if not c.use_loudness:
            inputs = inputs * inputs.new_tensor([1.0, 0.0])
        leading, n_frames = inputs.shape[:-2], inputs.shape[-2]
        flat = None if z is None else z.reshape(-1, n_frames, z.shape[-1])
        raw, state = self.decoder(inputs.reshape(-1, n_frames, 2), flat, state)
        raw = raw.reshape(*leading, n_frames, -1)
        # Half precision is too coarse for a pitch: it stays at single where the weights are halves.
        f0 = as_tensor(f0_hz, "f0_hz").to(raw.device, torch.promote_types(raw.dtype, torch.float32))
        controls = controls_of(self.tone, raw, f0, n_bands=c.n_bands, sample_rate=c.sample_rate)
        return controls, state

    def synthesise(
        self, controls: ToneControls, n_samples: int, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Turn controls into sound, part by part.

        Args:
            controls: from `controls`, changed or not.
            n_samples: length of the sound.
            generator: of the noise; a fixed seed if None.

        Returns:
            {"harmonic", "noise", "room", "sound"}, each (…, n_samples); the sound is the sum of the other three.
        """
        parts = tone(controls, n_samples=n_samples, generator=generator, **self.tone_settings())
        return {**parts._asdict(), "sound": parts.sound}

    def tone_settings(self) -> dict[str, Any]:
        """What `tone` and `stream_tone` need to know of this instrument besides its controls."""
        return {
            "sample_rate": self.config.sample_rate,
            "pitched": self.tone,
            "noise": self.config.use_noise,
            "room": None if self.reverb is None else self.reverb.impulse_response,
        }

    def forward(
        self,
        f0_hz: ArrayLike,
        loudness_db: ArrayLike,
        n_samples: int | None = None,
        z: Tensor | None = None,
        generator: torch.Generator | None = None,
        recording: ArrayLike | None = None,
    ) -> Tensor:
        """Return the sound, (…, n_samples); by default as long as its frames.

        A model with an encoder takes z from `recording`, (batch, n_samples), where z is not given.
        """
        if z is None and recording is not None:
            z = self.encode(recording)
        controls = self.controls(f0_hz, loudness_db, z)
        length = controls.f0_hz.shape[-1] * self.config.sample_rate // self.config.frame_rate
        return self.synthesise(controls, length if n_samples is None else n_samples, generator)["sound"]
