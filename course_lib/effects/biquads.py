"""Second-order filters: designed by the cookbook, trained in the frequency domain, run as a recursion."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.core.checks import as_tensor, check_audio, check_count, check_finite, check_leading, check_sample_rate

BIQUADS = ("lowpass", "highpass", "bandpass", "notch", "peaking", "lowshelf", "highshelf")
STABLE = 1e-3  # how far raw numbers stay from the edge of the stability triangle
LONGEST_FFT = 1 << 22


def biquad_coefficients(
    kind: str, frequency_hz: Any, sample_rate: float, q: Any = 0.7071067811865476, gain_db: Any = 0.0
) -> tuple[Tensor, Tensor]:
    """Coefficients of one of the cookbook's filters, differentiable in frequency, Q and gain.

    They are as exact as the frequency: in float32 a filter below about 20 Hz, or very near Nyquist, or with a Q in the
    hundreds near either, is a little off and may even be unstable. Give the frequency in float64 there.

    Args:
        kind: "lowpass", "highpass", "bandpass" (0 dB at its peak), "notch", "peaking", "lowshelf", "highshelf".
        frequency_hz: a number or (…), Hz, between 0 and Nyquist: cutoff, centre or middle of the slope.
        sample_rate: Hz.
        q: a number or (…), > 0: how narrow; √½ is the flattest low-pass.
        gain_db: a number or (…), dB, of a peak or shelf; the other kinds ignore it.

    Returns:
        b and a, (…, 3) each, a[…, 0] = 1: y[n] = Σ b_k x[n−k] − a_1 y[n−1] − a_2 y[n−2].

    Raises:
        ValueError: an unknown kind, a frequency outside 0 … Nyquist, a Q that is not above 0, NaN.

    Source: Bristow-Johnson, Audio EQ Cookbook (W3C note, 2021). Chapter: book/shaping/filters.ipynb

    >>> b, a = biquad_coefficients("lowpass", 4000.0, 16000)
    >>> b
    tensor([0.2929, 0.5858, 0.2929])
    """
    if kind not in BIQUADS:
        raise ValueError(f"unknown filter {kind!r}; choose one of {', '.join(BIQUADS)}")
    rate = check_sample_rate(sample_rate)
    frequency = check_finite(as_tensor(frequency_hz, "frequency_hz"), "frequency_hz")
    outside = (frequency.detach() <= 0) | (frequency.detach() >= rate / 2)
    if bool(outside.any()):
        value = frequency.detach()[outside].flatten()[0].item()
        raise ValueError(f"frequency_hz must lie between 0 and Nyquist, {rate / 2:g} Hz; got {value:g} Hz")
    quality = check_finite(as_tensor(q, "q"), "q").to(frequency)
    if bool((quality.detach() <= 0).any()):
        raise ValueError(f"q must be above 0, such as 0.707; got {quality.detach().min().item():g}")
    gain = check_finite(as_tensor(gain_db, "gain_db"), "gain_db").to(frequency)
    check_leading(frequency_hz=frequency.shape, q=quality.shape, gain_db=gain.shape)
    frequency, quality, gain = torch.broadcast_tensors(frequency, quality, gain)
    omega = 2.0 * math.pi * frequency / rate  # Hz → rad/sample
    cos, alpha = torch.cos(omega), torch.sin(omega) / (2.0 * quality)
    root = 10.0 ** (gain / 40.0)
    b, a = _cookbook(kind, cos, alpha, root)
    return torch.stack(b, -1) / a[0].unsqueeze(-1), torch.stack(a, -1) / a[0].unsqueeze(-1)


def _cookbook(kind: str, cos: Tensor, alpha: Tensor, root: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The table of the cookbook, not yet divided by a0; root is the square root of the linear gain."""
    one = torch.ones_like(cos)
    plain = [one + alpha, -2 * cos, one - alpha]
    if kind == "lowpass":
        return [(1 - cos) / 2, 1 - cos, (1 - cos) / 2], plain
    if kind == "highpass":
        return [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2], plain
    if kind == "bandpass":
        return [alpha, torch.zeros_like(cos), -alpha], plain
    if kind == "notch":
        return [one, -2 * cos, one], plain
    if kind == "peaking":
        b = [1 + alpha * root, -2 * cos, 1 - alpha * root]
        return b, [1 + alpha / root, -2 * cos, 1 - alpha / root]
    slope = 2 * root.sqrt() * alpha
    sign = 1.0 if kind == "lowshelf" else -1.0
    up, down = root + 1, root - 1
    b = [
        root * (up - sign * down * cos + slope),
        sign * 2 * root * (down - sign * up * cos),
        root * (up - sign * down * cos - slope),
    ]
    a = [up + sign * down * cos + slope, -sign * 2 * (down + sign * up * cos), up + sign * down * cos - slope]
    return b, a


def biquad_response(b: Any, a: Any, frequencies_hz: Any, sample_rate: float) -> Tensor:
    """Frequency response of a filter or of a cascade: the ratio of two polynomials on the unit circle.

    Args:
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise, a[…, 0] ≠ 0.
        frequencies_hz: (n_bins,), Hz.
        sample_rate: Hz.

    Returns:
        (…, n_bins), complex; the product over the sections.

    Raises:
        ValueError: shapes that do not fit, NaN.

    Chapter: book/shaping/filters.ipynb
    """
    numerator, denominator = _sections(b, a)
    f = check_finite(as_tensor(frequencies_hz, "frequencies_hz"), "frequencies_hz").to(numerator)
    if f.ndim != 1:
        raise ValueError(f"frequencies_hz must be (n_bins,); got shape {tuple(f.shape)}")
    return _response(numerator, denominator, 2.0 * math.pi * f / check_sample_rate(sample_rate))


def _response(b: Tensor, a: Tensor, omega: Tensor) -> Tensor:
    """Π over the sections of B(z) / A(z) at z = exp(i·omega), omega (n_bins,) in rad/sample."""
    delays = torch.polar(torch.ones_like(omega), -omega)
    powers = torch.stack([torch.ones_like(delays), delays, delays * delays])  # (3, n_bins)
    return ((b.to(powers.dtype) @ powers) / (a.to(powers.dtype) @ powers)).prod(-2)


def filter_by_sampling(audio: Any, b: Any, a: Any, fft_size: int | None = None) -> Tensor:
    """Filter sound by multiplying its spectrum with the filter's response: how a recursion is trained.

    A recursion rings for ever, a transform is finite: what rings longer than the transform leaves room for wraps
    around to the beginning (time aliasing). The length chosen by default lets the slowest pole fall by 100 dB, as far
    as 2²² samples reach: a pole closer than about 3e-6 to the unit circle falls by less.

    Args:
        audio: (…, n_samples).
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise; poles inside the unit circle.
        fft_size: length of the transform, at least n_samples.

    Returns:
        (…, n_samples); differentiable in all three.

    Raises:
        ValueError: an unstable filter, shapes that do not fit, NaN, a transform shorter than the sound.

    Source: Nercessian, Neural parametric equalizer matching using differentiable biquads, DAFx 2020.
    Chapter: book/shaping/filters.ipynb
    """
    x = check_audio(audio)
    numerator, denominator = _sections(b, a)
    check_leading(audio=x.shape[:-1], b=numerator.shape[:-2], a=denominator.shape[:-2])
    radius = float(pole_radius(denominator).max())
    if radius >= 1.0:
        raise ValueError(f"the filter is unstable: a pole at radius {radius:.6g}; see stable_denominator")
    n = x.shape[-1]
    if fft_size is None:
        rings = numerator.shape[-2] * math.log(1e-5) / math.log(max(radius, 1e-3))
        size = min(max(1 << (n + math.ceil(rings) - 1).bit_length(), 2), max(LONGEST_FFT, 2 * n))
    else:
        size = check_count(fft_size, "fft_size", minimum=n)
    dtype = torch.promote_types(x.dtype, torch.float32)  # the FFT knows no half precision
    spectrum = torch.fft.rfft(x.to(dtype), n=size)
    # In float64: near 0 Hz the polynomials are small differences of large numbers.
    omega = torch.arange(size // 2 + 1, device=x.device, dtype=torch.float64) * (2.0 * math.pi / size)
    response = _response(numerator.double(), denominator.double(), omega).to(spectrum.dtype)
    return torch.fft.irfft(spectrum * response, n=size)[..., :n].to(x)


def filter_recursively(audio: Any, b: Any, a: Any) -> Tensor:
    """Filter sound sample by sample, as a filter runs: y[n] from x[n … n−2] and y[n−1], y[n−2].

    Where no gradient is wanted SciPy's compiled recursion does the work, in float64. With one, it is a loop in PyTorch
    whose every step is kept for the way back: hundreds of times slower, and the reason for `filter_by_sampling`.

    Args:
        audio: (…, n_samples).
        b: (3,), or (…, n_sections, 3) for a cascade.
        a: likewise.

    Returns:
        (…, n_samples), starting from rest. An unstable filter is run as it is: it grows.

    Raises:
        ValueError: shapes that do not fit, NaN.

    Chapter: book/shaping/filters.ipynb
    """
    x = check_audio(audio)
    numerator, denominator = _sections(b, a)
    leading = check_leading(audio=x.shape[:-1], b=numerator.shape[:-2], a=denominator.shape[:-2])
    wanted = any(value.requires_grad for value in (x, numerator, denominator)) and torch.is_grad_enabled()
    y = x.expand(*leading, x.shape[-1])
    for s in range(numerator.shape[-2]):
        top, bottom = numerator[..., s, :] / denominator[..., s, :1], denominator[..., s, :] / denominator[..., s, :1]
        y = _loop(y, top, bottom) if wanted else _compiled(y, top, bottom)
    return y.to(x)


def _loop(x: Tensor, b: Tensor, a: Tensor) -> Tensor:
    """Transposed direct form II, one section, b and a (…, 3)."""
    first = second = torch.zeros_like(x[..., 0])
    out = []
    for sample in x.unbind(-1):
        y = b[..., 0] * sample + first
        first = b[..., 1] * sample - a[..., 1] * y + second
        second = b[..., 2] * sample - a[..., 2] * y
        out.append(y)
    return torch.stack(out, -1)


def _compiled(x: Tensor, b: Tensor, a: Tensor) -> Tensor:
    from scipy.signal import lfilter

    rows = x.detach().cpu().double().reshape(-1, x.shape[-1]).numpy()
    tops, bottoms = (c.detach().cpu().double().expand(*x.shape[:-1], 3).reshape(-1, 3).numpy() for c in (b, a))
    filtered = [lfilter(top, bottom, row) for top, bottom, row in zip(tops, bottoms, rows, strict=True)]
    return torch.stack([torch.from_numpy(row) for row in filtered]).reshape(x.shape).to(x.device)


def pole_radius(a: Any) -> Tensor:
    """Distance of the outer pole of each section from the middle of the z-plane; below 1 the section is stable.

    Args:
        a: (…, 3).

    Returns:
        (…), in float64: the larger root of z² + (a1/a0)·z + a2/a0 in size.
    """
    d = check_finite(as_tensor(a, "a"), "a").detach().double()
    half, product = d[..., 1] / d[..., 0] / 2.0, d[..., 2] / d[..., 0]
    inside = half.square() - product
    real = half.abs() + inside.clamp(min=0.0).sqrt()
    return torch.where(inside < 0, product.clamp(min=0.0).sqrt(), real)


def stable_denominator(raw: Any) -> Tensor:
    """Turn any two numbers a section into a denominator whose poles lie inside the unit circle.

    The stable pairs (a1, a2) fill a triangle: a2 < 1, and a1 between −(1 + a2) and 1 + a2. The first number chooses
    a1, the second how far a2 lies between the triangle's edges there.

    Args:
        raw: (…, 2), any finite numbers, such as a network's output.

    Returns:
        (…, 3): 1, a1, a2.

    Raises:
        ValueError: NaN or infinite values, another last axis.

    Source: Nercessian, Sarroff & Werner, Lightweight and interpretable neural modeling of an audio distortion effect
    using hyperconditioned differentiable biquads, ICASSP 2021. Chapter: book/shaping/filters.ipynb
    """
    r = check_finite(as_tensor(raw, "raw"), "raw")
    if r.ndim < 1 or r.shape[-1] != 2:
        raise ValueError(f"raw must be (…, 2), two numbers a section; got shape {tuple(r.shape)}")
    first, second = ((1.0 - STABLE) * torch.tanh(r)).unbind(-1)
    a1 = 2.0 * first
    a2 = a1.abs() / 2.0 + (1.0 - first.abs()) * second
    return torch.stack([torch.ones_like(a1), a1, a2], -1)


class ParametricEQ(nn.Module):
    """A low shelf, some peaks, a high shelf: an equaliser whose every knob is learned.

    Args:
        sample_rate: Hz.
        n_peaks: peaking filters between the two shelves, spread evenly in octaves at the start.
        max_gain_db: most a band can add or take away, dB.

    Attributes:
        raw_frequency: (n_peaks + 2,) parameter; `settings()` has its value in Hz.
        raw_gain: (n_peaks + 2,) parameter; in `settings()` in dB.
        raw_q: (n_peaks + 2,) parameter.

    Raises:
        ValueError: a count below 0, a gain that is not positive.

    Chapter: book/shaping/filters.ipynb
    """

    LOW_HZ, Q_RANGE = 30.0, (0.3, 8.0)

    def __init__(self, sample_rate: float, n_peaks: int = 3, max_gain_db: float = 24.0) -> None:
        super().__init__()
        self.sample_rate = check_sample_rate(sample_rate)
        n = check_count(n_peaks, "n_peaks", minimum=0) + 2
        if not 0 < max_gain_db < math.inf:
            raise ValueError(f"max_gain_db must be positive, in dB; got {max_gain_db!r}")
        self.max_gain_db = float(max_gain_db)
        self.kinds = ["lowshelf", *["peaking"] * (n - 2), "highshelf"]
        share = (torch.arange(n) + 0.5) / n
        self.raw_frequency = nn.Parameter(torch.logit(share))
        self.raw_gain = nn.Parameter(torch.zeros(n))
        self.raw_q = nn.Parameter(torch.full((n,), -1.0))

    def settings(self) -> dict[str, Tensor]:
        """What the knobs say: frequency_hz, gain_db and q, (n_bands,) each."""
        high = 0.475 * self.sample_rate
        octaves = math.log(high / self.LOW_HZ)
        low_q, high_q = self.Q_RANGE
        return {
            "frequency_hz": self.LOW_HZ * torch.exp(octaves * torch.sigmoid(self.raw_frequency)),
            "gain_db": self.max_gain_db * torch.tanh(self.raw_gain),
            "q": low_q * (high_q / low_q) ** torch.sigmoid(self.raw_q),
        }

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """b and a of the cascade, (n_bands, 3) each."""
        s = self.settings()
        rows = zip(self.kinds, s["frequency_hz"], s["q"], s["gain_db"], strict=True)
        pairs = [biquad_coefficients(kind, f, self.sample_rate, q, gain) for kind, f, q, gain in rows]
        return torch.stack([b for b, _ in pairs]), torch.stack([a for _, a in pairs])

    def response(self, frequencies_hz: Any) -> Tensor:
        """Complex response at (n_bins,) Hz."""
        return biquad_response(*self.coefficients(), frequencies_hz, self.sample_rate)

    def forward(self, audio: Any) -> Tensor:
        """Filter (…, n_samples) by frequency sampling."""
        return filter_by_sampling(audio, *self.coefficients())


def _sections(b: Any, a: Any) -> tuple[Tensor, Tensor]:
    """b and a as (…, n_sections, 3), or ValueError."""
    pair = []
    for name, value in (("b", b), ("a", a)):
        tensor = check_finite(as_tensor(value, name), name)
        if tensor.ndim < 1 or tensor.shape[-1] != 3:
            raise ValueError(f"{name} must be (3,) or (…, n_sections, 3); got shape {tuple(tensor.shape)}")
        pair.append(tensor.unsqueeze(0) if tensor.ndim == 1 else tensor)
    if pair[0].shape[-2] != pair[1].shape[-2]:
        raise ValueError(f"b has {pair[0].shape[-2]} sections and a has {pair[1].shape[-2]}: they must agree")
    if bool((pair[1][..., 0] == 0).any()):
        raise ValueError("a[…, 0] must not be 0: it is what everything is divided by")
    dtype = torch.promote_types(pair[0].dtype, pair[1].dtype)
    return pair[0].to(dtype), pair[1].to(dtype)
