"""Small parts that the networks of all systems are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.core.checks import as_tensor, check_finite, check_frequency, in_single
from course_lib.core.types import ArrayLike
from course_lib.core.units import hz_to_midi

LOUDNESS_FLOOR_DB = -80.0


def scale_inputs(f0_hz: ArrayLike, loudness_db: ArrayLike) -> Tensor:
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
    dtype = torch.promote_types(f0.dtype, loudness.dtype)
    f0, loudness = in_single(f0, loudness)
    midi = hz_to_midi(f0.clamp(min=8.1757989)).clamp(0.0, 127.0)  # MIDI 0
    scaled = [midi / 127.0, loudness.clamp(min=LOUDNESS_FLOOR_DB) / -LOUDNESS_FLOOR_DB + 1.0]
    return torch.stack(scaled, -1).to(dtype)


def stack(n_inputs: int, *, width: int, depth: int = 2) -> nn.Sequential:
    """`depth` × (linear, layer norm, leaky ReLU).

    >>> len(stack(n_inputs=2, width=8, depth=2))
    6
    """
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(width if i else n_inputs, width), nn.LayerNorm(width), nn.LeakyReLU()]
    return nn.Sequential(*layers)


def run_gru(gru: nn.GRU, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Run a GRU of one layer, batch first, and give its outputs and its last state, as calling it does.

    Under `torch.func`, whose `vmap` knows no such layer, frame by frame as its formula says. `torch.compile` takes the
    layer only with `torch._dynamo.config.allow_rnn = True`.

    Args:
        gru: the layer.
        inputs: (batch, n_frames, n_features).
        state: (1, batch, hidden), where an earlier stretch left off.

    Returns:
        (batch, n_frames, hidden) and (1, batch, hidden).

    >>> outputs, state = run_gru(nn.GRU(2, 3, batch_first=True), torch.zeros(1, 4, 2))
    >>> outputs.shape, state.shape
    (torch.Size([1, 4, 3]), torch.Size([1, 1, 3]))
    """
    if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is None:
        outputs, last = gru(inputs, state)
        return outputs, last
    h = inputs.new_zeros(inputs.shape[0], gru.hidden_size) if state is None else state[0]
    from_inputs, from_state, from_inputs_bias, from_state_bias = gru.all_weights[0]
    by_inputs = nn.functional.linear(inputs, from_inputs, from_inputs_bias)
    steps = []
    for x in by_inputs.unbind(1):
        by_state = nn.functional.linear(h, from_state, from_state_bias)
        (reset, keep, new), (r, k, n) = x.chunk(3, -1), by_state.chunk(3, -1)
        kept = torch.sigmoid(keep + k)
        h = kept * h + (1 - kept) * torch.tanh(new + torch.sigmoid(reset + r) * n)
        steps.append(h)
    return torch.stack(steps, 1), h.unsqueeze(0)


def every_frame(vectors: Tensor, n_frames: int) -> Tensor:
    """Repeat (batch, width) along the frames: (batch, n_frames, width).

    >>> every_frame(torch.ones(2, 3), n_frames=5).shape
    torch.Size([2, 5, 3])
    """
    return vectors.unsqueeze(1).expand(-1, n_frames, -1)


def check_instruments(config: Any) -> None:
    """Keep a config's `instruments` as a tuple, as JSON gives a list; ValueError unless all names differ.

    >>> from types import SimpleNamespace
    >>> check_instruments(SimpleNamespace(instruments=("flute", "violin")))
    """
    object.__setattr__(config, "instruments", tuple(config.instruments))
    if len(set(config.instruments)) < len(config.instruments):
        raise ValueError(f"instruments must be different names; got {config.instruments}")


def instrument_indices(instruments: Sequence[str], known: Sequence[str]) -> Tensor:
    """Rows of an embedding, (n,) int64: where each instrument stands among the known ones; ValueError lists them.

    >>> instrument_indices(["violin"], known=("flute", "violin"))
    tensor([1])
    """
    unknown = [name for name in instruments if name not in known]
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r} among the instruments; there are {', '.join(known) or 'none'}")
    return torch.tensor([list(known).index(name) for name in instruments])
