"""DDSP inference: hearing, in a recording, the numbers with which a synthesizer would play it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.core.checks import as_tensor, check_audio, check_count, check_frequency, check_sample_rate
from course_lib.core.networks import check_instruments, every_frame, scale_inputs, stack
from course_lib.core.types import ArrayLike
from course_lib.midi_ddsp.hearing.features import FeatureKind, SpectralFeatures
from course_lib.synths.tone import ToneControls, tone, tone_controls

ANY = "any"  # what the network calls an instrument that it does not know


@dataclass(frozen=True, kw_only=True)
class InferenceConfig:
    """Everything that fixes the shape of a `DDSPInference`.

    features: see `SpectralFeatures`. instruments: names it knows. reverb_taps: of one room an instrument, learned with
    the network; 0 for recordings without a room.
    """

    sample_rate: int = 16_000
    frame_rate: int = 250
    n_harmonics: int = 60
    n_bands: int = 65
    width: int = 128
    hidden: int = 64
    n_embedding: int = 16
    instruments: tuple[str, ...] = ()
    features: FeatureKind = "harmonic"
    reverb_taps: int = 0

    def __post_init__(self) -> None:
        check_instruments(self)
        check_sample_rate(self.sample_rate)
        for name in ("frame_rate", "n_harmonics", "width", "hidden", "n_embedding"):
            check_count(getattr(self, name), name)
        check_count(self.n_bands, "n_bands", minimum=2)
        check_count(self.reverb_taps, "reverb_taps", minimum=0)
        if self.sample_rate % self.frame_rate:
            raise ValueError(f"frame_rate must divide sample_rate {self.sample_rate}; got {self.frame_rate}")
        if ANY in self.instruments:
            raise ValueError(f"instruments must be different names, none of them {ANY!r}; got {self.instruments}")


class DDSPInference(nn.Module):
    """Audio and its pitch in; 1 f0, 1 amplitude, 60 harmonics and 65 noise bands out, 250 times a second.

    Features of the sound (`SpectralFeatures`), pitch and loudness pass a small stack; a GRU in each direction looks
    at what was before and what comes after; another stack gives the raw numbers, as corrections of what was measured
    directly: before training, a harmonic is as loud as the features say. The pitch is passed through.

    Args:
        config: its shape; the default has about 190,000 weights.

    Source: after Wu et al., MIDI-DDSP, 2022, section 3.1, with a CNN of 4.7 M weights replaced by features that
        follow the pitch. Chapter: book/midi_ddsp/inference.ipynb
    """

    def __init__(self, config: InferenceConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or InferenceConfig()
        self.features = SpectralFeatures(
            sample_rate=c.sample_rate, frame_rate=c.frame_rate, n_harmonics=c.n_harmonics, kind=c.features
        )
        self.embedding = nn.Embedding(len(c.instruments) + 1, c.n_embedding)  # row 0: any
        self.input = stack(self.features.size + 2, width=c.width)
        self.gru = nn.GRU(c.width + c.n_embedding, c.hidden, batch_first=True, bidirectional=True)
        self.output = stack(2 * c.hidden + c.width, width=c.width, depth=1)
        self.raw = nn.Linear(c.width, 1 + c.n_harmonics + c.n_bands)
        self.measured = nn.Linear(self.features.size, 1 + c.n_harmonics + c.n_bands, bias=False)
        with torch.no_grad():
            self.measured.weight.zero_()
            self.measured.weight[: 1 + c.n_harmonics] = self.features.as_raw().T
            if c.features == "harmonic":
                self.raw.bias[: 1 + c.n_harmonics] = -5.3  # −106 dB: where the features begin
        rooms = torch.randn(len(c.instruments) + 1, c.reverb_taps) * 1e-6
        self.rooms = nn.Parameter(rooms) if c.reverb_taps else None

    def indices(self, instruments: Sequence[str | None]) -> Tensor:
        """Rows of the embedding; an instrument that is unknown, or None, is "any"."""
        known = {name: i for i, name in enumerate(self.config.instruments, 1)}
        return torch.tensor([known.get(name or ANY, 0) for name in instruments], device=self.raw.weight.device)

    def controls(
        self, audio: ArrayLike, f0_hz: ArrayLike, loudness_db: ArrayLike, instrument_id: Tensor | None = None
    ) -> ToneControls:
        """Hear the synthesizer's controls in sounds.

        Args:
            audio: (batch, n_frames · hop), at the model's sample rate.
            f0_hz: (batch, n_frames), Hz; 0 where there is no pitch.
            loudness_db: (batch, n_frames), dB, as `course_lib.loudness_db` measures it.
            instrument_id: (batch,), from `indices`; None: any.

        Returns:
            ToneControls, (batch, n_frames, …); f0_hz is passed on untouched.

        Raises:
            ValueError: shapes that do not belong together, NaN, an empty sound.
        """
        c = self.config
        sound = check_audio(audio).to(self.raw.weight)
        f0 = check_frequency(as_tensor(f0_hz, "f0_hz"), "f0_hz", c.sample_rate).to(self.raw.weight)
        hop = c.sample_rate // c.frame_rate
        if sound.ndim != 2 or sound.shape != (f0.shape[0], f0.shape[-1] * hop):
            raise ValueError(
                f"audio must be (batch, {hop} · n_frames) for f0_hz (batch, n_frames); "
                f"got {tuple(sound.shape)} and {tuple(f0.shape)}"
            )
        pitch_and_loudness = scale_inputs(f0, loudness_db).to(sound)
        features = self.features(sound, f0)
        h = self.input(torch.cat([features, pitch_and_loudness], -1))
        if instrument_id is None:
            instrument_id = self.indices([None] * len(sound))
        embedded = every_frame(self.embedding(instrument_id), h.shape[1])
        context, _ = self.gru(torch.cat([h, embedded], -1))
        raw = self.raw(self.output(torch.cat([context, h], -1))) + self.measured(features)
        return tone_controls(raw, f0, n_harmonics=c.n_harmonics, n_bands=c.n_bands, sample_rate=c.sample_rate)

    def synthesise(
        self, controls: ToneControls, instrument_id: Tensor | None = None, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Play controls (batch, n_frames, …): {"harmonic", "noise", "room", "sound"}, each (batch, n_samples)."""
        n_samples = controls.f0_hz.shape[-1] * self.config.sample_rate // self.config.frame_rate
        room = None
        if self.rooms is not None:
            if instrument_id is None:
                instrument_id = self.indices([None] * len(controls.f0_hz))
            room = self.rooms[instrument_id]
        parts = tone(controls, n_samples=n_samples, sample_rate=self.config.sample_rate, room=room, generator=generator)
        return {**parts._asdict(), "sound": parts.sound}

    def forward(
        self,
        audio: ArrayLike,
        f0_hz: ArrayLike,
        loudness_db: ArrayLike,
        instrument_id: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Hear a sound and play it again, (batch, n_samples)."""
        return self.synthesise(self.controls(audio, f0_hz, loudness_db, instrument_id), instrument_id, generator)[
            "sound"
        ]
