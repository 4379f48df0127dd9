"""The wiring of an FM synthesizer as a line of text, "3>2>1, 5>4": who bends whose phase, and who is heard."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple


class FmPatch(NamedTuple):
    """A wiring, read. Operators are numbered from 1, as on the synthesizers that had them.

    Attributes:
        modulators: for operator 1, 2, …, the others whose output is added to its phase.
        feedback: the operators that modulate themselves.
        carriers: those that are heard, since they modulate no other.
        order: all of them, modulators before what they modulate: the order in which they can be computed.

    Chapter: book/other_instruments/fm.ipynb

    >>> parse_patch("3>2>1, 5>4").carriers
    (1, 4)
    """

    modulators: tuple[tuple[int, ...], ...]
    feedback: tuple[int, ...]
    carriers: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def n_operators(self) -> int:
        """How many operators there are."""
        return len(self.modulators)

    def targets(self, operator: int) -> tuple[int, ...]:
        """The operators that this one modulates, itself included where it has feedback."""
        others = tuple(i for i, sources in enumerate(self.modulators, 1) if operator in sources)
        return (*others, operator) if operator in self.feedback else others


class FmVoice(NamedTuple):
    """A patch with the ratios that belong to it.

    patch: its text. ratios: of operators 1, 2, …, frequency over f0.

    >>> FmVoice("2>1", (1, 3)).ratios
    (1, 3)
    """

    patch: str
    ratios: tuple[float, ...]


# "pair" is Chowning's: one carrier, one modulator. "trio": three of them that carry harmonics 1, 2 and 4. The rest are
# three sounds of the DX7 as Caspe et al. route them, each without its feedback.
PATCHES = {
    "pair": FmVoice("2>1", (1.0, 1.0)),
    "trio": FmVoice("4>1, 5>2, 6>3", (1.0, 2.0, 4.0, 1.0, 1.0, 1.0)),
    "strings": FmVoice("6>5>4>3, 2>1", (1.0, 1.0, 1.0, 1.0, 3.0, 14.0)),
    "flute": FmVoice("6>5>1, 4>3>1, 2>1", (1.0, 1.0, 1.0, 2.0, 2.0, 1.5)),
    "brass": FmVoice("6>5>4>1, 3>1, 2>1", (1.0, 1.0, 1.0, 1.0, 3.2, 8.5)),
}


def parse_patch(patch: str | FmPatch) -> FmPatch:
    """Read the wiring of operators.

    Args:
        patch: chains of operators with commas between them. An arrow modulates ("2>1": operator 2 bends the phase of
            1), an operator that modulates no other is heard, "6>6" is feedback, "1, 2" are two that leave each other
            alone. What is read already is returned as it is.

    Returns:
        FmPatch.

    Raises:
        ValueError: no operators, something that is no number, numbers with gaps, an arrow given twice, a loop through
            more than one operator.

    Source: Chowning, The synthesis of complex audio spectra by means of frequency modulation, 1973. Chapter:
    book/other_instruments/fm.ipynb

    >>> parse_patch("3>2>1, 5>4, 5>5").modulators
    ((2,), (3,), (), (5,), ())
    """
    if isinstance(patch, FmPatch):
        return patch
    if not isinstance(patch, str):
        raise ValueError(f'patch must be text such as "3>2>1, 5>4"; got {patch!r:.80}')
    chains = [[_operator(name, patch) for name in chain.split(">")] for chain in patch.split(",")]
    arrows = [arrow for chain in chains for arrow in pairwise(chain)]
    there = {operator for chain in chains for operator in chain}
    missing = sorted(set(range(1, max(there) + 1)) - there)
    if missing:
        raise ValueError(
            f"the operators of a patch must be numbered 1, 2, … without gaps; {patch!r} has {max(there)} but not "
            f"{', '.join(map(str, missing))}. Number them anew"
        )
    twice = sorted({arrow for arrow in arrows if arrows.count(arrow) > 1})
    if twice:
        raise ValueError(
            f"each arrow must be given once; {patch!r} has {twice[0][0]}>{twice[0][1]} twice. Leave one out"
        )
    modulators = tuple(
        tuple(sorted(a for a, b in arrows if b == operator and a != operator)) for operator in sorted(there)
    )
    carriers = tuple(o for o in sorted(there) if not any(a == o and b != o for a, b in arrows))
    feedback = tuple(sorted(a for a, b in arrows if a == b))
    return FmPatch(modulators, feedback, carriers, _ordered(modulators, patch))


def _operator(name: str, patch: str) -> int:
    """The number of an operator."""
    word = name.strip()
    if not (word.isascii() and word.isdigit() and int(word) > 0):
        got = f"{word!r} in {patch!r}" if word else f"an empty place in {patch!r}"
        raise ValueError(f'a patch must be operators 1, 2, … with ">" or "," between them, as "3>2>1, 5>4"; got {got}')
    if int(word) > 64:
        raise ValueError(f"a patch may have 64 operators; got operator {word} in {patch!r}. Number them 1, 2, …")
    return int(word)


def _ordered(modulators: tuple[tuple[int, ...], ...], patch: str) -> tuple[int, ...]:
    """All operators, modulators first."""
    order: list[int] = []
    left = list(range(len(modulators), 0, -1))
    while left:
        ready = [o for o in left if all(m in order for m in modulators[o - 1])]
        if not ready:
            raise ValueError(
                f"a patch may loop from an operator onto itself only (6>6, feedback); in {patch!r} the operators "
                f"{', '.join(map(str, sorted(left)))} wait for each other. Take one arrow out"
            )
        order += ready
        left = [o for o in left if o not in ready]
    return tuple(order)
