"""From a source notebook to what students get: no answers, no hidden tests, no outputs, and a set-up cell for Colab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from course_lib.grading.source import INSTALL, STUB, WRITTEN_STUB, Assignment, load_assignments

KEPT_TAGS = {"setup"}


def release(out: Path, names: list[str] | None = None, source: Path | None = None, force: bool = False) -> list[Path]:
    """Write the students' notebooks as OUT/NAME/NAME.ipynb.

    Args:
        out: folder, made where it is missing.
        names: which assignments; all if left out.
        source: folder of source notebooks; the course's own if left out.
        force: replace notebooks that are there and differ.

    Returns:
        The files written.

    Raises:
        ValueError: nbgrader is missing, a source is broken, or a file is there already.

    Chapter: book/teaching/guide.md
    """
    made = {out / a.name / f"{a.name}.ipynb": students_notebook(a) for a in load_assignments(source, names)}
    for path, written in made.items():
        if path.exists() and not force and path.read_text(encoding="utf-8") != written:
            raise ValueError(f"{path} is there already and differs; another OUT, or --force to replace it")
    for path, written in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, encoding="utf-8", newline="\n")
    return list(made)


def students_notebook(assignment: Assignment) -> str:
    """The text of the notebook that students get."""
    try:
        import nbformat
        from nbgrader import preprocessors as steps
        from traitlets.config import Config
    except ImportError as error:
        raise ValueError(f"assignments need nbgrader ({error}); {INSTALL}") from error
    config = Config()
    config.ClearSolutions.code_stub = {"python": STUB}
    config.ClearSolutions.text_stub = WRITTEN_STUB
    notebook: Any = nbformat.from_dict(assignment.notebook).copy()
    notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)  # the source itself stays as it is
    resources: dict[str, Any] = {}
    order = ("CheckCellMetadata", "ClearSolutions", "ClearHiddenTests", "ClearMarkScheme", "LockCells", "ClearOutput")
    for step in (*order, "ComputeChecksums"):
        notebook, resources = getattr(steps, step)(config=config).preprocess(notebook, resources)
    for cell in notebook.cells:
        kept = [tag for tag in cell.metadata.pop("tags", []) if tag in KEPT_TAGS]
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in ("nbgrader", "deletable", "editable")}
            | ({"tags": kept} if kept else {})
        )
    course = {"assignment": assignment.name, "title": assignment.title}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {"course": course, "kernelspec": kernel, "language_info": {"name": "python"}}
    )
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"
