"""Read a submission beside the notebook that was handed out: what differs, and the answers in prose."""

from __future__ import annotations

import ast

from course_lib.grading.collect import Submission
from course_lib.grading.result import Written
from course_lib.grading.source import WRITTEN_STUB, Assignment, defined, facts, grade_id, graded, text, visible


def unusual(submission: Submission, assignment: Assignment) -> list[str]:
    """What differs from the notebook that was handed out, in words; none of it changes a mark."""
    notes = []
    cells = submission.cells
    ids = [grade_id(cell) for cell in cells if grade_id(cell)]
    expected = [grade_id(cell) for cell in assignment.notebook["cells"] if facts(cell)]
    if not ids:
        notes.append("its cells lost their nbgrader metadata")
    elif lost := [name for name in expected if name not in ids]:
        notes.append(f"cells missing: {', '.join(lost)}")
    twice = [name for name in dict.fromkeys(ids) if ids.count(name) > 1]
    if twice:
        notes.append(f"cells there more than once, the last one counts: {', '.join(twice)}")
    sources = {grade_id(c): visible(text(c)).strip() for c in assignment.notebook["cells"] if graded(c)}
    changed = [
        name
        for name in dict.fromkeys(ids)
        if name in sources and any(c["source"].strip() != sources[name] for c in cells if grade_id(c) == name)
    ]
    if changed:
        notes.append(f"tests changed, the original ones count: {', '.join(changed)}")
    own, used = set(), set()
    for code in submission.code():
        own |= set(defined(code))
        try:
            nodes = list(ast.walk(ast.parse(code)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        used |= {node.id for node in nodes if isinstance(node, ast.Name)}
        used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        used |= {a.name for node in nodes if isinstance(node, ast.ImportFrom) for a in node.names}
    if ready := [name for name in assignment.without if name in used - own]:
        notes.append(f"uses what it should write itself: {', '.join(ready)}")
    return notes


def written_answers(submission: Submission, assignment: Assignment) -> list[Written]:
    """The answers in prose: by their metadata, else as what follows the question's own text."""
    found = []
    for question in assignment.questions:
        cells = submission.cells
        places = [i for i, c in enumerate(cells) if grade_id(c) == question.id]
        asked = [
            i for i, c in enumerate(cells) if question.asked.strip() and c["source"].strip() == question.asked.strip()
        ]
        places = places or [i + 1 for i in asked if i + 1 < len(cells) and cells[i + 1]["cell_type"] != "code"]
        answers = [cells[i]["source"].strip() for i in places]
        real = [a for a in answers if a and a != WRITTEN_STUB]
        text_of = real[-1] if real else "(not attempted)" if places else "(its cell was not found)"
        found.append(Written(question.id, question.points, text_of))
    return found
