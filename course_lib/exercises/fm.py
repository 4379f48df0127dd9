"""Exercises of the chapter "FM"."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.base import Exercise, Wrong, call, close, expect_tensor, name_the_slip, number, you_give
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.synths.fm import fm_synth
from course_lib.synths.fm_lines import bessel


def folded_lines(ratio: int, bessel_values: Tensor, n_lines: int) -> Tensor:
    """Amplitudes of harmonics 1 … n_lines of sin(φ + I sin(ratio·φ)), folded, from J_0(I), J_1(I), …"""
    lines = torch.zeros(n_lines + 1, dtype=bessel_values.dtype)
    for k in range(-len(bessel_values) + 1, len(bessel_values)):
        line = 1 + k * ratio
        amplitude = bessel_values[abs(k)] * (-1 if k < 0 and k % 2 else 1)
        if 0 < abs(line) <= n_lines:
            lines[abs(line)] += amplitude if line > 0 else -amplitude
    return lines[1:]


def _lines(ratio: int, values: Tensor, n_lines: int, *, fold: bool, turn: bool, odd: bool) -> Tensor:
    """The same with one thing or another left out."""
    lines = torch.zeros(n_lines + 1, dtype=values.dtype)
    for k in range(-len(values) + 1, len(values)):
        line, value = 1 + k * ratio, values[abs(k)] * (-1 if odd and k < 0 and k % 2 else 1)
        if not 0 < abs(line) <= n_lines or (line < 0 and not fold):
            continue
        value = -value if turn and line < 0 else value
        lines[abs(line)] += value
    return lines[1:]


def _judge_folded_lines(answer: Any) -> str:
    for ratio, index in ((1, 1.5), (2, 1.2), (3, 2.5), (1, 4.0)):
        values, n = bessel(index)[:24], 12
        got = expect_tensor(call(answer, ratio, values.clone(), n))
        if got.shape == (n + 1,):
            raise Wrong(f"line 0 is no line: return the harmonics 1 … n_lines, shape ({n},).")
        got = expect_tensor(got, (n,))
        # The oracle makes the sound, one period of it, and looks at its spectrum.
        phase = 2 * torch.pi * torch.arange(512, dtype=torch.float64) / 512
        oracle = -torch.fft.rfft(torch.sin(phase + index * torch.sin(ratio * phase))).imag[1 : n + 1] / 256
        if close(got, oracle):
            continue
        slips = {
            "the lines below 0 are missing: they fold back and are added to those above.": _lines(
                ratio, values, n, fold=False, turn=False, odd=True
            ),
            "what folds is not turned over: sin(−x) = −sin x.": _lines(
                ratio, values, n, fold=True, turn=False, odd=True
            ),
            "J of −k is (−1)^k · J of k: odd lines on the left have the other sign.": _lines(
                ratio, values, n, fold=True, turn=True, odd=False
            ),
            "these are sizes; keep the signs, for without them nothing can cancel.": oracle.abs(),
        }
        name_the_slip(got, slips)
        raise Wrong(f"for ratio {ratio} and I = {index:g}: {you_give(got, oracle)}.")
    return "the lines of four sounds, as their spectra have them. The signs decide what cancels."


def success_share(begun: Tensor, found: Tensor, true: Tensor, tolerance: Tensor, limit: float) -> float:
    """Of the starts whose index is at most `limit`, the share from which index and level are both found."""
    right = ((found - true).abs() < tolerance).all(-1)
    return float(right[begun <= limit].double().mean())


def _judge_success_share(answer: Any) -> str:
    generator = torch.Generator().manual_seed(4)
    true, tolerance = torch.tensor([1.5, 0.6]), torch.tensor([0.05, 0.02])
    for limit in (2.0, 4.0, 6.28):
        begun = torch.rand(40, generator=generator) * 6.28
        off = (torch.rand(40, 2, generator=generator) - 0.5) * torch.tensor([0.16, 0.06])
        # Beyond an index of 3 every other start ends elsewhere.
        found = (
            true
            + off
            + torch.where((begun > 3) & (torch.arange(40) % 2 == 0), -2.0, 0.0)[:, None] * torch.tensor([1.0, 0.1])
        )
        got = number(call(answer, begun.clone(), found.clone(), true, tolerance, limit))
        inside = begun <= limit
        each = (found - true).abs() < tolerance
        want = sum(bool(a and b) for (a, b), i in zip(each.tolist(), inside.tolist(), strict=True) if i)
        share = want / int(inside.sum())
        if abs(got - share) < 1e-4:
            continue
        slips = {
            "divide by the number of starts within the limit, not by all.": want / 40,
            "this is a number of starts; a share lies between 0 and 1.": float(want),
            "a start counts where index and level are both right; one of the two is not enough.": float(
                each.any(-1)[inside].double().mean()
            ),
            "an error may be negative: take its size before you compare.": float(
                ((found - true) < tolerance).all(-1)[inside].double().mean()
            ),
            "the limit is on where the search began, and it is not used yet.": float(each.all(-1).double().mean()),
        }
        name_the_slip(got, slips)
        raise Wrong(f"for a limit of {limit:g} rad: {you_give(got, share)}.")
    return "the share of starts that arrive. Draw it over the limit, and you see why DDX7 has one."


def pick_ratio(target: Tensor, sounds: Tensor, ratios: Tensor) -> float:
    """The ratio whose sound is nearest to the target in spectrum; sounds (n, n_samples), ratios (n,)."""
    losses = torch.stack([multiscale_spectral_loss(sound, target) for sound in sounds])
    return float(ratios[losses.argmin()])


def _judge_pick_ratio(answer: Any) -> str:
    ratios = torch.arange(2, 10) / 2
    levels = torch.tensor([[0.5, 1.2]]).expand(8, 1, 2)
    both = torch.stack([torch.ones(8), ratios], -1)
    sounds = fm_synth(torch.full((8, 1), 220.0), levels, both, "2>1", n_samples=2600, sample_rate=16_000)
    for at in (4, 1, 6):
        # The same sound, begun at another place: its samples are others, its spectrum is the same.
        target, heard = sounds[at, 237 + 91 * at :][:1800], sounds[:, :1800]
        got = number(call(answer, target.clone(), heard.clone(), ratios.clone()))
        want = float(ratios[at])
        if abs(got - want) < 1e-3:
            continue
        losses = torch.stack([multiscale_spectral_loss(sound, target) for sound in heard])
        slips = {
            "that is the place in the list; return the ratio that stands there.": float(losses.argmin()),
            "that is the ratio of the largest loss; the best has the smallest.": float(ratios[losses.argmax()]),
            "that is the loss of the best; return its ratio.": float(losses.min()),
            "the waveforms are compared, and the target begins at another place: compare spectra.": float(
                ratios[(heard - target).square().mean(-1).argmin()]
            ),
        }
        name_the_slip(got, slips)
        raise Wrong(f"the target has ratio {want:g}: {you_give(got, want)}.")
    return "three ratios of three. What no gradient would find, eight guesses do."


EXERCISES = [
    Exercise(
        "fm-1",
        _judge_folded_lines,
        ("Go through k from −23 to 23. Line 1 + k · ratio has the amplitude J_k, and J_−k = (−1)^k J_k.",
         "Where 1 + k · ratio is negative, add −J_k to the line at −(1 + k · ratio)."),
        folded_lines,
        "A negative frequency is a sine that runs backwards, sin(−x) = −sin x. So folded lines are subtracted from "
        "those they land on, and the spectrum is no longer even about its carrier.",
    ),
    Exercise(
        "fm-2",
        _judge_success_share,
        ("(found − true).abs() < tolerance has two columns; .all(-1) makes one of them.",
         "begun <= limit says which rows count; the mean of those rows is the share."),
        success_share,
        "A smaller limit means fewer sounds and more of them found. It is a design decision, and this number makes it.",
    ),
    Exercise(
        "fm-3",
        _judge_pick_ratio,
        ("multiscale_spectral_loss(sound, target) is one number for each sound.",
         "argmin of the losses is a place; ratios[place] is the answer."),
        pick_ratio,
        "A search over few candidates beats a descent into the nearest of many minima; the descent comes afterwards, "
        "for index and level.",
    ),
]  # fmt: skip

MISTAKES = {
    "fm-1": [
        (lambda r, v, n: _lines(r, v, n, fold=False, turn=False, odd=True), "below 0 are missing"),
        (lambda r, v, n: _lines(r, v, n, fold=True, turn=False, odd=True), "not turned over"),
        (lambda r, v, n: _lines(r, v, n, fold=True, turn=True, odd=False), "odd lines on the left"),
        (lambda r, v, n: folded_lines(r, v, n).abs(), "keep the signs"),
        (lambda r, v, n: torch.cat([torch.zeros(1), folded_lines(r, v, n)]), "line 0 is no line"),
    ],
    "fm-2": [
        (lambda b, f, t, tol, m: float((((f - t).abs() < tol).all(-1) & (b <= m)).double().mean()), "not by all"),
        (lambda b, f, t, tol, m: float((((f - t).abs() < tol).all(-1) & (b <= m)).sum()), "between 0 and 1"),
        (lambda b, f, t, tol, m: float(((f - t).abs() < tol).any(-1)[b <= m].double().mean()), "one of the two"),
        (lambda b, f, t, tol, m: float(((f - t) < tol).all(-1)[b <= m].double().mean()), "may be negative"),
        (lambda b, f, t, tol, m: float(((f - t).abs() < tol).all(-1).double().mean()), "not used yet"),
    ],
    "fm-3": [
        (lambda t, s, r: int(torch.stack([multiscale_spectral_loss(x, t) for x in s]).argmin()), "place in the list"),
        (lambda t, s, r: float(r[torch.stack([multiscale_spectral_loss(x, t) for x in s]).argmax()]), "largest loss"),
        (lambda t, s, r: float(torch.stack([multiscale_spectral_loss(x, t) for x in s]).min()), "loss of the best"),
        (lambda t, s, r: float(r[(s - t).square().mean(-1).argmin()]), "compare spectra"),
    ],
}
