"""Answers to the assignment "Gain and losses" and their marks, for the tests of the grader."""

RIGHT = {
    "level-db": """
def level_db(sound):
    return torch.clamp(10 * torch.log10((sound**2).mean(dim=-1)), min=-120)
""",
    "gain-to-level": """
def gain_to_level(sound, wanted_db):
    if not sound.abs().max() > 0:
        raise ValueError("silence")
    return 10 ** ((wanted_db - float(level_db(sound))) / 20)
""",
    "gain-and-delay": """
def gain_and_delay(sound, target, max_delay):
    found = []
    for d in range(max_delay + 1):
        late = torch.cat([torch.zeros(d, dtype=sound.dtype), sound])[: len(sound)]
        g = torch.nan_to_num((late @ target) / (late @ late))
        found.append((float(((g * late - target) ** 2).sum()), float(g), d))
    return min(found)[1:]
""",
    "distance-db": """
def distance_db(prediction, target):
    def db(x):
        s = torch.fft.rfft(x * torch.hann_window(len(x), dtype=x.dtype))
        return 20 * torch.log10(torch.clamp(s.abs(), min=1e-4))
    difference = db(prediction) - db(target)
    return ((difference**2).mean() + 1e-9) ** 0.5
""",
    "fit-gain-db": """
def fit_gain_db(sound, target, lr, steps):
    p = -20.0
    for _ in range(steps):
        g = 10 ** (p / 20)
        p = p - lr * float((2 * (g * sound - target) * sound).mean()) * g * math.log(10) / 20
    return p
""",
}
WRONG = {
    "level-db": "def level_db(sound):\n    return 20 * torch.log10(sound.square().mean(-1))",
    "gain-to-level": """
def gain_to_level(sound, wanted_db):
    return 10 ** (wanted_db / 10) / (sound.abs().max() + 1e-9)
""",
    "gain-and-delay": """
def gain_and_delay(sound, target, max_delay):
    return float(target.square().mean().sqrt() / sound.square().mean().sqrt()), 0
""",
    "distance-db": """
def distance_db(prediction, target):
    a, b = (10 * torch.log10(torch.fft.rfft(x).abs()) for x in (prediction, target))
    return (a - b).square().mean().sqrt()
""",
    "fit-gain-db": """
def fit_gain_db(sound, target, lr, steps):
    g = 0.1
    for _ in range(steps):
        g = g - lr / 200 * float((2 * (g * sound - target) * sound).mean())
    return g
""",
}
UNGUARDED = """
def gain_to_level(sound, wanted_db):
    return 10 ** (wanted_db / 20) / sound.square().mean() ** 0.5
"""
ONE_AXIS = "def level_db(sound):\n    return 10 * torch.log10(sound.square().mean())"
NEVER_NEGATIVE = """
def gain_and_delay(sound, target, max_delay):
    best = None
    for d in range(max_delay + 1):
        late = torch.cat([torch.zeros(d, dtype=sound.dtype), sound])[: len(sound)]
        gain = float(target.norm() / late.norm())
        error = float((gain * late - target).square().sum())
        if best is None or error < best[0]:
            best = error, gain, d
    return best[1], best[2]
"""
BARE_ROOT = """
def distance_db(prediction, target):
    window = torch.hann_window(len(target), dtype=target.dtype)
    a, b = (20 * torch.log10(torch.fft.rfft(x * window).abs().clamp(min=1e-4)) for x in (prediction, target))
    return (a - b).square().mean().sqrt()
"""
ANSWERS = {
    "right": RIGHT,
    "partly": RIGHT | {"level-db": ONE_AXIS, "gain-and-delay": NEVER_NEGATIVE, "distance-db": BARE_ROOT},
    "half-done": {name: RIGHT[name] for name in ("level-db", "distance-db")},
    "wrong": WRONG,
}
MARKS = {"right": 17, "partly": 13, "half-done": 7, "wrong": 0}
WRONG_MESSAGES = [
    ("level-db", "def level_db(sound):\n    return 20 * torch.log10(sound.abs().amax(-1))", "the level of the peak"),
    ("level-db", WRONG["level-db"], "20·log10 to amplitude"),
    ("level-db", "def level_db(sound):\n    return 10 * torch.log(sound.square().mean(-1))", "a natural logarithm"),
    ("level-db", ONE_AXIS, "two sounds have two levels"),
    ("gain-to-level", UNGUARDED, "a silent sound should raise"),
    ("gain-and-delay", NEVER_NEGATIVE, "upside down"),
    ("distance-db", BARE_ROOT, "is NaN or infinite"),
    ("fit-gain-db", WRONG["fit-gain-db"], "this is the gain; return the parameter in dB"),
]  # fmt: skip
