"""What lies between the harmonics: against tones whose aliases are known."""

from __future__ import annotations

import math

import pytest
import torch

import course_lib as cl

SR, N = 16_000, 16_384


def wave(*partials: tuple[float, float]) -> torch.Tensor:
    n = torch.arange(N, dtype=torch.float64) / SR
    return sum(level * torch.sin(2 * math.pi * hz * n) for hz, level in partials)


@pytest.mark.parametrize("alias", [-20.0, -60.0, -80.0])
@pytest.mark.parametrize("f0", [220.3, 1245.3, 3000.0])
def test_a_known_alias_is_measured(alias, f0):
    tone = [(f0, 1.0), (2 * f0, 0.5)]
    level = math.sqrt(1.25) * 10 ** (alias / 20)
    assert float(cl.alias_db(wave(*tone, (1.5 * f0, level)), f0, sample_rate=SR)) == pytest.approx(alias, abs=0.1)


def test_a_clean_tone_has_none_and_the_batch_is_its_rows():
    clean = wave(*[(440.7 * k, 1 / k) for k in range(1, 18)]).float()
    dirty = clean + 0.1 * wave((1000.0, 1.0)).float()
    both = cl.alias_db(torch.stack([clean, dirty]), 440.7, sample_rate=SR)
    assert both.shape == (2,) and both[0] < -95 < -30 < both[1]
    assert float(cl.alias_db(dirty, 440.7, sample_rate=SR)) == pytest.approx(float(both[1]), abs=1e-9)
    assert float(cl.alias_db(3 * dirty, 440.7, sample_rate=SR)) == pytest.approx(float(both[1]), abs=1e-5)


def test_what_is_folded_back_is_found():
    """A partial above Nyquist comes back below it, off the harmonics."""
    folded = wave((1245.3, 1.0), (7 * 1245.3, 0.1))  # 8717 Hz is heard at 7283 Hz
    assert float(cl.alias_db(folded, 1245.3, sample_rate=SR)) == pytest.approx(-20, abs=0.2)


@pytest.mark.parametrize(
    ("sound", "f0", "message"),
    [
        (torch.zeros(N), 440.0, "silent"),
        (wave((440.0, 1.0)), 0.0, "between 0 and"),
        (wave((440.0, 1.0)), 8000.0, "between 0 and"),
        (wave((440.0, 1.0)), float("nan"), "between 0 and"),
        (wave((440.0, 1.0))[:300], 440.0, "16 periods"),
        (torch.full((N,), float("nan")), 440.0, "NaN|finite"),
    ],
)
def test_bad_input(sound, f0, message):
    with pytest.raises(ValueError, match=message):
        cl.alias_db(sound, f0, sample_rate=SR)
