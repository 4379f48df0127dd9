"""Every public function is in a table of the torch stack, or there is a reason why not.

A room's table is tests/<room>/test_torch_stack.py: `CASES`, and `LEFT_OUT` (name → reason) for what no transform has a
meaning for.
"""

import importlib.util
from types import ModuleType

import pytest

import course_lib as cl
from tests.helpers import ROOT
from tests.helpers.torch_stack import TRANSFORMS

TABLES = sorted(path for path in (ROOT / "tests").glob("*/test_torch_stack.py") if path.parent.name != "project")
# Rooms whose public functions are not made of tensor operations.
NO_TENSORS = {
    "scores": "notes and files of notes",
    "sounds": "recordings are read from files",
    "display": "pictures and players",
    "exercises": "answers and progress",
}


def load(path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"table_of_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables() -> dict[str, ModuleType]:
    return {path.parent.name: load(path) for path in TABLES}


def test_every_public_function_is_in_a_table_or_left_out_for_a_reason(tables) -> None:
    told = {case.public for table in tables.values() for case in table.CASES}
    reasons = {name: why for table in tables.values() for name, why in getattr(table, "LEFT_OUT", {}).items()}
    assert all(reasons.values()) and not reasons.keys() & told, reasons.keys() & told
    rooms = {name: getattr(cl, name).__module__.split(".")[1] for name in cl.__all__ if callable(getattr(cl, name))}
    assert not tables.keys() & NO_TENSORS.keys()
    assert {"core", "synths"} <= tables.keys()
    missing = [name for name, room in rooms.items() if room in tables and name not in told and name not in reasons]
    assert not missing, missing


def test_rows_say_why(tables) -> None:
    for room, table in tables.items():
        for case in table.CASES:
            unknown = (case.says.keys() | case.leaves.keys()) - TRANSFORMS.keys()
            assert not unknown, f"{room}, {case.name}: no transform {unknown}"
            assert all(case.says.values()) and all(case.leaves.values()), f"{room}, {case.name}: a reason is empty"
