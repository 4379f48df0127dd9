"""Answers to the assignment "How a note is played" and their marks."""

RIGHT = {
    "fluctuation": """
def fluctuation(amplitude):
    levels = 20 * np.log10(np.maximum(np.asarray(amplitude, dtype=float), 1e-7))
    return float(np.std(levels)) / 24
""",
    "centre": """
def centre_of(amplitude):
    n = len(amplitude)
    weights = amplitude**2 + 1e-20
    return (weights * torch.linspace(0.5 / n, 1 - 0.5 / n, n).to(amplitude)).sum() / weights.sum()
""",
    "vibrato": """
def vibrato_of(f0_hz, frame_rate):
    f0 = np.asarray(f0_hz, dtype=float)
    t = np.arange(len(f0))[f0 > 0] / frame_rate
    cents = 1200 * np.log2(f0[f0 > 0])
    def at(rate):
        basis = np.stack([np.ones_like(t), t, np.sin(2 * np.pi * rate * t), np.cos(2 * np.pi * rate * t)], 1)
        found = np.linalg.lstsq(basis, cents, rcond=None)[0]
        return np.sum((basis @ found - cents) ** 2), np.hypot(found[2], found[3])
    rate = min(np.arange(3, 9, 0.02), key=lambda r: at(r)[0])
    return float(rate), float(at(rate)[1])
""",
    "attack": """
def attack_ms(amplitude, frame_rate):
    if amplitude.max() == 0:
        return 0.0
    share = amplitude / amplitude.max()
    start, end = ((share >= level).int().argmax() for level in (0.1, 0.9))
    return float(end - start) / frame_rate * 1000
""",
    "crescendo": """
def crescendo(expression, onsets_s, from_db, to_db):
    way = (onsets_s - onsets_s[0]) / (onsets_s[-1] - onsets_s[0]).clamp(min=1e-9)
    volume = (from_db + way * (to_db - from_db) + 90) / 60
    return torch.cat([volume[:, None], expression[:, 1:]], dim=1)
""",
    "two-performances": """
def two_performances(notes):
    shy, bold = torch.full((len(notes), 6), 0.5), torch.full((len(notes), 6), 0.5)
    shy[:, 0], bold[:, 0] = 0.65, 1.05
    shy[:, 1], bold[:, 1] = 0.2, 0.2
    shy[:, 3], bold[:, 3] = 0.0, 1.0
    shy[:, 4], bold[:, 4] = 0.2, 0.4
    return shy, bold
""",
}
OF_SAMPLE = "def fluctuation(amplitude):\n    return (20 * torch.log10(amplitude.clamp(min=1e-7))).std() / 24"
OF_AMPLITUDE = "def fluctuation(amplitude):\n    return amplitude.std(correction=0) / amplitude.mean()"
UNFLOORED = "def fluctuation(amplitude):\n    return (20 * torch.log10(amplitude)).std(correction=0) / 24"
HARD_PEAK = "def centre_of(amplitude):\n    return (amplitude.argmax() + 0.5) / len(amplitude)"
BY_AMPLITUDE = """
def centre_of(amplitude):
    where = (torch.arange(len(amplitude)).to(amplitude) + 0.5) / len(amplitude)
    return (amplitude * where).sum() / amplitude.sum()
"""
BY_SPECTRUM = """
def vibrato_of(f0_hz, frame_rate):
    cents = 1200 * torch.log2(f0_hz.double() / f0_hz.double().mean())
    cents = cents - cents.mean()
    spectrum = torch.fft.rfft(cents, 8192).abs()
    peak = int(spectrum.argmax())
    return peak * frame_rate / 8192, 2 * float(spectrum[peak]) / len(cents)
"""
PEAK_TO_PEAK = RIGHT["vibrato"].replace("float(at(rate)[1])", "2 * float(at(rate)[1])")
IN_FRAMES = RIGHT["attack"].replace(" / frame_rate * 1000", "")
BY_NUMBER = """
def crescendo(expression, onsets_s, from_db, to_db):
    table = expression.clone()
    table[:, 0] = (torch.linspace(from_db, to_db, len(onsets_s)) + 90) / 60
    return table
"""
TIMID = RIGHT["two-performances"].replace("0.65, 1.05", "0.9, 1.0")
WRONG = {
    "fluctuation": "def fluctuation(amplitude):\n    return (10 * torch.log10(amplitude + 1e-3)).max() / 24",
    "centre": "def centre_of(amplitude):\n    return amplitude.argmax() / len(amplitude)",
    "vibrato": "def vibrato_of(f0_hz, frame_rate):\n    return 5.5, float((f0_hz.max() - f0_hz.min()) / 2)",
    "attack": """
def attack_ms(amplitude, frame_rate):
    return float((amplitude < 0.9).sum())
""",
    "crescendo": """
def crescendo(expression, onsets_s, from_db, to_db):
    expression[:, 0] = 10 ** (torch.linspace(from_db, to_db, len(onsets_s)) / 20)
    return expression
""",
    "two-performances": """
def two_performances(notes):
    return torch.full((len(notes), 6), 0.2), torch.full((len(notes), 6), 2.0)
""",
}
ANSWERS = {
    "right": RIGHT,
    "partly": RIGHT | {"fluctuation": UNFLOORED, "vibrato": BY_SPECTRUM, "crescendo": BY_NUMBER},
    "half-done": {name: RIGHT[name] for name in ("fluctuation", "centre", "attack")},
    "wrong": WRONG,
}
MARKS = {"right": 20, "partly": 13, "half-done": 9, "wrong": 0}
WRONG_MESSAGES = [
    ("fluctuation", OF_SAMPLE, "number of frames less one"),
    ("fluctuation", UNFLOORED, "no infinity"),
    ("centre", HARD_PEAK, "a steady note's centre is its middle"),
    ("centre", BY_AMPLITUDE, "the weights are the power"),
    ("vibrato", BY_SPECTRUM, "the glide is not vibrato"),
    ("vibrato", PEAK_TO_PEAK, "not from peak to peak"),
    ("attack", IN_FRAMES, "this counts frames"),
    ("crescendo", BY_NUMBER, "the line is over time"),
    ("two-performances", TIMID, "12 in each note are asked for"),
]
