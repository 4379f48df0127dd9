"""One instrument, any tone: the synthesizer of an instrument by its name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, get_args

from course_lib.synths.tone import HarmonicPart, PitchedPart

ToneName = Literal["harmonic", "wavetable", "newt", "fm"]
TONES: tuple[str, ...] = get_args(ToneName)
# The usual settings of each; a trained instrument stores its own.
SETTINGS: dict[str, dict[str, Any]] = {
    "harmonic": {},
    "wavetable": {"n_tables": 10},
    "newt": {"n_shapers": 8, "oversampling": 2},
    "fm": {"patch": "4>1, 5>2, 6>3", "ratios": [1.0, 2.0, 4.0, 1.0, 1.0, 1.0], "max_index": 4.0},
}


def make_tone(name: ToneName, *, n_harmonics: int = 60, **settings: object) -> PitchedPart:
    """A new pitched part; those that learn are modules, their weights drawn with the global seed of PyTorch.

    Args:
        name: "harmonic", the harmonic synthesizer, which learns nothing itself; "wavetable", "newt" or "fm".
        n_harmonics: of the sound, of the tables, of what is shaped; FM has none to count.
        settings: what else the part takes: `WavetableTone`, `NewtTone`, `FmTone`.

    Raises:
        ValueError: an unknown name, a setting that the part does not have.

    Chapter: book/tone_transfer/decoder.ipynb

    >>> make_tone("harmonic", n_harmonics=40).n_raw
    41
    """
    if name not in TONES:
        raise ValueError(f"tone must be one of {', '.join(TONES)}; got {name!r}")
    settings = {**SETTINGS[name], **settings}
    if unknown := sorted(set(settings) - set(SETTINGS[name])):
        raise ValueError(f"the tone {name!r} has no setting {unknown[0]!r}; it has {sorted(SETTINGS[name]) or 'none'}")
    if name != "fm":  # which has operators, and no harmonics to count
        settings["n_harmonics"] = n_harmonics
    part: Callable[..., PitchedPart] = HarmonicPart
    if name != "harmonic":  # read only where it is asked for
        part = getattr(import_module(f"course_lib.synths.tones.{name}"), f"{name.capitalize()}Tone")
    return part(**settings)
