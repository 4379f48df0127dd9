"""Exercises of the chapter "A room"."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.base import (
    Exercise,
    Wrong,
    call,
    close,
    expect_tensor,
    name_the_slip,
    number,
    pair,
    you_give,
)


def sum_of_echoes(sound: Tensor, response: Tensor) -> Tensor:
    """Every tap of the response adds one delayed, scaled copy of the sound; the result is as long as the sound."""
    wet = torch.zeros_like(sound)
    for delay, tap in enumerate(response[: len(sound)]):
        wet[delay:] += tap * sound[: len(sound) - delay]
    return wet


def _judge_sum_of_echoes(answer: Any) -> str:
    generator = torch.Generator().manual_seed(11)
    for n, n_taps in ((12, 5), (5, 12), (30, 30), (1, 3)):
        sound = torch.rand(n, generator=generator, dtype=torch.float64) - 0.5
        response = torch.rand(n_taps, generator=generator, dtype=torch.float64) - 0.5
        got = expect_tensor(call(answer, sound, response))
        full = torch.from_numpy(np.convolve(sound.numpy(), response.numpy()))
        if got.shape == full.shape and n_taps > 1:
            raise Wrong("this is the whole convolution, tail included; here the result is as long as the sound.")
        if got.shape != (n,):
            raise Wrong(f"the shape is {tuple(got.shape)}, expected that of the sound, ({n},).")
        if close(got, full[:n]):
            continue
        wrapped = full[:n].clone()
        for start in range(n, len(full), n):
            part = full[start : start + n]
            wrapped[: len(part)] += part
        padded = torch.nn.functional.pad(response, (0, max(0, n - n_taps)))[:n]
        wraps = "tails wrap around to the front: roll and an unpadded FFT are circular. Late copies just end."
        slips = {
            wraps: wrapped,
            wraps + " (And late taps are cut.)": torch.fft.ifft(torch.fft.fft(sound) * torch.fft.fft(padded)).real,
            "the response runs backwards: its first tap must belong to the shortest delay, 0.": np.convolve(
                sound.numpy(), response.numpy()[::-1]
            )[:n],
            "the dry sound is added on top; here tap 0 already is the direct sound.": full[:n] + sound,
            "that is the middle of the convolution; the sound begins at its first sample.": full[
                (n_taps - 1) // 2 : (n_taps - 1) // 2 + n
            ],
            "one sample late: tap 0 is the direct sound, with no delay.": torch.cat([full[:1] * 0, full])[:n],
        }
        name_the_slip(got, slips)
        case = f"for a sound of {n} samples and a response of {n_taps} taps"
        raise Wrong(f"{case} this is not the sum of its echoes: {you_give(got, full[:n])}.")
    return "the same as NumPy's convolution, also where the response is longer than the sound."


def fold_first_tap(gain: float, response: Tensor) -> tuple[float, Tensor]:
    """Gain and response with tap 0 at zero that make the same sound: gain·dry + response * dry."""
    room = response.clone()
    room[0] = 0.0
    return gain + float(response[0]), room


def _judge_fold_first_tap(answer: Any) -> str:
    generator = torch.Generator().manual_seed(12)
    for _ in range(4):
        response = torch.rand(9, generator=generator, dtype=torch.float64) - 0.5
        gain = float(torch.rand(1, generator=generator)) + 0.2
        both = pair(call(answer, gain, response), "return two things: the new gain and the new response.")
        first, room = (expect_tensor(value) for value in both)
        if first.shape == (9,) and room.numel() == 1:
            raise Wrong("the two are in the other order: first the gain, then the response.")
        if room.shape == (8,):
            raise Wrong("the response must stay as long as it was, with a first tap of 0: else all echoes come early.")
        new_gain, room = number(first), expect_tensor(room, (9,))
        tap = float(response[0])
        rest = close(room[1:], response[1:])
        if abs(float(room[0])) > 1e-6:
            if rest and abs(new_gain - gain) > 1e-4:
                raise Wrong("the first tap now counts twice: in the gain, and still in the response.")
            raise Wrong("the first tap of the new response must be 0.")
        if not rest:
            raise Wrong("the other taps must stay as they are: they are the room, and the room was not asked.")
        if abs(new_gain - (gain + tap)) < 1e-4:
            continue
        series = "the gain is not in series with the tap: the two direct sounds are added, not multiplied."
        slips = {
            "the tap is dropped, so the direct sound has changed. The gain must take over what it did.": gain,
            series: gain * tap,
            series + " Add the tap.": gain * (1 + tap),
            "the sign is turned: both arrive at once, so the tap is added to the gain.": gain - tap,
        }
        name_the_slip(new_gain, slips)
        case = f"with gain {gain:.3f} and first tap {tap:.3f}"
        raise Wrong(f"{case} it is another sound: as the new gain {you_give(new_gain, gain + tap)}.")
    return "the same sound from infinitely many pairs; with tap 0 at zero only this one is left."


def energy_decay(response: Tensor) -> Tensor:
    """Energy still to come at each tap, in dB against the whole."""
    energy = response.square().flip(0).cumsum(0).flip(0)
    return 10 * torch.log10(energy / energy[0])


def _judge_energy_decay(answer: Any) -> str:
    generator = torch.Generator().manual_seed(13)
    for n in (40, 200):
        time = torch.arange(n, dtype=torch.float64)
        response = (torch.rand(n, generator=generator, dtype=torch.float64) - 0.5) * torch.exp(-3 * time / n)
        got = expect_tensor(call(answer, response), (n,))
        energy = np.array([float(response[i:].square().sum()) for i in range(n)])
        right = 10 * np.log10(energy / energy[0])
        if bool((got - torch.from_numpy(right)).abs().max() < 0.01):
            continue
        taps = np.square(response.numpy())
        past = np.cumsum(taps)
        jagged = "these are the taps one by one, jagged; add up all that follow each of them."
        magnitudes = np.cumsum(np.abs(response.numpy())[::-1])[::-1]
        added = "magnitudes are added where energies should be: square first."
        slips = {
            "20·log10 belongs to amplitudes; this is an energy, already squared: 10·log10.": 2 * right,
            "a natural logarithm: decibels need the one to base 10.": right * np.log(10),
            "that is the share of the energy; in decibels it is 10·log10 of it.": energy / energy[0],
            "this adds up what has come already, so it climbs. Add up from the end: what is still to come.": 10
            * np.log10(past / past[-1]),
            "added up from the end, but still in that order: turn it back, with a second flip.": right[::-1],
            "not against the whole: the curve must begin at 0 dB, whatever the level of the response.": 10
            * np.log10(energy),
            jagged: 10 * np.log10(taps / taps[0]),
            jagged + " (Here against the loudest.)": 10 * np.log10(taps / taps.max()),
            added: 10 * np.log10(magnitudes / magnitudes[0]),
            added + " Then 10·log10.": 20 * np.log10(magnitudes / magnitudes[0]),
            "one tap late: at the first tap all of the energy is still to come.": 10
            * np.log10(np.append(energy[1:], energy[-1]) / energy[0]),
        }
        name_the_slip(got, slips)
        raise Wrong(f"of the curve for {n} taps {you_give(got, right, 'dB')}.")
    return "a smooth curve from jagged taps: what Schroeder found in 1965."


EXERCISES = [
    Exercise(
        "room-1",
        _judge_sum_of_echoes,
        ("Begin with zeros as long as the sound and add one copy for each tap.",
         "The copy of tap d starts at sample d: wet[d:] += tap · sound[: N − d]; taps from N on come too late."),
        sum_of_echoes,
        "This is the whole of convolution. The FFT gives the same numbers, only sooner.",
    ),
    Exercise(
        "room-2",
        _judge_fold_first_tap,
        ("Write the output at the moment of a click: gain · 1 from the dry path, and what from the response?",
         "Tap 0 arrives together with the dry sound, so the two levels add."),
        fold_first_tap,
        "gain·x[n] + Σ h[m]·x[n−m] = (gain + h[0])·x[n] + Σ over m ≥ 1: only the sum of the two can be heard, so one "
        "of them has to go before anything is learned.",
    ),
    Exercise(
        "room-3",
        _judge_energy_decay,
        ("Energy is the square. Which sum starts at a tap and runs to the end?",
         "flip, cumsum, flip; divide by the first value; 10·log10."),
        energy_decay,
        "The sum over all that is still to come averages the noise of single taps away: a straight line appears, and "
        "its slope is the decay time.",
    ),
]  # fmt: skip


def _circular(sound: Tensor, response: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(response, (0, max(0, len(sound) - len(response))))[: len(sound)]
    return torch.fft.irfft(torch.fft.rfft(sound) * torch.fft.rfft(padded), n=len(sound))


def _full(sound: Tensor, response: Tensor) -> Tensor:
    return torch.from_numpy(np.convolve(sound.numpy(), response.numpy()))


def _kept_tap(gain: float, response: Tensor) -> tuple[float, Tensor]:
    return gain + float(response[0]), response


MISTAKES = {
    "room-1": [
        (_circular, "wrap around to the front"),
        (_full, "whole convolution, tail included"),
        (lambda x, h: sum_of_echoes(x, h.flip(0)), "runs backwards"),
        (lambda x, h: x + sum_of_echoes(x, h), "dry sound is added on top"),
    ],
    "room-2": [
        (lambda g, h: (g, fold_first_tap(g, h)[1]), "the tap is dropped"),
        (_kept_tap, "counts twice"),
        (lambda g, h: (g * float(h[0]), fold_first_tap(g, h)[1]), "added, not multiplied"),
    ],
    "room-3": [
        (lambda h: 2 * energy_decay(h), "20·log10 belongs to amplitudes"),
        (lambda h: 10 * torch.log10(h.square().cumsum(0) / h.square().sum()), "so it climbs"),
        (lambda h: 10 * torch.log10(h.square().flip(0).cumsum(0).flip(0)), "must begin at 0 dB"),
        (lambda h: 10 * torch.log10(h.square() / h.square().max()), "jagged"),
    ],
}
