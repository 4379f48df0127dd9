"""Exercises of the chapter "A network that plays"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor


def network_inputs(f0_hz: Tensor, loudness_db: Tensor) -> Tensor:
    """Pitch and loudness, (n_frames, 2): MIDI note / 127, and −80 … 0 dB brought to 0 … 1."""
    midi = 69 + 12 * torch.log2(f0_hz / 440)
    return torch.stack([midi / 127, loudness_db.clamp(min=-80) / 80 + 1], -1)


def _judge_network_inputs(answer: Any) -> str:
    rng = np.random.default_rng(11)
    for _ in range(4):
        f0 = rng.uniform(60, 2000, 50)
        db = rng.uniform(-120, 0, 50)
        got = expect_tensor(call(answer, torch.tensor(f0), torch.tensor(db)), (50, 2)).double()
        midi = np.array([69 + 12 * math.log2(f / 440) for f in f0])
        pitch, loudness = torch.tensor(midi / 127), torch.tensor(np.maximum(db, -80) / 80 + 1)
        if close(got[:, 0], pitch, 1e-5) and close(got[:, 1], loudness, 1e-5):
            continue
        if close(got[:, 1], pitch, 1e-5):
            raise Wrong("pitch and loudness are swapped: pitch is channel 0.")
        if close(got[:, 0], torch.tensor(f0), 1e-4) or close(got[:, 0], torch.tensor(f0 / 127), 1e-4):
            raise Wrong("that is raw Hz: convert it to a MIDI note first, for the ear hears ratios.")
        if close(got[:, 0], torch.tensor(midi), 1e-4):
            raise Wrong("the MIDI note is there, but it still runs to 127: divide by it.")
        if close(got[:, 0], torch.tensor((69 + 12 * np.log(f0 / 440)) / 127), 1e-5):
            raise Wrong("a natural logarithm where an octave needs the logarithm to base 2.")
        if close(got[:, 1], torch.tensor(db / 80 + 1), 1e-5):
            raise Wrong("below −80 dB the loudness goes negative: clamp it at −80 first.")
        if close(got[:, 1], torch.tensor(np.maximum(db, -80) / 80), 1e-5):
            raise Wrong("the loudness runs from −1 to 0: one is missing.")
        which = "pitch" if not close(got[:, 0], pitch, 1e-5) else "loudness"
        raise Wrong(f"the {which} is not right: for 440 Hz and −20 dB the pair is 0.543 and 0.75.")
    return "MIDI note / 127 and loudness / 80 + 1 on four random curves, the floor included."


def split_by_recording(stretches: list[tuple[str, float]], held_out: int, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the stretches (recording, start) for training and for validation; recordings stay whole."""
    names = sorted({name for name, _ in stretches})
    chosen = np.random.default_rng(seed).permutation(names)[:held_out]
    validation = [i for i, (name, _) in enumerate(stretches) if name in chosen]
    return [i for i in range(len(stretches)) if i not in validation], validation


def _judge_split(answer: Any) -> str:
    for seed in range(4):
        rng = np.random.default_rng([17, seed])
        names = [f"take_{i:02d}" for i in range(6)]
        stretches = [(name, float(at)) for name in names for at in range(int(rng.integers(3, 9)))]
        stretches = [stretches[i] for i in rng.permutation(len(stretches))]
        result = call(answer, list(stretches), 2, seed)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise Wrong("return two lists of indices: (train, validation).")
        train, validation = [int(i) for i in result[0]], [int(i) for i in result[1]]
        if sorted(train + validation) != list(range(len(stretches))):
            doubled = set(train) & set(validation)
            raise Wrong(
                "some stretch is in both lists." if doubled else "some stretch is in neither list, or there twice."
            )
        heard, held = {stretches[i][0] for i in train}, {stretches[i][0] for i in validation}
        if heard & held:
            raise Wrong(
                f"{sorted(heard & held)[0]} is in training and in validation: neighbours of a stretch that was learned "
                "are no test. Draw recordings, not stretches."
            )
        if len(held) != 2:
            raise Wrong(f"{len(held)} recordings are held out, {2} were asked for.")
    picks = [frozenset(stretches[i][0] for i in call(answer, list(stretches), 2, seed)[1]) for seed in range(12)]
    if len(set(picks)) == 1:
        raise Wrong("every seed holds out the same recordings: the seed is not used.")
    again = frozenset(stretches[i][0] for i in call(answer, list(stretches), 2, 0)[1])
    if again != picks[0]:
        raise Wrong(
            "the same seed gives another split the second time: make a generator from the seed, in the function."
        )
    return "no recording on both sides, for several seeds, and the same again for the same seed."


def n_weights(width: int, hidden: int, n_outputs: int) -> int:
    """Weights of the decoder: two input stacks, the GRU, the output stack, the last layer."""
    stack = (width + width + 2 * width) + (width * width + width + 2 * width)
    features = 2 * width
    gru = 3 * (features * hidden + hidden * hidden + 2 * hidden)
    joined = features + hidden
    output = (joined * hidden + hidden + 2 * hidden) + (hidden * hidden + hidden + 2 * hidden)
    return 2 * stack + gru + output + hidden * n_outputs + n_outputs


def _judge_weights(answer: Any) -> str:
    from course_lib.tone_transfer.decoder import ToneDecoder

    for width, hidden, n_outputs in ((8, 16, 20), (32, 24, 50), (64, 128, 126)):
        got = call(answer, width, hidden, n_outputs)
        true = sum(p.numel() for p in ToneDecoder(n_outputs, width, hidden).parameters())
        if int(got) == true:
            continue
        off = true - int(got)
        if off == 3 * hidden:
            raise Wrong("PyTorch's GRU has two biases a gate, one for the input and one for the state.")
        if off == 8 * width + 4 * hidden:
            raise Wrong("each layer norm has a scale and a shift for every channel.")
        if off == (width * width + 7 * width):
            raise Wrong("there are two input stacks, one for pitch and one for loudness; they share nothing.")
        if off == hidden * 2 * width:
            raise Wrong("the output stack hears the GRU and, beside it, what the GRU heard.")
        raise Wrong(f"width {width}, hidden {hidden}, {n_outputs} outputs: you count {int(got)}, PyTorch {true}.")
    return "the same as PyTorch counts, for three shapes."


EXERCISES = [
    Exercise(
        "decoder-1",
        _judge_network_inputs,
        ("An octave should be the same step everywhere: which scale of pitch does that?",
         "midi = 69 + 12·log2(f0 / 440); loudness: clamp at −80, divide by 80, add 1; torch.stack(…, -1)."),
        network_inputs,
        "Both inputs move in steps that the ear hears as equal and stay near 0 … 1, where a small network learns best.",
    ),
    Exercise(
        "decoder-2",
        _judge_split,
        ("What must not be on both sides: a stretch, or a recording?",
         "Collect the names, draw held_out of them with np.random.default_rng(seed), then sort the stretches by name."),
        split_by_recording,
        "Two stretches of one recording share its room, its player, often its notes: only whole recordings are a test.",
    ),
    Exercise(
        "decoder-3",
        _judge_weights,
        ("A linear layer from n to m has n·m + m weights, a layer norm 2·m.",
         "The GRU has three gates, each with a matrix for its input, one for its state, and two biases. The output "
         "stack takes hidden + 2·width channels."),
        n_weights,
        "Most weights sit in the GRU and behind it: halving `hidden` leaves little more than a third of them.",
    ),
]  # fmt: skip


def _raw_hz(f0: Tensor, loudness: Tensor) -> Tensor:
    return torch.stack([f0, loudness.clamp(min=-80) / 80 + 1], -1)


def _by_stretch(stretches: list[tuple[str, float]], held_out: int, seed: int) -> tuple[list[int], list[int]]:
    order = np.random.default_rng(seed).permutation(len(stretches)).tolist()
    return order[held_out:], order[:held_out]


def _always_first(stretches: list[tuple[str, float]], held_out: int, seed: int) -> tuple[list[int], list[int]]:
    held = sorted({name for name, _ in stretches})[:held_out]
    inside = [i for i, (name, _) in enumerate(stretches) if name in held]
    return [i for i in range(len(stretches)) if i not in inside], inside


MISTAKES = {
    "decoder-1": [
        (_raw_hz, "raw Hz"),
        (lambda f, d: torch.stack([(69 + 12 * torch.log(f / 440)) / 127, d.clamp(min=-80) / 80 + 1], -1), "natural"),
        (lambda f, d: torch.stack([(69 + 12 * torch.log2(f / 440)) / 127, d / 80 + 1], -1), "clamp it"),
        (lambda f, d: network_inputs(f, d).flip(-1), "swapped"),
    ],
    "decoder-2": [(_by_stretch, "in training and in validation"), (_always_first, "the seed is not used")],
    "decoder-3": [
        (lambda w, h, o: n_weights(w, h, o) - 3 * h, "two biases"),
        (lambda w, h, o: n_weights(w, h, o) - h * 2 * w, "beside it"),
        (lambda w, h, o: n_weights(w, h, o) - (w * w + 7 * w), "two input stacks"),
    ],
}
