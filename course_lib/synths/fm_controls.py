"""From raw numbers to the levels of an FM synthesizer, and how far an index may go before its sidebands alias."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.core.checks import (
    as_tensor,
    check_finite,
    check_frequency,
    check_leading,
    check_not_negative,
    check_sample_rate,
    in_single,
)
from course_lib.core.types import ArrayLike
from course_lib.core.units import exp_sigmoid
from course_lib.synths.fm_patch import FmPatch, parse_patch

# More lines than this have room below Nyquist only where no index that anybody uses could reach them.
MOST_LINES = 64.0
# Feedback of an index above 2 is noise, in which the smallest difference grows; here it still calms down.
MOST_FEEDBACK = 1.5


class FmControls(NamedTuple):
    """What the synthesizer is told, frame by frame.

    f0_hz: (…, n_frames), Hz. levels: (…, n_frames, n_operators), index in radians of those that modulate, amplitude of
    those that are heard.

    >>> FmControls(torch.ones(9), torch.ones(9, 2)).levels.shape
    torch.Size([9, 2])
    """

    f0_hz: Tensor
    levels: Tensor


def fm_controls(
    raw: ArrayLike,
    f0_hz: ArrayLike,
    ratios: ArrayLike,
    patch: str | FmPatch,
    *,
    sample_rate: float,
    max_index: float = 4.0,
    alias_db: float | None = -80.0,
) -> FmControls:
    """Turn raw numbers, as a network gives them, into controls.

    Args:
        raw: (…, n_frames, n_operators), any real number.
        f0_hz: (…, n_frames), Hz, ≥ 0; 0 is a rest.
        ratios: (n_operators,) or (…, n_operators), frequency over f0.
        patch: the wiring, see `parse_patch`.
        sample_rate: Hz.
        max_index: the largest index, radians: a modulator gets a share of it, the sigmoid of its raw number. Small
            ones are what makes FM learnable.
        alias_db: where high notes leave little room below Nyquist, max_index comes down to `index_limits` of this. None
            leaves it as it is.

    Returns:
        FmControls(f0_hz, levels); carriers have amplitudes from 0 to 2 (`exp_sigmoid`). Whoever has feedback stays
        below 1.5.

    Raises:
        ValueError: shapes that do not agree, NaN, a negative f0, ratio or max_index.

    Source: Caspe et al., DDX7, 2022. Chapter: book/other_instruments/fm.ipynb

    >>> fm_controls([[0.0, 0.0]], [440.0], [1, 1], "2>1", sample_rate=16_000).levels
    tensor([[0.4054, 2.0000]])
    """
    read = parse_patch(patch)
    f0 = check_frequency(f0_hz, "f0_hz", check_sample_rate(sample_rate))
    given = check_finite(as_tensor(raw, "raw"), "raw")
    if f0.ndim < 1 or given.ndim < 2 or tuple(given.shape[-2:]) != (f0.shape[-1], read.n_operators):
        raise ValueError(
            f"f0_hz must be (…, n_frames) and raw (…, n_frames, {read.n_operators}), one for each operator; "
            f"got {tuple(f0.shape)} and {tuple(given.shape)}"
        )
    if not (math.isfinite(max_index) and max_index >= 0):
        raise ValueError(f"max_index must be a number of radians, 0 or more; got {max_index!r}")
    r = as_ratios(ratios, read).to(f0.device)
    check_leading(f0_hz=f0.shape[:-1], raw=given.shape[:-2], ratios=r.shape[:-1])
    (numbers,) = in_single(given)
    top = torch.full_like(numbers[..., :1, :], max_index)
    if alias_db is not None:
        limits = index_limits(f0.double(), r, read, sample_rate=sample_rate, alias_db=alias_db)
        top = limits.clamp(max=max_index).to(numbers.dtype)
    carries, fed_back = (
        torch.tensor([o in some for o in range(1, read.n_operators + 1)], device=f0.device)
        for some in (read.carriers, read.feedback)
    )
    top = torch.where(fed_back, top.clamp(max=MOST_FEEDBACK), top)
    amplitudes = exp_sigmoid(numbers) * torch.where(fed_back, MOST_FEEDBACK / 2, 1.0).to(numbers.dtype)
    levels = torch.where(carries, amplitudes, top * torch.sigmoid(numbers))
    return FmControls(f0, levels.to(given.dtype))


def index_limits(
    f0_hz: ArrayLike, ratios: ArrayLike, patch: str | FmPatch, *, sample_rate: float, alias_db: float = -80.0
) -> Tensor:
    """How large the index of each modulator may be for its sidebands to stay below Nyquist.

    Around a carrier of frequency f, a modulator of frequency h puts lines at f ± n·h, of amplitude J_n(I). Of these
    N = (sample_rate / 2 − f) / h have room. The next must be small: since J_n(I) ≤ (I / 2)^n / n!, an index of
    2 · (N! · 10^(alias_db / 20))^(1 / N) will do. Carson's rule, I = N − 1, keeps 98 % of the power below Nyquist,
    and what is left aliases at −17 dB. Modulators of one operator share its room in equal parts; one that is modulated
    itself gives as many octaves of its room to the modulators above it as it keeps for its own lines.

    Args:
        f0_hz: (…, n_frames), Hz.
        ratios: (n_operators,) or (…, n_operators), frequency over f0.
        patch: the wiring, see `parse_patch`.
        sample_rate: Hz.
        alias_db: how loud the first line beyond Nyquist may be, beside a carrier of 0 dB.

    Returns:
        (…, n_frames, n_operators), radians; infinite for carriers.

    Raises:
        ValueError: an f0 or ratio that is negative or NaN, an alias_db of 0 or more, a patch that cannot be read.

    Chapter: book/other_instruments/fm.ipynb

    >>> index_limits([1000.0], [1, 1], "2>1", sample_rate=16_000).round(decimals=2)
    tensor([[   inf, 1.8100]])
    """
    rate = check_sample_rate(sample_rate)
    f0, read = check_frequency(f0_hz, "f0_hz", rate), parse_patch(patch)
    r = as_ratios(ratios, read).to(f0.device)
    if not alias_db < 0:
        raise ValueError(f"alias_db must be below 0, such as -80; got {alias_db!r}")
    f = (f0.double().unsqueeze(-1) * r.unsqueeze(-2)).unbind(-1)
    if f0.ndim < 1:
        raise ValueError(f"f0_hz must be (…, n_frames); got shape {tuple(f0.shape)}")
    tops: dict[int, Tensor] = {}  # how high the lines of an operator may reach
    limits: dict[int, Tensor] = {}
    for o in reversed(read.order):
        own, others = f[o - 1], [t for t in read.targets(o) if t != o]
        alone = not read.modulators[o - 1] and o not in read.feedback
        rooms = [_room(tops[t] - f[t - 1], t, read) for t in others]
        if others:
            least = torch.stack(rooms).amin(0)
            tops[o] = own if alone else torch.maximum(own, (own * least).clamp(min=1e-9).sqrt())
            limits[o] = _largest_index(least, tops[o], alias_db)
            if o in read.feedback:
                limits[o] = torch.minimum(limits[o], _largest_index(_room(tops[o] - own, o, read), own, alias_db))
        else:
            tops[o] = torch.full_like(own, rate / 2)
            limits[o] = torch.full_like(own, math.inf)
    return torch.stack([limits[o] for o in range(1, read.n_operators + 1)], -1).to(f0.dtype)


def _room(whole: Tensor, operator: int, patch: FmPatch) -> Tensor:
    """Hz that each of an operator's modulators has for its lines."""
    return whole.clamp(min=0.0) / (len(patch.modulators[operator - 1]) + (operator in patch.feedback))


def _largest_index(room: Tensor, height: Tensor, alias_db: float) -> Tensor:
    """2 · (N! · 10^(alias_db / 20))^(1 / N) with N = room / height, which need not be whole."""
    n = (room / height.clamp(min=1e-3)).clamp(min=0.1, max=MOST_LINES)
    return 2 * torch.exp((torch.lgamma(n + 1) + alias_db / 20 * math.log(10)) / n)


def as_ratios(ratios: ArrayLike, patch: FmPatch) -> Tensor:
    """Ratios (…, n_operators) as a tensor in float64, or ValueError: 3.2 in single precision drifts within an hour.

    >>> as_ratios([1, 3.2], parse_patch("2>1"))
    tensor([1.0000, 3.2000], dtype=torch.float64)
    """
    plain = isinstance(ratios, (list, tuple))  # which would become single precision
    r = as_tensor(torch.tensor(ratios, dtype=torch.float64) if plain else ratios, "ratios")
    check_not_negative(check_finite(r, "ratios"), "ratios")
    if r.ndim < 1 or r.shape[-1] != patch.n_operators:
        raise ValueError(
            f"ratios must be (…, {patch.n_operators}), one for each operator of the patch; got shape {tuple(r.shape)}"
        )
    return r.double()
