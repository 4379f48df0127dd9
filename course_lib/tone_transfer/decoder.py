"""The decoder: from what the ear follows, pitch and loudness, to what the synthesizer needs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.core.networks import run_gru, stack


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
        remembered, state = run_gru(self.gru, together, state)
        return self.raw(self.output(torch.cat([remembered, together], -1))), state
