"""What a figure's Python file is made of: the fields of its state with their ranges, and the kind itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DIGITS = 6  # decimals kept in the page: more than a slider can set, and the same text on every machine
FLAC = "ZkxhQ"  # how a FLAC file begins in base64: its first four bytes are "fLaC"
State = Mapping[str, Any]


@dataclass(frozen=True)
class Number:
    """A number with its range, both ends included."""

    default: float
    low: float
    high: float
    whole: bool = False

    def check(self, value: Any, name: str) -> float:
        """Return the value, rounded for the page, or raise ValueError."""
        rule = f"{name} must be a {'whole ' if self.whole else ''}number from {self.low:g} to {self.high:g}"
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{rule}; got {value!r}") from error
        if isinstance(value, (bool, str)) or not self.low <= number <= self.high:  # NaN fails as well
            raise ValueError(f"{rule}; got {value!r}")
        if self.whole and number != int(number):
            raise ValueError(f"{rule}; got {value!r}")
        return int(number) if self.whole else round(number, DIGITS)

    def for_page(self) -> dict[str, Any]:
        """What a slider of the page needs to know."""
        return {"min": self.low, "max": self.high} | ({"whole": True} if self.whole else {})


@dataclass(frozen=True)
class Choice:
    """One of a few words, numbers or truth values."""

    default: str | int
    options: tuple[str | int, ...]

    def check(self, value: Any, name: str) -> str | int:
        """Return the option that equals the value, or raise ValueError."""
        for option in self.options:
            plain = isinstance(value, (str, int, float)) and isinstance(value, bool) == isinstance(option, bool)
            if plain and value == option:
                return option
        raise ValueError(f"{name} must be one of {', '.join(map(repr, self.options))}; got {value!r}")

    def for_page(self) -> dict[str, Any]:
        """What the buttons of the page need to know; their words are the page's."""
        return {"options": self.options}


@dataclass(frozen=True)
class Numbers:
    """A fixed count of numbers, one range for all."""

    default: tuple[float, ...]
    low: float
    high: float
    whole: bool = False

    def check(self, value: Any, name: str) -> list[float]:
        """Return a list, rounded for the page, or raise ValueError."""
        rule = f"{name} must be {len(self.default)} numbers from {self.low:g} to {self.high:g}"
        try:
            values = [float(v) for v in value]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{rule}; got {value!r:.80}") from error
        bad = [v for v in values if not self.low <= v <= self.high]
        if len(values) != len(self.default) or bad:
            raise ValueError(f"{rule}; got {f'{bad[0]:g} among them' if bad else f'{len(values)} numbers'}")
        return [int(v) if self.whole else round(v, DIGITS) for v in values]

    def for_page(self) -> dict[str, Any]:
        """What a slider of one of the numbers needs to know."""
        return {"min": self.low, "max": self.high} | ({"whole": True} if self.whole else {})


@dataclass(frozen=True)
class Recordings:
    """A fixed count of sounds, FLAC as base64 (`kit.data.as_flac`).

    The page holds them once, as plain players of the kind's fallback: `<audio data-field='…' src='data:audio/…'>`.
    """

    default: tuple[str, ...]

    def check(self, value: Any, name: str) -> list[str]:
        """Return a list of texts, or raise ValueError."""
        given = list(value) if isinstance(value, (list, tuple)) else []
        if len(given) != len(self.default) or not all(isinstance(v, str) and v.startswith(FLAC) for v in given):
            raise ValueError(f"{name} must be {len(self.default)} FLAC sounds as base64 texts; got {value!r:.80}")
        return given

    def for_page(self) -> dict[str, Any]:
        """Nothing: they have no slider."""
        return {}


@dataclass(frozen=True)
class Kind:
    """What Python knows of a kind of figure.

    title, about: what is read above the figure, and where no script runs. fields: its state. twin: the function that
    computes, with this library, what the script's `compute` computes from a state. play_db: gain at which all its
    sounds are played, which the figure states, dB; chosen so that they begin near −20 dB active RMS, and fixed, so that
    a slider that makes a sound louder is heard to do so. level_is_taught: why some of them lie elsewhere. data: what a
    network learned or heard, by the names under which the script imports it. derived: state that follows from the rest.
    fallback: more HTML for where no script runs.
    """

    title: str
    about: str
    fields: Mapping[str, Number | Choice | Numbers | Recordings]
    twin: Callable[[State], dict[str, Any]]
    play_db: float = 0.0
    level_is_taught: str = ""
    data: Callable[[], Mapping[str, Any]] | None = None
    derived: Mapping[str, Callable[[State], Any]] = field(default_factory=dict)
    fallback: Callable[[State], str] | None = None
