"""An instrument as a PyTorch program, `.pt2`: no Python of ours is needed to run it, and any length goes in."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.core.frame_phase import Frames, frame_lines, frame_phase
from course_lib.tone_transfer.exporting.parts import ports
from course_lib.tone_transfer.exporting.tables import noise_tables, room_table
from course_lib.tone_transfer.model import ToneTransfer

FACTS = "facts.json"  # its name inside the file
LONGEST_FRAMES = 1 << 24
FEWEST_FRAMES = {"decoder": 1, "instrument": 3}  # one and two frames would be programs of their own


def scan(step: Any, first: Any, each: Any, dim: int) -> Any:
    """PyTorch's own loop that an export keeps as a loop."""
    try:
        from torch._higher_order_ops.scan import scan as loop
    except ImportError as error:
        raise ValueError("it has no torch scan") from error
    return loop(step, first, each, dim=dim)


class _Recurrence(nn.Module):
    """`nn.GRU` of one layer, as a loop that can be exported with any number of frames; batch first."""

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.inward = nn.Linear(gru.input_size, 3 * gru.hidden_size)
        self.onward = nn.Linear(gru.hidden_size, 3 * gru.hidden_size)
        for linear, which in ((self.inward, "ih"), (self.onward, "hh")):
            linear.weight, linear.bias = getattr(gru, f"weight_{which}_l0"), getattr(gru, f"bias_{which}_l0")

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        def step(memory: Tensor, inward: Tensor) -> tuple[Tensor, Tensor]:
            (reset, keep, new), onward = inward.chunk(3, -1), self.onward(memory).chunk(3, -1)
            keep = torch.sigmoid(keep + onward[1])
            new = torch.tanh(new + torch.sigmoid(reset + onward[0]) * onward[2])
            memory = (memory - new) * keep + new
            return memory, memory.clone()

        last, every = scan(step, state[0], self.inward(x).transpose(0, 1), dim=0)
        return every.transpose(0, 1), last.unsqueeze(0)


class DecoderProgram(nn.Module):
    """Pitch and loudness in, controls out, and a state so that a sound can come in blocks of any size."""

    def __init__(self, model: ToneTransfer) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.model.decoder.gru = _Recurrence(self.model.decoder.gru)  # type: ignore[assignment]

    def forward(self, f0_hz: Tensor, loudness_db: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        controls, state = self.model.controls_and_state(f0_hz, loudness_db, state=state)
        _, amplitude, distribution, noise = controls
        return (amplitude, distribution, *([noise] if self.model.config.use_noise else []), state)


class InstrumentProgram(nn.Module):
    """Pitch, loudness and white noise in, sound out: the synthesizer for frames of one length, and no table of sines.

    Harmonic after harmonic comes from the two before it, sin (k + 1)φ = 2 cos φ · sin kφ − sin (k − 1)φ, in float64.
    """

    def __init__(self, model: ToneTransfer) -> None:
        super().__init__()
        self.decoder = DecoderProgram(model)
        self.config = c = model.config
        self.hop = c.sample_rate // c.frame_rate
        if c.use_noise:
            self.fade, self.analysis, self.gains, self.synthesis, self.lead = noise_tables(self.hop, n_bands=c.n_bands)
        if model.reverb is not None:
            self.room = room_table(model.reverb.impulse_response, self.hop)

    def forward(self, f0_hz: Tensor, loudness_db: Tensor, white_noise: Tensor | None = None) -> tuple[Tensor, ...]:
        start = f0_hz.new_zeros(1, f0_hz.shape[0], self.config.hidden)
        *controls, _ = self.decoder(f0_hz, loudness_db, start)
        dry = self.harmonics(f0_hz, controls[0].unsqueeze(-1) * controls[1])
        parts = [dry]  # each (batch, n_frames, hop)
        if white_noise is not None:
            parts.append(self.noise(white_noise.unflatten(-1, (-1, self.hop)), controls[2]))
            dry = dry + parts[-1]
        if self.config.use_reverb:
            before = nn.functional.pad(dry.transpose(1, 2), (self.room.shape[-1] - 1, 0))
            parts.append(nn.functional.conv1d(before, self.room).transpose(1, 2))
            dry = dry + parts[-1]
        return (*(part.flatten(1) for part in (dry, *parts)), *controls)

    def harmonics(self, f0_hz: Tensor, shares: Tensor) -> Tensor:
        """Σ_k a_k sin kφ, with the library's own exact phase."""
        hop = self.hop
        alike = Frames(hop, 1, torch.zeros(1, dtype=torch.int64), torch.tensor([hop]), hop, True)  # all frames are
        step, bend = frame_lines(f0_hz, alike, float(self.config.sample_rate))
        start = frame_phase(step, bend, f0_hz == 0, alike).start.reshape(step.shape)
        j = torch.arange(hop, dtype=torch.float64)
        turns = start.unsqueeze(-1) + step.unsqueeze(-1) * j + bend.unsqueeze(-1) * (j * (j - 1) / 2)
        phase = 2 * math.pi * (turns - turns.round())
        twice, rest = 2 * torch.cos(phase), torch.zeros_like(phase)
        shares = shares.double().movedim(-1, 0).unsqueeze(-1)  # (n_harmonics, batch, n_frames, 1)
        rise = (torch.cat([shares[:, :, 1:], shares[:, :, -1:]], 2) - shares) / hop

        def step_up(sums: tuple[Tensor, ...], lines: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
            (total, this, last), (share, slope) = sums, lines
            return (total + (share + slope * j) * this, twice * this - last, this.clone()), share.sum()

        (total, _, _), _ = scan(step_up, (rest, torch.sin(phase), rest.clone()), (shares, rise), dim=0)
        return total.to(f0_hz)

    def noise(self, white: Tensor, magnitudes: Tensor) -> Tensor:
        """Filtered noise: the last frame counts twice, so that it is held instead of fading out."""
        pieces = torch.cat([nn.functional.pad(white, (0, 0, *pad)) for pad in ((1, 0), (0, 1))], -1) * self.fade
        held = torch.cat([magnitudes, magnitudes[:, -1:]], 1)
        blocks = ((pieces @ self.analysis) * (held @ self.gains) @ self.synthesis).unflatten(-1, (-1, self.hop))
        most = blocks.shape[2] - 1
        later = [nn.functional.pad(blocks[:, :, c], (0, 0, c, most - c)) for c in range(most + 1)]
        return torch.stack(later).sum(0)[:, 1 + self.lead : -1 - self.lead]


def write_program(path: Path, model: ToneTransfer, part: str, facts: dict[str, str]) -> None:
    """Write a part of an instrument as `.pt2`.

    Raises:
        ValueError: a PyTorch that cannot export it.
    """
    program = (DecoderProgram if part == "decoder" else InstrumentProgram)(model).eval()
    inputs, _ = ports(model.config, part)
    axes = {"batch": torch.export.Dim("batch", min=1, max=4096)}
    axes["n_frames"] = n_frames = torch.export.Dim("n_frames", min=FEWEST_FRAMES[part], max=LONGEST_FRAMES)
    hop = model.config.sample_rate // model.config.frame_rate
    axes[f"{hop}*n_frames"] = hop * n_frames
    sizes = {"batch": 3, "n_frames": 7, f"{hop}*n_frames": 7 * hop}
    example = tuple(
        torch.ones([sizes[size] if isinstance(size, str) else size for size in port.shape]) for port in inputs
    )
    shapes = tuple({i: axes[size] for i, size in enumerate(port.shape) if isinstance(size, str)} for port in inputs)
    try:
        exported = torch.export.export(program, example, dynamic_shapes=shapes, strict=False)
        torch.export.save(exported, path, extra_files={FACTS: json.dumps(facts)})
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"PyTorch {torch.__version__} cannot export this ({reason}); install a newer one, or write .onnx"
        ) from error
