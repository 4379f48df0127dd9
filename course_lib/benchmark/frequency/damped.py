"""The yardstick from the literature: damped complex exponentials in place of sines, for several of them at once.

Hayes, Saitis and Fazekas (2023) learn one complex number z for each sine: its angle is the frequency, and its length a
damping, which widens the spectrum until it touches the target's. The gradient's length is ignored, as theirs is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Of 28 settings tried on a hundred other mixtures of two and of eight, the one that found most of them whole.
STRIDE, GAIN_STRIDE, START_RADIUS = 0.0025, 0.01, 0.99
STEPS = 10_000


def damped_exponentials(
    sound: Tensor,
    start_hz: Tensor,
    sample_rate: float,
    *,
    steps: int = STEPS,
    stride: float | Tensor = STRIDE,
    gain_stride: float | Tensor = GAIN_STRIDE,
    radius: float | Tensor = START_RADIUS,
) -> Tensor:
    """Find K sines by descent on K damped complex exponentials and their gains, all at once; (trials, K) Hz, rising.

    sound: (trials, n_samples). start_hz: (trials, K). The strides fall to 0; they and the radius at the start may also
    be given for each trial, (trials, 1).
    """
    n = torch.arange(sound.shape[-1], dtype=torch.float32, device=sound.device)
    goal = torch.fft.rfft(sound.float()).abs()
    angle = (start_hz * (2 * math.pi / sample_rate)).float()  # Hz → rad/sample
    z = torch.stack([radius * angle.cos(), radius * angle.sin()], -1).requires_grad_()
    log_gain = torch.zeros_like(angle).requires_grad_()
    adam = torch.optim.Adam([log_gain], lr=1.0)
    for step in range(steps):
        adam.param_groups[0]["lr"] = left = 1 - step / steps
        # |z|^n outside the unit circle would explode, so it is mirrored inside.
        decay = -torch.linalg.vector_norm(z, dim=-1).log().abs()
        phase = torch.atan2(z[..., 1], z[..., 0])
        waves = torch.exp(decay[..., None] * n) * torch.cos(phase[..., None] * n)
        wave = (0.5 * torch.exp(gain_stride * log_gain)[..., None] * waves).sum(-2)
        loss = (torch.fft.rfft(wave).abs() - goal).square().mean(-1).sum()
        slope, log_gain.grad = torch.autograd.grad(loss, (z, log_gain))
        adam.step()
        with torch.no_grad():
            length = slope.norm(dim=-1).clamp(min=1e-20)
            z -= (left * stride / length)[..., None] * slope
    hz = torch.atan2(z.detach()[..., 1], z.detach()[..., 0]).abs() * (sample_rate / (2 * math.pi))
    return hz.double().sort(-1).values
