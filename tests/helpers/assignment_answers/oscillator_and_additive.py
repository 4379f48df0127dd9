"""Answers to the assignment "Oscillator, frequency and additive synthesis" and their marks."""

RIGHT = {
    "vibrato": """
def vibrato_tone(f0_hz, depth_cents, rate_hz, n_samples, sample_rate):
    n = torch.arange(n_samples).double()
    cents = depth_cents * torch.sin(2 * math.pi * rate_hz * n / sample_rate)
    turns = torch.cumsum(f0_hz * 2 ** (cents / 1200) / sample_rate, 0)
    return torch.sin(2 * math.pi * torch.cat([torch.zeros(1, dtype=torch.float64), turns[:-1]]))
""",
    "melody": """
def melody(frequencies_hz, note_samples, sample_rate):
    parts, phase = [], 0.0
    for f in frequencies_hz.tolist():
        step = 2 * math.pi * f / sample_rate
        parts.append(torch.sin(phase + step * torch.arange(note_samples).double()))
        phase += step * note_samples
    return torch.cat(parts)
""",
    "landscape": """
def frequency_loss(frequencies_hz, target_hz, n_samples, sample_rate):
    t = torch.arange(n_samples) / sample_rate
    t = t.to(frequencies_hz)
    difference = torch.sin(2 * math.pi * torch.outer(frequencies_hz, t)) - torch.sin(2 * math.pi * target_hz * t)
    return (difference**2).mean(dim=1)
""",
    "find-frequency": """
def find_frequency(sound, sample_rate):
    x = sound.double()
    t = torch.arange(len(x)).double() / sample_rate
    def power(f):  # correlation with a windowed sine and cosine
        w = torch.hann_window(len(x), dtype=torch.float64) * x
        return (w @ torch.cos(2 * math.pi * f * t)) ** 2 + (w @ torch.sin(2 * math.pi * f * t)) ** 2
    bins = torch.fft.rfft(torch.hann_window(len(x), dtype=torch.float64) * x).abs()
    bins[: int(60 * len(x) / sample_rate)] = 0
    f, step = float(bins.argmax()) * sample_rate / len(x), sample_rate / len(x) / 2
    while step > 0.005:
        f = max((f - step, f, f + step), key=lambda hz: float(power(hz)))
        step /= 1.6
    return f
""",
    "bell": """
def bell(frequencies_hz, amplitudes, ring_s, n_samples, sample_rate):
    t = torch.arange(n_samples)[:, None].to(frequencies_hz) / sample_rate
    partials = amplitudes * torch.exp(-math.log(1000) * t / ring_s) * torch.sin(2 * math.pi * frequencies_hz * t)
    return torch.where(frequencies_hz < sample_rate / 2, partials, 0.0).sum(1)
""",
}
PRODUCT = """
def vibrato_tone(f0_hz, depth_cents, rate_hz, n_samples, sample_rate):
    n = torch.arange(n_samples).double()
    f = f0_hz * 2 ** (depth_cents / 1200 * torch.sin(2 * math.pi * rate_hz * n / sample_rate))
    return torch.sin(2 * math.pi * f * n / sample_rate)
"""
NO_TWO_PI = """
def vibrato_tone(f0_hz, depth_cents, rate_hz, n_samples, sample_rate):
    n = torch.arange(n_samples).double()
    return torch.sin(f0_hz * 2 ** (depth_cents / 1200 * torch.sin(rate_hz * n / sample_rate)) * n / sample_rate)
"""
SINGLE = """
def vibrato_tone(f0_hz, depth_cents, rate_hz, n_samples, sample_rate):
    n = torch.arange(n_samples)
    f = f0_hz * 2 ** (depth_cents / 1200 * torch.sin(2 * math.pi * rate_hz * n / sample_rate))
    steps = 2 * math.pi * f.float() / sample_rate
    return torch.sin(torch.cumsum(steps, 0) - steps)
"""
RESET = """
def melody(frequencies_hz, note_samples, sample_rate):
    t = torch.arange(note_samples).double() / sample_rate
    return torch.cat([torch.sin(2 * math.pi * f * t) for f in frequencies_hz])
"""
NEAREST_BIN = """
def find_frequency(sound, sample_rate):
    return int(torch.fft.rfft(sound).abs().argmax()) * sample_rate / len(sound)
"""
FOLDING = """
def bell(frequencies_hz, amplitudes, ring_s, n_samples, sample_rate):
    t = torch.arange(n_samples).to(frequencies_hz) / sample_rate
    envelopes = amplitudes[:, None] * 10 ** (-3 * t / ring_s[:, None])
    return (envelopes * torch.sin(2 * math.pi * frequencies_hz[:, None] * t)).sum(0)
"""
WRONG = {
    "vibrato": NO_TWO_PI,
    "melody": RESET,
    "landscape": """
def frequency_loss(frequencies_hz, target_hz, n_samples, sample_rate):
    t = torch.arange(n_samples) / sample_rate
    sines = torch.sin(2 * math.pi * frequencies_hz[:, None] * t)
    return (sines - torch.sin(2 * math.pi * target_hz * t)).square().mean()
""",
    "find-frequency": """
def find_frequency(sound, sample_rate):
    return int(torch.fft.rfft(sound).abs().argmax()) * sample_rate / len(sound) / 2
""",
    "bell": """
def bell(frequencies_hz, amplitudes, ring_s, n_samples, sample_rate):
    t = torch.arange(n_samples) / sample_rate
    envelopes = amplitudes[:, None].detach() * 10 ** (-1.5 * t / ring_s[:, None])
    return envelopes * torch.sin(2 * math.pi * frequencies_hz[:, None] * t)
""",
}
ANSWERS = {
    "right": RIGHT,
    "partly": RIGHT | {"vibrato": PRODUCT, "melody": RESET, "bell": FOLDING},
    "half-done": {name: RIGHT[name] for name in ("vibrato", "landscape")},
    "wrong": WRONG,
}
MARKS = {"right": 18, "partly": 12, "half-done": 7, "wrong": 0}
WRONG_MESSAGES = [
    ("vibrato", PRODUCT, "has to be summed"),
    ("vibrato", NO_TWO_PI, "2π is missing"),
    ("vibrato", SINGLE, "use float64"),
    ("melody", RESET, "the phase starts anew"),
    ("landscape", WRONG["landscape"], "37 frequencies have 37 losses"),
    ("find-frequency", WRONG["find-frequency"], "an octave off"),
    ("find-frequency", NEAREST_BIN, "refine it"),
    ("bell", FOLDING, "fold down"),
]
