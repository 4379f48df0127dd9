"""What a type checker sees of the library: right calls pass, mistakes are found at their lines."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import course_lib
from course_lib.core import envelopes
from course_lib.effects import biquads, recursion
from course_lib.fitting.frequency import remedies
from course_lib.fitting.losses import frequency
from course_lib.kernels import method
from course_lib.midi_ddsp import note_controls
from tests.helpers import ROOT

CALLER = ROOT / "tests" / "helpers" / "typed_caller.py"
ROOMS = "core kernels effects synths sounds analysis scores fitting training tone_transfer midi_ddsp display".split()
# Where a value may be of any type. A dict of JSON, `dict[str, Any]`, may be anywhere.
OPEN = {
    "core.checks.check_eager": "tensors and what is none, which it skips",
    "core.networks.check_instruments": "a configuration of any network",
    "display.plots.axes.labelled": "what is drawn, a sound as well as a list of notes",
    "display.live.LiveFigure.widget": "an object of a package that need not be there",
    "display.upload": "widgets of a package without types",
    "kernels.compiled.Loop": "a loop over whatever arrays it was written for",
    "synths.tone": "a pitched part brings its own controls and its own state",
    "synths.tone_stream": "the same",
    "tone_transfer.exporting.graph.Graph": "an operator's operands and attributes",
    "tone_transfer.exporting.program.scan": "a loop over trees of tensors, as PyTorch has it",
    "training.checkpoints": "a network of any kind, with its own configuration",
}
# Two plain numbers by position, each where its place says what it is.
IN_ORDER = {
    "core.checks.check_count": "a value, then what it is compared with",
    "core.units.exp_sigmoid": "in the order of the paper's formula",
    "analysis.loudness.loudness_db": "a rate in Hz and a hop in s: one that is taken for the other is refused",
    "analysis.pitch.estimate_f0": "the same",
    "analysis.tracking.track_f0": "the same",
    "fitting.fit.fit": "steps, then their length",
    "tone_transfer.exporting.graph.Value.cut": "an axis, then what a slice has",
}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """Line → what `mypy --strict` says of a caller elsewhere, who has the library as an installed package."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / CALLER.name).write_text(CALLER.read_text(encoding="utf-8"), encoding="utf-8")
    words = ["--strict", "--python-version", "3.11", "--no-error-summary", "--hide-error-context", "--no-pretty"]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache" / "caller")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", os.devnull, *words, *cache, CALLER.name],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MYPYPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(\S+?):(\d+): error: (.*)$", done.stdout, re.M)
    assert {file for file, _, _ in found} <= {CALLER.name}, done.stdout
    return {int(line): text for _, line, text in found}


def marked() -> set[int]:
    lines = CALLER.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if "  # wrong: " in line}


def test_right_calls_are_clean(complaints: dict[int, str]) -> None:
    assert {line: text for line, text in complaints.items() if line not in marked()} == {}


def test_every_planted_mistake_is_found_at_its_line(complaints: dict[int, str]) -> None:
    assert len(marked()) >= 20
    assert marked() - complaints.keys() == set()


def test_the_right_calls_run() -> None:
    """They are no invention: all that draws, plays and trains included."""
    from tests.helpers import typed_caller

    assert typed_caller.right().isfinite().all()


def functions(owner: Any, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """A public function, or the public methods of a public class, which its own code defines."""
    if inspect.isfunction(owner):
        yield name, owner
    elif inspect.isclass(owner):
        for key, value in vars(owner).items():
            value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            own = inspect.isfunction(value) and value.__module__.startswith("course_lib")
            if own and (not key.startswith("_") or key in ("__init__", "__call__")):
                yield f"{name}.{key}", value


@pytest.mark.parametrize("name", course_lib.__all__)
def test_a_public_name_says_all_its_types(name: str) -> None:
    for where, function in functions(getattr(course_lib, name), name):
        signature = inspect.signature(function)
        types = {p.name: p.annotation for p in signature.parameters.values() if p.name not in ("self", "cls")}
        types["return"] = signature.return_annotation
        for argument, kind in types.items():
            assert kind is not inspect.Parameter.empty, f"{where}: {argument} has no type"
            assert not re.search(r"\bAny\b", str(kind)), f"{where}: {argument} is {kind}"


def definitions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every public function and method of the rooms, by its place."""
    for path in (path for room in ROOMS for path in sorted((ROOT / "course_lib" / room).rglob("*.py"))):
        place = ".".join(path.relative_to(ROOT / "course_lib").with_suffix("").parts).removesuffix(".__init__")
        if place.startswith(("display.figures", "kernels.loops")):
            continue  # scripts' twins, and loops whose types Numba finds
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        for owner in (tree, *classes):
            for node in owner.body:
                if isinstance(node, ast.FunctionDef) and (node.name in ("__init__", "__call__") or node.name[0] != "_"):
                    yield ".".join([place, *([owner.name] if isinstance(owner, ast.ClassDef) else []), node.name]), node


def within(place: str, named: dict[str, str]) -> bool:
    return any(place == name or place.startswith(f"{name}.") for name in named)


def arguments(node: ast.FunctionDef) -> list[ast.arg]:
    a = node.args
    return [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]


def test_any_is_a_type_only_where_any_is_meant() -> None:
    used = set()
    for place, node in definitions():
        kinds = [*(a.annotation for a in arguments(node)), node.returns]
        text = " ".join(ast.unparse(kind) for kind in kinds if kind is not None).replace("dict[str, Any]", "")
        if re.search(r"\bAny\b", text):
            assert within(place, OPEN), f"{place} takes or gives Any: use ArrayLike, object or a type of its own"
            used |= {name for name in OPEN if within(place, {name: ""})}
    assert used == OPEN.keys(), f"no longer open: {OPEN.keys() - used}"


def test_numbers_that_could_be_swapped_are_said_by_name() -> None:
    plain = re.compile(r"(int|float)( \| None)?")
    used = set()
    for place, node in definitions():
        names = {a.arg for a in node.args.args}
        assert not {"n_samples", "sample_rate"} <= names, f"{place}: n_samples and sample_rate by keyword only"
        numbers = [a.arg for a in node.args.args if a.annotation and plain.fullmatch(ast.unparse(a.annotation))]
        if len(numbers) > 1:
            assert within(place, IN_ORDER), f"{place}: {numbers} could be swapped; make all but the first keyword-only"
            used.add(place)
    assert used == IN_ORDER.keys(), f"no longer in order: {IN_ORDER.keys() - used}"


@pytest.mark.parametrize(
    "names, kind",
    [
        (envelopes.METHODS, envelopes.Interpolation),
        (biquads.BIQUADS, biquads.BiquadKind),
        (recursion.RECURSION_METHODS, recursion.RecursionMethod),
        (frequency.WINDOWS, frequency.Window),
        (method.METHODS, method.Method),
        (note_controls.VARIANTS, note_controls.Variant),
        (tuple(remedies.METHODS), remedies.Remedy),
        (tuple(remedies.DEFAULT_STEPS), remedies.Remedy),
    ],
)
def test_a_list_of_names_is_its_type(names: tuple[str, ...], kind: Any) -> None:
    assert names == get_args(kind)


def test_an_argument_that_chooses_by_name_lists_the_names() -> None:
    chosen = {"method", "kind", "mode", "variant", "window", "reduction"}
    for place, node in definitions():
        for a in arguments(node):
            if a.arg in chosen and a.annotation and not within(place, PLAIN_TEXT):
                assert ast.unparse(a.annotation) != "str", f"{place}: {a.arg} is a str; give it a Literal"


# Names that are found in files, or refused by the check that the function is.
PLAIN_TEXT = {
    "display.live": "kinds of figures are files",
    "fitting.losses.reduction.check_reduction": "the check itself",
    "kernels.method.choose": "the check itself",
    "training.checkpoints": "the kind that a file says",
}


def test_the_marker_of_typed_packages_is_there() -> None:
    assert (Path(course_lib.__file__).parent / "py.typed").read_bytes() == b""
