"""No files of the library import one another in a circle; imports inside functions count too."""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imported(code: str, modules: set[str]) -> set[str]:
    """The modules among these that a file imports by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{item.name}" for item in node.names}
            found |= (names if names <= modules else names | {str(node.module)}) & modules
        elif isinstance(node, ast.Import):
            found |= {item.name for item in node.names} & modules
    return found


def imports(root: Path) -> dict[str, set[str]]:
    """Each module of the library and what it imports of the library."""
    paths = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in root.glob("course_lib/**/*.py")
    }
    return {name: imported(path.read_text(encoding="utf-8"), set(paths)) - {name} for name, path in paths.items()}


def test_files_import_one_another_in_no_circle():
    graph = imports(ROOT)
    assert len(graph) > 100 and "course_lib.core.checks" in graph["course_lib.fitting.fit"]
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names the circle


def test_a_circle_is_found(tmp_path):
    for name, code in {"a": "from course_lib import b", "b": "def f():\n    from course_lib.a import x"}.items():
        (tmp_path / "course_lib").mkdir(exist_ok=True)
        (tmp_path / "course_lib" / f"{name}.py").write_text(code)
    with pytest.raises(graphlib.CycleError) as found:
        graphlib.TopologicalSorter(imports(tmp_path)).prepare()
    assert set(found.value.args[1]) == {"course_lib.a", "course_lib.b"}
