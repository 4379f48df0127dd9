"""Taking a sound apart into the harmonics of a given pitch: what `harmonic_synth` puts together."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_audio, check_count, check_frequency, check_sample_rate, in_single
from course_lib.core.eager import is_eager
from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.types import ArrayLike

FRAMES_AT_ONCE = 32  # keeps the table of windows small, however long the sound is


def project_harmonics(
    audio: ArrayLike, f0_hz: ArrayLike, n_harmonics: int, *, sample_rate: float, periods: float = 4.0
) -> Tensor:
    """Measure amplitude and phase of every harmonic, frame by frame, as one complex number c = A·e^{jθ}.

    The sound is turned back by k times the phase φ[n] that `harmonic_synth` would run through, so that harmonic k
    stands still, and averaged under a Hann window: c_k = 2j · Σ w[n] x[n] e^{−jkφ[n]} / Σ w[n]. A window of a whole
    number of periods, two or more, does not see the other harmonics of a steady pitch.

    Args:
        audio: (…, n_samples).
        f0_hz: (…, n_frames), Hz, ≥ 0, the same leading axes; 0 is a rest. Frame i is measured around sample
            i · n_samples / n_frames; close to the ends, in the last window that still fits.
        n_harmonics: K, at least 1.
        sample_rate: Hz.
        periods: length of the window in periods of f0, at least 2. More of them hear less noise, fewer move faster.

    Returns:
        (…, n_frames, K), complex, such that the sound is near ``Σ_k |c_k| · sin(k·φ[n] + arg c_k)``. Zero in a rest and
        where k·f0 reaches Nyquist. Differentiable in the sound and in the pitch. Within f0 / 2 of Nyquist a harmonic
        is measured together with its own mirror image. complex64 where the sound and the pitch are in half precision.

    Raises:
        ValueError: empty sound, NaN, f0 negative, leading axes that do not agree, more frames than samples, fewer
            than 2 periods, or a sound shorter than one window.

    Source: McAulay & Quatieri, 1986; Serra & Smith, 1990. Chapter: book/sines/sinusoidal_modelling.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> project_harmonics(tone, torch.full((50,), 220.0), 3, sample_rate=16000)[25].abs().round(decimals=2)
    tensor([0.0000, 0.5000, 0.0000])
    """
    rate = check_sample_rate(sample_rate)
    sound = check_audio(audio)
    f0 = check_frequency(f0_hz, "f0_hz", rate)
    n_harmonics = check_count(n_harmonics, "n_harmonics")
    if f0.ndim < 1 or f0.shape[:-1] != sound.shape[:-1]:
        raise ValueError(
            "audio must be (…, n_samples) and f0_hz (…, n_frames) with the same leading axes; "
            f"got {tuple(sound.shape)} and {tuple(f0.shape)}"
        )
    if not 2 <= periods < math.inf:
        raise ValueError(f"periods must be at least 2, or neighbouring harmonics run into each other; got {periods!r}")
    n_samples, n_frames = int(sound.shape[-1]), int(f0.shape[-1])
    if n_frames > n_samples:
        raise ValueError(f"more frames ({n_frames}) than samples ({n_samples}); ask for fewer frames")
    sounding = f0.detach()[f0.detach() > 0] if is_eager(f0) else f0.new_zeros(0)
    if sounding.numel() and periods * rate / float(sounding.min()) > n_samples:
        raise ValueError(
            f"the sound is too short: {n_samples} samples, but {periods:g} periods of {float(sounding.min()):g} Hz "
            f"take {math.ceil(periods * rate / float(sounding.min()))}; take a longer sound or fewer periods"
        )
    dtype = torch.promote_types(sound.dtype, f0.dtype)
    sounds, pitches = (x.reshape(-1, x.shape[-1]).unbind() for x in in_single(sound.to(dtype), f0.to(dtype)))
    parts = torch.stack([_project(x, f, n_harmonics, rate, periods) for x, f in zip(sounds, pitches, strict=True)])
    return torch.view_as_complex(parts.reshape(*f0.shape, n_harmonics, 2))


def measure_harmonics(
    audio: ArrayLike, f0_hz: ArrayLike, n_harmonics: int, *, sample_rate: float, periods: float = 4.0
) -> Tensor:
    """Measure the amplitude of every harmonic, frame by frame: `project_harmonics` without its phases.

    Args:
        audio: (…, n_samples).
        f0_hz: (…, n_frames), Hz, ≥ 0, the same leading axes; 0 is a rest. Frame i sits at sample
            i · n_samples / n_frames.
        n_harmonics: K, at least 1.
        sample_rate: Hz.
        periods: length of the window in periods of f0, at least 2.

    Returns:
        (…, n_frames, K), linear, ≥ 0; zero in a rest and where k·f0 reaches Nyquist. Differentiable in the sound.
        `additive_synth(harmonic_frequencies(f0_hz, K), amplitudes, …)` plays it.

    Raises:
        ValueError: as `project_harmonics`.

    Source: McAulay & Quatieri, 1986. Chapter: book/sines/sinusoidal_modelling.ipynb

    >>> from course_lib.synths.additive import additive_synth
    >>> tone = additive_synth([[1000.0, 2000.0]], [[0.5, 0.25]], n_samples=1600, sample_rate=16000)
    >>> measure_harmonics(tone, [1000.0], 3, sample_rate=16000).round(decimals=3).abs()
    tensor([[0.5000, 0.2500, 0.0000]])
    """
    sound, f0 = check_audio(audio), as_tensor(f0_hz, "f0_hz")
    measured = project_harmonics(sound, f0, n_harmonics, sample_rate=sample_rate, periods=periods).abs()
    return measured.to(torch.promote_types(sound.dtype, f0.dtype))


def remove_harmonics(
    audio: ArrayLike, f0_hz: ArrayLike, n_harmonics: int, *, sample_rate: float, periods: float = 4.0
) -> Tensor:
    """Take the harmonics of a pitch out of a sound, phases and all: what is left is noise, attacks, other voices.

    Args:
        audio: (…, n_samples).
        f0_hz: (…, n_frames), Hz, ≥ 0, the same leading axes; where it is 0 the sound stays as it is.
        n_harmonics: K, at least 1.
        sample_rate: Hz.
        periods: as `project_harmonics`.

    Returns:
        (…, n_samples): the sound less its harmonics, as `project_harmonics` finds them, interpolated between frames.

    Raises:
        ValueError: as `project_harmonics`.

    Source: Serra & Smith, 1990. Chapter: book/midi_ddsp/inference.ipynb

    >>> tone = 0.5 * torch.sin(2 * torch.pi * 440.0 * torch.arange(8000) / 16000)
    >>> float(remove_harmonics(tone, torch.full((50,), 440.0), 3, sample_rate=16000).abs().max()) < 0.001
    True
    """
    given, f0 = check_audio(audio), as_tensor(f0_hz, "f0_hz")
    c = project_harmonics(given, f0, n_harmonics, sample_rate=sample_rate, periods=periods)
    sound = given.to(c.real.dtype)
    n_samples = int(sound.shape[-1])
    phase = instantaneous_phase(upsample_frequency(f0.to(sound), n_samples), sample_rate)
    for k in range(n_harmonics):  # one at a time: the sound's own memory, not K times that
        angle = (k + 1) * phase
        real, imaginary = upsample(c[..., k].real, n_samples), upsample(c[..., k].imag, n_samples)
        sound = sound - real * torch.sin(angle) - imaginary * torch.cos(angle)
    return sound.to(torch.promote_types(given.dtype, f0.dtype))


def _project(sound: Tensor, f0: Tensor, n_harmonics: int, rate: float, periods: float) -> Tensor:
    """One sound (n_samples,) and pitch (n_frames,): real and imaginary parts, (n_frames, K, 2)."""
    n_samples, n_frames, eager = int(sound.shape[-1]), int(f0.shape[-1]), is_eager(sound, f0)
    k = torch.arange(1, n_harmonics + 1, device=sound.device, dtype=sound.dtype)
    angle = instantaneous_phase(upsample_frequency(f0, n_samples), rate).unsqueeze(-1) * k
    # 2j·x·e^{−jkφ} = 2x·sin(kφ) + j·2x·cos(kφ); here as two real columns, (n_samples, 2K)
    turned = 2 * sound.unsqueeze(-1) * torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)
    hz = torch.where(f0 > 0, f0, torch.full_like(f0, rate / 2))  # any pitch: rests are silenced below
    half = periods * rate / (2 * hz)
    frame = torch.arange(n_frames, device=sound.device, dtype=torch.float64) * n_samples / n_frames
    reach = half.double()
    centre = torch.minimum(torch.maximum(frame, reach), (n_samples - reach).clamp(min=0)).clamp(max=n_samples - 1)
    means = []
    for block in torch.arange(n_frames, device=sound.device).split(FRAMES_AT_ONCE):
        first, last = 0, n_samples
        if eager:  # only what some window of this block reaches
            near, far = centre.detach()[block], reach.detach()[block]
            first = max(0, math.floor(float((near - far).min())))
            last = min(n_samples, math.ceil(float((near + far).max())) + 1)
        n = torch.arange(first, last, device=sound.device, dtype=torch.float64)
        place = (n - centre[block].unsqueeze(-1)).to(sound) / half[block].unsqueeze(-1)
        window = torch.where(place.abs() < 1, 0.5 + 0.5 * torch.cos(math.pi * place), torch.zeros_like(place))
        means.append(window @ turned[first:last] / window.sum(-1, keepdim=True))
    parts = torch.cat(means).unflatten(-1, (2, n_harmonics)).transpose(-1, -2)
    partials = f0.unsqueeze(-1) * k
    audible = (partials > 0) & (partials < rate / 2)
    return torch.where(audible.unsqueeze(-1), parts, torch.zeros_like(parts))
