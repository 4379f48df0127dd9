"""Assignments as their authors write them: notebooks in nbgrader's format, read once, trusted."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STUB = 'raise NotImplementedError("write your answer here")'
WRITTEN_STUB = "YOUR ANSWER HERE"
INSTALL = "install it with: pip install 'ddsp-course[instructor]'"
LIBRARY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Test:
    """One cell of tests: all of its points, or none. answers: the student's names that it uses."""

    __test__ = False  # not one of pytest's

    id: str
    points: float
    code: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A question that a person marks: where it stands, its points, a model answer, and how to mark it."""

    id: str
    points: float
    asked: str
    model: str
    rubric: str


@dataclass
class Assignment:
    """One assignment. names: what its solution cells define, and the cell of each."""

    name: str
    title: str
    path: Path
    notebook: dict[str, Any]
    tests: list[Test]
    questions: list[Question]
    names: dict[str, str]
    demonstrations: set[str]
    _built: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def points(self) -> float:
        """Points of the tests."""
        return sum(test.points for test in self.tests)

    @property
    def without(self) -> tuple[str, ...]:
        """Names of course_lib that the tasks ask to write oneself."""
        return tuple(self.notebook["metadata"].get("course", {}).get("without", ()))

    def stub(self, name: str) -> str:
        """The cell in which students are asked to define a name, as they get it."""
        return next(visible(text(c)).strip() for c in self.notebook["cells"] if grade_id(c) == self.names[name])

    def namespace(self) -> dict[str, Any]:
        """What the tests see: the given code and the reference answers, run once; a new shallow copy each time."""
        if self._built is None:
            import matplotlib

            matplotlib.use("Agg")
            built: dict[str, Any] = {"__name__": f"assignment {self.name}"}
            for cell in self.notebook["cells"]:
                if cell["cell_type"] == "code" and not graded(cell) and "demo" not in tags(cell):
                    with contextlib.redirect_stdout(io.StringIO()):
                        exec(compile(text(cell), f"<{self.name}: {grade_id(cell) or 'given'}>", "exec"), built)
            self._built = built
        return dict(self._built)


def text(cell: dict[str, Any]) -> str:
    """A cell's source as one string."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def facts(cell: dict[str, Any]) -> dict[str, Any]:
    """nbgrader's metadata of a cell, empty if it has none."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return found if isinstance(found, dict) else {}


def grade_id(cell: dict[str, Any]) -> str:
    return str(facts(cell).get("grade_id", ""))


def graded(cell: dict[str, Any]) -> bool:
    """Whether this is a cell of tests."""
    return bool(facts(cell).get("grade")) and not facts(cell).get("solution")


def defined(code: str) -> list[str]:
    """Names that a cell defines at top level: functions, classes and variables, in order; none if it is no Python."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return list(dict.fromkeys(names))


def assignments_folder() -> Path:
    """The course's own assignments: beside course_lib in the repository, inside it where it is installed."""
    for folder in (LIBRARY / "assignments", LIBRARY.parent / "assignments"):
        if folder.is_dir():
            return folder
    raise ValueError(f"there are no assignments beside {LIBRARY}; name their folder with --source DIR")


def load_assignments(folder: Path | None = None, names: list[str] | None = None) -> list[Assignment]:
    """Read the source notebooks of a folder.

    Args:
        folder: it holds NAME/NAME.ipynb for each assignment; the course's own if left out.
        names: only these.

    Returns:
        The assignments, by name.

    Raises:
        ValueError: no such folder or name, or a notebook that does not keep the format (says where).
    """
    folder = assignments_folder() if folder is None else Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    known = {path.parent.name: path for path in sorted(folder.glob("*/*.ipynb")) if path.stem == path.parent.name}
    if not known:
        raise ValueError(f"{folder} holds no assignment; one is a notebook NAME/NAME.ipynb")
    if unknown := [name for name in names or () if name not in known]:
        raise ValueError(f"no assignment {', '.join(map(repr, unknown))} in {folder}; there are {', '.join(known)}")
    return [read_assignment(path) for name, path in known.items() if not names or name in names]


def read_assignment(path: Path) -> Assignment:
    """Read one source notebook; a ValueError names the cell that is not as it should be."""
    try:
        import nbformat
    except ImportError as error:
        raise ValueError(f"assignments need nbgrader ({error}); {INSTALL}") from error
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except Exception as error:  # nbformat has many, and JSON its own
        raise ValueError(f"{path} is not a notebook: {error}") from error
    tests: list[Test] = []
    questions: list[Question] = []
    names: dict[str, str] = {}
    seen: set[str] = set()
    asked = ""
    for cell in notebook["cells"]:
        about = facts(cell)
        name, code = grade_id(cell), text(cell)
        if about and (not name or name in seen):
            raise ValueError(f"{path}: the grade_id {name!r} is missing or used twice")
        seen.add(name)
        if about.get("grade") and not float(about.get("points", 0)) > 0:
            raise ValueError(f"{path}: cell {name} has no points")
        if about.get("grade") and about.get("solution"):
            model, rubric = _split(code)
            questions.append(Question(name, float(about["points"]), asked, model, rubric))
        elif about.get("grade"):
            tests.append(Test(name, float(about["points"]), code, ()))
        elif about.get("solution"):
            if "BEGIN SOLUTION" not in code:
                raise ValueError(f"{path}: the answer {name} has no region between BEGIN SOLUTION and END SOLUTION")
            names |= {word: name for word in defined(code)}
        if cell["cell_type"] == "markdown" and not about:
            asked = code
    for i, test in enumerate(tests):
        used = {node.id for node in ast.walk(ast.parse(test.code)) if isinstance(node, ast.Name)}
        tests[i] = Test(test.id, test.points, test.code, tuple(word for word in names if word in used))
        if not tests[i].answers:
            raise ValueError(f"{path}: the tests {test.id} use nothing that a solution cell defines")
    if not tests:
        raise ValueError(f"{path} has no tests")
    demonstrations = {text(c).strip() for c in notebook["cells"] if c["cell_type"] == "code" and "demo" in tags(c)}
    title = notebook["metadata"].get("course", {}).get("title", path.stem)
    return Assignment(path.stem, title, path, notebook, tests, questions, names, demonstrations)


def visible(code: str) -> str:
    """A cell as students get it: without hidden tests, with stubs for answers."""
    code = re.sub(r"^.*BEGIN HIDDEN TESTS.*\n(?:.*\n)*?.*END HIDDEN TESTS.*\n?", "", code, flags=re.MULTILINE)
    pattern = r"^([ \t]*).*BEGIN SOLUTION.*\n(?:.*\n)*?.*END SOLUTION.*$"
    return re.sub(pattern, lambda found: found[1] + STUB, code, flags=re.MULTILINE)


def _split(source: str) -> tuple[str, str]:
    """Model answer and rubric of a question."""
    found = re.search(r"^.*BEGIN MARK SCHEME.*\n((?:.*\n)*?).*END MARK SCHEME.*$", source, re.MULTILINE)
    if not found:
        return source.strip(), ""
    return (source[: found.start()] + source[found.end() :]).strip(), found[1].strip()
