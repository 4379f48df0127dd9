"""Analyses under the transforms of torch, in half precision, from odd arrays; and of a batch with a silent sound."""

from __future__ import annotations

import pytest
import torch

import course_lib as cl
from tests.helpers.torch_stack import Case, check, every, rand

SR = 16_000
NO_TRANSFORM = ("compile", "export", "trace", "grad", "vmap", "jvp", "meta", "fake")
READS = dict.fromkeys(NO_TRANSFORM, "it reads values, so it cannot be compiled")
NO_GRADIENT = dict.fromkeys(
    ("twice", "half"), "a path of whole numbers has no gradient; half precision has a test below"
)
NOISE = rand(2, 200, low=-0.5, high=0.5)
TONE = 0.5 * torch.sin(2 * torch.pi * 400 / SR * torch.arange(480, dtype=torch.float64))
F0 = torch.tensor([[403.0, 411.0, 0.0], [507.0, 493.0, 505.0]]).double()  # windows that begin and end between samples
MEASURED = {"n_harmonics": 2, "sample_rate": SR}

LEFT_OUT = {"F0Track": "what track_f0 returns", "alias_db": "a measure of a sound that is there: it detaches it"}
CASES = [
    Case("loudness_db", lambda x: cl.loudness_db(x, sample_rate=SR, window_s=0.002), (NOISE,)),
    Case(
        "project_harmonics",
        lambda x, f: cl.project_harmonics(x, f, **MEASURED),
        (NOISE, F0),
    ),
    Case("measure_harmonics", lambda x, f: cl.measure_harmonics(x, f, **MEASURED), (NOISE[0], F0[0])),
    Case("remove_harmonics", lambda x, f: cl.remove_harmonics(x, f, **MEASURED), (NOISE[0], F0[0])),
    Case("track_f0", lambda x: cl.track_f0(x, sample_rate=SR, f_min_hz=200.0), (TONE,), READS, NO_GRADIENT),
    Case("estimate_f0", lambda x: cl.estimate_f0(x, sample_rate=SR, f_min_hz=200.0), (TONE,), READS, NO_GRADIENT),
    Case("polyphony", lambda x: torch.tensor(cl.polyphony(x, sample_rate=SR)), (TONE,), READS, NO_GRADIENT),
]


@every(CASES)
def test_torch_stack(case, transform):
    check(case, transform)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_pitch_in_half_precision(dtype):
    for f0_hz, _ in (
        cl.track_f0(TONE.to(dtype), SR, f_min_hz=200.0),
        cl.estimate_f0(TONE.to(dtype), SR, f_min_hz=200.0),
    ):
        assert f0_hz.dtype == dtype and (cl.cents(f0_hz.float(), 400.0).abs() < 20).all()
    assert cl.polyphony(TONE.to(dtype), SR) == 0.0


def test_a_silent_sound_is_answered_alone_as_in_a_batch():
    """Nothing is voiced, the pitch is 0, the level is the floor, no harmonic is there; its neighbour is as it was."""
    tone = TONE.repeat(4).float()
    silence = torch.zeros_like(tone)
    f0 = torch.full((8,), 400.0)

    def analyses(sound: torch.Tensor, pitch: torch.Tensor) -> list[torch.Tensor]:
        measured = cl.measure_harmonics(sound, pitch, **MEASURED)
        left = cl.remove_harmonics(sound, pitch, **MEASURED)
        track, pyin = cl.track_f0(sound, SR, f_min_hz=150.0), cl.estimate_f0(sound, SR, f_min_hz=150.0)
        return [*track, *pyin, cl.loudness_db(sound, SR), measured, left]

    together = analyses(torch.stack([tone, silence]), f0.expand(2, -1))
    for batch, sounding, silent in zip(together, analyses(tone, f0), analyses(silence, f0), strict=True):
        torch.testing.assert_close(batch[0], sounding)
        torch.testing.assert_close(batch[1], silent, rtol=0, atol=0)
    f0_hz, confidence, by_pyin, voiced, level, measured, left = (values[1] for values in together)
    assert not f0_hz.any() and (confidence < 0.5).all() and not by_pyin.any() and not voiced.any()
    assert (level == -80).all() and not measured.any() and not left.any()
