"""The expression generator: how a player would play these notes, in six numbers a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.core.checks import check_count
from course_lib.core.networks import check_instruments, every_frame, instrument_indices, stack
from course_lib.midi_ddsp.note_controls import CONTROLS
from course_lib.midi_ddsp.playing.conditioning import MIDDLE_PITCH, PITCH_SPAN
from course_lib.scores.notes import Note, check_notes

N_CONTROLS = len(CONTROLS)
N_NOTE_FEATURES = 7
LOWEST, HIGHEST = 0.0, 1.25  # where a performance's controls lie; what is generated is cut off there
LEAST_SPREAD = 0.02
RAW_SPREAD = -1.5  # its softplus is 0.2, the spread of an untrained network


@dataclass(frozen=True, kw_only=True)
class ExpressionConfig:
    """Everything that fixes the shape of an `ExpressionGenerator`."""

    width: int = 24
    hidden: int = 24
    n_embedding: int = 8
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_instruments(self)
        for name in ("width", "hidden", "n_embedding"):
            check_count(getattr(self, name), name)


class ExpressionGenerator(nn.Module):
    """Notes in; for each the six controls out, as a mean and a spread, given how the notes before were played.

    A GRU in each direction reads the notes, and leads to what is usual for each. Another one goes from note to note
    and hears how far the note before, and all notes so far, were off what is usual: it moves the mean and narrows the
    spread. The original gives one number for each control, so it plays a score in one way only; a mean and a spread
    can be drawn from. Within a note the six are drawn independently; a mood lasts because the next note is given what
    was drawn.

    Args:
        config: its shape; the default has about 13,000 weights: more learn the performances by heart.

    Source: after Wu et al., MIDI-DDSP, 2022, appendix B. Chapter: book/midi_ddsp/taste.ipynb
    """

    def __init__(self, config: ExpressionConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or ExpressionConfig()
        self.embedding = nn.Embedding(max(1, len(c.instruments)), c.n_embedding)
        self.input = stack(N_NOTE_FEATURES + c.n_embedding, width=c.width, depth=1)
        self.read = nn.GRU(c.width, c.hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.usual = nn.Sequential(
            *stack(2 * c.hidden + c.width, width=c.width, depth=1), nn.Linear(c.width, 2 * N_CONTROLS)
        )
        self.play = nn.GRU(2 * N_CONTROLS + 1, c.hidden, batch_first=True)
        self.mood = nn.Linear(c.hidden, 2 * N_CONTROLS)
        with torch.no_grad():
            self.mood.weight.mul_(0.1)
            self.mood.bias.zero_()

    def indices(self, instruments: Sequence[str]) -> Tensor:
        """Rows of the embedding."""
        return instrument_indices(instruments, self.config.instruments).to(self.mood.weight.device)

    def forward(
        self, features: Tensor, previous: Tensor, known: Tensor, instrument_id: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Teacher forcing: every note is given how the one before it was played, or that this is not known.

        Args:
            features: (batch, n_notes, n_features), from `note_features`.
            previous: (batch, n_notes, 6), of the note before.
            known: (batch, n_notes), 1 where `previous` is to be believed, 0 where it is hidden.
            instrument_id: (batch,), from `indices`.

        Returns:
            Mean and standard deviation, (batch, n_notes, 6) each.
        """
        usual = self._usual(features, instrument_id)
        mask = known.unsqueeze(-1)
        off = (previous - usual[..., :N_CONTROLS].roll(1, 1)) * mask
        so_far = off.cumsum(1) / mask.cumsum(1).clamp(min=1.0)
        h, _ = self.play(torch.cat([off, so_far, mask], -1))
        return self._spread(usual + self.mood(self.dropout(h)))

    def _usual(self, features: Tensor, instrument_id: Tensor) -> Tensor:
        embedded = every_frame(self.embedding(instrument_id), features.shape[1])
        x = self.input(torch.cat([features, embedded], -1))
        around, _ = self.read(x)
        out: Tensor = self.usual(torch.cat([self.dropout(around), x], -1))
        # An untrained mean lies in the middle of 0 … 1.
        return out + 0.5 * (torch.arange(2 * N_CONTROLS, device=out.device) < N_CONTROLS)

    def _spread(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = raw.chunk(2, -1)
        return mean, LEAST_SPREAD + nn.functional.softplus(spread + RAW_SPREAD)

    @torch.no_grad()
    def generate(
        self, notes: Sequence[Note | Sequence[float]], instrument_id: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Generate the expression of a score.

        Args:
            notes: of one voice.
            instrument_id: (1,), from `indices`.
            generator: of the draws; None takes every mean, the same each time.

        Returns:
            (n_notes, 6), rows in order of onset, between 0 and 1.25.
        """
        ordered = check_notes(notes)
        if not ordered:
            return torch.zeros(0, N_CONTROLS)
        usual = self._usual(note_features(ordered).unsqueeze(0).to(self.mood.weight), instrument_id)
        off = so_far = torch.zeros(1, N_CONTROLS).to(usual)
        h, rows = None, []
        for i in range(len(ordered)):
            known = torch.full((1, 1), float(i > 0)).to(usual)
            out, h = self.play(torch.cat([off, so_far, known], -1).unsqueeze(1), h)
            mean, spread = self._spread(usual[:, i] + self.mood(out[:, 0]))
            drawn = 0.0 if generator is None else spread.cpu() * torch.randn(spread.shape, generator=generator)
            row = (mean + torch.as_tensor(drawn).to(mean)).clamp(LOWEST, HIGHEST)
            rows.append(row[0])
            off = row - usual[:, i, :N_CONTROLS]
            so_far = so_far + (off - so_far) / (i + 1)
        return torch.stack(rows).cpu()


def note_features(notes: Sequence[Note]) -> Tensor:
    """Describe the notes of one voice, in order: (n_notes, 7), numbers of about −1 … 1."""
    pitch = torch.tensor([note.pitch for note in notes], dtype=torch.float32)
    onset = torch.tensor([note.onset_s for note in notes], dtype=torch.float64)
    end = torch.tensor([note.end_s for note in notes], dtype=torch.float64)
    length = (end - onset).float()
    interval = (pitch[1:] - pitch[:-1]).clamp(-12, 12) / 6.0
    gap = (onset[1:] - end[:-1]).float().clamp(0, 1)
    zero, one = torch.zeros(1), torch.ones(1)
    return torch.stack(
        [
            (pitch - MIDDLE_PITCH) / PITCH_SPAN * 2.0,
            torch.log2(length.clamp(0.05, 4.0)) + 1.0,
            torch.cat([zero, interval]),
            torch.cat([interval, zero]),
            torch.cat([one, gap * 4.0]),
            torch.cat([gap * 4.0, one]),
            torch.cat([one, torch.zeros(len(notes) - 1)]),
        ],
        -1,
    )
