"""What students hand in: right answers in unusual form, and likely slips with the words that must name them.

Each is written as a student would, with NumPy, loops, lists or torch in float32; none uses the solution.
"""

import itertools
import math

import numpy as np
import scipy.interpolate
import scipy.signal
import scipy.special
import scipy.stats
import torch
from torch import nn

from course_lib.fitting.losses import multiscale_spectral_loss

F = nn.functional


# --- First steps ----------------------------------------------------------------------------------------------------


def slope_by_autograd(cutoff_hz, frequencies_hz):
    cutoff = torch.tensor(cutoff_hz, requires_grad=True)  # float32
    slopes = []
    for f in frequencies_hz:
        response = 1 / torch.sqrt(1 + (f / cutoff) ** 4)
        slopes.append(torch.autograd.grad(response, cutoff)[0])
    return slopes


def slope_by_difference(cutoff_hz, frequencies_hz):
    def response(c):
        return (1 + (frequencies_hz / c) ** 4) ** -0.5

    return (response(cutoff_hz + 0.01) - response(cutoff_hz - 0.01)) / 0.02


def slope_in_numpy(cutoff_hz, frequencies_hz):
    f = frequencies_hz.numpy()
    return 2 * f**4 / cutoff_hz**5 * (1 + (f / cutoff_hz) ** 4) ** -1.5


def cutoff_by(squash):
    return lambda raw, low, high: low * (high / low) ** squash(raw)


def cutoff_by_exp(raw, low_hz, high_hz):
    return torch.exp(torch.log(torch.tensor(low_hz)) + math.log(high_hz / low_hz) / (1 + torch.exp(-raw)))


def mix_by_loop(tracks, gains_db):
    out = torch.zeros(tracks.shape[1])  # float32
    for i in range(len(tracks)):
        for n in range(tracks.shape[1]):
            out[n] += float(tracks[i, n]) * 10 ** (float(gains_db[i]) / 20)
    return out.tolist()


def descent(start=0.0, factor=2.0, reset=True, scale=1.0):
    def loop(sound, target, lr, steps):
        g, grad = start, 0.0
        x, t = sound.tolist(), target.tolist()
        for _ in range(steps):
            new = sum(factor * (g * a - b) * a for a, b in zip(x, t, strict=True)) / len(x)
            grad = new if reset else grad + new
            g = g - scale * lr * grad
        return g

    return loop


def descent_with_sgd(sound, target, lr, steps):
    gain = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([gain], lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        ((gain * sound - target) ** 2).mean().backward()
        optimiser.step()
    return gain


def gain_by_search(sound, target):
    x, t = sound.numpy(), target.numpy()
    return np.linalg.lstsq(x.reshape(-1, 1), t, rcond=None)[0]


RIGHT = {
    "what_is_ddsp-1": [slope_by_autograd, slope_by_difference, slope_in_numpy],
    "what_is_ddsp-2": [
        cutoff_by(lambda raw: 0.5 + torch.atan(raw) / math.pi),
        cutoff_by(lambda raw: 0.5 * (1 + torch.tanh(raw))),
        cutoff_by(lambda raw: torch.sigmoid(3 * raw)),
        cutoff_by(lambda raw: 0.5 + 0.5 * raw / torch.sqrt(1 + raw**2)),
        cutoff_by(lambda raw: 0.5 * (1 + torch.erf(raw / 2))),
        cutoff_by_exp,
    ],
    "pytorch_for_sound-1": [
        mix_by_loop,
        lambda tracks, db: (10 ** (db / 20)) @ tracks,
        lambda tracks, db: torch.einsum("k,kn->n", 10 ** (db / 20), tracks),
        lambda tracks, db: (10 ** (db.numpy() / 20)) @ tracks.numpy(),
        lambda tracks, db: np.sum(10 ** (db[:, None] / 20) * tracks, axis=0),
    ],
    "pytorch_for_sound-2": [descent_with_sgd, descent(), lambda *a: np.float32(descent()(*a))],
    "gain-1": [
        gain_by_search,
        lambda x, t: np.dot(x, t) / np.dot(x, x),
        lambda x, t: np.sum(x * t) / np.sum(x**2),
        lambda x, t: float(torch.dot(x.float(), t.float()) / torch.dot(x.float(), x.float())),
        lambda x, t: sum(a * b for a, b in zip(x, t, strict=True)) / sum(a * a for a in x),
    ],
    "gain-2": [
        lambda g, x, t: np.mean(2 * x.numpy() * (g * x.numpy() - t.numpy())),
        lambda g, x, t: float(2 * (g * (x @ x) - x @ t) / len(x)),
        lambda g, x, t: np.float32(2 * np.mean((g * x - t) * x)),
    ],
}
SLIPS = {
    "what_is_ddsp-1": [
        (lambda c, f: (1 + (f / c) ** 4) ** -0.5, "the response itself"),
        (lambda c, f: -2 * f**3 / c**4 * (1 + (f / c) ** 4) ** -1.5, "by the frequency"),
        (lambda c, f: 4 * (f / c) ** 4 / c * (1 + (f / c) ** 4) ** -1.5, "factor of 2"),
    ],
    "what_is_ddsp-2": [
        (lambda raw, low, high: torch.clamp(raw, low, high), "0 in the middle"),
        (lambda raw, low, high: low + (high - low) * 0.5 * (1 + torch.tanh(raw)), "equal steps in Hz"),
        (cutoff_by(lambda raw: 0.5 * (1 + torch.sin(raw))), "fall"),
        (cutoff_by(lambda raw: torch.exp(raw) / (1 + torch.exp(raw))), "NaN"),
        (cutoff_by(lambda raw: 0.4 + 0.2 * torch.sigmoid(raw)), "can be reached"),
        (lambda raw, low, high: (low * (high / low) ** torch.sigmoid(raw)).tolist(), "gradient is cut"),
    ],
    "pytorch_for_sound-1": [
        (lambda tracks, db: (10 ** (db / 20) * tracks).sum(0), "unsqueeze"),
        (lambda tracks, db: torch.exp(db / 20) @ tracks, "10^"),
        (lambda tracks, db: (10 ** (db / 20))[:, None] * tracks, "one sound per track"),
    ],
    "pytorch_for_sound-2": [
        (descent(start=1.0), "starts at 0"),
        (descent(reset=False), "pile up"),
        (descent(scale=-1.0), "uphill"),
    ],
    "gain-1": [
        (lambda x, t: (t / x).mean(), "mean of the ratios"),
        (lambda x, t: t.sum() / x.sum(), "sums"),
        (lambda x, t: t.abs().max() / x.abs().max(), "peaks"),
    ],
    "gain-2": [
        (lambda g, x, t: 2 * (g * x - t) * x, "mean"),
        (lambda g, x, t: (2 * (g * x - t) * g).mean(), "inner derivative"),
        (lambda g, x, t: ((g * x - t) ** 2).mean(), "the loss itself"),
    ],
}

# --- Sines ------------------------------------------------------------------------------------------------------------


def amplitude_by_numpy(sound, window, hz, rate):
    x, w = sound.numpy(), window.numpy()
    return 2 * abs(np.sum(x * w * np.exp(-2j * np.pi * hz / rate * np.arange(len(x))))) / w.sum()


def fewest_by_loop(amplitudes, wanted_db):
    table = np.asarray(amplitudes, dtype=np.float32)
    for k in range(1, table.shape[1] + 1):
        rest = np.sum(table[:, k:] ** 2)
        if rest == 0 or 10 * np.log10(np.sum(table**2) / rest) >= wanted_db:
            return k


def phase_by_loop(frequency_hz, rate):
    phase, out = 0.0, []
    for f in frequency_hz:
        out.append(phase)
        phase = (phase + 2 * math.pi * float(f) / rate) % (2 * math.pi)
    return out


def phase_in_float32(frequency_hz, rate):
    steps = 2 * torch.pi * frequency_hz.float() / rate
    return torch.cat([torch.zeros(1), steps.cumsum(0)[:-1]])


def frames_by_loop(frames, n):
    count, out = len(frames), []
    for i in range(n):
        at = i * count / n
        left = int(at)
        right = min(left + 1, count - 1)
        out.append(float(frames[left]) * (1 - (at - left)) + float(frames[right]) * (at - left))
    return torch.tensor(out)  # float32


def blocks_by_loop(frequency_hz, hop, rate):
    phase, out = torch.zeros(()), []  # float32
    for f in frequency_hz.float():
        for _ in range(hop):
            out.append(torch.sin(phase))
            phase = phase + 2 * torch.pi * f / rate
    return torch.stack(out)


def blocks_by_cumsum(frequency_hz, hop, rate):
    step = (2 * torch.pi * frequency_hz.float() / rate).repeat_interleave(hop)
    return torch.sin(torch.cumsum(step, 0) - step)


def line_by_trying(spectrum, bin_hz):
    s = spectrum.numpy()
    where = np.arange(len(s)) * bin_hz
    return where[np.argmin([np.sum(s * np.abs(where - line)) for line in where])]


def amplitudes_by_numpy(sound, hz, rate):
    t = np.arange(len(sound)) / rate
    angle = 2 * np.pi * np.outer(t, hz.numpy())
    w = np.linalg.lstsq(np.hstack([np.sin(angle), np.cos(angle)]), sound.numpy(), rcond=None)[0]
    return np.hypot(*np.split(w, 2))


def amplitudes_in_float32(sound, hz, rate):
    angle = 2 * torch.pi * torch.outer(torch.arange(len(sound)) / rate, hz.float())
    w = torch.linalg.lstsq(torch.cat([torch.sin(angle), torch.cos(angle)], 1), sound.float()[:, None]).solution
    return torch.sqrt(w[: len(hz), 0] ** 2 + w[len(hz) :, 0] ** 2)


def cents_by_permutation(found, true):
    true = sorted(true.tolist())
    errors = [[1200 * math.log2(f / t) for f, t in zip(p, true, strict=True)] for p in itertools.permutations(found)]
    return min(errors, key=lambda e: sum(x * x for x in e))


RIGHT |= {
    "sinusoidal_modelling-1": [
        amplitude_by_numpy,
        lambda x, w, f, r: (
            2
            * (x.float() * w.float() @ torch.exp(-2j * math.pi * f / r * torch.arange(len(x))).to(torch.complex64).real)
            .square()
            .add(
                (
                    x.float()
                    * w.float()
                    @ torch.exp(-2j * math.pi * f / r * torch.arange(len(x))).to(torch.complex64).imag
                ).square()
            )
            .sqrt()
            / w.float().sum()
        ),
        lambda x, w, f, r: [amplitude_by_numpy(x, w, f, r)],
    ],
    "sinusoidal_modelling-2": [
        fewest_by_loop,
        lambda a, db: (
            int(np.argmax(10 * np.log10(1 - np.cumsum(np.sum(a.numpy() ** 2, 0))[:-1] / np.sum(a.numpy() ** 2)) <= -db))
            + 1
        ),
        lambda a, db: torch.tensor(float(fewest_by_loop(a, db))),
    ],
    "oscillator-1": [
        phase_by_loop,
        phase_in_float32,
        lambda f, r: np.concatenate([[0], 2 * np.pi * np.cumsum(f.numpy())[:-1] / r]),
        lambda f, r: (2 * math.pi * (torch.cumsum(f / r, 0) - f / r)) % (2 * math.pi) - 2 * math.pi,
    ],
    "oscillator-2": [
        frames_by_loop,
        lambda x, n: np.interp(np.arange(n), np.arange(len(x)) * n / len(x), x),
        lambda x, n: np.interp(np.arange(n) * len(x) / n, np.arange(len(x)), x.numpy()).tolist(),
    ],
    "oscillator-3": [blocks_by_loop, blocks_by_cumsum, lambda *a: blocks_by_loop(*a).tolist()],
    "frequency_is_hard-1": [
        lambda n, r: np.float32(4 * r / n),
        lambda n, r: torch.tensor([4.0 / n * r]),
        lambda n, r: 2 * (2 / (n / r)),
    ],
    "frequency_is_hard-2": [
        lambda x, r: np.fft.rfftfreq(len(x), 1 / r)[np.argmax(np.abs(np.fft.rfft(x.numpy() * np.hanning(len(x)))))],
        lambda x, r: torch.fft.rfft(x.float()).abs().argmax().item() * r / len(x),
        lambda x, r: np.argmax(np.abs(np.fft.fft(x))[: len(x) // 2]) / len(x) * r,
    ],
    "escaping_minima-1": [
        lambda a, b, w: scipy.stats.wasserstein_distance(np.arange(len(a)), np.arange(len(b)), a, b) * w,
        lambda a, b, w: w * np.sum(np.abs(np.cumsum(a / a.sum()) - np.cumsum(b / b.sum()))),
        lambda a, b, w: (
            float((torch.cumsum(a.float() / a.sum().float() - b.float() / b.sum().float(), 0)).abs().sum()) * w
        ),
    ],
    "escaping_minima-2": [
        line_by_trying,
        lambda s, w: np.searchsorted(np.cumsum(s.numpy()) / s.numpy().sum(), 0.5) * w,
        lambda s, w: [float(np.argmax(np.cumsum(s.numpy()) >= s.numpy().sum() / 2)) * w],
    ],
    "many_sines-1": [amplitudes_by_numpy, amplitudes_in_float32, lambda *a: amplitudes_by_numpy(*a).tolist()],
    "many_sines-2": [
        cents_by_permutation,
        lambda f, t: 1200 * np.log2(np.sort(f) / np.sort(t)),
        lambda f, t: [1200 * math.log2(a / b) for a, b in zip(sorted(f), sorted(t), strict=True)],
        lambda f, t: 1200 * torch.log2(f.float().sort().values / t.float().sort().values),
    ],
    "many_sines-3": [
        lambda a, p, n, r: np.sqrt(24 * p / (a**2 * n * (n**2 - 1))) * r / (2 * np.pi),
        lambda a, p, n, r: torch.sqrt(torch.tensor(6 * p / a**2 / n**3)) * r / math.pi,
        lambda a, p, n, r: np.float32(math.sqrt(6 * p / n) * r / (math.pi * a * n)),
    ],
    "making_it_fast-3": [
        lambda k, h: [round(k / (2 * h + 1)), k - (2 * h + 1) * round(k / (2 * h + 1))],
        lambda k, h: np.array([(k + h) // (2 * h + 1), (k + h) % (2 * h + 1) - h]),
        lambda k, h: (torch.tensor(float((k + h) // (2 * h + 1))), np.int64((k + h) % (2 * h + 1) - h)),
    ],
    "making_it_fast-1": [
        lambda c, s, n: [(torch.complex(c.float(), s.float()) ** k).imag for k in range(1, n + 1)],
        lambda c, s, n: np.array([((c.numpy() + 1j * s.numpy()) ** k).imag for k in range(1, n + 1)]),
        lambda c, s, n: recurrence(c.float(), s.float(), n),
    ],
    "making_it_fast-2": [
        lambda a, p: [float(sum(k * x * math.cos(k * f) for k, x in enumerate(a, 1))) for f in p],
        lambda a, p: np.arange(1, len(a) + 1) * a.numpy() @ np.cos(np.outer(np.arange(1, len(a) + 1), p.numpy())),
    ],
    "additive-1": [
        lambda f, n, b: [k * f * math.sqrt(1 + b * k * k) for k in range(1, n + 1)],
        lambda f, n, b: f * np.arange(1, n + 1) * np.sqrt(1 + b * np.arange(1, n + 1) ** 2),
        lambda f, n, b: torch.arange(1.0, n + 1) * f * (1 + b * torch.arange(1.0, n + 1) ** 2) ** 0.5,
    ],
    "additive-2": [
        lambda a: (a.sum(1), torch.nan_to_num(a / a.sum(1, keepdim=True))),
        lambda a: [a.sum(1).tolist(), (a / a.sum(1, keepdim=True).clamp(min=1e-9)).tolist()],
        lambda a: (a.float().sum(-1, keepdim=True), a.float() / (a.float().sum(-1, keepdim=True) + 1e-12)),
        lambda a: (
            np.sum(a.numpy(), 1),
            np.divide(a.numpy(), a.numpy().sum(1)[:, None] + (a.numpy().sum(1) == 0)[:, None]),
        ),
    ],
    "harmonic-1": [
        lambda f, r: 0 if f == 0 else sum(1 for k in range(1, 1000) if k * f < r / 2),
        lambda f, r: 0 if f == 0 else len(np.arange(f, r / 2, f)),
        lambda f, r: torch.tensor(0) if f == 0 else torch.ceil(torch.tensor(r / 2 / f)) - 1,
        lambda f, r: np.float32(0 if not f else (r // 2 - 1e-9) // f),
    ],
    "harmonic-2": [
        lambda f, r: min(f % r, r - f % r),
        lambda f, r: math.acos(math.cos(2 * math.pi * f / r)) * r / 2 / math.pi,
        lambda f, r: np.float32(abs((f + r / 2) % r - r / 2)),
        lambda f, r: torch.minimum(torch.tensor(f) % r, r - torch.tensor(f) % r),
    ],
    "fitting-1": [
        lambda f, v: np.exp(np.interp(range(len(f)), np.where(v)[0], np.log(f[v]))),
        lambda f, v: 2 ** np.interp(np.arange(len(f)), np.flatnonzero(v.numpy()), np.log2(f.numpy()[v.numpy()])),
        lambda f, v: [
            440 * 2 ** (m / 12)
            for m in np.interp(range(len(f)), np.flatnonzero(v), (12 * torch.log2(f[v].float() / 440)).numpy())
        ],
    ],
    "fitting-2": [
        lambda t, p: 10 * np.log10(np.sum((t.numpy() - p.numpy()) ** 2) / np.sum(t.numpy() ** 2)),
        lambda t, p: 20 * torch.log10((t.float() - p.float()).norm() / t.float().norm()),
        lambda t, p: 10 * math.log10(((t - p) ** 2).mean() / (t**2).mean()),
    ],
    "five_sounds-1": [
        lambda e: max([abs(20 * math.log10(b / a)) for a, b in itertools.pairwise(e)], default=0),
        lambda e: np.max(np.abs(np.diff(20 * np.log10(e.numpy()))), initial=0),
        lambda e: torch.cat([torch.zeros(1), (20 * torch.log10(e.float()[1:] / e.float()[:-1])).abs()]).max(),
    ],
    "five_sounds-2": [
        lambda p: scipy.stats.gmean(p.numpy(), axis=1) / p.numpy().mean(1),
        lambda p: torch.exp(torch.log(p.float()).mean(1)) / p.float().mean(1),
        lambda p: [10 ** float(row.log10().mean()) / float(row.mean()) for row in p],
    ],
}
SLIPS |= {
    "sinusoidal_modelling-1": [
        (
            lambda x, w, f, r: 2 * abs(np.sum(x.numpy() * np.exp(-2j * np.pi * f / r * np.arange(len(x))))) / len(x),
            "window",
        ),
        (lambda x, w, f, r: amplitude_by_numpy(x, w, f * 360 / 2 / math.pi, r), "next to nothing"),
        (lambda x, w, f, r: amplitude_by_numpy(x, w, f, r) / 2, "half"),
    ],
    "sinusoidal_modelling-2": [
        (lambda a, db: fewest_by_loop(a, db) - 1, "one too few"),
        (lambda a, db: fewest_by_loop(a, db / 2), "amplitudes"),
        (lambda a, db: fewest_by_loop(a, db) + 0.5, "whole number"),
    ],
    "oscillator-1": [
        (lambda f, r: 2 * math.pi * torch.cumsum(f, 0) / r, "one sample early"),
        (lambda f, r: -2 * math.pi * (torch.cumsum(f / r, 0) - f / r), "backwards"),
        (lambda f, r: (torch.cumsum(f, 0) - f) / r, "in turns"),
        (lambda f, r: [360 * x for x in (torch.cumsum(f, 0) - f) / r], "in degrees"),
        (lambda f, r: torch.sin(2 * math.pi * (torch.cumsum(f, 0) - f) / r), "the sine"),
    ],
    "oscillator-2": [
        (lambda x, n: np.interp(np.linspace(0, len(x) - 1, n), np.arange(len(x)), x.numpy()), "stretches time"),
        (lambda x, n: x.repeat_interleave(-(-n // len(x)))[:n], "staircase"),
        (lambda x, n: x[(torch.arange(n) * len(x) / n).round().long().clamp(max=len(x) - 1)], "staircase"),
    ],
    "oscillator-3": [
        (lambda f, hop, r: torch.cat([torch.sin(2 * math.pi * x / r * torch.arange(hop)) for x in f]), "reset"),
        (lambda f, hop, r: blocks_by_loop(f, hop, r * math.pi / 180), "degrees"),
        (lambda f, hop, r: blocks_by_loop(f, hop, r * 2 * math.pi), "2π is missing"),
    ],
    "frequency_is_hard-1": [
        (lambda n, r: 4 * r, "length"),
        (lambda n, r: 4, "in bins"),
        (lambda n, r: 2 * r / n, "how far one lobe"),
    ],
    "frequency_is_hard-2": [
        (lambda x, r: torch.fft.rfft(x).abs().max(), "the largest magnitude"),
        (
            lambda x, r: torch.linspace(0, r / 2, len(x) // 2)[torch.fft.rfft(x)[: len(x) // 2].abs().argmax()],
            "N / 2 + 1",
        ),
        (lambda x, r: x.argmax() * r / len(x), "the sound itself"),
    ],
    "escaping_minima-1": [
        (lambda a, b, w: (a.cumsum(0) - b.cumsum(0)).abs().sum() * w, "different amounts"),
        (lambda a, b, w: (a.cumsum(0) / a.sum() - b.cumsum(0) / b.sum()).abs().mean() * w, "a mean"),
        (lambda a, b, w: (a.cumsum(0) / a.sum() - b.cumsum(0) / b.sum()).square().sum() * w, "square"),
    ],
    "escaping_minima-2": [
        (lambda s, w: ((s.cumsum(0) / s.sum() < 0.5).sum() - 1) * w, "one bin too low"),
        (lambda s, w: ((s.cumsum(0) / s.sum() < 0.5).sum() + 1) * w, "one bin too high"),
        (lambda s, w: (s.cumsum(0) / s.sum() < 0.5).sum(), "number of the bin"),
    ],
    "many_sines-1": [
        (
            lambda x, hz, r: (
                2
                * (torch.exp(-2j * math.pi / r * hz[:, None] * torch.arange(len(x))) @ x.to(torch.complex128)).abs()
                / len(x)
            ),
            "alone",
        ),
        (lambda x, hz, r: amplitudes_by_numpy(x, hz, r) ** 2, "square"),
        (lambda x, hz, r: amplitudes_by_numpy(x, hz * 57.29578, r), "degrees"),
    ],
    "many_sines-2": [
        (lambda f, t: (1200 * torch.log2(f.sort().values / t.sort().values)).abs(), "sign"),
        (lambda f, t: 1200 * torch.log2(t.sort().values / f.sort().values), "sign"),
        (lambda f, t: 12 * torch.log2(f.sort().values / t.sort().values), "semitones"),
        (lambda f, t: 1200 * torch.log(f.sort().values / t.sort().values), "natural logarithm"),
    ],
    "many_sines-3": [
        (lambda a, p, n, r: math.sqrt(24 * p / (a**2 * n**3)), "rad/sample"),
        (lambda a, p, n, r: math.sqrt(24 * p**2 / (a**2 * n**3)) * r / 2 / math.pi, "σ² is given"),
        (lambda a, p, n, r: math.sqrt(12 * p / (a**2 * n**3)) * r / 2 / math.pi, "one half"),
    ],
    "making_it_fast-3": [
        (lambda k, h: (k / (2 * h + 1), 0), "whole numbers"),
        (lambda k, h: k, "two whole numbers"),
        (lambda k, h: (k // (2 * h + 1), k % (2 * h + 1)), "no baby step"),
    ],
    "making_it_fast-1": [
        (lambda c, s, n: torch.stack([((c + 1j * s) ** k).real for k in range(1, n + 1)]), "the cosines"),
        (lambda c, s, n: torch.stack([((c + 1j * s) ** k).imag for k in range(1, n + 1)]).T, "transposed"),
        (lambda c, s, n: one_after_the_other(c, s, n), "both from the old pair"),
        (
            lambda c, s, n: np.stack([np.sin(k * np.arctan2(s.numpy(), c.numpy())) for k in range(1, n + 1)]),
            "the angle",
        ),
        (lambda c, s, n: [s.sign() * torch.sin(k * torch.acos(c)) for k in range(1, n + 1)], "the angle"),
    ],
    "making_it_fast-2": [
        (lambda a, p: sum(x * np.cos(k * p.numpy()) for k, x in enumerate(a.numpy(), 1)), "k is missing"),
        (lambda a, p: -sum(k * x * torch.cos(k * p) for k, x in enumerate(a, 1)), "without a minus"),
        (lambda a, p: sum(k * x * torch.cos(k * p) for k, x in enumerate(a, 1)) / len(a), "divided by their number"),
    ],
    "additive-1": [
        (lambda f, n, b: [k * f * math.sqrt(1 + b * k * k) for k in range(n)], "start at 1"),
        (lambda f, n, b: [k * f * math.sqrt(1 + b * k * k) for k in range(1, n)], "one short"),
        (lambda f, n, b: [k * f * (1 + b * k * k) for k in range(1, n + 1)], "square root"),
    ],
    "additive-2": [
        (
            lambda a: (
                a.sum(-1),
                torch.where(a.sum(-1, keepdim=True) > 0, a / a.sum(-1, keepdim=True), 1 / a.shape[-1]),
            ),
            "all shares are 0",
        ),
        (lambda a: a / a.sum(-1, keepdim=True), "two things"),
        (lambda a: (a / (a.sum(-1, keepdim=True) + 1e-9), a.sum(-1)), "order"),
        (lambda a: (a.sum(-1), torch.softmax(a, -1)), "softmax"),
    ],
    "harmonic-1": [
        (lambda f, r: math.floor(r / 2 / f) if f else 0, "exactly on Nyquist"),
        (lambda f, r: len(torch.arange(f, r / 2, f)), "a rest"),
        (lambda f, r: math.ceil(r / 2 / f) if f else 0, "one too many"),
    ],
    "harmonic-2": [
        (lambda f, r: r / 2 - f % (r / 2), "turn"),
        (lambda f, r: min(f, r / 2), "clip"),
        (lambda f, r: min(f, abs(r - f)), "another multiple"),
    ],
    "fitting-1": [
        (lambda f, v: np.interp(range(len(f)), np.flatnonzero(v), np.log(f[v])), "logarithm"),
        (lambda f, v: np.exp(np.interp(range(len(f)), np.flatnonzero(v), np.log10(f[v]))), "log10"),
        (lambda f, v: torch.where(v, f, f[v].log().mean().exp()), "straight lines"),
    ],
    "fitting-2": [
        (lambda t, p: 10 * torch.log10((p**2).sum() / (t**2).sum()), "prediction itself"),
        (lambda t, p: 10 * torch.log((t - p).square().sum() / t.square().sum()), "natural logarithm"),
        (lambda t, p: 10 * torch.log10((t - p).square().sum() / p.square().sum()), "prediction"),
        (lambda t, p: 10 * torch.log10((t - p).square().sum()), "relative"),
    ],
    "five_sounds-1": [
        (lambda e: (20 * torch.log10(e)).diff().abs().max(), "single frame"),
        (lambda e: np.abs(np.diff(20 * np.log10(e.numpy()))).max(), "single frame"),
        (lambda e: (20 * torch.log(e)).diff().abs().max() if len(e) > 1 else 0, "natural logarithm"),
        (lambda e: (20 * torch.log10(e)).diff().abs().mean() if len(e) > 1 else 0, "the mean"),
    ],
    "five_sounds-2": [
        (lambda p: p.prod(-1) ** (1 / p.shape[-1]) / p.mean(-1), "smaller than any float"),
        (lambda p: p.log().mean(0).exp() / p.mean(0), "axis"),
        (lambda p: 10 * torch.log10(p.log().mean(-1).exp() / p.mean(-1)), "decibels"),
    ],
}


def recurrence(cosine, sine, n):
    before, now, rows = 0 * sine, sine, []
    for _ in range(n):
        rows.append(now)
        before, now = now, 2 * cosine * now - before
    return rows


def one_after_the_other(cosine, sine, n):
    c, s, rows = cosine, sine, [sine]
    for _ in range(n - 1):
        c = c * cosine - s * sine
        s = s * cosine + c * sine
        rows.append(s)
    return torch.stack(rows)


# --- Noise, filters, rooms --------------------------------------------------------------------------------------


def lowpass(cutoff_hz, q, rate):
    w = 2 * np.pi * cutoff_hz / rate
    alpha = np.sin(w) / (2 * q)
    b = np.array([0.5, 1, 0.5]) * (1 - np.cos(w))
    a = np.array([1 + alpha, -2 * np.cos(w), 1 - alpha])
    return b / a[0], a / a[0]


def lowpass_by_bilinear(cutoff_hz, q, rate):
    return scipy.signal.bilinear([1], [1, 1 / q, 1], fs=0.5 / math.tan(math.pi * cutoff_hz / rate))


def lowpass_with(omega, alpha=lambda w, q: math.sin(w) / (2 * q)):
    def slip(f, q, r):
        w = omega(f, r)
        al = alpha(w, q)
        b = [(1 - math.cos(w)) / 2, 1 - math.cos(w), (1 - math.cos(w)) / 2]
        return [x / (1 + al) for x in b], [1, -2 * math.cos(w) / (1 + al), (1 - al) / (1 + al)]

    return slip


def true_omega(f, r):
    return 2 * math.pi * f / r


def taps_by_cosines(m):
    half = len(m) - 1
    taps = []
    for n in range(2 * half):
        d = n - half
        total = float(m[0]) + float(m[-1]) * (-1) ** d
        total += sum(2 * float(m[k]) * math.cos(math.pi * k * d / half) for k in range(1, half))
        taps.append(total / (2 * half) * (0.5 - 0.5 * math.cos(2 * math.pi * n / (2 * half))))
    return taps


def shares_by_loop(n_frames, n):
    out = np.zeros((n_frames, n), dtype=np.float32)
    for i in range(n_frames):
        frame = np.zeros(n_frames)
        frame[i] = 1
        out[i] = np.interp(np.arange(n), np.arange(n_frames) * n / n_frames, frame)
    return out


def echoes_by_conv1d(x, h):
    return F.conv1d(x[None, None].float(), h.flip(0)[None, None].float(), padding=len(h) - 1)[0, 0, : len(x)]


def decay_from_start(h):
    e = h.numpy() ** 2
    return 10 * np.log10((e.sum() - np.concatenate([[0], np.cumsum(e)[:-1]])) / e.sum())


RIGHT |= {
    "filters-1": [
        lambda *a: [x.tolist() for x in lowpass(*a)],
        lowpass_by_bilinear,
        lambda *a: torch.tensor(np.array(lowpass(*a)), dtype=torch.float32),
        lowpass_with(true_omega),
    ],
    "filters-2": [
        lambda a1, a2: bool(np.all(np.abs(np.roots([1, a1, a2])) < 1)),
        lambda a1, a2: np.abs(np.roots([1, a1, a2])).max() < 1,
        lambda a1, a2: torch.tensor(abs(a2) < 1 and abs(a1) < 1 + a2),
        lambda a1, a2: int(1 + a1 + a2 > 0 and 1 - a1 + a2 > 0 and a2 < 1),
    ],
    "noise-1": [
        lambda n, g: torch.randn(n, generator=g),
        lambda n, g: ((torch.rand(n, generator=g) - 0.5) * 12**0.5).numpy(),
        lambda n, g: (torch.randint(0, 2, (n,), generator=g) * 2 - 1).tolist(),
    ],
    "noise-2": [
        taps_by_cosines,
        lambda m: np.fft.fftshift(np.fft.irfft(m.numpy())) * scipy.signal.get_window("hann", 2 * len(m) - 2),
        lambda m: torch.fft.fftshift(torch.fft.irfft(m.float())) * torch.hann_window(2 * len(m) - 2),
    ],
    "noise-3": [
        shares_by_loop,
        lambda f, n: torch.clamp(
            1 - (torch.clamp(torch.arange(n) * f / n, max=f - 1) - torch.arange(f)[:, None]).abs(), 0
        ),
    ],
    "room-1": [
        echoes_by_conv1d,
        lambda x, h: np.convolve(x, h)[: len(x)],
        lambda x, h: scipy.signal.lfilter(h.numpy(), [1], x.numpy()).tolist(),
        lambda x, h: torch.fft.irfft(torch.fft.rfft(x.float(), 128) * torch.fft.rfft(h.float(), 128))[: len(x)],
    ],
    "room-2": [
        lambda g, h: [g + h[0], torch.cat([torch.zeros(1), h[1:]])],
        lambda g, h: (g + h.numpy()[0], np.r_[0, h.numpy()[1:]]),
        lambda g, h: (np.float32(g + float(h[0])), [0.0, *h[1:].tolist()]),
    ],
    "room-3": [
        decay_from_start,
        lambda h: [10 * math.log10(float((h[i:] ** 2).sum() / (h**2).sum())) for i in range(len(h))],
        lambda h: 10 * torch.log10(h.float().square().flip(0).cumsum(0).flip(0) / h.float().square().sum()),
    ],
}
SLIPS |= {
    "filters-1": [
        (lowpass_with(true_omega, lambda w, q: math.sin(w) / 2 * q), "parentheses"),
        (lowpass_with(lambda f, r: 360 * f / r), "degrees"),
        (lowpass_with(lambda f, r: math.pi * f / r), "half"),
        (lambda f, q, r: lowpass(f, q, r)[::-1], "order"),
        (lambda f, q, r: lowpass(f, q, r)[0], "two tensors"),
    ],
    "filters-2": [
        (lambda a1, a2: abs(a2) < 1 and abs(a1) < 1 - a2, "1 + a2"),
        (lambda a1, a2: abs(a1) < 1 and abs(a2) < 1, "not needed"),
        (lambda a1, a2: np.roots([1, a1, a2]), "one number"),
        (lambda a1, a2: "stable", "True or False"),
    ],
    "noise-1": [
        (lambda n, g: torch.rand(n, generator=g) - 0.5, "RMS"),
        (lambda n, g: np.random.default_rng(3).normal(size=n), "another seed"),
        (lambda n, g: torch.randn(n, generator=g).cumsum(0) / n**0.5, "not white"),
        (lambda n, g: torch.randn(n + 1, generator=g).unfold(0, 2, 1).sum(-1) / 2**0.5, "not white"),
    ],
    "noise-2": [
        (lambda m: np.fft.irfft(m.numpy()), "time 0 stands first"),
        (lambda m: torch.fft.irfft(m).roll(len(m) - 1) * torch.hann_window(2 * len(m) - 2).sqrt(), "sum of cosines"),
        (lambda m: torch.fft.irfft(m).roll(len(m) - 1) * torch.hamming_window(2 * len(m) - 2), "Hamming"),
        (lambda m: torch.fft.fft(m).real, "the shape is"),
    ],
    "noise-3": [
        (lambda f, n: shares_by_loop(f, n).T, "transposed"),
        (
            lambda f, n: np.array([np.interp(np.linspace(0, f - 1, n), np.arange(f), np.eye(f)[i]) for i in range(f)]),
            "centred on sample",
        ),
        (lambda f, n: torch.full((f, n), 1 / f), "sum to 1, but"),
    ],
    "room-1": [
        (lambda x, h: np.convolve(x, h, "same")[: len(x)], "middle"),
        (lambda x, h: F.conv1d(x[None, None], h[None, None], padding=len(h) - 1)[0, 0, : len(x)], "runs backwards"),
        (lambda x, h: torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(h, len(x)), len(x)), "wrap around"),
    ],
    "room-2": [
        (lambda g, h: (g - h[0], torch.cat([torch.zeros(1), h[1:]])), "sign"),
        (lambda g, h: (g + h[0], h[1:]), "stay as long"),
        (lambda g, h: (torch.cat([torch.zeros(1), h[1:]]), g + h[0]), "order"),
        (lambda g, h: (g + h[0], torch.cat([torch.zeros(1), h[1:] / h[0]])), "stay as they are"),
    ],
    "room-3": [
        (lambda h: 10 * torch.log10(h.square().flip(0).cumsum(0) / h.square().sum()), "turn it back"),
        (lambda h: 10 * torch.log(h.square().flip(0).cumsum(0).flip(0) / h.square().sum()), "natural logarithm"),
        (lambda h: h.square().flip(0).cumsum(0).flip(0) / h.square().sum(), "decibels"),
    ],
}

# --- A network that plays --------------------------------------------------------------------------------------------


def count_by_building(width, hidden, n_outputs):
    def stack(n, m):
        return nn.Sequential(nn.Linear(n, m), nn.LayerNorm(m), nn.LeakyReLU(), nn.Linear(m, m), nn.LayerNorm(m))

    parts = [stack(1, width), stack(1, width), nn.GRU(2 * width, hidden), stack(2 * width + hidden, hidden)]
    return sum(p.numel() for part in [*parts, nn.Linear(hidden, n_outputs)] for p in part.parameters())


def split_by_shuffle(stretches, held_out, seed):
    import random

    names = sorted({s[0] for s in stretches})
    random.Random(seed).shuffle(names)
    held = names[:held_out]
    inside = np.array([s[0] in held for s in stretches])
    return [np.flatnonzero(~inside), np.flatnonzero(inside)]


def octave_by_numpy(f0_hz, sounding, median_midi):
    f = f0_hz.numpy()[sounding.numpy()]
    return np.round((median_midi - 69 - 12 * np.log2(np.median(f) / 440)) / 12)


def level_by_numpy(x, s, median_db, spread_db):
    v = x.numpy()[s.numpy()]
    q10, q90 = np.percentile(v, [10, 90])
    return (x.numpy() - np.median(v)) / (q90 - q10) * spread_db + median_db


RIGHT |= {
    "pitch_and_loudness-1": [
        lambda m, w: 10 * np.log10(np.sum(m.numpy() ** 2 * 10 ** (w.numpy() / 10), axis=1)),
        lambda m, w: 20 * torch.log10(torch.linalg.norm(m.float() * 10 ** (w.float() / 20), dim=-1)),
        lambda m, w: [
            10 * math.log10(sum(float(a) ** 2 * 10 ** (float(d) / 10) for a, d in zip(row, w, strict=True)))
            for row in m
        ],
    ],
    "pitch_and_loudness-2": [
        lambda f, c: scipy.stats.gmean(f.numpy()[c.numpy() >= 0.5]),
        lambda f, c: torch.exp(torch.log(f.float()[c >= 0.5]).mean()),
        lambda f, c: 2 ** np.mean([math.log2(x) for x, y in zip(f, c, strict=True) if y >= 0.5]),
        lambda f, c: 440 * 2 ** ((12 * torch.log2(f[c >= 0.5] / 440)).mean() / 12),
    ],
    "pitch_and_loudness-3": [
        lambda f, t: (
            ((torch.log2(f / t).round() != 0) & ((torch.log2(f / t) - torch.log2(f / t).round()).abs() < 50 / 1200))
            .float()
            .mean()
        ),
        lambda f, t: float(
            np.mean(
                [
                    abs(1200 * math.log2(a / b) - 1200 * k) <= 50 and k != 0
                    for a, b in zip(f, t, strict=True)
                    for k in [round(math.log2(a / b))]
                ]
            )
        ),
        lambda f, t: np.float32(
            sum(
                any(abs(1200 * math.log2(a / b) - 1200 * k) < 50 for k in (-3, -2, -1, 1, 2, 3))
                for a, b in zip(f, t, strict=True)
            )
            / len(f)
        ),
    ],
    "decoder-1": [
        lambda f, d: torch.stack([(69 + 12 * torch.log2(f.float() / 440)) / 127, 1 + d.float().clamp(-80, 0) / 80], 1),
        lambda f, d: np.stack([(69 + 12 * np.log2(f.numpy() / 440)) / 127, np.maximum(d.numpy() + 80, 0) / 80], -1),
        lambda f, d: [[(69 + 12 * math.log2(a / 440)) / 127, max(b, -80) / 80 + 1] for a, b in zip(f, d, strict=True)],
    ],
    "decoder-2": [
        split_by_shuffle,
        lambda s, k, seed: tuple(torch.tensor(x) for x in split_by_shuffle(s, k, seed)),
        lambda s, k, seed: [set(x.tolist()) for x in split_by_shuffle(s, k, seed)],
    ],
    "decoder-3": [
        count_by_building,
        lambda w, h, n: float(count_by_building(w, h, n)),
        lambda w, h, n: torch.tensor(count_by_building(w, h, n)),
    ],
    "transfer-1": [
        octave_by_numpy,
        lambda f, s, m: float(round((m - 69 - 12 * math.log2(float(f[s].median()) / 440)) / 12)),
        lambda f, s, m: torch.round((m - (69 + 12 * torch.log2(f[s].float() / 440)).median()) / 12),
    ],
    "transfer-2": [
        level_by_numpy,
        lambda x, s, m, w: m + (x - x[s].median()) * w / (torch.quantile(x[s], 0.9) - torch.quantile(x[s], 0.1)),
        lambda x, s, m, w: (lambda q: m + (x - q[1]) * w / (q[2] - q[0]))(
            torch.quantile(x[s], torch.tensor([0.1, 0.5, 0.9]))
        ),
    ],
}
SLIPS |= {
    "pitch_and_loudness-1": [
        (lambda m, w: 10 * torch.log10((m**2 * 10 ** (w / 10)).sum(0)), "axis"),
        (lambda m, w: 10 * torch.log10((m**2 * w).sum(-1)), "NaN"),
        (lambda m, w: 10 * torch.log10((m**2).sum(-1)) + w.mean(), "average weight"),
    ],
    "pitch_and_loudness-2": [
        (lambda f, c: f[c >= 0.5].median(), "median"),
        (lambda f, c: f[c < 0.5].log().mean().exp(), "the others"),
        (lambda f, c: f[c >= 0.5].log2().mean(), "octave count"),
    ],
    "pitch_and_loudness-3": [
        (
            lambda f, t: (
                100
                * (
                    (((f / t).log2().round() != 0) & (((f / t).log2() - (f / t).log2().round()).abs() < 1 / 24))
                    .double()
                    .mean()
                )
            ),
            "per cent",
        ),
        (lambda f, t: ((f / t).log2().round() != 0).double().mean(), "every large error"),
        (lambda f, t: ((f / t).log2().round().abs() == 1).double().mean(), "two octaves"),
        (lambda f, t: ((f / t).log2().abs() - 1).abs() < 1 / 24, "mean"),
    ],
    "decoder-1": [
        (lambda f, d: torch.stack([(69 + 12 * torch.log2(f / 440)) / 127, d.clamp(min=-80) / 80 + 1]), "transposed"),
        (lambda f, d: torch.stack([(69 + 12 * torch.log2(f / 440)) / 127, d], -1), "loudness is in dB"),
        (lambda f, d: torch.stack([torch.log2(f / 440), d.clamp(min=-80) / 80 + 1], -1), "octaves"),
        (lambda f, d: torch.stack([(69 + 12 * torch.log10(f / 440)) / 127, d.clamp(min=-80) / 80 + 1], -1), "base 2"),
    ],
    "decoder-2": [
        (lambda s, k, seed: ([x for x in s if x[0] > "take_01"], [x for x in s if x[0] <= "take_01"]), "indices"),
        (lambda s, k, seed: tuple(reversed(split_by_shuffle(s, k, seed))), "order"),
        (lambda s, k, seed: split_by_shuffle(s, 2, seed), "held out"),
        (lambda s, k, seed: split_by_shuffle(s, k, int(torch.seed() % 10**6)), "same seed"),
    ],
    "decoder-3": [
        (lambda w, h, n: count_by_building(w, h, n) - n, "last layer"),
        (lambda w, h, n: count_by_building(w, h, n) - 6 * h + 3 * h, "two biases"),
        (lambda w, h, n: count_by_building(w, h, n) - 2 * h * (h + 2 * w + 1) // 2, "output stack"),
    ],
    "transfer-1": [
        (lambda f, s, m: round((m - float((69 + 12 * torch.log2(f[s] / 440)).mean())) / 12), "the mean"),
        (lambda f, s, m: int((m - float((69 + 12 * torch.log2(f[s] / 440)).median())) / 12), "int() cuts"),
        (lambda f, s, m: math.floor((m - float((69 + 12 * torch.log2(f[s] / 440)).median())) / 12), "rounds down"),
        (lambda f, s, m: round(m - float((69 + 12 * torch.log2(f[s] / 440)).median())), "semitones"),
        (lambda f, s, m: round((m - float(f[s].median())) / 12), "raw Hz"),
    ],
    "transfer-2": [
        (
            lambda x, s, m, w: (lambda q: m + (x - q[1]) * (q[2] - q[0]) / w)(
                torch.quantile(x[s], torch.tensor([0.1, 0.5, 0.9]))
            ),
            "upside down",
        ),
        (
            lambda x, s, m, w: (lambda q: m + (x - x[s].mean()) * w / (q[2] - q[0]))(
                torch.quantile(x[s], torch.tensor([0.1, 0.5, 0.9]))
            ),
            "the mean",
        ),
        (lambda x, s, m, w: m + (x - x[s].median()) * w / (x[s].max() - x[s].min()), "quietest"),
        (lambda x, s, m, w: level_by_numpy(x, s, m, w)[s.numpy()], "all frames"),
    ],
}

# --- From notes to sound ---------------------------------------------------------------------------------------------


def frame_pitch(frame=round, by_length=False):
    def write(notes, n_frames, rate):
        out = [0.0] * n_frames
        for onset, length, pitch in notes:
            first = frame(onset * rate)
            end = first + frame(length * rate) if by_length else frame((onset + length) * rate)
            for i in range(first, min(end, n_frames)):
                out[i] = pitch
        return out

    return write


def seconds_by_steps(tick, tempi, division):
    t, at, tempo = 0.0, 0, tempi[0][1]
    for start, new in tempi[1:]:
        if start >= tick:
            break
        t, at, tempo = t + (start - at) * tempo / division / 1e6, start, new
    return t + (tick - at) * tempo / division / 1e6


def vibrato_by_least_squares(deviation, frame_rate):
    d = deviation.numpy()
    t = np.arange(len(d)) / frame_rate
    best = (np.inf, 0.0)
    for rate in np.arange(3, 9, 0.02):
        basis = np.stack([np.ones_like(t), t, np.sin(2 * np.pi * rate * t), np.cos(2 * np.pi * rate * t)], 1)
        w = np.linalg.lstsq(basis, d, rcond=None)[0]
        best = min(best, (float(np.sum((basis @ w - d) ** 2)), float(np.hypot(w[2], w[3]))))
    return best[1]


def vibrato_by_polyfit(deviation, frame_rate):
    d = np.asarray(deviation, dtype=np.float32)
    n = len(d)
    d = d - np.polyval(np.polyfit(np.arange(n), d, 1), np.arange(n))
    w = np.hanning(n)
    s = np.abs(np.fft.rfft(d * w, 4096)) * 2 / w.sum()
    f = np.fft.rfftfreq(4096, 1 / frame_rate)
    return s[(f > 3) & (f < 9)].max()


def slopes_by_polyfit(read, values):
    r, v = read.numpy(), values.numpy()
    out = np.zeros((6, 6))
    for i in range(6):
        for j in range(6):
            s = [np.polyfit(v, r[i, :, n, j], 1)[0] for n in range(r.shape[2]) if not np.isnan(r[i, :, n, j]).any()]
            out[i, j] = np.mean(s)
    return out


def surprise_by_distribution(shift=0.0):
    def loss(x, mean, spread):
        heard = ~torch.isnan(x)
        p = torch.distributions.Normal(mean[heard], spread[heard]).log_prob(x[heard])
        return -p.mean() - shift

    return loss


def mix_by_matrix(vectors, spans, n_frames):
    on = np.array([[a <= t < b for a, b in spans] for t in range(n_frames)], dtype=np.float32)
    return on @ vectors.numpy().astype(np.float32)


def positions_by(formula):
    def rows(spans, n_frames):
        return [[formula(t, a, b) if a <= t < b else 0.0 for t in range(n_frames)] for a, b in spans]

    return rows


HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)

RIGHT |= {
    "notes_to_sound-1": [
        frame_pitch(),
        lambda *a: torch.tensor(frame_pitch()(*a)),
        lambda *a: np.array(frame_pitch(lambda x: int(x + 0.5))(*a), dtype=np.float32),
    ],
    "notes_to_sound-2": [
        seconds_by_steps,
        lambda *a: np.float32(seconds_by_steps(*a)),
        lambda tick, tempi, d: sum(
            max(0, min(tick, b) - a) * t / d * 1e-6
            for (a, t), (b, _) in itertools.pairwise([*tempi, (tick, 0)])
            if b > a
        ),
    ],
    "knobs-1": [
        lambda a: (np.mean(20 * np.log10(a.numpy())) + 90) / 60,
        lambda a: float((20 * torch.log10(a.float())).mean() + 90) / 60,
        lambda a: [sum(20 * math.log10(x) for x in a.tolist()) / len(a) / 60 + 1.5],
    ],
    "knobs-2": [
        vibrato_by_least_squares,
        vibrato_by_polyfit,
        lambda d, r: np.float32(2**0.5 * np.std(scipy.signal.detrend(d.numpy()))),
    ],
    "knobs-3": [
        lambda h, f: np.mean(h.numpy() @ np.arange(1, h.shape[1] + 1)) / 12,
        lambda h, f: float((h.float() @ torch.arange(1.0, h.shape[1] + 1)).mean() / 12),
        lambda h, f: sum((k + 1) * float(h[:, k].mean()) for k in range(h.shape[1])) / 12,
    ],
    "inference-1": [
        lambda h, t, s: np.median(np.abs(20 * np.log10(h.numpy() / t.numpy()))[s.numpy()]),
        lambda h, t, s: (20 * torch.log10(h.float()[s]) - 20 * torch.log10(t.float()[s])).abs().median(),
        lambda h, t, s: sorted(abs(20 * math.log10(a / b)) for a, b, c in zip(h, t, s, strict=True) if c)[
            int(s.sum()) // 2
        ],
    ],
    "inference-2": [
        lambda f, h: f.numpy() * (h.numpy() @ np.arange(1, h.shape[1] + 1)),
        lambda f, h: (f[:, None] * torch.arange(1, h.shape[1] + 1) * h).sum(1).float(),
        lambda f, h: [
            float(a) * sum((k + 1) * float(x) for k, x in enumerate(row)) for a, row in zip(f, h, strict=True)
        ],
    ],
    "playing-1": [
        lambda f, p: np.clip(np.round(1200 * np.log2(f.numpy() / 440) - 100 * (p - 69)), -100, 100) + 100,
        lambda f, p: (
            torch.clamp(torch.round(1200 * torch.log2(f.float() / (440 * 2 ** ((p - 69) / 12)))), -100, 100) + 100
        ),
        lambda f, p: [min(200, max(0, round(100 + 1200 * math.log2(x / 440) - 100 * (p - 69)))) for x in f],
    ],
    "playing-2": [
        slopes_by_polyfit,
        lambda r, v: (
            torch.nanmean(((v - v.mean())[None, :, None, None] * r).sum(1), 1).float() / ((v - v.mean()) ** 2).sum()
        ),
        lambda *a: slopes_by_polyfit(*a).tolist(),
    ],
    "taste-1": [
        lambda x, m, s: np.nanmean((x.numpy() - m.numpy()) ** 2 / 2 / s.numpy() ** 2 + np.log(s.numpy())),
        surprise_by_distribution(HALF_LOG_2PI),
        lambda x, m, s: F.gaussian_nll_loss(m[~x.isnan()].float(), x[~x.isnan()].float(), s[~x.isnan()].float() ** 2),
    ],
    "taste-2": [
        lambda p, m: [np.corrcoef((p - m)[:, :-1, j].flatten(), (p - m)[:, 1:, j].flatten())[0, 1] for j in range(6)],
        lambda p, m: np.array(
            [
                scipy.stats.pearsonr((p - m)[:, :-1, j].numpy().ravel(), (p - m)[:, 1:, j].numpy().ravel())[0]
                for j in range(6)
            ],
            dtype=np.float32,
        ),
    ],
    "end_to_end-1": [mix_by_matrix, lambda *a: mix_by_matrix(*a).tolist()],
    "end_to_end-2": [
        positions_by(lambda t, a, b: (t - a) / (b - a)),
        lambda *a: torch.tensor(positions_by(lambda t, a, b: (t - a) / (b - a))(*a)),
        lambda spans, n: np.array(
            [np.r_[np.zeros(a), np.linspace(0, 1, b - a, endpoint=False), np.zeros(n - b)] for a, b in spans]
        ),
    ],
    "chorale-1": [
        lambda x, p: torch.stack([math.sin((1 - p) * math.pi / 4) * x, math.sin((1 + p) * math.pi / 4) * x]),
        lambda x, p: (
            np.array([[np.cos(np.pi / 4 * (1 + p))], [np.sin(np.pi / 4 * (1 + p))]], dtype=np.float32) * x.numpy()
        ),
        lambda x, p: [(math.cos((p + 1) * math.pi / 4) * x).tolist(), (math.sin((p + 1) * math.pi / 4) * x).tolist()],
    ],
    "chorale-2": [
        lambda low, high, p, q: np.abs(np.float32(p * low - q * high)),
        lambda low, high, p, q: torch.tensor(q * high - p * low).abs(),
        lambda low, high, p, q: abs(high - low * p / q) * q,
    ],
    "chorale-3": [
        lambda b, p, q: np.float32(b + 12 * np.log2(p / q)),
        lambda b, p, q: torch.tensor([b + 12 * math.log(p / q) / math.log(2)]),
        lambda b, p, q: 69 + 12 * math.log2(440 * 2 ** ((b - 69) / 12) * p / q / 440),
    ],
}
SLIPS |= {
    "notes_to_sound-1": [
        (frame_pitch(int), "int() cuts"),
        (frame_pitch(math.ceil), "rounds up"),
        (frame_pitch(by_length=True), "round the end"),
        (lambda notes, n, r: [440 * 2 ** ((x - 69) / 12) if x else 0 for x in frame_pitch()(notes, n, r)], "in Hz"),
    ],
    "notes_to_sound-2": [
        (lambda *a: 1000 * seconds_by_steps(*a), "milliseconds"),
        (lambda tick, tempi, d: tick / d * tempi[-1][1] / 1e6, "a change"),
        (lambda tick, tempi, d: tick / d * np.mean([t for _, t in tempi]) / 1e6, "mean tempo"),
        (lambda tick, tempi, d: tick / d, "in beats"),
    ],
    "knobs-1": [
        (lambda a: (20 * torch.log10(a)).mean() / 60, "−90"),
        (lambda a: (20 * torch.log10(a)).median() / 60 + 1.5, "median"),
        (lambda a: (20 * torch.log10(a)) / 60 + 1.5, "mean"),
        (lambda a: 20 * torch.log10(a.max()) / 60 + 1.5, "loudest frame"),
    ],
    "knobs-2": [
        (lambda d, r: (d.max() - d.min()) / 2, "half the range"),
        (lambda d, r: 3.75 * vibrato_by_polyfit(d, r), "3.75"),
        (lambda d, r: 2 * vibrato_by_polyfit(d, r), "twice"),
    ],
    "knobs-3": [
        (lambda h, f: (h * torch.arange(1, h.shape[1] + 1)).mean() / 12, "sum over the harmonics"),
        (lambda h, f: float(h.argmax(-1).double().mean() + 1) / 12, "loudest harmonic"),
        (lambda h, f: (h.T * torch.arange(1, len(h) + 1)).sum(-1).mean() / 12, "axis"),
    ],
    "inference-1": [
        (lambda h, t, s: (h - t)[s].abs().median(), "difference of the amplitudes"),
        (lambda h, t, s: (20 * torch.log10(h / t))[s].square().mean().sqrt(), "root mean square"),
        (lambda h, t, s: (20 * torch.log10(t / h))[s].median(), "cancel"),
    ],
    "inference-2": [
        (lambda f, h: (h * torch.arange(1, h.shape[1] + 1)).sum(-1).mean(), "the shape is"),
        (lambda f, h: f * (h.argmax(-1) + 1), "loudest harmonic"),
        (lambda f, h: 69 + 12 * torch.log2(f * (h * torch.arange(1, h.shape[1] + 1)).sum(-1) / 440), "MIDI"),
    ],
    "playing-1": [
        (lambda f, p: (1200 * torch.log2(f / 440) - 100 * (p - 69)).long().clamp(-100, 100) + 100, "nearest"),
        (lambda f, p: (1200 * torch.log2(f / 440) - 100 * (p - 69)).floor().clamp(-100, 100) + 100, "nearest"),
        (lambda f, p: (1200 * torch.log2(f / 440) - 100 * (p - 69)).round().clamp(0, 200), "add 100"),
        (lambda f, p: (1200 * torch.log2(f / p)).round().clamp(-100, 100) + 100, "MIDI"),
    ],
    "playing-2": [
        (lambda r, v: r.diff(dim=1).div(v.diff()[None, :, None, None]).nanmean((1, 2)), "steps"),
        (lambda r, v: (((v - v.mean())[None, :, None, None] * r).sum(1) / ((v - v.mean()) ** 2).sum()).mean(1), "NaN"),
        (
            lambda r, v: (((v - v.mean())[None, :, None, None] * r).sum(1) / ((v - v.mean()) ** 2).sum()).nanmean(0),
            "notes",
        ),
    ],
    "taste-1": [
        (surprise_by_distribution(), "log 2π"),
        (lambda x, m, s: -((x - m) ** 2 / (2 * s**2) + s.log()).nanmean(), "sign"),
        (lambda x, m, s: ((x - m) ** 2 / (2 * s**2) + s.log10()).nanmean(), "log10"),
    ],
    "taste-2": [
        (
            lambda p, m: torch.tensor(
                np.array([np.corrcoef(p[:, :-1, j].flatten(), p[:, 1:, j].flatten())[0, 1] for j in range(6)])
            ),
            "mean performance off",
        ),
        (lambda p, m: ((p - m)[:, :-1] * (p - m)[:, 1:]).mean((0, 1)), "covariance"),
        (lambda p, m: np.corrcoef((p - m)[:, :-1].flatten(), (p - m)[:, 1:].flatten())[0, 1], "each control"),
    ],
    "end_to_end-1": [
        (
            lambda v, s, n: torch.stack(
                [
                    torch.stack([v[i] for i, (a, b) in enumerate(s) if a <= t <= b] or [v[0] * 0]).sum(0)
                    for t in range(n)
                ]
            ),
            "one frame too long",
        ),
        (
            lambda v, s, n: torch.stack(
                [
                    v[i] if (i := max([k for k, (a, b) in enumerate(s) if a <= t < b], default=-1)) >= 0 else v[0] * 0
                    for t in range(n)
                ]
            ),
            "wipes out",
        ),
        (lambda v, s, n: v.sum(0).expand(n, -1), "all the time"),
    ],
    "end_to_end-2": [
        (positions_by(lambda t, a, b: (t - a) / max(b - a - 1, 1)), "not yet 1"),
        (positions_by(lambda t, a, b: 1 - (t - a) / (b - a)), "still to come"),
        (
            lambda s, n: sum(torch.tensor(r) for r in positions_by(lambda t, a, b: (t - a) / (b - a))(s, n)),
            "a row of its own",
        ),
    ],
    "chorale-1": [
        (lambda x, p: torch.stack([(1 - p) * x, (1 + p) * x]), "the ear adds powers"),
        (lambda x, p: torch.stack([math.cos((p + 1) * 45) * x, math.sin((p + 1) * 45) * x]), "degrees"),
        (lambda x, p: torch.stack([x, x]), "no effect"),
        (
            lambda x, p: torch.stack([math.cos((p + 1) * math.pi / 4) * x, math.sin((p + 1) * math.pi / 4) * x], -1),
            "transposed",
        ),
    ],
    "chorale-2": [
        (lambda low, high, p, q: abs(p * low - q * high) / 2, "half"),
        (lambda low, high, p, q: 1 / abs(p * low - q * high), "seconds"),
        (lambda low, high, p, q: 1200 * math.log2(high / low * q / p), "cents"),
    ],
    "chorale-3": [
        (lambda b, p, q: b + 12 * p / q, "logarithm"),
        (lambda b, p, q: 12 * math.log2(p / q), "interval alone"),
        (lambda b, p, q: 440 * 2 ** ((b - 69) / 12) * p / q, "in Hz"),
    ],
}


# --- A picture of sound ---------------------------------------------------------------------------------------------


def hand_in_numpy(sound, frequency_hz, sample_rate):
    turn = np.exp(-2j * np.pi * frequency_hz / sample_rate * np.arange(len(sound)))
    return 2 * np.abs(np.mean(np.asarray(sound) * turn))


def hand_in_two_sums(sound, frequency_hz, sample_rate):
    x, n = [float(value) for value in sound], len(sound)
    angles = [2 * math.pi * frequency_hz / sample_rate * i for i in range(n)]
    across = sum(a * math.cos(phi) for a, phi in zip(x, angles, strict=True))
    along = sum(a * math.sin(phi) for a, phi in zip(x, angles, strict=True))
    return 2 / n * math.hypot(across, along)


def spectrum_in_numpy(samples):
    window = scipy.signal.get_window("hann", len(samples))
    return 20 * np.log10(np.maximum(np.abs(np.fft.rfft(samples.numpy() * window)) * 2 / window.sum(), 1e-6))


def window_by_doubling(apart_hz, sample_rate):
    n = 4
    while n < 2 * sample_rate / apart_hz:
        n *= 2
    return n


RIGHT |= {
    "picture_of_sound-1": [hand_in_numpy, hand_in_two_sums],
    "picture_of_sound-2": [spectrum_in_numpy, lambda x: spectrum_in_numpy(x).astype(np.float32).tolist()],
    "picture_of_sound-3": [window_by_doubling, lambda d, r: torch.tensor(float(window_by_doubling(d, r)))],
}
SLIPS |= {
    "picture_of_sound-1": [
        (lambda *a: hand_in_numpy(*a) / 2, "half of it"),
        (lambda x, f, r: hand_in_numpy(x, f * 180 / math.pi, r), "degrees"),
        (lambda *a: hand_in_numpy(*a) ** 2, "a power"),
    ],
    "picture_of_sound-2": [
        (lambda x: spectrum_in_numpy(x) / 2, "for powers"),
        (lambda x: spectrum_in_numpy(x) - 20 * math.log10(2), "6 dB too low"),
        (lambda x: 10 ** (spectrum_in_numpy(x) / 20), "not yet decibels"),
    ],
    "picture_of_sound-3": [
        (lambda d, r: window_by_doubling(2 * d, r), "where two are asked for"),
        (lambda d, r: 2 * r / d, "power of two"),
        (lambda d, r: window_by_doubling(d, r) / r, "in seconds"),
    ],
}

# --- Wavetables -------------------------------------------------------------------------------------------------------


def levels_by_loop(levels, f0_hz, rate):
    rows = []
    for f in f0_hz.tolist():
        rows.append([float(a) if f > 0 and k * f < rate / 2 else 0.0 for k, a in enumerate(levels, 1)])
    return rows


def tables_by_trying(levels, error):
    u, s, v = np.linalg.svd(np.asarray(levels), full_matrices=False)
    for r in range(len(s) + 1):
        if np.linalg.norm(np.asarray(levels) - (u[:, :r] * s[:r]) @ v[:r]) <= error * np.linalg.norm(levels):
            return r
    return len(s)


def tables_by(measure, more=0):
    def needed(levels, error):
        s = np.linalg.svd(levels.numpy(), compute_uv=False)
        return int(measure(s, error)) + more

    return needed


def kept_below(limit, first=1, low=0.0):
    def masked(levels, f0_hz, rate):
        partials = f0_hz[:, None] * torch.arange(first, first + len(levels))
        return levels * ((partials > low) & (partials < limit(rate)))

    return masked


RIGHT |= {
    "wavetables-1": [
        levels_by_loop,
        lambda a, f, rate: np.where(
            (np.outer(f, np.arange(1, len(a) + 1)) < rate / 2) & (f.numpy()[:, None] > 0), a.numpy(), 0
        ),
    ],
    "wavetables-2": [
        lambda gain_db: torch.sqrt(torch.tensor(10 ** (gain_db / 20))),
        lambda gain_db: np.float32(2) ** (gain_db / (40 * math.log10(2))),
    ],
    "wavetables-3": [
        lambda w, m: w.numpy() @ np.linalg.inv(m.numpy()),
        lambda w, m: torch.linalg.solve(m.T.float(), w.T.float()).T.tolist(),
    ],
    "wavetables-4": [
        tables_by_trying,
        lambda a, e: torch.tensor(
            float((1 - torch.linalg.svdvals(a).square().cumsum(0) / a.square().sum() > e * e).sum() + 1)
        ),
    ],
}
SLIPS |= {
    "wavetables-1": [
        (kept_below(lambda rate: rate / 2, low=-1.0), "a rest (f0 = 0)"),
        (kept_below(lambda rate: rate), "the limit is Nyquist"),
        (kept_below(lambda rate: rate / 2, first=0, low=-1.0), "k counts from 1"),
        (
            lambda a, f, rate: a * (f.max() * torch.arange(1, len(a) + 1) < rate / 2).expand(len(f), -1),
            "one mask for all frames",
        ),
    ],
    "wavetables-2": [
        (lambda gain_db: 10 ** (gain_db / 20), "falls as 1 / L²"),
        (lambda gain_db: 10 ** (gain_db / 10), "10·log10 is for powers"),
        (lambda gain_db: 1 / 10 ** (gain_db / 40), "needs a longer table"),
        (lambda gain_db: gain_db / 12.04, "in octaves"),
    ],
    "wavetables-3": [
        (lambda w, m: w @ m, "the weights must undo"),
        (lambda w, m: torch.linalg.solve(m, w.T).T, "from the right"),
        (lambda w, m: w @ (1 / m), "one over each of its entries"),
        (lambda w, m: w @ m.T, "rotations only"),
    ],
    "wavetables-4": [
        (tables_by(lambda s, e: (np.cumsum(s) / s.sum() < 1 - e).sum(), 1), "adds up their squares"),
        (tables_by(lambda s, e: (np.cumsum(s**2) / (s**2).sum() < 1 - e).sum(), 1), "error², not error"),
        (lambda a, e: tables_by_trying(a, e) - 1, "one too few"),
        (lambda a, e: tables_by_trying(a, e) + 1, "one too many"),
    ],
}


# --- Other instruments: waveshaping -----------------------------------------------------------------------------


def waves_by_angle(x, k):
    return np.cos(k * np.arccos(np.clip(x.numpy(), -1, 1)))


def folded_by_steps(k, f0, rate, factor):
    f = k * f0
    while f > factor * rate / 2:
        f = abs(f - factor * rate)
    return f if f < rate / 2 else 0


def table_gradient_by_loop(n, x, grad):
    out = [0.0] * n
    for xi, gi in zip(x.tolist(), grad.tolist(), strict=True):
        place = (xi + 1) / 2 * (n - 1)
        left = min(int(place), n - 2)
        out[left] += gi * (1 - place + left)
        out[left + 1] += gi * (place - left)
    return out


def table_gradient_by_autograd(n, x, grad):
    table = torch.zeros(n, requires_grad=True)
    place = (x.float() + 1) / 2 * (n - 1)
    left = place.floor().long().clamp(max=n - 2)
    y = table[left] + (place - left) * (table[left + 1] - table[left])
    return torch.autograd.grad(y, table, grad.float())[0]


def table_gradient_to(weights):
    def slip(n, x, grad):
        place = (x + 1) / 2 * (n - 1)
        left = place.floor().clamp(max=n - 2).long()
        low, high = weights(place - left)
        out = torch.zeros(n, dtype=grad.dtype)
        return out.index_add_(0, left, grad * low).index_add_(0, left + 1, grad * high)

    return slip


RIGHT |= {
    "waveshaping-1": [waves_by_angle, lambda x, k: scipy.special.eval_chebyt(k, x.numpy()).tolist()],
    "waveshaping-2": [
        lambda t, x: np.interp(x.numpy(), np.linspace(-1, 1, len(t)), t.numpy()),
        lambda t, x: [float(np.interp(v, np.linspace(-1, 1, len(t)), t)) for v in x.tolist()],
    ],
    "waveshaping-3": [folded_by_steps, lambda *a: torch.tensor(float(folded_by_steps(*a)))],
    "waveshaping-4": [table_gradient_by_loop, table_gradient_by_autograd],
}
SLIPS |= {
    "waveshaping-1": [
        (lambda x, k: waves_by_angle(x, k - 1), "one step too few"),
        (lambda x, k: scipy.special.eval_chebyu(k, x.numpy()), "second kind"),
        (lambda x, k: torch.sin(k * torch.arccos(x)), "of a cosine that stands at"),
    ],
    "waveshaping-2": [
        (lambda t, x: t[((x.clamp(-1, 1) + 1) / 2 * (len(t) - 1) + 1e-9).floor().long()], "value to the left"),
        (
            lambda t, x: scipy.interpolate.interp1d(np.linspace(-1, 1, len(t)), t, fill_value="extrapolate")(x),
            "are held",
        ),
        (lambda t, x: t, "shape"),
    ],
    "waveshaping-3": [
        (lambda k, f, r, m: abs(k * f - m * r * round(k * f / (m * r))), "takes it away"),
        (lambda k, f, r, m: (k * f) % (m * r), "mirrored"),
        (lambda k, f, r, m: k * f, "folds back"),
    ],
    "waveshaping-4": [
        (table_gradient_to(lambda q: (q, 1 - q)), "exchanged"),
        (table_gradient_to(lambda q: (torch.ones_like(q), 0 * q)), "both get a share"),
        (lambda n, x, g: torch.zeros(n - 1), "shape"),
    ],
}


# --- Libraries ----------------------------------------------------------------------------------------------------


def squashed(level, threshold, ratio, knee, attack, release, hard=None, sign=1.0):
    gain, out = torch.zeros(()), []
    for x in level:
        over = x - threshold
        if over <= -knee / 2:
            bent = 0 * over
        elif over >= knee / 2:
            bent = over
        else:
            bent = (over + knee / 2) ** 2 / (2 * knee)
        wanted = bent / ratio - bent if hard is None else -hard(ratio) * bent
        keep = attack if wanted < gain else release
        gain = wanted + keep * (gain - wanted)
        out.append(sign * gain)
    return torch.stack(out)


def squashed_at_once(level, threshold, ratio, knee, attack, release):
    over = level.float() - threshold
    soft = over.clamp(min=0) if knee == 0 else (over.clamp(-knee / 2, knee / 2) + knee / 2) ** 2 / (2 * knee)
    wanted = (1 / ratio - 1) * (soft if knee == 0 else soft + (over - knee / 2).clamp(min=0))
    rows = [torch.zeros(1)]
    for w in wanted:
        keep = torch.where(w < rows[-1], attack, release)
        rows.append(keep * rows[-1] + (1 - keep) * w)
    return torch.cat(rows[1:])


def bands_by_loop(bands, rate):
    return [(float(a), min(float(b), 0.45 * rate)) for a, b in bands if float(a) < 0.45 * rate]


def heard_pitch(f0, weight, bias, scale=127.0):
    x = np.outer((69 + 12 * np.log2(f0.numpy() / 440)) / scale, weight.numpy()) + bias.numpy()
    return (x - x.mean(1)[:, None]) / np.sqrt(x.var(1)[:, None] + 1e-5)


def centred(magnitudes):
    taps = np.fft.fftshift(np.fft.irfft(magnitudes.numpy()))
    return taps * scipy.signal.get_window("hann", len(taps))


RIGHT |= {
    "libraries-1": [squashed, squashed_at_once],
    "libraries-2": [
        bands_by_loop,
        lambda b, r: np.minimum(b.numpy(), 0.45 * r)[b.numpy()[:, 0] < 0.45 * r],
    ],
    "libraries-3": [
        heard_pitch,
        lambda f, w, b: nn.LayerNorm(len(w), elementwise_affine=False)(
            torch.stack([(69 + 12 * torch.log2(x / 440)) / 127 * w + b for x in f]).float()
        ),
    ],
    "libraries-4": [
        lambda x, m: np.convolve(x.numpy(), centred(m)),
        lambda x, m: F.conv1d(
            F.pad(x.float(), (2 * len(m) - 3,) * 2)[None, None],
            torch.tensor(centred(m)[::-1].copy()).float()[None, None],
        )[0, 0],
    ],
}
SLIPS |= {
    "libraries-1": [
        (lambda x, t, r, k, a, b: squashed(x, t, r, k, b, b), "you give"),
        (lambda *x: squashed(*x, sign=-1.0), "the sign"),
        (lambda *x: squashed(*x, hard=lambda ratio: 1 / ratio), "1/ratio"),
        (lambda x, t, r, k, a, b: squashed(x, t, r, k, 1 - a, 1 - b), "shares to keep"),
    ],
    "libraries-2": [
        (lambda b, r: b[b[:, 0] < 0.45 * r], "keeps its upper end"),
        (lambda b, r: b.clamp(max=0.45 * r), "runs downwards or has no width"),
        (lambda b, r: bands_by_loop(b, r / 2), "not of Nyquist"),
    ],
    "libraries-3": [
        (lambda f, w, b: heard_pitch(f, w, b, scale=1.0), "without the division"),
        (lambda f, w, b: (69 + 12 * torch.log2(f / 440))[:, None] / 127 * w + b, "the norm is missing"),
        (lambda f, w, b: F.layer_norm(torch.log2(f)[:, None] / 127 * w + b, w.shape), "log2 of hertz"),
    ],
    "libraries-4": [
        (lambda x, m: np.convolve(x.numpy(), np.fft.irfft(m.numpy())), "not centred"),
        (lambda x, m: np.convolve(x.numpy(), np.fft.fftshift(np.fft.irfft(m.numpy()))), "without the window"),
        (lambda x, m: scipy.signal.convolve(x.numpy(), centred(m), mode="same"), "mode='same'"),
    ],
}


# --- Other instruments: FM -------------------------------------------------------------------------------------------


def lines_by_two_sides(ratio, values, n, turn=-1, left=lambda k: (-1) ** k, fold=True):
    out = [0.0] * (n + 1)
    for k, value in enumerate(values.tolist()):
        for line, size in {1 + k * ratio: value, 1 - k * ratio: value * (left(k) if k else 1)}.items():
            if line < 0 and fold:
                line, size = -line, turn * size
            if 0 < line <= n:
                out[line] += size
    return out[1:]


def lines_from_a_sum(ratio, values, n):
    phase = 2 * np.pi * np.arange(1024) / 1024
    k = np.arange(1 - len(values), len(values))
    sizes = values.numpy()[np.abs(k)] * np.where((k < 0) & (k % 2 == 1), -1, 1)
    wave = (sizes[:, None] * np.sin((1 + k[:, None] * ratio) * phase)).sum(0)
    return np.array([2 * (wave * np.sin(m * phase)).mean() for m in range(1, n + 1)])


def share_by_counting(begun, found, true, tolerance, limit, both=all, among=None):
    arrived = tried = 0
    for start, ends in zip(begun.tolist(), found.tolist(), strict=True):
        if start <= limit:
            tried += 1
            near = (abs(e - t) < d for e, t, d in zip(ends, true.tolist(), tolerance.tolist(), strict=True))
            arrived += both(near)
    return arrived / (among or tried)


def nearest_spectrum(target, sounds, ratios):
    spectra = np.abs(np.fft.rfft(sounds.numpy() * np.hanning(sounds.shape[-1])))
    wanted = np.abs(np.fft.rfft(target.numpy() * np.hanning(len(target))))
    return ratios.numpy()[np.abs(spectra - wanted).sum(-1).argmin()]


RIGHT |= {
    "fm-1": [lines_by_two_sides, lambda r, v, n: lines_from_a_sum(r, v, n).astype(np.float32)],
    "fm-2": [
        share_by_counting,
        lambda b, f, t, d, m: ((np.abs((f - t).numpy()) < d.numpy()).all(1) & (b <= m).numpy()).sum() / (b <= m).sum(),
    ],
    "fm-3": [nearest_spectrum, lambda t, s, r: torch.tensor([float(nearest_spectrum(t, s, r))])],
}
SLIPS |= {
    "fm-1": [
        (lambda r, v, n: lines_by_two_sides(r, v, n, fold=False), "below 0 are missing"),
        (lambda r, v, n: lines_by_two_sides(r, v, n, turn=1), "not turned over"),
        (lambda r, v, n: lines_by_two_sides(r, v, n, left=lambda k: 1), "odd lines on the left"),
    ],
    "fm-2": [
        (lambda *a: share_by_counting(*a, among=len(a[0])), "not by all"),
        (lambda *a: share_by_counting(*a, both=any), "one of the two"),
        (lambda *a: share_by_counting(*a, among=1), "between 0 and 1"),
    ],
    "fm-3": [
        (lambda t, s, r: nearest_spectrum(t, s, torch.arange(len(r))), "place in the list"),
        (lambda t, s, r: min(float(multiscale_spectral_loss(x, t)) for x in s), "loss of the best"),
        (lambda t, s, r: float(r[(s - t).abs().mean(-1).argmin()]), "compare spectra"),
    ],
}
