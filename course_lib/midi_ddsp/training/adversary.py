"""The adversary: it learns to tell generated controls from heard ones, the generator to be taken for real."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from course_lib.core.units import amplitude_to_db
from course_lib.midi_ddsp.playing.conditioning import FEATURES
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisGenerator
from course_lib.synths.tone import ToneControls

SCALES = 3
FLOOR_DB = -100.0


class Judged(NamedTuple):
    """Raw numbers of the generator (batch, n_frames, …), and three losses, 0-d.

    fooling: of the generator, small where it is taken for real. matching: of the generator, small where the
    discriminators' maps are those of the real controls. discriminating: the adversary's own.
    """

    raw: Tensor
    fooling: Tensor
    matching: Tensor
    discriminating: Tensor


def as_levels(controls: ToneControls) -> Tensor:
    """Controls as an adversary sees them: levels in dB, −1 … 1, (batch, n_frames, 1 + n_harmonics + n_bands)."""
    harmonics = controls.amplitude.unsqueeze(-1) * controls.distribution
    values = torch.cat([controls.amplitude.unsqueeze(-1), harmonics, controls.noise_magnitudes], -1)
    return amplitude_to_db(values, FLOOR_DB) / (-FLOOR_DB / 2) + 1.0


class Discriminator(nn.Module):
    """Blocks of stride 2, with the conditioning and the controls on two paths that meet in every block."""

    def __init__(self, *, n_signal: int, channels: int, blocks: int) -> None:
        super().__init__()
        first = [(n_signal, len(FEATURES))] + [(channels, channels)] * (blocks - 1)
        self.signal = nn.ModuleList(nn.Conv1d(a, channels, 3, stride=2, padding=1) for a, _ in first)
        self.conditioning = nn.ModuleList(nn.Conv1d(b, channels, 3, stride=2, padding=1) for _, b in first)
        self.residual = nn.ModuleList(nn.Conv1d(channels, channels, 3, padding=1) for _ in first)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in first)
        self.score = nn.Conv1d(channels, 1, 3, padding=1)

    def forward(self, signal: Tensor, conditioning: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(batch, channels, n_frames) each; scores (batch, 1, n) and what each block made of it."""
        maps = []
        layers = zip(self.signal, self.conditioning, self.residual, self.norms, strict=True)
        for enter, side, residual, norm in layers:
            conditioning = nn.functional.leaky_relu(side(conditioning), 0.2)
            signal = nn.functional.leaky_relu(enter(signal) + conditioning, 0.2)
            signal = norm((signal + residual(signal)).transpose(1, 2)).transpose(1, 2)
            maps.append(signal)
        return self.score(signal), maps


class Adversary(nn.Module):
    """Discriminators of the same controls at full, half and quarter rate.

    Args:
        n_signal: numbers a frame.
        channels, blocks: of each discriminator.

    Source: Wu et al., MIDI-DDSP, 2022, appendix B, at a quarter of its width; the losses: Mao et al., 2017 (least
        squares), and feature matching.
    """

    def __init__(self, n_signal: int, *, channels: int = 64, blocks: int = 3) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(
            Discriminator(n_signal=n_signal, channels=channels, blocks=blocks) for _ in range(SCALES)
        )

    def forward(self, signal: Tensor, conditioning: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """(batch, n_frames, …) each; scores and maps of every discriminator."""
        x, c = signal.transpose(1, 2), conditioning.transpose(1, 2)
        found = []
        for discriminator in self.discriminators:
            found.append(discriminator(x, c))
            x, c = (nn.functional.avg_pool1d(y, 4, 2, 1) for y in (x, c))
        return found


class AdversarialTraining(nn.Module):
    """Generator and adversary, trained together by one optimiser: each loss reaches only the one it belongs to."""

    def __init__(self, generator: SynthesisGenerator, adversary: Adversary) -> None:
        super().__init__()
        self.generator, self.adversary = generator, adversary

    def forward(
        self, features: Tensor, semitones: Tensor, instrument_id: Tensor, f0_hz: Tensor, real: ToneControls
    ) -> Judged:
        """One round: play, and be judged beside the real controls (batch, n_frames, …)."""
        raw = self.generator(features, semitones, instrument_id)
        played, heard = as_levels(self.generator.controls(raw, f0_hz)), as_levels(real)
        # The generator's losses: the adversary's weights are constants.
        frozen = {name: value.detach() for name, value in self.adversary.named_parameters()}
        judged = functional_call(self.adversary, frozen, (played, features))
        with torch.no_grad():
            reference = self.adversary(heard, features)
        fooling = sum(((score - 1) ** 2).mean() for score, _ in judged) / SCALES
        matching = sum(
            nn.functional.l1_loss(a, b)
            for (_, ours), (_, theirs) in zip(judged, reference, strict=True)
            for a, b in zip(ours, theirs, strict=True)
        ) / sum(len(maps) for _, maps in reference)
        # The adversary's loss: what was played is a constant.
        fake, true = self.adversary(played.detach(), features), self.adversary(heard, features)
        discriminating = (
            sum(
                ((true_score - 1) ** 2).mean() + (fake_score**2).mean()
                for (true_score, _), (fake_score, _) in zip(true, fake, strict=True)
            )
            / SCALES
        )
        return Judged(raw, *map(torch.as_tensor, (fooling, matching, discriminating)))
