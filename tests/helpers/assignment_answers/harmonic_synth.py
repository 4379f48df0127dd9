"""Answers to the assignment "A harmonic synthesizer for a new sound" and their marks."""

RIGHT = {
    "soft-mask": """
def soft_mask(f0_hz, n_harmonics, sample_rate, width_hz):
    frequencies = torch.outer(f0_hz, torch.arange(1, n_harmonics + 1).to(f0_hz))
    mask = torch.clamp((sample_rate / 2 - frequencies) / width_hz, 0.0, 1.0)
    mask[f0_hz == 0] = 0.0
    return mask
""",
    "shares": """
def shares(weights, mask):
    masked = weights * mask
    return masked / masked.sum(-1, keepdim=True).clamp(min=1e-30)
""",
    "harmonics-of": """
def harmonics_of(sound, f0_hz, n_harmonics, sample_rate):
    x, n = sound.double().numpy(), np.arange(len(sound))
    k = [k for k in range(1, n_harmonics + 1) if k * f0_hz < sample_rate / 2]
    angle = 2 * np.pi * f0_hz * np.outer(n, k) / sample_rate
    found = np.linalg.lstsq(np.hstack([np.cos(angle), np.sin(angle)]), x, rcond=None)[0].reshape(2, -1)
    return torch.from_numpy(np.pad(np.sqrt((found**2).sum(0)), (0, n_harmonics - len(k))))
""",
    "tilt": """
def tilt_db_per_octave(amplitudes):
    a = np.asarray(amplitudes, dtype=float)
    k = np.flatnonzero(a > 1e-5) + 1
    return float(np.polyfit(np.log2(k), 20 * np.log10(a[k - 1]), 1)[0]) if len(k) > 1 else 0.0
""",
    "controls-of": """
def controls_of(sound, f0_hz, n_harmonics, n_frames, sample_rate):
    reach = int(2.5 * sample_rate / f0_hz)
    at = [round(i * len(sound) / n_frames) for i in range(n_frames)]
    rows = [harmonics_of(sound[max(0, m - reach) : m + reach], f0_hz, n_harmonics, sample_rate) for m in at]
    table = torch.stack(rows)
    return table.sum(1), table / table.sum(1, keepdim=True)
""",
}
BY_DESCENT = """
def controls_of(sound, f0_hz, n_harmonics, n_frames, sample_rate):
    from course_lib import HarmonicSynth, fit
    model = HarmonicSynth(torch.full((n_frames,), f0_hz), n_harmonics, n_samples=len(sound), sample_rate=sample_rate)
    fit(model, sound, multiscale_spectral_loss, steps=100, lr=0.05)
    controls = model.controls()
    return controls.amplitude.detach(), controls.distribution.detach()
"""
ON_AVERAGE = """
def controls_of(sound, f0_hz, n_harmonics, n_frames, sample_rate):
    found = harmonics_of(sound, f0_hz, n_harmonics, sample_rate)
    return found.sum().expand(n_frames), (found / found.sum()).expand(n_frames, n_harmonics)
"""
HARD = """
def soft_mask(f0_hz, n_harmonics, sample_rate, width_hz):
    return (f0_hz[:, None] * torch.arange(1, n_harmonics + 1) < sample_rate / 2).float()
"""
TURNED = """
def soft_mask(f0_hz, n_harmonics, sample_rate, width_hz):
    k = torch.arange(1, n_harmonics + 1)[:, None]
    return torch.clamp((sample_rate / 2 - f0_hz * k) / width_hz, 0.0, 1.0) * (f0_hz > 0)
"""
NO_RULE = "def shares(weights, mask):\n    return weights * mask / (weights * mask).sum(-1, keepdim=True)"
ONE_BRANCH = """
def shares(weights, mask):
    total = (weights * mask).sum(-1, keepdim=True)
    return torch.where(total > 0, weights * mask / total, 0.0)
"""
MASK_LAST = "def shares(weights, mask):\n    return mask * weights / weights.sum(-1, keepdim=True).clamp(min=1e-9)"
SINES_ONLY = """
def harmonics_of(sound, f0_hz, n_harmonics, sample_rate):
    n = torch.arange(len(sound)).double()
    sines = torch.sin(2 * math.pi * f0_hz * torch.outer(torch.arange(1, n_harmonics + 1).double(), n) / sample_rate)
    return 2 * (sines @ sound.double()).abs() / len(sound)
"""
ONE_BY_ONE = """
def harmonics_of(sound, f0_hz, n_harmonics, sample_rate):
    n, k = torch.arange(len(sound)).double(), torch.arange(1, n_harmonics + 1).double()
    waves = torch.exp(-2j * math.pi * f0_hz * torch.outer(k, n) / sample_rate)
    return 2 * (waves @ sound.to(torch.complex128)).abs() / len(sound) * (k * f0_hz < sample_rate / 2)
"""
PER_DECADE = """
def tilt_db_per_octave(amplitudes):
    a = np.asarray(amplitudes, dtype=float)
    k = np.flatnonzero(a > 1e-5) + 1
    return float(np.polyfit(np.log10(k), 20 * np.log10(a[k - 1]), 1)[0]) if len(k) > 1 else 0.0
"""
OF_POWER = RIGHT["tilt"].replace("20 * np.log10", "10 * np.log10")
WRONG = {
    "soft-mask": HARD,
    "shares": "def shares(weights, mask):\n    return torch.softmax(weights * mask, -1)",
    "harmonics-of": SINES_ONLY,
    "tilt": "def tilt_db_per_octave(amplitudes):\n    return float(20 * np.log10(amplitudes[1] / amplitudes[0]) / 2)",
    "controls-of": """
def controls_of(sound, f0_hz, n_harmonics, n_frames, sample_rate):
    level = sound.abs().max().expand(n_frames)
    return level, torch.eye(n_harmonics)[0].expand(n_frames, n_harmonics)
""",
}
ANSWERS = {
    "right": RIGHT,
    "by-descent": RIGHT | {"controls-of": BY_DESCENT},
    "partly": RIGHT | {"shares": ONE_BRANCH, "harmonics-of": ONE_BY_ONE, "controls-of": ON_AVERAGE},
    "half-done": {name: RIGHT[name] for name in ("soft-mask", "shares", "tilt")},
    "wrong": WRONG,
}
MARKS = {"right": 19, "by-descent": 19, "partly": 12, "half-done": 10, "wrong": 0}
WRONG_MESSAGES = [
    ("soft-mask", TURNED, "axes are transposed"),
    ("soft-mask", HARD, "0 Hz is a rest"),
    ("shares", NO_RULE, "0 / 0 is NaN"),
    ("shares", ONE_BRANCH, "torch.where keeps both branches"),
    ("shares", MASK_LAST, "mask first, then divide"),
    ("harmonics-of", SINES_ONLY, "use cosines too"),
    ("harmonics-of", ONE_BY_ONE, "project on all at once"),
    ("tilt", PER_DECADE, "an octave is a factor of 2"),
    ("tilt", OF_POWER, "these are amplitudes"),
    ("controls-of", ON_AVERAGE, "0.15 is asked for"),
]
