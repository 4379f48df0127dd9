"""The wiring of operators as text: what is read from it, the patches of the table, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import course_lib as cl
from course_lib.synths.fm_patch import PATCHES


def test_a_patch_is_read() -> None:
    patch = cl.parse_patch(" 3>2>1,5 > 4 , 3>3")
    assert patch.modulators == ((2,), (3,), (), (5,), ())
    assert patch.carriers == (1, 4) and patch.feedback == (3,) and patch.n_operators == 5
    assert patch.targets(3) == (2, 3) and patch.targets(1) == ()
    assert cl.parse_patch(patch) is patch
    assert cl.parse_patch("1, 2").carriers == (1, 2)
    assert cl.parse_patch("1>1").carriers == (1,)  # feedback alone: nobody else follows it
    assert cl.parse_patch("2>2>1") == cl.parse_patch("2>1, 2>2")


@given(st.lists(st.integers(0, 7), min_size=1, max_size=8))
def test_modulators_come_before_what_they_modulate(targets: list[int]) -> None:
    """Operator i + 1 modulates some operator below it, or nobody."""
    chains = [f"{i + 1}>{min(t, i - 1) + 1}" if i and t < 7 else f"{i + 1}" for i, t in enumerate(targets)]
    patch = cl.parse_patch(", ".join(chains))
    assert sorted(patch.order) == list(range(1, len(targets) + 1))
    for operator, sources in enumerate(patch.modulators, 1):
        assert all(patch.order.index(s) < patch.order.index(operator) for s in sources)
        assert (operator in patch.carriers) == (not patch.targets(operator))


def test_the_patches_of_the_table_are_wired_as_published() -> None:
    carriers = {name: cl.parse_patch(voice.patch).carriers for name, voice in PATCHES.items()}
    assert carriers == {"pair": (1,), "trio": (1, 2, 3), "strings": (1, 3), "flute": (1,), "brass": (1,)}
    assert PATCHES["strings"].ratios == (1, 1, 1, 1, 3, 14)
    assert PATCHES["flute"].ratios == (1, 1, 1, 2, 2, 1.5)
    assert PATCHES["brass"].ratios == (1, 1, 1, 1, 3.2, 8.5)
    assert cl.parse_patch(PATCHES["flute"].patch).modulators == ((2, 3, 5), (), (4,), (), (6,), ())
    for patch, ratios in PATCHES.values():
        assert len(ratios) == cl.parse_patch(patch).n_operators


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("", "got an empty place in ''"),
        ("2>1,", "got an empty place"),
        ("2>>1", "got an empty place"),
        ("2->1", "got '2-' in"),
        ("b>a", "got 'b' in"),
        ("0>1", "got '0' in"),
        ("3>1", "has 3 but not 2. Number them anew"),
        ("900>1", "may have 64 operators; got operator 900"),
        ("2>1, 2>1", "has 2>1 twice. Leave one out"),
        ("2>1>2", "the operators 1, 2 wait for each other. Take one arrow out"),
        ("3>2>1, 1>3, 4", "the operators 1, 2, 3 wait for each other"),
        (3, "must be text such as"),
    ],
)
def test_what_cannot_be_wired_is_refused(patch: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        cl.parse_patch(patch)
