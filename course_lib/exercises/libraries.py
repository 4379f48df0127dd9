"""Exercises of the chapter "Libraries": five faults of published code, restated small, to be mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, you_give


def compressor_gain_db(
    level_db: Tensor, threshold_db: float, ratio: float, knee_db: float, attack: float, release: float
) -> Tensor:
    """What a compressor takes away, in dB: a curve with a knee, then a smoother with two speeds."""
    over = level_db - threshold_db
    knee = max(knee_db, 1e-9)  # nothing is divided by 0, in either branch
    bent = (over + knee / 2).clamp(0, knee) ** 2 / (2 * knee) + (over - knee / 2).clamp(min=0)
    wanted = -(1 - 1 / ratio) * bent
    now, gains = torch.zeros_like(level_db[0]), []
    for target in wanted:
        keep = attack if target < now else release
        now = keep * now + (1 - keep) * target
        gains.append(now)
    return torch.stack(gains)


def _by_numpy(
    level: NDArray,
    threshold: float,
    ratio: float,
    knee: float,
    attack: float,
    release: float,
    slope: float | None = None,
) -> NDArray:
    slope = 1 - 1 / ratio if slope is None else slope
    now, gains = 0.0, []
    for x in level - threshold:
        if x <= -knee / 2:
            bent = 0.0
        elif x >= knee / 2:
            bent = x
        else:
            bent = (x + knee / 2) ** 2 / (2 * knee)
        keep = attack if -slope * bent < now else release
        now = keep * now - (1 - keep) * slope * bent
        gains.append(now)
    return np.array(gains)


def _holds_nan(raw: Any) -> bool:
    """Whether an answer, of whatever form, holds NaN."""
    try:
        return bool(np.isnan(np.asarray(raw.detach() if isinstance(raw, Tensor) else raw, np.float64)).any())
    except (
        TypeError,
        ValueError,
        OverflowError,
        RuntimeError,
    ):  # a list of tensors with gradients, or no numbers at all
        return isinstance(raw, list) and any(isinstance(x, Tensor) and bool(x.isnan().any()) for x in raw)


def _judge_compressor_gain_db(answer: Any) -> str:
    rng = np.random.default_rng(21)
    for knee, ratio in ((6.0, 4.0), (0.0, 4.0), (12.0, 2.0), (0.0, 10.0)):
        level, way = rng.uniform(-60, 0, 40), rng.normal(size=40)
        rest = (-30.0, ratio, knee, 0.5, 0.9)
        level[7], way[7] = -30.0, 0.0  # one level lies on the threshold
        tensor = torch.from_numpy(level).requires_grad_()
        raw = call(answer, tensor, *rest)
        if _holds_nan(raw):
            raise Wrong(f"with a knee of {knee:g} dB the threshold itself gives NaN: something divides by the knee. "
                        "Keep the 0 out of it.")  # fmt: skip
        got = expect_tensor(raw, (40,))
        oracle = _by_numpy(level, *rest)
        if not close(got, oracle):
            _, _, _, attack, release = rest

            def other(
                *,
                knee: float = knee,
                attack: float = attack,
                release: float = release,
                slope: float | None = None,
                level: NDArray = level,
                ratio: float = ratio,
            ) -> NDArray:
                return _by_numpy(level, -30.0, ratio, knee, attack, release, slope)

            slips = {
                "the release is ignored: the attack's speed serves both ways. Where the wanted gain lies above the "
                "present one, it is the release that counts.": other(release=attack),
                "attack and release are swapped: attack is for more reduction, a gain that falls.": other(
                    attack=release, release=attack
                ),
                "there is no knee: within half a knee of the threshold the curve is a parabola.": other(knee=0.0),
                "the slope is 1/ratio: that remains above the threshold; taken away is 1 − 1/ratio.": other(
                    slope=1 / ratio
                ),
                "the sign: what is taken away is a negative gain in dB.": -oracle,
                "attack and release are shares to keep of the old gain: keep · old + (1 − keep) · wanted.": other(
                    attack=1 - attack, release=1 - release
                ),
            }
            name_the_slip(got, slips)
            raise Wrong(f"with a knee of {knee:g} dB and a ratio of {ratio:g}, {you_give(got, oracle, 'dB')}.")
        if not (isinstance(raw, Tensor) and raw.requires_grad):
            continue  # numbers, or an array: there is no gradient to look at
        slope = torch.autograd.grad(raw.sum(), tensor)[0].double()
        if not bool(slope.isfinite().all()):
            raise Wrong(f"with a knee of {knee:g} dB the values are right and the gradient is NaN: torch.where takes "
                        "the gradient of both branches, and one divides by the knee. Keep 0 out of it.")  # fmt: skip
        step = 1e-6
        ahead, behind = (_by_numpy(level + s * step * way, *rest).sum() for s in (1, -1))
        expected = (ahead - behind) / (2 * step)
        if not close(slope @ torch.from_numpy(way), expected, 1e-2):
            raise Wrong(
                f"with a knee of {knee:g} dB the values are right, but the gradient is not that of the formula."
            )
    return "with a knee and without, both speeds, and a gradient that is finite everywhere."


def usable_bands(bands: Tensor, sample_rate: float) -> Tensor:
    """Ranges of cutoffs, (n, 2), Hz, cut at 0.45 of the sample rate; a band without room below that is left out."""
    highest = 0.45 * sample_rate
    there = bands[bands[:, 0] < highest]
    return torch.stack([there[:, 0], there[:, 1].clamp(max=highest)], dim=-1)


def _judge_usable_bands(answer: Any) -> str:
    table = np.array([[20.0, 2000.0], [80.0, 2000.0], [2000.0, 8000.0], [8000.0, 12000.0], [12000.0, 21050.0]])
    for rate in (22_050, 16_000, 44_100, 8_000):
        limit = 0.45 * rate
        oracle = np.array([[low, min(high, limit)] for low, high in table if low < limit])
        got = expect_tensor(call(answer, torch.from_numpy(table), rate))
        if got.shape == oracle.shape and close(got, oracle):
            continue
        if got.ndim != 2 or got.shape[-1] != 2:
            raise Wrong(f"asked is a table (bands, 2); you give shape {tuple(got.shape)}.")
        if bool((got[:, 0] >= got[:, 1]).any()):
            row = [round(float(x)) for x in got[got[:, 0] >= got[:, 1]][0]]
            raise Wrong(f"at {rate} Hz a band runs downwards or has no width, {row[0]} to {row[1]} Hz: a knob that is "
                        "turned up would turn it down. Leave out a band that begins above the limit.")  # fmt: skip
        whole = table[table[:, 1] <= limit]
        slips: dict[str, Any] = {
            "bands that only reach beyond the limit are left out: they have room, so cut their upper end.": whole,
            "a band that reaches beyond the limit keeps its upper end: cut it.": table[table[:, 0] < limit],
            "the limit is 0.45 of the sample rate, not of Nyquist.": [
                [low, min(high, limit / 2)] for low, high in table if low < limit / 2
            ],
            "that stops at Nyquist: leave a little room, 0.45 of the sample rate.": [
                [low, min(high, rate / 2)] for low, high in table if low < rate / 2
            ],
        }
        name_the_slip(got, {message: value for message, value in slips.items() if len(value)})
        if got.shape != oracle.shape:
            raise Wrong(f"at {rate} Hz {len(oracle)} bands have room below the limit; you give {len(got)}.")
        raise Wrong(f"at {rate} Hz {you_give(got, oracle, 'Hz')}.")
    return "at four sample rates, and every band runs upwards."


def pitch_input(f0_hz: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer and a layer norm that hear pitch: MIDI notes, 0 to 1, instead of hertz."""
    midi = 69 + 12 * torch.log2(f0_hz / 440)
    hidden = (midi / 127).unsqueeze(-1) * weight + bias
    return torch.nn.functional.layer_norm(hidden, hidden.shape[-1:])


def _layer_norm(x: NDArray, axis: int = -1, ddof: int = 0) -> NDArray:
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True, ddof=ddof) + 1e-5)


def _judge_pitch_input(answer: Any) -> str:
    rng = np.random.default_rng(22)
    for n, width in ((2, 64), (5, 32)):
        f0 = 440 * 2 ** rng.uniform(-3, 2, n)
        weight, bias = rng.uniform(-1, 1, width), rng.uniform(-1, 1, width)
        got = expect_tensor(call(answer, *(torch.from_numpy(x) for x in (f0, weight, bias))))
        got = expect_tensor(got, (n, width))
        midi = 69 + 12 * np.log2(f0 / 440)

        def hidden(x: NDArray, weight: NDArray = weight, bias: NDArray = bias) -> NDArray:
            return np.outer(x, weight) + bias

        oracle = _layer_norm(hidden(midi / 127))
        if close(got, oracle, 1e-3):
            continue
        slips = {
            "raw hertz: beside hundreds of them the bias is nothing, and the norm takes the scale away. Turn them into "
            "MIDI notes first.": _layer_norm(hidden(f0)),
            "MIDI notes without the division by 127: beside 60 the bias is small. Bring them to 0 … 1.": _layer_norm(
                hidden(midi)
            ),
            "log2 of hertz is no MIDI note: 69 + 12 · log2(f / 440).": _layer_norm(hidden(np.log2(f0) / 127)),
            "the norm is missing.": hidden(midi / 127),
            "the norm goes over the notes: its axis is that of the features, the last.": _layer_norm(
                hidden(midi / 127), 0
            ),
            "the norm divides by the deviation with n − 1: a layer norm takes n.": _layer_norm(
                hidden(midi / 127), ddof=1
            ),
            "the bias is missing: without it the norm leaves nothing of the pitch but its sign.": _layer_norm(
                np.outer(midi / 127, weight)
            ),
        }
        name_the_slip(got, slips, 1e-3)
        raise Wrong(f"for random weights, {you_give(got, oracle)}.")
    return "an octave now moves what the network hears."


def noise_block(noise: Tensor, magnitudes: Tensor) -> Tensor:
    """One block of noise through a filter given by magnitudes, with all of its ringing: nothing is cut."""
    half = len(magnitudes) - 1
    taps = torch.fft.irfft(magnitudes).roll(half) * torch.hann_window(2 * half, dtype=magnitudes.dtype)
    size = len(noise) + 2 * half - 1
    return torch.fft.irfft(torch.fft.rfft(noise, size) * torch.fft.rfft(taps, size), size)


def _judge_noise_block(answer: Any) -> str:
    rng = np.random.default_rng(23)
    for block, n_bands, flat in ((64, 65, True), (64, 65, False), (80, 9, False)):
        noise = rng.uniform(-1, 1, block)
        magnitudes = np.ones(n_bands) if flat else rng.uniform(0, 1, n_bands)
        got = expect_tensor(call(answer, torch.from_numpy(noise), torch.from_numpy(magnitudes)))
        half = n_bands - 1
        plain = np.fft.irfft(magnitudes)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2 * half) / (2 * half))
        taps = np.roll(plain, half) * window
        oracle = np.convolve(noise, taps)
        if got.shape == oracle.shape and close(got, oracle):
            continue
        if flat and float(got.abs().max()) < 1e-9:
            raise Wrong(f"flat bands give silence. The middle of the response, where its energy is, is tap {half}: "
                        f"cut to the {block} samples of a block, nothing is left.")  # fmt: skip
        n = len(oracle)
        padded = np.convolve(noise, taps[:block])
        around = (
            np.fft.irfft(np.fft.rfft(noise, 2 * half) * np.fft.rfft(taps), 2 * half) if block <= 2 * half else padded
        )
        slips = {
            "the response is cut to the length of a block before it is used: keep all of it.": padded,
            "the output is cut to the length of the block: the rest rings on, and is added to the next block.":
                oracle[:block],
            "only the middle is kept (mode='same'): the output has block + taps − 1 samples.":
                oracle[(n - block) // 2 :][:block],
            "the convolution is circular: what rings on comes back at the start. Pad both to block + taps − 1.": around,
            "the response is not centred: roll it by half its length, so that its middle lies in the middle.":
                np.convolve(noise, plain),
            "centred, but without the window: its ends do not fade.": np.convolve(noise, np.roll(plain, half)),
            "the window lies on the response before it is centred, and takes its middle away.":
                np.convolve(noise, np.roll(plain * window, half)),
        }  # fmt: skip
        name_the_slip(got, slips)
        if got.shape != oracle.shape:
            raise Wrong(f"{block} samples through {2 * half} taps are {n} samples; you give shape {tuple(got.shape)}.")
        raise Wrong(f"for {n_bands} bands and a block of {block}, {you_give(got, oracle)}.")
    return "flat bands let the noise through, and nothing is cut."


EXERCISES = [
    Exercise(
        "libraries-1",
        _judge_compressor_gain_db,
        (
            "First the curve, a gain for each level; then a loop, whose speed depends on whether the gain falls.",
            "A knee of 0: let knee = max(knee_db, 1e-9), or choose the hard knee by a plain if. In torch.where both "
            "branches are computed, and both have a gradient.",
            "keep = attack if wanted[n] < gain else release; gain = keep * gain + (1 - keep) * wanted[n].",
        ),
        compressor_gain_db,
        "A selected branch hides the value of the other, never its gradient: 0 times infinity is NaN.",
    ),
    Exercise(
        "libraries-2",
        _judge_usable_bands,
        (
            "Two questions to each band: does it begin below the limit? And where does it end, at the latest?",
            "bands[bands[:, 0] < limit], and the upper column clamped to the limit.",
        ),
        usable_bands,
        "A table of ranges that was made for one sample rate is checked at others, or it runs backwards unnoticed.",
    ),
    Exercise(
        "libraries-3",
        _judge_pitch_input,
        (
            "What is large beside its bias is all that a layer norm sees, and it takes the size of that away.",
            "midi = 69 + 12 * torch.log2(f0_hz / 440); then layer_norm of (midi / 127)[:, None] * weight + bias.",
        ),
        pitch_input,
        "The norm is there to take scale away. Pitch must not be told by scale: where it is as large as the bias, the "
        "direction of the vector tells it.",
    ),
    Exercise(
        "libraries-4",
        _judge_noise_block,
        (
            "The response of n bands has 2 (n − 1) taps, and its middle belongs in the middle: torch.roll.",
            "Both transforms are as long as the output, block + taps − 1; then nothing wraps and nothing is cut.",
        ),
        noise_block,
        "A filter that rings longer than a block is no trouble, as long as the blocks are added where they overlap.",
    ),
]


def _swapped(level: Tensor, threshold: float, ratio: float, knee: float, attack: float, release: float) -> Tensor:
    return compressor_gain_db(level, threshold, ratio, knee, release, attack)


def _by_where(level: Tensor, threshold: float, ratio: float, knee: float, attack: float, release: float) -> Tensor:
    over = level - threshold
    bent = torch.where(over.abs() <= knee / 2, (over + knee / 2) ** 2 / (2 * knee), over.clamp(min=0))
    wanted, now, gains = -(1 - 1 / ratio) * bent, torch.zeros_like(level[0]), []
    for target in wanted:
        keep = attack if target < now else release
        now = keep * now + (1 - keep) * target
        gains.append(now)
    return torch.stack(gains)


def _cut(noise: Tensor, magnitudes: Tensor) -> Tensor:
    half = len(magnitudes) - 1
    taps = (torch.fft.irfft(magnitudes).roll(half) * torch.hann_window(2 * half, dtype=magnitudes.dtype))[: len(noise)]
    size = len(noise) + len(taps) - 1
    return torch.fft.irfft(torch.fft.rfft(noise, size) * torch.fft.rfft(taps, size), size)


MISTAKES = {
    "libraries-1": [
        (lambda x, t, r, k, a, b: compressor_gain_db(x, t, r, k, a, a), "the release is ignored"),
        (_swapped, "attack and release are swapped"),
        (lambda x, t, r, k, a, b: compressor_gain_db(x, t, r, 0.0, a, b), "there is no knee"),
        (_by_where, "divides by the knee"),
    ],
    "libraries-2": [
        (lambda b, r: torch.stack([b[:, 0], b[:, 1].clamp(max=r / 2 - 1000)], -1), "runs downwards"),
        (lambda b, r: b[b[:, 1] <= 0.45 * r], "cut their upper end"),
        (lambda b, r: b[b[:, 0] < 0.45 * r], "keeps its upper end"),
        (lambda b, r: usable_bands(b, r / 0.9), "stops at Nyquist"),
    ],
    "libraries-3": [
        (lambda f, w, b: torch.nn.functional.layer_norm(f[:, None] * w + b, w.shape), "raw hertz"),
        (lambda f, w, b: pitch_input(f, 127 * w, b), "without the division by 127"),
        (lambda f, w, b: pitch_input(f, w, 0 * b), "the bias is missing"),
    ],
    "libraries-4": [
        (_cut, "flat bands give silence"),
        (lambda x, m: noise_block(x, m)[: len(x)], "flat bands give silence"),
        (lambda x, m: noise_block(x, m)[(2 * len(m) - 3) // 2 :][: len(x)], "mode='same'"),
    ],
}
