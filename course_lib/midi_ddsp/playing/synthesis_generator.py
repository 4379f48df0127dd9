"""The synthesis generator: notes, expression and pitch in; amplitude, harmonics and noise out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_count, check_sample_rate
from course_lib.core.networks import check_instruments, every_frame, instrument_indices, stack
from course_lib.midi_ddsp.note_controls import CONTROLS
from course_lib.midi_ddsp.playing.conditioning import FEATURES
from course_lib.synths.tone import ToneControls, tone_controls


@dataclass(frozen=True, kw_only=True)
class SynthesisConfig:
    """Everything that fixes the shape of a `SynthesisGenerator`.

    stacks: of as many convolutions as there are dilations, 1, 2, 4 …; channels: of each.
    """

    sample_rate: int = 16_000
    frame_rate: int = 250
    n_harmonics: int = 60
    n_bands: int = 65
    width: int = 96
    channels: int = 96
    stacks: int = 2
    dilations: int = 6
    n_embedding: int = 16
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_instruments(self)
        check_sample_rate(self.sample_rate)
        for name in ("frame_rate", "n_harmonics", "width", "channels", "stacks", "dilations", "n_embedding"):
            check_count(getattr(self, name), name)
        check_count(self.n_bands, "n_bands", minimum=2)
        if self.dilations > 12 or self.stacks > 64:
            raise ValueError("at most 12 dilations and 64 stacks")
        if self.sample_rate % self.frame_rate:
            raise ValueError(f"frame_rate must divide sample_rate {self.sample_rate}; got {self.frame_rate}")

    @property
    def context(self) -> int:
        """How many frames on either side of one have a say in it."""
        return 1 + self.stacks * (2**self.dilations - 1)


class DilatedBlock(nn.Module):
    """x + conv(ReLU(norm(x))), every frame normalised by itself, so that the length of a sound changes nothing."""

    def __init__(self, *, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_frames, channels) to the same."""
        return x + self.conv(torch.relu(self.norm(x)).transpose(1, 2)).transpose(1, 2)


class SynthesisGenerator(nn.Module):
    """Notes, their expression and a pitch curve in; the other 126 numbers of every frame out.

    A stack looks at each frame's features, dilated convolutions at half a second before and after it. The level asked
    for is the level from which the network departs.

    Args:
        config: its shape; the default has about 390,000 weights and hears 0.5 s either way.

    Source: Wu et al., MIDI-DDSP, 2022, appendix B, a quarter of its size. Chapter: book/midi_ddsp/playing.ipynb
    """

    def __init__(self, config: SynthesisConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or SynthesisConfig()
        n_raw = 1 + c.n_harmonics + c.n_bands
        self.embedding = nn.Embedding(max(1, len(c.instruments)), c.n_embedding)
        self.input = stack(len(FEATURES) + 1 + c.n_embedding, width=c.width)
        self.enter = nn.Conv1d(c.width, c.channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            DilatedBlock(channels=c.channels, dilation=2**i) for _ in range(c.stacks) for i in range(c.dilations)
        )
        self.norm = nn.LayerNorm(c.channels)
        self.raw = nn.Linear(c.channels, n_raw)
        self.asked = nn.Linear(len(FEATURES), n_raw, bias=False)
        with torch.no_grad():
            self.asked.weight.zero_()
            # `exp_sigmoid` falls by 20 dB for every 1 below −3: 60 dB of volume are 3, and a rest is silent.
            self.asked.weight[0, CONTROLS.index("volume")] = 3.2
            self.asked.weight[:, FEATURES.index("sounding")] = 4.0
            self.raw.weight.mul_(0.1)
            self.raw.bias.zero_()
            self.raw.bias[0] = -8.8
            self.raw.bias[1 + c.n_harmonics :] = -4.0

    def indices(self, instruments: Sequence[str]) -> Tensor:
        """Rows of the embedding."""
        return instrument_indices(instruments, self.config.instruments).to(self.raw.weight.device)

    def forward(self, features: Tensor, semitones: Tensor, instrument_id: Tensor) -> Tensor:
        """Raw numbers of every frame.

        Args:
            features: (batch, n_frames, n_features), from `NotePlan`.
            semitones: (batch, n_frames), off the note.
            instrument_id: (batch,), from `indices`.

        Returns:
            (batch, n_frames, 1 + n_harmonics + n_bands).
        """
        embedded = every_frame(self.embedding(instrument_id), features.shape[1])
        z = self.input(torch.cat([features, semitones.unsqueeze(-1), embedded], -1))
        x = self.enter(z.transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.raw(torch.relu(self.norm(x))) + self.asked(features)

    def controls(self, raw: Tensor, f0_hz: Tensor) -> ToneControls:
        """What raw numbers (batch, n_frames, …) and a pitch (batch, n_frames), Hz, mean to the synthesizer."""
        c = self.config
        return tone_controls(raw, f0_hz, n_harmonics=c.n_harmonics, n_bands=c.n_bands, sample_rate=c.sample_rate)
