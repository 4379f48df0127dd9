"""Exercises of the chapter "A network that plays"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, pair, whole, you_give


def network_inputs(f0_hz: Tensor, loudness_db: Tensor) -> Tensor:
    """Pitch and loudness, (n_frames, 2): MIDI note / 127, and −80 … 0 dB brought to 0 … 1."""
    midi = 69 + 12 * torch.log2(f0_hz / 440)
    return torch.stack([midi / 127, loudness_db.clamp(min=-80) / 80 + 1], -1)


def _judge_network_inputs(answer: Any) -> str:
    rng = np.random.default_rng(11)
    for _ in range(4):
        f0 = rng.uniform(60, 2000, 50)
        db = rng.uniform(-120, 0, 50)
        got = expect_tensor(call(answer, torch.tensor(f0), torch.tensor(db)), (50, 2))
        midi = np.array([69 + 12 * math.log2(f / 440) for f in f0])
        pitch, loudness = torch.tensor(midi / 127), torch.tensor(np.maximum(db, -80) / 80 + 1)
        if close(got[:, 0], pitch) and close(got[:, 1], loudness):
            continue
        if close(got[:, 1], pitch):
            raise Wrong("pitch and loudness are swapped: pitch is channel 0.")
        if not close(got[:, 0], pitch):
            raw = "that is raw Hz: convert it to a MIDI note first, for the ear hears ratios."
            slips = {
                raw: f0,
                raw + " Then divide.": f0 / 127,
                "the MIDI note is there, but it still runs to 127: divide by it.": midi,
                "a natural logarithm where an octave needs the logarithm to base 2.": (69 + 12 * np.log(f0 / 440))
                / 127,
                "log10 where an octave needs the logarithm to base 2.": (69 + 12 * np.log10(f0 / 440)) / 127,
                "those are octaves from 440 Hz: twelve semitones each, A4 is 69, and the scale ends at 127.": np.log2(
                    f0 / 440
                ),
                "semitones from 440 Hz: a MIDI note counts 69 more.": (midi - 69) / 127,
            }
            name_the_slip(got[:, 0], slips)
            raise Wrong(f"the pitch, MIDI note / 127, is not right: {you_give(got[:, 0], pitch)}.")
        slips = {
            "below −80 dB the loudness goes negative: clamp it at −80 first.": db / 80 + 1,
            "the loudness runs from −1 to 0: one is missing.": np.maximum(db, -80) / 80,
            "the loudness is in dB still: bring −80 … 0 dB to 0 … 1.": db,
            "the loudness is in dB still: −80 … 0 dB should become 0 … 1.": np.maximum(db, -80),
        }
        name_the_slip(got[:, 1], slips)
        raise Wrong(f"the loudness, −80 … 0 dB to 0 … 1, is not right: {you_give(got[:, 1], loudness)}.")
    return "MIDI note / 127 and loudness / 80 + 1 on four random curves, the floor included."


def split_by_recording(stretches: list[tuple[str, float]], held_out: int, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the stretches (recording, start) for training and for validation; recordings stay whole."""
    names = sorted({name for name, _ in stretches})
    chosen = np.random.default_rng(seed).permutation(names)[:held_out]
    validation = [i for i, (name, _) in enumerate(stretches) if name in chosen]
    return [i for i in range(len(stretches)) if i not in validation], validation


def _indices(values: Any) -> list[int]:
    """A list, array or set of indices as plain integers."""
    if isinstance(values, (set, frozenset, range)):
        values = sorted(values)
    if isinstance(values, (list, tuple)) and any(isinstance(x, (str, tuple, list)) for x in values):
        raise Wrong("return the indices of the stretches, whole numbers, not the stretches or their names.")
    return (
        [whole(x) for x in values]
        if isinstance(values, (list, tuple))
        else [whole(x) for x in expect_tensor(values).reshape(-1)]
    )


def _judge_split(answer: Any) -> str:
    ask = "return two lists of indices: (train, validation)."

    def split(stretches: list[tuple[str, float]], held_out: int, seed: int) -> tuple[list[int], list[int]]:
        train, validation = pair(call(answer, list(stretches), held_out, seed), ask)
        return _indices(train), _indices(validation)

    for seed in range(6):
        rng, held_out = np.random.default_rng([17, seed]), (2, 1, 3)[seed % 3]
        names = [f"take_{i:02d}" for i in range(6)]
        stretches = [(name, float(at)) for name in names for at in range(int(rng.integers(3, 9)))]
        stretches = [stretches[i] for i in rng.permutation(len(stretches))]
        train, validation = split(stretches, held_out, seed)
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
        if len(held) == 6 - held_out and len(held) != len(heard):
            raise Wrong("the two lists are in the other order: first training, then validation.")
        if len(held) != held_out:
            raise Wrong(f"recordings held out: {len(held)}, where held_out = {held_out} were asked for.")
    runs = [split(stretches, 2, seed) for seed in range(12)]
    picks = [frozenset(stretches[i][0] for i in validation) for _, validation in runs]
    if len(set(picks)) == 1:
        raise Wrong("every seed holds out the same recordings: the seed is not used.")
    if any(frozenset(stretches[i][0] for i in split(stretches, 2, s)[1]) != picks[s] for s in (0, 1, 2)):
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
        got = whole(call(answer, width, hidden, n_outputs))
        true = sum(p.numel() for p in ToneDecoder(n_outputs, width=width, hidden=hidden).parameters())
        if got == true:
            continue
        both = hidden * 2 * width
        slips = {
            3 * hidden: "PyTorch's GRU has two biases a gate, one for the input and one for the state.",
            8 * width + 4 * hidden: "each layer norm has a scale and a shift for every channel.",
            width * width + 7 * width: "there are two input stacks, one for pitch and one for loudness; they share "
            "nothing.",
            both: "the output stack hears the GRU and, beside it, what the GRU heard.",
            n_outputs: "the last layer has a bias for every output as well.",
            hidden * n_outputs + n_outputs: "the last layer, from hidden to the outputs, is missing.",
            both + 2 * hidden * hidden + 6 * hidden: "the output stack is missing: (linear, layer norm) twice.",
            both + hidden * hidden + hidden: "the first linear layer of the output stack is missing.",
        }
        if true - got in slips:
            raise Wrong(slips[true - got])
        case = f"width {width}, hidden {hidden}, {n_outputs} outputs"
        raise Wrong(f"{case}: you count {got}, PyTorch {true}. The output stack is hidden wide.")
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
