"""The pitch generator: how a note's pitch moves about its nominal one, drawn frame by frame from 201 classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_count
from course_lib.core.networks import check_instruments, every_frame, instrument_indices, stack
from course_lib.midi_ddsp.playing.conditioning import FEATURES

CENTS = 100  # classes on either side of the note, 1 cent apart
N_CLASSES = 2 * CENTS + 1
UNKNOWN = N_CLASSES  # stands for the class of the frame before where it is hidden
NUCLEUS = 0.95  # the unlikely classes that make up the rest are never drawn


@dataclass(frozen=True, kw_only=True)
class PitchConfig:
    """Everything that fixes the shape of a `PitchGenerator`.

    regression: predict one number instead of 201 probabilities; feedback: give every frame the class of the one before.
    Both are only switched to show why the original does as it does.
    """

    frame_rate: int = 250
    width: int = 96
    hidden: int = 160
    n_embedding: int = 16
    instruments: tuple[str, ...] = ()
    regression: bool = False
    feedback: bool = True

    def __post_init__(self) -> None:
        check_instruments(self)
        for name in ("frame_rate", "width", "hidden", "n_embedding"):
            check_count(getattr(self, name), name)


class PitchGenerator(nn.Module):
    """Notes and their expression in; the deviation from each note's pitch out, in cents, frame after frame.

    A stack looks at the frame's features; a GRU follows them and the pitch class of the frame before; a layer norm
    over each frame alone (the original's took time as well, which generation cannot) leads to 201 classes, −100 … 100
    cents.

    Args:
        config: its shape; the default has about 170,000 weights.

    Source: Wu et al., MIDI-DDSP, 2022, appendix B. Chapter: book/midi_ddsp/playing.ipynb
    """

    def __init__(self, config: PitchConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or PitchConfig()
        self.embedding = nn.Embedding(max(1, len(c.instruments)), c.n_embedding)
        self.input = stack(len(FEATURES) + c.n_embedding, width=c.width)
        self.previous = nn.Embedding(N_CLASSES + 1, c.width)
        self.gru = nn.GRU(2 * c.width, c.hidden, batch_first=True)
        self.norm = nn.LayerNorm(c.hidden)
        self.output = nn.Linear(c.hidden + c.width, 1 if c.regression else N_CLASSES)

    def indices(self, instruments: Sequence[str]) -> Tensor:
        """Rows of the embedding."""
        return instrument_indices(instruments, self.config.instruments).to(self.output.weight.device)

    def forward(self, features: Tensor, previous: Tensor, instrument_id: Tensor) -> Tensor:
        """Teacher forcing: every frame is given the pitch class of the frame before it.

        Args:
            features: (batch, n_frames, n_features), from `NotePlan`.
            previous: (batch, n_frames) int64 classes; `UNKNOWN` hides one.
            instrument_id: (batch,), from `indices`.

        Returns:
            (batch, n_frames, 201) logits, or (batch, n_frames, 1) semitones for a regression.
        """
        z = self._look(features, instrument_id)
        h, _ = self.gru(torch.cat([z, self.previous(previous)], -1))
        return self.output(torch.cat([self.norm(h), z], -1))

    def _look(self, features: Tensor, instrument_id: Tensor) -> Tensor:
        embedded = every_frame(self.embedding(instrument_id), features.shape[1])
        return self.input(torch.cat([features, embedded], -1))

    @torch.no_grad()
    def generate(
        self, stretches: Iterable[Tensor], instrument_id: Tensor, generator: torch.Generator, nucleus: float = NUCLEUS
    ) -> Iterator[Tensor]:
        """Generate: each frame's class is drawn, and given to the next frame.

        Args:
            stretches: of features (n_frames, n_features), one behind the other; what is remembered runs through.
            instrument_id: (1,), from `indices`.
            generator: on the CPU, of the draws.
            nucleus: drawn from the likeliest classes that together have this probability.

        Yields:
            (n_frames,) semitones for each stretch, −1 … 1.
        """
        h = torch.zeros(self.config.hidden)
        token = UNKNOWN
        # What the gates owe to the class before is one of 202 rows: a table instead of a product in every frame.
        w_in, w_h, b_in, b_h = (
            getattr(self.gru, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        width = self.config.width
        table = self.previous.weight @ w_in[:, width:].T + b_in
        w_h, w_out = w_h.T.contiguous(), self.output.weight[:, : self.config.hidden].T.contiguous()
        for features in stretches:
            z = self._look(features.unsqueeze(0), instrument_id)[0]
            to_gates = z @ w_in[:, :width].T
            to_output = z @ self.output.weight[:, self.config.hidden :].T + self.output.bias
            draws = torch.rand(len(features), generator=generator).tolist()
            classes = []
            for i, draw in enumerate(draws):
                reset, update, new = (to_gates[i] + table[token]).chunk(3)
                h_reset, h_update, h_new = torch.addmv(b_h, w_h.T, h).chunk(3)
                candidate = torch.tanh(new + torch.sigmoid(reset + h_reset) * h_new)
                h = torch.lerp(candidate, h, torch.sigmoid(update + h_update))
                out = to_output[i] + self.norm(h) @ w_out
                classes.append(self._class(out, draw, nucleus))
                token = classes[-1] if self.config.feedback else UNKNOWN
            yield (torch.tensor(classes, dtype=torch.float32) - CENTS) / CENTS

    def _class(self, out: Tensor, draw: float, nucleus: float) -> int:
        if self.config.regression:
            return round(float(out.clamp(-1, 1)) * CENTS) + CENTS
        likely, order = torch.softmax(out, -1).sort(descending=True)
        total = likely.cumsum(0)
        kept = total[: int(torch.searchsorted(total, nucleus)) + 1]
        at = int(torch.searchsorted(kept, draw * float(kept[-1]), right=True))
        return int(order[min(at, len(kept) - 1)])


def pitch_class(semitones: Tensor) -> Tensor:
    """The class of a deviation: 0 … 200 for −1 … 1 semitone, what lies beyond counts as the end."""
    return (semitones * CENTS).round().long().clamp(-CENTS, CENTS) + CENTS
