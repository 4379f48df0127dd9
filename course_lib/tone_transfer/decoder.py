"""The decoder: from what the ear follows, pitch and loudness, to what the synthesizer needs."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from course_lib.checks import as_tensor, check_finite, check_frequency
from course_lib.units import hz_to_midi

LOUDNESS_FLOOR_DB = -80.0


class ToneControls(NamedTuple):
    """What the instrument is told, frame by frame: the harmonic synth's three controls and the noise's magnitudes.

    f0_hz: (…, n_frames), Hz. amplitude: (…, n_frames), linear. distribution: (…, n_frames, n_harmonics), sums to 1.
    noise_magnitudes: (…, n_frames, n_bands), linear.
    """

    f0_hz: Tensor
    amplitude: Tensor
    distribution: Tensor
    noise_magnitudes: Tensor


def scale_inputs(f0_hz: Any, loudness_db: Any) -> Tensor:
    """Bring pitch and loudness to about 0 … 1, on the scales on which the ear hears equal steps as equal.

    Args:
        f0_hz: (…, n_frames), Hz, ≥ 0; 0 (a rest) counts as the lowest pitch.
        loudness_db: (…, n_frames), dB; below −80 counts as −80.

    Returns:
        (…, n_frames, 2): MIDI pitch / 127, loudness / 80 + 1.

    Raises:
        ValueError: shapes that differ, negative f0, NaN.

    Source: Engel et al., DDSP, 2020, appendix B. Chapter: book/tone_transfer/decoder.ipynb

    >>> scale_inputs([440.0], [-20.0])
    tensor([[0.5433, 0.7500]])
    """
    f0 = check_frequency(f0_hz, "f0_hz", 1.0)
    loudness = check_finite(as_tensor(loudness_db, "loudness_db"), "loudness_db")
    if f0.shape != loudness.shape or f0.ndim < 1:
        raise ValueError(
            f"f0_hz and loudness_db must both be (…, n_frames); got {tuple(f0.shape)} and {tuple(loudness.shape)}"
        )
    midi = hz_to_midi(f0.clamp(min=8.1757989)).clamp(0.0, 127.0)  # MIDI 0
    return torch.stack([midi / 127.0, loudness.clamp(min=LOUDNESS_FLOOR_DB) / -LOUDNESS_FLOOR_DB + 1.0], -1)


def stack(n_inputs: int, width: int, depth: int = 2) -> nn.Sequential:
    """`depth` × (linear, layer norm, leaky ReLU)."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(width if i else n_inputs, width), nn.LayerNorm(width), nn.LeakyReLU()]
    return nn.Sequential(*layers)


class ToneDecoder(nn.Module):
    """Two small stacks, a GRU that remembers, one more stack: (pitch, loudness) to raw numbers, frame by frame.

    Args:
        n_outputs: raw numbers a frame.
        width: of the input stacks.
        hidden: of the GRU and the output stack.
        n_z: channels of an optional encoding z of the timbre; 0 for none.

    Raises:
        ValueError: z missing or not expected.

    Source: Engel et al., DDSP, 2020, appendix B, with every width divided by four to eight.
    Chapter: book/tone_transfer/decoder.ipynb
    """

    def __init__(self, n_outputs: int, width: int = 64, hidden: int = 128, n_z: int = 0) -> None:
        super().__init__()
        self.pitch, self.loudness = stack(1, width), stack(1, width)  # two networks, not one used twice
        self.timbre = stack(n_z, width) if n_z else None
        n_features = (3 if n_z else 2) * width
        self.gru = nn.GRU(n_features, hidden, batch_first=True)
        self.output = stack(hidden + n_features, hidden)
        self.raw = nn.Linear(hidden, n_outputs)

    def forward(self, inputs: Tensor, z: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the network.

        Args:
            inputs: (batch, n_frames, 2) from `scale_inputs`.
            z: (batch, n_frames, n_z) if the network was made for it.
            state: (1, batch, hidden), where an earlier stretch of the same sound left off.

        Returns:
            Raw numbers (batch, n_frames, n_outputs), and the state for the next stretch.
        """
        if (z is None) != (self.timbre is None):
            raise ValueError("this decoder needs z" if z is None else "this decoder was made without z (n_z = 0)")
        features = [self.pitch(inputs[..., :1]), self.loudness(inputs[..., 1:])]
        if self.timbre is not None:
            features.append(self.timbre(z))
        together = torch.cat(features, -1)
        remembered, state = self.gru(together, state)
        return self.raw(self.output(torch.cat([remembered, together], -1))), state
